-- Functions of values: texts, lists, numbers, addresses, encodings, digests. They ask nobody
-- and never wait, but for those that say so. exim names the expansion item, operator or condition a
-- function stands for; an example is an expression and, behind -->, its value as JSON.

-- ---- addresses

fn { name = "address.parse", args = { { "text", "string" } }, returns = "table?",
  example = { [[address.parse "ann@example.org" --> {"domain":"example.org","local_part":"ann"}]],
              [[address.parse "ann" --> null,"address: no @"]] },
  doc = [[{ local_part =, domain = } of exactly one address as MAIL and RCPT take it, or nil and the reason.]] }
fn { name = "address.domain", args = { { "text", "string" } }, returns = "string?", exim = { "operator domain" },
  example = { [[address.domain "ann@example.org" --> "example.org"]] },
  doc = [[What stands behind the last @.]] }
fn { name = "address.local_part", args = { { "text", "string" } }, returns = "string", exim = { "operator local_part" },
  example = { [[address.local_part "ann@example.org" --> "ann"]] },
  doc = [[What stands before the last @; all of it if there is none.]] }
fn { name = "address.extract", args = { { "text", "string" } }, returns = "string?", exim = { "operator address" },
  example = { [[address.extract '"Ann" <ann@example.org>' --> "ann@example.org"]],
              [[address.extract "a@example.org, b@example.org" --> null]] },
  doc = [[The one address of a header field. Nil if there is none, or more than one.]] }
fn { name = "address.list", args = { { "text", "string" } }, returns = "string[]?", exim = { "operator addresses" },
  example = { [[address.list "Ann <a@example.org>, friends: b@example.org;" --> ["a@example.org","b@example.org"] ]] },
  doc = [[All addresses of a header field, without names, comments and groups; nil and the reason if it is no such field.]] }
fn { name = "address.quote_local_part", args = { { "text", "string" } }, returns = "string", exim = { "operator quote_local_part" },
  example = { [[address.quote_local_part "ann lee" --> "\"ann lee\""]] },
  doc = [[A local part as an address writes it: in quotes where its characters ask for them.]] }
fn { name = "address.unquote_local_part", args = { { "text", "string" } }, returns = "string",
  example = { [[address.unquote_local_part '"ann lee"' --> "ann lee"]] },
  doc = [[A local part without quotes and backslashes. Two addresses are one mailbox if this is the same.]] }

-- ---- networks

fn { name = "ip.is", args = { { "text", "string" } }, returns = "boolean", exim = { "condition isip" },
  example = { [[ip.is "192.0.2.1", ip.is "::1", ip.is "999.999.999.999" --> true,true,false]] },
  doc = [[Is it an address?]] }
fn { name = "ip.is_v4", args = { { "text", "string" } }, returns = "boolean", exim = { "condition isip4" },
  example = { [[ip.is_v4 "1.2.3.4", ip.is_v4 "256.1.1.1", ip.is_v4 "1.2.3" --> true,false,false]] },
  doc = [[Is it an IPv4 address?]] }
fn { name = "ip.is_v6", args = { { "text", "string" } }, returns = "boolean", exim = { "condition isip6" },
  example = { [[ip.is_v6 "::1", ip.is_v6 "1::2::3" --> true,false]] },
  doc = [[Is it an IPv6 address?]] }
fn { name = "ip.within", args = { { "text", "string" }, { "network", "string" } }, returns = "boolean",
  exim = { "condition match_ip" }, example = { [[ip.within("10.1.2.3", "10.0.0.0/8") --> true]] },
  doc = [[Is the address in the network? For more than one network declare a `hostlist`.]] }
fn { name = "ip.mask", args = { { "text", "string" }, { "bits", "integer" } }, returns = "string?", exim = { "operator mask" },
  example = { [[ip.mask("192.0.2.77", 24) --> "192.0.2.0"]] },
  doc = [[The address with all but its first bits zero.]] }
fn { name = "ip.canonical", args = { { "text", "string" } }, returns = "string?", exim = { "operator ipv6norm" },
  example = { [[ip.canonical "2001:DB8:0:0:0:0:0:1" --> "2001:db8::1"]] },
  doc = [[The address in RFC 5952's form.]] }
fn { name = "ip.expand", args = { { "text", "string" } }, returns = "string?", exim = { "operator ipv6denorm" },
  example = { [[ip.expand "2001:db8::1" --> "2001:0db8:0000:0000:0000:0000:0000:0001"]] },
  doc = [[The address as eight groups of four hex digits; an IPv4 address as the IPv6 address it is mapped to.]] }
fn { name = "ip.reverse", args = { { "text", "string" } }, returns = "string?",
  example = { [[ip.reverse "192.0.2.1" --> "1.2.0.192.in-addr.arpa"]] },
  doc = [[The name of the address in the reverse zone.]] }
fn { name = "ip.reverse_labels", args = { { "text", "string" } }, returns = "string?", exim = { "operator reverse_ip" },
  example = { [[ip.reverse_labels "192.0.2.1" --> "1.2.0.192"]] },
  doc = [[The labels of the address turned round: what a name in a DNS list begins with.]] }

-- ---- lists

fn { name = "list.split", args = { { "text", "string" } }, returns = "string[]",
  example = { [[list.split "a : b::c : d" --> ["a","b:c","d"] ]] },
  doc = [[The items of a list in Exim's form: colons, or another separator after "<". A doubled separator is itself.]] }
fn { name = "list.join", args = { { "list", "any" }, { "separator", "string?" } }, returns = "string",
  example = { [[list.join({ "a", "b" }, ", ") --> "a, b"]] },
  doc = [[The items as one text, with colons or the separator between them.]] }
fn { name = "list.quote", args = { { "list", "any" }, { "separator", "string?" } }, returns = "string", exim = { "item listquote" },
  example = { [[list.quote { "a:b", "" } --> "a::b: "]] },
  doc = [[The items as a list in Exim's form that reads back as the same items.]] }
fn { name = "list.count", args = { { "list", "any" } }, returns = "integer", exim = { "operator listcount" },
  example = { [[list.count "a:b:c" --> 3]] }, doc = [[How many items there are.]] }
fn { name = "list.get", args = { { "list", "any" }, { "n", "integer" } }, returns = "any", exim = { "item listextract" },
  example = { [[list.get("a:b:c", 2), list.get("a:b:c", -1), list.get("a:b:c", 4) --> "b","c",null]] },
  doc = [[The n-th item, from the end if n is negative; nil if there is none.]] }
fn { name = "list.has", args = { { "list", "any" }, { "item", "string" } }, returns = "boolean", exim = { "condition inlist" },
  example = { [[list.has("a:b", "b"), list.has("a:b", "B") --> true,false]] },
  doc = [[Is the item in the list, letter for letter?]] }
fn { name = "list.has_fold", args = { { "list", "any" }, { "item", "string" } }, returns = "boolean",
  exim = { "condition inlisti" }, example = { [[list.has_fold("a:b", "B") --> true]] },
  doc = [[Is the item in the list, whatever the case of ASCII letters?]] }
fn { name = "list.filter", args = { { "list", "any" }, { "keep", "function" } }, returns = "string[]", exim = { "item filter" },
  example = { [[list.filter("a:b:c", function(item) return item ~= "b" end) --> ["a","c"] ]],
              [[tostring(list.filter("<; a;b;c", function(item) return item ~= "b" end)) --> "a;c"]] },
  doc = [[The items for which the function says true. As a text the list has the separator of the one it came from.]] }
fn { name = "list.map", args = { { "list", "any" }, { "change", "function" } }, returns = "any[]", exim = { "item map" },
  example = { [[list.map("a:b", function(item, n) return item:upper() .. n end) --> ["A1","B2"] ]] },
  doc = [[What the function makes of each item; an item for which it gives nil is left out.]] }
fn { name = "list.reduce", args = { { "list", "any" }, { "start", "any" }, { "step", "function" } }, returns = "any",
  exim = { "item reduce" }, example = { [[list.reduce("1:2:3", 0, function(sum, item) return sum + item end) --> 6]] },
  doc = [[What is left when the function has made one value of the start and each item in turn.]] }
fn { name = "list.any", args = { { "list", "any" }, { "test", "function" } }, returns = "boolean",
  exim = { "condition forany", "condition forany_json", "condition forany_jsons" },
  example = { [[list.any("a:b", function(item) return item == "b" end) --> true]],
              [[list.any(json.decode '["x","y"]', function(item) return item == "y" end) --> true]] },
  doc = [[Does the function say true of an item? False for an empty list.]] }
fn { name = "list.all", args = { { "list", "any" }, { "test", "function" } }, returns = "boolean",
  exim = { "condition forall", "condition forall_json", "condition forall_jsons" },
  example = { [[list.all("a:b", function(item) return #item == 1 end) --> true]] },
  doc = [[Does the function say true of every item? True for an empty list.]] }
fn { name = "list.sort", args = { { "list", "any" }, { "key", "function?" } }, returns = "any[]", exim = { "item sort" },
  example = { [[list.sort "c:a:b" --> ["a","b","c"] ]],
              [[list.sort("b10:a9", function(item) return tonumber(item:sub(2)) end) --> ["a9","b10"] ]] },
  doc = [[The items in order of themselves, or of the key the function gives (all texts or all numbers). Equal ones keep
their order.]] }

-- ---- texts

fn { name = "text.escape", args = { { "text", "string" } }, returns = "string", exim = { "operator escape" },
  example = { [[text.escape "a\tb\1" --> "a\\tb\\001"]] },
  doc = [[Bytes that do not print, and those above 126, as \n, \t or \ooo.]] }
fn { name = "text.escape_8bit", args = { { "text", "string" } }, returns = "string", exim = { "operator escape8bit" },
  example = { [[text.escape_8bit "a\200" --> "a\\xc8"]] },
  doc = [[Bytes above 126 and backslashes as \xNN.]] }
fn { name = "text.escape_hex", args = { { "text", "string" } }, returns = "string", exim = { "operator hexquote" },
  example = { [[text.escape_hex "a\n" --> "a\\x0a"]] },
  doc = [[All that does not print as \xNN.]] }
fn { name = "text.quote", args = { { "text", "string" } }, returns = "string", exim = { "operator quote" },
  example = { [[text.quote "ann", text.quote "ann lee" --> "ann","\"ann lee\""]] },
  doc = [[In double quotes, unless it is only letters, digits, dots, hyphens and underscores.]] }
fn { name = "text.translate", args = { { "text", "string" }, { "from", "string" }, { "to", "string" } }, returns = "string",
  exim = { "item tr" }, example = { [[text.translate("abcdea", "ac", "13") --> "1b3de1"]] },
  doc = [[Each byte of `from` becomes the one at its place in `to`; the last of `to` stands for the rest.]] }
fn { name = "text.field", args = { { "text", "string" }, { "n", "integer" }, { "separators", "string" } }, returns = "string?",
  exim = { "item extract" }, example = { [[text.field("a:b,c", 3, ":,"), text.field("a:b", -1, ":") --> "c","b"]] },
  doc = [[The n-th part between any of the separators; from the end if n is negative, all of it for 0; nil if there is none.]] }
fn { name = "text.value", args = { { "text", "string" }, { "name", "string" } }, returns = "string?", exim = { "item extract" },
  example = { [=[text.value([[host=a.example user="ann lee"]], "user") --> "ann lee"]=] },
  doc = [[The value of a name in a text of name=value pairs, whatever the case of the name; nil if it is not there.]] }
fn { name = "text.truth", args = { { "value", "any" } }, returns = "boolean", exim = { "condition bool", "condition bool_lax" },
  example = { [[text.truth "yes", text.truth "0", text.truth "" --> true,false,false]] },
  doc = [[What people write for yes (yes, true, a number but 0) and no (no, false, 0, nothing, nil). Anything else is an error.]] }
fn { name = "text.same_fold", args = { { "a", "string" }, { "b", "string" } }, returns = "boolean", exim = { "condition eqi" },
  example = { [[text.same_fold("Ann", "aNN") --> true]] },
  doc = [[Are they the same, whatever the case of ASCII letters?]] }

fn { name = "header.wrap", args = { { "text", "string" }, { "columns", "integer?" }, { "limit", "integer?" } }, returns = "string",
  exim = { "operator headerwrap" }, example = { [[header.wrap("one two three", 8) --> "one two\n\tthree"]] },
  doc = [[A text for a header field, broken at blanks into lines of at most `columns` (80) where that can be, each after the
first with a tab in front; what is beyond `limit` bytes (998) is cut.]] }

fn { name = "utf8.valid", args = { { "text", "string" } }, returns = "boolean",
  example = { [[utf8.valid "é", utf8.valid "\233" --> true,false]] }, doc = [[Is it UTF-8 (RFC 3629)?]] }
fn { name = "utf8.clean", args = { { "text", "string" }, { "with", "string?" } }, returns = "string",
  exim = { "operator utf8clean" }, example = { [[utf8.clean "a\233b" --> "a?b"]] },
  doc = [[The text with "?", or what is given, for each byte that is no part of UTF-8.]] }
fn { name = "utf8.from_latin1", args = { { "text", "string" } }, returns = "string",
  example = { [[utf8.from_latin1 "\233" --> "é"]] }, doc = [[The text, taken as ISO-8859-1, in UTF-8.]] }
fn { name = "utf8.to_latin1", args = { { "text", "string" } }, returns = "string?", exim = { "operator from_utf8" },
  example = { [[utf8.to_latin1 "é" == "\233", utf8.to_latin1 "€" --> true,"_"]] },
  doc = [[The text in ISO-8859-1; what that does not have becomes "_". Nil and the reason if it is no UTF-8.]] }
fn { name = "idn.to_alabel", args = { { "domain", "string" } }, returns = "string?", exim = { "operator utf8_domain_to_alabel" },
  example = { [[idn.to_alabel "bücher.example" --> "xn--bcher-kva.example"]] },
  doc = [[A domain as DNS knows it (RFC 5891), in lower case; nil and the reason if it is none.]] }
fn { name = "idn.from_alabel", args = { { "domain", "string" } }, returns = "string?",
  exim = { "operator utf8_domain_from_alabel" }, example = { [[idn.from_alabel "xn--bcher-kva.example" --> "bücher.example"]] },
  doc = [[A domain as people write it; nil and the reason if it is none.]] }

fn { name = "regex.match", args = { { "subject", "string" }, { "pattern", "string" } }, returns = "table?",
  exim = { "condition match" }, example = { [=[regex.match("a12", [[^\w(\d+)$]])[1], regex.match("x", "y") --> "12",null]=] },
  doc = [[The captures of a PCRE2 expression, [0] being the whole match, or nil. A match that would take too long is an
error, and so is a subject of more than 64 KiB.]] }
fn { name = "regex.replace", args = { { "subject", "string" }, { "pattern", "string" }, { "replacement", "string" } },
  returns = "string", exim = { "item sg" }, example = { [=[regex.replace("a1b2", [[\d]], "<$0>") --> "a<1>b<2>"]=] },
  doc = [[The text with every match replaced; $0 to $9 and ${10} are captures, $$ is a dollar.]] }
fn { name = "regex.quote", args = { { "text", "string" } }, returns = "string", exim = { "operator rxquote" },
  example = { [[regex.quote "a.b" --> "a\\.b"]] },
  doc = [[The text as an expression that matches just it.]] }

-- ---- numbers and times

fn { name = "number.size", args = { { "text", "any" } }, returns = "integer?",
  example = { [[number.size "10K" --> 10240]] }, doc = [[Bytes of a size such as "10K", "5M", "2G"; nil and the reason if it is none.]] }
fn { name = "number.random", args = { { "most", "integer" } }, returns = "integer", exim = { "operator randint" },
  example = { [[number.random(1) --> 1]] }, doc = [[A number from 1 to `most`, from a source nobody can foretell (unless --seed fixed it).]] }
fn { name = "number.spread", args = { { "text", "string" }, { "modulus", "integer" } }, returns = "integer",
  exim = { "item nhash", "operator nhash", "operator nh", "item hash", "operator hash", "operator h" },
  example = { [[number.spread("ann", 4) == number.spread("ann", 4) --> true]] },
  doc = [[A number from 0 to modulus - 1 that depends on the text alone: for spreading users over directories. It is not
the number Exim's nhash gives.]] }
fn { name = "time.now", returns = "number", example = { [==[time.now() --> 1767225600]==] },
  doc = [[Seconds since 1970, by the engine's clock.]] }
fn { name = "time.seconds", args = { { "text", "any" } }, returns = "integer?", exim = { "operator time_eval" },
  example = { [[time.seconds "1d12h" --> 129600]] }, doc = [[Seconds of a time such as "1d12h"; nil and the reason if it is none.]] }
fn { name = "time.interval", args = { { "seconds", "integer" } }, returns = "string", exim = { "operator time_interval" },
  example = { [[time.interval(129600) --> "1d12h"]] }, doc = [[Seconds as such a time.]] }

-- ---- encodings

fn { name = "base64.encode", args = { { "text", "string" } }, returns = "string", exim = { "operator base64", "operator str2b64" },
  example = { [[base64.encode "hello" --> "aGVsbG8="]] }, doc = [[Base64 (RFC 4648) on one line. At most 1 MiB.]] }
fn { name = "base64.decode", args = { { "text", "string" } }, returns = "string?", exim = { "operator base64d" },
  example = { [[base64.decode "aGVsbG8=" --> "hello"]] },
  doc = [[What base64 encodes; white space is passed over, anything else that is none of it gives nil and the reason.]] }
fn { name = "hex.encode", args = { { "text", "string" } }, returns = "string",
  example = { [[hex.encode "hi" --> "6869"]] }, doc = [[Two lower-case hex digits for each byte.]] }
fn { name = "hex.decode", args = { { "text", "string" } }, returns = "string?", exim = { "operator hex2b64" },
  example = { [[hex.decode "6869", base64.encode(hex.decode "6869") --> "hi","aGk="]] },
  doc = [[The bytes; nil and the reason if it is no hex.]] }
fn { name = "base32.encode", args = { { "number", "integer" } }, returns = "string", exim = { "operator base32" },
  example = { [[base32.encode(1234) --> "bgs"]] }, doc = [[A whole number below 2^53 in base 32 (a-z2-7).]] }
fn { name = "base32.decode", args = { { "text", "string" } }, returns = "integer?", exim = { "operator base32d" },
  example = { [[base32.decode "bgs" --> 1234]] }, doc = [[The number; nil and the reason if it is none.]] }
fn { name = "base62.encode", args = { { "number", "integer" } }, returns = "string", exim = { "operator base62" },
  example = { [[base62.encode(1234567) --> "005BAN"]] },
  doc = [[A whole number below 2^53 in base 62 (0-9A-Za-z), six digits at least: the form of message ids.]] }
fn { name = "base62.decode", args = { { "text", "string" } }, returns = "integer?", exim = { "operator base62d" },
  example = { [[base62.decode "005BAN" --> 1234567]] }, doc = [[The number; nil and the reason if it is none.]] }
fn { name = "xtext.encode", args = { { "text", "string" } }, returns = "string",
  example = { [[xtext.encode "a+b=c" --> "a+2Bb+3Dc"]] }, doc = [[xtext of RFC 3461, for parameters of SMTP commands.]] }
fn { name = "xtext.decode", args = { { "text", "string" } }, returns = "string?", exim = { "operator xtextd" },
  example = { [[xtext.decode "a+2Bb" --> "a+b"]] }, doc = [[What xtext encodes; nil and the reason if it is none.]] }
fn { name = "imap.folder", args = { { "name", "string" }, { "separator", "string?" }, { "specials", "string?" } },
  returns = "string?", exim = { "item imapfolder" },
  example = { [[imap.folder("Work/Straße", "/") --> "Work.Stra&AN8-e"]] },
  doc = [[The name of a folder as a directory of Maildir++ is called: modified UTF-7 (RFC 3501), a dot for the separator
("/"). Characters of `specials` are encoded too. Nil and the reason if it is no UTF-8.]] }
fn { name = "json.decode", args = { { "text", "string" } }, returns = "any",
  example = { [[json.decode('{"a":[1,null]}').a[1] --> 1]], [[json.decode "[1" --> null,"line 1: ']' expected near end of file"]] },
  doc = [[The value of a JSON text (RFC 8259) of at most 1 MiB; nil and the reason if it is none, or if an object names a
member twice. null becomes json.null.]] }
fn { name = "json.encode", args = { { "value", "any" } }, returns = "string",
  example = { [[json.encode { b = 1, a = { true, json.null } } --> "{\"a\":[true,null],\"b\":1}"]] },
  doc = [[The value as JSON, members in order of their names. A table with the keys 1 to n is an array, the empty one too.]] }
fn { name = "json.get", args = { { "value", "any" }, { "...", "any" } }, returns = "any", exim = { "item extract" },
  example = { [=[json.get([[{"a":[{"b":"x"}]}]], "a", -1, "b") --> "x"]=] },
  doc = [[A member inside of members, of a text or a decoded value: names of objects, numbers of arrays (from the end if
negative). Nil if one of them is not there, or null.]] }

-- ---- digests and secrets

fn { name = "hash.md5", args = { { "text", "string" } }, returns = "string", exim = { "operator md5" },
  example = { [[hash.md5 "" --> "d41d8cd98f00b204e9800998ecf8427e"]] }, doc = [[MD5 in hex. For old formats only.]] }
fn { name = "hash.sha1", args = { { "text", "string" } }, returns = "string", exim = { "operator sha1" },
  example = { [[hash.sha1 "" --> "da39a3ee5e6b4b0d3255bfef95601890afd80709"]] }, doc = [[SHA-1 in hex.]] }
fn { name = "hash.sha224", args = { { "text", "string" } }, returns = "string", example = { [==[hash.sha224 "abc" --> "23097d223405d8228642a477bda255b32aadbce4bda0b3f7e36c9da7"]==] },
  doc = [[SHA-224 in hex.]] }
fn { name = "hash.sha256", args = { { "text", "string" } }, returns = "string", exim = { "operator sha256", "operator sha2" },
  example = { [[hash.sha256("abc"):sub(1, 8) --> "ba7816bf"]] }, doc = [[SHA-256 in hex.]] }
fn { name = "hash.sha384", args = { { "text", "string" } }, returns = "string", exim = { "operator sha2" }, example = { [==[hash.sha384("abc"):sub(1, 16) --> "cb00753f45a35e8b"]==] },
  doc = [[SHA-384 in hex.]] }
fn { name = "hash.sha512", args = { { "text", "string" } }, returns = "string", exim = { "operator sha2" }, example = { [==[hash.sha512("abc"):sub(1, 16) --> "ddaf35a193617aba"]==] },
  doc = [[SHA-512 in hex.]] }
fn { name = "hash.sha3", args = { { "text", "string" }, { "bits", "integer?" } }, returns = "string", exim = { "operator sha3" },
  example = { [[hash.sha3("") --> "a7ffc6f8bf1ed76651c14756a061d662f580ff4de43b49fa82d80a4b80f8434a"]] },
  doc = [[SHA-3 in hex, of 224, 256 (the default), 384 or 512 bits.]] }
fn { name = "crypto.hmac", args = { { "digest", "string" }, { "key", "string" }, { "text", "string" } }, returns = "string",
  exim = { "item hmac" }, example = { [[crypto.hmac("md5", "key", "text"):len() --> 32]] },
  doc = [[HMAC (RFC 2104) in hex; digests are md5, sha1, sha224, sha256, sha384, sha512.]] }
fn { name = "crypto.same", args = { { "a", "string" }, { "b", "string" } }, returns = "boolean",
  example = { [[crypto.same("a", "a") --> true]] },
  doc = [[Are two texts the same? Takes the same time wherever they differ: for secrets.]] }
fn { name = "crypto.password", args = { { "password", "string" }, { "kept", "string" } }, returns = "boolean", waits = true,
  exim = { "condition crypteq" }, example = { [[crypto.password("x", "{sha1}" .. hash.sha1("x")) --> true]] },
  doc = [[Is this the password of which that was kept? `kept` is what crypt(3) made ("$y$...", "$6$..."), or {md5}, {sha1},
{sha256}, {sha512} and the bare digest in hex or base64. An error if it is neither: a password in clear never matches.]] }

-- ---- files and sockets

fn { name = "file.read", args = { { "path", "string" } }, returns = "string?", waits = true, exim = { "item readfile" },
  example = { [==[file.read "motd", file.read "none" --> "be kind\n",null]==] },
  doc = [[The whole of a file of at most 4 MiB; nil if it is not there. A relative path begins in the rule directory; what
follows the root of a path() is opened beneath it.]] }
fn { name = "file.exists", args = { { "path", "string" } }, returns = "boolean", waits = true, exim = { "condition exists" },
  example = { [[file.exists "no-such-file" --> false]] }, doc = [[Is there such a file or directory?]] }
fn { name = "file.stat", args = { { "path", "string" } }, returns = "table?", waits = true, exim = { "operator stat" },
  example = { [[file.stat "no-such-file" --> null]] },
  doc = [[{ size =, mtime =, mode =, uid =, gid =, kind = "file", "directory", "socket" or "other" }; nil if it is not there.]] }
fn { name = "socket.ask", args = { { "request", "table" } }, returns = "string", waits = true, exim = { "item readsocket" },
  doc = [[Asks a service and gives its answer: { to = "host:port" or "/path", send = "...", timeout = "5s", answer = "close"
(everything until it closes, the default) or "line", half_close = true to close our side when all is sent }. At most 1 MiB
of answer. No answer in time, or none at all, is "could not find out". There are no sockets in a hermetic world.]] }
