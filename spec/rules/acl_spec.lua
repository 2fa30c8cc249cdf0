-- ACLs in the engine: what a statement does to a real message.
local world = require "perigee.world"

local SITE = [[
site { primary_hostname = "mx.example.org", qualify_domain = "example.org" }
domainlist.local_domains = { "example.org" }
router.here { driver = "accept", domains = "+local_domains", transport = "box" }
router.out { driver = "dnslookup", transport = "remote" }
transport.box { driver = "appendfile", maildir_format = true, directory = function(m) return path("/mail", m.local_part) end }
transport.remote { driver = "smtp" }
]]

local ZONE = [[
there.example. A 198.51.100.1
slow.example. SERVFAIL
named.example. A 203.0.113.9
9.113.0.203.in-addr.arpa. PTR named.example.
]]

local function new(lua) return world.new { lua = SITE .. lua, zone = ZONE } end
local function text(w, n) return w:deliveries()[n or 1].message end

describe("ACLs in the engine", function()
  it("apply the header edits of all phases, and none of a rule that failed (R8.6)", function()
    local w = new [[
      acl.mail { accept { add_header = "X-Mail: yes" } }
      acl.rcpt(function(m)
        header.add("X-Rcpt-" .. m.local_part .. ": yes")
        if m.local_part == "bad" then error("no") end
        return accept() end)
      acl.data { accept { add_header = { ":at_start:X-First: 1", "X-Last: 2\n folded" }, remove_header = "Subject : X-None" } }]]
    local s = w:session {}
    s:mail "a@there.example"
    assert.reply(s:rcpt "good@example.org", "250")
    assert.reply(s:rcpt "bad@example.org", "451")
    assert.reply(s:data "Subject: gone\nFrom: a@there.example\n\nx\n", "250")
    local got = text(w)
    assert.truthy(got:find("\nX%-Mail: yes"))
    assert.truthy(got:find("\nX%-Rcpt%-good: yes"))
    assert.truthy(got:find("X%-Last: 2\r?\n folded"))
    assert.falsy(got:find("X%-Rcpt%-bad"))
    assert.falsy(got:find("Subject: gone"))
    assert.truthy(got:find("X%-First") < got:find("From: a@"))
  end)

  it("carry acl_c over messages and acl_m within one", function()
    local w = new [[
      acl.helo { accept { set = { acl_c_n = 1 } } }
      acl.rcpt(function(m)
        m.acl_c_n = m.acl_c_n + 1
        m.acl_m_n = (m.acl_m_n or 0) + 1
        return accept("250 " .. m.acl_c_n .. " " .. m.acl_m_n) end)]]
    local s = w:session {}
    s:mail "a@there.example"
    assert.reply(s:rcpt "x@example.org", "250 2.1.5 2 1")
    assert.reply(s:rcpt "y@example.org", "250 2.1.5 3 2")
    s:rset()
    s:mail "a@there.example"
    assert.reply(s:rcpt "x@example.org", "250 2.1.5 4 1")
  end)

  it("verify the client's name and HELO", function()
    local w = new [[acl.rcpt {
      deny { local_parts = "rev", not_verify = "reverse_host_lookup", message = "550 no name" },
      deny { local_parts = "helo", not_verify = "helo", message = "550 no helo" }, accept {} }]]
    local s = w:session { client = "203.0.113.9", helo = "named.example" }
    s:mail "a@there.example"
    assert.reply(s:rcpt "rev@example.org", "250")
    assert.reply(s:rcpt "helo@example.org", "250")
    s = w:session { client = "203.0.113.10", helo = "named.example" }
    s:mail "a@there.example"
    assert.reply(s:rcpt "rev@example.org", "550 5.7.1 no name")
    assert.reply(s:rcpt "helo@example.org", "550 5.7.1 no helo")
  end)

  it("verify recipients and senders by routing, and defer when that cannot be found out", function()
    local w = new [[acl.rcpt {
      demand { verify = "sender", message = "550 bad sender" },
      demand { verify = "recipient", message = function(m) return "550 bad recipient: " .. m.acl_verify_message end }, accept {} }]]
    local s = w:session {}
    s:mail "a@there.example"
    assert.reply(s:rcpt "x@example.org", "250")
    assert.reply(s:rcpt "x@nowhere.example", "550 5.7.1 bad recipient: Unrouteable address")
    assert.reply(s:rcpt "x@slow.example", "451")
    s:rset()
    s:mail "a@nowhere.example"
    assert.reply(s:rcpt "x@example.org", "550 5.7.1 bad sender")
    s:rset()
    s:mail "a@slow.example"
    assert.reply(s:rcpt "x@example.org", "451")
    s:rset()
    s:mail ""
    assert.reply(s:rcpt "x@example.org", "250")
  end)

  it("keep the recipient's own variables after verifying it", function()
    local w = new [[acl.rcpt {
      demand { verify = "sender" }, demand { verify = "recipient" },
      accept { message = function(m) return "250 " .. m.local_part .. " at " .. m.domain end } }]]
    local s = w:session {}
    s:mail "a@there.example"
    assert.reply(s:rcpt "Ann@example.org", "250 2.1.5 ann at example.org")
  end)

  it("set case and queue, freeze, and answer a lie", function()
    local w = new [[acl.rcpt {
      warn { control = "caseful_local_part" },
      deny { local_parts = "x", condition = function(m) return m.local_part == "X" end, message = "550 big" },
      accept { control = { "queue_only", "fakedefer/451 not now" } } }]]
    local s = w:session {}
    s:mail "a@there.example"
    assert.reply(s:rcpt "X@example.org", "550 5.7.1 big")
    assert.reply(s:rcpt "y@example.org", "250")
    assert.reply(s:data "Subject: x\n\nx\n", "451 4.7.1 not now")
    assert.equal(1, #w:queue())
  end)

  it("wait without holding others up", function()
    local w = new [[acl.rcpt { warn { local_parts = "slow", delay = "20s" }, accept {} }]]
    local a, b = w:session {}, w:session {}
    a:mail "a@there.example"
    b:mail "a@there.example"
    a:send "RCPT TO:<slow@example.org>\r\n"
    assert.reply(b:rcpt "quick@example.org", "250")
    assert.reply(a:reply(), "250")
  end)

  it("log what warn says once a message, and the place of an error", function()
    local w = new [[acl.rcpt { warn { log_message = "look here" }, accept { local_parts = "ok" } }
acl.rcpt(function(m) return deny(nil .. "x") end)]]
    local s = w:session {}
    s:mail "a@there.example"
    s:rcpt "ok@example.org"
    assert.logged(w, "Warning: look here")
    assert.reply(s:rcpt "no@example.org", "451")
    assert.logged(w, "attempt to concatenate")
  end)
end)
