-- Every sample loads, `perigee check` has nothing against it, and it does what it says (ACL-T1).
local world = require "perigee.world"

local HERE = "examples/samples/"
local ZONE = [[
there.example.     A 198.51.100.1
tarpit.example.    A 198.51.100.2
never.example.     A 198.51.100.66
store.example.org. A 192.0.2.10
host.test.         A 198.51.100.3
host.test.         AAAA 2001:db8::3
www.v4.example.    A 198.51.100.4
www.v4.example.    AAAA 2001:db8::4
old.example.       A 198.51.100.5
old.example.       AAAA 2001:db8::5
new.example.       A 198.51.100.6
new.example.       AAAA 2001:db8::6
]]

-- Samples that route by themselves; to the others the rest is added.
local WHOLE = { arc = true, connect = true, dane = true, hold = true, ipv4 = true, ports = true, prvs = true, queuefile = true, srs = true }

-- And those that say who may send.
local OWN_ACL = { ports = true, prvs = true, srs = true }

local function rules(name)
  -- Files a sample names lie beside it: the first rule file says where that is.
  local list = { HERE .. name .. ".lua", HERE .. "spec/site.lua" }
  if not WHOLE[name] then list[3] = HERE .. "spec/rest.lua" end
  return list
end

local OPEN = "acl.rcpt { accept {} }"
local function new(name, more) return world.new { rules = rules(name), lua = more, zone = ZONE } end

local function send(w, m)
  m = m or {}
  return w:send { client = m.client, helo = m.helo or "there.example", from = m.from or "a@there.example", to = m.to or "ann@example.org",
                  text = m.text or "Subject: x\n\nx\n" }
end
local function delivered(w) return w:deliveries()[1].message end
local function has(text, part) assert.truthy(text:find(part, 1, true), part .. " is not in\n" .. text) end
local function lacks(text, part) assert.falsy(text:find(part, 1, true), part .. " is in\n" .. text) end

local function samples()
  local list, p = {}, assert(io.popen("ls " .. HERE .. "*.lua"))
  for line in p:lines() do list[#list + 1] = line:match "([^/]+)%.lua$" end
  p:close()
  return list
end

describe("perigee check (ACL-T1)", function()
  local f = assert(io.open(HERE .. "README.md"))
  local readme = f:read "*a"
  f:close()
  for _, name in ipairs(samples()) do
    it("has nothing to say about " .. name .. ".lua, which the README names", function()
      local ok, text = world.check { rules = rules(name), lua = WHOLE[name] and not OWN_ACL[name] and OPEN or nil }
      assert.truthy(ok, text)
      -- Databases that are where the site has them.
      lacks((text:gsub("[^\n]*warning: lookup%.[%a.]+: open [^\n]*No such file or directory", "")), "warning")
      has(readme, "(" .. name .. ".lua)")
    end)
  end
end)

describe("lists.lua", function()
  it("takes an item out, and keeps the separator (EXP-T1)", function()
    local w = new "lists"
    assert.reply(send(w), "250")
    has(delivered(w), "X-Colons: a:c\r\n")
    has(delivered(w), "X-Semicolons: a;c\r\n")
  end)

  it("with a bracket missing is an error with file and line (EXP-T5)", function()
    local ok, text = world.check { rules = rules "lists", lua = 'acl.data(function()\n  return list.filter("a:b:c", function(item) return item ~= "b" end\nend)' }
    assert.falsy(ok)
    has(text, ":3: ")
    has(text, "')' expected")
  end)
end)

describe("conditions.lua", function()
  it("finds equal what is equal (EXP-T4), and knows SHA-3 of nothing (EXP-T2)", function()
    for helo, same in pairs { ["there.example"] = "true", ["elsewhere.example"] = "false" } do
      local w = new "conditions"
      assert.reply(send(w, { helo = helo }), "250")
      has(delivered(w), "X-Same: " .. same)
      has(delivered(w), "X-SHA3: a69f73cca23a9ac5")
      w:close()
    end
  end)

  it("knows which texts are addresses (EXP-T3)", function()
    local w = new "conditions"
    for name, code in pairs { ["1.2.3.4"] = "550", ["999.999.999.999"] = "250", ["there.example"] = "250" } do
      assert.reply(w:session { helo = name }.greeting, code)
    end
  end)
end)

describe("ports.lua", function()
  it("has an ACL for port 25", function()
    local w = new "ports"
    local s = w:session { helo = "there.example" }
    s:mail "a@there.example"
    assert.reply(s:rcpt "b@elsewhere.example", "550 5.7.1 relay not permitted")
  end)

  it("sends nobody's mail on without a login, whatever the port (CFG-T3, SUBM-T5)", function()
    for _, port in ipairs { 465, 587 } do
      local s = new("ports"):session { helo = "there.example", port = port }
      s:mail "a@there.example"
      assert.reply(s:rcpt "b@elsewhere.example", "530 5.7.0 please log in first")
    end
    local s = new("ports"):session { helo = "there.example" }
    s:mail "a@there.example"
    assert.reply(s:rcpt "ann@example.org", "250")
  end)
end)

describe("hold.lua", function()
  it("asks and delivers on one connection", function()
    local w = new("hold", OPEN)
    w:peer("192.0.2.10", { rcpt = "bob@example.org 550 5.1.1 no such user" })
    local s = w:session { helo = "there.example" }
    s:mail "a@there.example"
    assert.reply(s:rcpt "ann@example.org", "250")
    assert.reply(s:rcpt "bob@example.org", "550")
    assert.reply(s:data "Subject: x\n\nx\n", "250")
    w:advance "1m"
    local heard, connections = w:heard "192.0.2.10"
    assert.equal(1, connections)
    has(heard, "Subject: x")
  end)
end)

describe("events.lua", function()
  it("notes deliveries, with values as parameters", function()
    local w = new "events"
    w:lookup("sqlite", { value = "1" })
    w:lookup("sqlite", { key = "o'brien.example", again = "noted of o'brien" })
    w:peer("198.51.100.1", {})
    send(w, { client = "192.0.2.5", to = "b@there.example" })
    assert.is_nil((w:logged "rule error"))
    send(w, { client = "192.0.2.5", from = "a@o'brien.example", to = "b@there.example" })
  end)

  it("notes hosts that could not be reached", function()
    local w = new "events"
    w:lookup("sqlite", { again = "it was asked" })
    w:peer("198.51.100.1", { refuse = true })
    send(w, { client = "192.0.2.5", to = "b@there.example" })
    assert.logged(w, "it was asked")
  end)
end)

describe("connect.lua", function()
  it("does not connect, or stays no longer than the banner", function()
    local w = new("connect", OPEN)
    w:peer("198.51.100.66", {})
    w:peer("198.51.100.2", { banner = "220 Tarpit" })
    w:peer("198.51.100.1", {})
    for _, to in ipairs { "never", "tarpit", "there" } do send(w, { to = "b@" .. to .. ".example" }) end
    assert.equal(0, select(2, w:heard "198.51.100.66"))
    lacks(w:heard "198.51.100.2", "MAIL")
    has(w:heard "198.51.100.1", "MAIL")
  end)
end)

describe("lmdb.lua", function()
  it("knows customers, others, and that it cannot know", function()
    local w = new "lmdb"
    w:lookup("lmdb", { none = true })
    w:lookup("lmdb", { key = "there.example", value = "gold" })
    w:lookup("lmdb", { key = "broken.example", again = "the file is damaged" })
    assert.reply(send(w), "250")
    has(delivered(w), "X-Customer: gold")
    assert.reply(send(w, { from = "a@new.example" }), "250")
    lacks(w:deliveries()[2].message, "X-Customer")
    assert.reply(send(w, { from = "a@broken.example" }), "451")
  end)
end)

describe("queuefile.lua", function()
  it("gives everything to the transport, as a pair of files of its own", function()
    local w = new("queuefile", OPEN)
    assert.reply(send(w), "250")
    assert.logged(w, "=> /var/spool/baruwa-scanner/input <ann@example.org> R=scan T=scan")
    assert.matches("^/var/spool/baruwa%-scanner/input/", w:deliveries()[1].file)
  end)
end)

describe("ipv4.lua", function()
  local SIX = { "2001:db8::3", "2001:db8::4", "2001:db8::5", "2001:db8::6" }
  local FOUR = { "198.51.100.3", "198.51.100.4", "198.51.100.5", "198.51.100.6" }

  local function tried(to)
    local w = new("ipv4", OPEN)
    for _, at in ipairs(SIX) do w:peer(at, {}) end
    for _, at in ipairs(FOUR) do w:peer(at, {}) end
    send(w, { to = to })
    local list = {}
    for _, at in ipairs(SIX) do if select(2, w:heard(at)) > 0 then list[#list + 1] = at end end
    for _, at in ipairs(FOUR) do if select(2, w:heard(at)) > 0 then list[#list + 1] = at end end
    local line = w:logged "=> " or ""
    w:close()
    return table.concat(list, " "), line
  end

  it("takes version 4 where it says so, and 6 elsewhere", function()
    local at, line = tried "b@ex.test"
    assert.equal("198.51.100.3", at)
    has(line, "T=alt_smtp")
    assert.equal("198.51.100.4", (tried "b@www.v4.example"))
    assert.equal("198.51.100.5", (tried "b@old.example"))
    assert.equal("2001:db8::6", (tried "b@new.example"))
  end)
end)

describe("log.lua", function()
  it("has thousandths of seconds, how long it took, and sizes", function()
    local w = new "log"
    send(w)
    assert.truthy(w:logged("<="):match "^%S+ %d%d:%d%d:%d%d%.%d%d%d .* RT=%d+%.%d%d%ds")
    assert.truthy(w:logged("=>"):match " S=%d+ DT=%d+%.%d%d%ds" or w:logged("=>"):match " DT=%d+%.%d%d%ds.* S=%d+")
  end)
end)

describe("queue.lua", function()
  it("puts bulk mail into its queue, and only that", function()
    local w = new "queue"
    send(w, { from = "talk-bounces@there.example" })
    assert.logged(w, "Q=bulk")
    send(w)
    assert.equal(1, select(2, table.concat(w:log(), "\n"):gsub("Q=bulk", "")))
  end)
end)

describe("results.lua", function()
  it("adds its field, takes away those in its name, and leaves others", function()
    local w = new "results"
    assert.reply(send(w, { text = "Authentication-Results: mx.example.org; spf=pass\nAuthentication-Results: other.example; spf=fail\nSubject: x\n\nx\n" }), "250")
    local message = delivered(w)
    has(message, "Authentication-Results: mx.example.org; none\r\n")
    lacks(message, "spf=pass")
    has(message, "other.example; spf=fail")
  end)
end)

describe("spf.lua", function()
  local ZONE_SPF = ZONE .. [[
there.example. TXT "v=spf1 a -all"
strict.example. TXT "v=spf1 ?all"
silent.example. A 203.0.7.7
]]
  local function spf() return world.new { rules = rules "spf", lua = OPEN, zone = ZONE_SPF } end

  it("refuses a fail with who, for whom and where to read about it", function()
    local w = spf()
    assert.reply(send(w), "550 5.7.23 203.0.113.9 is not allowed to send mail from there.example. "
      .. "Please see http://www.open-spf.org/Why?scope=mfrom&identity=a@there.example&ip=203.0.113.9")
    assert.reply(send(w, { from = "" }), "550 5.7.23 203.0.113.9 is not allowed to send mail from there.example. "
      .. "Please see http://www.open-spf.org/Why?scope=helo&identity=there.example&ip=203.0.113.9")
    assert.reply(send(w, { from = "a@strict.example" }), "550 5.7.23 not from there")
  end)

  it("shows the result at the top, and a guess as one", function()
    local w = spf()
    assert.reply(send(w, { client = "198.51.100.1" }), "250")
    has(delivered(w), "Received-SPF: pass (")
    w = spf()
    assert.reply(send(w, { from = "a@silent.example", client = "203.0.113.9" }), "250")
    has(delivered(w), "Received-SPF: none (")
    has(delivered(w), "X-SPF-Guess: pass (")
  end)
end)

describe("dmarc.lua", function()
  local ZONE_DMARC = ZONE .. [[
there.example. TXT "v=spf1 a -all"
_dmarc.there.example. TXT "v=DMARC1; p=reject"
_dmarc.tarpit.example. TXT "v=DMARC1; p=quarantine"
]]
  local function dmarc() return world.new { rules = rules "dmarc", zone = ZONE_DMARC } end
  local function from(w, who, client) return send(w, { from = who, client = client, text = "From: <" .. who .. ">\nSubject: x\n\nx\n" }) end

  it("refuses what the policy refuses, and writes down what it found", function()
    local w = dmarc()
    assert.reply(from(w, "a@there.example"), "550 5.7.1 Message from there.example failed sender's DMARC policy, REJECT")
    assert.truthy(w:logged "DMARC DEBUG: 'reject' for there.example")
    assert.reply(from(w, "a@there.example", "198.51.100.1"), "250")
    assert.truthy(w:logged "DMARC DEBUG: accept there.example")
    has(delivered(w), "Authentication-Results: mx.example.org")
    assert.reply(from(w, "a@tarpit.example"), "250")
    assert.truthy(w:logged "DMARC DEBUG: 'quarantine' for tarpit.example")
  end)

  it("does not judge our own", function()
    local w = dmarc()
    assert.reply(from(w, "a@there.example", "192.0.2.5"), "250")
    assert.truthy(w:logged "DMARC DEBUG: off")
  end)
end)

describe("dkim.lua", function()
  local signed = dofile "spec/accept/signed_messages.lua"
  local function result(text)
    local w = world.new { rules = rules "dkim", zone = ZONE .. signed.zone, now = "2021-01-01T00:00:00Z",
      lua = 'acl.data(function(m) logwrite("SAID " .. tostring(m.dkim_verify_status)) end)' }
    assert.reply(send(w, { text = text }), "250")
    return w:logged("SAID "):match "SAID (.*)$", w
  end

  it("makes a hash that is too weak a fail, and leaves others", function()
    local said, w = result(signed.with(signed.sha1))
    lacks(said, "pass")
    assert.truthy(w:logged "NOTE: forcing dkim verify fail (was pass)")
    said, w = result(signed.with(signed.org))
    assert.truthy(said:find "^pass")
    assert.is_nil((w:logged "NOTE:"))
  end)
end)

describe("arc.lua", function()
  local keys = dofile "spec/accept/signing_keys.lua"
  -- The key's file is the site's; here the key stands in its place.
  local function relay()
    local f = assert(io.open(HERE .. "arc.lua"))
    local code = f:read "*a"
    f:close()
    local w = world.new { rules = { HERE .. "spec/site.lua" }, now = "2021-01-01T00:00:00Z",
      zone = ZONE .. 's1._domainkey.example.org. TXT "' .. keys.rsa_record .. '"\nfar.example. MX 10 there.example.\n',
      lua = "local KEY = " .. ("%q"):format(keys.rsa) .. "\n" .. code:gsub('path%("[^"]*"%)', "KEY") .. "\nacl.rcpt { accept {} }" }
    w:peer("198.51.100.1", {})
    return w
  end

  it("seals what it found, and the next one verifies it and tells what the first one saw", function()
    local w = relay()
    assert.reply(send(w, { to = "b@far.example" }), "250")
    assert.truthy(w:logged "oldest-p-ams: <>")
    local sealed = delivered(w):gsub("\r\n", "\n")
    for _, part in ipairs { "ARC-Seal: i=1;", "cv=none", "d=example.org", "x=1610064000", "ARC-Authentication-Results: i=1; example.org" } do has(sealed, part) end
    w = relay()
    assert.reply(send(w, { to = "b@far.example", text = sealed }), "250")
    assert.truthy(w:logged("oldest-p-ams: <"):find "i=1; example.org")
    has(delivered(w), "ARC-Seal: i=2;")
    has(delivered(w), "cv=pass")
  end)
end)

describe("tls.lua", function()
  it("encrypts, and says in words what a session came to", function()
    local w = new "tls"
    local s = w:session { helo = "there.example" }
    assert.reply(s:starttls { sni = "lists.example.org", resumption = 23 }, "220")
    s:say "QUIT"
    assert.truthy(w:logged "TLS: session resumed")
  end)
end)

describe("dane.lua", function()
  it("sends to a bank only what DNSSEC secures, to others as they can", function()
    local w = world.new { rules = rules "dane", lua = OPEN, zone = ZONE .. [[
far.example.      MX 10 there.example.
mx.bank.example.  A 198.51.100.7
bank.example.     MX 10 mx.bank.example.
]] }
    w:peer("198.51.100.1", {})
    w:peer("198.51.100.7", {})
    send(w, { to = { "b@far.example", "b@bank.example" } })
    assert.truthy(w:logged "=> b@far.example")
    assert.truthy(w:logged "DANE error: mx.bank.example lookup not DNSSEC")
    assert.is_nil((w:logged "=> b@bank.example"))
  end)

  it("has the bank's host prove itself by its records and by its authority's word of today", function()
    for proof, there in pairs { good = true, none = false, revoked = false } do
      local w = world.new { rules = rules "dane", lua = OPEN, zone = [[
$SECURE
mx.bank.example.           A 198.51.100.7
bank.example.              MX 10 mx.bank.example.
_25._tcp.mx.bank.example.  TLSA 2 1 1 @198.51.100.7
]] }
      w:peer("198.51.100.7", { tls = { names = "mx.bank.example", ocsp = proof } })
      send(w, { to = "b@bank.example" })
      assert.equal(there, w:logged "=> b@bank.example" ~= nil, proof)
      if there then assert.logged(w, "CV=dane") end
    end
  end)
end)

describe("statement.lua", function()
  it("writes a line over several lines (ACL-T2), with a comment between (ACL-T3)", function()
    local w = new "statement"
    w:session {}
    assert.truthy(w:logged("Remote Source Address: 203.0.113.9:"):match ":%d+$")
    assert.truthy(w:logged("Internal Server Address: "):match ": %S+:%d+$")
    local other = new "statement"
    other:session { client = "192.0.2.5" }
    assert.is_nil((other:logged "Address"))
  end)
end)

describe("mark.lua", function()
  it("remembers that the message is for a list", function()
    local w = new "mark"
    send(w, { to = "talk@example.org" })
    has(delivered(w), "X-To-List: yes")
    send(w)
    lacks(w:deliveries()[2].message, "X-To-List")
  end)
end)

describe("srs.lua", function()
  local FAR = ZONE .. "far.example. MX 10 mx.far.example.\nmx.far.example. A 198.51.100.9\n"
  local function srs()
    local w = world.new { rules = rules "srs", zone = FAR }
    w:peer "198.51.100.9"
    w:peer "198.51.100.1"
    return w
  end
  local function forwarded()
    local w = srs()
    assert.reply(send(w, { to = "away@example.org" }), "250")
    w:advance "1s"
    return w, assert(w:heard("198.51.100.9"):match "MAIL FROM:<(SRS0=%S-@example%.org)>")
  end

  it("forwards under a sender of ours; a bounce to that gets to the writer (SRSN-T5)", function()
    local w, sender = forwarded()
    assert.truthy(sender:find("=there.example=a@example.org", 1, true), sender)
    assert.reply(w:send { from = "", to = sender }, "250")
    w:advance "1s"
    has(w:heard "198.51.100.1", "RCPT TO:<a@there.example>")
  end)

  it("refuses a bounce to an address that was not ours, by its text (SRSN-T5)", function()
    local w, sender = forwarded()
    local s = w:session {}
    s:mail ""
    local reply = s:rcpt((sender:gsub("=....=", "=AAAA=", 1)))
    assert.reply(reply, "550")
    has(tostring(reply), "Invalid SRS recipient address")
  end)

  it("sends our own users' mail as it is", function()
    local w = srs()
    assert.reply(send(w, { from = "ann@example.org", to = "Dan@far.example" }), "250")
    w:advance "1s"
    has(w:heard "198.51.100.9", "MAIL FROM:<ann@example.org>")
  end)
end)

describe("prvs.lua", function()
  local FAR = ZONE .. "far.example. MX 10 mx.far.example.\nmx.far.example. A 198.51.100.9\n"
  it("signs what its users send, and takes bounces to signed addresses only (PRVS-T1)", function()
    local w = world.new { rules = rules "prvs", zone = FAR }
    w:peer "198.51.100.9"
    assert.reply(send(w, { client = "192.0.2.5", from = "ann@example.org", to = "dan@far.example" }), "250")
    w:advance "1s"
    local signed = assert(w:heard("198.51.100.9"):match "MAIL FROM:<(prvs=%w+=ann@example%.org)>")
    assert.reply(w:send { from = "", to = signed }, "250")
    w:advance "1s"
    local s = w:session {}
    s:mail ""
    assert.reply(s:rcpt "ann@example.org", "550 5.7.1 This address does not send an unsigned reverse path.")
    assert.reply(s:rcpt((signed:gsub("=ann@", "=ann2@"))), "550 5.7.1 Invalid reverse path signature.")
    assert.reply(s:rcpt "bob@example.org", "250")
    has(table.concat(w:log(), "\n"), "=> ann <" .. signed .. "> R=here")
  end)
end)
