-- site: who we are, where we listen, whose mail is ours
--
-- All *.lua files of this directory are loaded in the order of their names; the numbers say what comes first.
-- Change one, then `perigee check` it and `perigee reload`: open sessions end on the rules they began with.

site {
  -- A server that faces the network says { "0.0.0.0:25", "[::]:25" } here.
  listen = "127.0.0.1:2525",

  -- What we call ourselves; the machine's own name unless it is set.
  -- primary_hostname = "mail.example.org",

  -- The domain of addresses that were written without one.
  qualify_domain = "example.org",

  -- TLS, once you have a certificate: its chain stands behind it in the file, the key is readable for the engine's group only
  -- (0640). Both may be renewed in place. STARTTLS is offered then, and port 465 begins with TLS if it is in `listen`.
  -- tls_certificate = "/etc/perigee/tls/mail.example.org.pem",
  -- tls_privatekey  = "/etc/perigee/tls/mail.example.org.key",
  -- tls_on_connect_ports = 465,
}

-- Mail for these domains stays here. "@" is the machine's own name.
domainlist.local_domains = { "example.org", "*.example.org", "@" }

-- These hosts may send mail to anybody. Name your own networks, never more.
hostlist.relay_from = { "127.0.0.1", "::1" }
