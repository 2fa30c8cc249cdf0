-- remote: everything else goes to the mail hosts of its domain
--
-- To hand all mail to one host instead, replace the router by
--   router.remote { driver = "manualroute", domains = "! +local_domains", transport = "remote",
--                   route_list = "* smarthost.example.net" }

router.remote {
  driver    = "dnslookup",
  domains   = "! +local_domains",
  transport = "remote",
  -- Addresses that no mail host of another domain can have.
  ignore_target_hosts = { "0.0.0.0/8", "127.0.0.0/8", "::1" },
  cannot_route_message = "550 5.1.2 that domain takes no mail",
}

transport.remote {
  driver = "smtp",
}
