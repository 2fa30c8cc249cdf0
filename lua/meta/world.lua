---@meta perigee.world
-- Made by `make docs` from core/policy/api; do not edit.
-- What specs can call and say.

---@class perigee.world.new
---@field rules? string|string[] A directory of rules, or files in the order given.
---@field lua? string One more rule file, as text.
---@field zone? string The DNS, as text in master form; also `NAME SERVFAIL`, `NAME TIMEOUT`, `NAME BOGUS`; `$SECURE` and `$INSECURE` say of what follows whether DNSSEC proves it. A TLSA record may have `@192.0.2.1` for its data: that of the peer there.
---@field zonefile? string The same, in a file.
---@field now? string Where time starts, as `2026-03-04T05:06:07Z`; 2026-01-01T00:00:00Z.
---@field seed? integer Of random values and ids; 0.
---@field deliver? boolean False: messages are accepted and kept, and nothing is delivered.

---@class perigee.world.session
---@field client? string The client's address, with or without a port; 203.0.113.9.
---@field port? integer Ours that the client comes to; 25.
---@field helo? string|false EHLO is said with this name, client.example; false: not at all.
---@field tls? perigee.world.handshake What the client's handshake comes to, on a port that begins with one.

---@class perigee.world.send
---@field from? string The sender; a@there.example.
---@field to? string|string[] The recipients.
---@field text? string The message, header and body.
---@field client? string As of a session.
---@field helo? string As of a session.

---@class perigee.world.submit
---@field from? string The sender, for one who may set it.
---@field to? string|string[] The recipients.
---@field text? string The message, header and body.
---@field trusted? boolean Whether the user may set the sender; true.

---@class perigee.world.eval
---@field phase? string In which the expression is evaluated; rcpt.
---@field client? string The client's address.
---@field sender? string The sender.

---@class perigee.world.lookup
---@field file? string Only of this file or database.
---@field key? string Only of this key; of a query its first parameter, or the query.
---@field value? string What is found.
---@field none? boolean True: there is none.
---@field again? string It cannot be found out, and why.

---@class perigee.world.program
---@field output? string What it writes; of a transport_filter the message.
---@field status? integer Its exit status; 0.

---@class perigee.world.peer
---@field banner? string The first it says.
---@field ehlo? string The reply to EHLO.
---@field lhlo? string The reply to LHLO.
---@field helo? string The reply to HELO.
---@field auth? string The reply to AUTH.
---@field mail? string The reply to MAIL.
---@field data? string The reply to DATA.
---@field dot? string The reply to the message.
---@field rset? string The reply to RSET.
---@field noop? string The reply to NOOP.
---@field quit? string The reply to QUIT.
---@field rcpt? string The reply to RCPT; with an address before it, for that one only: `b@x.example 550 no`.
---@field starttls? string The reply to STARTTLS, which is offered then: `454 4.7.0 not now`.
---@field handshake? string What is said in place of a handshake, once the client has begun one.
---@field tls? string|perigee.world.peertls It has a certificate and offers STARTTLS. As a text: `mx.example; is=expired; ocsp=good`.
---@field close? string Hangs up in place of the reply to that word.
---@field stall? string Never answers that word, nor anything after it.
---@field hangup? integer Says 421 and hangs up when it has heard nothing for so many seconds.
---@field refuse? boolean Connections are refused.
---@field silent? boolean Connections are never made.

---@class perigee.world.peertls
---@field names? string|string[] What the certificate is for. Needed.
---@field by? string Who signed it: `system`, whom tls_verify_certificates = "system" trusts in a world; `stranger`, whom nobody trusts; `itself`; or the path of a file that tls_verify_certificates names.
---@field is? "good"|"expired"|"early"|"revoked" Good unless it says otherwise.
---@field crl? string The path of a file that tls_crl names: its authority's lists of the revoked.
---@field ocsp? "none"|"good"|"revoked"|"unknown"|"old" The proof it staples.
---@field version? "any"|"TLS1"|"TLS1.1"|"TLS1.2"|"TLS1.3" The only one it speaks.
---@field ciphers? string The only ones it takes, by OpenSSL's names, colons between.
---@field alpn? string|string[] The protocols it speaks.
---@field client? "ignore"|"ask"|"require" Whether it wants a certificate of the client's.
---@field smtps? boolean TLS from the first byte.

---@class perigee.world.handshake
---@field ver? string The version; TLS1.3.
---@field cipher? string As in the log.
---@field cipher_std? string Its standard name.
---@field bits? integer Its strength.
---@field sni? string The name the client asks for.
---@field peerdn? string Whose certificate it shows.
---@field peercert? string The certificate, as PEM.
---@field verified? boolean Whether that is verified.
---@field ocsp? integer As tls_in_ocsp.
---@field resumption? integer As tls_in_resumption.
---@field exporter? string The channel binding tls-exporter.
---@field unique? string The channel binding tls-unique.
---@field fails? string It fails, and why.

---@class perigee.reply
---@field code integer
---@field text string
---@field lines string[]
local reply = {}

---@class perigee.session
---@field banner perigee.reply
---@field greeting perigee.reply?
local s = {}

---@class perigee.world.one
local w = {}

local world = {}

---A hermetic engine with these rules. An error with the problems if they do not load.
---@param config perigee.world.new
---@return perigee.world.one
function world.new(config) end

---True, or nil and the problems: for rules that must not load.
---@param config perigee.world.new
---@return boolean?
---@return string?
function world.load(config) end

---What `perigee check` says of such rules: whether there are no errors, and the text.
---@param config perigee.world.new
---@return boolean
---@return string
function world.check(config) end

---Closes every world; done after each file.
function world.close_all() end

---A client that has connected; the banner is in `s.banner`, the answer to EHLO in `s.greeting`.
---@param config? perigee.world.session
---@return perigee.session
function w:session(config) end

---A whole message in a session of its own; the last reply.
---@param message perigee.world.send
---@return perigee.reply
function w:send(message) end

---A message from a local program; its id, or nil and why not.
---@param message perigee.world.submit
---@return boolean?
---@return string
function w:submit(message) end

---Lets time pass: `"5m"`, or seconds.
---@param time string|number
function w:advance(time) end

---The world's time, in seconds since 1970.
---@return number
function w:now() end

---The load average the world pretends.
---@param average number
function w:load(average) end

---A new generation of rules, or nil and the problems.
---@param config perigee.world.new
---@return boolean?
---@return string?
function w:reload(config) end

---As `perigee queue`: run, retry, freeze, thaw, remove, bounce, move, hold, release.
---@param verb string
---@param id? string
---@param name? string
---@return boolean?
---@return string
function w:command(verb, id, name) end

---The end of the world; the end of its file is enough.
function w:close() end

---The lines of the log `main`, `reject`, `panic` or `json`.
---@param file? string
---@return string[]
function w:log(file) end

---The first line of the log that holds the text.
---@param text string
---@param file? string
---@return string?
function w:logged(text, file) end

---What is kept: `{ id, sender, recipients, pending, size, received, next_try, frozen, queue }` each, recipients as one text, a line each.
---@return table[]
function w:queue() end

---A kept message.
---@param id string
---@return string?
function w:message(id) end

---What was delivered: `{ id, recipient, transport, host, file, message }` each.
---@return table[]
function w:deliveries() end

---What was said to the peer at that address, and in how many connections. Of a handshake there is a line `(TLS1.3 SNI=mx.example)` or `(TLS failed: why)`; `(clear)` where TLS ended and clear text followed.
---@param at string
---@return string
---@return integer
function w:heard(at) end

---The value of an expression as JSON, or nil and why.
---@param code string
---@param about? perigee.world.eval
---@return string?
---@return string?
function w:eval(code, about) end

---What `lookup.NAME` answers from here on.
---@param name string
---@param answer perigee.world.lookup
function w:lookup(name, answer) end

---What a program answers that pipe, transport_filter or queryprogram would run. Nothing is run in a world.
---@param path string
---@param answer? perigee.world.program
function w:program(path, answer) end

---A server at `"192.0.2.1"` or `"192.0.2.1:465"`, a friendly one where it is told nothing else. Told again, the table is all it knows; without a table it stays as it is.
---@param at string
---@param told? perigee.world.peer
function w:peer(at, told) end

---Says EHLO.
---@param name? string
---@return perigee.reply
function s:ehlo(name) end

---Says HELO.
---@param name? string
---@return perigee.reply
function s:helo(name) end

---Says MAIL.
---@param sender string
---@param parameters? string
---@return perigee.reply
function s:mail(sender, parameters) end

---Says RCPT.
---@param recipient string
---@param parameters? string
---@return perigee.reply
function s:rcpt(recipient, parameters) end

---Says DATA and the message, LF or CRLF lines; the last reply.
---@param text string
---@return perigee.reply
function s:data(text) end

---Says RSET.
---@return perigee.reply
function s:rset() end

---Says QUIT.
---@return perigee.reply
function s:quit() end

---Says a line.
---@param line string
---@return perigee.reply
function s:say(line) end

---The next reply, waited for up to a minute of the world's time.
---@return perigee.reply
function s:reply() end

---Says bytes as they are.
---@param bytes string
---@return perigee.session
function s:send(bytes) end

---Whether the server has closed.
---@return boolean
function s:over() end

---The client goes away.
function s:close() end

---STARTTLS with a pretended handshake, then EHLO again.
---@param comes_to? perigee.world.handshake
---@return perigee.reply
function s:starttls(comes_to) end

---Whether a line of the reply begins so; `250-SIZE` and `250 SIZE` are one. A reply has `code`, `text` and `lines`, too.
---@param begin string
---@return boolean
function reply:says(begin) end

return world
