-- The envelope sender. Getters: core/policy/vars_message.c

local checking = since "mail" - during { "route", "transport", "event", "queue" }

var { name = "sender_address", type = "string?", phases = since "mail", get = "get_sender_address", group = "sender",
  doc = [[The envelope sender as given, case kept; `""` for the null sender of bounces.]] }
var { name = "sender_address_domain", type = "string?", phases = since "mail", get = "get_sender_address_domain", group = "sender",
  doc = [[Domain of the envelope sender; `""` for the null sender.]] }
var { name = "sender_address_local_part", type = "string?", phases = since "mail", get = "get_sender_address_local_part", group = "sender",
  doc = [[Local part of the envelope sender; `""` for the null sender.]] }
var { name = "authenticated_sender", type = "string?", phases = since "mail", get = "get_authenticated_sender", group = "sender",
  doc = [[The sender an authenticated client vouches for with AUTH=, if we trust it.]] }
var { name = "sender_address_data", type = "string?", phases = checking, get = "get_sender_address_data", put = "put_sender_address_data",
  group = "sender", doc = [[The `address_data` of the router that accepted the sender when it was verified.]] }
var { name = "sender_data", type = "string?", phases = checking + during { "route", "transport" }, get = "get_sender_data",
  put = "put_sender_data", group = "sender", doc = [[What the lookup said that made the last `senders` condition hold.]] }
var { name = "sender_verify_failure", type = "string?", phases = checking, get = "get_sender_verify_failure",
  put = "put_sender_verify_failure", group = "sender", values = { "qualify", "route", "mail", "recipient", "postmaster", "random" },
  doc = [[Why the sender could not be verified.]] }
