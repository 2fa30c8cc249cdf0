-- emit_runs - the examples that say what a client hears, as transcripts: build/gen/spec/examples/NNN.smtp
--
-- Around the rules of an example stand the lists, routers and transports it takes for granted, and a world with a
-- caller from there.example and a server at elsewhere.example.

local SITE = 'site { primary_hostname = "mx.example.org", qualify_domain = "example.org" }\n'
local BEFORE = [[
domainlist.local_domains = { "example.org" }
hostlist.relay_from = { "192.0.2.0/24" }
transport.mailbox { driver = "appendfile", maildir_format = true, directory = function(m) return path("/mail", m.local_part) end }
transport.remote_smtp { driver = "smtp" }]]
local AFTER = [[
acl.rcpt { accept {} }
router.last_here { driver = "accept", domains = "+local_domains", transport = "mailbox" }
router.last_out { driver = "dnslookup", domains = "! +local_domains", transport = "remote_smtp" }]]
local WORLD = [[
zone: there.example. A 203.0.113.9
zone: 9.113.0.203.in-addr.arpa. PTR there.example.
zone: example.org. MX 10 mx.example.org.
zone: elsewhere.example. MX 10 mx.elsewhere.example.
zone: mx.elsewhere.example. A 192.0.2.1
clock: 2026-03-04T05:06:07Z
]]

local function lines(text, before)
  return (text:gsub("%s+$", ""):gsub("[^\n]+", before .. "%0")) .. "\n"
end

-- Headings of the example's own come first; those of the world that it says anew are left out.
local function transcript(example)
  local own, rest = "", example.run
  while rest:match "^%l+: [^\n]*\n" and not rest:match "^queue: " and not rest:match "^expect: " do
    local line, tail = rest:match "^([^\n]*\n)(.*)$"
    own, rest = own .. line, tail
  end
  local text = { "-- ", table.concat(example.of, ", "), "\n" }
  local site = example.code:find "primary_hostname%s*=" and "" or SITE
  text[#text + 1] = lines(site .. BEFORE .. "\n" .. example.code .. "\n" .. AFTER, "lua: ")
  text[#text + 1] = WORLD .. own
  if not own:find "peer: 192.0.2.1[ \n]" then text[#text + 1] = "peer: 192.0.2.1\n" end
  if not own:find "helo:" and not rest:find "^S: " then text[#text + 1] = "helo: there.example\n" end
  text[#text + 1] = rest:gsub("%s+$", "") .. "\n"
  return table.concat(text)
end

return function(tables, out, write)
  local n = 0
  for _, example in ipairs(tables.example) do
    if example.run then
      n = n + 1
      write(("%s/spec/examples/%03d.smtp"):format(out, n), transcript(example))
    end
  end
end
