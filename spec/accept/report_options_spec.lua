-- Main options about reports, and events about clients that do not keep to the protocol.
local world = require "perigee.world"

local ROUTES = [[
acl.rcpt { accept {} }
router.none { driver = "redirect", local_parts = "nobody", data = ":fail: no such user", allow_fail = true }
router.dns { driver = "dnslookup", transport = "out" }
transport.out { driver = "smtp" }
retry.rule { "*", "*", "F,4d,1h" }
]]
local ZONE = [[
a.example. MX 10 mx.a.example.
mx.a.example. A 192.0.2.1
there.example. MX 10 mx.there.example.
mx.there.example. A 192.0.2.2
]]

local function new(options, more)
  local w = world.new { lua = "site { primary_hostname = 'here.example', " .. options .. " }\n" .. ROUTES .. (more or ""), zone = ZONE }
  w:peer "192.0.2.1"
  w:peer "192.0.2.2"
  return w
end

local function file(text)
  local name = os.tmpname()
  local f = assert(io.open(name, "w"))
  f:write(text)
  f:close()
  return name
end

describe("bounce_sender_authentication", function()
  it("says who a bounce is from where AUTH= can be said", function()
    local w = world.new { lua = "site { primary_hostname = 'here.example', bounce_sender_authentication = 'mailer@here.example' }\n" ..
      ROUTES:gsub('driver = "smtp" }', 'driver = "smtp", authenticated_sender_force = true }'), zone = ZONE }
    w:peer "192.0.2.2"
    w:send { to = "nobody@a.example", from = "ann@there.example" }
    w:advance "1m"
    assert.truthy(w:heard("192.0.2.2"):find("MAIL FROM:<> [^\n]*AUTH=mailer@here%.example"))
    w:close()
  end)
end)

describe("errors_copy", function()
  local function told(options, from)
    local w = new(options)
    w:send { to = "nobody@a.example", from = from or "ann@there.example" }
    w:advance "1m"
    local found = {}
    for _, at in ipairs { "192.0.2.1", "192.0.2.2" } do
      for address in (w:heard(at) or ""):gmatch "RCPT TO:<([^>]*)>" do found[#found + 1] = address end
    end
    table.sort(found)
    return table.concat(found, " ")
  end

  it("sends bounces to others too, by whom they go to", function()
    assert.equal("ann@there.example", told "")
    assert.equal("ann@there.example boss@a.example root@a.example", told 'errors_copy = { "*@there.example boss@a.example, root@a.example" }')
    assert.equal("ann@there.example", told 'errors_copy = "bob@there.example boss@a.example : *@other.example root@a.example"')
    assert.equal("ann@there.example boss@a.example", told 'errors_copy = function(m) return { "^ann@ boss@a.example" } end')
  end)

  it("says what is wrong with it", function()
    for value, text in pairs { ['"boss@a.example"'] = "is not written as", ['"* not an@@address"'] = "is no address" } do
      local ok, why = world.load { lua = "site { errors_copy = " .. value .. " }" }
      assert.is_nil(ok)
      assert.truthy(why:find(text, 1, true), why)
    end
  end)
end)

describe("bounce_message_file, warn_message_file", function()
  it("put the site's own words into reports", function()
    local bounce = file "Subject: Returned: $message_exim_id\nX-Site: ${primary_hostname}\nno field\n****\nDear $bounce_recipient, $unknown and $5,\n****\nYours, the postmaster\n"
    local warn = file "Subject: Waiting\n****\nSince $warn_message_delay: $warn_message_recipients\n****\n"
    local w = new('delay_warning = "2h", bounce_message_file = "' .. bounce .. '", warn_message_file = "' .. warn .. '"')
    w:send { to = "nobody@a.example", from = "ann@there.example" }
    w:advance "1m"
    local heard = w:heard "192.0.2.2"
    for _, text in ipairs { "Subject: Returned: 1", "X-Site: here.example", "Dear ann@there.example, $unknown and $5,", "nobody@a.example", "no such user",
                            "Yours, the postmaster", "Content-Type: message/delivery-status" } do
      assert.truthy(heard:find(text, 1, true), text)
    end
    assert.is_nil(heard:find("no field", 1, true))
    assert.is_nil(heard:find("created automatically", 1, true))
    w:peer("192.0.2.1", { rcpt = "450 4.2.1 busy" })
    w:send { to = { "x@a.example", "y@a.example" }, from = "ann@there.example" }
    w:advance "3h"
    heard = w:heard "192.0.2.2"
    assert.truthy(heard:find("Subject: Waiting", 1, true))
    assert.truthy(heard:find("Since 2h: x@a.example, y@a.example", 1, true))
    assert.truthy(heard:find("No action is required", 1, true))
    os.remove(bounce)
    os.remove(warn)
  end)

  it("must be there", function()
    local ok, why = world.load { lua = 'site { bounce_message_file = "/nonexistent/words" }' }
    assert.is_nil(ok)
    assert.truthy(why:find("/nonexistent/words", 1, true), why)
  end)
end)

describe("events of clients that do not keep to the protocol", function()
  it("are smtp:fail:syntax and smtp:fail:protocol, with what the log says", function()
    local w = new("", [[event.on("smtp:fail:syntax", function(m) logwrite("SYNTAX " .. m.sender_host_address .. " " .. m.event_data) end)
      event.on("smtp:fail:protocol", function(m) logwrite("PROTOCOL " .. m.event_data) end)]])
    local s = w:session()
    s:say "XYZZY"
    s:say "DATA"
    s:quit()
    w:advance "1s"
    assert.logged(w, 'SYNTAX 203.0.113.9 SMTP syntax error in "XYZZY"')
    assert.logged(w, 'PROTOCOL SMTP protocol error in "DATA"')
  end)
end)

describe("timezone", function()
  it("is that of the log and of Date fields", function()
    local w = new 'timezone = "Asia/Kolkata", log_timezone = true'
    w:send { to = "nobody@a.example", from = "ann@there.example" }
    w:advance "1m"
    assert.truthy(w:log()[1]:find("2026-01-01 05:30:00 +0530", 1, true), w:log()[1])
    assert.truthy(w:heard "192.0.2.2":find("+0530", 1, true))
    new "log_timezone = true"
  end)
end)

describe("log_ports", function()
  it("says which ports are worth a log's while", function()
    for list, logged in pairs { ['""'] = false, ['"25:587"'] = true, ['"587"'] = false, ['"*"'] = true } do
      local w = new('log_selector = "+outgoing_port +incoming_port", log_ports = ' .. list)
      w:send { to = "x@a.example" }
      w:advance "1s"
      assert.equal(logged, w:logged "H=mx.a.example [192.0.2.1]:25" ~= nil, list)
      assert.equal(logged, w:logged "[203.0.113.9]:" ~= nil, list)
    end
  end)
end)
