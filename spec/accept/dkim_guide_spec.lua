-- The examples of docs/guide/dkim.md and docs/guide/arc.md, with mail.
local world = require "perigee.world"
local signed = dofile "spec/accept/signed_messages.lua"

local SITE = [[
site { primary_hostname = "mx.example.org", qualify_domain = "example.org" } domainlist.local_domains = { "example.org" }
router.here { driver = "accept", domains = "+local_domains", transport = "box" }
transport.box { driver = "appendfile", maildir_format = true, directory = "/box" }
acl.rcpt { accept {} }
]]

local function blocks_of(page)
  local f = assert(io.open("docs/guide/" .. page))
  local text, blocks = f:read "*a", {}
  f:close()
  for block in text:gmatch "```lua\n(.-)```" do blocks[#blocks + 1] = block end
  return blocks
end

local function send(w, text, to) return w:send { from = "ann@example.org", to = to or "b@example.org", text = text } end

describe("docs/guide/dkim.md", function()
  local blocks = blocks_of "dkim.md"
  local function with(n) return world.new { lua = SITE .. blocks[n], zone = signed.zone:gsub("example%.org", "bank.example"), now = "2021-01-01T00:00:00Z" } end

  it("a bank's broken signature is refused, and its good one taken", function()
    local text = signed.with(signed.org):gsub("example%.org;", "bank.example;")
    assert.reply(send(with(1), text), "550 5.7.20 the signature of bank.example does not hold: signature_incorrect")
    assert.reply(send(with(1), signed.text), "250")
  end)

  it("a field says that a signature is broken", function()
    local w = with(2)
    assert.reply(send(w, signed.with(signed.broken(signed.a_rsa))), "250")
    assert.truthy(w:deliveries()[1].message:find("X-Signature: broken", 1, true))
  end)

  it("weak signatures are made to fail", function()
    local w = world.new { lua = SITE .. blocks[3], zone = signed.zone, now = "2021-01-01T00:00:00Z" }
    assert.reply(send(w, signed.with(signed.sha1)), "250")
    assert.logged(w, "NOTE: forcing dkim verify fail (was pass)")
  end)

  it("mail of a domain with a key waits for it, other mail goes unsigned", function()
    local w = world.new { lua = SITE .. blocks[4], zone = "there.example. MX 10 mx.there.example.\nmx.there.example. A 192.0.2.1\n" }
    w:peer("192.0.2.1", {})
    send(w, signed.text, "bob@there.example")
    assert.logged(w, "DKIM: the message could not be signed: open /etc/perigee/dkim/")
    w:send { from = "x@other.example", to = "bob@there.example", text = signed.text }
    assert.equal(1, #w:deliveries())
  end)
end)

describe("docs/guide/arc.md", function()
  local blocks = blocks_of "arc.md"

  it("what was found is told", function()
    local w = world.new { lua = SITE .. blocks[1], zone = signed.zone, now = "2021-01-01T00:00:00Z" }
    assert.reply(send(w, signed.with(signed.org)), "250")
    assert.truthy(w:deliveries()[1].message:find("Authentication%-Results: mx.example.org;\r?\n\tdkim=pass header.d=example.org"))
  end)

  it("a chain is asked for, and sealing is set up", function()
    local w = world.new { lua = SITE .. blocks[2] .. blocks[3], zone = signed.zone }
    assert.reply(send(w, signed.text), "250")
    assert.is_nil((w:logged "a list we know"))
  end)
end)
