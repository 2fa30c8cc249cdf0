-- Examples of TLS with the hosts we deliver to. The pretended receivers speak in clear: what is refused there is run, the
-- rest is loaded, and spec/peers does it with real ones.

local MAIL = "C: MAIL FROM:<bob@there.example>\nS: 250\nC: RCPT TO:<cat@elsewhere.example>\nS: 250\nC: DATA\nS: 354\nC: Subject: dinner\nC:\nC: at eight\nC: .\nS: 250\n"

local function transport(names, code, run)
  local of = {}
  for name in names:gmatch "[%w_]+" do of[#of + 1] = "option transport " .. name end
  example { of = of, code = code, run = run }
end

transport("hosts_require_tls, tls_verify_hosts, tls_verify_certificates, tls_verify_cert_hostnames", [[
-- our provider: encrypted, and with a certificate for its name, or not at all
router.out { driver = "manualroute", domains = "! +local_domains", route_list = { "* 192.0.2.1" }, transport = "provider" }
transport.provider { driver = "smtp", hosts_require_tls = "*", tls_verify_hosts = "*", tls_verify_certificates = "system",
                     tls_verify_cert_hostnames = "*" }]],
MAIL .. "expect: log a TLS session is required, but the server did not offer TLS support\n")
transport("tls_try_verify_hosts, hosts_avoid_tls, hosts_verify_avoid_tls, tls_tempfail_tryclear", [[
-- TLS wherever it works; CV= in the log says whether the certificate was good for anything
transport.remote { driver = "smtp", tls_try_verify_hosts = "*", tls_tempfail_tryclear = true,
                   hosts_avoid_tls = { "old.partner.example" }, hosts_verify_avoid_tls = "198.51.100.0/24" }]])
transport("tls_certificate, tls_privatekey, tls_sni", [[
-- a partner that knows us by our certificate, and has many names on one address
transport.partner { driver = "smtp", protocol = "smtps", tls_certificate = "/etc/perigee/tls/client.pem",
                    tls_privatekey = "/etc/perigee/tls/client.key", tls_sni = function(m) return m.host end }]])
transport("tls_require_ciphers, tls_dh_min_bits, tls_crl", [[
transport.strict { driver = "smtp", hosts_require_tls = "*", tls_require_ciphers = "ECDHE+AESGCM:ECDHE+CHACHA20", tls_dh_min_bits = 2048,
                   tls_verify_certificates = "/etc/perigee/tls/partners.pem", tls_crl = "/etc/perigee/tls/partners.crl" }]])
transport("tls_alpn, hosts_require_alpn", [[
transport.partner { driver = "smtp", tls_alpn = "smtp", hosts_require_alpn = "mx.partner.example" }]])
transport("tls_resumption_hosts, hosts_nopass_tls, hosts_noproxy_tls", [[
transport.remote { driver = "smtp", tls_resumption_hosts = "*.partner.example",      -- we meet often: a session is kept
                   hosts_nopass_tls = "balancer.example", hosts_noproxy_tls = "strange.example" }]])
transport("hosts_request_ocsp, hosts_require_ocsp", [[
-- with DANE a proof is of use only where an authority is named (usage 2, bit 4)
transport.remote { driver = "smtp", hosts_require_ocsp = "mx.partner.example",
                   hosts_request_ocsp = function(m)
                     if m.tls_out_tlsa_usage == nil or m.tls_out_tlsa_usage == 4 then return "*" end
                     return ""
                   end }]])
transport("hosts_try_dane, hosts_require_dane, dane_require_tls_ciphers", [[
-- whoever publishes TLSA records is held to them; our other office is used with them or not at all
router.out { driver = "manualroute", domains = "! +local_domains", route_list = { "* mx.office.example" }, transport = "remote" }
transport.remote { driver = "smtp", hosts_try_dane = "*", hosts_require_dane = "mx.office.example",
                   dane_require_tls_ciphers = "ECDHE+AESGCM" }]])
transport("dnssec_request_domains, dnssec_require_domains", [[
transport.provider { driver = "smtp", hosts = "mail.provider.example", dnssec_request_domains = "*", dnssec_require_domains = "*.provider.example" }]])
example { of = { "option router dnssec_request_domains" }, code = [[
router.out { driver = "dnslookup", domains = "! +local_domains", transport = "remote_smtp",
             dnssec_request_domains = { "!badly-signed.example", "*" } }]] }
example { of = { "event dane:fail" }, code = [[
event.on("dane:fail", function(m)
  logwrite("DANE with " .. (m.host or "a host") .. ": " .. m.event_data)     -- dane-required, dnssec-invalid, validation-failure ...
end)]] }
example { of = { "option main dns_trust_anchors" }, code = [[
-- the root, and the zone of our own network, which the root does not know
site { dns_trust_anchors = { "root", "corp.example. DS 31589 8 2 CDE0D742D6998AA554A92D890F8184C698CFAC8A26FA59875A990C03E576343C" } }]] }
