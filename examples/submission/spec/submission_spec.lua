-- The submission server: what a mail program meets.
local world = require "perigee.world"

local ZONE = "store.example.org. A 192.0.2.10\nthere.example. A 198.51.100.1\n"

local function new() return world.new { rules = "examples/submission", zone = ZONE } end

-- A session of a mail program, logged in as user.
local function login(w, user, password)
  local s = w:session { client = "203.0.113.77", port = 465, helo = "[192.0.2.77]" }
  local r = s:say("AUTH PLAIN " .. ({ ann = "AGFubgBzZWNyZXQ=", bob = "AGJvYgBsZXRtZWlu" })[user] or password)
  return s, r
end

describe("10-users", function()
  it("lets in who knows the password, and nobody else", function()
    local w = new()
    assert.reply(select(2, login(w, "ann")), "235")
    local s = w:session { port = 587 }
    assert.reply(s:starttls(), "220")
    assert.reply(s:say "AUTH PLAIN AGFubgB3cm9uZw==", "535")
    assert.reply(s:say "AUTH LOGIN", "334")
    assert.reply(s:say "Ym9i", "334")
    assert.reply(s:say "bGV0bWVpbg==", "235")
  end)

  it("offers AUTH under TLS only", function()
    local s = new():session { port = 587 }
    assert.falsy(s.greeting:says "250 AUTH")
    assert.reply(s:say "AUTH PLAIN AGFubgBzZWNyZXQ=", "538")
    s:starttls()
    assert.truthy(s.greeting:says "250 AUTH PLAIN")
  end)
end)

describe("20-policy", function()
  it("takes nothing from who has not logged in", function()
    assert.reply(new():session { port = 465 }:mail "ann@example.org", "530 5.7.0")
  end)

  it("lets users write under addresses of their own", function()
    local w = new()
    for address, reply in pairs { ["ann@example.org"] = "250", ["Office@example.org"] = "250", ["bob@example.org"] = "550 5.7.1 bob@example.org is not",
                                  [""] = "250" } do
      local s = login(w, "ann")
      assert.reply(s:mail(address), reply)
    end
    assert.reply(login(w, "bob"):mail "office@example.org", "550 5.7.1")
  end)

  it("completes the header and relays", function()
    local w = new()
    w:peer("198.51.100.1", {})
    local s = login(w, "ann")
    s:mail "office@example.org"
    assert.reply(s:rcpt "b@there.example", "250")
    assert.reply(s:data "From: Bob <bob@example.org>\nSubject: x\n\nx\n", "250")
    local heard = w:heard "198.51.100.1"
    for _, field in ipairs { "Date: ", "Message%-I[dD]: ", "Sender: ann@example.org" } do assert.truthy(heard:find("\n" .. field), field) end
  end)

  it("stops a stolen password", function()
    local w = new()
    local last
    local s = login(w, "ann")
    s:mail "ann@example.org"
    for i = 1, 210 do last = s:rcpt("x" .. i .. "@there.example") end
    assert.reply(last, "450 4.7.1 more than 200 recipients today")
    local other = login(w, "bob")
    other:mail "bob@example.org"
    assert.reply(other:rcpt "b@there.example", "250")
  end)
end)
