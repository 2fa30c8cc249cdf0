-- rest: what comes after a sample that is about something else: routers, transports, who may send
router.here   { driver = "accept", domains = "+local_domains", transport = "mailbox" }
router.remote { driver = "dnslookup", domains = "! +local_domains", transport = "remote_smtp" }
transport.mailbox     { driver = "appendfile", maildir_format = true, directory = "/mail" }
transport.remote_smtp { driver = "smtp" }
acl.rcpt { accept { hosts = "+relay_from" }, deny { domains = "! +local_domains", message = "550 5.7.1 relay not permitted" }, accept {} }
