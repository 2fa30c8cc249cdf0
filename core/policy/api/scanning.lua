-- What content scanners found: nil until they are asked; and names that Exim has and rules need not.

local scanned = during { "prdr", "data", "not_smtp" }
local kept = scanned + during { "route", "transport", "event" }

local function scan(name, ty, phases, doc)
  var { name = name, type = ty .. "?", phases = phases, feature = "content scanning", group = "content", doc = doc }
end

scan("malware_name", "string", scanned, [[The name of the malware that was found.]])
scan("av_failed", "boolean", scanned + during { "dkim", "mime" }, [[Whether the scanner for malware had trouble.]])
scan("spam_action", "string", scanned, [[What the spam scanner proposes to do.]])
scan("spam_bar", "string", kept, [[The score drawn with `+` or `-`, at most 50.]])
scan("spam_report", "string", scanned, [[The report of the spam scanner.]])
scan("spam_score", "string", kept, [[The score, with one decimal.]])
scan("spam_score_int", "integer", kept, [[Ten times the score.]])
scan("dcc_header", "string", scanned, [[The X-DCC field a DCC check made.]])
scan("dcc_result", "string", scanned, [[What DCC said about the message.]])

-- ---- lookups

var { name = "ldap_dn", type = "string?", phases = always, feature = "LDAP lookups", group = "lookups",
  doc = [[The distinguished name of the last entry an LDAP lookup found.]] }

var { name = "lookup_dnssec_authenticated", type = "string?", phases = always, get = "get_lookup_dnssec_authenticated",
  group = "lookups", values = { "yes", "no" },
  doc = [[Whether the answer to the last question to the DNS (`dns.NAME`) was signed and verified. Nil before the first.
Once a host that mail goes to is known, in options of a transport and in events: whether it was found so.]] }

-- ---- notifications: no rule runs while one is written

local function notice(name, as, where)
  var { name = name, type = "string", phases = during { "transport" }, group = "absent", doc = "It is known to templates.",
    never = ("no rule runs while a report is written; in the file of %s write $%s"):format(where, as) }
end

notice("bounce_recipient", "bounce_recipient", "bounce_message_file")
for _, name in ipairs { "warn_message_delay", "warnmsg_delay" } do notice(name, "warn_message_delay", "warn_message_file") end
for _, name in ipairs { "warn_message_recipients", "warn_message_recipient", "warnmsg_recipients", "warnmsg_recipient" } do
  notice(name, "warn_message_recipients", "warn_message_file")
end

-- ---- what has no meaning in rules

local function never(name, why)
  var { name = name, type = "string", phases = always, group = "absent", doc = "It has no meaning here.", never = why }
end

never("item", "list.filter, list.map and the like give the item to your function")
never("value", "a lookup gives its value back: local v = lookup.lsearch(file, key)")
never("runrc", "rules run no programs; what a program of a transport returned is in the log")
never("thisaddress", "users' filter files are not read: a router's function goes through addresses in a loop of its own")
for i = 0, 9 do
  never("n" .. i, "users' filter files are not read: count in a local or in m.acl_m_NAME")
  never("sn" .. i, "there is no system filter: count in a local or in m.acl_m_NAME")
  never(("%d"):format(i), "captures are in m.regex[" .. i .. "], or in the table that regex.match gives")
end
