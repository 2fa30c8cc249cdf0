-- F41: what log_selector adds

local world = require "perigee.world"

local function lines(selector, advance)
  local w = world.new { rules = { "spec/accept/site.lua" },
    lua = ('site { log_selector = "%s" }\n'):format(selector or "")
      .. 'acl.rcpt { accept {} }\n'
      .. 'acl.data { warn { delay = "1s" }, accept {} }\n'
      .. 'router.remote { driver = "manualroute", domains = "! +local_domains", transport = "remote", route_list = { "* 192.0.2.1" } }\n'
      .. 'router.here { driver = "accept", transport = "mailbox" }\n'
      .. 'transport.remote { driver = "smtp" }' }
  if not advance then w:peer("192.0.2.1", {}) end
  w:send { from = "a@example.org", to = "b@x.example" }
  if advance then
    w:peer("192.0.2.1", {})
    w:command "run"
    w:advance(advance)
  end
  local found = {}
  for _, line in ipairs(w:log()) do
    local kind = line:match "%s(<=)%s" or line:match "%s(=>)%s" or line:match "(Completed)"
    if kind and not found[kind] then found[kind] = line end
  end
  return found, w
end

describe("the main log", function()
  it("LOG-T1 receive_time: RT=1s, and with millisec a fraction", function()
    assert.matches("RT=1s", lines("+receive_time")["<="])
    assert.matches("RT=1%.%d%d%ds", lines("+receive_time +millisec")["<="])
  end)

  it("LOG-T2 deliver_time: DT= on the delivery", function()
    assert.matches("DT=%ds", lines("+deliver_time")["=>"])
    assert.matches("DT=%d%.%d%d%ds", lines("+deliver_time +millisec")["=>"])
  end)

  it("LOG-T3 queue_time_overall: QT= on Completed, in words of time", function()
    assert.matches("QT=%S+s", lines("+queue_time_overall", "30m")["Completed"])
  end)

  it("LOG-T4 has none of these without being asked", function()
    local found = lines()
    for _, tag in ipairs { "RT=", "DT=", "QT=", " S=%d+.* S=" } do
      for kind, line in pairs(found) do
        if not (kind == "<=" and tag:find "S=") then assert.is_nil(line:match(tag), line) end
      end
    end
  end)

  it("LOG-T5 delivery_size: S= on the delivery", function()
    assert.matches(" S=%d+", lines("+delivery_size")["=>"])
    assert.is_nil(lines()["=>"]:match " S=%d+")
  end)

  it("LOG-T6 millisec: stamps have three digits", function()
    assert.matches("^%d%d%d%d%-%d%d%-%d%d %d%d:%d%d:%d%d%.%d%d%d ", lines("+millisec")["<="])
    assert.matches("^%d%d%d%d%-%d%d%-%d%d %d%d:%d%d:%d%d ", lines()["<="])
  end)

  it("LOG-T8 a sender with control characters forges no line", function()
    local w = world.new { rules = { "spec/accept/site.lua" },
      lua = 'acl.mail(function(m) return deny { message = "550 no", log_message = "bad\\n2026-01-01 00:00:00 forged" } end)\n' }
    local s = w:session {}
    s:mail "a@there.example"
    for _, file in ipairs { "main", "reject" } do
      for _, line in ipairs(w:log(file)) do
        assert.is_nil(line:find("\n", 1, true))
        assert.is_nil(line:find "^2026%-01%-01 00:00:00 forged")
      end
    end
    assert.logged(w, "bad\\0122026-01-01 00:00:00 forged")
  end)
end)
