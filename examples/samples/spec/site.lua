-- site: what every sample stands on
site { primary_hostname = "mx.example.org", qualify_domain = "example.org" }
domainlist.local_domains = { "example.org" }
hostlist.relay_from      = { "192.0.2.0/24" }
