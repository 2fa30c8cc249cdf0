-- The site of the acceptance checks: example.org stays here, anything may go out.
site { primary_hostname = "mx.example.org", qualify_domain = "example.org" }
domainlist.local_domains = { "example.org" }
transport.mailbox { driver = "appendfile", maildir_format = true, directory = function(m) return path("/mail", m.local_part) end }
