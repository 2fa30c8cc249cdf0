-- routing: our domains to the server inside, what comes from inside to the world

-- What was old-name.example is example.org now, for recipients; the header stays as the sender wrote it.
rewrite.rule { "*@old-name.example", "$1@example.org", flags = "T" }

router.aliases {
  driver     = "redirect",
  domains    = "+our_domains",
  data       = function(m) return lookup.lsearch("aliases", m.local_part) end,
  allow_fail = true,
}

router.inside {
  driver     = "manualroute",
  domains    = "+our_domains",
  route_list = "* store.example.org",
  transport  = "smtp",
}

router.world {
  driver              = "dnslookup",
  domains             = "! +our_domains",
  transport           = "smtp",
  -- Addresses that no mail host of another domain can have.
  ignore_target_hosts = { "0.0.0.0/8", "127.0.0.0/8", "::1" },
}

transport.smtp { driver = "smtp" }
