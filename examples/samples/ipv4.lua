-- ipv4: addresses of version 4 only, or first
--
-- Exim:  dnslookup router:    ipv4_only = yes     ipv4_prefer = ${if eq{$domain}{old.example}}
--        manualroute router:  route_list = ex.test host.test bydns ipv4_only alt_smtp randomize
--
-- Otherwise IPv6 addresses of a host are tried before its IPv4 addresses.

router.manual { driver = "manualroute", transport = "smtp", route_list = "ex.test host.test bydns ipv4_only alt_smtp randomize" }
router.only   { driver = "dnslookup", domains = "*.v4.example", transport = "smtp", ipv4_only = "yes" }
router.prefer { driver = "dnslookup", domains = "! +local_domains", transport = "smtp",
                ipv4_prefer = function(m) return m.domain == "old.example" end }

transport.smtp     { driver = "smtp" }
transport.alt_smtp { driver = "smtp" }
