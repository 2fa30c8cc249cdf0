-- The examples of docs/guide/transports.md, with mail.

local world = require "perigee.world"

describe("docs/guide/transports.md", function()
  local f = assert(io.open "docs/guide/transports.md")
  local text = f:read "*a"
  f:close()
  local blocks = {}
  for block in text:gmatch "```lua\n(.-)```" do blocks[#blocks + 1] = block end
  local SITE = 'site { primary_hostname = "mx.example.org", qualify_domain = "example.org" }\n'
    .. 'domainlist.local_domains = { "example.org" }\nacl.rcpt { accept {} }\n'

  local function with(...)
    local lua = SITE
    for _, n in ipairs { ... } do lua = lua .. blocks[n] end
    return world.new { lua = lua }
  end

  it("all of them together are one set of rules", function()
    assert.truthy(world.load { lua = SITE .. table.concat(blocks, "\n") })
  end)

  it("a mailbox gets the message in its own directory", function()
    local w = with(1)
    w:send { to = "ann@example.org" }
    assert.equals("/var/mail/example.org/ann", w:deliveries()[1].file)
    assert.logged(w, "=> ann <ann@example.org> R=mailboxes T=mailbox")
  end)

  it("a limited mailbox gets it too", function()
    local w = with(2)
    w:send { to = "boss@limited.example" }
    assert.equals("/var/limited/limited.example/boss", w:deliveries()[1].file)
  end)

  it("a program is not run in a world without programs, and the message waits", function()
    local w = with(4)
    w:send { to = "staff@lists.example" }
    assert.logged(w, "T=list defer (-1): no programs in a hermetic world")
  end)

  it("mail of a list gets no answer, and the mailbox has it", function()
    local w = with(5, 1)
    w:send { to = "ann@example.org", text = "List-Id: <l.example>\n\nx\n" }
    assert.logged(w, "=> (no reply: it is of a list) <ann@example.org> R=away T=away")
    assert.equals(1, #w:deliveries())
  end)

  it("a filter that cannot run loses nothing", function()
    local w = world.new { lua = SITE .. blocks[#blocks], zone = "far.example. MX 10 mx.far.example.\nmx.far.example. A 192.0.2.1\n" }
    w:peer("192.0.2.1", {})
    w:send { to = "bob@far.example" }
    assert.logged(w, "T=signed defer (-1): no programs in a hermetic world")
    assert.equals(1, #w:queue())
  end)
end)
