-- The shipped rules in the real engine: what a stranger, a neighbour and a mailbox see.
local world = require "perigee.world"

local ZONE = [[
there.example.    A   198.51.100.1
elsewhere.example. MX 10 mx.elsewhere.example.
mx.elsewhere.example. A 198.51.100.2
slow.example.     SERVFAIL
]]

describe("the shipped rules", function()
  local function new() return world.new { rules = "rules", zone = ZONE } end

  it("take mail from a stranger for our domain, into its mailbox", function()
    local w = new()
    assert.reply(w:send { from = "a@there.example", to = "ann@example.org" }, "250")
    local d = w:deliveries()[1]
    assert.equal("ann@example.org", d.recipient)
    assert.equal("mailbox", d.transport)
    assert.equal(0, #w:queue())
  end)

  it("refuse to relay for a stranger, and relay for a neighbour", function()
    local w = new()
    local s = w:session { client = "203.0.113.9" }
    assert.reply(s:mail "a@there.example", "250")
    assert.reply(s:rcpt "b@elsewhere.example", "550 5.7.1 relay not permitted")
    w:peer("198.51.100.2")
    assert.reply(w:send { client = "127.0.0.1", from = "a@example.org", to = "b@elsewhere.example" }, "250")
    assert.truthy(w:heard("198.51.100.2"):find("RCPT TO:<b@elsewhere.example>", 1, true))
  end)

  it("refuse a sender nobody can answer, and ask to come back when the DNS is silent", function()
    local w = new()
    local s = w:session { client = "203.0.113.9" }
    assert.reply(s:mail "a@nowhere.example", "550 5.1.8")
    assert.reply(s:mail "a@slow.example", "451")
    assert.reply(s:mail "", "250")
  end)

  it("follow aliases, and know postmaster", function()
    local w = new()
    assert.reply(w:send { from = "a@there.example", to = { "webmaster@example.org", "Postmaster@example.org" } }, "250")
    for _, d in ipairs(w:deliveries()) do assert.equal("postmaster@example.org", d.recipient:lower()) end
  end)

  it("swallow what is sent to noreply", function()
    local w = new()
    assert.reply(w:send { from = "a@there.example", to = "noreply@example.org" }, "250")
    assert.equal(0, #w:deliveries())
    assert.equal(0, #w:queue())
  end)

  it("keep names that are no file names out of the mail directory", function()
    local w = new()
    local s = w:session { client = "203.0.113.9" }
    s:mail "a@there.example"
    for _, name in ipairs { "../../etc/passwd", "a/b", "-rf", '".hidden"', '"a b/c"' } do
      assert.is_true(s:rcpt(name .. "@example.org").code >= 500, name)
    end
  end)

  it("refuse damaged addresses in the header of a stranger's message", function()
    local w = new()
    assert.reply(w:send { from = "a@there.example", to = "ann@example.org", text = "From: <a@@b\nTo: ann@example.org\n\nx\n" }, "550 5.6.0")
  end)
end)

describe("15-dmarc.lua", function()
  local DOMAINS = ZONE .. [[
there.example. TXT "v=spf1 a -all"
_dmarc.there.example. TXT "v=DMARC1; p=reject"
mild.example. A 198.51.100.3
_dmarc.mild.example. TXT "v=DMARC1; p=reject; pct=0"
lost.example. A 198.51.100.4
_dmarc.lost.example. SERVFAIL
]]
  local function new(on)
    local f = assert(io.open "rules/15-dmarc.lua")
    local code = f:read("*a"):gsub("local ENFORCE = false", "local ENFORCE = " .. tostring(on))
    f:close()
    -- what stands behind it in a site stands before it here: it may end the file
    return world.new { rules = { "rules/00-site.lua" }, lua = [[
      acl.predata { accept {} }
      router.here { driver = "accept", transport = "box" }
      transport.box { driver = "appendfile", directory = "/box", maildir_format = true }
      ]] .. (on and "" or "acl.rcpt { accept {} } ") .. code .. (on and " acl.rcpt { accept {} }" or ""), zone = DOMAINS }
  end
  local function send(w, from, client)
    return w:send { client = client or "203.0.113.9", from = from, to = "ann@example.org", text = "From: <" .. from .. ">\nSubject: x\n\nx\n" }
  end

  it("does nothing until it is turned on", function()
    assert.reply(send(new(false), "a@there.example"), "250")
    assert.reply(send(new(false), "a@lost.example"), "250")
  end)

  it("refuses what the domain wants refused, as far as it wants it, and asks to come back where that is not known", function()
    local w = new(true)
    assert.reply(send(w, "a@there.example", "198.51.100.1"), "250")
    assert.reply(send(w, "a@there.example"), "550 5.7.1 Message from there.example failed sender's DMARC policy, REJECT")
    assert.reply(send(w, "a@lost.example"), "451")
    w = new(true)
    assert.reply(send(w, "a@mild.example"), "250")
    assert.truthy(w:deliveries()[1].message:find("X-Spam-Flag: YES", 1, true))
    assert.reply(send(w, "a@there.example", "127.0.0.1"), "250")
  end)
end)

describe("14-arc.lua", function()
  local keys = dofile "spec/accept/signing_keys.lua"
  local DOMAINS = ZONE .. ([[
s._domainkey.list.test. TXT "%s"
strict.test. TXT "v=spf1 -all"
_dmarc.strict.test. TXT "v=DMARC1; p=reject"
there.example. MX 10 mx.there.example.
mx.there.example. A 192.0.2.1
]]):format(keys.rsa_record)
  local LETTER = "From: <a@strict.test>\nSubject: x\n\nx\n"

  local function text_of(name)
    local f = assert(io.open("rules/" .. name))
    local code = f:read "*a"
    f:close()
    return code
  end
  local function new(trusted)
    local function on(code, from, to) return "do " .. code:gsub(from, to) .. " end " end
    return world.new { rules = { "rules/00-site.lua" }, zone = DOMAINS, now = "2021-01-01T00:00:00Z", lua = [[
      router.here { driver = "accept", transport = "box" }
      transport.box { driver = "appendfile", directory = "/box", maildir_format = true }
      acl.predata { accept {} }
      acl.rcpt { accept {} } ]] .. (trusted and on(text_of "14-arc.lua", "local TRUSTED = nil", "local TRUSTED = " .. trusted) or "")
      .. on(text_of "15-dmarc.lua", "local ENFORCE = false", "local ENFORCE = true") }
  end
  -- The letter as a list sends it on: it has changed it, and sealed what it found.
  local function listed()
    local w = world.new { zone = DOMAINS, now = "2021-01-01T00:00:00Z", lua = ([[
      site { primary_hostname = "list.test" }
      router.out { driver = "dnslookup", transport = "remote" }
      transport.remote { driver = "smtp", arc_sign = "list.test : s : " .. %q }
      acl.rcpt { accept {} }
      acl.data(function(m)
        check.verify("arc/none:pass")
        header.add(authresults(m.primary_hostname), "at_start")
      end) ]]):format(keys.rsa) }
    w:peer("192.0.2.1", {})
    w:send { from = "a@strict.test", to = "bob@there.example", text = LETTER }
    return (w:deliveries()[1].message:gsub("\r\n", "\n"))
  end
  local function send(w, text) return w:send { client = "203.0.113.9", from = "bounces@list.test", to = "ann@example.org", text = text } end

  it("lets a chain of a trusted name stand for mail that DMARC would refuse, and of no other", function()
    local text = listed()
    assert.truthy(text:find("ARC-Seal:", 1, true))
    assert.reply(send(new(nil), text), "550 5.7.1")
    assert.reply(send(new '{ "else.test" }', text), "550 5.7.1")
    assert.reply(send(new '{ "List.test" }', (text:gsub("\nx\n", "\ny\n"))), "550 5.7.1")
    local w = new '{ "List.test" }'
    assert.reply(send(w, text), "250")
    local told = w:deliveries()[1].message:match "^Authentication%-Results:.-\r\n%S"
    assert.truthy(told:find("arc=pass", 1, true) and told:find("dmarc=fail", 1, true), told)
  end)

  it("writes down what was found of mail without a chain", function()
    local w = new "{}"
    assert.reply(w:send { client = "203.0.113.9", from = "b@mild.example", to = "ann@example.org", text = "From: <b@mild.example>\n\nx\n" }, "250")
    assert.truthy(w:deliveries()[1].message:find("^Authentication%-Results:"))
  end)
end)
