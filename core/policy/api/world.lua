-- What specs say: the functions of `require "perigee.world"` and the words their tables take. lua/spec/world.lua does it.

-- ---- a world

wordof { of = "new", name = "rules", type = "string|string[]", doc = [[A directory of rules, or files in the order given.]] }
wordof { of = "new", name = "lua", type = "string", doc = [[One more rule file, as text.]] }
wordof { of = "new", name = "zone", type = "string", doc = [[The DNS, as text in master form; also `NAME SERVFAIL`, `NAME TIMEOUT`,
`NAME BOGUS`; `$SECURE` and `$INSECURE` say of what follows whether DNSSEC proves it. A TLSA record may have `@192.0.2.1` for its data: that of
the peer there.]] }
wordof { of = "new", name = "zonefile", type = "string", doc = [[The same, in a file.]] }
wordof { of = "new", name = "now", type = "string", doc = [[Where time starts, as `2026-03-04T05:06:07Z`; 2026-01-01T00:00:00Z.]] }
wordof { of = "new", name = "seed", type = "integer", doc = [[Of random values and ids; 0.]] }
wordof { of = "new", name = "deliver", type = "boolean", doc = [[False: messages are accepted and kept, and nothing is delivered.]] }

fromspec { name = "world.new", args = { { "config", "new" } }, returns = "world", doc = [[A hermetic engine with these rules. An error with the
problems if they do not load.]] }
fromspec { name = "world.load", args = { { "config", "new" } }, returns = { "boolean?", "string?" }, doc = [[True, or nil and the problems: for
rules that must not load.]] }
fromspec { name = "world.check", args = { { "config", "new" } }, returns = { "boolean", "string" }, doc = [[What `perigee check` says of such
rules: whether there are no errors, and the text.]] }
fromspec { name = "world.close_all", doc = [[Closes every world; done after each file.]] }

-- ---- what happens in it

wordof { of = "session", name = "client", type = "string", doc = [[The client's address, with or without a port; 203.0.113.9.]] }
wordof { of = "session", name = "port", type = "integer", doc = [[Ours that the client comes to; 25.]] }
wordof { of = "session", name = "helo", type = "string|false", doc = [[EHLO is said with this name, client.example; false: not at all.]] }
wordof { of = "session", name = "tls", type = "handshake", doc = [[What the client's handshake comes to, on a port that begins with one.]] }
fromspec { name = "w:session", args = { { "config", "session?" } }, returns = "client", doc = [[A client that has connected; the banner is in
`s.banner`, the answer to EHLO in `s.greeting`.]] }

wordof { of = "send", name = "from", type = "string", doc = [[The sender; a@there.example.]] }
wordof { of = "send", name = "to", type = "string|string[]", doc = [[The recipients.]] }
wordof { of = "send", name = "text", type = "string", doc = [[The message, header and body.]] }
wordof { of = "send", name = "client", type = "string", doc = [[As of a session.]] }
wordof { of = "send", name = "helo", type = "string", doc = [[As of a session.]] }
fromspec { name = "w:send", args = { { "message", "send" } }, returns = "reply", doc = [[A whole message in a session of its own; the last reply.]] }

wordof { of = "submit", name = "from", type = "string", doc = [[The sender, for one who may set it.]] }
wordof { of = "submit", name = "to", type = "string|string[]", doc = [[The recipients.]] }
wordof { of = "submit", name = "text", type = "string", doc = [[The message, header and body.]] }
wordof { of = "submit", name = "trusted", type = "boolean", doc = [[Whether the user may set the sender; true.]] }
fromspec { name = "w:submit", args = { { "message", "submit" } }, returns = { "boolean?", "string" }, doc = [[A message from a local program; its id,
or nil and why not.]] }

fromspec { name = "w:advance", args = { { "time", "string|number" } }, doc = [[Lets time pass: `"5m"`, or seconds.]] }
fromspec { name = "w:now", returns = "number", doc = [[The world's time, in seconds since 1970.]] }
fromspec { name = "w:load", args = { { "average", "number" } }, doc = [[The load average the world pretends.]] }
fromspec { name = "w:reload", args = { { "config", "new" } }, returns = { "boolean?", "string?" }, doc = [[A new generation of rules, or nil and the
problems.]] }
fromspec { name = "w:command", args = { { "verb", "string" }, { "id", "string?" }, { "name", "string?" } }, returns = { "boolean?", "string" },
  doc = [[As `perigee queue`: run, retry, freeze, thaw, remove, bounce, move, hold, release.]] }
fromspec { name = "w:close", doc = [[The end of the world; the end of its file is enough.]] }

-- ---- what it is seen to do

fromspec { name = "w:log", args = { { "file", "string?" } }, returns = "string[]", doc = [[The lines of the log `main`, `reject`, `panic` or `json`.]] }
fromspec { name = "w:logged", args = { { "text", "string" }, { "file", "string?" } }, returns = "string?", doc = [[The first line of the log that holds
the text.]] }
fromspec { name = "w:queue", returns = "table[]", doc = [[What is kept: `{ id, sender, recipients, pending, size, received, next_try, frozen, queue }`
each, recipients as one text, a line each.]] }
fromspec { name = "w:message", args = { { "id", "string" } }, returns = "string?", doc = [[A kept message.]] }
fromspec { name = "w:deliveries", returns = "table[]", doc = [[What was delivered: `{ id, recipient, transport, host, file, message }` each.]] }
fromspec { name = "w:heard", args = { { "at", "string" } }, returns = { "string", "integer" }, doc = [[What was said to the peer at that address, and in
how many connections. Of a handshake there is a line `(TLS1.3 SNI=mx.example)` or `(TLS failed: why)`; `(clear)` where TLS ended and clear text
followed.]] }

wordof { of = "eval", name = "phase", type = "string", doc = [[In which the expression is evaluated; rcpt.]] }
wordof { of = "eval", name = "client", type = "string", doc = [[The client's address.]] }
wordof { of = "eval", name = "sender", type = "string", doc = [[The sender.]] }
fromspec { name = "w:eval", args = { { "code", "string" }, { "about", "eval?" } }, returns = { "string?", "string?" }, doc = [[The value of an expression
as JSON, or nil and why.]] }

-- ---- what stands around it

wordof { of = "lookup", name = "file", type = "string", doc = [[Only of this file or database.]] }
wordof { of = "lookup", name = "key", type = "string", doc = [[Only of this key; of a query its first parameter, or the query.]] }
wordof { of = "lookup", name = "value", type = "string", doc = [[What is found.]] }
wordof { of = "lookup", name = "none", type = "boolean", doc = [[True: there is none.]] }
wordof { of = "lookup", name = "again", type = "string", doc = [[It cannot be found out, and why.]] }
fromspec { name = "w:lookup", args = { { "name", "string" }, { "answer", "lookup" } }, doc = [[What `lookup.NAME` answers from here on.]] }

wordof { of = "program", name = "output", type = "string", doc = [[What it writes; of a transport_filter the message.]] }
wordof { of = "program", name = "status", type = "integer", doc = [[Its exit status; 0.]] }
fromspec { name = "w:program", args = { { "path", "string" }, { "answer", "program?" } }, doc = [[What a program answers that pipe, transport_filter or
queryprogram would run. Nothing is run in a world.]] }

-- ---- servers to deliver to

fromspec { name = "w:peer", args = { { "at", "string" }, { "told", "peer?" } }, doc = [[A server at `"192.0.2.1"` or `"192.0.2.1:465"`, a friendly one
where it is told nothing else. Told again, the table is all it knows; without a table it stays as it is.]] }
for _, word in ipairs { "banner", "ehlo", "lhlo", "helo", "auth", "mail", "data", "dot", "rset", "noop", "quit" } do
  wordof { of = "peer", name = word, type = "string", doc = word == "banner" and [[The first it says.]] or
    word == "dot" and [[The reply to the message.]] or ([[The reply to %s.]]):format(word:upper()) }
end
wordof { of = "peer", name = "rcpt", type = "string", doc = [[The reply to RCPT; with an address before it, for that one only: `b@x.example 550 no`.]] }
wordof { of = "peer", name = "starttls", type = "string", doc = [[The reply to STARTTLS, which is offered then: `454 4.7.0 not now`.]] }
wordof { of = "peer", name = "handshake", type = "string", doc = [[What is said in place of a handshake, once the client has begun one.]] }
wordof { of = "peer", name = "tls", type = "string|peertls", doc = [[It has a certificate and offers STARTTLS. As a text:
`mx.example; is=expired; ocsp=good`.]] }
wordof { of = "peer", name = "close", type = "string", doc = [[Hangs up in place of the reply to that word.]] }
wordof { of = "peer", name = "stall", type = "string", doc = [[Never answers that word, nor anything after it.]] }
wordof { of = "peer", name = "hangup", type = "integer", doc = [[Says 421 and hangs up when it has heard nothing for so many seconds.]] }
wordof { of = "peer", name = "refuse", type = "boolean", doc = [[Connections are refused.]] }
wordof { of = "peer", name = "silent", type = "boolean", doc = [[Connections are never made.]] }

wordof { of = "peertls", name = "names", type = "string|string[]", doc = [[What the certificate is for. Needed.]] }
wordof { of = "peertls", name = "by", type = "string", doc = [[Who signed it: `system`, whom tls_verify_certificates = "system" trusts in a world;
`stranger`, whom nobody trusts; `itself`; or the path of a file that tls_verify_certificates names.]] }
wordof { of = "peertls", name = "is", type = "string", values = { "good", "expired", "early", "revoked" }, doc = [[Good unless it says otherwise.]] }
wordof { of = "peertls", name = "crl", type = "string", doc = [[The path of a file that tls_crl names: its authority's lists of the revoked.]] }
wordof { of = "peertls", name = "ocsp", type = "string", values = { "none", "good", "revoked", "unknown", "old" }, doc = [[The proof it staples.]] }
wordof { of = "peertls", name = "version", type = "string", values = { "any", "TLS1", "TLS1.1", "TLS1.2", "TLS1.3" }, doc = [[The only one it speaks.]] }
wordof { of = "peertls", name = "ciphers", type = "string", doc = [[The only ones it takes, by OpenSSL's names, colons between.]] }
wordof { of = "peertls", name = "alpn", type = "string|string[]", doc = [[The protocols it speaks.]] }
wordof { of = "peertls", name = "client", type = "string", values = { "ignore", "ask", "require" }, doc = [[Whether it wants a certificate of the client's.]] }
wordof { of = "peertls", name = "smtps", type = "boolean", doc = [[TLS from the first byte.]] }

-- ---- sessions

for _, row in ipairs {
  { "ehlo", { { "name", "string?" } }, "Says EHLO." }, { "helo", { { "name", "string?" } }, "Says HELO." },
  { "mail", { { "sender", "string" }, { "parameters", "string?" } }, "Says MAIL." },
  { "rcpt", { { "recipient", "string" }, { "parameters", "string?" } }, "Says RCPT." },
  { "data", { { "text", "string" } }, "Says DATA and the message, LF or CRLF lines; the last reply." },
  { "rset", {}, "Says RSET." }, { "quit", {}, "Says QUIT." }, { "say", { { "line", "string" } }, "Says a line." },
  { "reply", {}, "The next reply, waited for up to a minute of the world's time." },
} do
  fromspec { name = "s:" .. row[1], args = row[2], returns = "reply", doc = row[3] }
end
fromspec { name = "s:send", args = { { "bytes", "string" } }, returns = "client", doc = [[Says bytes as they are.]] }
fromspec { name = "s:over", returns = "boolean", doc = [[Whether the server has closed.]] }
fromspec { name = "s:close", doc = [[The client goes away.]] }
fromspec { name = "s:starttls", args = { { "comes_to", "handshake?" } }, returns = "reply", doc = [[STARTTLS with a pretended handshake, then EHLO again.]] }
for _, row in ipairs {
  { "ver", "string", "The version; TLS1.3." }, { "cipher", "string", "As in the log." }, { "cipher_std", "string", "Its standard name." },
  { "bits", "integer", "Its strength." }, { "sni", "string", "The name the client asks for." }, { "peerdn", "string", "Whose certificate it shows." },
  { "peercert", "string", "The certificate, as PEM." }, { "verified", "boolean", "Whether that is verified." },
  { "ocsp", "integer", "As tls_in_ocsp." }, { "resumption", "integer", "As tls_in_resumption." },
  { "exporter", "string", "The channel binding tls-exporter." }, { "unique", "string", "The channel binding tls-unique." },
  { "fails", "string", "It fails, and why." },
} do
  wordof { of = "handshake", name = row[1], type = row[2], doc = row[3] }
end
fromspec { name = "reply:says", args = { { "begin", "string" } }, returns = "boolean", doc = [[Whether a line of the reply begins so; `250-SIZE` and
`250 SIZE` are one. A reply has `code`, `text` and `lines`, too.]] }
fromspec { name = "assert.reply", args = { { "reply", "reply" }, { "begin", "string" } }, doc = [[A line of the reply begins so.]] }
fromspec { name = "assert.logged", args = { { "w", "world" }, { "text", "string" } }, doc = [[A line of the main log holds the text.]] }
