-- lmdb: relay domains in an LMDB file
--
-- Exim:  ${lookup{$sender_address_domain}lmdb{/var/lib/baruwa/data/db/relaydomains.mdb}{$value}}
--        ${lookup{$sender_address_domain}lmdb{/var/lib/baruwa/data/db/relaydomains.mdb}{$value}fail}
--        ${lookup{$sender_address_domain}lmdb{/var/lib/baruwa/data/db/relaydomains.mdb}}
--
-- All three are one call: the value, or nil for a domain that is not there. A file that cannot be read is neither; the
-- client is asked to come back.

acl.mail(function(m)
  m.acl_m_customer = lookup.lmdb("relaydomains.mdb", m.sender_address_domain)
end)

acl.data {
  warn { condition = function(m) return m.acl_m_customer ~= nil end,
         add_header = function(m) return "X-Customer: " .. m.acl_m_customer end },
}
