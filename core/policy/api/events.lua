-- What happens, for event.on and event_action: before events can change what is about
-- to be done, after events only hear of it.

event { name = "auth:fail", section = "both", before = false, data = "SMTP response text of the failure",
  result = "result is written to the main log",
  doc = [[After a failed AUTH attempt, as server or client.]] }

event { name = "dane:fail", section = "transport", before = false, data = "failure reason word", result = "ignored",
  doc = [[Outbound connection could not satisfy DANE.]] }

event { name = "dns:fail", section = "both", before = false, data = "reason:name:record-type", result = "ignored",
  doc = [[A question to the DNS could not be answered, whoever asked: a rule, a router, the search for a client's name, a
delivery. That a name or a record does not exist is an answer. The reason is `timeout`, `servfail`, `refused`, `bogus` or
`again` (any other): `servfail:example.org:MX`. What a handler of an event asks itself raises none. Of a delivery, the
transport's own event_action hears it too.]] }

event { name = "msg:complete", section = "main", before = false, data = "empty", result = "ignored",
  doc = [[Message finished and leaves the queue (also when removed by command).]] }

event { name = "msg:defer", section = "transport", before = false, data = "error string; event_defer_errno set",
  result = "ignored",
  doc = [[Delivery try of a message deferred (all hosts of the transport run).]] }

event { name = "msg:delivery", section = "transport", before = false,
  data = "SMTP confirmation; empty for local transports", result = "ignored",
  doc = [[One recipient delivered.]] }

event { name = "msg:rcpt:host:defer", section = "transport", before = false, data = "error string; event_defer_errno set",
  result = "ignored",
  doc = [[One recipient deferred by one host (4xx to RCPT).]] }

event { name = "msg:rcpt:defer", section = "transport", before = false, data = "error string; event_defer_errno set",
  result = "ignored",
  doc = [[One recipient deferred for this try.]] }

event { name = "msg:host:defer", section = "transport", before = false, data = "error string; event_defer_errno set",
  result = "ignored",
  doc = [[One host failed in a way unrelated to message or recipient.]] }

event { name = "msg:fail:delivery", section = "transport", before = false,
  data = "SMTP error message, or empty for local transports", result = "ignored",
  doc = [[One recipient failed at transport time (or filter fail, timeout bounce).]] }

event { name = "msg:fail:internal", section = "main", before = false, data = "failure reason", result = "ignored",
  doc = [[One recipient failed without a transport, or cancelled/removed by admin.]] }

event { name = "tcp:connect", section = "transport", before = true, data = "empty", result = "connection is not made",
  doc = [[About to open an outbound TCP connection (proxy address if proxied).]] }

event { name = "tcp:close", section = "transport", before = false, data = "empty", result = "ignored",
  doc = [[Outbound TCP connection closed.]] }

event { name = "tls:cert", section = "both", before = true, data = "chain depth, 0 is leaf",
  result = "verification refused",
  doc = [[Each certificate of a chain under verification; cert in tls_in_peercert/tls_out_peercert.]] }

event { name = "tls:fail:connect", section = "main", before = false, data = "error string", result = "ignored",
  doc = [[The TLS handshake with a client failed; event_data says why, as the log does.]] }

event { name = "smtp:connect", section = "transport", before = false, data = "banner text",
  result = "connection is closed",
  doc = [[Outbound session received its banner.]] }

event { name = "smtp:ehlo", section = "transport", before = false, data = "EHLO response without its codes, a line each", result = "ignored",
  doc = [[Outbound EHLO answered.]] }

event { name = "smtp:fail:protocol", section = "main", before = false, data = "error string", result = "ignored",
  doc = [[Inbound client made a protocol error.]] }

event { name = "smtp:fail:syntax", section = "main", before = false, data = "error string", result = "ignored",
  doc = [[Inbound client made a syntax error.]] }
