-- blocklists: lists in the DNS. One we trust refuses; one we watch only leaves a mark for 70-content.lua
--
-- A list that does not answer counts as "not listed": a name server that is down must not stop our mail.

acl.rcpt {
  deny { dnslists = "zen.blocklist.example=127.0.0.2,127.0.0.3,127.0.0.4",
         message = function(m)
           return "550 5.7.1 " .. m.dnslist_matched .. " is listed in " .. m.dnslist_domain .. ": " .. (m.dnslist_text or "no reason given")
         end },
  deny { not_senders = ":",
         -- What comes from the message stands beside the text, never in it.
         dnslists = { "rhs.blocklist.example", key = function(m) return m.sender_address_domain end },
         message = "550 5.7.1 we take no mail from that domain" },
  warn { dnslists = "watched.blocklist.example",
         set = { acl_m_watched = function(m) return m.dnslist_domain end } },
}
