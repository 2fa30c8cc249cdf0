-- mark: recipients that are mailing lists are remembered until the content is here
--
-- Exim:  warn condition = (lookup if destined to mailing list)
--             set acl_m_mailing_list = 1
-- (what DMARC says of such a message comes with sender authentication)

acl.rcpt {
  warn { condition = function(m) return lookup.lsearch("mailing-lists", m.local_part .. "@" .. m.domain) ~= nil end,
         set = { acl_m_mailing_list = true } },
}

acl.data {
  warn { condition = function(m) return m.acl_m_mailing_list end, add_header = "X-To-List: yes" },
}
