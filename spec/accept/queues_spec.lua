-- F23: named queues

local world = require "perigee.world"

local function new(rules)
  return world.new { rules = { "spec/accept/site.lua" }, zone = "remote.example. MX 10 mx.remote.example.\nmx.remote.example. A 192.0.2.1\n",
    lua = rules .. '\nacl.mail { accept {} }\ntransport.remote { driver = "smtp" }\n' ..
      'router.here { driver = "accept", domains = "example.org", transport = "mailbox" }\n' ..
      'router.out { driver = "dnslookup", transport = "remote" }' }
end

local BULK = 'acl.rcpt { accept { queue = "bulk" } }'

describe("a named queue", function()
  it("NQ-T1 queue = \"bulk\" in RCPT: the message waits there, Q=bulk stands on <=, =>, -> and Completed", function()
    local w = new(BULK)
    assert.reply(w:send { to = { "ann@example.org", "bob@example.org" } }, "250")
    assert.equals(0, #w:deliveries())
    assert.equals("bulk", w:queue()[1].queue)
    assert.equals("a@there.example", w:queue()[1].sender)
    assert.equals("ann@example.org\nbob@example.org", w:queue()[1].recipients)
    assert.truthy(w:logged("<= a@there.example"):find(" Q=bulk", 1, true))
    w:command("run", "bulk")
    assert.equals(2, #w:deliveries())
    assert.truthy(w:logged("=> ann <ann@example.org>"):find(" Q=bulk", 1, true))
    assert.truthy(w:logged("Completed"):find("Completed Q=bulk", 1, true))
    assert.equals(0, #w:queue())
  end)

  it("NQ-T1 Q=bulk stands on == and ** too, and the message goes on waiting there", function()
    local w = new(BULK)
    w:peer("192.0.2.1", { rcpt = "451 4.2.0 later" })
    w:send { to = "ann@remote.example" }
    w:command("run", "bulk")
    assert.truthy(w:logged("== ann@remote.example"):find(" Q=bulk", 1, true))
    assert.equals("bulk", w:queue()[1].queue)
    w:advance "8h"
    assert.equals("bulk", w:queue()[1].queue)
    local _, tries = w:heard "192.0.2.1"
    assert.equals(1, tries)
    w:peer("192.0.2.1", { rcpt = "550 5.1.1 no" })
    w:command("run", "bulk")
    assert.truthy(w:logged("** ann@remote.example"):find(" Q=bulk", 1, true))
  end)

  it("NQ-T2 in DATA and in non-SMTP ACLs the word is refused, in a table and in a function", function()
    for _, phase in ipairs { "data", "prdr", "not_smtp" } do
      local _, why = world.load { rules = { "spec/accept/site.lua" }, lua = "acl." .. phase .. ' { accept { queue = "bulk" } }' }
      assert.truthy(why and why:find("queue", 1, true) and why:find(phase, 1, true), tostring(why))
    end
    local w = new('acl.rcpt { accept {} }\nacl.data(function(m) return accept { queue = "bulk" } end)')
    assert.reply(w:send { to = "ann@example.org" }, "451 4.3.0")
    assert.equals(0, #w:queue())
  end)

  it("NQ-T3 the default queue's own run does not touch it, nor do time, a restart of rules and a release", function()
    local w = new(BULK)
    w:send { to = "ann@example.org" }
    w:command "run"
    w:advance "3d"
    w:command("release", "example.org")
    assert.equals(0, #w:deliveries())
    assert.equals(1, #w:queue())
  end)

  it("NQ-T4 a run of that queue delivers from it and from no other", function()
    local w = new 'acl.rcpt { accept { local_parts = "slow", queue = "slow" }, accept { queue = "bulk" } }'
    w:send { to = "slow@example.org" }
    w:send { to = "ann@example.org" }
    w:command("run", "bulk")
    assert.equals(1, #w:deliveries())
    assert.equals("ann@example.org", w:deliveries()[1].recipient)
    assert.equals("slow", w:queue()[1].queue)
  end)

  it("NQ-T4 queue_runs runs a queue by the clock, each message when it is due", function()
    local w = new(BULK .. '\nsite { queue_runs = { "bulk=20m", "other=1m" } }')
    w:peer("192.0.2.1", { rcpt = "451 4.2.0 later" })
    w:send { to = "ann@remote.example" }
    w:advance "19m"
    assert.equals(0, select(2, w:heard "192.0.2.1"))
    w:advance "2m"
    assert.equals(1, select(2, w:heard "192.0.2.1"))
    w:peer("192.0.2.1", { rcpt = "250 2.1.5 yes" })
    w:advance "40m"
    assert.logged(w, "=> ann@remote.example Q=bulk")
  end)

  it("NQ-T5 an empty name is the default queue again", function()
    local w = new 'acl.rcpt { warn { queue = "bulk" }, accept { queue = "" } }'
    w:send { to = "ann@example.org" }
    assert.equals(1, #w:deliveries())
    assert.is_nil(w:logged(" Q="))
  end)

  it("NQ-T6 a dangerous name is refused: when rules are loaded, or with a deferral when a function gives it", function()
    for name, says in pairs { ["a/b"] = "Directory separator not permitted in queue name: 'a/b'", [".."] = "is no name for a queue",
                              ["-x"] = "is no name for a queue", ["a b"] = "is no name for a queue" } do
      local _, why = world.load { rules = { "spec/accept/site.lua" }, lua = 'acl.rcpt { accept { queue = "' .. name .. '" } }' }
      assert.truthy(why and why:find(says, 1, true), tostring(why))
      local w = new('acl.rcpt { accept { queue = function(m) return "' .. name .. '" end } }')
      local s = w:session {}
      s:mail "a@b.example"
      assert.reply(s:rcpt "ann@example.org", "451 4.3.0")
    end
    local w = new 'acl.rcpt { accept { queue = function(m) return m.sender_helo_name end } }'
    local s = w:session { helo = "[IPv6:2001:db8::1]" }
    s:mail "a@b.example"
    assert.reply(s:rcpt "ann@example.org", "250")
  end)

  it("a message of it can be tried, frozen and removed by itself", function()
    local w = new(BULK)
    w:send { to = "ann@example.org" }
    w:send { to = "bob@example.org" }
    local first, second = w:queue()[1].id, w:queue()[2].id
    w:command("freeze", first)
    assert.is_true(w:queue()[1].frozen)
    assert.equals("bulk", w:queue()[1].queue)
    w:command("run", "bulk")
    assert.equals(1, #w:deliveries())
    assert.is_nil(w:message(second))
    w:command("thaw", first)
    assert.equals("bulk", w:queue()[1].queue)
    w:command("retry", first)
    assert.equals(2, #w:deliveries())
  end)

  it("queue_runs that make no sense are refused", function()
    for _, item in ipairs { "bulk", "bulk=soon", "=5m", "a/b=5m" } do
      local _, why = world.load { rules = { "spec/accept/site.lua" }, lua = 'site { queue_runs = { "' .. item .. '" } }' }
      assert.truthy(why and why:find('is not written as "NAME=TIME"', 1, true), tostring(why))
    end
  end)

  it("queue move takes a message into another, and out of all: then it is delivered", function()
    local w = new(BULK)
    w:send { from = ("a"):rep(63) .. "@" .. ("long."):rep(30) .. "example", to = "ann@example.org" }
    local id = w:queue()[1].id
    assert.equals("bulk", w:queue()[1].queue)
    w:command("move", id, "night")
    assert.equals("night", w:queue()[1].queue)
    assert.logged(w, id .. " moved from queue 'bulk' to 'night' by spec")
    w:command("run", "bulk")
    assert.equals(0, #w:deliveries())
    w:command("run", "night")
    assert.equals(1, #w:deliveries())
    assert.truthy(w:logged("=> ann"):find(" Q=night", 1, true))

    w:send { to = "bob@example.org" }
    w:command("move", w:queue()[1].id, "")
    w:advance "1m"
    assert.equals(2, #w:deliveries())
    assert.equals(0, #w:queue())
  end)

  it("queue move takes no name that is none", function()
    local w = new(BULK)
    w:send { to = "ann@example.org" }
    for _, name in ipairs { ".x", "a/b", "a b", ("x"):rep(65) } do w:command("move", w:queue()[1].id, name) end
    assert.equals("bulk", w:queue()[1].queue)
  end)
end)
