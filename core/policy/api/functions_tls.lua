-- Encrypted connections in words (lua/mail/library_tls.lua).

fn { name = "tls.resumption", args = { { "bits", "integer?" } }, returns = "string?",
  example = { [[tls.resumption(23), tls.resumption(11) --> "session resumed","client requested new ticket, server provided"]],
              [[tls.resumption(nil) --> null]] },
  doc = [[What m.tls_in_resumption or m.tls_out_resumption says, in the words of Exim's _RESUME_DECODE; nil, of a connection in clear, stays
nil.]] }
