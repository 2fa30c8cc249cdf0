-- arc: what we found of a message is written down for the next, and what others found counts if they are trusted
--
-- Off until TRUSTED is a list, empty or not. A name in it is a domain whose seals are believed, such as that of a
-- mailing list whose members write from domains with a strict DMARC policy: what it changed it found sound before.
-- To seal what goes out again, so that the next can believe us, add to a transport (docs/guide/arc.md):
--   arc_sign = "example.org : s1 : /etc/perigee/dkim/s1.pem",

local TRUSTED = nil                     -- { "lists.example" }

if not TRUSTED then return end

local trusted = {}
for _, name in ipairs(TRUSTED) do trusted[name:lower()] = true end

-- Neighbours hand in mail that nobody has judged yet.
acl.data(function(m)
  if check.hosts("+relay_from") then return end
  if check.verify("arc/pass") then
    local last = m.arc_domains[#m.arc_domains]
    m.acl_m_vouched = trusted[last:lower()] and last or nil
  end
  check.dmarc_status("*")               -- so that it stands in the field
  header.add(authresults(m.primary_hostname), "at_start")
end)
