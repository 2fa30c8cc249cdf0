-- dmarc: what the domain in From: asks for mail that nobody vouches for
--
-- Off: a site that turns it on refuses mail, and should read docs/guide/dmarc.md first ("What breaks").
-- What a host vouches for that 14-arc.lua trusts is not refused (RFC 8617 section 7.2.1).

local ENFORCE = false

if not ENFORCE then return end

-- Neighbours and users who logged in send mail of ours, which is judged elsewhere.
acl.rcpt {
  warn { not_hosts = "+relay_from", not_authenticated = "*", spf = "*" },
}

acl.data {
  deny {
    not_hosts = "+relay_from", dmarc_status = "reject",
    condition = function(m) return m.dmarc_disposition == "reject" and not m.acl_m_vouched end,
    message = function(m) return "550 5.7.1 Message from " .. m.dmarc_used_domain .. " failed sender's DMARC policy, REJECT" end,
  },
  defer {
    not_hosts = "+relay_from", dmarc_status = "temperror",
    message = "451 4.7.1 whether your message is from who it says could not be found out, please try again later",
  },
  warn {
    not_hosts = "+relay_from", dmarc_status = "reject : quarantine",
    condition = function(m) return m.dmarc_disposition ~= "none" and not m.acl_m_vouched end,
    add_header = "X-Spam-Flag: YES",
  },
}
