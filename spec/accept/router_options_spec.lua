-- Every option of routers does what it says

local world = require "perigee.world"

local ZONE = [[
remote.example. MX 10 mx.remote.example.
mx.remote.example. A 192.0.2.1
slow.example. MX 10 mx.slow.example.
mx.slow.example. A 192.0.2.2
_smtp._tcp.srv.example. SRV 10 5 2525 a.srv.example.
_smtp._tcp.srv.example. SRV 20 0 26 b.srv.example.
a.srv.example. A 192.0.2.10
b.srv.example. A 192.0.2.20
srv.example. MX 10 mx.remote.example.
_smtp._tcp.nosrv.example. SRV 0 0 0 .
nosrv.example. MX 10 mx.remote.example.
_smtp._tcp.brokensrv.example. SERVFAIL
brokensrv.example. MX 10 mx.remote.example.
short.long.example. MX 10 mx.remote.example.
]]

local BASE = [[
acl.mail { accept {} }
acl.rcpt { accept {} }
transport.remote { driver = "smtp" }
transport.file { driver = "appendfile" }
transport.pipe { driver = "pipe" }
]]

local HERE = '\nrouter.here { driver = "accept", domains = "example.org", transport = "mailbox" }\nrouter.out { driver = "dnslookup", domains = "! example.org", transport = "remote" }\n'

local function new(rules, more)
  return world.new { rules = { "spec/accept/site.lua" }, zone = ZONE, lua = BASE .. rules .. (more or HERE) }
end

local function sent(rules, to, more)
  local w = new(rules, more)
  for _, at in ipairs { "192.0.2.1", "192.0.2.10", "192.0.2.20" } do w:peer(at, {}) end
  w:send { to = to }
  return w
end

local function boxes(w)
  local n = 0
  for _, d in ipairs(w:deliveries()) do if d.transport == "mailbox" then n = n + 1 end end
  return n
end

describe("dnslookup", function()
  local SRV = 'router.srv { driver = "dnslookup", domains = "! example.org", transport = "remote", check_srv = "smtp"%s }'

  it("check_srv: SRV before MX, by priority, on the port the record names", function()
    local w = new(SRV:format "")
    w:peer("192.0.2.10", { close = "banner" })
    w:peer("192.0.2.20", {})
    w:send { to = "bob@srv.example" }
    assert.logged(w, "H=b.srv.example [192.0.2.20]")
    assert.equals(1, select(2, w:heard "192.0.2.10"))
  end)

  it("check_srv: no SRV is MX as ever; a record for the root refuses; a failed question defers, unless srv_fail_domains has it", function()
    assert.logged(sent(SRV:format "", "bob@remote.example"), "H=mx.remote.example [192.0.2.1]")
    assert.logged(sent(SRV:format "", "bob@nosrv.example"), "** bob@nosrv.example")
    assert.logged(sent(SRV:format "", "bob@brokensrv.example"), "== bob@brokensrv.example")
    assert.logged(sent(SRV:format ', srv_fail_domains = "brokensrv.example"', "bob@brokensrv.example"), "H=mx.remote.example [192.0.2.1]")
  end)

  it("widen_domains: a name that is not found goes on as the first longer one that is", function()
    local w = sent('router.wide { driver = "dnslookup", transport = "remote", widen_domains = "none.example : long.example" }', "bob@short", "")
    assert.logged(w, "=> bob@short.long.example <bob@short>")
  end)
end)

describe("redirect", function()
  it("the same program or file for two people is run for each of them, the same address is reached once", function()
    local w = sent([[router.a { driver = "redirect", local_parts = "a : b", data = "c@example.org, /tmp/x" , file_transport = "file" }]],
      { "a@example.org", "b@example.org" })
    local seen = {}
    for _, d in ipairs(w:deliveries()) do seen[#seen + 1] = d.transport end
    table.sort(seen)
    assert.same({ "file", "file", "mailbox" }, seen)
  end)

  it("one_time: what is still open takes the list's place, and a list that changes sends no second copy", function()
    local w = new [[router.list { driver = "redirect", local_parts = "list", one_time = true,
      data = function(m) local n = (store.get("n", "n") or 0) + 1 store.put("n", "n", n)
        return n == 1 and "ann@example.org, bob@slow.example" or "ann@example.org, carl@example.org" end }]]
    w:peer("192.0.2.2", { rcpt = "451 4.2.0 later" })
    w:send { to = "list@example.org" }
    assert.equals(1, boxes(w))
    w:peer("192.0.2.2", { rcpt = "250 2.1.5 yes" })
    w:advance "20m"
    assert.logged(w, "=> bob@slow.example")
    assert.equals(1, boxes(w))
    assert.logged(w, "Completed")
    assert.is_nil(w:logged "carl@example.org")
  end)

  it("without one_time the list is read again and who had it is left out", function()
    local w = new [[router.list { driver = "redirect", local_parts = "list", data = "ann@example.org, bob@slow.example" }]]
    w:peer("192.0.2.2", { rcpt = "451 4.2.0 later" })
    w:send { to = "list@example.org" }
    w:peer("192.0.2.2", { rcpt = "250 2.1.5 yes" })
    w:advance "20m"
    assert.equals(1, boxes(w))
    assert.logged(w, "Completed")
  end)

  it("who stands on a list and is a recipient too gets one copy, also when the list is walked again", function()
    local w = new [[router.list { driver = "redirect", local_parts = "list", data = "ann@example.org, bob@slow.example" }]]
    w:peer("192.0.2.2", { rcpt = "451 4.2.0 later" })
    w:send { to = { "ann@example.org", "list@example.org" } }
    w:peer("192.0.2.2", { rcpt = "250 2.1.5 yes" })
    w:advance "20m"
    assert.logged(w, "Completed")
    assert.equals(1, boxes(w))
  end)

  it("hide_child_in_errmsg: the bounce shows the list and not its member", function()
    local rules = 'router.list { driver = "redirect", domains = "example.org", local_parts = "list", data = "hidden@nowhere.example"%s }\n'
      .. 'router.ann { driver = "accept", domains = "example.org", transport = "mailbox" }\nrouter.out { driver = "dnslookup", domains = "! example.org", transport = "remote" }\n'
    local function bounce(more)
      local w = new(rules:format(more), "")
      w:send { from = "ann@example.org", to = "list@example.org" }
      return w:deliveries()[1].message:match("^(.-)\r?\nSubject: test\r?\n")
    end
    assert.truthy(bounce "":find("hidden@nowhere.example", 1, true))
    local hidden = bounce ", hide_child_in_errmsg = true"
    assert.is_nil(hidden:find("hidden@nowhere.example", 1, true), hidden)
    assert.truthy(hidden:find("list@example.org", 1, true))
  end)

  it("skip_syntax_errors passes bad items over and tells syntax_errors_to once", function()
    local w = sent([[router.list { driver = "redirect", local_parts = "list", skip_syntax_errors = true,
      syntax_errors_to = "post@example.org", syntax_errors_text = "Please put this right:",
      data = "ann@example.org, not an address, <x@>, bob@slow.example" }]], "list@example.org")
    local found
    for _, d in ipairs(w:deliveries()) do if d.recipient == "post@example.org" then found = d.message end end
    assert.truthy(found and found:find("Please put this right:", 1, true), tostring(found))
    assert.truthy(found:find("not an address", 1, true))
    assert.truthy(found:find("list@example.org", 1, true))
    w:advance "2h"
    local told = 0
    for _, d in ipairs(w:deliveries()) do if d.recipient == "post@example.org" then told = told + 1 end end
    assert.equals(1, told)
  end)

  it("a word that is not one is told with the nearest right one", function()
    local w = sent([[router.list { driver = "redirect", local_parts = "list", data = ":blackhol:" }]], "list@example.org")
    assert.logged(w, 'did you mean "blackhole"?')
  end)

  it("qualifies, keeps the domain, refuses what is forbidden", function()
    assert.logged(sent([[router.l { driver = "redirect", local_parts = "list", data = "bob", qualify_domain = "remote.example" }]], "list@example.org"), "=> bob@remote.example")
    assert.logged(sent([[router.l { driver = "redirect", local_parts = "list", data = "bob", qualify_preserve_domain = true }]], "list@remote.example"), "=> bob@remote.example")
    for option, data in pairs { forbid_file = "/x", forbid_pipe = "|/x", forbid_include = ":include:/x", forbid_blackhole = ":blackhole:" } do
      assert.logged(sent('router.l { driver = "redirect", local_parts = "list", data = "' .. data .. '", file_transport = "file", pipe_transport = "pipe", '
        .. option .. " = true }", "list@example.org"), "is not allowed (" .. option .. ")")
    end
  end)
end)

describe("a router", function()
  it("disable_logging: nothing about its deliveries, failures and deferrals", function()
    local w = sent([[router.q { driver = "accept", domains = "example.org", transport = "mailbox", disable_logging = true }]], "bob@example.org", "")
    assert.equals(1, #w:deliveries())
    assert.is_nil(w:logged "=>")
    assert.logged(w, "Completed")
  end)

  it("errors_to: bounces and the envelope sender follow it, unless it cannot be routed", function()
    local rules = [[router.list { driver = "redirect", local_parts = "list", data = "bob@remote.example", errors_to = "%s" }]]
    local w = sent(rules:format "ann@example.org", "list@example.org")
    assert.truthy(w:heard "192.0.2.1":find("MAIL FROM:<ann@example.org>", 1, true))
    w = sent(rules:format "ann@nowhere.example", "list@example.org")
    assert.truthy(w:heard "192.0.2.1":find("MAIL FROM:<a@there.example>", 1, true))
    w = sent(rules:format "", "list@example.org")
    assert.truthy(w:heard "192.0.2.1":find("MAIL FROM:<>", 1, true))
  end)

  it("log_as_local: as Exim, true for accept; else the whole address", function()
    assert.logged(sent("", "bob@example.org"), "=> bob <bob@example.org>")
    assert.logged(sent([[router.x { driver = "accept", domains = "example.org", transport = "mailbox", log_as_local = false }]], "bob@example.org", ""), "=> bob@example.org R=x")
    assert.logged(sent([[router.x { driver = "manualroute", route_list = "* x", transport = "mailbox" }]], "bob@example.org", ""), "=> bob@example.org R=x")
    assert.logged(sent([[router.x { driver = "manualroute", route_list = "* x", transport = "mailbox", log_as_local = true }]], "bob@example.org", ""), "=> bob <bob@example.org> R=x")
  end)

  it("pass_router, redirect_router and their like name the nearest right router", function()
    for text, says in pairs {
      ['router.a { driver = "dnslookup", transport = "remote", pass_router = "hear" }'] = 'there is no router "hear", did you mean "here"?',
      ['router.a { driver = "redirect", data = "x", redirect_router = "hree" }'] = 'there is no router "hree", did you mean "here"?',
      ['router.a { driver = "accept", transport = "remot" }'] = 'there is no transport "remot", did you mean "remote"?',
      ['router.a { driver = "acept", transport = "remote" }'] = 'did you mean "accept"?',
      ['router.a { driver = "accept", transprot = "remote" }'] = 'did you mean "transport"?',
      ['router.a { driver = "accept", transport = "remote", check_srv = "smtp" }'] = '"check_srv" is an option of dnslookup, this is accept',
    } do
      local _, why = world.load { rules = { "spec/accept/site.lua" }, lua = BASE .. text .. HERE }
      assert.truthy(why and why:find(says, 1, true), tostring(why))
    end
  end)
end)

describe("EXPN", function()
  local function expn(rules, what)
    local w = new("acl.expn { accept {} }\n" .. rules)
    return (w:session {}):say("EXPN " .. what)
  end
  local LIST = [[router.list { driver = "redirect", local_parts = "list", data = "ann@example.org, bob@remote.example, |/bin/secret", pipe_transport = "pipe"%s }]]

  it("lists the members of a list, one level, and hides programs and files", function()
    local r = expn(LIST:format "", "list")
    assert.same({ "250-2.1.5 <ann@example.org>", "250-2.1.5 <bob@remote.example>", "250 2.1.5 a program" }, { r.lines[1], r.lines[2], r.lines[3] })
    assert.reply(expn(LIST:format "", "<ann@example.org>"), "250 2.1.5 <ann@example.org>")
  end)

  it("leaves out routers with expn = false, and says what does not exist", function()
    assert.reply(expn(LIST:format ", expn = false", "list@example.org"), "250 2.1.5 <list@example.org>")
    assert.reply(expn("", "x@nowhere.example"), "550 5.1.1")
    assert.reply(expn("", "x@@y"), "501")
  end)

  it("is refused unless an ACL accepts it, and an ACL's own text is what is said", function()
    local w = new(LIST:format "")
    assert.reply(w:session({}):say "EXPN list", "550")
    w = new([[acl.expn { accept { message = "250 2.1.5 nobody" } }]] .. LIST:format "")
    assert.reply(w:session({}):say "EXPN list", "250 2.1.5 nobody")
  end)

  it("caseful_local_part: local_parts and the transport have the local part as it was written", function()
    local rules = [[
router.exact { driver = "accept", domains = "example.org", local_parts = "Ann", caseful_local_part = %s, transport = "box" }
transport.box { driver = "appendfile", maildir_format = true, directory = "/box",
  headers_add = function(m) return "X-Local: " .. m.local_part end }
]]
    local w = new(rules:format "true")
    w:send { to = { "Ann@example.org", "ann@example.org" } }
    assert.logged(w, "=> Ann <Ann@example.org> R=exact")
    assert.matches("X%-Local: Ann\r\n", w:deliveries()[1].message)
    assert.logged(w, "=> ann <ann@example.org> R=here")
    w = new(rules:format "false")
    w:send { to = { "Ann@example.org", "ann@example.org" } }
    assert.logged(w, "=> ann <ann@example.org> R=exact")
    assert.matches("X%-Local: ann\r\n", w:deliveries()[1].message)
  end)

  it("first_delivery: true until any recipient has been tried", function()
    local w = world.new { rules = { "spec/accept/site.lua" }, zone = ZONE, lua = BASE .. [[
retry.rule { "*", "*", "F,1d,10m" }
router.log { driver = "accept", transport = "file", condition = function(m) logwrite("first in route: " .. tostring(m.first_delivery)) return false end }
router.out { driver = "dnslookup", transport = "first" }
transport.first { driver = "smtp", headers_add = function(m) return "X-First: " .. tostring(m.first_delivery) end }
event.on("msg:rcpt:host:defer", function(m) logwrite("first in event: " .. tostring(m.first_delivery)) end)
]] }
    w:peer("192.0.2.1", { rcpt = "451 4.2.0 not now" })
    w:send { to = "a@remote.example" }
    assert.logged(w, "first in route: true")
    assert.not_logged(w, "first in route: false")
    assert.logged(w, "first in event: true")
    assert.not_logged(w, "first in event: false")
    w:peer("192.0.2.1", {})
    w:advance "1h"
    assert.logged(w, "first in route: false")
    assert.matches("X%-First: false\r\n", w:deliveries()[1].message)
  end)
end)
