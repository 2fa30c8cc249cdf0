-- Examples of what proves who a sender is. What signatures do to these rules is in spec/accept/dkim_spec.lua.

example { of = { "condition dkim_status", "condition dkim_signers", "option main dkim_verify_signers", "var dkim_signers" }, code = [[
-- the signers of the message and, signed or not, the bank
site { dkim_verify_signers = function(m) return table.concat(m.dkim_signers, ":") .. ":bank.example" end }
acl.dkim { deny { dkim_signers = "bank.example", not_dkim_status = "pass", senders = "*@bank.example",
                  message = "550 5.7.20 mail of the bank is signed" } }]] }
example { of = { "var dkim_verify_status", "var dkim_verify_reason", "var dkim_cur_signer", "var dkim_verify_signers", "var dkim_domain",
                 "var dkim_selector", "var dkim_identity", "var dkim_algo", "var dkim_key_length" }, code = [[
acl.dkim(function(m)
  logwrite(("%s of %s: %s %s"):format(m.dkim_cur_signer, table.concat(m.dkim_verify_signers, " "), m.dkim_verify_status, m.dkim_verify_reason or ""))
  logwrite(("d=%s s=%s i=%s a=%s %d bits"):format(m.dkim_domain or "", m.dkim_selector or "", m.dkim_identity or "", m.dkim_algo or "", m.dkim_key_length or 0))
  if m.dkim_verify_status == "pass" and m.dkim_algo == "rsa-sha1" then
    m.dkim_verify_status = "fail"
    m.dkim_verify_reason = "hash too weak"
  end
end)]] }
example { of = { "var dkim_canon_headers", "var dkim_canon_body", "var dkim_headernames", "var dkim_copiedheaders", "var dkim_bodylength", "var dkim_created",
                 "var dkim_expires" }, code = [[
acl.dkim(function(m)
  if not m.dkim_headernames then return end
  if m.dkim_bodylength < m.message_size then logwrite("anything may stand behind what was signed") end
  logwrite(("c=%s/%s h=%s z=%s t=%d x=%d"):format(m.dkim_canon_headers, m.dkim_canon_body, table.concat(m.dkim_headernames, ":"),
    m.dkim_copiedheaders or "", m.dkim_created, m.dkim_expires))
end)]] }
example { of = { "var dkim_key_testing", "var dkim_key_notes", "var dkim_key_srvtype", "var dkim_key_granularity", "var dkim_key_nosubdomains" }, code = [[
acl.dkim(function(m)
  if m.dkim_key_testing then m.dkim_verify_status = "none" end          -- as if it were not signed
  logwrite(("key for %s, g=%s, %s subdomains, %s"):format(m.dkim_key_srvtype or "", m.dkim_key_granularity or "",
    m.dkim_key_nosubdomains and "no" or "with", m.dkim_key_notes or "no notes"))
end)]] }
example { of = { "option main dkim_verify_hashes", "option main dkim_verify_keytypes", "option main dkim_verify_min_keysizes",
                 "option main dkim_verify_minimal", "option main dkim_verify_signatures_max" }, code = [[
site { dkim_verify_hashes = "sha256", dkim_verify_keytypes = "rsa : ed25519", dkim_verify_min_keysizes = { "rsa=2048", "ed25519=250" },
       dkim_verify_minimal = true, dkim_verify_signatures_max = 4 }]] }
example { of = { "control dkim_disable_verify" }, code = [[
acl.connect { warn { hosts = "+relay_from", control = "dkim_disable_verify" } }]] }
