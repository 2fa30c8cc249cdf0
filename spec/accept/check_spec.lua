-- perigee check: what it finds before the server does, and what it leaves alone.
local world = require "perigee.world"

-- three lines; what a case adds begins in the fourth
local SITE = [[
domainlist.local_domains = { "example.org" } hostlist.relay_from = { "127.0.0.1" } site { primary_hostname = "mx.example.org" }
router.here { driver = "accept", domains = "+local_domains", transport = "box" }
transport.box { driver = "appendfile", maildir_format = true, directory = "/box" }
]]

local function check(text)
  return world.check { lua = SITE .. text }
end

-- rule, line (after SITE), what is said
local ERRORS = {
  -- variables
  { [[acl.mail(function(m) if m.sender_adress == "x" then return deny() end end)]], 4, 'there is no variable sender_adress, did you mean "sender_address"?' },
  { [[acl.mail(function(m) if m["sender_adress"] == "x" then return deny() end end)]], 4, "there is no variable sender_adress" },
  { "acl.mail {\n  deny { message = function(m)\n    return m.sender_adress\n  end } }", 6, "there is no variable sender_adress" },
  { [[acl.mail(function(m) if m.domain == "x" then return deny() end end)]], 4, "domain is not known in phase mail, only in rcpt" },
  { "acl.mail(function(m)\n  local mail = m\n  local same = mail\n  return same.domain == 'x' and deny() or nil end)", 7, "domain is not known in phase mail" },
  { [[local function f(mail) return mail.header.subject and deny() or nil end acl.rcpt(f)]], 4, "header is not known in phase rcpt, only in" },
  { "local f\nfunction f(m) return m.domain == 'x' end\nacl.mail { deny { condition = f } }", 5, "domain is not known in phase mail" },
  { [[acl.mail { deny { senders = "x@y", message = function(m) return "550 " .. m.domain end } }]], 4, "domain is not known in phase mail" },
  { [[acl.mail { warn { set = { acl_m_x = function(m) return m.domain end } } }]], 4, "domain is not known in phase mail" },
  { [[acl.rcpt(function(m) for _, x in ipairs { 1 } do if x then local y = m.header.subject end end end)]], 4, "header is not known in phase rcpt" },
  { [[site { smtp_banner = function(m) return m.sender_address end }]], 4, "sender_address is not known in phase connect" },
  { [[router.x { driver = "redirect", data = function(m) return m.smtp_command end }]], 4, "smtp_command is not known in phase route" },
  { [[router.x(function(m) return m.smtp_command and fail() end)]], 4, "smtp_command is not known in phase route" },
  { [[event.on("msg:delivery", function(m) logwrite(m.smtp_command) end)]], 4, "smtp_command is not known in phase event" },
  { [[acl.sub.x { deny { condition = function(m) return m.domain == "x" end } } acl.mail { deny { acl = "x" } }]], 4, "domain is not known in phase mail" },
  { [[acl.mail(function(m) m.sender_address = "x" end)]], 4, "sender_address cannot be assigned to; rules keep what is theirs in m.acl_c_NAME" },
  { [[acl.mail(function(m) return m.h_subject and deny() or nil end)]], 4, "header fields are read as m.header.NAME" },
  -- words
  { [[acl.mail(function(m) if check.domains("+local_domains") then return deny() end end)]], 4, "check.domains cannot be used in phase mail, only in rcpt" },
  { [[acl.connect(function(m) control.freeze() end)]], 4, "control.freeze cannot be used in phase connect" },
  { [[acl.quit(function(m) return deny "x" end)]], 4, "deny cannot be used in the quit ACL" },
  { [[acl.predata(function(m) return discard() end)]], 4, "discard cannot be used in the predata ACL" },
  { [[acl.connect(function(m) return accept { control = "freeze" } end)]], 4, "control.freeze cannot be used in phase connect" },
  { [[acl.mail(function(m) control.freeze("later") end)]], 4, 'control freeze takes no_tell, not "later"' },
  { [[acl.mail(function(m) return accept { control = "submission/keep" } end)]], 4, "control submission takes sender_retain, domain=NAME and name=TEXT" },
  { [[acl.mail(function(m) return accept { control = "freze" } end)]], 4, 'there is no control "freze", did you mean "freeze"?' },
  -- lists, ACLs, transports named in functions
  { [[acl.rcpt(function(m) if check.hosts("+relay_form") then return accept() end end)]], 4, 'there is no hostlist.relay_form, did you mean "relay_from"?' },
  { [[acl.rcpt(function(m) if check.domains("+relay_from") then return accept() end end)]], 4, "+relay_from is a hostlist, a domainlist is needed here" },
  { [[acl.rcpt(function(m) if domainlist.local_domain:has(m.domain) then return accept() end end)]], 4, 'there is no domainlist.local_domain, did you mean "local_domains"?' },
  { [[acl.rcpt(function(m) if check.verify("recipeint") then return accept() end end)]], 4, 'did you mean "recipient"?' },
  { [[acl.rcpt(function(m) if check.acl("nobody a b") then return accept() end end)]], 4, "there is no acl.sub.nobody" },
  { [[router.x(function(m) return route.to { transport = "bx", host = "192.0.2.1" } end)]], 4, 'there is no transport "bx", did you mean "box"?' },
  { [[acl.rcpt { deny { hosts = "+friends_of_mine" } }]], 4, "there is no hostlist.friends_of_mine: set hostlist.friends_of_mine = { ... } in a file of the same directory" },
  -- names
  { [[acl.rcpt(function(m) return denny "x" end)]], 4, 'there is no "denny", did you mean "deny"?' },
  { "acl.rcpt(function(m)\n  if m.domain == 'x' then return lcoal_thing end end)", 5, 'there is no "lcoal_thing"' },
  { [[acl.rcpt(function(m) print(m.domain) end)]], 4, "logwrite(text) writes to the log" },
  { [[acl.rcpt(function(m) return string.mtach(m.domain, "x") and deny() or nil end)]], 4, 'there is no string.mtach, did you mean "match"?' },
  { [[acl.rcpt(function(m) return lookup.try.lsearh("aliases", "x") and deny() or nil end)]], 4, 'did you mean "lsearch"?' },
  { [[acl.rcpt(function(m) count = (m.recipients_count) end)]], 4, 'global "count" is assigned to in a function: write `local`' },
  -- reach
  { "acl.rcpt {\n accept {},\n deny { message = 'x' } }", 6, "this is never reached: accept at" },
  { "acl.mail { deny 'no' }\nacl.mail(function(m) end)", 5, "this is never reached: deny at" },
  { [[acl.sub.x { drop {}, accept {} } acl.rcpt { deny { acl = "x" } }]], 4, "acl.sub.x: this is never reached" },
  -- Lua
  { [[acl.rcpt { deny { message = "a", senders = "b", message = "c" } }]], 4, '"message" is written twice in one table' },
  { "acl.rcpt {\n accept {}", 5, "expected" },
  { "acl.rcpt { deny { hosts = 'lsearch;/no/such/file' } }", 4, "/no/such/file" },
}

-- rule, line, what is said: exit status 0
local WARNINGS = {
  { "local function f(m) return m.domain end\nacl.mail(function(m) f(m) end)", 4, "domain is not known in phase mail, where this may run, too" },
  { "local function f(m) return m.domain end\nacl.mail(f) acl.rcpt(f)", 4, "domain is not known in phase mail" },
  { [[total = 5]], 4, '"total" is a global that no other file reads' },
  { [[local deny_all = 1 store = {}]], 4, 'global "store" is part of the library' },
  { [[acl.rcpt(function(m) return lookup.lsearch("/no/such/file", m.domain) and deny() or nil end)]], 4, "/no/such/file: No such file" },
  { [[acl.rcpt(function(m) return lookup.lsearch("/etc/x/" .. m.domain, "a") and deny() or nil end)]], 4, "put together with .." },
  { [[transport.y { driver = "appendfile", directory = function(m) return "/var/mail/" .. m.local_part end }]], 4, "put together with .." },
  { "local function dir(m)\n  return '/var/mail/' .. m.local_part\nend\ntransport.y { driver = 'appendfile', directory = dir }", 5, "put together with .." },
  { [[transport.y { driver = "pipe", command = function(m) return "/bin/x " .. m.local_part end }]], 4, '"command" is put together' },
  { [[acl.rcpt { deny { message = "550 no mail for $local_part@$domain" } }]], 4, "texts are not expanded: $local_part stays as it is; use m.local_part" },
  { [[acl.rcpt(function(m) return deny("550 ${sender_address} is unknown") end)]], 4, "use m.sender_address" },
  { [[acl.data { warn { log_message = "about $h_Subject:" } }]], 4, "use m.header.subject" },
  { [[acl.data { warn { log_message = "for $header_x-list:" } }]], 4, 'use m.header.x' },
  { "router.x { driver = 'redirect',\n  data = '$local_part@other.example' }", 5, "use m.local_part" },
  { [[transport.y { driver = "smtp", hosts = "relay.example:587" }]], 4, 'transport.y: hosts: "587" is a number and no host' },
  { [[transport.y { driver = "smtp", hosts = "587" }]], 4, "write the host's name or address" },
  { [[transport.y { driver = "smtp" } router.x { driver = "manualroute", route_list = { "* relay.example:587" }, transport = "y" }]], 4, 'for a port write "relay.example::587"' },
}

-- what must be left alone
local FINE = {
  [[rewrite.rule { "*@old.example", "${local_part}+$domain@example.org" }]],
  [[acl.rcpt(function(m) return m.local_part:find("x$domain") and deny("550 costs $5, $nothing, \\$domain") or nil end)]],
  [[transport.y { driver = "smtp", hosts = "relay.example : 192.0.2.1", port = 587 }]],
  [[acl.rcpt(function(m) local d = m.domain m.acl_m_x = d m.acl_c_y = 1 return m.acl_m_x and accept() or nil end)]],
  [[acl.mail(function(m) local ok = pcall(function() return m.domain end) return ok and accept() or nil end)]],
  [[acl.mail(function(m) m = { domain = 1 } if m.domain then return accept() end end)]],
  [[local function both(x, full) return full and x.domain or x.sender_address end acl.rcpt(function(m) both(m, true) end)]],
  [[local m = { adress = 1 } acl.rcpt(function() return m.adress == 2 and deny() or nil end)]],
  [[acl.rcpt { accept { domains = { "a.example", function(item, m) return item == m.domain end } } }]],
  [[acl.sub.x { accept { condition = function(m) return m.domain == "x" end } } acl.rcpt { accept { acl = "x" } }]],
  [[acl.sub.x { accept { condition = function(m) return m.domain == "x" end } } acl.rcpt(function(m) if check.acl("x") then return accept() end end)]],
  [[local rows = {} for i = 1, 3 do rows[i] = deny { senders = "a" .. i .. "@x" } end acl.mail(rows)]],
  [[local c = check acl.rcpt(function(m) if c.hosts("+relay_from") then return accept() end end)]],
  [[acl.rcpt { warn {}, demand { verify = "recipient" }, accept { condition = true }, deny {} }]],
  [[local t = setmetatable({}, { __index = function(t, k) return k end }) acl.rcpt(function(m) return t.anything == m.domain and deny() or nil end)]],
  [[acl.rcpt(function(m) goto out; ::out:: return nil end)]],
  [==[local a, b = 0x1p4, 1e-3 local s = 'it\'s' .. "\"" .. [=[ ]] ]=] acl.rcpt(function(m) return s == m.domain and deny() or nil end)]==],
  [[local function f(...) local x, y = ... return x end acl.rcpt(function(m) return f(m) and nil end)]],
  [[acl.rcpt(function(m) repeat local done = m.domain until done return nil end)]],
  [[acl.rcpt(function(m) for k, v in pairs(_G) do local _ = k end return rawget(_G, "nothing") end)]],
  [[router.x { driver = "redirect", condition = function(m) return m.local_part == "x" end, data = ":blackhole:" }]],
  [[acl.data(function(m) if m.header.subject == "x" and m.lheader["x-y"] then header.add("X: " .. #m.recipients) end end)]],
}

describe("check", function()
  for _, case in ipairs(ERRORS) do
    it("finds: " .. case[3] .. ": " .. case[1], function()
      local good, said = check(case[1])
      assert.is_false(good)
      local line = ("lua:%d: "):format(case[2])
      local found = false
      for text in said:gmatch "[^\n]+" do
        found = found or text:sub(1, #line) == line and not text:find("warning: ", 1, true) and text:find(case[3], 1, true)
      end
      assert(found, said)
    end)
  end

  it("a file that is not there is told of once", function()
    local _, said = check [[acl.rcpt { deny { domains = lookup.table.lsearch "/no/such/file" } }]]
    assert.equal(1, select(2, said:gsub("/no/such/file", "")))
    _, said = check [[acl.rcpt(function(m) return lookup.table.lsearch("/no/such/file") and nil end)]]
    assert.equal(1, select(2, said:gsub("/no/such/file", "")))
  end)

  for _, case in ipairs(WARNINGS) do
    it("warns: " .. case[3] .. ": " .. case[1], function()
      local good, said = check(case[1])
      assert(said:find(("lua:%d: warning: "):format(case[2]), 1, true) and said:find(case[3], 1, true), said)
      assert.is_true(good, said)
    end)
  end

  for _, text in ipairs(FINE) do
    it("says nothing of: " .. text, function()
      local good, said = check(text)
      assert.equal("", said)
      assert.is_true(good)
    end)
  end
end)

-- ---- relaying

local OUT = [[
domainlist.local_domains = { "example.org" } hostlist.relay_from = { "127.0.0.1", "203.0.113.0/24", "198.51.100.0/24" }
router.here { driver = "accept", domains = "+local_domains", transport = "box" }
router.dns { driver = "dnslookup", domains = "! +local_domains", transport = "remote" }
transport.box { driver = "appendfile", maildir_format = true, directory = "/box" }
transport.remote { driver = "smtp" }
]]
local function relays(acls, site, out)
  return world.check { lua = (out or OUT) .. "site { primary_hostname = \"mx.example.org\", " ..
    (site or 'listen = { "0.0.0.0:25", "[::]:587" }') .. " }\n" .. acls }
end

describe("check of relaying", function()
  it("shows the conversation when whoever says STARTTLS may relay", function()
    local good, said = relays('acl.rcpt { accept { encrypted = "*" } }', 'listen = "0.0.0.0:25", tls_certificate = function() return "/x.pem" end')
    assert.is_false(good, said)
    assert.truthy(said:find("lua:7: this relays for everyone", 1, true), said)
    assert.truthy(said:find("\n    C: STARTTLS\n    S: 220", 1, true), said)
  end)

  it("shows it when whoever comes to the port that begins with TLS may relay", function()
    local good, said = relays("acl.rcpt { accept { condition = function(m) return m.received_port == 465 and m.tls_in_ver ~= nil end } }",
      'listen = { "0.0.0.0:25", "0.0.0.0:465" }, tls_on_connect_ports = 465, tls_certificate = function() return "/x.pem" end')
    assert.is_false(good, said)
    assert.truthy(said:find("to port 465", 1, true), said)
  end)

  for title, acls in pairs {
    ["everything is accepted"] = "acl.rcpt { accept {} }",
    ["a forged sender of ours is believed"] = 'acl.rcpt { accept { senders = "*@example.org" }, deny { domains = "! +local_domains" } }',
    ["a sender that rules name is believed"] = 'acl.rcpt { accept { sender_domains = "partner.example" }, deny { domains = "! +local_domains" } }',
    ["a name in HELO is believed"] = 'acl.rcpt(function(m) if m.sender_helo_name == "mx.partner.example" then return accept() end end)',
    ["the null sender may go anywhere"] = 'acl.rcpt { accept { senders = ":" }, deny { domains = "! +local_domains" } }',
    ["port 587 trusts everybody"] = "acl.rcpt(function(m) if m.received_port == 587 then return accept() end end)",
    ["strangers wait a while first"] = 'acl.rcpt(function(m) local t = store.get("g", "x") if not t then store.put("g", "x", m.tod_epoch) ' ..
      'return defer "451 later" end if m.tod_epoch - store.get("g", "x") < 600 then return defer "451 later" end return accept() end)',
    ["a verified sender may go anywhere"] = 'acl.rcpt { accept { verify = "sender" } }',
  } do
    it("shows the conversation when " .. title, function()
      local good, said = relays(acls)
      assert.is_false(good, said)
      assert.truthy(said:find("lua:7: this relays for everyone", 1, true), said)
      assert.truthy(said:find("\n    C: RCPT TO:<someone@far-away.example>\n    S: 250", 1, true), said)
      assert.truthy(said:find("is sent on by transport remote", 1, true), said)
    end)
  end

  for title, acls in pairs {
    ["strangers are refused"] = 'acl.rcpt { accept { hosts = "+relay_from" }, deny { domains = "! +local_domains" }, accept {} }',
    ["only who has authenticated may"] = 'acl.rcpt { accept { authenticated = "*" }, accept { domains = "+local_domains" } }',
    ["nothing is said of recipients"] = "acl.mail { accept {} }",
    ["the content is refused"] = 'acl.rcpt { accept {} } acl.data { deny "no" }',
  } do
    it("is content when " .. title, function()
      local good, said = relays(acls)
      assert.equal("", said)
      assert.is_true(good)
    end)
  end

  it("sees a smart host, too", function()
    local good, said = relays("acl.rcpt { accept {} }", nil, OUT:gsub("router.dns[^\n]*",
      'router.smart { driver = "manualroute", transport = "remote", route_list = "* relay.isp.example" }'))
    assert.is_false(good)
    assert.truthy(said:find("is sent on by transport remote to relay.isp.example", 1, true), said)
  end)

  it("is content where mail for everyone stays here", function()
    local good, said = relays("acl.rcpt { accept {} }", nil, [[router.all { driver = "accept", transport = "box" }
transport.box { driver = "appendfile", maildir_format = true, directory = "/box" }
]])
    assert.equal("", said)
    assert.is_true(good)
  end)

  it("is content where nobody outside can reach us", function()
    assert.is_true((relays("acl.rcpt { accept {} }", 'listen = { "127.0.0.1:25", "[::1]:25" }')))
  end)

  it("only warns where the site means to", function()
    local good, said = relays("acl.rcpt { accept {} }", 'listen = { "0.0.0.0:25" }, open_relay = true')
    assert.is_true(good)
    assert.truthy(said:find("lua:7: warning: this relays for everyone", 1, true), said)
  end)
end)

-- ---- what is shipped

describe("check of what is shipped", function()
  for _, dir in ipairs { "rules", "examples/minimal", "examples/mx", "examples/submission", "examples/smarthost", "examples/filter" } do
    it("finds no error in " .. dir, function()
      local good, said = world.check { rules = dir }
      -- the certificate is the reader's to put there
      assert(good or dir == "examples/submission" and said:find("^[^\n]*submit.example.org.pem[^\n]*\n$"), said)
    end)
  end

  -- files to drop into a rule set
  local list = io.popen "ls examples/greylist/*.lua examples/samples/*.lua"
  for path in list:lines() do
    it("finds no error in " .. path, function()
      local good, said = world.check { rules = { "rules/00-site.lua", "rules/20-relay.lua", "rules/40-mailboxes.lua", "rules/50-remote.lua", path } }
      for line in said:gmatch "[^\n]+" do
        -- a relay's own end comes first here, and a sample may be about it
        assert(good or line:find("warning: ", 1, true) or line:find("is never reached", 1, true) or line:find("is set twice", 1, true), said)
      end
    end)
  end
  list:close()
end)
