-- arc: the chain is verified, what was found is written down, and sealed on the way out
--
-- Exim, in the DATA ACL:  verify = arc/none:fail:pass;  add_header = :at_start:${authresults {<admd-identifier>}}
--                         logwrite = oldest-p-ams: <${reduce {$lh_ARC-Authentication-Results:} ...}>
--       in the transport: arc_sign = <admd-identifier> : <selector> : <privkey> [ : <options> ]

local OURS = "example.org"

-- The results of the first who saw the message as it still was.
local function oldest(m)
  for _, field in ipairs(m.lheader.arc_authentication_results or {}) do
    if tonumber(field:match "^%s*i%s*=%s*(%d+)") == m.arc_oldest_pass then return field end
  end
  return ""
end

acl.data {
  warn {
    verify = "arc/none:fail:pass",
    add_header = function() return ":at_start:" .. authresults(OURS) end,
    logwrite = function(m) return "oldest-p-ams: <" .. oldest(m) .. ">" end,
  },
}

router.here    { driver = "accept", domains = "+local_domains", transport = "mailbox" }
router.onwards { driver = "dnslookup", domains = "! +local_domains", transport = "sealed" }
transport.mailbox { driver = "appendfile", maildir_format = true, directory = "/mail" }
transport.sealed {
  driver   = "smtp",
  arc_sign = function() return OURS .. " : s1 : " .. path("/etc/perigee/dkim/s1.pem") .. " : timestamps, expire=+604800" end,
}
