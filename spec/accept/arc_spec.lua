-- The chain of those who passed a message on: sealed, verified, told (F16), and what we found told to others.
local world = require "perigee.world"
local keys = dofile "spec/accept/signing_keys.lua"
local signed = dofile "spec/accept/signed_messages.lua"

local RECORDS = ""
for _, domain in ipairs { "one.test", "two.test", "three.test", "ex.test" } do
  RECORDS = RECORDS .. ('s._domainkey.%s. TXT "%s"\ned._domainkey.%s. TXT "%s"\n'):format(domain, keys.rsa_record, domain, keys.ed25519_record)
end
local ZONE = "there.example. MX 10 mx.there.example.\nmx.there.example. A 192.0.2.1\n" .. RECORDS .. signed.zone

local LETTER = "From: ann@a.test\nTo: bob@there.example\nSubject: hello\n\nbody\n"

-- A machine named `name` that verifies the chain, tells what it found, and sends on under these options.
local function relay(name, options, more)
  local w = world.new { zone = ZONE, now = "2021-01-01T00:00:00Z", lua = ([[
    site { primary_hostname = %q, qualify_domain = "example.org", log_selector = "+dkim_verbose" }
    local RSA, ED = %q, %q
    router.out { driver = "dnslookup", transport = "remote" }
    transport.remote { driver = "smtp", %s }
    acl.rcpt { accept {} }
  ]]):format(name, keys.rsa, keys.ed25519, options) .. (more or [[
    acl.data(function(m)
      local ok = check.verify("arc/none:pass")
      logwrite(("SAID %s %s %s %s %s"):format(m.arc_state, tostring(m.arc_state_reason), tostring(m.arc_oldest_pass), tostring(m.arc_domains), tostring(ok)))
      header.add(authresults(m.primary_hostname), "at_start")
    end)
  ]]) }
  w:peer("192.0.2.1", {})
  return w
end

local function through(w, text)
  w:send { from = "ann@a.test", to = "bob@there.example", text = text or LETTER }
  local all = w:deliveries()
  return all[1] and all[1].message:gsub("\r\n", "\n")
end

local function said(w)
  local line = w:logged "SAID "
  return line and line:match "SAID (.*)$"
end

local function seals(name, extra) return ('arc_sign = "%s : s : " .. RSA%s'):format(name, extra and ' .. "' .. extra .. '"' or "") end
local function hop(name, text, extra) local w = relay("mx." .. name, seals("mx." .. name, extra)) return through(w, text), w end

RECORDS = RECORDS:gsub("_domainkey%.", "_domainkey.mx.")
ZONE = ZONE .. RECORDS

local function field(text, name, n)
  local found = 0
  for whole in ("\n" .. text:match "^(.-)\n\n" .. "\n"):gmatch("\n(" .. name:gsub("%-", "%%-") .. ":[^\n]*[^\n]*)") do
    found = found + 1
    if found == (n or 1) then
      local at = text:find(whole, 1, true)
      return (text:sub(at):match "^[^\n]*\n[ \t][^\n]*" and text:sub(at):gsub("\n([^ \t])", "\0%1"):match "^[^%z]*" or whole):gsub("\n[ \t]", " ")
    end
  end
end

describe("ARC", function()
  it("ARC-T1 finds no chain, a good one, one whose seal was changed", function()
    local w = relay("mx.one.test", "")
    through(w)
    assert.equal("none nil 0  true", said(w))
    assert.falsy(w:logged " <= ":find(" ARC", 1, true))

    local text = hop("one.test")
    w = relay("mx.two.test", "")
    through(w, text)
    assert.equal("pass nil 1 mx.one.test true", said(w))
    assert.truthy(w:logged " <= ":find(" ARC", 1, true))

    w = relay("mx.two.test", "")
    through(w, (text:gsub("(ARC%-Seal:.-b=)....", "%1AAAA", 1)))
    assert.equal("fail i=1 (seal sigverify error) 1 mx.one.test false", said(w))
    assert.falsy(w:logged " <= ":find(" ARC", 1, true))
  end)

  it("ARC-T2 seals i=1 with cv=none, then i=2 with cv=pass, and the chain holds", function()
    local text = hop "one.test"
    assert.truthy(field(text, "ARC-Seal"):find("i=1; a=rsa-sha256; cv=none; d=mx.one.test; s=s;", 1, true))
    text = hop("two.test", text)
    assert.truthy(field(text, "ARC-Seal"):find("i=2; a=rsa-sha256; cv=pass; d=mx.two.test; s=s;", 1, true))
    text = hop("three.test", text)
    local w = relay("mx.four.test", "")
    through(w, text)
    assert.equal("pass nil 1 mx.one.test:mx.two.test:mx.three.test true", said(w))
    -- a list changed the text between the first and the second: the second vouches for what came after it
    local changed = hop("two.test", (hop("one.test"):gsub("body\n", "body of the list\n")))
    w = relay("mx.four.test", "")
    through(w, changed)
    assert.equal("fail", said(w):match "^%a+")
  end)

  it("stands in front of our own DKIM signature and signs it: seal, results, signature of the message", function()
    local text = through(relay("mx.one.test", seals "mx.one.test" .. ', dkim_domain = "one.test", dkim_selector = "s", dkim_private_key = RSA'))
    local names = {}
    for name in ("\n" .. text):gmatch "\n([%w%-]+):" do names[#names + 1] = name end
    assert.same({ "ARC-Seal", "ARC-Authentication-Results", "ARC-Message-Signature", "DKIM-Signature", "Authentication-Results" },
      { names[1], names[2], names[3], names[4], names[5] })
    assert.truthy(field(text, "ARC-Message-Signature"):find("DKIM-Signature:", 1, true))
  end)

  it("ARC-T3 does not seal what has no Authentication-Results of ours, and says so", function()
    local w = relay("mx.one.test", seals "mx.one.test", "")
    assert.falsy(through(w):find("ARC-", 1, true))
    assert.truthy(w:logged "ARC: no Authentication-Results header for signing")
  end)

  it("ARC-T4 writes the times it is told to", function()
    local now = 1609459200
    local function times(extra)
      local text = hop("one.test", nil, extra)
      local as, ams = field(text, "ARC-Seal"), field(text, "ARC-Message-Signature")
      return as:match " t=(%d+)", as:match " x=(%d+)", ams:match " t=(%d+)", ams:match " x=(%d+)"
    end
    assert.same({ nil, nil, nil, nil }, { times(nil) })
    assert.same({ tostring(now), nil, tostring(now), nil }, { times " : timestamps" })
    local _, _, _, x = times " : timestamps, expire=+60"
    assert.equal(tostring(now + 60), x)
    for _, extra in ipairs { " : expire", " : expire=", " : expire=+" } do
      _, _, _, x = times(extra)
      assert.equal(tostring(now + 2592000), x)
    end
    _, _, _, x = times " : expire=1700000000"
    assert.equal("1700000000", x)
  end)

  it("ARC-T5 sends a message unsealed when the option makes no sense, still signed by DKIM, and says why", function()
    for _, row in ipairs {
      { '"mx.one.test : : " .. RSA', "ARC: bad signing-specification (selector empty) 'mx.one.test : :" },
      { '" : s : " .. RSA', "(identity empty)" }, { '"mx.one.test : s"', "(privkey empty)" },
      { '"mx_one.test : s : " .. RSA', "(identity chars)" }, { '"mx.one.test : s/ : " .. RSA', "(selector chars)" },
    } do
      local w = relay("mx.one.test", ('arc_sign = %s, dkim_domain = "one.test", dkim_selector = "s", dkim_private_key = RSA'):format(row[1]))
      local text = through(w)
      assert.falsy(text:find("ARC-", 1, true))
      assert.truthy(text:find("DKIM-Signature: v=1", 1, true))
      assert.truthy(w:logged(row[2]), row[2])
      assert.is_nil((w:logged "PRIVATE KEY"))
    end
  end)

  it("is silent about an option that is empty", function()
    for _, value in ipairs { '""', "function() return nil end", "function() return '' end", "false" } do
      local w = relay("mx.one.test", "arc_sign = " .. value)
      assert.falsy(through(w):find("ARC-", 1, true))
      assert.is_nil((w:logged "ARC:"))
    end
  end)

  it("ARC-T6 seals a broken chain as broken, over its own set alone, and after that nobody adds to it", function()
    local broken = hop("one.test"):gsub("body\n", "other\n")
    local text = hop("two.test", broken)
    assert.truthy(field(text, "ARC-Seal"):find("i=2; a=rsa-sha256; cv=fail;", 1, true))
    local third, w = hop("three.test", text)
    assert.equal("fail i=2 (seal cv state) 2 mx.one.test:mx.two.test false", said(w))
    assert.truthy(w:logged "ARC: the chain was sealed as failed")
    local _, n = third:gsub("ARC%-Seal:", "")
    assert.equal(2, n)
  end)

  it("ARC-T8 does not take a chain with a gap, an instance twice, or more than 50 sets", function()
    local text = hop("two.test", (hop "one.test"))
    for _, row in ipairs {
      { (text:gsub("i=2;", "i=3;")), "fail i=3 (sequence; expected 2)" },
      { (text:gsub("(ARC%-Seal: i=)2;", "%11;")), "fail collecting headers: a field of an instance stands twice" },
      { (text:gsub("ARC%-Seal: i=2;", "X-Seal: i=2;")), "fail i=2 (missing header)" },
      { (text:gsub("i=2;", "i=51;")), "fail collecting headers: no instance, or more than 50" },
      { (text:gsub("(ARC%-Seal: i=1;.-)cv=none", "%1cv=pass")), "fail i=1 (cv)" },
    } do
      local w = relay("mx.three.test", "")
      through(w, row[1])
      assert.equal(row[2], said(w):sub(1, #row[2]))
    end
  end)

  it("says which instance still holds", function()
    local two = hop("two.test", (hop "one.test"))
    -- the subject was changed between one and two, so one's signature is broken and two's holds
    local one = hop "one.test"
    local w = relay("mx.two.test", seals "mx.two.test", [[
      acl.data(function(m) verify.arc() header.add("Authentication-Results: mx.two.test; arc=pass", "at_start") end)
      rewrite.rule { "ann@a.test", "anna@b.test", flags = "f" }
    ]])
    local text = through(w, one)
    w = relay("mx.three.test", "")
    through(w, text)
    assert.equal("pass nil 2 mx.one.test:mx.two.test true", said(w))
    assert.truthy(two)
  end)

  it("defers when a key cannot be fetched now, and fails when there is none", function()
    local text = hop "one.test"
    local function judged(zone)
      local w = world.new { now = "2021-01-01T00:00:00Z", zone = zone, lua = [[
        site { primary_hostname = "mx.two.test", qualify_domain = "example.org" }
        router.here { driver = "accept", transport = "box" }
        transport.box { driver = "appendfile", maildir_format = true, directory = "/box" }
        acl.rcpt { accept {} }
        acl.data { deny { not_verify = "arc", message = "550 5.7.29 broken chain" } }
      ]] }
      return w:send { from = "ann@a.test", to = "bob@example.org", text = text }
    end
    assert.reply(judged(ZONE), "250")
    assert.reply(judged "s._domainkey.mx.one.test. SERVFAIL", "451")
    assert.reply(judged "x.example. A 192.0.2.1", "550 5.7.29")
  end)

  it("takes all results of ours into the set", function()
    local w = relay("mx.one.test", seals "mx.one.test", [[
      acl.data(function(m)
        verify.arc()
        header.add("Authentication-Results: mx.one.test; spf=pass smtp.mailfrom=a.test; x-own=a (with; semicolon)", "at_start")
        header.add("Authentication-Results: mx.one.test; none", "at_start")
        header.add("Authentication-Results: other.test; dkim=fail", "at_start")
        header.add(authresults("mx.one.test"), "at_start")
      end)
    ]])
    local aar = field(through(w), "ARC-Authentication-Results")
    assert.equal("ARC-Authentication-Results: i=1; mx.one.test; spf=pass smtp.mailfrom=a.test; x-own=a (with; semicolon); arc=none", (aar:gsub("%s+", " ")))
  end)

  it("ARC-T7 keeps a message from going on while it comes in, whatever the option says", function()
    local w = relay("mx.one.test", "arc_sign = function() return nil end", [[acl.rcpt { accept { control = "cutthrough_delivery" } }]])
    assert.truthy(through(w))
    assert.is_nil((w:logged ">> "))
  end)
end)

describe("Authentication-Results", function()
  local SITE = [[
    site { primary_hostname = "mx.example.org", qualify_domain = "example.org" }
    router.here { driver = "accept", transport = "box" }
    transport.box { driver = "appendfile", maildir_format = true, directory = "/box" }
    acl.rcpt { accept {} }
  ]]
  local function results(rules, zone, text, from)
    local w = world.new { zone = zone or signed.zone, now = "2021-01-01T00:00:00Z", lua = SITE .. rules .. [[
      acl.data(function(m) logwrite("SAID " .. authresults(m.primary_hostname):gsub("\n\t", " ")) end)
    ]] }
    w:send { from = from or "a@there.example", to = "b@example.org", text = text or signed.text }
    return said(w)
  end

  it("has nothing to say of a message of which nothing is known", function()
    assert.equal("Authentication-Results: mx.example.org; none", results "")
  end)

  it("tells of each signature, as the rules left it", function()
    assert.equal("Authentication-Results: mx.example.org; dkim=pass header.d=example.org header.i=@example.org header.s=s1 header.a=rsa-sha256;"
      .. " dkim=fail (signature_incorrect) header.d=a.test header.i=@a.test header.s=ed header.a=ed25519-sha256",
      results("", nil, signed.with(signed.org, signed.broken(signed.a_ed))))
    assert.equal("Authentication-Results: mx.example.org; dkim=policy (fail - we know them) header.d=example.org header.i=@example.org header.s=s1"
      .. " header.a=rsa-sha256", results([[acl.dkim(function(m) m.dkim_verify_status, m.dkim_verify_reason = "fail", "we know them" end)]],
      nil, signed.with(signed.org)))
  end)

  it("tells of the client's name and of the chain", function()
    assert.equal("Authentication-Results: mx.example.org; iprev=pass (client.example) smtp.remote-ip=203.0.113.9; arc=none",
      results([[site { host_lookup = "*" } acl.data(function(m) verify.arc() end)]],
        "9.113.0.203.in-addr.arpa. PTR client.example.\nclient.example. A 203.0.113.9"))
    assert.equal("Authentication-Results: mx.example.org; iprev=fail smtp.remote-ip=203.0.113.9", results([[site { host_lookup = "*" }]], "x.example. A 192.0.2.1"))
    assert.equal("Authentication-Results: mx.example.org; iprev=temperror smtp.remote-ip=203.0.113.9",
      results([[site { host_lookup = "*" }]], "9.113.0.203.in-addr.arpa. SERVFAIL"))
  end)

  it("never repeats what a sender wrote where it could be read as ours", function()
    local evil = signed.org:gsub("d=example.org", 'd=x;dkim=pass'):gsub("i=@example.org", 'i="; dkim=pass header.d=bank.test"@x')
    local text = results("", nil, signed.with(evil))
    assert.falsy(text:find("bank.test", 1, true))
    assert.falsy(text:find("dkim=pass", 1, true))
  end)

  it("takes off every field that claims to be ours, however it is written, before a rule sees it", function()
    local forged = table.concat({
      "Authentication-Results: mx.example.org; dkim=pass header.d=bank.test", "AUTHENTICATION-RESULTS:MX.Example.ORG; spf=pass",
      "Authentication-Results:\n  mx.example.org 1; spf=pass", "authentication-results: (a (nested) comment) mx.example.org.; spf=pass",
      'Authentication-Results: "mx.example.org"; spf=pass', "Authentication-Results: internal.example.org; spf=pass",
      "Authentication-Results: ; spf=pass", "Authentication-Results: (unclosed mx.example.org; spf=pass",
      "Authentication-Results: mx.other.test; spf=pass", "" }, "\n")
    local w = world.new { lua = SITE .. [[
      site { authresults_ids = { "internal.example.org" } }
      acl.data(function(m) logwrite("SAID " .. tostring(m.lheader["authentication-results"])) end)
    ]] }
    assert.reply(w:send { from = "a@there.example", to = "b@example.org", text = forged .. signed.text }, "250")
    assert.equal("mx.other.test; spf=pass", said(w))
  end)

  it("leaves the signatures judged over what came, forged fields included", function()
    local w = world.new { zone = signed.zone, now = "2021-01-01T00:00:00Z", lua = SITE .. [[
      acl.data(function(m) logwrite("SAID " .. tostring(m.dkim_verify_status)) end)
    ]] }
    w:send { from = "a@there.example", to = "b@example.org", text = "Authentication-Results: mx.example.org; spf=pass\n" .. signed.with(signed.org) }
    assert.equal("pass:pass", said(w))
  end)
end)
