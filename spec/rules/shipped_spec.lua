-- The shipped rules in the real engine: what a stranger, a neighbour and a mailbox see.
local world = require "perigee.world"

local ZONE = [[
there.example.    A   198.51.100.1
elsewhere.example. MX 10 mx.elsewhere.example.
mx.elsewhere.example. A 198.51.100.2
slow.example.     SERVFAIL
]]

describe("the shipped rules", function()
  local function new() return world.new { rules = "rules", zone = ZONE } end

  it("take mail from a stranger for our domain, into its mailbox", function()
    local w = new()
    assert.reply(w:send { from = "a@there.example", to = "ann@example.org" }, "250")
    local d = w:deliveries()[1]
    assert.equal("ann@example.org", d.recipient)
    assert.equal("mailbox", d.transport)
    assert.equal(0, #w:queue())
  end)

  it("refuse to relay for a stranger, and relay for a neighbour", function()
    local w = new()
    local s = w:session { client = "203.0.113.9" }
    assert.reply(s:mail "a@there.example", "250")
    assert.reply(s:rcpt "b@elsewhere.example", "550 5.7.1 relay not permitted")
    w:peer("198.51.100.2")
    assert.reply(w:send { client = "127.0.0.1", from = "a@example.org", to = "b@elsewhere.example" }, "250")
    assert.truthy(w:heard("198.51.100.2"):find("RCPT TO:<b@elsewhere.example>", 1, true))
  end)

  it("refuse a sender nobody can answer, and ask to come back when the DNS is silent", function()
    local w = new()
    local s = w:session { client = "203.0.113.9" }
    assert.reply(s:mail "a@nowhere.example", "550 5.1.8")
    assert.reply(s:mail "a@slow.example", "451")
    assert.reply(s:mail "", "250")
  end)

  it("follow aliases, and know postmaster", function()
    local w = new()
    assert.reply(w:send { from = "a@there.example", to = { "webmaster@example.org", "Postmaster@example.org" } }, "250")
    for _, d in ipairs(w:deliveries()) do assert.equal("postmaster@example.org", d.recipient:lower()) end
  end)

  it("swallow what is sent to noreply", function()
    local w = new()
    assert.reply(w:send { from = "a@there.example", to = "noreply@example.org" }, "250")
    assert.equal(0, #w:deliveries())
    assert.equal(0, #w:queue())
  end)

  it("keep names that are no file names out of the mail directory", function()
    local w = new()
    local s = w:session { client = "203.0.113.9" }
    s:mail "a@there.example"
    for _, name in ipairs { "../../etc/passwd", "a/b", "-rf", '".hidden"', '"a b/c"' } do
      assert.is_true(s:rcpt(name .. "@example.org").code >= 500, name)
    end
  end)

  it("refuse damaged addresses in the header of a stranger's message", function()
    local w = new()
    assert.reply(w:send { from = "a@there.example", to = "ann@example.org", text = "From: <a@@b\nTo: ann@example.org\n\nx\n" }, "550 5.6.0")
  end)
end)
