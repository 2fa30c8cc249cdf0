-- senders: a stranger's sender must be one that an answer could go to
--
-- A message whose bounce cannot be delivered is lost for both sides. "Could not find out" is never "no": a name
-- server that does not answer makes the client come back later.

acl.mail {
  deny { not_hosts = "+relay_from", not_verify = "sender", message = "550 5.1.8 your sender address cannot be answered" },
}

acl.data {
  deny { not_hosts = "+relay_from", not_verify = "header_syntax", message = "550 5.6.0 an address in the header is damaged" },
}
