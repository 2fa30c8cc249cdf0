-- The shipped rules and examples, under plain LuaJIT; spec/rules has them in the engine.
local world = require "spec.lua.support"

local function files(dir)
  local found = {}
  for path in io.popen("ls " .. dir .. "/*.lua"):lines() do
    found[path:match("[^/]+$")] = io.open(path):read("*a")
  end
  return found
end

describe("shipped rules", function()
  local ZONE = { ["there.test"] = { { type = "A", ip = "192.0.2.25" } } }
  local ALIASES = io.open("rules/aliases"):read("*a")
  local w = world.load(files "rules", { zone = ZONE, files = { aliases = ALIASES } })

  it("load without a word", function() assert.equal("", w:said()) end)

  it("let strangers write to us and to nobody else", function()
    local function rcpt(client, address)
      local l, d = address:match("^(.*)@(.*)$")
      return (w:acl("rcpt", { sender_host_address = client, local_part = l, domain = d }))
    end
    assert.equal("accept", rcpt("203.0.113.9", "ann@example.org"))
    assert.equal("deny", rcpt("203.0.113.9", "ann@elsewhere.test"))
    assert.equal("accept", rcpt("127.0.0.1", "ann@elsewhere.test"))
    assert.equal("accept", rcpt("::1", "ann@elsewhere.test"))
  end)

  it("want a sender that can be answered from strangers", function()
    local function mail(client, sender) return (w:acl("mail", { sender_host_address = client, sender_address = sender })) end
    assert.equal("accept", mail("203.0.113.9", "a@there.test"))
    assert.equal("accept", mail("203.0.113.9", ""))
    assert.equal("deny", mail("203.0.113.9", "a@nowhere.test"))
    assert.equal("accept", mail("127.0.0.1", "a@nowhere.test"))
  end)

  it("route: aliases, mailboxes, the rest by DNS", function()
    assert.equal("to ann@example.org R=mailboxes T=mailbox", w:routed "ann@example.org")
    assert.equal("to postmaster@example.org R=mailboxes T=mailbox", w:routed("webmaster@example.org", { qualify_recipient = "example.org" }))
    assert.truthy(w:routed("noreply@example.org"):find("^discard"))
    assert.equal("ann", w:route("ann+news@sub.example.org")[1].local_part)
    assert.equal("to b@there.test R=remote T=remote 192.0.2.25", w:routed "b@there.test")
    assert.truthy(w:routed("b@nowhere.test"):find("^unrouteable.*takes no mail"))
  end)

  it("keep mailboxes below the spool", function()
    local directory = w:ask("transport", { spool_directory = "/x/run/spool", domain = "example.org", local_part = "ann" }, function(m)
      return (select(2, w.entry.transport("mailbox", m))).directory
    end)
    assert.equal("/x/run/spool/./mail/example.org/ann", directory)
  end)
end)

describe("examples/minimal", function()
  it("loads without a word", function() assert.equal("", world.load(files "examples/minimal"):said()) end)
end)
