-- DMARC: what rules ask of it, what it writes and what it sends.

local world = require "perigee.world"
local signed = dofile "spec/accept/signed_messages.lua"

local SITE = [[
domainlist.local_domains = { "example.net" } site { primary_hostname = "mx.example.net", qualify_domain = "example.net", auth_cleartext_hosts = "*" }
router.here { driver = "accept", domains = "+local_domains", transport = "box" }
router.away { driver = "manualroute", domains = "! +local_domains", transport = "smtp", route_list = "* 192.0.2.250 byname" }
transport.box { driver = "appendfile", maildir_format = true, directory = "/box" }
transport.smtp { driver = "smtp" }
authenticator.plain { driver = "plaintext", public_name = "PLAIN", server_prompts = ":", server_condition = true }
acl.auth { accept {} }
]]

-- The sample: refuse, mark, and say what was found.
local SAMPLE = [[
acl.rcpt { warn { spf = "*" }, accept {} }
acl.data {
  warn   { dmarc_status = "accept : none : off",
           add_header = function(m) return ":at_start:X-DMARC-Info: message from <" .. m.dmarc_used_domain .. ">, policy=<"
             .. m.dmarc_domain_policy .. ">, status=<" .. m.dmarc_status .. ">" end },
  warn   { dmarc_status = "!accept", logwrite = function(m) return "SAID " .. m.dmarc_status .. " policy=<" .. m.dmarc_domain_policy
             .. "> " .. m.dmarc_ar_header end },
  warn   { dmarc_status = "quarantine", set = { acl_m_quarantine = 1 } },
  deny   { dmarc_status = "reject",
           message = function(m) return "550 5.7.1 Message from " .. m.dmarc_used_domain .. " failed sender's DMARC policy, REJECT" end },
}
]]

local ZONE = signed.zone .. [[
_dmarc.example.org. TXT "v=DMARC1; p=reject"
_dmarc.quarantine.test. TXT "v=DMARC1; p=quarantine; pct=100"
_dmarc.none.test. TXT "v=DMARC1; p=none"
_dmarc.sub.test. TXT "v=DMARC1; p=reject; sp=quarantine"
_dmarc.b.co.uk. TXT "v=DMARC1; p=reject; adkim=s; aspf=r; rua=mailto:a@b.co.uk,mailto:c@b.co.uk"
_dmarc.report.test. TXT "v=DMARC1; p=reject; ruf=mailto:fail@report.test"
_dmarc.foreign.test. TXT "v=DMARC1; p=reject; ruf=mailto:victim@elsewhere.test"
_dmarc.agreed.test. TXT "v=DMARC1; p=reject; ruf=mailto:fail@elsewhere.test"
agreed.test._report._dmarc.elsewhere.test. TXT "v=DMARC1"
_dmarc.slow.test. TIMEOUT
there.test. TXT "v=spf1 ip4:203.0.113.9 -all"
mail.there.test. TXT "v=spf1 ip4:203.0.113.9 -all"
_dmarc.there.test. TXT "v=DMARC1; p=reject"
down.test. SERVFAIL
_dmarc.down.test. TXT "v=DMARC1; p=reject"
]]

local function new(rules, more) return world.new { lua = SITE .. (rules or SAMPLE) .. (more or ""), zone = ZONE, now = "2021-01-01T00:00:00Z" } end
local function text(from) return "From: " .. from .. "\nTo: b@example.net\nSubject: x\nDate: Fri, 1 Jan 2021 00:00:00 +0000\n\nx\n" end
local function send(w, body, from) return w:send { from = from or "a@nowhere.test", to = "b@example.net", text = body } end
local function said(w) return (w:logged "SAID " or ""):match "SAID (.*)$" end
local function count(w, what)
  local n = 0
  for _, line in ipairs(w:log()) do if line:find(what, 1, true) then n = n + 1 end end
  return n
end

describe("dmarc_status", function()
  it("accepts what is signed by the author's domain and refuses what is not, with the domain in the text (DMARC-T1)", function()
    local w = new()
    assert.reply(send(w, signed.with(signed.org)), "250")
    assert.truthy(w:deliveries()[1].message:find("X-DMARC-Info: message from <example.org>, policy=<reject>, status=<accept>", 1, true))
    assert.reply(send(w, text "a@example.org"), "550 5.7.1 Message from example.org failed sender's DMARC policy, REJECT")
    assert.reply(send(w, text "a@there.test", "x@mail.there.test"), "250")
    assert.reply(send(w, text "a@there.test", "x@other.test"), "550")
  end)

  it("asks no more of p=none than to be told, and of quarantine what the rules make of it (DMARC-T2)", function()
    local w = new()
    assert.reply(send(w, text "a@none.test"), "250")
    assert.equal("none policy=<none> Authentication-Results: mx.example.net; dmarc=none header.from=none.test", said(w))
    w = new()
    assert.reply(send(w, text "a@quarantine.test"), "250")
    assert.equal("quarantine policy=<quarantine> Authentication-Results: mx.example.net; dmarc=fail header.from=quarantine.test", said(w))
  end)

  it("knows no record, no answer and no author from each other (DMARC-T3)", function()
    local function status(body)
      local w = new()
      assert.reply(send(w, body), "250")
      return said(w):match "^(%a+ policy=<%a*>)"
    end
    assert.equal("norecord policy=<>", status(text "a@silent.test"))
    assert.equal("temperror policy=<>", status(text "a@slow.test"))
    assert.equal("nofrom policy=<>", status "To: b@example.net\nSubject: x\n\nx\n")
    assert.equal("nofrom policy=<>", status(text "a@example.org, b@none.test"))
    assert.equal("nofrom policy=<>", status(text "friends: a@example.org;"))
  end)

  it("is off where a control said so before the content, by either name (DMARC-T4, DMARC-T10)", function()
    for _, control in ipairs { "dmarc_disable_verify", "dmarc_verify_disable", "dkim_disable_verify" } do
      local w = new('acl.predata { accept { control = "' .. control .. '" } }' .. SAMPLE)
      assert.reply(send(w, text "a@example.org"), "250")
      assert.equal("off policy=<> Authentication-Results: mx.example.net; dmarc=skipped header.from=example.org", said(w))
    end
    for _, control in ipairs { "dmarc_disable_verify", "dmarc_forensic_enable" } do
      local ok, why = world.load { lua = SITE .. 'acl.data { warn { control = "' .. control .. '" } }' }
      assert.is_nil(ok)
      assert.truthy(why:find(control, 1, true), why)
    end
  end)

  it("is not run for a client that logged in (DMARC-T5)", function()
    local w = new()
    local s = w:session {}
    assert.reply(s:say "AUTH PLAIN AGEAYg==", "235")
    s:mail "a@nowhere.test"
    s:rcpt "b@example.net"
    assert.reply(s:data(text "a@example.org"), "250")
    assert.equal("none policy=<> Authentication-Results: mx.example.net; dmarc=skipped header.from=example.org", said(w))
  end)

  it("asks the DNS nothing before a rule asks it (DMARC-T6)", function()
    local w = new "acl.rcpt { accept {} }"
    assert.reply(send(w, text "a@slow.test"), "250")
    assert.equal(0, count(w, "DMARC"))
    assert.equal("2021-01-01T00:00:00", os.date("!%Y-%m-%dT%H:%M:%S", w:now()))
  end)

  it("takes sp for subdomains, and the organisation from the list of public suffixes (DMARC-T9)", function()
    local w = new()
    assert.reply(send(w, text "a@x.sub.test"), "250")
    assert.truthy(said(w):find("quarantine policy=<reject>", 1, true))
    w = new()
    assert.reply(send(w, text "x@a.b.co.uk"), "550 5.7.1 Message from b.co.uk failed")
    w = new(nil, 'site { dmarc_tld_file = "/nowhere/list" }')
    assert.reply(send(w, text "a@example.org"), "250")
    assert.logged(w, "DMARC is off: public suffix list /nowhere/list")
    assert.truthy(said(w):find("none policy=<>", 1, true))
    w = new(nil, 'site { dmarc_tld_file = "" }')
    assert.reply(send(w, text "a@example.org"), "250")
  end)

  it("walks up the names where that is asked for", function()
    local w = new(nil, 'site { dmarc_discovery = "treewalk" }')
    assert.reply(send(w, text "x@a.b.co.uk"), "550 5.7.1 Message from b.co.uk failed")
  end)

  it("never passes what could not be found out, nor refuses it", function()
    local w = new()
    assert.reply(send(w, text "a@down.test", "x@down.test"), "250")
    assert.truthy(said(w):find("^temperror policy=<reject>"))
  end)

  it("writes one line for a message with a record, and none without one (DMARC-T11)", function()
    local w = new()
    send(w, text "a@there.test", "x@mail.there.test")
    assert.logged(w, "DMARC results: spf_domain=mail.there.test dmarc_domain=there.test spf_align=yes dkim_align=no enforcement='Accept'")
    assert.equal(1, count(w, "DMARC results"))
    w = new()
    send(w, text "a@silent.test")
    assert.equal(0, count(w, "DMARC results"))
    w = new(nil, 'site { log_selector = "+dmarc_verbose" }')
    send(w, text "a@none.test")
    assert.logged(w, " DMARC=none ")
  end)

  it("says where a word is none of its statuses, and that it is for the data ACL", function()
    local ok, why = world.load { lua = SITE .. 'acl.data { deny { dmarc_status = "rejct" } }' }
    assert.is_nil(ok)
    assert.truthy(why:find('"rejct" is no result of dmarc_status', 1, true), why)
    ok, why = world.load { lua = SITE .. 'acl.rcpt { deny { dmarc_status = "reject" } }' }
    assert.is_nil(ok)
    assert.truthy(why:find("dmarc_status", 1, true), why)
  end)
end)

describe("the history file", function()
  local function rules_in(dir, code)
    local f = assert(io.open(dir .. "/00-site.lua", "w"))
    f:write(SITE .. code)
    f:close()
    return world.new { rules = dir, zone = ZONE, now = "2021-01-01T00:00:00Z" }
  end

  local function in_folder(fn)
    local p = io.popen "mktemp -d"
    local dir = p:read "*l"
    p:close()
    finally(function() os.execute("rm -rf " .. dir) end)
    fn(dir)
  end
  local function read(path)
    local f = io.open(path)
    local all = f and f:read "*a"
    if f then f:close() end
    return all
  end

  it("gets a block for each message with a record, in opendmarc-import's order (DMARC-T8, DMARC-T11)", function()
    in_folder(function(dir)
      local w = rules_in(dir, SAMPLE .. 'site { dmarc_history_file = "' .. dir .. '/history" }')
      send(w, text "a@silent.test")
      send(w, text "x@a.b.co.uk", "x@b.co.uk")
      local got = read(dir .. "/history"):gsub("^job [%w-]+\n", "job ID\n")
      assert.equal(table.concat({ "job ID", "reporter mx.example.net", "received 1609459200", "ipaddr 203.0.113.9", "from a.b.co.uk", "mfrom b.co.uk",
        "spf 6", "pdomain b.co.uk", "policy 16", "rua mailto:a@b.co.uk", "rua mailto:c@b.co.uk", "pct 100", "adkim 115", "aspf 114", "p 114", "sp 0",
        "align_dkim 5", "align_spf 5", "action 0", "" }, "\n"), got)
      assert.reply(send(w, signed.with(signed.org)), "250")
      got = read(dir .. "/history")
      assert.truthy(got:find("\ndkim example.org 0\npdomain example.org\npolicy 15\nrua -\n", 1, true), got)
      assert.truthy(got:find("\nalign_dkim 4\nalign_spf 5\naction 2\n", 1, true), got)
    end)
  end)

  it("is not there where none is asked for (DMARC-T8)", function()
    in_folder(function(dir)
      send(rules_in(dir, SAMPLE), text "x@a.b.co.uk")
      assert.is_nil(read(dir .. "/history"))
    end)
  end)
end)

describe("failure reports", function()
  local function reports(more, from)
    local w = new((more or "") .. SAMPLE, 'site { dmarc_forensic_sender = "DMARC <dmarc@example.net>" }')
    w:peer "192.0.2.250"
    assert.reply(send(w, text("a@" .. from)), "550")
    local heard = w:heard "192.0.2.250"
    return type(heard) == "string" and heard or "", w
  end
  local ON = 'acl.predata { accept { control = "dmarc_enable_forensic" } } '

  it("go out where the record and the control ask for them (DMARC-T7)", function()
    local heard = reports(ON, "report.test")
    for _, part in ipairs { "MAIL FROM:<dmarc@example.net>", "RCPT TO:<fail@report.test>",
                            "Subject: DMARC Forensic Report for report.test from IP 203.0.113.9", "report-type=feedback-report",
                            "Feedback-Type: auth-failure", "  SPF Alignment: no", "  DMARC Results: Reject", "Reported-Domain: report.test",
                            "From: a@report.test" } do
      assert.truthy(heard:find(part, 1, true), part .. " is not in\n" .. heard)
    end
    assert.equal(1, select(2, heard:gsub("RCPT TO", "")))
    assert.truthy(reports('acl.predata { accept { control = "dmarc_forensic_enable" } } ', "report.test"):find("RCPT TO", 1, true))
  end)

  it("do not go out without the control (DMARC-T7)", function()
    assert.equal("", reports(nil, "report.test"))
  end)

  it("go to another organisation only if it said that it wants them (RFC 7489 section 7.1)", function()
    assert.equal("", reports(ON, "foreign.test"))
    assert.truthy(reports(ON, "agreed.test"):find("RCPT TO:<fail@elsewhere.test>", 1, true))
  end)
end)

describe("dmarc_engine", function()
  it("libopendmarc judges in its own process, with the record we found", function()
    local w = new(nil, 'site { dmarc_engine = "libopendmarc" }')
    assert.reply(send(w, signed.with(signed.org)), "250")
    assert.reply(send(w, text "a@example.org"), "550 5.7.1 Message from example.org failed")
    assert.reply(send(w, text "a@there.test", "x@mail.there.test"), "250")
    assert.reply(send(w, text "a@silent.test"), "250")
  end)

  it("compare goes by our own and says where they differ: strict alignment is relaxed there", function()
    local w = new(nil, 'site { dmarc_engine = "compare" } ', ZONE)
    assert.reply(send(w, text "a@example.org"), "550")
    assert.is_nil((w:logged "DMARC engines differ"))
    w = world.new { lua = SITE .. SAMPLE .. 'site { dmarc_engine = "compare" }', now = "2021-01-01T00:00:00Z",
                    zone = ZONE .. 'www.strict.co.uk. TXT "v=spf1 +all"\n_dmarc.strict.co.uk. TXT "v=DMARC1; p=reject; aspf=s"\n' }
    assert.reply(send(w, text "a@strict.co.uk", "a@www.strict.co.uk"), "550")
    assert.logged(w, "DMARC engines differ: native reject, libopendmarc accept, for strict.co.uk")
  end)
end)
