-- The message itself. Getters: core/policy/vars_message.c

local seen = since "dkim"       -- its header and body have been received

var { name = "message_exim_id", also = { "message_id" }, type = "string?", phases = since "mail", get = "get_message_id",
  group = "message", doc = [[Our id of the message, as in `tttttt-ssnnnn-nn`. Nil until it has one.]] }
var { name = "message_size", type = "integer", phases = since "mail", get = "get_message_size", group = "message",
  doc = [[Size in bytes. Before the message was received, what the client declared with SIZE=, or -1.]] }
var { name = "message_smtputf8", type = "boolean", phases = since "mail", get = "get_message_smtputf8", group = "message",
  doc = [[Whether the client asked for SMTPUTF8.]] }
var { name = "message_headers", type = "string", phases = seen, get = "get_message_headers", group = "message",
  doc = [[The whole header section, encoded words decoded, lines separated by newlines.]] }
var { name = "message_headers_raw", type = "string", phases = seen, get = "get_message_headers_raw", group = "message",
  doc = [[The whole header section as received, lines separated by newlines.]] }
var { name = "message_body", type = "string?", phases = seen, get = "get_message_body", wait = "fetch_body", group = "message",
  doc = [[The start of the body, as much as `message_body_visible` says; newlines and NULs are spaces.]] }
var { name = "message_body_end", type = "string?", phases = seen, get = "get_message_body_end", wait = "fetch_body", group = "message",
  doc = [[The end of the body, as much as `message_body_visible` says; newlines and NULs are spaces.]] }
var { name = "message_body_size", type = "integer", phases = seen, get = "get_message_body_size", group = "message",
  doc = [[Size of the body in bytes.]] }
var { name = "message_linecount", type = "integer", phases = seen, get = "get_message_linecount", group = "message",
  doc = [[Lines of header and body.]] }
var { name = "body_linecount", type = "integer", phases = seen, get = "get_body_linecount", group = "message", doc = [[Lines of the body.]] }
var { name = "body_zerocount", type = "integer", phases = seen, get = "get_body_zerocount", group = "message", doc = [[NUL bytes in the body.]] }
var { name = "max_received_linelength", type = "integer", phases = seen, get = "get_max_received_linelength", group = "message",
  doc = [[Length of the longest line, in bytes, without its end.]] }
var { name = "message_age", type = "integer", phases = during { "route", "transport", "event", "queue" }, get = "get_message_age",
  group = "message", doc = [[Seconds since the message was received.]] }
var { name = "first_delivery", type = "boolean", phases = during { "route", "transport", "event", "queue" }, get = "get_first_delivery",
  group = "message", doc = [[Is this the first time that the message is delivered? False once any recipient was tried before.]] }
var { name = "received_count", type = "integer", phases = seen, get = "get_received_count", group = "message",
  doc = [[Received: fields the message came with.]] }
var { name = "received_protocol", type = "string", phases = since "connect", get = "get_received_protocol", group = "message",
  doc = [[How the message came: `smtp`, `esmtp`, `local` and their variants.]] }
var { name = "received_time", type = "integer", phases = since "mail", get = "get_received_time", group = "message",
  doc = [[When reception began, in seconds since 1970.]] }
var { name = "reply_address", type = "string?", phases = seen, get = "get_reply_address", group = "message",
  doc = [[What stands in Reply-To:, else in From:, not decoded.]] }
var { name = "headers_added", type = "string?", phases = since "mail" - during { "route", "transport", "event", "queue" },
  get = "get_headers_added", group = "message", doc = [[The header fields rules have added so far, one a line.]] }
var { name = "queue_name", type = "string?", phases = since "mail", get = "get_queue_name", put = "put_queue_name", group = "message",
  doc = [[The queue the message waits in; nil for the usual one.]] }
var { name = "originator_uid", type = "integer", phases = since "connect", get = "get_originator_uid", group = "message",
  doc = [[User id of the program that submitted the message; ours if it came by SMTP.]] }
var { name = "originator_gid", type = "integer", phases = since "connect", get = "get_originator_gid", group = "message",
  doc = [[Group id of the program that submitted the message; ours if it came by SMTP.]] }
var { name = "local_scan_data", type = "string?", phases = during { "route", "transport", "event", "queue" }, get = "get_none",
  group = "message", doc = [[Always nil: rules take the place of a local_scan function; keep a text in an `acl_m_` variable.]] }
for _, name in ipairs { "bmi_alt_location", "bmi_base64_tracker_verdict", "bmi_base64_verdict", "bmi_deliver" } do
  gone { name = name, text = "Brightmail is no longer asked by any mail engine" }
end
