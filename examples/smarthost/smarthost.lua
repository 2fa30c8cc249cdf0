-- smarthost: everything goes to the provider's server, logged in

site {
  primary_hostname = "desk.example.org",
  qualify_domain   = "example.org",
  listen           = { "127.0.0.1:25", "[::1]:25" },
}

-- Only programs of this machine talk to us.
acl.rcpt {
  accept { hosts = { "127.0.0.1", "::1" } },
}

-- Mail for root and other names of this machine goes to somebody who reads it.
rewrite.rule { "*@desk.example.org", "ann@example.org", flags = "T" }
-- Outside, nobody can answer user@desk.example.org.
rewrite.rule { "*@desk.example.org", "$1@example.org", flags = "Ff" }

router.provider {
  driver     = "manualroute",
  route_list = "* smtp.provider.example::587",
  transport  = "provider",
}

transport.provider { driver = "smtp", hosts_require_auth = "*" }

-- The password stands in a file of its own, which nobody but the engine's user can read (mode 0600). A line of it:
--   smtp.provider.example: the password
authenticator.provider {
  driver          = "gsasl",
  public_name     = "SCRAM-SHA-256",
  client_username = "desk.example.org",
  client_password = function(m) return lookup.lsearch("passwords", m.host) end,
}

-- The line may be down for a weekend.
retry.rule { "*", "*", "F,1h,5m; F,5d,30m" }
