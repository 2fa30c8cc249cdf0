-- F24: events, over plain SMTP

local world = require "perigee.world"

local OUT = 'router.remote { driver = "manualroute", domains = "! +local_domains", transport = "remote", route_list = { "* 192.0.2.1" } }\n'
local NAMES = [[
transport.remote { driver = "smtp", event_action = function(m) logwrite("event " .. m.event_name .. " " .. tostring(m.event_data)) end }
for _, name in ipairs { "msg:complete", "msg:fail:internal" } do
  event.on(name, function(m) logwrite("event " .. m.event_name) end)
end
]]

local function new(rules, answers)
  local w = world.new { rules = { "spec/accept/site.lua" }, lua = OUT .. "acl.rcpt { accept {} }\n" .. rules }
  if answers then w:peer("192.0.2.1", answers) end
  return w
end

-- The names of the events in the log, in order.
local function events(w)
  local names = {}
  for _, line in ipairs(w:log()) do
    local name = line:match "event (%S+)"
    if name then names[#names + 1] = name end
  end
  return names
end

local function count(list, what)
  local n = 0
  for _, v in ipairs(list) do n = n + (v == what and 1 or 0) end
  return n
end

describe("events", function()
  it("EV-T1 come in the order connect, banner, close, a delivery each, complete once (without tls:cert here)", function()
    local w = new(NAMES, {})
    w:send { from = "a@example.org", to = { "one@x.example", "two@x.example" } }
    w:advance "10m"         -- the kept connection ends
    local seen = events(w)
    assert.equals("tcp:connect", seen[1])
    assert.equals("smtp:connect", seen[2])
    assert.equals(2, count(seen, "msg:delivery"))
    assert.equals(1, count(seen, "tcp:close"))
    assert.equals(1, count(seen, "msg:complete"))
    local last_delivery, complete
    for i, name in ipairs(seen) do
      if name == "msg:delivery" then last_delivery = i end
      if name == "msg:complete" then complete = i end
    end
    assert.is_true(complete > last_delivery)
  end)

  it("EV-T2 tcp:connect that answers makes no connection, defers, and says why", function()
    local w = new([[transport.remote { driver = "smtp", event_action = function(m) if m.event_name == "tcp:connect" then return "no" end end }]], {})
    w:send { from = "a@example.org", to = "one@x.example" }
    assert.equals(0, select(2, w:heard "192.0.2.1"))
    assert.logged(w, "== one@x.example")
    assert.logged(w, "Event requests alternate response")
    assert.equals(1, #w:queue())
  end)

  it("EV-T3 smtp:connect that answers closes after the banner, which was its data", function()
    local w = new([[
transport.remote { driver = "smtp", event_action = function(m)
  if m.event_name == "smtp:connect" then logwrite("banner: " .. m.event_data) return "not you" end
end }]], { banner = "220 strange.example ESMTP" })
    w:send { from = "a@example.org", to = "one@x.example" }
    assert.logged(w, "banner: 220 strange.example ESMTP")
    assert.logged(w, "deferred by smtp:connect event expansion: not you")
    assert.is_nil((w:heard "192.0.2.1"):find "MAIL FROM")
    assert.equals(1, #w:queue())
  end)

  it("smtp:ehlo has what the server answered, a line each, and is not there after HELO", function()
    local rules = [[
transport.remote { driver = "smtp", event_action = function(m)
  if m.event_name == "smtp:ehlo" then logwrite("ehlo: " .. m.event_data:gsub("\n", "|")) end
end }]]
    local w = new(rules, { ehlo = "250-strange.example hello\r\n250 SIZE 1000" })
    w:send { from = "a@example.org", to = "one@x.example" }
    assert.logged(w, "ehlo: strange.example hello|SIZE 1000")
    w = new(rules, { ehlo = "502 what?" })
    w:send { from = "a@example.org", to = "one@x.example" }
    assert.is_nil(w:logged "ehlo: ")
    assert.truthy((w:heard "192.0.2.1"):find "HELO")
  end)

  it("EV-T5 msg:host:defer comes once for a refused connection, and not for a 4xx to one recipient", function()
    local refused = new(NAMES, { refuse = true })
    refused:send { from = "a@example.org", to = "one@x.example" }
    assert.equals(1, count(events(refused), "msg:host:defer"))

    local busy = new(NAMES, { banner = "421 busy" })
    busy:send { from = "a@example.org", to = "one@x.example" }
    assert.equals(1, count(events(busy), "msg:host:defer"))

    local one = new(NAMES, { rcpt = "one@x.example 450 4.2.1 later" })
    one:send { from = "a@example.org", to = { "one@x.example", "two@x.example" } }
    assert.equals(0, count(events(one), "msg:host:defer"))
    assert.equals(1, count(events(one), "msg:delivery"))
  end)

  it("EV-T5 msg:host:defer knows the error number", function()
    local w = new([[transport.remote { driver = "smtp", event_action = function(m)
      if m.event_name == "msg:host:defer" then logwrite("errno " .. tostring(m.event_defer_errno)) end
    end }]], { refuse = true })
    w:send { from = "a@example.org", to = "one@x.example" }
    assert.logged(w, "errno 111")
  end)

  it("EV-T6 msg:fail:delivery is for the refused recipient only; a :fail: router gives msg:fail:internal", function()
    local w = new(NAMES .. 'router.failing { driver = "redirect", domains = "example.org", local_parts = "gone", data = ":fail: nobody here", allow_fail = true }\n'
      .. 'router.here { driver = "accept", domains = "+local_domains", transport = "mailbox" }\n', { rcpt = "one@x.example 550 5.1.1 no" })
    w:send { from = "a@example.org", to = { "one@x.example", "two@x.example" } }
    assert.equals(1, count(events(w), "msg:fail:delivery"))
    assert.equals(1, count(events(w), "msg:delivery"))
    assert.equals(0, count(events(w), "msg:fail:internal"))
    w:send { from = "a@example.org", to = "gone@example.org" }
    assert.equals(1, count(events(w), "msg:fail:internal"))
  end)

  it("EV-T7 a result for msg:delivery changes nothing", function()
    local w = new([[transport.remote { driver = "smtp", event_action = function(m) if m.event_name == "msg:delivery" then return "no" end end }]], {})
    w:send { from = "a@example.org", to = "one@x.example" }
    assert.logged(w, "=> one@x.example")
    assert.logged(w, "Completed")
    assert.equals(0, #w:queue())
  end)

  it("EV-T8 see one delivery each with the right values", function()
    local w = new([[transport.remote { driver = "smtp", event_action = function(m)
      if m.event_name == "msg:delivery" then logwrite(("row %s %s %s"):format(m.local_part, m.domain, m.host_address)) end
    end }]], {})
    w:send { from = "a@example.org", to = { "One@x.example", "two@y.example" } }
    assert.logged(w, "row one x.example 192.0.2.1")
    assert.logged(w, "row two y.example 192.0.2.1")
  end)

  it("EV-T9 an error in event_action is logged and the mail flows", function()
    local w = new([[transport.remote { driver = "smtp", event_action = function(m) return m.nothing_like_this end }]], {})
    w:send { from = "a@example.org", to = "one@x.example" }
    assert.logged(w, "event_action")
    assert.logged(w, "=> one@x.example")
    assert.equals(0, #w:queue())
  end)

  it("dns:fail says what could not be found out, of what type and why; that there is none is no failure", function()
    local w = world.new { rules = { "spec/accept/site.lua" }, zone = "late.example. TIMEOUT\nbroken.example. SERVFAIL\nforged.example. BOGUS\n", lua = [[
event.on("dns:fail", function(m) logwrite("failed " .. m.event_data .. " for " .. tostring(m.sender_address)) end)
acl.mail(function(m)
  dns.try.mx("late.example") dns.try.a("broken.example") dns.try.txt("forged.example") dns.try.a("absent.example")
end)
]] }
    local s = w:session {}
    s:mail "a@there.example"
    assert.logged(w, "failed timeout:late.example:MX for a@there.example")
    assert.logged(w, "failed servfail:broken.example:A for")
    assert.logged(w, "failed bogus:forged.example:TXT for")
    assert.is_nil(w:logged "absent.example")
  end)

  it("dns:fail of a delivery is heard by its transport, too, and a handler that asks again is not called for that", function()
    local w = world.new { rules = { "spec/accept/site.lua" }, zone = "hop.example. SERVFAIL\n", lua = [[
acl.rcpt { accept {} }
router.remote { driver = "manualroute", domains = "! +local_domains", transport = "remote", route_list = { "* 192.0.2.1" } }
transport.remote { driver = "smtp", hosts = "hop.example", hosts_override = true, event_action = function(m)
  if m.event_name == "dns:fail" then logwrite("heard " .. m.event_data .. " by " .. m.transport_name) dns.try.a("hop.example") end
end }]] }
    w:send { from = "a@example.org", to = "one@x.example" }
    local heard = 0
    for _, line in ipairs(w:log()) do heard = heard + (line:find("heard servfail:hop.example:A by remote", 1, true) and 1 or 0) end
    assert.equals(1, heard)
  end)
end)
