-- Signatures of mail that arrives: what the dkim ACL is asked, what it may change, what the log says (F14).
local world = require "perigee.world"
local signed = dofile "spec/accept/signed_messages.lua"

local SITE = [[
domainlist.local_domains = { "example.org" } site { primary_hostname = "mx.example.org", qualify_domain = "example.org" }
router.here { driver = "accept", domains = "+local_domains", transport = "box" }
transport.box { driver = "appendfile", maildir_format = true, directory = "/box" }
acl.rcpt { accept { domains = "+local_domains" }, deny {} }
]]

-- What each run of the ACL and the data ACL see.
local TELL = [[
acl.dkim(function(m)
  logwrite("SAID " .. m.dkim_cur_signer .. " " .. m.dkim_verify_status .. " " .. tostring(m.dkim_verify_reason))
end)
acl.data(function(m) logwrite("SAID all " .. tostring(m.dkim_verify_status) .. " by " .. tostring(m.dkim_signers)) end)
]]

local function new(rules, zone)
  return world.new { lua = SITE .. (rules or TELL), zone = zone or signed.zone, now = "2021-01-01T00:00:00Z" }
end
local function send(w, text) return w:send { from = "a@there.example", to = "b@example.org", text = text } end

-- What the rules said with logwrite("SAID ..."), in order.
local function said(w)
  local list = {}
  for _, line in ipairs(w:log()) do list[#list + 1] = line:match "SAID (.*)$" end
  return list
end

local function arrival(w)
  for _, line in ipairs(w:log()) do if line:find(" <= ", 1, true) then return line end end
end

local function lines(w, text)
  local list = {}
  for _, line in ipairs(w:log()) do
    local at = line:find(text, 1, true)
    if at then list[#list + 1] = line:sub(at) end
  end
  return list
end

describe("DKIM of what arrives", function()
  it("DKV-T1 names a domain that signed on the arrival line, and says no more", function()
    local w = new ""
    assert.reply(send(w, signed.with(signed.org)), "250")
    assert.truthy(arrival(w):find(" DKIM=example.org ", 1, true))
    assert.same({}, lines(w, "DKIM: "))
  end)

  it("DKV-T1 writes a line a signature under dkim_verbose", function()
    local w = new [[site { log_selector = "+dkim_verbose" }]]
    assert.reply(send(w, signed.with(signed.org, signed.broken(signed.org_simple))), "250")
    assert.same({
      "DKIM: d=example.org s=s1 c=relaxed/relaxed a=rsa-sha256 b=1024 i=@example.org t=1600000000 [verification succeeded]",
      "DKIM: d=example.org s=s1 c=simple/simple a=rsa-sha256 b=1024 i=@example.org t=1600000000"
        .. " [verification failed - signature did not verify (headers probably modified in transit)]",
    }, lines(w, "DKIM: "))
  end)

  it("has no tag without the selector, nor for a message that nobody signed", function()
    local w = new [[site { log_selector = "-dkim" }]]
    assert.reply(send(w, signed.with(signed.org)), "250")
    assert.falsy(arrival(w):find("DKIM", 1, true))
    w = new()
    assert.reply(send(w, signed.text), "250")
    assert.falsy(arrival(w):find("DKIM", 1, true))
    assert.same({ "all nil by " }, said(w))
  end)

  it("DKV-T2 says what is wrong: body, header, no key, no sense in the key, a key that was taken back", function()
    local sig = signed.with(signed.org)
    local key = signed.zone:match "[^\n]*\n"
    for _, row in ipairs {
      { (sig:gsub("hungry", "thirsty")), key, "fail bodyhash_mismatch" },
      { (sig:gsub("Is dinner", "Was dinner")), key, "fail signature_incorrect" },
      { sig, "x.example. A 192.0.2.1", "invalid pubkey_unavailable" },
      { sig, "s1._domainkey.example.org. SERVFAIL", "invalid pubkey_unavailable" },
      { sig, "s1._domainkey.example.org. TXT \"v=DKIM1; p=garbage!\"", "invalid pubkey_syntax" },
      { sig, "s1._domainkey.example.org. TXT \"what is this\"", "invalid pubkey_syntax" },
      { sig, "s1._domainkey.example.org. TXT \"v=DKIM1; p=\"", "invalid pubkey_revoked" },
    } do
      local w = new(nil, row[2])
      assert.reply(send(w, row[1]), "250")
      assert.equal("example.org " .. row[3], said(w)[1])
    end
  end)

  it("DKV-T3 runs once for each signature of a signer, however often the signer is listed", function()
    local w = new(TELL .. [[
      site { dkim_verify_signers = function(m) return "a.test:a.test:" .. tostring(m.dkim_signers) end }
    ]])
    assert.reply(send(w, signed.with(signed.a_rsa, signed.a_ed)), "250")
    local list = said(w)
    assert.same({ "a.test pass nil", "a.test pass nil" }, { list[1], list[2] })
    assert.equal("@a.test pass nil", list[3])       -- the identities of dkim_signers are signers too
  end)

  it("is asked with none for a listed signer who did not sign", function()
    local w = new(TELL .. [[site { dkim_verify_signers = { "example.org", "nobody.test", "joe@sub.a.test" } }]])
    assert.reply(send(w, signed.with(signed.identity)), "250")
    assert.same({ "example.org none nil", "nobody.test none nil", "joe@sub.a.test pass nil",
      "all none:none:pass by a.test:joe@sub.a.test" }, said(w))
  end)

  it("DKV-T4 takes what the ACL says instead: later ACLs see it, and the tag is not there", function()
    local w = new [[
      site { log_selector = "+dkim_verbose" }
      acl.dkim(function(m)
        m.dkim_verify_status = "fail"
        m.dkim_verify_reason = "we know them"
      end)
      acl.data(function(m) logwrite("SAID " .. m.dkim_verify_status .. " " .. tostring(check.dkim_status("fail"))) end)
    ]]
    assert.reply(send(w, signed.with(signed.org)), "250")
    assert.same({ "fail:fail true" }, said(w))
    assert.falsy(arrival(w):find("DKIM=", 1, true))
    assert.truthy(lines(w, "DKIM: ")[1]:find("[fail - we know them]", 1, true))
  end)

  it("DKV-T4 is changed by the statement's set as well", function()
    local w = new [[
      acl.dkim { warn { dkim_signers = "example.org", dkim_status = "pass", set = { dkim_verify_status = "invalid", dkim_verify_reason = "hm" } } }
      acl.data { warn { dkim_status = "invalid : none", logwrite = "SAID invalid" }, warn { dkim_status = "pass", logwrite = "SAID pass" } }
    ]]
    assert.reply(send(w, signed.with(signed.org)), "250")
    assert.same({ "invalid", "pass" }, said(w))     -- the run for @example.org passed
  end)

  it("DKV-T5 lists what each run ended with", function()
    local w = new(TELL .. [[site { dkim_verify_signers = { "a.test", "b.test", "c.test" } }]])
    assert.reply(send(w, signed.with(signed.a_rsa, signed.broken(signed.b_rsa), signed.c_rsa)), "250")
    assert.equal("all pass:fail:pass by a.test:@a.test:b.test:@b.test:c.test:@c.test", said(w)[4])
  end)

  it("DKV-T6 is not done at all under the control: no run, no tag, no question", function()
    local silent = "s1._domainkey.example.org. TIMEOUT"
    local w = new(TELL, silent)
    local began = w:now()
    assert.reply(send(w, signed.with(signed.org)), "250")
    assert.equal("example.org invalid pubkey_unavailable", said(w)[1])
    assert.truthy(w:now() > began)                  -- a name server that does not answer is waited for
    w = new(TELL .. [[
      acl.mail { warn { control = "dkim_disable_verify" } } site { log_selector = "+dkim_verbose" }
    ]], silent)
    began = w:now()
    assert.reply(send(w, signed.with(signed.org)), "250")
    assert.equal(began, w:now())
    assert.same({ "all nil by nil" }, said(w))
    assert.falsy(arrival(w):find("DKIM", 1, true))
    assert.same({}, lines(w, "DKIM: "))
  end)

  it("DKV-T7 refuses keys of 512 bits and rsa-sha1 unless the options let them pass, and then the ACL may", function()
    local w = new()
    assert.reply(send(w, signed.with(signed.short)), "250")
    assert.reply(send(w, signed.with(signed.sha1)), "250")
    local list = said(w)
    assert.equal("example.org fail keysize", list[1])
    assert.equal("example.org invalid algorithm", list[4])

    local lax = [[site { dkim_verify_hashes = "sha1 : sha256", dkim_verify_min_keysizes = "rsa=512" }]]
    w = new(lax .. TELL)
    assert.reply(send(w, signed.with(signed.short)), "250")
    assert.reply(send(w, signed.with(signed.sha1)), "250")
    assert.equal("example.org pass nil", said(w)[1])
    assert.equal("example.org pass nil", said(w)[4])

    w = new(lax .. [[
      acl.dkim {
        warn { dkim_status = "pass", condition = function(m)
            return m.dkim_algo:find("rsa") and m.dkim_key_length < 1024 or m.dkim_algo == "rsa-sha1" end,
          logwrite = "NOTE: forcing dkim verify fail (was pass)",
          set = { dkim_verify_status = "fail", dkim_verify_reason = "hash too weak" } } }
      acl.data { deny { dkim_status = "fail", message = "550 5.7.1 weak signature" } }
    ]])
    assert.reply(send(w, signed.with(signed.short)), "550 5.7.1 weak signature")
    assert.reply(send(w, signed.with(signed.sha1)), "550 5.7.1 weak signature")
    assert.equal(4, #lines(w, "NOTE: forcing"))
  end)

  it("DKV-T8 refuses the message if the ACL does, before mime and data are asked", function()
    local w = new [[
      acl.dkim { deny { dkim_status = "fail", message = "550 5.7.1 " .. "not signed as it says" } }
      acl.data(function() logwrite("SAID data") end)
    ]]
    assert.reply(send(w, signed.with(signed.broken(signed.org))), "550 5.7.1 not signed as it says")
    assert.same({}, said(w))
    assert.same({}, w:queue())
    assert.reply(send(w, signed.with(signed.org)), "250")
    assert.same({ "data" }, said(w))
  end)

  it("CT-T4 ends a message that goes on while it comes in before its dot", function()
    local w = world.new { zone = signed.zone .. "there.example. MX 10 mx.there.example.\nmx.there.example. A 192.0.2.1\n", now = "2021-01-01T00:00:00Z", lua = [[
      site { primary_hostname = "mx.example.org", qualify_domain = "example.org" }
      router.dns { driver = "dnslookup", transport = "remote" }
      transport.remote { driver = "smtp" }
      acl.rcpt { accept { control = "cutthrough_delivery" } }
      acl.dkim { deny { dkim_status = "fail", message = "550 5.7.1 not signed as it says" } }
    ]] }
    w:peer "192.0.2.1"
    local forged = "Authentication-Results: mx.example.org; dkim=pass\n"
    local s = w:session {}
    s:mail "a@there.example"
    s:rcpt "b@there.example"
    s:say "DATA"
    s:send(((forged .. signed.with(signed.broken(signed.org))):gsub("\n", "\r\n")))
    assert.truthy(w:heard("192.0.2.1"):find("Is dinner ready", 1, true))
    s:send ".\r\n"
    assert.reply(s:reply(), "550 5.7.1")
    local heard = w:heard "192.0.2.1"
    assert.falsy(heard:find("\r\n.\r\n", 1, true))
    assert.falsy(heard:find("Authentication-Results", 1, true))
    assert.reply(w:send { from = "a@there.example", to = "b@there.example", text = signed.with(signed.org) }, "250")
    assert.truthy(w:logged ">> b@there.example")
  end)

  it("tells of signatures in the JSON log", function()
    local w = new [[site { log_json = true } acl.data(function() verify.arc() end)]]
    assert.reply(send(w, signed.with(signed.org)), "250")
    local line = table.concat(w:log "json", "\n")
    assert.truthy(line:find('"dkim":"example.org","arc":"none"', 1, true), line)
  end)

  it("shows all that a signature and its key say", function()
    local w = new [[
      acl.dkim(function(m)
        if m.dkim_cur_signer:find("@") then return end
        logwrite("SAID " .. table.concat({ m.dkim_domain, m.dkim_selector, m.dkim_identity, m.dkim_algo, m.dkim_canon_headers,
          m.dkim_canon_body, m.dkim_bodylength, m.dkim_created, m.dkim_expires, tostring(m.dkim_headernames), m.dkim_key_length,
          m.dkim_key_granularity, m.dkim_key_srvtype, tostring(m.dkim_key_testing), tostring(m.dkim_key_nosubdomains),
          tostring(m.dkim_key_notes), tostring(m.dkim_copiedheaders), tostring(m.dkim_verify_signers) }, " "))
      end)
    ]]
    assert.reply(send(w, signed.with(signed.length)), "250")
    assert.same({ "example.org s1 @example.org rsa-sha256 relaxed relaxed 54 1600000000 9999999999999 from:to:subject:date 1024"
      .. " * * false false nil nil example.org:@example.org" }, said(w))
  end)

  it("passes a signature of part of the body, and says that what follows is nobody's", function()
    local w = new()
    assert.reply(send(w, signed.with(signed.length) .. "Buy here!\n"), "250")
    assert.equal("example.org pass bodylength", said(w)[1])
  end)

  it("looks at as many signatures as the site wants, from the top", function()
    local many = {}
    for i = 1, 9 do many[i] = signed.broken(signed.b_rsa) end
    many[10] = signed.org
    local w = new()
    assert.reply(send(w, signed.with(unpack(many))), "250")
    assert.falsy(arrival(w):find("DKIM=", 1, true))
    w = new [[site { dkim_verify_signatures_max = 20 }]]
    assert.reply(send(w, signed.with(unpack(many))), "250")
    assert.truthy(arrival(w):find("DKIM=example.org", 1, true))
  end)

  it("stops at the first that passes if that is enough", function()
    local w = new(TELL .. [[site { dkim_verify_minimal = true, dkim_verify_signers = { "a.test", "b.test" } }]])
    assert.reply(send(w, signed.with(signed.a_rsa, signed.broken(signed.b_rsa))), "250")
    assert.equal("all pass:none by a.test:@a.test:b.test:@b.test", said(w)[3])
  end)

  it("judges a message without a body, and what rules rewrite as it came", function()
    local w = new(TELL .. [[rewrite.rule { "*@example.org", "$1@elsewhere.test", flags = "f" }]])
    assert.reply(send(w, signed.with(signed.org)), "250")
    assert.equal("example.org pass nil", said(w)[1])
  end)
end)
