-- What one part does while another is at work: callouts of rewritten addresses, rates and named queues, reloads and
-- clients that leave in the middle of an exchange.

local world = require "perigee.world"

local ZONE = [[
there.example. MX 10 mx.there.example.
mx.there.example. A 192.0.2.1
]]

local BASE = [[
site { primary_hostname = "mx.example.org", qualify_domain = "example.org", auth_cleartext_hosts = "*" }
authenticator.plain { driver = "plaintext", public_name = "PLAIN", server_set_id = function(m) return m.auth2 end,
  server_condition = function(m) sleep(3) return m.auth3 == "geheim" end }
authenticator.login { driver = "plaintext", public_name = "LOGIN", server_set_id = function(m) return m.auth1 end,
  server_condition = function(m) return m.auth2 == "geheim" end }
router.list { driver = "redirect", domains = "lists.example", one_time = true, errors_to = "owner@example.org",
  data = "x@there.example, X@There.example, b@example.org, b@example.org" }
router.dns { driver = "dnslookup", domains = "! example.org", transport = "remote" }
router.box { driver = "accept", transport = "box" }
transport.remote { driver = "smtp" }
transport.box { driver = "appendfile", file = "/mail/box", return_path_add = true }
retry.rule { "*", "*", "F,2h,15m" }
]]

local PLAIN, LOGIN, PASSWORD = "AUTH PLAIN AGFubgBnZWhlaW0=", "YW5u", "Z2VoZWlt"      -- ann, geheim

local function new(rules) return world.new { lua = BASE .. rules, zone = ZONE } end
local function reload(w, rules) w:reload { lua = BASE .. rules, zone = ZONE } end
local function heard(w) return (w:heard "192.0.2.1") or "" end
local function log(w) return table.concat(w:log(), "\n") end

describe("two parts at once", function()
  it("a callout asks about the sender as rewriting will make it", function()
    local w = new [[rewrite.rule { "*@old.example", "$1@there.example" } acl.rcpt { demand { verify = "sender/callout" }, accept {} }]]
    w:peer "192.0.2.1"
    local s = w:session {}
    s:mail "a@old.example"
    assert.reply(s:rcpt "b@example.org", "250")
    assert.truthy(heard(w):find("RCPT TO:<a@there.example>", 1, true), heard(w))
    s:data "From: a@old.example\n\nx\n"
    local kept = w:deliveries()[1].message
    assert.truthy(kept:find("Return-path: <a@there.example>", 1, true), kept)
    assert.truthy(kept:find("From: a@there.example", 1, true), kept)
  end)

  it("submission takes its Sender from who is authenticated, whatever the client wrote", function()
    local w = new [[acl.rcpt { accept { authenticated = "*", control = "submission" } }]]
    local s = w:session {}
    s:say "AUTH LOGIN"
    s:say(LOGIN)
    assert.reply(s:say(PASSWORD), "235")
    s:mail "ann@example.org"
    assert.reply(s:rcpt "b@example.org", "250")
    assert.reply(s:data "From: eve@example.org\nSender: evil@there.example\n\nx\n", "250")
    local kept = w:deliveries()[1].message
    assert.truthy(kept:find("Sender: ann@example.org", 1, true), kept)
    assert.falsy(kept:find("evil@", 1, true) or nil)
  end)

  it("a mime ACL that discards keeps nothing, delivers nothing and says yes", function()
    local w = new [[acl.mime(function(m) if m.mime_content_type == "text/x-gone" then return discard() end end) acl.rcpt { accept {} }]]
    local s = w:session {}
    s:mail "a@there.example"
    s:rcpt "b@example.org"
    assert.reply(s:data "MIME-Version: 1.0\nContent-Type: text/x-gone\n\nx\n", "250")
    assert.equal(0, #w:queue())
    assert.equal(0, #w:deliveries())
  end)

  it("recipients over a per_addr rate are put off, the others wait in the named queue", function()
    local w = new [[acl.rcpt { defer { ratelimit = "2 / 1h / per_addr / strict", message = "452 4.5.3 enough" }, accept { queue = "bulk" } }]]
    local s = w:session {}
    s:mail "a@there.example"
    assert.reply(s:rcpt "b1@example.org", "250")
    assert.reply(s:rcpt "b1@example.org", "250")
    assert.reply(s:rcpt "b2@example.org", "250")
    assert.reply(s:rcpt "b3@example.org", "452")
    assert.reply(s:data "x: y\n\nx\n", "250")
    s:quit()
    w:advance "3h"
    assert.equal(0, #w:deliveries())
    local q = w:queue()[1]
    assert.equal("b1@example.org\nb2@example.org", q.recipients)
    assert.equal("bulk", q.queue)
  end)

  it("members of a one_time list that wait keep its errors_to, and those that stand twice get one copy", function()
    local w = new "acl.rcpt { accept {} }"
    w:peer("192.0.2.1", { rcpt = "450 4.2.1 busy" })
    local s = w:session {}
    s:mail "a@sender.example"
    s:rcpt "m@lists.example"
    assert.reply(s:data "x: y\n\nx\n", "250")
    s:quit()
    w:peer("192.0.2.1", { rcpt = "250 2.1.5 fine" })
    w:advance "1h"
    assert.equal(0, #w:queue())
    assert.equal(2, #w:deliveries())
    assert.truthy(heard(w):find("MAIL FROM:<owner@example.org>.*MAIL FROM:<owner@example.org>"), heard(w))
    assert.falsy(heard(w):find("a@sender.example> SIZE", 1, true) or nil)
  end)

  it("and those of a list whose errors_to is the null sender keep that, too", function()
    local w = world.new { lua = BASE:gsub('errors_to = "owner@example.org"', 'errors_to = ""') .. "acl.rcpt { accept {} }", zone = ZONE }
    w:peer("192.0.2.1", { rcpt = "450 4.2.1 busy" })
    w:send { from = "a@sender.example", to = "m@lists.example" }
    w:peer("192.0.2.1", { rcpt = "550 5.1.1 gone" })
    w:advance "1h"
    assert.truthy(heard(w):find("MAIL FROM:<>.*MAIL FROM:<>"), heard(w))
    assert.falsy(heard(w):find("a@sender.example", 1, true), heard(w))
    assert.equal(0, #w:queue())                 -- and nobody is told that it failed
    assert.falsy(log(w):find("R=%S+ U=", 1), log(w))
  end)
end)

describe("a session ends on the rules it began with", function()
  local OLD, NEW = [[acl.rcpt { demand { verify = "sender/callout" }, accept { message = "250 2.1.5 old" } }]], [[acl.rcpt { deny { message = "550 5.7.1 new" } }]]

  it("also when they change between the lines of an AUTH exchange", function()
    local w = new(OLD)
    w:peer "192.0.2.1"
    local s = w:session {}
    assert.reply(s:say "AUTH LOGIN", "334")
    reload(w, NEW)
    assert.reply(s:say(LOGIN), "334")
    assert.reply(s:say(PASSWORD), "235")
    s:mail "a@there.example"
    assert.reply(s:rcpt "b@example.org", "250 2.1.5 old")
    local other = w:session {}
    other:mail "a@there.example"
    assert.reply(other:rcpt "b@example.org", "550 5.7.1 new")
  end)

  it("also when they change while server_condition or a callout waits", function()
    local w = new(OLD)
    w:peer "192.0.2.1"
    local s = w:session {}
    s:send(PLAIN .. "\r\n")
    reload(w, NEW)
    assert.reply(s:reply(), "235")
    s:mail "a@there.example"
    s:send "RCPT TO:<b@example.org>\r\n"
    reload(w, NEW)
    assert.reply(s:reply(), "250 2.1.5 old")
  end)
end)

describe("a client that goes away", function()
  it("in an AUTH exchange, in its wait, or in a callout leaves nothing behind, and the next one is served", function()
    local w = new [[acl.rcpt { demand { verify = "sender/callout" }, accept {} }]]
    w:peer("192.0.2.1", { stall = "rcpt" })
    local s = w:session {}
    s:say "AUTH LOGIN"
    s:close()
    s = w:session {}
    s:send(PLAIN .. "\r\n")
    s:close()
    s = w:session {}
    s:mail "a@there.example"
    s:send "RCPT TO:<b@example.org>\r\n"
    s:close()
    w:advance "10m"
    assert.equal(0, #w:queue())
    assert.falsy(log(w):find("rule error", 1, true) or nil)
    s = w:session {}
    assert.reply(s:say(PLAIN), "235")
    s:mail ""
    assert.reply(s:rcpt "b@example.org", "250")
  end)
end)
