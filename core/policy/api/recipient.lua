-- The recipients, and the address a rule is about. Getters: core/policy/vars_address.c

local asked = during { "rcpt", "prdr", "vrfy", "route", "transport", "event" }
local routed = during { "route", "transport", "event" }
local counted = during { "rcpt", "predata", "dkim", "mime", "prdr", "data" }
local whole = during { "predata", "dkim", "mime", "prdr", "data", "not_smtp_mime", "not_smtp", "queue" }

var { name = "domain", type = "string?", phases = asked, get = "get_domain", group = "recipient",
  doc = [[Domain of the address this is about, in lower case.]] }
var { name = "local_part", type = "string?", phases = asked, get = "get_local_part", put = "put_local_part", group = "recipient",
  doc = [[
Local part of the address this is about, without quotes and in lower case, unless `control = "caseful_local_part"` or the
router keeps the case. A router that strips an affix leaves the rest here.]] }
var { name = "domain_data", type = "string?", phases = asked, get = "get_domain_data", put = "put_domain_data", group = "recipient",
  doc = [[What the list item said that matched in the last `domains` condition.]] }
var { name = "local_part_data", type = "string?", phases = asked, get = "get_local_part_data", put = "put_local_part_data",
  group = "recipient", doc = [[What the list item said that matched in the last `local_parts` condition, or the user that was found.]] }
var { name = "local_part_prefix", type = "string?", phases = routed, get = "get_local_part_prefix", put = "put_local_part_prefix",
  group = "recipient", doc = [[The prefix the router took off the local part.]] }
var { name = "local_part_prefix_v", type = "string?", phases = routed, get = "get_local_part_prefix_v", put = "put_local_part_prefix_v",
  group = "recipient", doc = [[The part of the prefix that the wildcard stood for.]] }
var { name = "local_part_suffix", type = "string?", phases = routed, get = "get_local_part_suffix", put = "put_local_part_suffix",
  group = "recipient", doc = [[The suffix the router took off the local part.]] }
var { name = "local_part_suffix_v", type = "string?", phases = routed, get = "get_local_part_suffix_v", put = "put_local_part_suffix_v",
  group = "recipient", doc = [[The part of the suffix that the wildcard stood for.]] }
var { name = "original_domain", type = "string?", phases = routed, get = "get_original_domain", put = "put_original_domain", group = "recipient",
  doc = [[Domain of the recipient as it came, before any redirection.]] }
var { name = "original_local_part", type = "string?", phases = routed, get = "get_original_local_part", put = "put_original_local_part", group = "recipient",
  doc = [[Local part of the recipient as it came, before any redirection, affixes included.]] }
var { name = "parent_domain", type = "string?", phases = routed, get = "get_parent_domain", put = "put_parent_domain", group = "recipient",
  doc = [[Domain of the address that was redirected to this one. Nil if it was not redirected.]] }
var { name = "parent_local_part", type = "string?", phases = routed, get = "get_parent_local_part", put = "put_parent_local_part", group = "recipient",
  doc = [[Local part of the address that was redirected to this one. Nil if it was not redirected.]] }

var { name = "rcpt_count", type = "integer", phases = counted, get = "get_rcpt_count", group = "recipient",
  doc = [[RCPT commands of this message so far, the present one included.]] }
var { name = "rcpt_defer_count", type = "integer", phases = counted, get = "get_rcpt_defer_count", group = "recipient",
  doc = [[Earlier RCPT commands of this message that were answered with 4xx.]] }
var { name = "rcpt_fail_count", type = "integer", phases = counted, get = "get_rcpt_fail_count", group = "recipient",
  doc = [[Earlier RCPT commands of this message that were answered with 5xx.]] }
var { name = "recipients", type = "string?", phases = whole, get = "get_recipients", group = "recipient",
  doc = [[The accepted recipients, separated by `, `.]] }
var { name = "recipients_list", type = "list", phases = whole, get = "get_recipients_list", group = "recipient", doc = [[The accepted recipients.]] }
var { name = "recipients_count", type = "integer", phases = since "rcpt", get = "get_recipients_count", group = "recipient",
  doc = [[How many recipients were accepted, one named twice counted twice.]] }
var { name = "received_for", type = "string?", phases = during { "data", "not_smtp" }, get = "get_received_for", group = "recipient",
  doc = [[The recipient, if there is just one.]] }
var { name = "recipient_data", type = "string?", phases = during { "rcpt", "prdr", "vrfy" }, get = "get_recipient_data", put = "put_recipient_data",
  group = "recipient", doc = [[What the lookup said that made the last `recipients` condition hold.]] }
var { name = "recipient_verify_failure", type = "string?", phases = during { "rcpt", "predata", "prdr", "data" },
  get = "get_recipient_verify_failure", put = "put_recipient_verify_failure", group = "recipient",
  values = { "qualify", "route", "mail", "recipient", "postmaster", "quota", "random" },
  doc = [[Why the recipient could not be verified.]] }

-- ---- routers

local verified = during { "mail", "rcpt", "predata", "dkim", "mime", "prdr", "data", "not_smtp", "vrfy", "route", "transport", "event" }

var { name = "router_name", type = "string?", phases = verified, get = "get_router_name", put = "put_router_name", group = "router",
  doc = [[The router that is being tried, or that routed the address.]] }
var { name = "address_data", type = "string?", phases = verified, get = "get_address_data", put = "put_address_data", group = "router",
  doc = [[What the routers attached to the address with `address_data`.]] }
var { name = "verify_mode", type = "string?", phases = verified, get = "get_verify_mode", put = "put_verify_mode", group = "router", values = { "S", "R" },
  doc = [[`S` while a sender is being verified, `R` while a recipient is. Nil otherwise.]] }
var { name = "self_hostname", type = "string?", phases = during { "route" }, get = "get_self_hostname", put = "put_self_hostname", group = "router",
  doc = [[The host that turned out to be this one, when `self = "pass"` passed the address on.]] }
var { name = "local_user_uid", type = "integer", phases = during { "route" }, get = "get_local_user_uid", put = "put_local_user_uid", group = "router",
  doc = [[User id that `check_local_user` found, or -1.]] }
var { name = "local_user_gid", type = "integer", phases = during { "route" }, get = "get_local_user_gid", put = "put_local_user_gid", group = "router",
  doc = [[Group id that `check_local_user` found, or -1.]] }

family { name = "r_*", type = "string?", phases = routed, writable = during { "route" }, group = "router",
  doc = [[Variables of the routers, set with their option `set`; they go with the address.]] }
