-- minimal: the least that is a mail server: our domain into Maildirs, our network out, nobody else through

site { primary_hostname = "mail.example.org", listen = { "0.0.0.0:25", "[::]:25" } }

domainlist.local_domains = { "example.org" }
hostlist.relay_from      = { "127.0.0.1", "::1", "192.0.2.0/24" }

acl.rcpt {
  accept { hosts = "+relay_from" },
  deny   { domains = "! +local_domains", message = "550 5.7.1 relay not permitted" },
  accept {},
}

router.here   { driver = "accept", domains = "+local_domains", transport = "mailbox" }
router.remote { driver = "dnslookup", transport = "remote" }

transport.mailbox {
  driver = "appendfile", maildir_format = true,
  directory = function(m) return path("/var/mail", m.domain, m.local_part) end,
}
transport.remote { driver = "smtp" }

retry.rule { "*", "*", "F,2h,15m; G,16h,1h,1.5; F,4d,6h" }
