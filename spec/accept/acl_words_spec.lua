-- dnslists, ratelimit and seen, asked by whole sessions; the examples of docs/guide/acl-words.md.
local world = require "perigee.world"

local CLIENT = "203.0.113.9"

-- What one recipient is told: the reply's text without its codes.
local function rcpt(w, facts)
  facts = facts or {}
  local s = w:session { client = facts.client or CLIENT, helo = facts.helo }
  local reply = s:mail(facts.from or "a@there.example", facts.params)
  if reply.code == 250 then reply = s:rcpt(facts.to or "b@example.org") end
  s:close()
  return reply
end

-- A world with one statement whose refusal says what the variables hold.
local function listing(value, zone)
  return world.new { zone = zone, lua = "acl.rcpt { deny { dnslists = " .. value .. [[, message = function(m)
    return "550 5.7.1 " .. table.concat({ m.dnslist_domain, m.dnslist_matched, m.dnslist_value or "-", m.dnslist_text or "-" }, "|")
  end }, accept {} }]] }
end

local ZONE = [[
9.113.0.203.one.example. A 127.0.0.2
9.113.0.203.one.example. A 127.0.0.7
9.113.0.203.one.example. TXT "reason" " in two parts"
9.113.0.203.sold.example. A 192.0.2.1
9.113.0.203.late.example. TIMEOUT
9.113.0.203.broken.example. SERVFAIL
9.113.0.203.joined.example. A 127.0.0.2
9.113.0.203.text.example. A 127.0.0.9
9.113.0.203.text.example. TXT "from the text list"
there.example.rhs.example. A 127.0.0.2
mx.rhs.example. A 127.0.0.3
9.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.one.example. A 127.0.0.6
5.2.0.192.one.example. A 127.0.0.5
]]

describe("dnslists", function()
  -- { the list, what the refusal says (nil: it is not in the list) }
  local rows = {
    { '"one.example"', "one.example|203.0.113.9|127.0.0.2, 127.0.0.7|reason in two parts" },
    { '"none.example"' },
    { '"none.example : one.example"', "one.example|" },
    { '{ "none.example", "one.example" }', "one.example|" },
    { '"<; none.example ; one.example"', "one.example|" },
    { '"one.example=127.0.0.2"', "one.example|" },
    { '"one.example=127.0.0.9,127.0.0.7"', "one.example|" },
    { '"one.example=127.0.0.9"' },
    { '"one.example==127.0.0.2"' },
    { '"one.example==127.0.0.2,127.0.0.7"', "one.example|" },
    { '"one.example!=127.0.0.2"' },
    { '"one.example!=127.0.0.9"', "one.example|" },
    { '"one.example!==127.0.0.2"', "one.example|" },
    { '"one.example!==127.0.0.2,127.0.0.7"' },
    { '"one.example&0.0.0.5"', "one.example|" },
    { '"one.example&0.0.0.8"' },
    { '"one.example&0.0.0.8,0.0.0.1"', "one.example|" },
    { '"one.example=&0.0.0.2"', "one.example|" },
    { '"one.example=&0.0.0.5"' },
    { '"one.example!&0.0.0.2"' },
    { '"one.example!&0.0.0.8"', "one.example|" },
    { '"one.example!=&0.0.0.5"', "one.example|" },
    { '"none.example!=127.0.0.2"' },
    { '"sold.example"' },
    { '"late.example : one.example"', "one.example|" },
    { '"+include_unknown : broken.example"', "broken.example|203.0.113.9|-|-" },
    { '"+include_unknown : +exclude_unknown : broken.example"' },
    { '"text.example,joined.example=127.0.0.2"', "text.example|203.0.113.9|127.0.0.9|from the text list" },
    { '"text.example,joined.example=127.0.0.3"' },
    { '"none.example,joined.example"' },
    { '"one.example/192.0.2.5"', "one.example|192.0.2.5|127.0.0.5|-" },
    { '{ "one.example/<; 2001:db8::9" }', "one.example|2001:db8::9|127.0.0.6|-" },
    { '"<; one.example/<| 2001:db8::9 | x.example"', "one.example|2001:db8::9|127.0.0.6|-" },
    { '"rhs.example/x.example::mx"', "rhs.example|mx|127.0.0.3|-" },
    { '{ "rhs.example", key = function(m) return m.sender_address_domain end }', "rhs.example|there.example|127.0.0.2|-" },
    { '{ "rhs.example", keys = function(m) return { "", "x", "mx" } end }', "rhs.example|mx|127.0.0.3|-" },
    { 'function() return "one.example=127.0.0.7" end', "one.example|" },
    { 'function() return nil end' },
  }

  for _, row in ipairs(rows) do
    it((row[2] and "holds for " or "does not hold for ") .. row[1], function()
      local w = listing(row[1], ZONE)
      local reply = rcpt(w)
      if row[2] then assert.reply(reply, "550 5.7.1 " .. row[2]) else assert.reply(reply, "250") end
    end)
  end

  it("asks for the nibbles of an IPv6 client", function()
    assert.reply(rcpt(listing('"one.example"', ZONE), { client = "2001:db8::9" }), "550 5.7.1 one.example|2001:db8::9|127.0.0.6|-")
  end)

  it("defers what could not be found out after +defer_unknown, and logs what it assumed otherwise", function()
    assert.reply(rcpt(listing('"+defer_unknown : broken.example : one.example"', ZONE)), "451")
    assert.reply(rcpt(listing('"one.example : +defer_unknown : broken.example"', ZONE)), "550 5.7.1 one.example")
    local w = listing('"broken.example"', ZONE)
    assert.reply(rcpt(w), "250")
    assert.logged(w, "DNS list lookup defer for 9.113.0.203.broken.example: assumed not in list")
  end)

  it("logs an answer from outside of 127.0.0.0/8", function()
    local w = listing('"sold.example"', ZONE)
    rcpt(w)
    assert.logged(w, "9.113.0.203.sold.example returned 192.0.2.1: not in 127.0.0.0/8, ignored")
  end)

  it("stands in functions, and its opposite in both forms", function()
    local w = world.new { zone = ZONE, lua = [[
      acl.mail { deny { not_dnslists = "one.example", message = "550 5.7.1 not there" }, accept {} }
      acl.rcpt(function(m)
        if check.not_dnslists("one.example") then return deny("550 no") end
        if check.dnslists("none.example", "one.example=127.0.0.7") and check.dnslists("rhs.example", { key = "mx" }) then
          return deny("550 5.7.1 " .. m.dnslist_matched)
        end
      end)]] }
    assert.reply(rcpt(w), "550 5.7.1 mx")
    assert.reply(rcpt(w, { client = "203.0.113.10" }), "550 5.7.1 not there")
  end)

  it("takes hostile keys for what they are: names that do not exist", function()
    local w = world.new { zone = ZONE, lua = [[
      acl.helo { deny { dnslists = { "one.example", key = function(m) return m.sender_helo_name end } } }
      acl.rcpt { deny { dnslists = { "one.example", keys = function() return { ("a"):rep(300), "a..b", ".", "a b", "\0", ("a."):rep(200), "*" } end } },
                 accept {} }]] }
    assert.reply(rcpt(w, { helo = ("x"):rep(60) .. ".example" }), "250")
    assert.equal(0, #w:log "panic")
  end)

  it("asks at most 200 names", function()
    local w = listing('{ "one.example", keys = function() local t = {} for i = 1, 201 do t[i] = "k" .. i end return t end }', ZONE)
    assert.reply(rcpt(w), "451")
    assert.logged(w, "201 names to look up are too many; the most is 200")
  end)

  local wrong = {
    { '"one.example=300.1.1.1"', '"300.1.1.1" is no IPv4 address' }, { '"one.example="', "an address is missing" },
    { '"one example"', "is no domain of a list" }, { '"+defer_unknwon : x.example"', 'did you mean "+defer_unknown"?' },
    { '{ "x.example", kye = "a" }', 'did you mean "key"?' }, { '""', "the list is empty" },
  }
  for _, row in ipairs(wrong) do
    it("says what is wrong with " .. row[1], function()
      local ok, why = world.load { lua = "acl.rcpt { deny {\n dnslists = " .. row[1] .. " } }" }
      assert.is_nil(ok)
      assert.truthy(why:find("lua:2: ", 1, true), why)
      assert.truthy(why:find(row[2], 1, true), why)
    end)
  end
end)

-- ---- ratelimit

local function limited(statement, phase)
  return world.new { lua = "acl." .. (phase or "rcpt") .. " { deny { ratelimit = " .. statement .. [[,
    message = function(m) return "550 5.7.1 " .. m.sender_rate .. " of " .. m.sender_rate_limit .. " in " .. m.sender_rate_period end },
    accept {} }]] .. (phase and "acl.rcpt { accept {} }" or "") }
end

local function passed(w, n, facts)
  local count = 0
  for _ = 1, n do if rcpt(w, facts).code == 250 then count = count + 1 end end
  return count
end

describe("ratelimit", function()
  it("lets a burst as large as the limit in, and then one whenever its share of the period has passed", function()
    local w = limited '"5 / 1h"'
    assert.equal(5, passed(w, 20))
    w:advance "15m"
    assert.equal(1, passed(w, 5))
    assert.equal(5, passed(w, 20, { client = "203.0.113.77" }))
  end)

  it("says the rate, the limit and the period", function()
    local w = limited '"2 / 1h / strict"'
    passed(w, 2)
    assert.reply(rcpt(w), "550 5.7.1 3.0 of 2 in 1h")
  end)

  it("keeps out who goes on if strict, and lets him in at the limit if leaky, over a week", function()
    local strict, leaky = limited '"24 / 1d / strict"', limited '"24 / 1d"'
    local inside = { strict = 0, leaky = 0 }
    for _ = 1, 7 * 24 * 4 do
      for name, w in pairs { strict = strict, leaky = leaky } do
        if rcpt(w).code == 250 then inside[name] = inside[name] + 1 end
        w:advance "15m"
      end
    end
    assert.truthy(inside.strict >= 24 and inside.strict < 40, inside.strict)
    assert.truthy(inside.leaky > 150 and inside.leaky < 210, inside.leaky)
  end)

  it("forgets in time", function()
    local w = limited '"2 / 1h / strict"'
    passed(w, 50)
    w:advance "12h"
    assert.equal(2, passed(w, 5))
  end)

  it("counts a message once, however many recipients and ACLs ask", function()
    local w = world.new { lua = [[
      acl.mail { deny { ratelimit = "3 / 1h" }, accept {} }
      acl.rcpt { deny { ratelimit = "3 / 1h" }, accept {} }
      acl.data { deny { ratelimit = "3 / 1h" } }
      router.r { driver = "redirect", data = ":blackhole:" }]] }
    for _ = 1, 3 do assert.reply(w:send { to = { "a@x.example", "b@x.example", "c@x.example" } }, "250") end
    assert.reply(w:send { to = "a@x.example" }, "550")
  end)

  it("counts recipients, one by one or all of a message", function()
    local w = limited '"4 / 1h / per_rcpt"'
    local s = w:session()
    s:mail "a@there.example"
    for i = 1, 4 do assert.reply(s:rcpt("u" .. i .. "@x.example"), "250") end
    assert.reply(s:rcpt "u5@x.example", "550 5.7.1 5.0")
    w = limited('"4 / 1h / per_rcpt"', "data")
    s = w:session()
    s:mail "a@there.example"
    for i = 1, 5 do s:rcpt("u" .. i .. "@x.example") end
    assert.reply(s:data "Subject: x\n\nx\n", "550 5.7.1 5.0")
  end)

  it("counts different recipients", function()
    local w = limited '"3 / 1h / per_addr"'
    for _ = 1, 10 do assert.equal(1, passed(w, 1, { to = "same@example.org" })) end
    assert.equal(1, passed(w, 1, { to = "SAME@example.org" }))
    assert.equal(1, passed(w, 1, { to = "b@example.org" }))
    assert.equal(1, passed(w, 1, { to = "c@example.org" }))
    assert.equal(0, passed(w, 1, { to = "d@example.org" }))
  end)

  it("counts connections, bytes and commands", function()
    local w = limited('"2 / 1h / per_conn"', "connect")
    assert.equal(2, passed(w, 5))
    w = limited '"2000 / 1h / per_byte"'
    assert.equal(1, passed(w, 1, { params = "SIZE=1500" }))
    assert.equal(0, passed(w, 1, { params = "SIZE=1500" }))
    w = limited '"2 / 1h / per_cmd"'
    local s = w:session()
    s:mail "a@there.example"
    for i = 1, 3 do assert.reply(s:rcpt "u@x.example", i < 3 and "250" or "550") end
  end)

  it("counts as much as it is told to", function()
    assert.equal(2, passed(limited '"5 / 1h / count=2"', 9))
    assert.equal(2, passed(limited '{ "5 / 1h", count = function() return 2 end }', 9))
    assert.equal(9, passed(limited '{ "5 / 1h", count = 0 }', 9))
  end)

  it("lets nobody in at a limit of 0, and takes K for 1024", function()
    assert.equal(0, passed(limited '"0 / 1h"', 3))
    assert.reply(rcpt(limited '{ "1K / 1h", count = 1023 }'), "250")
    assert.reply(rcpt(limited '{ "1K / 1h", count = 1024 }'), "550")
  end)

  it("reads without counting", function()
    local w = world.new { lua = [[
      acl.mail { deny { ratelimit = "3 / 1h / per_cmd / readonly" }, accept {} }
      acl.rcpt { warn { ratelimit = "1000 / 1h / per_cmd / strict" }, accept {} }]] }
    assert.equal(3, passed(w, 9))
    w = limited '"2 / 1h / noupdate"'
    assert.equal(9, passed(w, 9))
  end)

  it("has a rate for each key; what a sender calls himself is no option", function()
    local w = limited '{ "2 / 1h", key = function(m) return m.sender_address end }'
    assert.equal(2, passed(w, 9, { from = "x/readonly@there.example" }))
    assert.equal(2, passed(w, 9, { from = "x/count=0@there.example" }))
    assert.equal(2, passed(w, 9, { from = ("l"):rep(60) .. "@" .. ("d."):rep(80) .. "example" }))
  end)

  it("holds for several limits if all hold, and not_ turns it round", function()
    assert.equal(5, passed(limited '{ "2 / 1h", "5 / 1d" }', 9))
    local w = world.new { lua = 'acl.rcpt { accept { not_ratelimit = "2 / 1h" }, deny {} }' }
    assert.equal(2, passed(w, 9))
  end)

  it("is shared by sessions and survives a reload", function()
    local rules = 'acl.rcpt { deny { ratelimit = "3 / 1h" }, accept {} }'
    local w = world.new { lua = rules }
    assert.equal(2, passed(w, 2))
    assert.truthy(w:reload { lua = rules })
    assert.equal(1, passed(w, 9))
  end)

  local wrong = {
    { "rcpt", '"x / 1h"', '"x" is no limit' }, { "rcpt", '"5"', "is no period" }, { "rcpt", '"5 / 0s"', "is no period" },
    { "rcpt", '"5 / 1h / per_rctp"', 'did you mean "per_rcpt"?' }, { "rcpt", '"5 / 1h / count=-1"', "is no number to count by" },
    { "rcpt", '"5 / 1h / strict / leaky"', "does not go with" }, { "data", '"5 / 1h / per_addr"', "per_addr counts in the rcpt ACL only" },
    { "mail", '"5 / 1h / per_rcpt"', "per_rcpt counts where recipients are known" }, { "rcpt", "5", "is a text such as" },
    { "rcpt", '{ "5 / 1h", kye = 1 }', 'did you mean "key"?' }, { "rcpt", '{ key = "x" }', "a limit is missing" },
  }
  for _, row in ipairs(wrong) do
    it("says what is wrong with " .. row[2], function()
      local ok, why = world.load { lua = "acl." .. row[1] .. " { deny {\n ratelimit = " .. row[2] .. " } }" }
      assert.is_nil(ok)
      assert.truthy(why:find("lua:2: ", 1, true), why)
      assert.truthy(why:find(row[3], 1, true), why)
    end)
  end
end)

-- ---- seen

describe("seen", function()
  local function greylist(more)
    return world.new { lua = 'acl.rcpt { defer { not_seen = { "-5m' .. (more or "") .. [[", key = function(m)
      return m.sender_host_address .. " " .. m.sender_address end } }, accept {} }]] }
  end

  it("holds a stranger up for five minutes, and then lets him in", function()
    local w = greylist()
    assert.reply(rcpt(w), "451")
    w:advance "299s"
    assert.reply(rcpt(w), "451")
    w:advance "1s"
    assert.reply(rcpt(w), "250")
    assert.reply(rcpt(w), "250")
    assert.reply(rcpt(w, { from = "other@there.example" }), "451")
    w:advance "9d"
    assert.reply(rcpt(w), "250")
    w:advance "45d"
    assert.reply(rcpt(w), "451")
  end)

  it("renews an old time after refresh", function()
    local w = greylist " / refresh=1h"
    rcpt(w)
    w:advance "1h"
    assert.reply(rcpt(w), "250")
    assert.reply(rcpt(w), "451")
  end)

  it("knows who was here within a time, and notes it anew", function()
    local w = world.new { lua = 'acl.rcpt { accept { seen = "1h" }, deny {} }' }
    assert.reply(rcpt(w), "550")
    for _ = 1, 3 do
      w:advance "59m"
      assert.reply(rcpt(w), "250")
    end
    w:advance "61m"
    assert.reply(rcpt(w), "550")
  end)

  it("reads only, or writes in any case, when told so", function()
    local w = world.new { lua = [[acl.rcpt(function()
      if check.seen("1h / readonly") then return deny() end
      if check.seen("-5m / write", { key = "w" }) then return deny("550 5.7.1 idle") end
      return accept() end)]] }
    for _ = 1, 3 do
      assert.reply(rcpt(w), "250")
      w:advance "4m"
    end
    w:advance "1m"
    assert.reply(rcpt(w), "550 5.7.1 idle")
  end)

  for _, row in ipairs { { '"soon"', "is no time" }, { '"-5m / readwrite"', "there is no option" }, { '{ "5m", "6m" }', "one text and options" },
                         { '"5m / write / readonly"', "does not go with" }, { '{ "5m", kye = "" }', 'did you mean "key"?' } } do
    it("says what is wrong with " .. row[1], function()
      local ok, why = world.load { lua = "acl.rcpt { deny {\n seen = " .. row[1] .. " } }" }
      assert.is_nil(ok)
      assert.truthy(why:find("lua:2: ", 1, true), why)
      assert.truthy(why:find(row[2], 1, true), why)
    end)
  end
end)

-- ---- the guide

describe("docs/guide/acl-words.md", function()
  local f = assert(io.open "docs/guide/acl-words.md")
  local text = f:read "*a"
  f:close()
  local example = {}
  for block in text:gmatch "```lua\n(.-)```" do example[#example + 1] = block end

  it("dnslists: refuses with the list's reason, and by the sender's domain", function()
    local w = world.new { lua = example[1], zone = [[
9.113.0.203.zen.example. A 127.0.0.4
9.113.0.203.zen.example. TXT "open proxy"
10.113.0.203.bl.example. A 127.0.0.9
spam.example.rhs.example. A 127.0.0.2]] }
    assert.reply(rcpt(w), "550 5.7.1 203.0.113.9 is in zen.example: open proxy")
    assert.reply(rcpt(w, { client = "203.0.113.10" }), "250")
    assert.reply(rcpt(w, { client = "203.0.113.10", from = "a@spam.example" }), "550 5.7.1 we take no mail from that domain")
  end)

  it("ratelimit: twenty messages an hour", function()
    local w = world.new { lua = example[2] .. "acl.rcpt { accept {} }" }
    assert.equal(20, passed(w, 25))
    assert.reply(rcpt(w), "450 4.7.1 you send at 26.0 messages in 1h, the most is 20")
    assert.equal(25, passed(w, 25, { client = "10.0.0.1" }))
  end)

  it("all of them load", function()
    for i = 3, #example do assert.truthy(world.load { lua = example[i] }) end
  end)

  it("seen: greylisting", function()
    local w = world.new { lua = example[4] .. "acl.rcpt { accept {} }" }
    assert.reply(rcpt(w), "451 4.7.1 we have not met yet")
    w:advance "5m"
    assert.reply(rcpt(w), "250")
  end)
end)

-- ---- udpsend, log_reject_target, controls debug and dscp

describe("log_reject_target", function()
  local function refused_in(target)
    local w = world.new { lua = 'acl.rcpt { warn { log_reject_target = ' .. target .. ' }, deny { log_message = "that one" } }' }
    rcpt(w)
    local found = {}
    for _, file in ipairs { "main", "reject", "panic" } do if w:logged("that one", file) then found[#found + 1] = file end end
    return table.concat(found, " ")
  end

  it("says where refusals are logged", function()
    assert.equal("main reject", refused_in '"main:reject"')
    assert.equal("main", refused_in '"main"')
    assert.equal("reject panic", refused_in '{ "rejectlog", "paniclog" }')
    assert.equal("", refused_in '""')
  end)

  it("holds for the rest of its ACL only, and is a function too", function()
    local w = world.new { lua = [[
      acl.mail { warn { log_reject_target = "" }, accept {} }
      acl.rcpt(function(m)
        if m.local_part == "quiet" then log_reject_target("reject") end
        return deny { log_message = "no " .. m.local_part }
      end)]] }
    rcpt(w, { to = "loud@example.org" })
    rcpt(w, { to = "quiet@example.org" })
    assert.truthy(w:logged "no loud")
    assert.is_nil(w:logged "no quiet")
    assert.truthy(w:logged("no quiet", "reject"))
  end)

  it("names logs there are", function()
    local ok, why = world.load { lua = 'acl.rcpt { deny { log_reject_target = "mian" } }' }
    assert.is_nil(ok)
    assert.truthy(why:find('there is no log "mian"', 1, true), why)
  end)
end)

describe("control = debug", function()
  it("writes down a session: commands, what rules say, replies; until it is stopped", function()
    local w = world.new { lua = [[
      acl.mail { accept { control = "debug/tag=.ann" } }
      acl.rcpt { warn { local_parts = "stop", control = "debug/stop" }, deny { local_parts = "bad", message = "550 5.1.1 no" }, accept {} }]] }
    local s = w:session()
    s:mail "a@there.example"
    s:rcpt "bad@example.org"
    s:rcpt "stop@example.org"
    s:rcpt "after@example.org"
    assert.logged(w, "debug: session (client.example) [203.0.113.9]")
    assert.logged(w, "debug: command RCPT TO:<bad@example.org>")
    assert.logged(w, "debug: rules rcpt: deny: 550 5.1.1 no")
    assert.logged(w, "debug: reply 550 5.1.1 no")
    assert.is_nil(w:logged "after@example.org")
  end)

  it("takes safe names only, and says what it has no use for", function()
    for option, text in pairs { ["tag=a b"] = "letters, digits", ["tag=../x"] = "tag=NAME, stop and kill", ["opts=+all"] = "a debug file has one form", ["trigger=now"] = "begin it where it is wanted" } do
      local ok, why = world.load { lua = 'acl.mail { accept { control = "debug/' .. option .. '" } }' }
      assert.is_nil(ok)
      assert.truthy(why:find(text, 1, true), why)
    end
  end)
end)

describe("control = dscp, udpsend", function()
  it("take what they are meant for", function()
    assert.truthy(world.load { lua = [[
      acl.connect { accept { control = "dscp/af11", udpsend = { server = "192.0.2.1", port = 9999, text = function(m) return m.sender_host_address end } } }
      acl.mail { accept { control = "dscp/46", udpsend = "<; 2001:db8::1 ; 9999 ; a;b" } }
      acl.rcpt(function(m) control.dscp("cs1") udpsend("collector.example", 9999, "x") return accept() end)]] })
    for rule, text in pairs { ['control = "dscp/high"'] = "a name such as af11", ['control = "dscp"'] = "a name such as af11",
                              ['udpsend = { server = "x" }'] = "server = ..., port = ..., text = ..." } do
      local ok, why = world.load { lua = "acl.mail { accept { " .. rule .. " } }" }
      assert.is_nil(ok)
      assert.truthy(why:find(text, 1, true), why)
    end
  end)

  it("never hold mail up", function()
    local w = world.new { zone = "late.example. TIMEOUT", lua = [[
      acl.rcpt { accept { udpsend = { { server = "late.example", port = 1, text = "x" }, { server = "none.example", port = 1, text = "x" } } } }]] }
    assert.reply(rcpt(w), "250")
  end)
end)
