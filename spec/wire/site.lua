-- The site of the conversations: mail for example.org stays here, mail from 192.0.2.0/24 may go out.

site {
  primary_hostname = "mx.example.org",
  qualify_domain   = "example.org",
}
domainlist.local_domains = { "example.org" }
hostlist.relay_from      = { "192.0.2.0/24" }

router.here   { driver = "accept", domains = "+local_domains", transport = "mailbox" }
router.remote { driver = "dnslookup", domains = "! +local_domains", transport = "remote" }

transport.mailbox { driver = "appendfile", maildir_format = true, directory = function(m) return path("/mail", m.local_part) end }
transport.remote  { driver = "smtp" }

retry.rule { "*", "*", "F,2h,15m; G,16h,1h,1.5; F,4d,6h" }
