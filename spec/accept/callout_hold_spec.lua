-- F35: a callout's connection is held for later recipients, and for the delivery.

local world = require "perigee.world"

local ZONE = [[
there.example. MX 10 mx.there.example.
sub.there.example. MX 10 mx.there.example.
mx.there.example. A 192.0.2.1
away.example. MX 10 mx.away.example.
mx.away.example. A 192.0.2.9
]]

local BASE = [[
site { primary_hostname = "mx.example.org", qualify_domain = "example.org" }
router.dns { driver = "dnslookup", transport = "remote" }
transport.remote { driver = "smtp" }
]]

local function new(rules)
  return world.new { lua = BASE .. rules, zone = ZONE, deliver = true }
end

local function with(options) return ('acl.rcpt { demand { verify = "recipient/callout=%s" }, accept {} }'):format(options) end

-- A session that has given its sender and these recipients; their replies' codes.
local function session(w, ...)
  local s = w:session {}
  s:mail "a@sender.example"
  local codes = {}
  for i, to in ipairs { ... } do codes[i] = s:rcpt(to).code end
  return s, table.concat(codes, " ")
end

local function count(text, what) return select(2, text:gsub(what:gsub("%p", "%%%0"), "")) end

describe("callout=hold", function()
  it("HO-T1: three recipients of one host are asked about in one transaction, and the delivery goes over the same connection", function()
    local w = new(with "use_sender,hold")
    w:peer "192.0.2.1"
    local s, codes = session(w, "x@there.example", "y@there.example", "z@sub.there.example")
    assert.equal("250 250 250", codes)
    local heard, connections = w:heard "192.0.2.1"
    assert.equal("EHLO mx.example.org\r\nMAIL FROM:<a@sender.example>\r\nRCPT TO:<x@there.example>\r\nRCPT TO:<y@there.example>\r\n"
      .. "RCPT TO:<z@sub.there.example>\r\n", heard)
    assert.equal(1, connections)
    assert.equal(250, s:data("Subject: held\n\ntext\n").code)
    s:quit()
    w:advance "1s"
    heard, connections = w:heard "192.0.2.1"
    assert.equal(1, connections)
    assert.equal(1, count(heard, "Subject: held"))
    assert.equal(0, #w:queue())
    assert.equal(1, count(heard, "RSET"))
  end)

  it("HO-T2: an answer from the cache opens no connection, unless no_cache asks for one", function()
    local w = new(with "use_sender,hold")
    w:peer "192.0.2.1"
    session(w, "x@there.example"):close()
    local s, codes = session(w, "x@there.example")
    assert.equal("250", codes)
    assert.equal(1, select(2, w:heard "192.0.2.1"))
    s:close()
    w = new(with "use_sender,hold,no_cache")
    w:peer "192.0.2.1"
    session(w, "x@there.example"):close()
    session(w, "x@there.example"):close()
    assert.equal(2, select(2, w:heard "192.0.2.1"))
  end)

  it("HO-T3: on a sender it is a mistake that is told when the rules are loaded", function()
    local ok, why = pcall(new, 'acl.rcpt { accept { verify = "sender/callout=hold" } }')
    assert.is_false(ok)
    assert.truthy(tostring(why):find("callout=hold is for recipients", 1, true))
  end)

  it("HO-T4: with random, postmaster or another sender each question and the delivery have connections of their own", function()
    for _, options in ipairs { "use_sender,hold,random", "use_sender,hold,postmaster" } do
      local w = new('site { callout_random_local_part = "nobody" }\n' .. with(options))
      w:peer("192.0.2.1", { rcpt = "nobody@there.example 550 no" })
      local s, codes = session(w, "x@there.example", "y@there.example")
      assert.equal("250 250", codes)
      assert.equal(2, select(2, w:heard "192.0.2.1"))
      s:data "Subject: x\n\ntext\n"
      s:quit()
      w:advance "1s"
      assert.equal(3, select(2, w:heard "192.0.2.1"))
      w:close()
    end
  end)

  it("HO-T5: a connection that died while the client was slow is replaced by a fresh one", function()
    local w = new(with "use_sender,hold")
    w:peer("192.0.2.1", { hangup = "60" })
    local s = session(w, "x@there.example")
    s:say "DATA"
    w:advance "90s"
    s:send ".\r\n"
    assert.equal(250, s:reply().code)
    s:quit()
    w:advance "2s"
    local heard, connections = w:heard "192.0.2.1"
    assert.equal(2, connections)
    assert.equal(1, count(heard, "\r\nDATA\r\n"))
    assert.equal(0, #w:queue())
  end)

  it("a recipient routed to another host closes it, and the message is delivered all the same", function()
    local w = new(with "use_sender,hold")
    w:peer "192.0.2.1"
    w:peer "192.0.2.9"
    local s, codes = session(w, "x@there.example", "y@away.example", "z@there.example")
    assert.equal("250 250 250", codes)
    assert.equal(2, select(2, w:heard "192.0.2.1"))
    assert.truthy((w:heard "192.0.2.1"):find("RCPT TO:<x@there.example>\r\nQUIT\r\n", 1, true))
    s:data "Subject: x\n\ntext\n"
    s:quit()
    w:advance "1s"
    assert.equal(0, #w:queue())
  end)

  it("a recipient the host refuses is refused, and the others stay in the transaction", function()
    local w = new(with "use_sender,hold")
    w:peer("192.0.2.1", { rcpt = "y@there.example 550 5.1.1 no" })
    local s, codes = session(w, "x@there.example", "y@there.example", "z@there.example")
    assert.equal("250 550 250", codes)
    assert.equal(1, select(2, w:heard "192.0.2.1"))
    s:data "Subject: x\n\ntext\n"
    s:quit()
    w:advance "1s"
    assert.equal(1, select(2, w:heard "192.0.2.1"))
    assert.equal(0, #w:queue())
  end)

  it("ends with QUIT when the message does not come", function()
    local w = new(with "use_sender,hold")
    w:peer "192.0.2.1"
    local s = session(w, "x@there.example")
    assert.is_nil((w:heard "192.0.2.1"):find("QUIT", 1, true))
    s:rset()
    assert.truthy((w:heard "192.0.2.1"):find("QUIT", 1, true))
    s:mail "a@sender.example"
    s:rcpt "q@there.example"
    s:close()
    assert.equal(2, count((w:heard "192.0.2.1"), "QUIT"))
  end)

  it("gives way when somebody waits for its place", function()
    local w = world.new { lua = BASE:gsub('driver = "smtp"', 'driver = "smtp", serialize_hosts = "*"') .. with "use_sender,hold", zone = ZONE }
    w:peer "192.0.2.1"
    local one, first = session(w, "x@there.example")
    local other, second = session(w, "y@there.example")
    assert.equal("250 250", first .. " " .. second)
    assert.equal(2, select(2, w:heard "192.0.2.1"))
    assert.equal(250, one:data("Subject: one\n\ntext\n").code)
    other:close()
    w:advance "5s"
    assert.equal(0, #w:queue())
  end)
end)
