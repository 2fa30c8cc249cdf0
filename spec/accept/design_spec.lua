-- The public contract of rules, sentence by sentence: what each example says must load, and behave as it is told.
local world = require "perigee.world"

local LISTS = [[
domainlist.local_domains = { "example.org", "*.example.org" }
hostlist.relay_from      = { "127.0.0.1", "::1", "10.0.0.0/8" }
]]
local SITE = [[
site {
  primary_hostname = "mail.example.org",
  listen           = { "0.0.0.0:25", "0.0.0.0:587", "0.0.0.0:465" },
  log_selector     = "+millisec +receive_time",
}
]] .. LISTS
local RELAY = [[
acl.rcpt {
  accept { authenticated = "*", control = "submission" },
  accept { hosts = "+relay_from" },
  deny   { domains = "! +local_domains", message = "550 5.7.1 relay not permitted" },
  deny   { senders = "*@bad.example", message = function(m)
             return m.sender_host_address .. " is not allowed to send mail from " .. m.sender_address_domain
           end },
  demand { verify = "recipient", message = "550 5.1.1 no such user here" },
  accept {},
}
]]
local ROUTES = [[
router.refuse    { driver = "redirect", domains = "+local_domains", local_parts = "nobody", data = ":fail: gone", allow_fail = true }
router.odd(function(m) if m.domain == "odd.example" then return route.to { host = "192.0.2.9:2525", transport = "remote" } end end)
router.dns       { driver = "dnslookup", domains = "! +local_domains", transport = "remote" }
router.mailboxes { driver = "accept", domains = "+local_domains", transport = "mailbox" }
transport.remote  { driver = "smtp" }
transport.mailbox { driver = "appendfile", maildir_format = true,
                    directory = function(m) return path("/var/mail", m.domain, m.local_part) end }
retry.rule { "*", "*", "F,2h,15m; G,16h,1h,1.5; F,4d,6h" }
]]
local ZONE = [[
there.example. MX 10 mx.there.example.
mx.there.example. A 198.51.100.1
dead.example. SERVFAIL
]]

local function new(lua, more)
  local config = { lua = lua, zone = ZONE }
  for k, v in pairs(more or {}) do config[k] = v end
  return world.new(config)
end

-- One value of an expression as JSON, or nil and why.
local function value(w, code, facts)
  local json, why = w:eval(code, facts)
  return json and json:match "^%[(.*)%]%s*$", why
end

local function rcpt(w, to, facts)
  facts = facts or {}
  local s = w:session { client = facts.client }
  s:mail(facts.from or "a@there.example")
  return s:rcpt(to)
end

describe("a rule set (4.1)", function()
  it("loads the site's example, stamps with milliseconds", function()
    local w = new(SITE .. ROUTES .. RELAY)
    assert.reply(w:session {}.banner, "220 mail.example.org")
    assert.reply(w:send { to = "b@example.org", client = "10.1.2.3" }, "250")
    assert.truthy(w:log()[1]:find "^%d+%-%d+%-%d+ %d+:%d+:%d+%.%d%d%d ")
    assert.logged(w, "RT=")
  end)

  it("lets an option that is expanded be a function; nil gives the default", function()
    local w = new(LISTS .. [[site { primary_hostname = "mail.example.org", smtp_banner = function(m)
      if m.sender_host_address == "203.0.113.1" then return "hello " .. m.sender_host_address end end }]])
    assert.reply(w:session { client = "203.0.113.1" }.banner, "220 hello 203.0.113.1")
    assert.reply(w:session { client = "203.0.113.2" }.banner, "220 mail.example.org ESMTP")
  end)

  it("takes a list as a table or as a text with colons, and asks it in code", function()
    local w = new [[domainlist.a = "one.example : *.two.example : ! no.example : *"
      domainlist.b = { "+a", function(domain) return domain == "odd.example" end }
      hostlist.h = "<; 192.0.2.1 ; 2001:db8::/32"
      site { qualify_domain = "q.example" }]]
    for code, want in pairs {
      ['domainlist.a:has("one.example")'] = "true", ['domainlist.a:has("x.two.example")'] = "true",
      ['domainlist.a:has("no.example")'] = "false", ['hostlist.h:has("2001:db8::7")'] = "true", ['hostlist.h:has("192.0.2.2")'] = "false",
    } do assert.equal(want, (value(w, code))) end
  end)

  it("refuses what is set twice, naming both places, and a global after load", function()
    local ok, why = world.load { lua = SITE .. 'site { primary_hostname = "x" }' }
    assert.is_nil(ok)
    assert.truthy(why:find "lua:8.*first at lua:2", why)
    local w = new(LISTS .. "acl.rcpt(function() count = 1 end)")
    assert.reply(rcpt(w, "b@example.org"), "451")
  end)
end)

describe("ACLs (4.2)", function()
  it("walk the example: neighbours, strangers, a message from a function, verification, acceptance", function()
    local w = new(SITE .. ROUTES .. RELAY)
    assert.reply(rcpt(w, "b@elsewhere.example", { client = "10.2.3.4" }), "250")
    assert.reply(rcpt(w, "b@elsewhere.example"), "550 5.7.1 relay not permitted")
    assert.reply(rcpt(w, "b@example.org", { from = "x@bad.example" }), "550 5.7.1 203.0.113.9 is not allowed to send mail from bad.example")
    assert.reply(rcpt(w, "nobody@example.org"), "550 5.1.1 no such user here")
    assert.reply(rcpt(w, "b@example.org"), "250")
  end)

  it("end with the phase's default, and say so", function()
    local w = new(LISTS .. ROUTES .. "acl.rcpt { warn {} } acl.mail { warn {} } acl.sub.asked { warn {} }")
    local s = w:session {}
    assert.reply(s:mail "a@there.example", "250")
    assert.reply(s:rcpt "b@example.org", "550")
    local w2 = new(LISTS .. ROUTES .. "acl.rcpt { deny { not_acl = 'asked', message = '550 5.7.1 it denied' }, accept {} } acl.sub.asked { warn {} }")
    assert.reply(rcpt(w2, "b@example.org"), "550 5.7.1 it denied")
  end)

  it("append to one phase in load order", function()
    local w = new(LISTS .. ROUTES .. "acl.rcpt { warn { add_header = 'X-A: 1' } } acl.rcpt { deny { senders = ':' } } acl.rcpt(function() return accept() end)")
    assert.reply(rcpt(w, "b@example.org", { from = "" }), "550")
    assert.reply(rcpt(w, "b@example.org"), "250")
  end)

  it("try the words of a table in their fixed order, then act; message belongs to demand's failure", function()
    local w = new(LISTS .. ROUTES .. [[
      local seen = {}
      acl.rcpt {
        warn   { set = { acl_m_x = 1 }, condition = function() seen[#seen + 1] = "c" return true end,
                 senders = function() seen[#seen + 1] = "s" return true end },
        demand { condition = function(m) return m.acl_m_x == 1 end, message = "550 5.7.1 never", log_message = "unseen" },
        deny   { condition = function() return table.concat(seen) ~= "sc" end, message = function() return "550 5.7.1 " .. table.concat(seen) end },
        accept {},
      }]])
    assert.reply(rcpt(w, "b@example.org"), "250")
  end)

  it("take an array where Exim lets a word be written twice, and not_ before any", function()
    local w = new(LISTS .. ROUTES .. [[
      acl.mail { deny { not_verify = { "sender", "helo" }, message = "550 5.7.1 neither or one" } }
      acl.rcpt { accept { not_domains = "x.example", add_header = { "X-A: 1", "X-B: 2" }, logwrite = { "one", "two" } } }]])
    local s = w:session {}
    assert.reply(s:mail "a@there.example", "550 5.7.1 neither or one")
    local w2 = new(LISTS .. ROUTES .. [[acl.rcpt { accept { not_domains = "x.example", add_header = { "X-A: 1", "X-B: 2" }, logwrite = { "one", "two" } } }]])
    assert.reply(w2:send { to = "b@example.org" }, "250")
    local m = w2:deliveries()[1].message
    assert.truthy(m:find "X%-A: 1" and m:find "X%-B: 2")
    assert.logged(w2, "one")
    assert.logged(w2, "two")
  end)

  it("take an answer as text or table with code and control; variables keep their type into the spool", function()
    local w = new(LISTS .. [[
      acl.mail(function(m) m.acl_c_seen, m.acl_m_quarantine = "yes", 1 end)
      acl.rcpt(function(m)
        if m.local_part == "t" then return deny { message = "not you", log_message = "for the log", code = "553 5.1.3" } end
        if m.local_part == "f" then return accept { control = "freeze" } end
        return accept()
      end)
      acl.data(function(m) if m.acl_m_quarantine ~= 1 or m.acl_c_seen ~= "yes" then return deny() end end)
      router.first { driver = "accept", condition = function(m) return m.acl_m_quarantine == 1 end, transport = "q" }
      transport.q { driver = "appendfile", maildir_format = true, directory = function(m)
        return path("/var/mail", type(m.acl_m_quarantine), tostring(m.acl_m_quarantine)) end }]] .. ROUTES)
    assert.reply(rcpt(w, "t@example.org"), "553 5.1.3 not you")
    assert.logged(w, "for the log")
    assert.reply(w:send { to = "f@example.org" }, "250")
    assert.equal(true, w:queue()[1].frozen)
    assert.reply(w:send { to = "b@example.org" }, "250")
    assert.truthy(w:deliveries()[1].file:find("/number/1", 1, true), w:deliveries()[1].file)
  end)

  it("call ACLs by name with arguments, from tables and from functions", function()
    local w = new(LISTS .. ROUTES .. [[
      acl.sub.wants { accept { condition = function(m) return m.acl_arg1 == m.local_part and m.acl_narg == 2 end } }
      acl.rcpt { accept { acl = "wants ann x" } }
      acl.rcpt(function(m) if check.acl("wants", "bob", "x") then return accept() end end)]])
    assert.reply(rcpt(w, "ann@example.org"), "250")
    assert.reply(rcpt(w, "bob@example.org"), "250")
    assert.reply(rcpt(w, "cat@example.org"), "550")
  end)
end)

describe("variables (4.3)", function()
  local w = new(LISTS .. ROUTES)

  it("are typed: addresses of RFC 5952, lists whose text has colons, times in seconds, tod_* as Exim prints them", function()
    assert.equal('"2001:db8::1"', (value(w, "m.sender_host_address", { client = "2001:db8:0:0::1", phase = "connect" })))
    assert.equal('"string"', (value(w, "type(m.tod_epoch)")))
    assert.equal("true", (value(w, "m.tod_epoch - 1 < os.time()")))
    assert.equal('"2026-01-01 00:00:00"', (value(w, "m.tod_log")))
    assert.equal('""', (value(w, "m.sender_address", { sender = "" })))
  end)

  it("that cannot be known yet or do not exist are errors that say which", function()
    local _, why = w:eval("m.sender_address", { phase = "connect" })
    assert.truthy(why:find("sender_address is not known in phase connect", 1, true), why)
    _, why = w:eval "m.no_such_thing"
    assert.truthy(why:find("there is no variable no_such_thing", 1, true), why)
  end)

  it("of headers are decoded, joined by newlines, and raw or a list on request; nil if absent", function()
    local seen = new(LISTS .. ROUTES .. [[acl.data(function(m)
      logwrite("<" .. m.header.subject .. "><" .. m.header["list-id"] .. "><" .. m.rheader.subject .. "><" .. #m.lheader["list-id"] .. "><" .. tostring(m.header.none) .. ">")
      end) acl.rcpt { accept {} }]])
    seen:send { to = "b@example.org", text = "Subject: =?utf-8?q?caf=C3=A9?=\nList-Id: one\nList-Id: two\n\nx\n" }
    assert.logged(seen, "<caf\195\169><one")
    assert.logged(seen, "><nil>")
  end)
end)

describe("routers, transports, retry (4.4)", function()
  it("send an address where the example says", function()
    local w = new(LISTS .. ROUTES .. RELAY)
    w:peer "198.51.100.1"
    w:peer "192.0.2.9"
    assert.reply(w:send { client = "127.0.0.1", to = { "b@there.example", "c@odd.example", "d@example.org" } }, "250")
    local by = {}
    for _, d in ipairs(w:deliveries()) do by[d.recipient] = d end
    assert.logged(w, "=> b@there.example R=dns T=remote H=mx.there.example [198.51.100.1]")
    assert.logged(w, "=> c@odd.example R=odd T=remote H=192.0.2.9 [192.0.2.9]")
    assert.equal("/var/mail/example.org/d", (by["d@example.org"].file:gsub("/%./", "/")))
    assert.truthy(w:heard("198.51.100.1"):find("RCPT TO:<b@there.example>", 1, true))
  end)

  it("retry as the rule says", function()
    local w = new(LISTS .. ROUTES .. RELAY)
    w:peer("198.51.100.1", { rcpt = "450 4.2.1 busy" })
    w:send { client = "127.0.0.1", to = "b@there.example" }
    assert.equal(900, w:queue()[1].next_try - w:now())
  end)

  it("take names that are Lua's words, the null sender as ':' or { '' }, and functions that answer in every way", function()
    local w = new(LISTS .. [[
      router["local"] { driver = "accept", senders = ":", domains = "+local_domains", transport = "mailbox" }
      router["end"]   { driver = "accept", senders = { "" }, local_parts = "never", transport = "mailbox" }
      router.answers(function(m)
        if m.local_part == "f" then return fail("no such user") end
        if m.local_part == "d" then return defer("not now") end
        if m.local_part == "x" then return discard() end
        if m.local_part == "r" then return redirect { "ann@example.org" } end
        if m.local_part == "p" then return pass() end
      end)
      router.rest { driver = "accept", transport = "mailbox" }
      transport.mailbox { driver = "appendfile", maildir_format = true, directory = "/box" }
      acl.rcpt { accept {} }]])
    assert.reply(w:send { to = { "f@example.org", "d@example.org", "x@example.org", "r@example.org", "n@example.org" } }, "250")
    assert.logged(w, "** f@example.org")
    assert.logged(w, "== d@example.org")
    assert.logged(w, "=> ann <r@example.org>")
    assert.logged(w, "n <n@example.org> R=rest")
  end)
end)

describe("events (4.5)", function()
  it("run functions of the mail object, of main and of transports", function()
    local w = new(LISTS .. [[
      event.on("msg:delivery", function(m) logwrite("sent " .. m.local_part .. " " .. m.domain .. " " .. m.event_name) end)
      router.here { driver = "accept", transport = "box" }
      transport.box { driver = "appendfile", maildir_format = true, directory = "/box", event_action = function(m)
        if m.event_name == "msg:delivery" then logwrite("by " .. m.transport_name) end end }
      acl.rcpt { accept {} }]])
    assert.reply(w:send { to = "b@example.org" }, "250")
    assert.logged(w, "sent b example.org msg:delivery")
    assert.logged(w, "by box")
  end)
end)

describe("calls that wait (4.6)", function()
  local w = new(LISTS .. ROUTES)

  it("return a value, nil for 'there is none', and raise a defer for 'could not find out'", function()
    assert.equal('"mx.there.example"', (value(w, 'dns.mx("there.example")[1].name')))
    assert.equal("null", (value(w, 'dns.mx("nowhere.example")')))
    local found, why = value(w, 'dns.mx("dead.example")')
    assert.is_nil(found)
    assert.truthy(why:find("dns.mx", 1, true), why)
  end)

  it("as try return nil and what happened", function()
    assert.equal('"again"', (value(w, '(select(2, dns.try.mx("dead.example"))).kind')))
    assert.equal('"none"', (value(w, '(select(2, dns.try.mx("nowhere.example"))).kind')))
  end)

  it("keep what store is given over sessions", function()
    local s = new(LISTS .. ROUTES .. [[acl.rcpt(function(m)
      if store.incr("seen", m.sender_host_address, "1h") > 2 then return deny("550 5.7.1 enough") end return accept() end)]])
    assert.reply(rcpt(s, "b@example.org"), "250")
    assert.reply(rcpt(s, "b@example.org"), "250")
    assert.reply(rcpt(s, "b@example.org"), "550 5.7.1 enough")
    s:advance "2h"
    assert.reply(rcpt(s, "b@example.org"), "250")
  end)

  it("cannot happen in a callback of sort: the error names the way round", function()
    local _, why = w:eval '(function() local t = { 1, 2 } table.sort(t, function() return dns.a("there.example") ~= nil end) end)()'
    assert.truthy(why:find("ask before, and use the answers there", 1, true), why)
  end)
end)
