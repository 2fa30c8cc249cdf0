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
