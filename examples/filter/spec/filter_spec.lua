-- What the rules say to each file of messages/, and to what no file of which would be fun to keep.
local world = require "perigee.world"

local w = world.new { rules = "examples/filter", deliver = false }

local function verdict(text, from)
  return w:send { from = from or "news@example.org", to = "reader@there.example", text = text }
end

local function message(name)
  local f = assert(io.open("examples/filter/messages/" .. name .. ".eml"))
  local text = f:read "*a"
  f:close()
  return text
end

describe("filter.lua", function()
  local FILES = {
    { "good", "250" },
    { "placeholder", "550 5.6.0 a placeholder is left: {{user.first_name}}" },
    { "no-unsubscribe", "550 5.6.0 news have List-Unsubscribe" },
    { "header", "550 5.6.0 there is no date; there is no message-id; From is not of example.org" },
  }
  for _, row in ipairs(FILES) do
    it("judges messages/" .. row[1], function() assert.reply(verdict(message(row[1])), row[2]) end)
  end

  local good = message "good"
  it("knows every way a placeholder is left", function()
    for _, bad in ipairs { "Hello %(name)s", "Hello undefined,", "Hello {{ name }}" } do
      assert.reply(verdict(good .. bad .. "\n"), "550 5.6.0 a placeholder is left")
      assert.reply(verdict((good:gsub("What is new", (bad:gsub("%%", "%%%%"))))), "550 5.6.0 a placeholder is left")
    end
  end)

  it("measures", function()
    assert.reply(verdict(good .. ("x"):rep(999) .. "\n"), "550 5.6.0 a line of more than 998 bytes")
    assert.reply(verdict(good .. ("0123456789\n"):rep(10000)), "550 5.6.0 more than 100 KiB")
  end)

  it("asks for List-Unsubscribe in news only", function() assert.reply(verdict(message "no-unsubscribe", "orders@example.org"), "250") end)
end)
