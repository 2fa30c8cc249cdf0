-- dkim: what a site thinks of a signature's strength counts (RFC 8301)
--
-- Exim, in the DKIM ACL:  warn condition = ${if eq {$dkim_algo}{rsa-sha1}}
--                              condition = ${if eq {$dkim_verify_status}{pass}}
--                              logwrite = NOTE: forcing dkim verify fail (was pass)
--                              set dkim_verify_status = fail
--                              set dkim_verify_reason = hash too weak

-- Without this line SHA-1 does not pass in the first place.
site { dkim_verify_hashes = "sha1 : sha256 : sha512" }

acl.dkim {
  warn {
    condition = function(m) return m.dkim_algo == "rsa-sha1" and m.dkim_verify_status == "pass" end,
    logwrite = "NOTE: forcing dkim verify fail (was pass)",
    set = { dkim_verify_status = "fail", dkim_verify_reason = "hash too weak" },
  },
  warn {
    condition = function(m) return m.dkim_algo == "rsa-sha256" and m.dkim_key_length < 1024 and m.dkim_verify_status == "pass" end,
    set = { dkim_verify_status = "fail", dkim_verify_reason = "key too small" },
  },
}
