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

  it("LOG-T4 pipelining: L where commands did not wait, L- where they could have and did, in and out", function()
    local w = world.new { rules = { "spec/accept/site.lua" }, lua = [[
site { log_selector = "+pipelining +protocol_detail +connection_id +smtp_connection" }
acl.rcpt { accept {} }
router.remote { driver = "manualroute", domains = "! +local_domains", transport = "remote", route_list = { "* 192.0.2.1" } }
router.here { driver = "accept", transport = "mailbox" }
transport.remote { driver = "smtp" }]] }
    w:peer("192.0.2.1", { ehlo = "250-mx.example\r\n250 PIPELINING" })
    w:send { from = "a@there.example", to = "one@example.org" }
    assert.logged(w, " L- ")
    local s = w:session {}
    s:say "MAIL FROM:<b@there.example>\r\nRCPT TO:<two@example.org>\r\nDATA"
    s:say "Subject: x\r\n\r\nx\r\n."
    assert.matches("<= b@there.example .* L S=", w:logged "<= b@there.example")
    w:send { from = "c@example.org", to = "c@x.example" }
    assert.matches("=> c@x.example .* PS=e L C=", w:logged "=> c@x.example")
    local id = w:logged("<= b@there.example"):match " Ci=(%x+%-%x+) "
    assert.truthy(id)
    assert.logged(w, "Ci=" .. id .. " (TCP/IP connection count")
    w:peer("192.0.2.1", { ehlo = "502 no" })
    w:advance "10m"
    w:send { from = "d@example.org", to = "d@x.example" }
    assert.matches("=> d@x.example .* PS=eh C=", w:logged "=> d@x.example")
  end)

  local HERE = 'acl.rcpt { accept {} }\nrouter.here { driver = "accept", transport = "mailbox" }\n'
  local function site(lua, zone)
    return world.new { rules = { "spec/accept/site.lua" }, lua = lua .. "\n" .. HERE, zone = zone }
  end
  local function off(name) return 'site { log_selector = "-' .. name .. '" }\n' end

  it("acl_warn_skipped: a warn that could not find out is told of, unless that is switched off", function()
    local warn = 'acl.mail { warn { hosts = "late.example" } }'
    local w = site(warn, "late.example. TIMEOUT\n")
    w:session { client = "192.0.2.9" }:mail "a@there.example"
    assert.logged(w, 'Warning: ACL "warn" statement skipped: condition test deferred: ')
    w = site(off "acl_warn_skipped" .. warn, "late.example. TIMEOUT\n")
    w:session { client = "192.0.2.9" }:mail "a@there.example"
    assert.is_nil(w:logged "skipped")
  end)

  it("address_rewrite: what was rewritten, where and by which rule", function()
    local rule = 'rewrite.rule { "*@old.example", "$1@example.org" }\n'
    local message = { from = "a@old.example", to = "b@old.example", text = "From: a@old.example\n\nx\n" }
    local w = site('site { log_selector = "+address_rewrite" }\n' .. rule)
    w:send(message)
    assert.logged(w, '"a@old.example" from env-from rewritten as "a@example.org" by rule 1')
    assert.logged(w, '"b@old.example" from env-to rewritten as "b@example.org" by rule 1')
    assert.logged(w, '"a@old.example" from from: rewritten as "a@example.org" by rule 1')
    w = site(rule)
    w:send(message)
    assert.is_nil(w:logged "rewritten as")
  end)

  it("host_lookup_failed and unknown_in_list: a client without a name, in a list that asks for one", function()
    local lua = 'acl.mail { deny { hosts = "*.friends.example" } }'
    local w = site('site { log_selector = "+unknown_in_list" }\n' .. lua)
    w:session { client = "192.0.2.9" }:mail "a@there.example"
    assert.logged(w, "no host name found for IP address 192.0.2.9")
    assert.logged(w, "list matching forced to fail: failed to find host name for 192.0.2.9")
    w = site(off "host_lookup_failed" .. lua)
    w:session { client = "192.0.2.9" }:mail "a@there.example"
    assert.is_nil(w:logged "no host name")
    assert.is_nil(w:logged "forced to fail")
    w = site 'site { host_lookup = "*" }'
    w:session { client = "192.0.2.9" }
    assert.logged(w, "no host name found for IP address 192.0.2.9")
  end)

  it("delay_delivery: why a message is not delivered at once", function()
    local w = site 'acl.mail { warn { control = "queue" } }'
    w:send { from = "a@there.example", to = "b@example.org" }
    assert.logged(w, "no immediate delivery: queued by ACL")
    w = site 'acl.mail { warn { queue = "bulk" } }'
    w:send { from = "a@there.example", to = "b@example.org" }
    assert.logged(w, "no immediate delivery: queued in bulk by ACL")
    w = site 'site { smtp_accept_queue_per_connection = 1 }'
    local s = w:session {}
    for _ = 1, 2 do s:mail "a@there.example" s:rcpt "b@example.org" s:data "x\n" end
    assert.logged(w, "no immediate delivery: more than 1 messages received in one connection")
    w = site 'site { smtp_accept_queue = 1 }'
    local first, second = w:session {}, w:session {}
    second:mail "a@there.example" second:rcpt "b@example.org" second:data "x\n"
    assert.logged(w, "no immediate delivery: too many connections (2, max 1)")
    assert.equals(1, #w:queue())
    first:mail "a@there.example" first:rcpt "b@example.org" first:data "x\n"
    assert.equals(1, #w:queue())
    w = site(off "delay_delivery" .. 'acl.mail { warn { control = "queue" } }')
    w:send { from = "a@there.example", to = "b@example.org" }
    assert.is_nil(w:logged "no immediate delivery")
  end)

  it("queue_run and skip_delivery: a pass over the queue, and what it leaves alone", function()
    local freeze = 'acl.mail { warn { control = "freeze" } }'
    local w = site(freeze)
    w:send { from = "a@there.example", to = "b@example.org" }
    w:command "run"
    assert.logged(w, "Start queue run: pid=")
    assert.logged(w, w:queue()[1].id .. " Message is frozen")
    assert.logged(w, "End queue run: pid=")
    w:command("run", "bulk")
    assert.logged(w, "Start 'bulk' queue run: pid=")
    w = site(off "queue_run -skip_delivery" .. freeze)
    w:send { from = "a@there.example", to = "b@example.org" }
    w:command "run"
    assert.is_nil(w:logged "queue run")
    assert.is_nil(w:logged "Message is frozen")
  end)
end)
