-- dmarc: the sample of DMARC's chapter
--
-- Exim, in the RCPT ACL:  warn domains = +local_domains; hosts = +local_hosts; control = dmarc_verify_disable
--                         warn !domains = +screwed_up_dmarc_records; control = dmarc_enable_forensic
--       in the DATA ACL:  warn dmarc_status = accept : none : off; !authenticated = *
--                           log_message = DMARC DEBUG: $dmarc_status $dmarc_used_domain; add_header = $dmarc_ar_header
--                         warn dmarc_status = !accept; !authenticated = *; log_message = ...
--                         warn dmarc_status = quarantine; !authenticated = *; set acl_m_quarantine = 1
--                         deny dmarc_status = reject; !authenticated = *
--                           message = Message from $dmarc_used_domain failed sender's DMARC policy, REJECT

domainlist.screwed_up_dmarc_records = { "broken.example.org" }

acl.rcpt {
  warn { domains = "+local_domains", hosts = "+relay_from", control = "dmarc_verify_disable" },
  warn { not_domains = "+screwed_up_dmarc_records", control = "dmarc_enable_forensic" },
  warn { spf = "*" },                   -- so that the results speak of it too
}

local function domain(m) return tostring(m.dmarc_used_domain) end

acl.data {
  warn {
    dmarc_status = "accept : none : off", not_authenticated = "*",
    log_message = function(m) return "DMARC DEBUG: " .. m.dmarc_status .. " " .. domain(m) end,
    add_header = function(m) return m.dmarc_ar_header end,
  },
  warn {
    dmarc_status = "!accept", not_authenticated = "*",
    log_message = function(m) return "DMARC DEBUG: '" .. m.dmarc_status .. "' for " .. domain(m) end,
  },
  warn { dmarc_status = "quarantine", not_authenticated = "*", set = { acl_m_quarantine = 1 } },   -- for a transport
  deny {
    dmarc_status = "reject", not_authenticated = "*",
    message = function(m) return "550 5.7.1 Message from " .. domain(m) .. " failed sender's DMARC policy, REJECT" end,
  },
}
