-- F34: control = "cutthrough_delivery": a message goes on while it comes in.

local world = require "perigee.world"

local ZONE = [[
there.example. MX 10 mx.there.example.
mx.there.example. A 192.0.2.1
away.example. MX 10 mx.away.example.
mx.away.example. A 192.0.2.9
]]

local BASE = [[
site { primary_hostname = "mx.example.org", qualify_domain = "example.org" }
router.local_ones { driver = "accept", domains = "example.org", transport = "box" }
router.dns { driver = "dnslookup", transport = "remote" }
transport.remote { driver = "smtp" }
transport.box { driver = "appendfile", file = "/tmp/box" }
]]

local function new(rules, base) return world.new { lua = (base or BASE) .. rules, zone = ZONE, deliver = true } end
local function with(control) return ('acl.rcpt { accept { control = %q } }\n'):format(control or "cutthrough_delivery") end

local function session(w, ...)
  local s = w:session {}
  s:mail "a@sender.example"
  local codes = {}
  for i, to in ipairs { ... } do codes[i] = s:rcpt(to).code end
  return s, table.concat(codes, " ")
end

local function heard(w, at) return (w:heard(at or "192.0.2.1")) end
local function count(text, what) return select(2, text:gsub(what:gsub("%p", "%%%0"), "")) end

describe("cutthrough_delivery", function()
  it("CT-T1, CT-T2: the next hop receives while the client is sending, with a Received of when that began", function()
    local w = new(with())
    w:peer "192.0.2.1"
    local s, codes = session(w, "x@there.example", "y@there.example")
    assert.equal("250 250", codes)
    s:say "DATA"
    s:send "Subject: through\r\nTo: x\r\n\r\nfirst line\r\n"
    assert.truthy(heard(w):find("Subject: through", 1, true))
    assert.truthy(heard(w):find("first line", 1, true))
    w:advance "5s"
    s:send ".. dots\r\nlast line\r\n.\r\n"
    local r = s:reply()
    assert.reply(r, "250 2.0.0 OK id=")
    s:quit()
    assert.truthy(heard(w):find("\r\nDATA\r\nReceived: from ", 1, true))
    assert.truthy(heard(w):find("00:00:00 +0000", 1, true), heard(w))
    assert.truthy(heard(w):find("first line\r\n.. dots\r\nlast line\r\n.\r\n", 1, true))
    assert.equal(1, select(2, w:heard "192.0.2.1"))
    assert.equal(0, #w:queue())
    local log = table.concat(w:log(), "\n")
    assert.truthy(log:find(">> x@there.example R=dns T=remote H=mx.there.example [192.0.2.1]", 1, true), log)
    assert.truthy(log:find(">> x@there.example", 1, true) < log:find("<= a@sender.example", 1, true))
    assert.truthy(log:find("Completed", 1, true))
    assert.equal(1, count(heard(w), "\r\nDATA\r\n"))
  end)

  it("CT-T3: a header a DATA rule adds comes too late, and the log says so", function()
    local w = new(with() .. 'acl.data { accept { add_header = "X-Late: yes" } }')
    w:peer "192.0.2.1"
    local s = session(w, "x@there.example")
    assert.equal(250, s:data("Subject: x\n\ntext\n").code)
    assert.is_nil(heard(w):find("X-Late", 1, true))
    assert.logged(w, "(cutthrough) were not applied")
  end)

  it("CT-T4: a message the rules refuse after all ends the connection before the dot", function()
    local w = new(with() .. 'acl.data { deny { message = "550 5.7.1 no" } }')
    w:peer "192.0.2.1"
    local s = session(w, "x@there.example")
    s:say "DATA"
    s:send "Subject: x\r\n\r\ntext\r\n"
    w:advance "1s"
    s:send ".\r\n"
    assert.reply(s:reply(), "550 5.7.1 no")
    assert.truthy(heard(w):find("Subject: x", 1, true))
    assert.is_nil(heard(w):find("\r\n.\r\n", 1, true))
    w:advance "1m"
    assert.equal(0, #w:deliveries())
    assert.equal(0, #w:queue())
  end)

  it("CT-T5: what the next hop says to the dot is the client's answer, and nothing is kept", function()
    local w = new(with())
    w:peer("192.0.2.1", { dot = "554 5.6.0 looks like spam" })
    local s = session(w, "x@there.example")
    assert.reply(s:data("Subject: x\n\ntext\n"), "554 5.6.0 looks like spam")
    assert.equal(0, #w:queue())
    assert.logged(w, "rejected after DATA: next hop (cutthrough): 554 5.6.0 looks like spam")
    assert.is_nil(w:logged "<=")
  end)

  it("a temporary refusal is for the queue to try again, or the client's with defer=pass", function()
    local w = new(with())
    w:peer("192.0.2.1", { dot = "451 4.3.0 later" })
    local s = session(w, "x@there.example")
    assert.equal(250, s:data("Subject: x\n\ntext\n").code)
    assert.equal(1, #w:queue())
    w = new(with "cutthrough_delivery/defer=pass")
    w:peer("192.0.2.1", { dot = "451 4.3.0 later" })
    s = session(w, "x@there.example")
    assert.reply(s:data("Subject: x\n\ntext\n"), "451 4.3.0 later")
    assert.equal(0, #w:queue())
  end)

  it("a connection that breaks or a hop that says nothing costs only the short way", function()
    for _, answers in ipairs { { close = "dot" }, { close = "data" }, { data = "451 no" } } do
      local w = new(with())
      w:peer("192.0.2.1", answers)
      local s = session(w, "x@there.example")
      assert.equal(250, s:data("Subject: x\n\ntext\n").code)
      assert.equal(1, #w:queue())
      w:close()
    end
    local w = new(with())
    w:peer("192.0.2.1", { stall = "dot" })
    local s = session(w, "x@there.example")
    s:say "DATA"
    s:send "Subject: x\r\n\r\ntext\r\n.\r\n"
    w:advance "5m"
    w:advance "2s"
    assert.equal(250, s:reply().code)
    assert.equal(1, #w:queue())
  end)

  it("a client that goes away takes the message along: in the content, before it, and while it waits for the answer", function()
    local w = new(with())
    w:peer("192.0.2.1", { stall = "dot" })
    local before = session(w, "x@there.example")
    before:close()
    local within = session(w, "x@there.example")
    within:say "DATA"
    within:send "Subject: within\r\n\r\nhalf a li"
    w:advance "1s"
    within:close()
    local after = session(w, "x@there.example")
    after:say "DATA"
    after:send "Subject: after\r\n\r\ntext\r\n.\r\n"
    w:advance "1s"
    after:close()
    w:advance "10m"
    assert.equal(1, count(heard(w), "\r\n.\r\n"))
    assert.equal(0, #w:queue())
    local again = session(w, "x@there.example")
    again:rset()
    again:mail "b@sender.example"
    assert.reply(again:rcpt "x@there.example", "250")
    assert.equal(1, count(heard(w), "MAIL FROM:<b@sender.example>"))
    again:close()
  end)

  it("a recipient the next hop refuses is refused here", function()
    local w = new(with())
    w:peer("192.0.2.1", { rcpt = "y@there.example 550 5.1.1 no such user" })
    local s, codes = session(w, "x@there.example", "y@there.example")
    assert.equal("250 550", codes)
    assert.equal(250, s:data("Subject: x\n\ntext\n").code)
    assert.logged(w, ">> x@there.example")
    assert.equal(1, select(2, w:heard "192.0.2.1"))
  end)

  it("goes over the connection of a callout that was held, and over no other", function()
    local w = new [[acl.rcpt { accept { verify = "recipient/callout=use_sender,hold", control = "cutthrough_delivery" } }]]
    w:peer "192.0.2.1"
    local s = session(w, "x@there.example", "y@there.example")
    assert.equal(250, s:data("Subject: x\n\ntext\n").code)
    assert.equal(1, select(2, w:heard "192.0.2.1"))
    assert.equal(1, count(heard(w), "MAIL FROM:"))
    assert.logged(w, ">> y@there.example")
  end)

  it("is left alone where it cannot be: several hosts, local recipients, later recipients, frozen and queued messages", function()
    for rules, to in pairs {
      [with()] = { "x@there.example", "y@away.example" },
      ["acl.rcpt { accept { domains = 'there.example', control = 'cutthrough_delivery' }, accept {} }"] = { "b@example.org", "x@there.example" },
      [with() .. "acl.predata { accept { control = 'freeze' } }"] = { "x@there.example" },
      [with() .. "acl.predata { accept { control = 'queue' } }"] = { "x@there.example" },
      [with() .. "acl.predata { accept { control = 'fakereject' } }"] = { "x@there.example" },
    } do
      local w = new(rules)
      w:peer "192.0.2.1"
      w:peer "192.0.2.9"
      local s = session(w, unpack(to))
      local r = s:data("Subject: x\n\ntext\n")
      assert.truthy(r.code == 250 or r.code == 550, tostring(r))
      assert.is_nil((w:logged ">> "))
      assert.truthy((w:logged "= a@sender.example"), rules .. tostring(r) .. table.concat(w:log(), "\n"))
      w:close()
    end
    local w = new(with(), (BASE:gsub('driver = "smtp"', 'driver = "smtp", headers_add = "X-Way: long"')))
    w:peer "192.0.2.1"
    local s = session(w, "x@there.example")
    assert.equal(250, s:data("Subject: x\n\ntext\n").code)
    assert.is_nil((w:logged ">> "))
  end)

  it("goes the ordinary way where the transport rewrites the header", function()
    local w = new(with(), (BASE:gsub('driver = "smtp"', '%0, headers_rewrite = { { "*@in.example", "$1@out.example", flags = "f" } }')))
    w:peer "192.0.2.1"
    local s = session(w, "x@there.example")
    assert.reply(s:data "From: q@in.example\n\nx\n", "250")
    assert.truthy(heard(w):find("From: q@out.example", 1, true), heard(w))
    assert.is_nil((w:logged ">> x@there.example"))
  end)

  it("tells msg:delivery, and a callout tells tcp:close", function()
    local w = new([[
      event.on("msg:delivery", function(m) logwrite("event " .. m.local_part .. "@" .. m.domain .. " by " .. m.sender_address
        .. " to " .. m.host_address .. ": " .. m.event_data .. " about " .. m.header.subject) end)
    ]] .. with())
    w:peer "192.0.2.1"
    local s = session(w, "x@there.example")
    s:data "Subject: told\n\ntext\n"
    s:close()
    assert.logged(w, "event x@there.example by a@sender.example to 192.0.2.1: 250 2.0.0 taken about told")
    w = new([[event.on("tcp:close", function(m) logwrite("closed " .. tostring(m.host_address)) end)
      acl.rcpt { accept { verify = "recipient/callout" } }]])
    w:peer "192.0.2.1"
    session(w, "x@there.example"):close()
    w:advance "1s"
    assert.logged(w, "closed 192.0.2.1")
  end)

  it("large messages go through whole", function()
    local w = new(with())
    w:peer "192.0.2.1"
    local s = session(w, "x@there.example")
    local line = ("x"):rep(900) .. "\n"
    assert.equal(250, s:data("Subject: x\n\n" .. line:rep(700)).code)
    assert.equal(700, count(heard(w), ("x"):rep(900)))
    assert.logged(w, ">> x@there.example")
  end)

  it("a mistake in its options is told when the rules are loaded", function()
    local ok, why = pcall(new, with "cutthrough_delivery/defer=never")
    assert.is_false(ok)
    assert.truthy(tostring(why):find('takes defer=spool, defer=pass, sender=orig and sender=transport, not "defer=never"', 1, true))
  end)
end)
