-- transports: what every driver does alike, and what smtp and lmtp say

local world = require "perigee.world"

local RULES = [[
router.here { driver = "accept", domains = "+local_domains", local_part_prefix = "real-", local_part_prefix_optional = true,
              local_part_suffix = "+*", local_part_suffix_optional = true, transport = "box" }
router.out  { driver = "manualroute", transport = "remote", route_list = { "* 192.0.2.1" }, local_part_suffix = "+*",
              local_part_suffix_optional = true }
acl.rcpt { accept {} }
]]

local function new(lua)
  if not lua:find("transport.box", 1, true) then
    lua = lua .. 'transport.box { driver = "appendfile", directory = "/mail/box", maildir_format = true }\n'
  end
  if not lua:find("transport.remote", 1, true) then lua = lua .. 'transport.remote { driver = "smtp" }\n' end
  return world.new { rules = { "spec/accept/site.lua" }, lua = RULES .. lua }
end

local function places(w)
  local list = {}
  for i, d in ipairs(w:deliveries()) do list[i] = d.transport .. " " .. (d.file or d.host or "") end
  return table.concat(list, ", ")
end

describe("a shadow transport", function()
  local BOX = 'transport.box { driver = "appendfile", directory = "/mail/box", maildir_format = true, shadow_transport = "copy"%s }\n'
    .. 'transport.copy { driver = "appendfile", file = "/mail/copies" }\n'

  it("is given a copy of what was delivered, and the line says so", function()
    local w = new(BOX:format "")
    w:send { to = "ann@example.org" }
    assert.equals("box /mail/box, copy /mail/copies", places(w))
    assert.logged(w, "=> ann <ann@example.org> R=here T=box ST=copy")
    assert.equals(0, #w:queue())
  end)

  it("is left out where its condition says no", function()
    local w = new(BOX:format ', shadow_condition = function(m) return m.local_part == "bob" end')
    w:send { to = "ann@example.org" }
    w:send { to = "bob@example.org" }
    assert.equals("box /mail/box, box /mail/box, copy /mail/copies", places(w))
  end)

  it("that fails changes nothing but the line", function()
    local w = new('transport.box { driver = "appendfile", directory = "/mail/box", maildir_format = true, shadow_transport = "copy" }\n'
      .. 'transport.copy { driver = "pipe", command = "/bin/cat" }\n')
    w:send { to = "ann@example.org" }
    assert.logged(w, "T=box ST=copy(no programs in a hermetic world: a spec says")
    assert.equals(0, #w:queue())
  end)

  it("must be there and be a local one", function()
    local ok, why = world.load { rules = { "spec/accept/site.lua" },
      lua = 'transport.a { driver = "pipe", command = "/bin/cat", shadow_transport = "b" }\ntransport.b { driver = "smtp" }' }
    assert.falsy(ok)
    assert.truthy(why:find('the shadow transport "b" is no local one', 1, true), why)
    ok, why = world.load { rules = { "spec/accept/site.lua" }, lua = 'transport.a { driver = "smtp", shadow_transport = "mailbox" }' }
    assert.falsy(ok)
    assert.truthy(why:find("shadow_transport is for", 1, true), why)
  end)
end)

describe("a transport", function()
  it("with disable_logging leaves no line of what it delivered", function()
    local w = new 'transport.box { driver = "appendfile", directory = "/mail/box", maildir_format = true, disable_logging = true }'
    w:send { to = "ann@example.org" }
    assert.equals(1, #w:deliveries())
    for _, line in ipairs(w:log()) do assert.falsy(line:find("=>", 1, true), line) end
    assert.logged(w, "Completed")
  end)

  it("hands the local part over without its affixes, or with them under rcpt_include_affixes", function()
    for _, row in ipairs { { "", "RCPT TO:<Ann@far.example>" }, { ", rcpt_include_affixes = true", "RCPT TO:<Ann+news@far.example>" } } do
      local w = new('transport.remote { driver = "smtp"' .. row[1] .. " }")
      w:peer("192.0.2.1", {})
      w:send { to = "Ann+news@far.example" }
      assert.truthy(w:heard("192.0.2.1"):find(row[2], 1, true), w:heard "192.0.2.1")
    end
  end)

  it("with max_parallel makes others wait for their turn, and all are delivered", function()
    local w = new 'transport.remote { driver = "smtp", max_parallel = 1, max_rcpt = 1 }'
    w:peer("192.0.2.1", {})
    w:send { to = { "a@far.example", "b@far.example", "c@far.example", "d@far.example" } }
    assert.equals(0, #w:queue())
    assert.logged(w, "=> d@far.example")
  end)
end)

describe("smtp", function()
  it("asks an LMTP server to ignore quotas only if it offers that", function()
    for _, row in ipairs { { "", false }, { "250-IGNOREQUOTA\r\n", true } } do
      local w = new 'transport.remote { driver = "smtp", protocol = "lmtp", port = 24, lmtp_ignore_quota = true }'
      w:peer("192.0.2.1:24", { lhlo = "250-far\r\n" .. row[1] .. "250 8BITMIME" })
      w:send { to = "ann@far.example" }
      local heard = w:heard "192.0.2.1:24"
      assert.truthy(heard:find("RCPT TO:<ann@far.example>", 1, true), heard)
      assert.equals(row[2], heard:find("IGNOREQUOTA", 1, true) ~= nil, heard)
    end
  end)

  it("looks at no more addresses than hosts_max_try_hardlimit", function()
    local w = world.new { rules = { "spec/accept/site.lua" }, lua = [[
router.out { driver = "manualroute", transport = "remote", route_list = { "* 192.0.2.1:192.0.2.2:192.0.2.3" } }
transport.remote { driver = "smtp", hosts_max_try = 5, hosts_max_try_hardlimit = 2 }
acl.rcpt { accept {} }]] }
    for i = 1, 3 do w:peer("192.0.2." .. i, { refuse = "" }) end
    w:send { to = "ann@far.example" }
    local text = table.concat(w:log(), "\n")
    assert.truthy(text:find("192.0.2.2", 1, true), text)
    assert.falsy(text:find("192.0.2.3", 1, true), text)
  end)

  it("does not try a host beyond its schedule for each message, unless delay_after_cutoff is off", function()
    for _, row in ipairs { { "", "retry time not reached for any host after a long failure period" },
                           { ", delay_after_cutoff = false", "Connection refused" } } do
      local w = world.new { rules = { "spec/accept/site.lua" }, lua = [[
router.here { driver = "accept", domains = "+local_domains", transport = "mailbox" }
router.out { driver = "manualroute", transport = "remote", route_list = { "* 192.0.2.1" } }
retry.rule { "*", "*", "F,1h,10m" }
acl.rcpt { accept {} }
transport.remote { driver = "smtp"]] .. row[1] .. " }" }
      w:peer("192.0.2.1", { refuse = "" })
      w:send { from = "bob@example.org", to = "first@far.example" }
      w:advance "65m"
      assert.logged(w, "** first@far.example")
      w:send { from = "bob@example.org", to = "second@far.example" }
      local line
      for _, l in ipairs(w:log()) do line = l:find("second@far.example", 1, true) and l:find("R=out", 1, true) and l or line end
      assert.truthy(line:find(row[2], 1, true), line)
      assert.equals(row[1] == "", line:find("** second@far.example", 1, true) ~= nil, line)
    end
  end)

  it("knows the names of DSCP", function()
    local ok, why = world.load { rules = { "spec/accept/site.lua" }, lua = 'transport.a { driver = "smtp", dscp = "af99" }' }
    assert.falsy(ok)
    assert.truthy(why:find('dscp "af99" is neither', 1, true), why)
    assert.truthy(world.load { rules = { "spec/accept/site.lua" }, lua = 'transport.a { driver = "smtp", dscp = "AF11" }' })
  end)
end)

describe("appendfile", function()
  it("writes batched SMTP under use_bsmtp", function()
    local w = new 'transport.box { driver = "appendfile", file = "/mail/batch", use_bsmtp = true }'
    w:send { to = "ann@example.org", text = "Subject: x\n\n.dot\n" }
    assert.equals("box /mail/batch", places(w))
  end)

  it("refuses what cannot be meant", function()
    for option, text in pairs {
      ['create_file = "somewhere"'] = "none of anywhere",
      ['file_format = { "From " }'] = "takes a table of pairs",
      ['file_format = { "From ", "nobody" }'] = 'there is no transport "nobody"',
      ['quota_warn_threshold = "much"'] = "takes a size, or a percentage",
      ["mailstore_format = true"] = "is for a directory",
      ["mbx_format = true"] = "does not apply",
    } do
      local ok, why = world.load { rules = { "spec/accept/site.lua" },
        lua = 'transport.a { driver = "appendfile", file = "/mail/x", ' .. option .. " }" }
      assert.falsy(ok, option)
      assert.truthy(why:find(text, 1, true), why)
    end
  end)
end)
