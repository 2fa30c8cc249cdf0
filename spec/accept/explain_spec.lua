-- control = "explain": where it may stand, and that it changes nothing of the answer.
local world = require "perigee.world"

local SITE = [[
domainlist.local_domains = { "example.org" }
router.here { driver = "accept", domains = "+local_domains", transport = "box" }
transport.box { driver = "appendfile", maildir_format = true, directory = "/box" }
]]

local function rcpt(rules)
  local w = world.new { lua = SITE .. rules }
  local s = w:session { client = "203.0.113.9", helo = "there.example" }
  s:mail "a@there.example"
  return s:rcpt "b@example.org", w
end

describe("control explain", function()
  for _, rules in ipairs {
    [[acl.rcpt { accept { control = "explain" } }]],
    [[acl.rcpt(function(m) control.explain() return accept() end)]],
    [[acl.connect { accept { control = "explain" } } acl.rcpt { accept {} }]],
    [[site { explain_accepted = true, explain_ring = "1M" } acl.rcpt { accept {} }]],
  } do
    it("leaves the answer as it is: " .. rules, function() assert.reply(rcpt(rules), "250") end)
  end

  it("takes no option", function()
    local ok, why = pcall(rcpt, [[acl.rcpt { accept { control = "explain/loud" } }]])
    assert.is_false(ok)
    assert.truthy(tostring(why):find('control explain takes no option "loud"', 1, true), tostring(why))
  end)

  it("cannot stand where nobody is answered any more", function()
    local ok, why = pcall(rcpt, [[acl.quit { warn { control = "explain" } } acl.rcpt { accept {} }]])
    assert.is_false(ok)
    assert.truthy(tostring(why):find('control "explain" cannot be used in the quit ACL', 1, true), tostring(why))
  end)

  it("names nothing in a world that keeps nothing", function()
    local reply, w = rcpt [[acl.rcpt { deny { message = "550 5.7.1 no" } }]]
    assert.reply(reply, "550 5.7.1 no")
    for _, line in ipairs(w:log()) do assert.falsy(line:find " E=", line) end
  end)
end)
