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

-- ---- SRS and prvs

local DAY = "clock: 2024-10-04T12:00:00Z\n"
local FORWARD = "C: MAIL FROM:<bob@there.example>\nS: 250\nC: RCPT TO:<list@example.org>\nS: 250\nC: DATA\nS: 354\nC: Subject: x\nC:\nC: .\nS: 250\nC: QUIT\nS: 221\n"

example { of = { "option router srs", "option router srs_alias", "option router srs_condition", "option main srs_secrets", "option main srs_maxage",
                 "option main srs_hashlength", "option main srs_hashmin", "var srs_recipient", "var srs_orig_recipient", "var srs_status" }, code = [[
site { srs_secrets = { "new one", "old one" }, srs_maxage = 14, srs_hashlength = 8, srs_hashmin = 6 }
router.back  { driver = "redirect", domains = "+local_domains", srs = "reverse",
               data = function(m)
                 logwrite(("%s is %s: %s"):format(m.srs_orig_recipient, m.srs_recipient, m.srs_status))
                 return m.srs_recipient
               end }
router.lists { driver = "redirect", local_parts = "list", data = "cat@elsewhere.example", srs = "forward", srs_alias = "bounce.example.org",
               srs_condition = function(m) return m.sender_address_domain ~= "example.org" end }]],
run = DAY .. FORWARD .. "expect: peer 192.0.2.1 heard MAIL FROM:<SRS0=\nexpect: peer 192.0.2.1 heard =RA=there.example=bob@bounce.example.org>\n" }
example { of = { "option main srs_config", "var srs_orig_sender" }, code = [[
site { srs_config = { "a secret", "14", "8", "1", "1" } }
router.lists { driver = "redirect", local_parts = "list", srs = "reverseandforward",
               data = function(m) logwrite("written by " .. tostring(m.srs_orig_sender)) return "cat@elsewhere.example" end }
router.plain { driver = "redirect", local_parts = "list", srs = "forward",
               data = function(m) logwrite("written by " .. m.srs_orig_sender) return "cat@elsewhere.example" end }]],
run = DAY .. FORWARD .. "expect: log written by bob@there.example\nexpect: log SRS=<SRS0=\n" }
example { of = { "option main srs_usehash", "option main srs_usetimestamp" }, code = [[
-- among machines that nobody else can reach
site { srs_secrets = { "a secret" }, srs_usehash = false, srs_usetimestamp = false }
router.lists { driver = "redirect", local_parts = "list", srs = "forward", data = "cat@elsewhere.example" }]],
run = DAY .. FORWARD .. "expect: peer 192.0.2.1 heard MAIL FROM:<SRS0=there.example=bob@example.org>\n" }
example { of = { "option router srs_dbinsert", "option router srs_dbselect", "var srs_db_key", "var srs_db_address" }, code = [[
site { srs_secrets = { "a secret" } }
router.back  { driver = "redirect", domains = "+local_domains", srs = "reverse",
               srs_dbselect = function(m) return store.get("senders", m.srs_db_key) end,
               data = function(m) return m.srs_recipient end }
router.lists { driver = "redirect", local_parts = "list", data = "cat@elsewhere.example", srs = "forward",
               srs_dbinsert = function(m)
                 store.put("senders", m.srs_db_key, m.srs_db_address, "31d")
                 return true
               end }]],
run = DAY .. FORWARD .. "expect: peer 192.0.2.1 heard MAIL FROM:<SRS0=\nexpect: not peer 192.0.2.1 heard =bob@example.org\n" }
example { of = { "var prvscheck_address", "var prvscheck_keynum", "var prvscheck_result" }, code = [[
-- a bounce is for an address with a tag that we gave it
acl.rcpt(function(m)
  if m.sender_address ~= "" then return end
  prvs.check(m.local_part .. "@" .. m.domain, "mysecret")
  if not m.prvscheck_result then return deny("550 5.7.1 we never wrote that") end
  logwrite(m.prvscheck_address .. ", key " .. m.prvscheck_keynum)
end)]],
run = DAY .. "C: MAIL FROM:<>\nS: 250\nC: RCPT TO:<alice@example.org>\nS: 550 5.7.1 we never wrote that\nC: RCPT TO:<prvs=0007d88dfd=alice@example.org>\nS: 550\n" }

-- ---- signing, sealing, results

example { of = { "option transport dkim_domain", "option transport dkim_selector", "option transport dkim_private_key", "option transport dkim_canon",
                 "option transport dkim_hash", "option transport dkim_strict", "option transport dkim_identity", "option transport dkim_timestamps",
                 "option transport dkim_sign_headers" }, code = [[
transport.signed { driver = "smtp", dkim_domain = function(m) return m.sender_address_domain end, dkim_selector = { "s1", "s2" },
                   dkim_private_key = function(m) return "/etc/perigee/keys/" .. m.dkim_selector .. ".pem" end,
                   dkim_identity = function(m) return "@" .. m.dkim_domain end, dkim_canon = "relaxed", dkim_hash = "sha256",
                   dkim_strict = "yes", dkim_timestamps = 604800, dkim_sign_headers = { "From", "+Subject", "=List-Id", "Date" } }]] }
example { of = { "option transport arc_sign" }, code = [[
transport.forwarded { driver = "smtp", arc_sign = "example.org : s1 : /etc/perigee/keys/s1.pem : timestamps, expire=+604800" }]] }
example { of = { "verify arc", "var arc_state", "var arc_state_reason", "var arc_domains", "var arc_oldest_pass", "fn authresults",
                 "option main authresults_ids" }, code = [[
site { authresults_ids = { "mx.example.org" } }
acl.data(function(m)
  if verify.arc "fail" then return deny("550 5.7.29 the chain of seals is broken: " .. (m.arc_state_reason or "")) end
  if m.arc_state == "pass" then logwrite(("sealed by %s, unchanged since %d"):format(table.concat(m.arc_domains, ", "), m.arc_oldest_pass)) end
  header.add(":at_start:" .. authresults(m.primary_hostname))
end)]] }
