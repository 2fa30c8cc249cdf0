-- site: who we are, and the certificate we show

site {
  primary_hostname = "submit.example.org",
  qualify_domain   = "example.org",

  -- 465 begins with TLS, 587 with STARTTLS (RFC 8314, RFC 6409). Mail from other servers comes to another machine.
  listen = { "0.0.0.0:465", "[::]:465", "0.0.0.0:587", "[::]:587" },
  tls_on_connect_ports = "submissions",

  -- The certificate with its chain behind it, and its key (0640, readable for the engine's group). Renew them in place:
  -- the next client is shown the new one.
  tls_certificate = "/etc/perigee/tls/submit.example.org.pem",
  tls_privatekey  = "/etc/perigee/tls/submit.example.org.key",
}

domainlist.our_domains = { "example.org" }
