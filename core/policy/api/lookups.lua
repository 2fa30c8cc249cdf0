-- Lookups. One shape for a keyed file, lookup.NAME(FILE, KEY [, options]), and one for a query,
-- lookup.NAME([FILE,] QUERY [, { parameters }] [, options]). Each gives a text, or nil for "there is none";
-- a file that is missing, damaged or too slow is "could not find out". docs/guide/lookups.md has the options.

local function keyed(name, doc)
  fn { name = "lookup." .. name, args = { { "file", "string" }, { "key", "string" }, { "options", "table?" } }, returns = "string?",
    waits = true, doc = doc }
  fn { name = "lookup.table." .. name, args = { { "file", "string" }, { "options", "table?" } }, returns = "table",
    doc = "lookup." .. name .. " as an item of a list, asked about the list's subject; with :get(key) in code." }
end

keyed("lsearch", [[The value of a key in a file of `key: value` lines. A relative path begins in the rule directory. The file has to
be there: one that cannot be read is "could not find out".]])
keyed("wildlsearch", [[As lsearch, but a key of the file may be `*tail` or `^regular expression`; the first line that fits counts.]])
keyed("nwildlsearch", [[The same as wildlsearch: nothing in such a file is expanded.]])
keyed("iplsearch", [[The value of the first line whose address or network holds an address. The line `*` holds all.]])
keyed("cidr", [[As iplsearch, but the longest network that holds the address counts, wherever its line stands.]])
keyed("cdb", [[The value of a key in a constant database, the first of several. Three small reads, however large the file is.]])
keyed("lmdb", [[The value of a key in the unnamed database of an LMDB file (not its directory), read only, keys byte for byte.]])
keyed("dsearch", [[The name of an entry in a directory. The key is one safe component; anything else is not there. ret = "full" gives the
path, filter = "file" or "dir" asks for one kind.]])
keyed("json", [[A value in a JSON file. The key is a path, "site:hosts:0", items of arrays counted from 0. A text is given as it is, other
values as JSON, null as nil.]])

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
  doc = [[lookup.dnsdb as an item of a list: each ? of the query is the list's subject.]] }
fn { name = "lookup.passwd", args = { { "name", "string" }, { "options", "table?" } }, returns = "any", waits = true,
  doc = [[A user of this machine as { name, uid, gid, gecos, home, shell }; ret = "text" gives the line of the passwd file.]] }
fn { name = "lookup.table.passwd", args = { { "options", "table?" } }, returns = "table",
  doc = [[lookup.passwd as an item of a list: is the subject a user of this machine?]] }

fn { name = "lookup.spf", args = { { "ip", "string" }, { "address", "string" }, { "options", "table?" } }, returns = "string?", waits = true,
  doc = [[May this host send for this address? The word of SPF (RFC 7208): `pass`, `fail`, `softfail`, `neutral`, `none`, `temperror` or
`permerror`. IPv4 and IPv6.]] }
fn { name = "lookup.table.spf", args = { { "ip", "string" }, { "options", "table?" } }, returns = "table",
  doc = "lookup.spf as an item of a list, asked about the list's subject." }

-- ---- lists in code

local function match(name, what)
  fn { name = "list.match_" .. name, args = { { "subject", "string" }, { "list", "any" } }, returns = "boolean", waits = true,
    doc = "Is " .. what .. " in a list, as a condition reads it? The second result is what a lookup said." }
end
match("domain", "a domain")
match("address", "an address")
match("local_part", "a local part")
match("host", "an address of a host")
