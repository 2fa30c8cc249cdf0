-- dane: TLS to other hosts
--
-- Exim, on the smtp transport:  hosts_try_dane, hosts_require_dane
--        hosts_request_ocsp = ${if or { {= {0}{$tls_out_tlsa_usage}} {= {4}{$tls_out_tlsa_usage}} } {*}{}}
--        hosts_require_ocsp, hosts_noproxy_tls, tls_resumption_hosts

router.here { driver = "accept", domains = "+local_domains", transport = "mailbox" }
router.out  { driver = "dnslookup", domains = "! +local_domains", dnssec_request_domains = "*", transport = "secured" }
transport.mailbox { driver = "appendfile", maildir_format = true, directory = "/mail" }
transport.secured {
  driver = "smtp",
  hosts_try_dane       = "*",
  hosts_require_dane   = "*.bank.example",
  hosts_require_ocsp   = "*.bank.example",
  -- A proof is of use where no DANE is, or where it names the authority only.
  hosts_request_ocsp   = function(m) return (m.tls_out_tlsa_usage == 0 or m.tls_out_tlsa_usage == 4) and "*" or "" end,
  hosts_noproxy_tls    = "old.example",         -- there TLS ends after each message
  tls_resumption_hosts = "*",
}
