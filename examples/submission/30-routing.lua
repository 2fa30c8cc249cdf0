-- routing: our own domain to the server with the mailboxes, the rest to the world

router.ours  { driver = "manualroute", domains = "+our_domains", transport = "smtp", route_list = "* store.example.org" }
router.world { driver = "dnslookup", domains = "! +our_domains", transport = "smtp",
               ignore_target_hosts = { "0.0.0.0/8", "127.0.0.0/8", "::1" } }

transport.smtp { driver = "smtp" }

retry.rule { "*", "*", "F,2h,15m; G,16h,1h,1.5; F,4d,6h" }
