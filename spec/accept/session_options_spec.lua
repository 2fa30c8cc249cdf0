-- Main options about sessions and the queue, each by what a client or the queue sees of it.
local world = require "perigee.world"

local DELIVER = [[
acl.rcpt { accept {} }
router.dns { driver = "dnslookup", transport = "out" }
transport.out { driver = "smtp" }
]]
local ZONE = [[
a.example. MX 10 mx.a.example.
mx.a.example. A 192.0.2.1
b.example. MX 10 mx.b.example.
mx.b.example. A 192.0.2.2
there.example. A 203.0.113.9
9.113.0.203.in-addr.arpa. PTR host.there.example.
host.there.example. A 203.0.113.9
late.example. TIMEOUT
]]

local function new(options, more)
  local w = world.new { lua = "site { " .. options .. " }\n" .. (more or DELIVER), zone = ZONE }
  w:peer "192.0.2.1"
  w:peer "192.0.2.2"
  return w
end

-- What the log says went out: addresses, in order.
local function sent(w)
  local found = {}
  for _, line in ipairs(w:log()) do found[#found + 1] = line:match " [=-]> ([^%s:]+@%S+).* R=dns" end
  return found
end

local function wrong(options, text)
  local ok, why = world.load { lua = "site { " .. options .. " }" }
  assert.is_nil(ok)
  assert.truthy(why:find(text, 1, true), why)
end

describe("connections", function()
  it("keeps places for those they are reserved for (smtp_accept_reserve, smtp_reserve_hosts)", function()
    local w = new 'smtp_accept_max = 4, smtp_accept_reserve = 2, smtp_reserve_hosts = "198.51.100.0/24"'
    assert.reply(w:session { client = "203.0.113.1" }.banner, "220")
    assert.reply(w:session { client = "203.0.113.2" }.banner, "220")
    assert.reply(w:session { client = "203.0.113.3" }.banner, "421 4.3.2")
    assert.reply(w:session { client = "198.51.100.1" }.banner, "220")
    assert.reply(w:session { client = "198.51.100.2" }.banner, "220")
    assert.reply(w:session { client = "198.51.100.3" }.banner, "421")
    assert.logged(w, "refused: too many connections: the rest is reserved")
  end)

  it("turns away strangers under load (smtp_load_reserve)", function()
    local w = new 'smtp_load_reserve = 5.5, smtp_reserve_hosts = "198.51.100.1"'
    assert.reply(w:session {}.banner, "220")
    w:load(5.6)
    assert.reply(w:session {}.banner, "421 4.3.2")
    assert.reply(w:session { client = "198.51.100.1" }.banner, "220")
    w:load(5.4)
    assert.reply(w:session {}.banner, "220")
  end)

  it("counts nonmail commands of those it is told to only (smtp_accept_max_nonmail_hosts)", function()
    local w = new 'smtp_accept_max_nonmail = 3, smtp_accept_max_nonmail_hosts = "!198.51.100.1 : *"'
    local s = w:session()
    for _ = 1, 3 do assert.reply(s:say "NOOP", "250") end
    assert.reply(s:say "NOOP", "554")
    s = w:session { client = "198.51.100.1" }
    for _ = 1, 9 do assert.reply(s:say "NOOP", "250") end
  end)

  it("ends a session after too many unknown commands (smtp_max_unknown_commands)", function()
    local s = new "smtp_max_unknown_commands = 2":session()
    assert.reply(s:say "XYZZY", "500 5.5.2 unrecognized command")
    assert.reply(s:say "XYZZY", "500 5.5.2 unrecognized command")
    assert.reply(s:say "XYZZY", "500 5.5.2 too many unrecognized commands")
    assert.is_true(s:over())
    wrong("smtp_max_unknown_commands = 0", "must be at least 1")
  end)
end)

describe("header_line_maxsize", function()
  it("refuses a field that is too long, its continuations counted", function()
    local w = new "header_line_maxsize = 100"
    assert.reply(w:send { to = "x@a.example", text = "Subject: " .. ("x"):rep(80) .. "\nX-Other: y\n\nbody\n" }, "250")
    assert.reply(w:send { to = "x@a.example", text = "Subject: " .. ("x"):rep(95) .. "\n\nbody\n" }, "552 5.3.4 a header field is too long")
    assert.reply(w:send { to = "x@a.example", text = "A: b\nTo: " .. ("x@y.example,\n "):rep(8) .. "z@y.example\n\nbody\n" }, "552")
    assert.reply(w:send { to = "x@a.example", text = "A: b\n\n" .. ("x"):rep(200) .. "\n" }, "250")
  end)
end)

describe("HELO", function()
  it("refuses names that are not the client's (helo_verify_hosts)", function()
    local w = new 'helo_verify_hosts = "!198.51.100.1 : *"'
    assert.reply(w:session { helo = "there.example" }.greeting, "250")
    assert.reply(w:session { helo = "[203.0.113.9]" }.greeting, "250")
    assert.reply(w:session { helo = "other.example" }.greeting, "550 5.7.1 HELO name is not yours")
    assert.reply(w:session { helo = "late.example" }.greeting, "451")
    assert.reply(w:session { helo = "other.example", client = "198.51.100.1" }.greeting, "250")
  end)

  it("verifies and tells rules, whatever comes of it (helo_try_verify_hosts)", function()
    local w = new('helo_try_verify_hosts = "*"', [[acl.rcpt(function(m) return deny("550 5.7.1 " .. tostring(m.sender_helo_verified)) end)]])
    for name, said in pairs { ["there.example"] = "true", ["other.example"] = "false", ["late.example"] = "false" } do
      local s = w:session { helo = name }
      assert.reply(s.greeting, "250")
      s:mail "a@there.example"
      assert.reply(s:rcpt "b@a.example", "550 5.7.1 " .. said)
    end
  end)

  it("looks the client's name up after suspicious ones (helo_lookup_domains)", function()
    local w = new 'helo_lookup_domains = "*.a.example"'
    w:send { to = "x@a.example", helo = "mx.a.example" }
    assert.logged(w, "H=host.there.example (mx.a.example) [203.0.113.9]")
    w:send { to = "x@a.example", helo = "mx.b.example" }
    assert.logged(w, "H=(mx.b.example) [203.0.113.9]")
  end)
end)

describe("smtp_ratelimit_mail and smtp_ratelimit_rcpt", function()
  local function waited(w, fn)
    local before = w:now()
    fn()
    return w:now() - before
  end

  it("slow down who sends many recipients, more and more, up to the most", function()
    local w = new 'smtp_ratelimit_hosts = "*", smtp_ratelimit_rcpt = "2,1s,2,5s"'
    local s = w:session()
    s:mail "a@there.example"
    for i, want in ipairs { 0, 0, 1, 2, 4, 5, 5 } do
      local took = waited(w, function() assert.reply(s:rcpt("u" .. i .. "@a.example"), "250") end)
      assert.truthy(math.abs(took - want) < 0.2, "recipient " .. i .. " took " .. took)
    end
  end)

  it("slow down who sends many messages, and nobody else", function()
    local w = new 'smtp_ratelimit_hosts = "203.0.113.0/24", smtp_ratelimit_mail = "1,2s,1,1m"'
    for client, want in pairs { ["203.0.113.9"] = 2, ["198.51.100.1"] = 0 } do
      local s = w:session { client = client }
      s:mail "a@there.example"
      s:rset()
      assert.truthy(math.abs(waited(w, function() s:mail "a@there.example" end) - want) < 0.2)
    end
  end)

  it("must be written as they are meant", function() wrong('smtp_ratelimit_mail = "2,x,1,1m"', "THRESHOLD,DELAY,FACTOR,MAX") end)
end)

describe("what is only queued", function()
  it("after so many messages in a session (smtp_accept_queue_per_connection)", function()
    local w = new "smtp_accept_queue_per_connection = 2"
    local s = w:session()
    for _ = 1, 4 do
      s:mail "a@there.example"
      s:rcpt "x@a.example"
      assert.reply(s:data "Subject: x\n\nx\n", "250")
    end
    assert.equal(2, #sent(w))
    assert.equal(2, #w:queue())
    w:command "run"
    assert.equal(4, #sent(w))
  end)

  it("while the load is high, and for the rest of that session (queue_only_load, queue_only_load_latch)", function()
    for latch, delivered in pairs { ["true"] = 1, ["false"] = 2 } do
      local w = new("queue_only_load = 8, queue_only_load_latch = " .. latch)
      local s = w:session()
      local function send()
        s:mail "a@there.example"
        s:rcpt "x@a.example"
        s:data "Subject: x\n\nx\n"
        w:advance "1s"
      end
      send()
      assert.equal(1, #sent(w))
      w:load(9)
      send()
      w:load(1)
      send()
      assert.equal(delivered, #sent(w))
      w:send { to = "x@a.example" }
      assert.equal(delivered + 1, #sent(w))
    end
  end)

  it("while a file is there (queue_only_file)", function()
    local name = os.tmpname()
    local w = new('queue_only_file = "' .. name .. '"')
    w:send { to = "x@a.example" }
    assert.equal(0, #sent(w))
    os.remove(name)
    w:advance "2s"
    w:send { to = "x@a.example" }
    assert.equal(1, #sent(w))
  end)

  it("for some domains, until a pass over the queue (queue_domains)", function()
    local w = new 'queue_domains = "b.example"'
    w:send { to = { "x@a.example", "y@b.example" } }
    assert.equal(1, #sent(w))
    w:advance "2d"
    assert.equal(1, #sent(w))
    w:command "run"
    assert.equal(2, #sent(w))
    assert.equal(0, #w:queue())
  end)

  it("for some domains, what goes by SMTP (queue_smtp_domains)", function()
    local w = new('queue_smtp_domains = "*.example"', [[
      acl.rcpt { accept {} }
      router.both { driver = "redirect", local_parts = "both", data = "gone@here.test, far@b.example" }
      router.here { driver = "redirect", domains = "here.test", data = ":blackhole:" }
      router.dns { driver = "dnslookup", transport = "out" }
      transport.out { driver = "smtp" }]])
    w:send { to = "both@a.example" }
    assert.logged(w, "=> :blackhole:")
    assert.equal(0, #sent(w))
    w:advance "1d"
    assert.equal(0, #sent(w))
    w:command "run"
    assert.equal(1, #sent(w))
    assert.equal(0, #w:queue())
  end)
end)

describe("routing", function()
  it("begins deliveries in the order of remote_sort_domains", function()
    for order, first in pairs { ["b.example : a.example"] = "y@b.example", ["a.example"] = "x@a.example", ["z.example : +second"] = "y@b.example" } do
      local w = new('remote_max_parallel = 1, remote_sort_domains = "' .. order .. '"', 'domainlist.second = "b.example"\n' .. DELIVER)
      w:send { to = { "x@a.example", "y@b.example" } }
      assert.equal(first, sent(w)[1])
      assert.equal(2, #sent(w))
    end
  end)

  it("takes hosts_treat_as_local for itself in MX lists", function()
    local w = new 'hosts_treat_as_local = "mx.a.example"'
    w:send { to = "x@a.example" }
    assert.equal(0, #sent(w))
    assert.logged(w, "lowest numbered MX record points to local host: mx.a.example")
  end)

  it("knows the percent hack where a site still wants it (percent_hack_domains)", function()
    local w = new 'percent_hack_domains = "ours.example"'
    w:send { to = "x%a.example@ours.example" }
    assert.equal(1, #sent(w))
    assert.truthy(w:heard("192.0.2.1"):find("RCPT TO:<x@a.example>", 1, true))
    w:send { to = "x%a.example@b.example" }
    assert.truthy(w:heard("192.0.2.2"):find("RCPT TO:<x%a.example@b.example>", 1, true))
  end)
end)

describe("smtp_return_error_details", function()
  it("tells the client what the log is told, if set", function()
    local rules = 'acl.rcpt { deny { log_message = "number seven" } }'
    for set, said in pairs { ["true"] = "550 5.7.1 number seven", ["false"] = "550 5.7.1 " } do
      local w = new("smtp_return_error_details = " .. set, rules)
      local s = w:session()
      s:mail "a@there.example"
      local reply = s:rcpt "x@a.example"
      assert.reply(reply, said)
      assert.equal(set == "true", reply.text:find("number seven", 1, true) ~= nil)
    end
  end)

  it("tells the client what could not be found out, if set, and no mistake in the rules", function()
    for set, said in pairs { ["true"] = "dns.a", ["false"] = "temporary local problem" } do
      local w = new("smtp_return_error_details = " .. set, 'acl.rcpt(function(m) dns.a "late.example" return accept() end)')
      local s = w:session()
      s:mail "a@there.example"
      local reply = s:rcpt "x@a.example"
      assert.reply(reply, "451 4.3.0")
      assert.truthy(reply.text:find(said, 1, true), reply.text)
    end
    local w = new("smtp_return_error_details = true", 'acl.rcpt(function(m) return accept(m.nothing.at_all) end)')
    local s = w:session()
    s:mail "a@there.example"
    local reply = s:rcpt "x@a.example"
    assert.truthy(reply.text:find("temporary local problem", 1, true), reply.text)
  end)
end)
