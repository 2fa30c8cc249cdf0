-- Signatures of mail that leaves (F15): what the options say, and that what was sent is what was signed.
local world = require "perigee.world"
local keys = dofile "spec/accept/signing_keys.lua"

local ZONE = [[
there.example. MX 10 mx.there.example.
mx.there.example. A 192.0.2.1
]]
local RECORDS = {}
for _, domain in ipairs { "a.test", "b.test" } do
  for _, selector in ipairs { "s1", "s2" } do
    RECORDS[#RECORDS + 1] = ('%s._domainkey.%s. TXT "%s"'):format(selector, domain, keys.rsa_record)
  end
  RECORDS[#RECORDS + 1] = ('ed._domainkey.%s. TXT "%s"'):format(domain, keys.ed25519_record)
end
RECORDS = table.concat(RECORDS, "\n") .. "\n"

local LETTER = "From: ann@a.test\nTo: bob@there.example\nSubject: hi   there\n folded\n\nbody  \n\n.dot\n\n\n"

-- A site that sends everything on with these options of its transport.
local function sender(options, more)
  local w = world.new { zone = ZONE, now = "2021-01-01T00:00:00Z", lua = ([[
    site { primary_hostname = "mx.example.org", qualify_domain = "example.org", log_selector = "+dkim_verbose" }
    local RSA, ED = %q, %q
    router.out { driver = "dnslookup", transport = "remote" }
    transport.remote { driver = "smtp", %s }
    acl.rcpt { accept {} }
  ]]):format(keys.rsa, keys.ed25519, options) .. (more or "") }
  w:peer("192.0.2.1", {})
  return w
end

local function sent(w, text)
  w:send { from = "ann@a.test", to = "bob@there.example", text = text or LETTER }
  local all = w:deliveries()
  return all[1] and all[1].message
end

-- "pass:pass", by a site that has the keys.
local function judged(message, now)
  local w = world.new { zone = RECORDS, now = now or "2021-01-01T01:00:00Z", lua = [[
    site { primary_hostname = "mx.there.example", qualify_domain = "there.example", dkim_verify_signatures_max = 20 }
    router.here { driver = "accept", transport = "box" }
    transport.box { driver = "appendfile", maildir_format = true, directory = "/box" }
    acl.rcpt { accept {} }
    acl.data(function(m) logwrite("SAID " .. tostring(m.dkim_verify_status)) end)
  ]] }
  w:send { from = "ann@a.test", to = "bob@there.example", text = message }
  local line = w:logged "SAID "
  return line and line:match "SAID (.*)$"
end

local function tag(message, name) return message:gsub("\r\n%s", ""):match("[;%s]" .. name .. "=%s*([^;]*)") end

describe("DKIM signing", function()
  it("DKS-T1 signs for each pair of a domain and a selector, with RSA and Ed25519", function()
    local w = sender [[dkim_domain = "A.test : b.test", dkim_selector = "s1 : s2 : ed",
      dkim_private_key = function(m) return m.dkim_selector == "ed" and ED or RSA end]]
    local message = sent(w)
    local _, n = message:gsub("DKIM%-Signature:", "")
    assert.equal(6, n)
    assert.equal("pass:pass:pass:pass:pass:pass", judged(message):gsub(":invalid", ""):sub(1, 29))
    assert.truthy(w:logged "DKIM=a.test:s1:a.test:s2:a.test:ed:b.test:s1:b.test:s2:b.test:ed")
  end)

  it("DKS-T2 does not sign with 0, false or nothing for a key, strictly or not", function()
    for _, key in ipairs { '"0"', '"false"', '""', "false", "function() return nil end", "function() return false end" } do
      local message = sent(sender('dkim_domain = "a.test", dkim_selector = "s1", dkim_strict = true, dkim_private_key = ' .. key))
      assert.truthy(message, key)
      assert.falsy(message:find("DKIM-Signature", 1, true), key)
    end
  end)

  it("DKS-T3 waits without its key if it is strict, else sends unsigned and says so", function()
    for _, row in ipairs { { "dkim_strict = true", false }, { 'dkim_strict = "1"', false }, { "dkim_strict = false", true }, { "", true } } do
      local w = sender('dkim_domain = "a.test", dkim_selector = "s1", dkim_private_key = "/nowhere/key.pem", ' .. row[1])
      local message = sent(w)
      assert.equal(row[2], message ~= nil, row[1])
      assert.truthy(w:logged "DKIM: not signed for a.test: open /nowhere/key.pem: No such file")
      if not row[2] then assert.truthy(w:logged "defer (-1): DKIM: the message could not be signed: open /nowhere") end
    end
  end)

  it("DKS-T4 signs that there is no other From, and every Received", function()
    local message = sent(sender 'dkim_domain = "a.test", dkim_selector = "s1", dkim_private_key = RSA, dkim_sign_headers = "+From:=Received"',
      "Received: by x.example\nReceived: by y.example\n" .. LETTER)
    assert.equal("From:From:Received:Received:Received", tag(message, "h"))
    assert.equal("pass", judged(message):match "^%a+")
    assert.equal("fail", judged((message:gsub("\r\nFrom:", "\r\nFrom: eve@c.test\r\nFrom:", 1))):match "^%a+")
  end)

  it("DKS-T5 says who signed, as it is given", function()
    local message = sent(sender [[dkim_domain = "a.test", dkim_selector = "s1", dkim_private_key = RSA,
      dkim_identity = function(m) return "ann@mail." .. m.dkim_domain end]])
    assert.equal("ann@mail.a.test", tag(message, "i"))
    assert.equal("pass:pass", judged(message))
  end)

  it("DKS-T6 sends without a signature when the domains are none", function()
    for _, value in ipairs { '""', "{}", "function() return nil end", "function() return {} end" } do
      local message = sent(sender('dkim_strict = true, dkim_selector = "s1", dkim_private_key = RSA, dkim_domain = ' .. value))
      assert.falsy(message:find("DKIM-Signature", 1, true))
    end
    local message = sent(sender 'dkim_strict = true, dkim_domain = "a.test", dkim_selector = "", dkim_private_key = RSA')
    assert.falsy(message:find("DKIM-Signature", 1, true))
  end)

  it("DKS-T7 signs long lines, blanks at their ends and no body at all, relaxed and simple", function()
    for _, canon in ipairs { "relaxed", "simple", "strange" } do
      for _, text in ipairs { "From: a@a.test\n\n" .. ("x"):rep(998) .. "\n", "From: a@a.test  \nSubject:   x \n\n a  b \t\n\n \n\n", "From: a@a.test\n\n",
                              "From: a@a.test\n\n\n\n\n" } do
        local w = sender(('dkim_domain = "a.test", dkim_selector = "s1", dkim_private_key = RSA, dkim_canon = "%s"'):format(canon))
        local message = sent(w, text)
        assert.equal("pass", judged(message):match "^%a+", canon .. " " .. text)
        assert.equal(canon == "simple" and "simple/simple" or "relaxed/relaxed", tag(message, "c"))
        assert.equal(canon == "strange", w:logged 'dkim_canon "strange" is neither relaxed nor simple' ~= nil)
      end
    end
  end)

  it("says when it was signed and until when it is good", function()
    for _, row in ipairs { { "", "1609459200", "1610668800" }, { "dkim_timestamps = 3600", "1609459200", "1609462800" },
                           { "dkim_timestamps = 0", "1609459200", nil }, { "dkim_timestamps = -1", nil, nil } } do
      local message = sent(sender('dkim_domain = "a.test", dkim_selector = "s1", dkim_private_key = RSA, ' .. row[1]))
      assert.equal(row[2], tag(message, "t"))
      assert.equal(row[3], tag(message, "x"))
      assert.equal("pass", judged(message):match "^%a+")
    end
    local message = sent(sender 'dkim_domain = "a.test", dkim_selector = "s1", dkim_private_key = RSA, dkim_timestamps = 3600')
    assert.equal("invalid", judged(message, "2021-01-01T02:00:00Z"):match "^%a+")
  end)

  it("signs by default what a reader sees, and that nobody added another of it", function()
    local message = sent(sender 'dkim_domain = "a.test", dkim_selector = "s1", dkim_private_key = RSA')
    for _, name in ipairs { "From", "To", "Subject", "Date", "Reply-To" } do
      assert.equal("fail", judged(message .. "", nil) and judged((message:gsub("\r\nFrom:", "\r\n" .. name .. ": x@c.test\r\nFrom:", 1))):match "^%a+", name)
    end
    assert.equal("pass", judged((message:gsub("\r\nFrom:", "\r\nList-Id: <x.test>\r\nX-Other: 1\r\nFrom:", 1))):match "^%a+")
  end)

  it("signs a name again for the field above, and always From", function()
    local message = sent(sender 'dkim_domain = "a.test", dkim_selector = "s1", dkim_private_key = RSA, dkim_sign_headers = { "Received", "Received" }',
      "Received: by x.example\n" .. LETTER)
    assert.equal("From:Received:Received", tag(message, "h"))
    assert.equal("pass", judged(message):match "^%a+")
  end)

  it("signs what the transport and the rules made of the header", function()
    local message = sent(sender('dkim_domain = "a.test", dkim_selector = "s1", dkim_private_key = RSA, dkim_sign_headers = "+X-Ours:+Subject:+From", '
      .. 'headers_add = "X-Ours: yes", headers_remove = "Subject"', [[rewrite.rule { "ann@a.test", "anna@a.test", flags = "f" }]]))
    assert.equal("From:Subject:X-Ours:X-Ours", (function()
      local names = {}
      for name in tag(message, "h"):gmatch "[^:]+" do names[#names + 1] = name end
      table.sort(names)
      return table.concat({ names[1], names[3], names[4], names[5] }, ":")
    end)())
    assert.truthy(message:find("From: anna@a.test", 1, true))
    assert.equal("pass", judged(message):match "^%a+")
  end)

  it("refuses what can be no signature: a name that is none, Ed25519 with another hash, a hash nobody knows", function()
    for _, row in ipairs {
      { 'dkim_domain = "not a name", dkim_selector = "s1", dkim_private_key = RSA', "is no name" },
      { 'dkim_domain = "a.test", dkim_selector = "s1", dkim_private_key = ED, dkim_hash = "sha512"', "an Ed25519 key signs with sha256 only" },
      { 'dkim_domain = "a.test", dkim_selector = "s1", dkim_private_key = RSA, dkim_hash = "md5"', 'dkim_hash "md5" is none of' },
      { 'dkim_domain = "a.test", dkim_selector = "s1", dkim_private_key = "no key"', "is no PEM of an RSA or Ed25519 key" },
    } do
      local w = sender(row[1])
      assert.falsy(sent(w):find("DKIM-Signature", 1, true))
      assert.truthy(w:logged(row[2]), row[2])
    end
  end)

  it("is looked at by perigee check: what would sign nothing, and words that are none", function()
    for _, row in ipairs {
      { 'transport.x { driver = "smtp", dkim_domain = "a.test" }', true, "dkim_domain without dkim_selector signs nothing" },
      { 'transport.x { driver = "smtp", dkim_domain = "a.test", dkim_selector = "s" }', true, "dkim_domain without dkim_private_key signs nothing" },
      { 'transport.x { driver = "smtp", arc_sign = "a.test : s" }', true, 'arc_sign is "ADMD : SELECTOR : KEY"' },
      { 'site { dkim_verify_hashes = "sha1 : md5" }', false, '"md5" is none: sha1, sha256, sha512' },
      { 'site { dkim_verify_keytypes = "dsa" }', false, '"dsa" is none: rsa, ed25519' },
      { 'site { dkim_verify_min_keysizes = "rsa=many" }', false, '"rsa=many" is none: rsa=BITS, ed25519=BITS' },
    } do
      local good, text = world.check { lua = 'site { primary_hostname = "mx.example.org", qualify_domain = "example.org" }\n' .. row[1] }
      assert.equal(row[2], good, row[1])
      assert.truthy(text:find(row[3], 1, true), text)
    end
  end)
end)
