-- What belongs to the running ACL, and the variables rules set. Getters: core/policy/vars_message.c

for i = 1, 9 do
  var { name = "acl_arg" .. i, type = "string?", phases = always, get = "get_acl_arg" .. i, group = "acl",
    doc = "Argument " .. i .. " of the ACL that was called by name." }
end
var { name = "acl_narg", type = "integer", phases = always, get = "get_acl_narg", group = "acl", doc = [[How many arguments the called ACL was given.]] }
var { name = "acl_verify_message", type = "string?", phases = since "mail" - during { "route", "transport", "event", "queue" },
  get = "get_acl_verify_message", put = "put_acl_verify_message", group = "acl", doc = [[Why the last `verify` condition did not hold.]] }

family { name = "acl_c_*", type = "any", phases = since "connect", writable = acls, group = "acl",
  doc = [[Variables of rules that live as long as the connection: string, number or boolean. Nil until they are set.]] }
family { name = "acl_m_*", type = "any", phases = since "connect", writable = acls, group = "acl",
  doc = [[Variables of rules that live as long as the message, in the spool too: string, number or boolean. Nil until they are set.]] }

for _, name in ipairs { "header", "rheader", "bheader", "lheader" } do
  family { name = name, type = "any", phases = since "dkim", group = "message", doc = ({
    header  = "Header fields by name, decoded: `m.header.subject`, `m.header[\"list-id\"]`. Several of one name are joined by newlines. Nil: none.",
    rheader = "Header fields by name, as received.",
    bheader = "Header fields by name, decoded.",
    lheader = "Header fields by name, as lists with one item a field." })[name] }
end
family { name = "regex", type = "any", phases = always, group = "regex",
  doc = [[What the groups of the last matching `regex` or `mime_regex` condition caught: `m.regex[1]`; `m.regex[0]` is the whole.]] }
for i = 1, 9 do
  var { name = "regex" .. i, type = "string?", phases = always, get = "get_regex" .. i, group = "regex",
    doc = "The same as `m.regex[" .. i .. "]`." }
end
var { name = "regex_match_string", type = "string?", phases = always, get = "get_regex_match_string", group = "regex",
  doc = [[The pattern that made the last `regex` or `mime_regex` condition hold.]] }
