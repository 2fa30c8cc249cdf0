-- site: who we are, whose mail is ours

site {
  primary_hostname = "mx.example.org",
  listen           = { "0.0.0.0:25", "[::]:25" },
  qualify_domain   = "example.org",

  message_size_limit  = "30M",
  recipients_max      = 200,
  -- A worker that is fully booked says 421 rather than be slow for everybody.
  smtp_accept_max_per_host = 20,
  -- Whoever speaks no SMTP finds that out soon enough.
  smtp_max_unknown_commands = 3,
}

-- Domains whose mail we take. old-name.example is what we were called until 2019; 80-routing.lua turns it into the new one.
domainlist.our_domains = { "example.org", "lists.example.org", "old-name.example" }

-- Hosts inside, which may send to anybody. Never a network that is not yours.
hostlist.inside = { "127.0.0.1", "::1", "192.0.2.0/24" }
