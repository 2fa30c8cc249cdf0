-- rules/25-srs.lua among the shipped rules: off as it is shipped, and what it does with a secret.
local world = require "perigee.world"
local machine = dofile "spec/rules/machine.lua"
local shell = machine.shell

local ZONE = [[
there.example.     A 198.51.100.1
far.example.       MX 10 mx.far.example.
mx.far.example.    A 198.51.100.2
]]

-- The shipped rules with an alias that leads elsewhere, and this secret.
local function site(secret)
  local dir = shell "mktemp -d"
  shell(("cp rules/*.lua %s && { cat rules/aliases; echo 'away: cat@far.example'; } > %s/aliases"):format(dir, dir))
  if secret then shell(("sed -i 's/^local SECRET = \"\"/local SECRET = %s/' %s/25-srs.lua"):format(secret, dir)) end
  return dir
end

local function new(dir)
  local w = world.new { rules = dir, zone = ZONE }
  w:peer "198.51.100.1"
  w:peer "198.51.100.2"
  return w
end

describe("the shipped srs rule", function()
  local off, on, changed = site(nil), site '"old one"', site '{ "new one", "old one" }'
  teardown(function() shell(("rm -rf %s %s %s"):format(off, on, changed)) end)

  local function forwarded(dir)
    local w = new(dir)
    assert.reply(w:send { from = "a@there.example", to = "away@example.org" }, "250")
    w:advance "1s"
    return w, w:heard("198.51.100.2"):match "MAIL FROM:<(.-)>"
  end

  it("is off as it is shipped: mail is forwarded under its own sender", function()
    local _, sender = forwarded(off)
    assert.equal("a@there.example", sender)
  end)

  it("passes the check without a word", function()
    local ok, text = world.check { rules = on }
    assert.truthy(ok, text)
    assert.is_nil((text:match "[^\n]*warning[^\n]*"))
  end)

  it("forwards under a sender of ours, and gives bounces to the writer (SRSN-T5)", function()
    local w, sender = forwarded(on)
    assert.truthy(sender:match "^SRS0=....=..=there%.example=a@example%.org$", sender)
    assert.reply(w:send { from = "", to = sender }, "250")
    w:advance "1s"
    assert.truthy(w:heard("198.51.100.1"):find("RCPT TO:<a@there.example>", 1, true))
  end)

  it("knows its addresses for three weeks, and after its secret has changed", function()
    local w, sender = forwarded(on)
    local s = new(changed):session {}
    s:mail ""
    assert.reply(s:rcpt(sender), "250")
    w:advance "23d"
    s = w:session {}
    s:mail ""
    assert.reply(s:rcpt(sender), "550")
  end)

  it("refuses what only looks like one, and leaves our users' own mail alone", function()
    local w, sender = forwarded(on)
    local s = w:session {}
    s:mail ""
    assert.reply(s:rcpt((sender:gsub("=....=", "=AAAA=", 1))), "550")
    assert.reply(w:send { client = "127.0.0.1", from = "Ann@example.org", to = "Dan@far.example" }, "250")
    w:advance "1s"
    assert.truthy(w:heard("198.51.100.2"):find("MAIL FROM:<Ann@example.org>", 1, true))
  end)
end)
