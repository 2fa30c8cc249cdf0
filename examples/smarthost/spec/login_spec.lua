-- How the smarthost's client logs in.
local world = require "perigee.world"

describe("smarthost.lua", function()
  local w = world.new { rules = "examples/smarthost", zone = "smtp.provider.example. A 198.51.100.25" }

  local function send()
    return w:send { client = "127.0.0.1", from = "ann@desk.example.org", to = "root@desk.example.org",
                    text = "From: ann@desk.example.org\nSubject: x\n\nx\n" }
  end

  it("says who it is with SCRAM, and never says the password", function()
    w:peer("198.51.100.25", { ehlo = "250-smtp.provider.example\r\n250 AUTH PLAIN LOGIN SCRAM-SHA-256" })
    assert.reply(send(), "250")
    local heard = w:heard "198.51.100.25"
    assert.truthy(heard:find("AUTH SCRAM-SHA-256", 1, true))
    assert.falsy(heard:find("our password", 1, true))
    assert.falsy(heard:find("AUTH PLAIN", 1, true))
    assert.falsy(heard:find("MAIL FROM", 1, true))
    assert.equal(1, #w:queue())
  end)

  it("sends mail for this machine's users to somebody who reads it, under an address that can be answered", function()
    local m = w:queue()[1]
    assert.equal("ann@example.org", m.recipients)
    assert.equal("ann@example.org", m.sender)
    assert.truthy(w:message(m.id):find("From: ann@example.org", 1, true))
  end)
end)
