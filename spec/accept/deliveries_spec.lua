-- What a world's specs see of deliveries: w:deliveries() lists them all, to mailboxes, hosts and scripted servers.
local world = require "perigee.world"

local RULES = [[
site { primary_hostname = "mx.example.org" }
domainlist.local_domains = { "example.org" }
acl.rcpt { accept {} }
router.here { driver = "accept", domains = "+local_domains", transport = "box" }
router.out { driver = "manualroute", route_list = { "* 192.0.2.1" }, transport = "remote" }
transport.box { driver = "appendfile", maildir_format = true, directory = "/box" }
transport.remote { driver = "smtp" }
]]

local function listed(w)
  local all = {}
  for _, d in ipairs(w:deliveries()) do
    assert.truthy(d.message:find("Subject: test\r\n", 1, true))
    all[#all + 1] = d.recipient .. " " .. d.transport .. " " .. d.host
  end
  table.sort(all)
  return table.concat(all, ", ")
end

describe("the deliveries of a world", function()
  it("to a scripted server are listed too, of those recipients it took", function()
    local w = world.new { lua = RULES }
    w:peer("192.0.2.1", { ["rcpt"] = "no@there.example 550 5.1.1 not here" })
    w:send { from = "a@there.example", to = { "b@example.org", "c@there.example", "no@there.example" } }
    -- the sender's is the bounce
    assert.equal("a@there.example remote 192.0.2.1, b@example.org box , c@there.example remote 192.0.2.1", listed(w))
  end)

  it("a server that is told anew has forgotten what it was told, whatever that was", function()
    local w = world.new { lua = RULES }
    w:peer("192.0.2.1", { rcpt = "c@there.example 450 4.2.1 busy", ehlo = "250 plain.example" })
    w:send { from = "a@example.org", to = "c@there.example" }
    assert.equal(1, #w:queue())
    w:peer "192.0.2.1"                          -- nothing is said: it stays as it is
    w:command "run"
    assert.equal(1, #w:queue())
    w:peer("192.0.2.1", {})
    w:command "run"
    assert.equal(0, #w:queue())
    w:peer("192.0.2.1", { refuse = true })
    w:advance "10m"
    w:send { from = "a@example.org", to = "c@there.example" }
    assert.equal(1, #w:queue())
  end)
end)
