-- Senders rewritten for those whose mail we forward, and bounces led back: a redirect router's srs, srs.*, prvs.*, rules/srs.lua.
local world = require "perigee.world"

-- Day 20000, whose two digits are RA.
local DAY = "2024-10-04T12:00:00Z"
local ZONE = [[
origin.test. MX 10 mx.origin.test.
mx.origin.test. A 192.0.2.1
far.test. MX 10 mx.far.test.
mx.far.test. A 192.0.2.2
]]
local SITE = [[
site { primary_hostname = "mx.fwd.test", qualify_domain = "fwd.test", %s }
acl.rcpt { accept {} }
%s
router.out { driver = "dnslookup", domains = "! fwd.test", transport = "out" }
router.box { driver = "accept", domains = "fwd.test", transport = "box" }
transport.out { driver = "smtp" }
transport.box { driver = "appendfile", maildir_format = true, directory = "/box" }
]]
local SECRET = 'srs_secrets = { "mysecret" }'
local FORWARD = [[router.alias { driver = "redirect", domains = "fwd.test", local_parts = "list", srs = "forward", data = "cat@far.test" }]]
local REVERSE = [[router.back { driver = "redirect", domains = "fwd.test", srs = "reverse", data = function(m)
  logwrite(("%s -> %s: %s"):format(tostring(m.srs_orig_recipient), tostring(m.srs_recipient), tostring(m.srs_status)))
  return m.srs_recipient end }
]]

local function new(options, routers, now)
  local w = world.new { lua = SITE:format(options, routers), zone = ZONE, now = now or DAY }
  w:peer "192.0.2.1"
  w:peer "192.0.2.2"
  return w
end

local function heard(w, text, at)
  local all = w:heard(at or "192.0.2.2") or ""
  assert.truthy(all:find(text, 1, true), all .. "\n" .. table.concat(w:log(), "\n"))
end

local function sent(options, routers, m, now)
  local w = new(options, routers, now)
  assert.reply(w:send { from = m.from or "alice@origin.test", to = m.to or "list@fwd.test" }, "250")
  w:advance "1s"
  return w
end

describe("srs = forward", function()
  it("sends what it forwards under a sender of ours, and the log says which (SRSA-T1)", function()
    local w = sent(SECRET, FORWARD, {})
    heard(w, "MAIL FROM:<SRS0=x0ikxL=RA=origin.test=alice@fwd.test>")
    assert.logged(w, "=> cat@far.test <list@fwd.test> SRS=<SRS0=x0ikxL=RA=origin.test=alice@fwd.test> R=out T=out")
  end)

  it("writes SRS1 for what is rewritten already, under the alias that is asked for (SRSA-T6)", function()
    local w = sent('srs_secrets = { "other" }', FORWARD:gsub("srs = ", 'srs_alias = "second.test", srs = '), { from = "SRS0=x0ikxL=RA=origin.test=alice@fwd.test" })
    heard(w, "MAIL FROM:<SRS1=eYLq06=fwd.test==x0ikxL=RA=origin.test=alice@second.test>")
    w = sent('srs_config = { "third" }', FORWARD:gsub("srs = ", 'srs_alias = function(m) return "third.test" end, srs = '),
      { from = "SRS1=eYLq06=fwd.test==x0ikxL=RA=origin.test=alice@second.test" })
    heard(w, "MAIL FROM:<SRS1=vrKv/6=fwd.test==x0ikxL=RA=origin.test=alice@third.test>")
  end)

  it("leaves the null sender, what errors_to rules, and what srs_condition excepts (SRSA-T8)", function()
    heard(sent(SECRET, FORWARD, { from = "" }), "MAIL FROM:<>")
    local w = sent(SECRET, FORWARD:gsub("srs = ", 'errors_to = "owner@fwd.test", srs = '), {})
    heard(w, "MAIL FROM:<owner@fwd.test>")
    assert.is_nil(w:logged "SRS=")
    heard(sent(SECRET, FORWARD:gsub("srs = ", 'srs_condition = function(m) return m.sender_address_domain ~= "origin.test" end, srs = '), {}),
      "MAIL FROM:<alice@origin.test>")
    heard(sent(SECRET, FORWARD:gsub("srs = ", 'srs_condition = "yes", srs = '), {}), "MAIL FROM:<SRS0=")
  end)

  it("lets a transport's return_path have the last word", function()
    local w = world.new { lua = SITE:format(SECRET, FORWARD):gsub('driver = "smtp"', 'driver = "smtp", return_path = "own@fwd.test"'), zone = ZONE, now = DAY }
    w:peer "192.0.2.2"
    w:send { from = "alice@origin.test", to = "list@fwd.test" }
    w:advance "1s"
    heard(w, "MAIL FROM:<own@fwd.test>")
  end)

  it("tells the writer, not the rewritten name, when the forward fails", function()
    local w = new(SECRET, FORWARD)
    w:peer("192.0.2.2", { rcpt = "550 5.1.1 nobody" })
    w:send { from = "alice@origin.test", to = "list@fwd.test" }
    w:advance "1s"
    heard(w, "RCPT TO:<alice@origin.test>", "192.0.2.1")
  end)

  it("is not passed over by a delivery on the connection that verified the recipient", function()
    local control = 'acl.rcpt { warn { control = "cutthrough_delivery" } }\n'
    local w = world.new { lua = control .. SITE:format(SECRET, FORWARD), zone = ZONE, now = DAY }
    w:peer "192.0.2.2"
    assert.reply(w:send { from = "alice@origin.test", to = "list@fwd.test" }, "250")
    w:advance "1s"
    assert.logged(w, "=> cat@far.test <list@fwd.test> SRS=<SRS0=")
    assert.is_nil(w:logged ">> cat@far.test")
    -- where nothing is rewritten, it is the same connection
    w = world.new { lua = control .. SITE:format(SECRET, (FORWARD:gsub("srs = ", 'srs_condition = "no", srs = '))), zone = ZONE, now = DAY }
    w:peer "192.0.2.2"
    assert.reply(w:send { from = "alice@origin.test", to = "list@fwd.test" }, "250")
    assert.logged(w, ">> cat@far.test")
  end)

  it("sends to several under one name each, and forwards nothing for a router that declines", function()
    local w = sent(SECRET, FORWARD:gsub('"cat@far.test"', '"cat@far.test, dog@far.test"'), {})
    heard(w, "RCPT TO:<dog@far.test>")
    w = sent(SECRET, FORWARD:gsub('data = "cat@far.test"', "data = function() return nil end") .. [[ router.then_ {
      driver = "redirect", local_parts = "list", data = "cat@far.test" }]], {})
    heard(w, "MAIL FROM:<alice@origin.test>")
  end)
end)

describe("srs = reverse", function()
  local function back(options, to, now)
    local w = new(options, REVERSE, now)
    local s = w:session {}
    s:mail ""
    local reply = s:rcpt(to)
    if reply.code == 250 then s:data "Subject: failed\n\n" end
    s:quit()
    w:advance "1s"
    return w, reply
  end

  it("gives a bounce to who wrote the message (SRSA-T2)", function()
    local w = back(SECRET, "SRS0=x0ikxL=RA=origin.test=alice@fwd.test")
    heard(w, "RCPT TO:<alice@origin.test>", "192.0.2.1")
    assert.logged(w, "SRS0=x0ikxL=RA=origin.test=alice@fwd.test -> alice@origin.test: ok")
  end)

  it("gives SRS1 to the first forwarder (SRSA-T6)", function()
    local w = back('srs_secrets = { "other" }', "SRS1=eYLq06=fwd.test==x0ikxL=RA=origin.test=alice@fwd.test")
    assert.logged(w, "-> SRS0=x0ikxL=RA=origin.test=alice@fwd.test: ok")
  end)

  it("takes every secret of the list, and those of srs_secrets beside srs_config's own (SRSA-T3)", function()
    heard(back('srs_secrets = { "new", "mysecret" }', "SRS0=x0ikxL=RA=origin.test=alice@fwd.test"), "RCPT TO:<alice@origin.test>", "192.0.2.1")
    heard(back('srs_config = { "newest" }, srs_secrets = { "new", "mysecret" }', "SRS0=x0ikxL=RA=origin.test=alice@fwd.test"),
      "RCPT TO:<alice@origin.test>", "192.0.2.1")
  end)

  it("refuses what is older than srs_maxage, and m.srs_status says so (SRSA-T4)", function()
    local later = function(days) return os.date("!%Y-%m-%dT12:00:00Z", 20000 * 86400 + days * 86400) end
    local rules = SITE:format(SECRET, REVERSE .. [[router.why(function(m) end)]]) .. 'acl.rcpt { deny { not_verify = "recipient" } }\n'
    for days, code in pairs { [0] = "250", [31] = "250", [32] = "550", [-1] = "550" } do
      local w = world.new { lua = rules:gsub("acl.rcpt { accept {} }", ""):gsub('acl.rcpt { deny { not_verify = "recipient" } }',
        'acl.rcpt { deny { not_verify = "recipient" }, accept {} }'), zone = ZONE, now = later(days) }
      local s = w:session {}
      s:mail ""
      assert.reply(s:rcpt "SRS0=x0ikxL=RA=origin.test=alice@fwd.test", code)
      if code == "550" then assert.logged(w, "SRS: timestamp expired") end
      w:close()
    end
    local w = back('srs_secrets = { "mysecret" }, srs_maxage = 2', "SRS0=x0ikxL=RA=origin.test=alice@fwd.test", later(3))
    assert.logged(w, "SRS: timestamp expired")
    heard(back('srs_secrets = { "mysecret" }, srs_maxage = 0', "SRS0=x0ikxL=RA=origin.test=alice@fwd.test", later(31)), "RCPT TO:<alice", "192.0.2.1")
  end)

  it("needs no hash where there is to be none, and never a shorter one than srs_hashmin (SRSA-T5)", function()
    local none = 'srs_secrets = { "mysecret" }, srs_usehash = false'
    heard(sent(none, FORWARD, {}), "MAIL FROM:<SRS0=RA=origin.test=alice@fwd.test>")
    heard(back(none, "SRS0=RA=origin.test=alice@fwd.test"), "RCPT TO:<alice@origin.test>", "192.0.2.1")
    heard(sent('srs_config = { "mysecret", "", "4", "0", "1" }', FORWARD, {}), "MAIL FROM:<SRS0=NAXi=origin.test=alice@fwd.test>")
    heard(back('srs_secrets = { "mysecret" }, srs_hashmin = 4', "SRS0=x0ik=RA=origin.test=alice@fwd.test"), "RCPT TO:<alice", "192.0.2.1")
    assert.logged(back('srs_secrets = { "mysecret" }, srs_hashmin = 10', "SRS0=x0ikxL=RA=origin.test=alice@fwd.test"), "SRS: hash too short")
  end)

  it("declines what is no such address, fails a forged one, forgives the case of a hash (SRSA-T7)", function()
    for _, to in ipairs { "ann@fwd.test", "SRS0=garbage@fwd.test", "SRS2=x@fwd.test" } do
      assert.logged(back(SECRET, to), "R=box")
    end
    local w = back(SECRET, "SRS0=x0ikxK=RA=origin.test=alice@fwd.test")
    assert.logged(w, "** SRS0=x0ikxK=RA=origin.test=alice@fwd.test")
    assert.logged(w, "SRS: bad hash")
    assert.logged(back(SECRET, "SRS0=X0IKXL=RA=origin.test=alice@fwd.test"), "alice@origin.test: case broken")
  end)

  it("waits, and says so, where there is no secret or a number is no good (SRSA-08)", function()
    for options, text in pairs {
      ["hosts_connection_nolog = '*'"] = "No secret specified",
      ['srs_secrets = { "mysecret" }, srs_maxage = 400'] = "Invalid maximum timestamp age",
      ['srs_secrets = { "mysecret" }, srs_hashlength = 21'] = "Invalid hash length",
    } do
      local w = sent(options, FORWARD, {})
      assert.logged(w, "SRS Configuration Error: " .. text)
      assert.truthy(w:logged("SRS Configuration Error: " .. text, "panic"))
      assert.equal(1, #w:queue())
      w:close()
    end
  end)
end)

describe("srs with a database", function()
  local BOTH = [[
router.back { driver = "redirect", domains = "fwd.test", local_parts = "^(?i)srs", srs = "%s",
  srs_dbselect = function(m) return store.get("srs", m.srs_db_key) end, data = function(m) return m.srs_recipient end }
router.alias { driver = "redirect", domains = "fwd.test", local_parts = "list", srs = "forward", data = "cat@far.test",
  srs_dbinsert = function(m) %s end }
]]
  local INSERT = [[store.put("srs", m.srs_db_key, m.srs_db_address, "31d") return true]]

  it("sends a key in place of the address, and finds it again (SRSA-T9)", function()
    local w = sent(SECRET, BOTH:format("reverse", INSERT), {})
    heard(w, "MAIL FROM:<SRS0=mb0hkJ=RA=YHy+vHawVfYox7r+@fwd.test>")
    w:send { from = "", to = "SRS0=mb0hkJ=RA=YHy+vHawVfYox7r+@fwd.test" }
    w:advance "1s"
    heard(w, "RCPT TO:<alice@origin.test>", "192.0.2.1")
  end)

  it("waits when it cannot keep or find, and when one half is missing (SRSA-T9)", function()
    local w = sent(SECRET, BOTH:format("reverse", "return nil"), {})
    assert.logged(w, "SRS: srs_dbinsert failed")
    assert.equal(1, #w:queue())
    w = sent(SECRET, BOTH:format("reverse", INSERT), { from = "", to = "SRS0=mb0hkJ=RA=YHy+vHawVfYox7r+@fwd.test" })
    assert.logged(w, "SRS: srs_dbselect gave no address")
    assert.equal(1, #w:queue())
    w = sent(SECRET, BOTH:format("reverseandforward", INSERT), { from = "", to = "SRS0=mb0hkJ=RA=YHy+vHawVfYox7r+@fwd.test" })
    assert.logged(w, "SRS: srs_dbinsert and srs_dbselect are needed both")
  end)
end)

-- ---- srs.* and prvs.*

describe("srs.encode and srs.decode", function()
  local w
  local function value(code, now)
    w = world.new { lua = "acl.rcpt { accept {} }", now = now or DAY }
    local got, why = w:eval(code, { sender = "a@there.example" })
    w:close()
    return (tostring(got or why):gsub("%s+$", ""))
  end

  it("lead back to where they came from, in both styles (SRSN-T1, SRSN-T7)", function()
    for _, style in ipairs { "mail-srs", "exim" } do
      for _, address in ipairs { "alice@origin.test", "a=b@origin.test" } do
        assert.equal(('["%s"]'):format(address), value(([[(function()
          local made = srs.encode("secret", %q, "fwd.test", { style = %q })
          assert(srs.inbound(made:match "^(.*)@", "secret", { style = %q }))
          return m.srs_recipient end)()]]):format(address, style, style)))
      end
    end
  end)

  it("know another secret, a touched hash, an old day (SRSN-T2, SRSN-T4)", function()
    local made = value([[srs.encode("secret", "alice@origin.test", "fwd.test")]]):match '"(.*)@'
    assert.equal("[true]", value(('srs.inbound(%q, { "new", "secret" })'):format(made)))
    assert.equal("[true]", value(('srs.inbound(%q, "secret")'):format(made:lower())))
    assert.equal('[false,"alice@origin.test"]', value(('srs.inbound(%q, "other"), m.srs_recipient'):format(made)))
    assert.equal('[null,"hash"]', value(('srs.decode(%q, "secret")'):format((made:gsub("=....=", "=AAAA=", 1)))))
    assert.equal('[null,"expired"]', value(('srs.decode(%q, "secret")'):format(made), "2024-10-26T12:00:00Z"))
    assert.equal('["alice@origin.test"]', value(('srs.decode(%q, "secret")'):format(made), "2024-10-25T12:00:00Z"))
    assert.equal('[null,"expired"]', value(('srs.decode(%q, "secret", { max_age = 5 })'):format(made), "2024-10-10T12:00:00Z"))
  end)

  it("test the form only with an empty secret, which never signs (SRSN-T3)", function()
    assert.equal('[true,"user@x.test"]', value([[srs.inbound("SRS0=zzzz=AA=x.test=user", ""), m.srs_recipient]]))
    assert.equal("[false]", value([[srs.inbound("user", "")]]))
    assert.equal('[null,"syntax"]', value([[srs.decode("SRS0=zzzz", "")]]))
    assert.equal('[null,"syntax"]', value([[srs.decode("SRS0=a=AA=x.test=user@fwd.test", "s")]]))
    assert.equal('[null,"syntax"]', value([[srs.decode("SRS0=a=AA=x.test=user@fwd.test", "")]]))
    assert.equal('["\\"a@b\\"@x.test"]', value([[srs.decode(address.parse(srs.encode("s", '"a@b"@x.test', "fwd.test")).local_part, "s")]]))
    assert.equal('[null,"syntax"]', value([[srs.decode("SRS0=" .. ("a"):rep(100000), "s")]]))
    assert.equal('[null,"not srs"]', value([[srs.decode(("a"):rep(100000), "s")]]))
    assert.truthy(value([[srs.encode("", "a@b.test", "c.test")]]):find "empty secret would sign for everyone")
    assert.truthy(value([[srs.decode("SRS0=x", { "a", "" })]]):find "one of the secrets is empty")
  end)

  it("write Exim's form, its vector and its limits (SRSN-T8, SRSN-T9)", function()
    assert.equal('["SRS0=0e70=RA=origin.test=alice@fwd.test"]', value([[srs.encode("mysecret", "alice@origin.test", "fwd.test", { style = "exim" })]]))
    assert.equal('[""]', value([[srs.encode("mysecret", "", "fwd.test", { style = "exim" })]]))
    assert.equal('["\\"a b\\"@origin.test"]', value([[srs.decode(srs.encode("s", '"a b"@origin.test', "fwd.test", { style = "exim" }):match "^(.*)@", "s", { style = "exim" })]]))
    assert.equal('[null,"not srs"]', value([[srs.decode("SRS0+0e70=RA=origin.test=alice", "mysecret", { style = "exim" })]]))
  end)

  it("say what is wrong with an argument", function()
    assert.equal('[null,"the return path has no domain"]', value([[srs.encode("s", "alice", "fwd.test")]]))
    assert.equal('[null,"the result is longer than an address may be"]', value([[srs.encode("s", ("a"):rep(240) .. "@x.test", "fwd.test")]]))
    assert.truthy(value([[srs.encode("s", "a@b.test", "c.test", { hashlength = 4 })]]):find("there is no option hashlength, did you mean hash_length?", 1, true)
      or value([[srs.encode("s", "a@b.test", "c.test", { hashlength = 4 })]]):find("hash_length", 1, true))
    assert.truthy(value([[srs.encode("s", "a@b.test", "c.test", { separator = "." })]]):find "separator is one of")
    assert.truthy(value([[srs.encode(nil, "a@b.test", "c.test")]]):find "a secret")
    assert.truthy(value([[srs.encode("s", "a@b.test", "no domain")]]):find('"no domain" is no domain', 1, true))
    local ok, why = world.load { lua = 'router.r { driver = "redirect", data = "x@y.test", srs = "bounce" }' }
    assert.is_nil(ok)
    assert.truthy(why:find("srs", 1, true) and why:find("reverseandforward", 1, true), why)
  end)

  it("prvs: made, checked, told apart (PRVS-T1, PRVS-T3, PRVS-T4, PRVS-T5, PRVS-T6)", function()
    assert.equal('["prvs=0007d88dfd=alice@origin.test"]', value([[prvs.create("alice@origin.test", "mysecret")]]))
    assert.equal('[true,"alice@origin.test"]', value([[prvs.check("prvs=0007d88dfd=alice@origin.test", "mysecret")]]))
    assert.equal('[false,"alice@origin.test"]', value([[prvs.check("prvs=0007d88dfd=alice@origin.test", "other")]]))
    assert.equal('[false,"alicf@origin.test"]', value([[prvs.check("prvs=0007d88dfd=alicf@origin.test", "mysecret")]]))
    assert.equal("[null]", value([[prvs.check("alice@origin.test", "mysecret")]]))
    assert.equal('[true,4,"alice@origin.test"]', value([[(function()
      prvs.check(prvs.create("alice@origin.test", "fourth", 4), function(address, key) return key == 4 and "fourth" or nil end)
      return m.prvscheck_result, m.prvscheck_keynum, m.prvscheck_address end)()]]))
    assert.truthy(value([[prvs.create("alice", "s")]]):find "prvs first argument must be a qualified email address")
    assert.truthy(value([[prvs.create("a@b.test", "s", 10)]]):find "prvs third argument must be a single digit")
    assert.truthy(value([[prvs.create("a@b.test", "")]]):find "empty secret")
  end)

  it("prvs: six days later it is good, eight days later not (PRVS-T2)", function()
    local check = [[prvs.check("prvs=0007d88dfd=alice@origin.test", "mysecret"), nil]]
    assert.equal("[true,null]", value(check, "2024-10-10T12:00:00Z"))
    assert.equal("[true,null]", value(check, "2024-10-11T12:00:00Z"))
    assert.equal("[false,null]", value(check, "2024-10-12T12:00:00Z"))
  end)
end)
