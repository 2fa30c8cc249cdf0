-- Lookups. One shape for a keyed file, lookup.NAME(FILE, KEY [, options]), and one for a query,
-- lookup.NAME([FILE,] QUERY [, { parameters }] [, options]). Each gives a text, or nil for "there is none";
-- a file that is missing, damaged or too slow is "could not find out". docs/guide/lookups.md has the options.

local function keyed(name, doc, example, of_table)
  fn { name = "lookup." .. name, args = { { "file", "string" }, { "key", "string" }, { "options", "table?" } }, returns = "string?",
    waits = true, example = example, doc = doc }
  fn { name = "lookup.table." .. name, example = of_table, args = { { "file", "string" }, { "options", "table?" } }, returns = "table",
    doc = "lookup." .. name .. " as an item of a list, asked about the list's subject; with :get(key) in code." }
end

keyed("lsearch", [[The value of a key in a file of `key: value` lines. A relative path begins in the rule directory. The file has to
be there: one that cannot be read is "could not find out".]],
  { [==[lookup.lsearch("aliases", "ann"), lookup.lsearch("aliases", "bob") --> "anne@example.net",null]==] }, { [==[lookup.table.lsearch("aliases"):get "ann" --> "anne@example.net"]==] })
keyed("wildlsearch", [[As lsearch, but a key of the file may be `*tail` or `^regular expression`; the first line that fits counts.]],
  { [==[lookup.wildlsearch("patterns", "mail.example.net"), lookup.wildlsearch("patterns", "box7") --> "a neighbour","a box"]==] }, { [==[list.match_domain("mail.example.net", { lookup.table.wildlsearch("patterns") }) --> true,"a neighbour"]==] })
keyed("nwildlsearch", [[The same as wildlsearch: nothing in such a file is expanded.]],
  { [==[lookup.nwildlsearch("patterns", "box7") --> "a box"]==] }, { [==[lookup.table.nwildlsearch("patterns"):get "mail.example.net" --> "a neighbour"]==] })
keyed("iplsearch", [[The value of the first line whose address or network holds an address. The line `*` holds all.]],
  { [==[lookup.iplsearch("nets", "192.0.2.77") --> "wide"]==] }, { [==[list.match_host("192.0.2.77", { lookup.table.iplsearch("nets") }) --> true,"wide"]==] })
keyed("cidr", [[As iplsearch, but the longest network that holds the address counts, wherever its line stands.]],
  { [==[lookup.cidr("nets", "192.0.2.77") --> "narrow"]==] }, { [==[list.match_host("192.0.2.77", { lookup.table.cidr("nets") }) --> true,"narrow"]==] })
keyed("cdb", [[The value of a key in a constant database, the first of several. Three small reads, however large the file is.]])
keyed("lmdb", [[The value of a key in the unnamed database of an LMDB file (not its directory), read only, keys byte for byte.]])
keyed("dsearch", [[The name of an entry in a directory. The key is one safe component; anything else is not there. ret = "full" gives the
path, filter = "file" or "dir" asks for one kind.]],
  { [==[lookup.dsearch("boxes", "ann"), lookup.dsearch("boxes", "../nets") --> "ann",null]==] }, { [==[lookup.table.dsearch("boxes"):get "ann" --> "ann"]==] })
keyed("json", [[A value in a JSON file. The key is a path, "site:hosts:0", items of arrays counted from 0. A text is given as it is, other
values as JSON, null as nil.]],
  { [==[lookup.json("site.json", "hosts:0:name"), lookup.json("site.json", "hosts") --> "mx","[ { \"name\": \"mx\" } ]"]==] }, { [==[lookup.table.json("site.json"):get "hosts:0:name" --> "mx"]==] })

fn { name = "lookup.sqlite", args = { { "file", "string" }, { "query", "string" }, { "params", "table?" }, { "options", "table?" } },
  returns = "any", waits = true,
  doc = [[Asks an SQLite database. Each ? of the query is a parameter, bound, never text of the query. One column is given as it is,
several as name=value, rows by line ends; ret = "rows" gives an array of tables. No row is nil. Read only unless write = true,
when a statement gives the number of rows it changed. Busy for longer than `busy` (5s) is "could not find out".]] }
fn { name = "lookup.table.sqlite", args = { { "file", "string" }, { "query", "string" }, { "options", "table?" } }, returns = "table",
  doc = [[lookup.sqlite as an item of a list: each ? of the query is the list's subject.]] }
fn { name = "lookup.dnsdb", args = { { "query", "string" }, { "params", "table?" }, { "options", "table?" } }, returns = "string?",
  waits = true,
  doc = [[DNS records as one text, in the syntax of Exim's dnsdb: "mx=example.org", ">:,;txt=a.example:b.example". Each ? is a
parameter, which is one name whatever it holds. Options: dnssec and defer ("strict", "lax", "never"), separator,
field_separator, timeout.]] }
fn { name = "lookup.table.dnsdb", args = { { "query", "string" }, { "options", "table?" } }, returns = "table",
  example = { [==[list.match_domain("example.org", { lookup.table.dnsdb("mx=?") }) --> true,"10 mx.example.org"]==] },
  doc = [[lookup.dnsdb as an item of a list: each ? of the query is the list's subject.]] }
fn { name = "lookup.passwd", args = { { "name", "string" }, { "options", "table?" } }, returns = "any", waits = true,
  doc = [[A user of this machine as { name, uid, gid, gecos, home, shell }; ret = "text" gives the line of the passwd file.]] }
fn { name = "lookup.table.passwd", args = { { "options", "table?" } }, returns = "table",
  doc = [[lookup.passwd as an item of a list: is the subject a user of this machine?]] }

fn { name = "lookup.spf", args = { { "ip", "string" }, { "address", "string" }, { "options", "table?" } }, returns = "string?", waits = true,
  doc = [[May this host send for this address? The word of SPF (RFC 7208): `pass`, `fail`, `softfail`, `neutral`, `none`, `temperror` or
`permerror`. IPv4 and IPv6.]] }
fn { name = "lookup.table.spf", args = { { "ip", "string" }, { "options", "table?" } }, returns = "table",
  doc = "An item of a list: the subject is an address for which the host may send, its result is `pass`." }

-- ---- lists in code

local function match(name, what, example)
  fn { name = "list.match_" .. name, args = { { "subject", "string" }, { "list", "any" } }, returns = "boolean", waits = true,
    example = example, doc = "Is " .. what .. " in a list, as a condition reads it? The second result is what a lookup said." }
end
match("domain", "a domain", { [==[list.match_domain("mx.example.org", "! www.example.org : *.example.org") --> true,"mx.example.org"]==] })
match("address", "an address", { [==[list.match_address("ann@example.org", "ann@*") --> true,"ann@example.org"]==] })
match("local_part", "a local part", { [==[list.match_local_part("bounce-7", "^bounce-[0-9]+$") --> true,"bounce-7"]==] })
match("host", "an address of a host", { [==[list.match_host("192.0.2.77", "192.0.2.0/24"), list.match_host("198.51.100.1", "192.0.2.0/24") --> true,false,null]==] })
