-- site: who we are, and who may speak AUTH without encryption

site {
  primary_hostname = "submit.example.org",
  qualify_domain   = "example.org",
  listen           = "127.0.0.1:587",

  -- The TLS terminator in front of us, on this machine. Never a network in which somebody could listen.
  auth_cleartext_hosts = { "127.0.0.1", "::1" },
}

domainlist.our_domains = { "example.org" }
