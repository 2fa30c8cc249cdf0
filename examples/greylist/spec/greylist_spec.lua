local world = require "perigee.world"

describe("greylist", function()
  local w = world.new { rules = { "rules/00-site.lua", "examples/greylist/15-greylist.lua", "rules/20-relay.lua", "rules/30-aliases.lua",
                                  "rules/40-mailboxes.lua" } }

  local function attempt(client)
    local s = w:session { client = client or "203.0.113.9", helo = "there.example" }
    s:mail "a@there.example"
    return s:rcpt "b@example.org"
  end

  it("asks a stranger to come back, and lets it in after five minutes", function()
    assert.reply(attempt(), "451 4.7.1")
    w:advance "4m"
    assert.reply(attempt(), "451 4.7.1")
    w:advance "1m"
    assert.reply(attempt(), "250")
  end)

  it("does not make a neighbour wait", function() assert.reply(attempt "127.0.0.1", "250") end)

  it("forgets a stranger after a day", function()
    w:advance "1d1h"
    assert.reply(attempt(), "451 4.7.1")
  end)
end)
