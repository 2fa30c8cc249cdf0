-- SPF: what rules ask of it, and see of it.

local world = require "perigee.world"

local BASE = [[
site { primary_hostname = "mx.example.org", qualify_domain = "example.org", log_selector = "+spf_verbose" }
domainlist.local_domains = { "example.org" }
router.mailboxes { driver = "accept", domains = "+local_domains", transport = "box" }
transport.box { driver = "appendfile", directory = "/tmp/box", maildir_format = true }
acl.not_smtp { accept {} }
]]

local ZONE = [[
ex.test. TXT "v=spf1 ip4:192.0.2.1 ip6:2001:db8::1 -all"
why.test. TXT "v=spf1 ip4:192.0.2.1 -all exp=exp.why.test"
exp.why.test. TXT "%{i} does not send for %{d}"
soft.test. TXT "v=spf1 ip4:192.0.2.1 ~all"
any.test. TXT "v=spf1 ip4:192.0.2.1 ?all"
two.test. TXT "v=spf1 +all"
two.test. TXT "v=spf1 -all"
bad.test. TXT "v=spf1 moo -all"
down.test. SERVFAIL
guess.test. A 192.0.2.77
neutral.test. TXT "v=spf1 ?all"
neutral.test. A 192.0.2.77
many.test. TXT "v=spf1 a a a a a a a a a a a +all"
many.test. A 198.51.100.1
void.test. TXT "v=spf1 a:a.void.test a:b.void.test a:c.void.test +all"
helo.test. TXT "v=spf1 ip4:192.0.2.1 -all"
]]

local function new(rules) return world.new { lua = BASE .. rules, zone = ZONE, deliver = true } end

-- The answer to RCPT.
local function ask(w, from, client, helo)
  local s = w:session { client = client or "192.0.2.9", helo = helo }
  local r = s:mail(from)
  if r.code == 250 then r = s:rcpt "b@example.org" end
  s:close()
  return r
end

local SHOW = 'acl.rcpt { warn { spf = "*" }, accept { message = function(m) return "250 2.1.5 " .. m.%s end } }'
local function result(from, client, helo)
  return (tostring(ask(new(SHOW:format "spf_result"), from, client, helo)):match "^250 2.1.5 (%a+)")
end

describe("spf", function()
  it("passes the hosts a record names and refuses others with the sample text (SPF-T1)", function()
    local w = new [[acl.rcpt { deny { spf = "fail", message = function(m)
      return "550 5.7.23 " .. m.sender_host_address .. " is not allowed to send mail from " .. m.spf_used_domain .. ". " .. m.spf_smtp_comment end }, accept {} }]]
    assert.reply(ask(w, "a@ex.test", "192.0.2.1"), "250")
    assert.reply(ask(w, "a@ex.test", "2001:db8::1"), "250")
    assert.reply(ask(w, "a@ex.test", "192.0.2.2"),
      "550 5.7.23 192.0.2.2 is not allowed to send mail from ex.test. Please see http://www.open-spf.org/Why")
    assert.reply(ask(w, "a@why.test", "192.0.2.2"),
      "550 5.7.23 192.0.2.2 is not allowed to send mail from why.test. 192.0.2.2 does not send for why.test")
  end)

  it("has a word for everything a record or its absence can mean (SPF-T2)", function()
    for from, word in pairs { ["a@soft.test"] = "softfail", ["a@any.test"] = "neutral", ["a@nothing.test"] = "none",
                              ["a@two.test"] = "permerror", ["a@bad.test"] = "permerror", ["a@down.test"] = "temperror" } do
      assert.equal(word, result(from))
    end
  end)

  it("takes the list from left to right, and ! for any other result (SPF-T3)", function()
    local w = new [[acl.rcpt { deny { spf = "fail", message = "550 5.7.1 yes" }, accept { spf = "!fail", message = "250 2.1.5 other" },
      deny { message = "550 5.7.1 neither" } }]]
    assert.reply(ask(w, "a@ex.test"), "550 5.7.1 yes")
    for _, from in ipairs { "a@soft.test", "a@any.test", "a@nothing.test", "a@two.test", "a@down.test" } do
      assert.reply(ask(w, from), "250 2.1.5 other")
    end
    assert.reply(ask(w, "a@ex.test", "192.0.2.1"), "250 2.1.5 other")
    w = new 'acl.rcpt { accept { spf = "!softfail : softfail : neutral", message = "250 2.1.5 in" }, accept { message = "250 2.1.5 out" } }'
    assert.reply(ask(w, "a@soft.test"), "250 2.1.5 out")
    assert.reply(ask(w, "a@any.test"), "250 2.1.5 in")
  end)

  it("reads the old words err_temp and err_perm as temperror and permerror (SPF-T4)", function()
    local w = new [[acl.rcpt { defer { spf = "err_temp", message = "450 4.7.1 later" }, deny { spf = "err_perm", message = "550 5.7.1 broken" },
      accept {} }]]
    assert.reply(ask(w, "a@down.test"), "450 4.7.1 later")
    assert.reply(ask(w, "a@two.test"), "550 5.7.1 broken")
    assert.reply(ask(w, "a@soft.test"), "250")
  end)

  it("judges HELO's name for the empty sender (SPF-T5)", function()
    assert.equal("pass", result("", "192.0.2.1", "helo.test"))
    assert.equal("fail", result("", "192.0.2.2", "helo.test"))
    local w = new(SHOW:format "spf_received")
    local said = tostring(ask(w, "", "192.0.2.2", "helo.test"))
    for _, part in ipairs { "Received-SPF: fail (mx.example.org: domain of helo.test does not designate 192.0.2.2 as permitted sender)",
                            "client-ip=192.0.2.2;", "helo=helo.test;", "identity=helo" } do
      assert.truthy(said:find(part, 1, true), said)
    end
  end)

  it("counts ten terms that ask, and two that ask in vain (SPF-T8)", function()
    assert.equal("permerror", result "a@many.test")
    assert.equal("permerror", result "a@void.test")
  end)

  it("puts its field above the others (SPF-T9)", function()
    local w = new 'acl.rcpt { accept { spf = "pass", add_header = function(m) return ":at_start:" .. m.spf_received end } }'
    assert.reply(w:send { from = "a@ex.test", to = "b@example.org", client = "192.0.2.1" }, "250")
    local text = w:deliveries()[1].message
    local at, received = text:find("Received-SPF: pass (mx.example.org: domain of ex.test designates", 1, true), text:find("Received: from", 1, true)
    assert.truthy(at and received and at < received, text)
    assert.logged(w, "SPF=pass")
  end)

  it("may be asked of some recipients only, once a message and always with the same answer (SPF-02)", function()
    local w = new [[acl.rcpt { accept { local_parts = "out" }, deny { spf = "fail" }, accept {} }]]
    local s = w:session { client = "192.0.2.9" }
    s:mail "a@ex.test"
    assert.reply(s:rcpt "out@example.org", "250")
    assert.reply(s:rcpt "b@example.org", "550")
    assert.reply(s:rcpt "c@example.org", "550")
  end)

  it("has no variables before it was asked (SPF-04)", function()
    local w = new 'acl.rcpt { accept { message = function(m) return "250 2.1.5 " .. tostring(m.spf_result) .. tostring(m.spf_received) end } }'
    assert.reply(ask(w, "a@ex.test"), "250 2.1.5 nilnil")
  end)

  it("says where a word is none of its results, and in which phases it may stand", function()
    local ok, why = world.load { lua = BASE .. 'acl.rcpt { deny { spf = "fial" } }' }
    assert.is_nil(ok)
    assert.truthy(why:find('"fial" is no result of spf, did you mean fail', 1, true) or why:find('"fial" is no result of spf', 1, true), why)
    ok, why = world.load { lua = BASE .. 'acl.helo { deny { spf = "fail" } }' }
    assert.is_nil(ok)
    assert.truthy(why:find("spf", 1, true), why)
  end)

  it("takes a list that a function gives, and check.spf in a function", function()
    local w = new [[acl.rcpt(function(m)
      if check.spf "fail : softfail" then return deny("550 5.7.23 " .. m.spf_header_comment) end
      return accept() end)]]
    assert.reply(ask(w, "a@soft.test"), "550 5.7.23 mx.example.org: transitioning domain of soft.test does not designate 192.0.2.9")
    w = new 'acl.rcpt { deny { spf = function(m) return "err_perm:softfail" end }, accept {} }'
    assert.reply(ask(w, "a@soft.test"), "550")
    assert.reply(ask(w, "a@two.test"), "550")
    assert.reply(ask(w, "a@any.test"), "250")
  end)

  it("has a text of the site's own, with macros, where the domain explains nothing", function()
    local w = new('site { spf_smtp_comment_template = "%{s}%_may%_not%_come%_from%_%{i}%_to%_%{r}" } ' .. SHOW:format "spf_smtp_comment")
    assert.reply(ask(w, "a@ex.test"), "250 2.1.5 a@ex.test may not come from 192.0.2.9 to mx.example.org")
  end)
end)

describe("spf_guess", function()
  it("judges a domain without a record by the one that is guessed (SPF-T6)", function()
    local w = new [[acl.rcpt { deny { spf_guess = "!pass", message = function(m) return "550 5.7.1 " .. m.spf_result end },
      accept { message = function(m) return "250 2.1.5 " .. tostring(m.spf_result_guessed) .. " " .. m.spf_received end } }]]
    assert.reply(ask(w, "a@guess.test", "192.0.2.9"), "250 2.1.5 true X-SPF-Guess: pass (")
    assert.reply(ask(w, "a@guess.test", "198.51.100.1"), "550 5.7.1 neutral")
  end)

  it("does not guess where there is a record (SPF-T10)", function()
    local w = new [[acl.rcpt { accept { spf_guess = "neutral", message = function(m) return "250 2.1.5 " .. tostring(m.spf_result_guessed) end },
      deny {} }]]
    assert.reply(ask(w, "a@neutral.test", "192.0.2.77"), "250 2.1.5 false")
    w = new [[acl.rcpt { warn { spf_guess = "*" }, accept { message = function(m) return "250 2.1.5 " .. tostring(m.spf_result_guessed) end } }]]
    assert.reply(ask(w, "a@guess.test", "192.0.2.77"), "250 2.1.5 true")
    assert.reply(ask(w, "a@ex.test"), "250 2.1.5 false")
  end)

  it("leaves spf as it is, whichever is asked first, and follows the option (SPF-06)", function()
    local w = new [[site { spf_guess = "v=spf1 a/16 ?all" }
      acl.rcpt { deny { spf = "!none" }, deny { spf_guess = "!pass" }, deny { spf = "!none" },
      accept { message = function(m) return "250 2.1.5 " .. m.spf_guess end } }]]
    assert.reply(ask(w, "a@guess.test", "192.0.9.9"), "250 2.1.5 v=spf1 a/16 ?all")
  end)
end)

describe("lookup.spf", function()
  it("judges any address for any host, of both families (SPF-T7)", function()
    local w = new ""
    assert.truthy(w:eval('lookup.spf("192.0.2.1", "u@ex.test")'):find('pass', 1, true))
    assert.truthy(w:eval('lookup.spf("u@ex.test", "192.0.2.1")'):find('pass', 1, true))
    assert.truthy(w:eval('lookup.spf("2001:db8::1", "u@ex.test")'):find('pass', 1, true))
    assert.truthy(w:eval('lookup.spf("::ffff:192.0.2.9", "u@ex.test")'):find('fail', 1, true))
    assert.truthy(w:eval('lookup.spf("192.0.2.1", "u@down.test")'):find('temperror', 1, true))
    assert.truthy(w:eval('list.match_address("u@ex.test", { lookup.table.spf("192.0.2.1") })'):find("true", 1, true))
    assert.truthy(w:eval('list.match_address("u@ex.test", "spf;192.0.2.9")'):find("false", 1, true))
    local value, why = w:eval 'lookup.spf("192.0.2", "u@ex.test")'
    assert.is_nil(value)
    assert.truthy(why:find("invalid IP address '192.0.2'", 1, true), why)
  end)
end)

describe("spf_engine", function()
  local function word(engine, from, client)
    local w = new('site { spf_engine = "' .. engine .. '" } ' .. SHOW:format "spf_result")
    return tostring(ask(w, from, client)):match "^250 2.1.5 (%a+)", w
  end

  it("libspf2 judges in its own process, by what our resolver says", function()
    assert.equal("pass", (word("libspf2", "a@ex.test", "192.0.2.1")))
    assert.equal("pass", (word("libspf2", "a@ex.test", "2001:db8::1")))
    assert.equal("fail", (word("libspf2", "a@ex.test", "192.0.2.9")))
    assert.equal("softfail", (word("libspf2", "a@soft.test")))
    assert.equal("none", (word("libspf2", "a@nothing.test")))
    assert.equal("temperror", (word("libspf2", "a@down.test")))
    local w = new('site { spf_engine = "libspf2" } ' .. SHOW:format "spf_smtp_comment")
    assert.reply(ask(w, "a@ex.test"), "250 2.1.5 Please see http://www.open-spf.org/Why")
  end)

  it("compare goes by our own and says where they differ", function()
    local found, w = word("compare", "a@void.test")
    assert.equal("permerror", found)
    assert.logged(w, "SPF engines differ: native permerror, libspf2 pass, for void.test from 192.0.2.9")
    found, w = word("compare", "a@ex.test", "192.0.2.1")
    assert.equal("pass", found)
    assert.is_nil((w:logged "SPF engines differ"))
  end)
end)
