-- Examples of what is known of an encrypted connection.

example { of = { "var tls_in_ver", "var tls_in_cipher", "var tls_in_cipher_std", "var tls_in_bits", "var tls_in_sni", "var tls_in_resumption",
                 "var tls_in_ocsp" }, code = [[
acl.mail(function(m)
  if not m.tls_in_ver then return end                       -- in clear
  logwrite(("%s %s (%s, %d bits) for %s, resumption %d, staple %d"):format(m.tls_in_ver, m.tls_in_cipher, m.tls_in_cipher_std,
    m.tls_in_bits, m.tls_in_sni or "no name", m.tls_in_resumption, m.tls_in_ocsp))
  if m.tls_in_bits < 128 then return deny("550 5.7.1 a stronger cipher, please") end
end)]] }
example { of = { "var tls_in_certificate_verified", "var tls_in_peerdn" }, code = [[
acl.rcpt(function(m)
  if m.tls_in_certificate_verified and m.tls_in_peerdn:find("O=Partner", 1, true) then return accept() end
end)]] }
example { of = { "var tls_out_ver", "var tls_out_cipher", "var tls_out_cipher_std", "var tls_out_bits", "var tls_out_sni", "var tls_out_peerdn",
                 "var tls_out_certificate_verified", "var tls_out_resumption", "var tls_out_ocsp", "var tls_out_dane", "var tls_out_tlsa_usage" },
          code = [[
event.on("msg:delivery", function(m)
  if not m.tls_out_ver then return logwrite("in clear to " .. (m.host or "here")) end
  logwrite(("%s %s (%s, %d bits) with %s (%s), resumption %d, staple %d"):format(m.tls_out_ver, m.tls_out_cipher, m.tls_out_cipher_std,
    m.tls_out_bits, m.tls_out_sni, m.tls_out_peerdn or "no name", m.tls_out_resumption, m.tls_out_ocsp))
  if m.tls_out_dane then logwrite("DANE, usages " .. m.tls_out_tlsa_usage)
  elseif not m.tls_out_certificate_verified then logwrite("to nobody in particular") end
end)]] }
example { of = { "var tls_cipher", "var tls_bits", "var tls_peerdn", "var tls_sni", "var tls_certificate_verified" }, code = [[
-- the old names: new rules say in or out
acl.rcpt(function(m)
  if m.tls_cipher and m.tls_bits >= 128 and m.tls_certificate_verified then logwrite(m.tls_peerdn .. " asked for " .. tostring(m.tls_sni)) end
end)]] }

-- ---- options of TLS with clients; conversations pretend the handshake

local TLS = "C: STARTTLS\nS: 220\nC: EHLO there.example\nS: 250\n"
local MAIL = "C: MAIL FROM:<bob@there.example>\nS: 250\nC: RCPT TO:<ann@example.org>\nS: 250\n"

example { of = { "option main tls_certificate", "option main tls_privatekey", "option main tls_advertise_hosts" }, code = [[
site {
  tls_certificate = { "/etc/perigee/tls/ecdsa.pem", "/etc/perigee/tls/rsa.pem" },    -- each with its chain behind it
  tls_privatekey  = { "/etc/perigee/tls/ecdsa.key", "/etc/perigee/tls/rsa.key" },
  tls_advertise_hosts = { "!192.0.2.99", "*" },                       -- a scanner that cannot do it, and says it can
}]], run = TLS .. MAIL }
example { of = { "option main tls_certificate", "option main tls_ocsp_file" }, code = [[
-- a certificate for each name; a client that names none, or another, gets the first one
local NAMES = { ["mail.example.org"] = true, ["mx.example.net"] = true }
local function file(ending)
  return function(m) return "/etc/perigee/tls/" .. (NAMES[m.tls_in_sni] and m.tls_in_sni or "mx.example.org") .. ending end
end
site { tls_certificate = file ".pem", tls_privatekey = file ".key", tls_ocsp_file = file ".ocsp" }]],
run = "tls: sni=mail.example.org\n" .. TLS .. MAIL }
example { of = { "option main tls_on_connect_ports" }, code = [[
site { listen = { "0.0.0.0:25", "0.0.0.0:465", "0.0.0.0:2465" },
       tls_certificate = "/etc/perigee/tls/mx.pem", tls_on_connect_ports = { "submissions", 2465 } }]] }
example { of = { "option main tls_try_verify_hosts", "option main tls_verify_certificates", "option main tls_crl", "verify certificate" },
          code = [[
-- our branch offices show certificates of our own authority, and may relay
site {
  tls_certificate = "/etc/perigee/tls/mx.pem",
  tls_try_verify_hosts = "*",
  tls_verify_certificates = "/etc/perigee/tls/our-ca.pem",
  tls_crl = "/etc/perigee/tls/our-ca.crl",
}
acl.rcpt { accept { verify = "certificate", condition = function(m) return m.tls_in_peerdn:find(",O=Example", 1, true) ~= nil end } }]],
run = "tls: peerdn=CN=berlin,O=Example; verified=yes\n" .. TLS
      .. "C: MAIL FROM:<bob@there.example>\nS: 250\nC: RCPT TO:<cat@elsewhere.example>\nS: 250\n" }
example { of = { "option main tls_verify_hosts", "event tls:fail:connect" }, code = [[
site { tls_certificate = "/etc/perigee/tls/mx.pem", tls_verify_hosts = "203.0.113.0/24", tls_verify_certificates = "/etc/perigee/tls/our-ca.pem" }
event.on("tls:fail:connect", function(m) logwrite("no TLS with " .. m.sender_host_address .. ": " .. m.event_data) end)]],
run = "C: STARTTLS\nS: 220\nclosed\nexpect: log no TLS with 203.0.113.9: (SSL_accept): peer did not return a certificate\n" }
example { of = { "event tls:cert" }, code = [[
-- asked about every certificate of a client's chain, 0 is its own; a text is a refusal
site { tls_certificate = "/etc/perigee/tls/mx.pem", tls_try_verify_hosts = "*" }
event.on("tls:cert", function(m)
  if m.event_data == "0" and not m.sender_host_address:find("^203%.0%.113%.") then return "only from our own network" end
end)]],
run = "tls: peerdn=CN=berlin; verified=yes\n" .. TLS .. MAIL }
example { of = { "option main tls_require_ciphers", "option main tls_eccurve", "option main tls_dhparam", "option main tls_dh_max_bits",
                 "option main openssl_options" }, code = [[
site {
  tls_certificate = "/etc/perigee/tls/mx.pem",
  tls_require_ciphers = "ECDSA:RSA:!COMPLEMENTOFDEFAULT",
  tls_eccurve = { "X25519", "P-256" },
  tls_dhparam = "ffdhe2048", tls_dh_max_bits = 4096,
  openssl_options = "+no_tlsv1_2",                                     -- 1.3 alone; many servers of others are then left out
}]] }
example { of = { "option main tls_alpn", "option main hosts_require_alpn", "option main tls_resumption_hosts" }, code = [[
site { tls_certificate = "/etc/perigee/tls/mx.pem", tls_alpn = "smtp", hosts_require_alpn = "192.0.2.25", tls_resumption_hosts = "*" }]] }
example { of = { "option main tls_remember_esmtp" }, code = [[
site { tls_certificate = "/etc/perigee/tls/mx.pem", tls_remember_esmtp = true }]],
run = "C: STARTTLS\nS: 220\n" .. MAIL }
example { of = { "option main tls_ocsp_fetch" }, code = [[
-- the engine's user may write in this directory; mx.pem holds our certificate and its issuer's
site { tls_certificate = "/etc/perigee/tls/mx.pem", tls_privatekey = "/etc/perigee/tls/mx.key",
       tls_ocsp_file = "/var/spool/perigee-ocsp/mx.ocsp", tls_ocsp_fetch = true }]] }
example { of = { "var tls_in_peercert", "var tls_in_ourcert", "fn cert.extract", "fn cert.list", "fn cert.matches" }, code = [[
-- a partner's machines: known by the authority and by what their certificates are for
acl.mail(function(m)
  local shown = m.tls_in_peercert
  if not shown or not m.tls_in_certificate_verified then return end
  logwrite(("client certificate %s of %s until %s; ours is %s"):format(cert.extract(shown, "serial_number"), cert.extract(shown, "issuer"),
    cert.extract(shown, "notafter"), hash.sha256(m.tls_in_ourcert)))
  if cert.extract(shown, "issuer,O") == "Partner" and cert.matches(shown, m.sender_helo_name) then return accept() end
  for _, name in ipairs(cert.list(shown, "subj_altname,dns") or {}) do logwrite("it is for " .. name) end
end)]] }
example { of = { "var tls_out_peercert", "var tls_out_ourcert" }, code = [[
event.on("msg:delivery", function(m)
  if m.tls_out_peercert then logwrite("its certificate ends " .. cert.extract(m.tls_out_peercert, "notafter")) end
  if m.tls_out_ourcert then logwrite("we showed " .. cert.extract(m.tls_out_ourcert, "subject,CN")) end
end)]] }
example { of = { "option authenticator server_channelbinding", "option authenticator client_channelbinding" }, code = [[
authenticator.bound { driver = "gsasl", public_name = "SCRAM-SHA-256-PLUS", server_channelbinding = true,
  server_password = function(m) return ({ ann = "sesame" })[m.auth1] end }
authenticator.relay { driver = "gsasl", public_name = "SCRAM-SHA-1-PLUS", client_channelbinding = true,
  client_username = "us", client_password = "sesame" }]] }
example { of = { "option authenticator server_param1", "option authenticator server_param2 tls", "option authenticator server_param3 tls" },
          code = [[
-- no password: who shows a certificate of ours with an address in it is that user
authenticator.certificate { driver = "tls",
  server_param1 = function(m) return cert.extract(m.tls_in_peercert, "subj_altname,mail,>:") end,
  server_param2 = function(m) return cert.extract(m.tls_in_peercert, "issuer,CN") end,
  server_param3 = function(m) return m.tls_in_peerdn end,
  server_condition = function(m) return m.auth1 ~= nil and m.auth2 == "Our clients" and not m.auth3:find("OU=Gone", 1, true) end }]] }
