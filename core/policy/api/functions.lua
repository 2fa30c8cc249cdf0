-- What rules call, beside the declarations and the words of ACLs. A function that
-- waits lets other sessions go on meanwhile. "nil" means there is none; what could not
-- be found out ends the evaluation with its temporary outcome, or, for the `try`
-- forms, comes back as nil and { kind = "again" | "none", text = }.

-- ---- names

fn { name = "dns.a", args = { { "name", "string" } }, returns = "string[]?", waits = true,
  example = { [==[dns.a "mx.example.org" --> ["192.0.2.25"]]==] },
  doc = [[The IPv4 addresses of a name.]] }
fn { name = "dns.aaaa", args = { { "name", "string" } }, returns = "string[]?", waits = true,
  example = { [==[dns.aaaa "mx.example.org", dns.aaaa "nobody.example" --> ["2001:db8::25"],null]==] },
  doc = [[The IPv6 addresses of a name.]] }
fn { name = "dns.mx", args = { { "name", "string" } }, returns = "table[]?", waits = true,
  doc = [[The mail hosts of a domain as { preference =, name = }, best first. A null MX has the name "".]] }
fn { name = "dns.txt", args = { { "name", "string" } }, returns = "string[]?", waits = true,
  example = { [==[dns.txt "example.org" --> ["v=spf1 mx -all"]]==] },
  doc = [[The texts of a name, the strings of each record joined.]] }
fn { name = "dns.ns", args = { { "name", "string" } }, returns = "string[]?", waits = true,
  example = { [==[dns.ns "example.org" --> ["ns.example.org"]]==] },
  doc = [[The name servers of a zone.]] }
fn { name = "dns.cname", args = { { "name", "string" } }, returns = "string[]?", waits = true,
  example = { [==[dns.cname "www.example.org" --> ["mx.example.org"]]==] },
  doc = [[What a name is another name for.]] }
fn { name = "dns.srv", args = { { "name", "string" } }, returns = "table[]?", waits = true,
  example = { [==[dns.srv("_imap._tcp.example.org")[1].target --> "mx.example.org"]==] },
  doc = [[The services at a name as { preference =, weight =, port =, target = }.]] }
fn { name = "dns.ptr", args = { { "ip", "string" } }, returns = "string[]?", waits = true,
  doc = [[The names that the reverse zone gives for an address, verified or not.]] }
fn { name = "dns.reverse", args = { { "ip", "string" } }, returns = "string?", waits = true,
  example = { [==[dns.reverse "203.0.113.9" --> "there.example"]==] },
  doc = [[The verified name of an address: one of its names leads back to it.]] }

-- ---- files and memory

fn { name = "store.get", args = { { "name", "string" }, { "key", "string" } }, returns = "any",
  doc = [[What was put under a key of a store, in the type it had. Stores are shared by all workers and survive a restart,
but not a reboot: they remember, they do not keep.]] }
fn { name = "store.put", args = { { "name", "string" }, { "key", "string" }, { "value", "any" }, { "ttl", "string?" } },
  doc = [[Remembers a string, a number or a boolean, for a time such as "1d". nil forgets.]] }
fn { name = "store.incr", args = { { "name", "string" }, { "key", "string" }, { "ttl", "string?" }, { "by", "integer?" } },
  returns = "number",
  doc = [[Adds 1, or `by`, to a number and gives the sum. The time begins when the number is made.]] }
fn { name = "store.del", args = { { "name", "string" }, { "key", "string" } },
  doc = [[Forgets a key.]] }
fn { name = "path", args = { { "root", "string" }, { "part", "string" }, { "...", "string" } }, returns = "string",
  doc = [[A path from a trusted root and safe names: each part is one component without `/`, without `.` or `-` at its
beginning and without control bytes. It is opened beneath the root and no link is followed.]] }
fn { name = "secret.file", args = { { "path", "string" } }, returns = "string",
  doc = [[The content of a file that others may not read, without the line end. Read when the rules are loaded.]] }

-- ---- verifying

fn { name = "verify.recipient", args = { { "address", "string?" }, { "options", "table?" } }, returns = "boolean", waits = true,
  example = { [==[verify.recipient "ann@example.org", verify.recipient "x@nowhere.example" --> true,false]==] },
  doc = [[Would this recipient, or the one being asked about, have a place to go? Asked by routing it.]] }
fn { name = "verify.sender", args = { { "address", "string?" }, { "options", "table?" } }, returns = "boolean", waits = true,
  doc = [[Could an answer to this sender, or to the message's, be routed? The null sender always passes.]] }
fn { name = "verify.helo", returns = "boolean", waits = true,
  example = { [==[verify.helo() --> true]==] },
  doc = [[Does the name in HELO or EHLO lead to the client, or the client's address to the name?]] }
fn { name = "verify.reverse_host_lookup", returns = "boolean", waits = true,
  example = { [==[verify.reverse_host_lookup() --> true]==] },
  doc = [[Has the client a verified name?]] }
fn { name = "verify.header_syntax", returns = "boolean",
  doc = [[Are all addresses in the header sound?]] }

-- ---- the message

fn { name = "header.add", args = { { "text", "string" }, { "place", "string?" } },
  doc = [[Adds a field, or several, one a line. Places: at_end, at_start (above
our own Received), after_received, at_start_rfc.]] }
fn { name = "header.remove", args = { { "names", "string" } },
  doc = [[Removes fields by name (a colon list, or a table), or by a regular expression that begins with ^.]] }
fn { name = "logwrite", args = { { "text", "string" } },
  doc = [[Writes a line into the main log, or, with ":main,reject,panic:" before it, into those.]] }
fn { name = "udpsend", args = { { "server", "string" }, { "port", "integer" }, { "text", "string" } }, waits = true,
  doc = [[Sends a datagram to an address or a host; what becomes of it is not asked.]] }
fn { name = "log_reject_target", args = { { "logs", "string" } },
  doc = [[The logs that record refusals for the rest of this ACL: main, reject, panic, any number of them.]] }
fn { name = "sleep", args = { { "time", "string" } }, waits = true,
  doc = [[Waits. Other sessions go on.]] }

-- ---- answers of routers

fn { name = "route.to", args = { { "where", "table" } },
  doc = [[Sends the address to { transport =, host = "name:port" or hosts = {}, ... }.]] }
fn { name = "redirect", args = { { "addresses", "any" } },
  doc = [[Makes other addresses of it: a text as in an aliases file, or a table, with options such as one_time.]] }
fn { name = "fail", args = { { "text", "string?" } }, doc = [[Fails the address for good.]] }
fn { name = "pass", doc = [[Goes on with the next router, as declining does.]] }

-- ---- rewriting

fn { name = "rewrite.rule", args = { { "rule", "table" } },
  doc = [[Declares a rewriting rule: { pattern, replacement, flags = "Fs" }. The pattern is an address item, whose `*` are
captured, a regular expression or a function; the replacement a text with $1, $local_part and $domain, "*" to leave the
address alone, or function(m, address, captures). docs/guide/rewriting.md has the flags.]] }
fn { name = "rewrite.address", args = { { "address", "string" }, { "place", "string?" } }, returns = "string", waits = true,
  example = { [==[rewrite.address "ann@old.example", rewrite.address("ann@old.example", "from") --> "ann@example.org","ann@old.example"]==] },
  doc = [[What the rules make of an address at a place: env-to (the default), env-from, from, sender, reply-to, to, cc, bcc.]] }
fn { name = "rewrite.explain", args = { { "address", "string" } }, returns = "table[]", waits = true,
  example = { [==[#rewrite.explain("ann@old.example") --> 8]==] },
  doc = [[What each rule does to an address, place by place: { place =, result =, steps = { { rule =, where =, text = } } }.]] }
fn { name = "rewrite.text", args = { { "address", "string" } }, returns = "string", waits = true,
  example = { [==[rewrite.text("ann@old.example"):match "env%-to: [^\n]*" --> "env-to: ann@example.org"]==] },
  doc = [[The same for people to read, as `perigee rewrite` prints it.]] }

-- ---- what we found, for others

fn { name = "authresults", args = { { "id", "string" } }, returns = "string", exim = { "item authresults" },
  doc = [[A whole Authentication-Results field (RFC 8601) under the name of this service, of what is known so far: the client's name, who
logged in, SPF, DKIM as the dkim ACL left it, DMARC, ARC once it was verified. Fields that came in under primary_hostname, or a name of
authresults_ids, are forgeries and were taken off. `header.add(authresults(m.primary_hostname), "at_start")`]] }
