-- partners: mail to some goes under TLS only, and only to hosts that prove who they are

site {
  primary_hostname = "mail.example.org",
  qualify_domain   = "example.org",
  listen           = { "127.0.0.1:25", "[::1]:25" },
  log_selector     = "+tls_peerdn +tls_resumption +dnssec",
}

-- Those we have a contract with: nothing in clear, to nobody but their hosts.
domainlist.partners = { "bank.example", "*.bank.example", "clinic.example" }

-- Who signs for them, where it is no authority that everybody knows. By host: options of TLS know it.
local AUTHORITY = { ["mx.clinic.example"] = "/etc/perigee/tls/clinic-authority.pem" }

acl.rcpt {
  accept { hosts = { "127.0.0.1", "::1" } },
}

-- This one takes mail on a port that begins with TLS.
router.insurer  { driver = "manualroute", route_list = "insurer.example mail.insurer.example", transport = "insurer" }
router.partners { driver = "dnslookup", domains = "+partners", transport = "partners" }
router.others   { driver = "dnslookup", transport = "others" }

transport.partners {
  driver                  = "smtp",
  hosts_require_tls       = "*",
  tls_verify_hosts        = "*",
  tls_verify_certificates = function(m) return AUTHORITY[m.host] or "system" end,
  tls_sni                 = function(m) return m.host end,
  tls_resumption_hosts    = "*",
}

transport.insurer { driver = "smtp", protocol = "smtps", tls_verify_hosts = "*" }

-- Everybody else: under TLS where it is offered, and bound by TLSA records where there are some (that is the default).
transport.others { driver = "smtp", tls_resumption_hosts = "*" }

-- What published records forbid is worth a word to the other side's postmaster.
event.on("dane:fail", function(m)
  logwrite(("ask the postmaster of %s about %s: %s"):format(m.domain or "?", m.host, m.event_data))
end)

retry.rule { "*", "*", "F,2h,15m; F,3d,1h" }
