local world = require "spec.lua.support"

local function rcpt(rules, facts)
  local w = world.rules(rules)
  return { w:acl("rcpt", facts or {}) }, w
end

-- verb and message of an rcpt ACL.
local function verdict(rules, facts)
  local answer = rcpt(rules, facts)
  return answer[1], answer[2]
end

describe("acl", function()
  it("ends with the phase's default when nothing answers (design 4.2)", function()
    local w = world.rules [[
      for _, phase in ipairs { "connect", "helo", "mail", "rcpt", "predata", "data", "vrfy", "expn", "etrn", "not_smtp", "quit" } do
        acl[phase] { warn { logwrite = "seen" } }
      end]]
    for phase, want in pairs { connect = "accept", helo = "accept", mail = "accept", rcpt = "deny", predata = "accept", data = "accept",
                               vrfy = "deny", expn = "deny", etrn = "deny", not_smtp = "accept", quit = "accept", starttls = "accept" } do
      local verb, message, _, by_default = w:acl(phase)
      assert.equal(want, verb, phase)
      assert.is_nil(message)
      assert.is_true(by_default, phase)
    end
    assert.truthy(w.entry.acls().rcpt)
    assert.is_nil(w.entry.acls().starttls)
  end)

  it("takes the first statement that answers, over several files in order (F44, ACL-T1)", function()
    local w = world.rules {
      ["20.lua"] = [[ acl.rcpt { accept {} } ]],
      ["10.lua"] = [[
        hostlist.relay_from = "10.0.0.0/8"
        domainlist.local_domains = "example.org"
        -- a comment inside a statement, and a statement over several lines (ACL-T2, ACL-T3)
        acl.rcpt {
          accept { authenticated = "*", control = "submission" },
          accept { -- relays
            hosts = "+relay_from" },
          deny   { domains = "! +local_domains",
                   message = "550 5.7.1 relay not permitted" },
        }
      ]],
    }
    local function ask(facts) return (w:acl("rcpt", facts)) end
    assert.equal("accept", ask { sender_host_address = "10.1.1.1", domain = "x.example" })
    assert.equal("deny", ask { sender_host_address = "192.0.2.1", domain = "x.example" })
    assert.equal("accept", ask { sender_host_address = "192.0.2.1", domain = "example.org" })
    assert.equal("accept", ask { sender_host_address = "192.0.2.1", domain = "x.example", sender_host_authenticated = "plain" })
    assert.is_true(w.did.control.submission)
  end)

  it("negates with not_ and with ! in lists", function()
    assert.equal("deny", (verdict([[acl.rcpt { deny { not_domains = "a.example" }, accept {} }]], { domain = "b.example" })))
    assert.equal("accept", (verdict([[acl.rcpt { deny { not_domains = "a.example" }, accept {} }]], { domain = "a.example" })))
    assert.equal("deny", (verdict([[acl.rcpt { deny { not_authenticated = "*" }, accept {} }]], {})))
    -- both a word and its negation
    assert.equal("deny", (verdict([[acl.rcpt { deny { domains = "*.example", not_domains = "a.example" }, accept {} }]], { domain = "b.example" })))
    -- "not authenticated" is "no", whatever the list says
    assert.equal("accept", (verdict([[acl.rcpt { deny { authenticated = "! plain" }, accept {} }]], {})))
  end)

  it("answers with every verb", function()
    for verb, code in pairs { accept = "250 2", defer = "450 4", deny = "550 5", discard = "250 2", drop = "550 5" } do
      local got, message = verdict(("acl.rcpt { %s { message = '%s.0.0 x' } }"):format(verb, code))
      assert.equal(verb, got)
      assert.equal(code .. ".0.0 x", message)
    end
  end)

  it("demand goes on when its conditions hold, else denies with its message", function()
    local rules = [[acl.rcpt {
      demand { domains = "a.example", set = { acl_m_ok = "yes" }, message = "550 not here", log_message = "nope" }, accept {} }]]
    local answer, w = rcpt(rules, { domain = "a.example" })
    assert.equal("accept", answer[1])
    assert.same({ { "acl_m_ok", "yes" } }, w.did.set)
    answer, w = rcpt(rules, { domain = "b.example" })
    assert.same({ "deny", "550 not here", "nope", false }, answer)
    assert.same({}, w.did.set)
  end)

  it("warn acts, logs once a message, and never answers", function()
    local w = world.rules [[acl.rcpt {
      warn { domains = "a.example", log_message = "odd one", add_header = "X-Odd: yes" },
      warn { domains = "b.example", logwrite = "never" },
      warn { log_message = "odd one" },
      accept {} }]]
    assert.equal("accept", (w:acl("rcpt", { domain = "a.example", sender_fullhost = "x [192.0.2.1]" })))
    assert.same({ "main: H=x [192.0.2.1] Warning: odd one" }, w.did.log)
    assert.same({ "+at_end X-Odd: yes" }, w.did.headers)
  end)

  it("warn passes over what it cannot find out, and says so; a mistake in it is an error", function()
    local w = world.rules([[acl.rcpt { warn { hosts = "slow.example", logwrite = "x" }, accept {} }]], { zone = { ["slow.example"] = "TIMEOUT" } })
    assert.equal("accept", (w:acl("rcpt", { sender_host_address = "192.0.2.1" })))
    assert.truthy(w.did.log[1]:find("skipped", 1, true))
    w = world.rules [[acl.rcpt { warn { condition = function() return nothing.x end }, accept {} }]]
    assert.has_error(function() w:acl("rcpt", {}) end)
  end)

  it("defers when a condition cannot be found out", function()
    local w = world.rules([[acl.rcpt { deny { hosts = "slow.example" }, accept {} }]], { zone = { ["slow.example"] = "TIMEOUT" } })
    local verb, text = w:acl("rcpt", { sender_host_address = "192.0.2.1" })
    assert.equal("again", verb)
    assert.truthy(text:find("slow.example", 1, true))
  end)

  it("tries conditions in the fixed order and stops at the first that fails", function()
    local w = world.rules [[
      acl.sub.inner { warn { logwrite = "inner asked" }, accept {} }
      acl.rcpt { deny { acl = "inner", condition = function(m) m.acl_m_seen = 1 return false end, domains = "a.example" }, accept {} }]]
    w:acl("rcpt", { domain = "b.example" })
    assert.same({}, w.did.set)
    w:acl("rcpt", { domain = "a.example" })
    assert.same({ { "acl_m_seen", 1 } }, w.did.set)
    assert.same({}, w.did.log)
  end)

  it("acts in the fixed order: set, control, queue, headers, logwrite, delay, then the message", function()
    local _, w = rcpt [[acl.rcpt { accept {
      message = function(m) return "250 " .. m.acl_m_x end, logwrite = { "one", ":reject:two" }, set = { acl_m_x = function() return "seen" end },
      control = { "freeze/no_tell", "fakereject/no/thanks", "submission/domain=x.example/sender_retain" }, queue = "bulk",
      add_header = { "A: 1\n B\nC: 2", ":at_start:D: 3" }, remove_header = "X-Old : X-Older", delay = "5s" } }]]
    assert.same({ "+at_end A: 1\n B", "+at_end C: 2", "+at_start D: 3", "-X-Old", "-X-Older" }, w.did.headers)
    assert.same({ "main: one", "reject: two" }, w.did.log)
    assert.equal(5, w.did.slept)
    assert.same({ freeze = true, freeze_no_tell = true, fake_code = 550, fake_reply = "no/thanks", submission = true,
      submission_domain = "x.example", submission_sender_retain = true, queue_name = "bulk" }, w.did.control)
    assert.equal("250 seen", (select(2, w:acl("rcpt", {}))))
  end)

  it("refuses a queue whose name is no name (NQ-T6)", function()
    for _, name in ipairs { "..", "a/b", ".x" } do
      assert.truthy(world.load(("acl.rcpt { accept { queue = %q } }"):format(name)):said():find("queue", 1, true), name)
      local w = world.rules(("acl.rcpt { accept { queue = function() return %q end } }"):format(name))
      assert.has_error(function() w:acl("rcpt", {}) end)
    end
  end)

  it("runs functions: verbs answer, nothing goes on, anything else is an error", function()
    assert.same({ "deny", "550 x" }, { verdict [[acl.rcpt(function(m) return deny("550 x") end)]] })
    assert.same({ "accept" }, { verdict [[acl.rcpt(function() end) acl.rcpt { accept {} }]] })
    local answer, w = rcpt [[acl.rcpt(function(m)
      warn { log_message = "hm", add_header = "A: b" }
      return defer { code = "451 4.7.1", message = "later", log_message = "because", control = "freeze", set = { acl_m_a = 1 } } end)]]
    assert.same({ "defer", "451 4.7.1 later", "because", false }, answer)
    assert.is_true(w.did.control.freeze)
    assert.same({ "+at_end A: b" }, w.did.headers)
    assert.same({ "main: Warning: hm" }, w.did.log)
    for _, bad in ipairs { "return true", "return 'deny'", "return {}", "return deny { hosts = 'x' }", "return demand()", "return fail('x')" } do
      w = world.rules(("acl.rcpt(function() %s end)"):format(bad))
      local ok, err = pcall(w.acl, w, "rcpt", {})
      assert.is_false(ok, bad)
      assert.truthy(tostring(err):find("10.lua:1", 1, true), bad .. ": " .. tostring(err))
    end
  end)

  it("calls ACLs by name with arguments, and brings the caller's back", function()
    local rules = [[
      acl.sub.both { deny { condition = function(m) return m.acl_arg1 ~= "a" or m.acl_narg ~= 2 end, message = "550 inner " }, accept {} }
      acl.sub.outer { demand { acl = "both a b" }, accept { condition = function(m) return m.acl_arg1 == "mine" end } }
      acl.rcpt { accept { acl = "outer mine" } }
      acl.mail { deny { acl = "both x y" }, accept {} }
      acl.helo { demand { acl = "both x y" }, accept {} }
      acl.predata(function(m) return check.acl("both", "a", "b") and accept() or deny("550 no") end)
    ]]
    local w = world.rules(rules)
    assert.equal("accept", (w:acl("rcpt", {})))
    assert.equal("accept", (w:acl("mail", {})))
    assert.same({ "deny", "550 inner " }, { (w:acl("helo", {})), (select(2, w:acl("helo", {}))) })
    assert.equal("accept", (w:acl("predata", {})))
  end)

  it("carries defer, drop and discard of an inner ACL out", function()
    for _, verb in ipairs { "defer", "drop", "discard" } do
      local rules = ("acl.sub.s { %s { message = '450 inner' } } acl.rcpt { accept { acl = 's' }, accept {} }"):format(verb)
      assert.same({ verb, "450 inner" }, { verdict(rules) })
      rules = ("acl.sub.s { %s { message = '450 inner' } } acl.rcpt(function() check.acl('s') return accept() end)"):format(verb)
      assert.same({ verb, "450 inner" }, { verdict(rules) })
      rules = ("acl.sub.s { %s { message = '450 inner' } } acl.rcpt { warn { acl = 's' }, accept {} }"):format(verb)
      assert.equal(verb, (verdict(rules)))
      rules = ("acl.sub.s { %s { message = '450 inner' } } acl.rcpt { accept { acl = function() return 's' end }, accept {} }"):format(verb)
      assert.equal(verb, (verdict(rules)))
    end
    -- the end of an ACL called by name denies
    assert.equal("deny", (verdict [[acl.sub.s { warn {} } acl.rcpt { accept { acl = "s" } }]]))
  end)

  it("stops ACLs that call each other for ever", function()
    local w = world.rules [[acl.sub.a { accept { acl = "a" } } acl.rcpt { accept { acl = "a" } }]]
    local ok, err = pcall(w.acl, w, "rcpt", {})
    assert.is_false(ok)
    assert.truthy(err:find("more than 20 deep", 1, true))
    w = world.rules [[acl.sub.a(function() return check.acl("a") and accept() or nil end) acl.rcpt { accept { acl = "a" } }]]
    assert.is_false((pcall(w.acl, w, "rcpt", {})))
  end)

  it("uses what a failed verification says when the rule has no message", function()
    local rules = [[acl.rcpt { demand { verify = "%s" }, accept {} }]]
    local verb, message = verdict(rules:format "recipient", { local_part = "x", domain = "y.example" })
    assert.same({ "deny", "Unrouteable address" }, { verb, message })
    verb, message = verdict(rules:format "recipient/no_details", { local_part = "x", domain = "y.example" })
    assert.same({ "deny" }, { verb, message })
  end)

  it("keeps what lists found, for the variables about it", function()
    local w = world.rules([[acl.rcpt { accept { domains = "lsearch;/d", local_parts = "ann", senders = "*@b.example", hosts = "10.0.0.0/8" } }]],
      { files = { ["/d"] = "a.example: gold" } })
    w:acl("rcpt", { domain = "a.example", local_part = "ann", sender_address = "x@b.example", sender_host_address = "10.0.0.1" })
    assert.same({ domain_data = "gold", local_part_data = "ann", sender_data = "x@b.example", host_data = "10.0.0.1" }, w.did.facts)
  end)

  it("reads condition as Exim does: empty, 0, no, false; any other word is a mistake", function()
    for value, want in pairs { ["true"] = "deny", yes = "deny", ["1"] = "deny", ["7"] = "deny", no = "accept", ["false"] = "accept", ["0"] = "accept", [""] = "accept" } do
      assert.equal(want, (verdict(("acl.rcpt { deny { condition = function() return %q end }, accept {} }"):format(value))), value)
    end
    local w = world.rules [[acl.rcpt { deny { condition = function() return "maybe" end } }]]
    assert.has_error(function() w:acl("rcpt", {}) end)
  end)

  it("lets a function give a list, or the answer itself", function()
    local rules = [[acl.rcpt { deny { domains = function(m) return m.acl_m_list end }, accept {} }]]
    assert.equal("deny", (verdict(rules, { domain = "a.example", acl_m_list = "*.example" })))
    assert.equal("accept", (verdict(rules, { domain = "a.example", acl_m_list = "! *.example" })))
    assert.equal("deny", (verdict(rules, { domain = "a.example", acl_m_list = true })))
    assert.equal("accept", (verdict(rules, { domain = "a.example" })))
  end)

  it("offers every built condition as check.NAME", function()
    local function asked(code, facts) return (verdict(("acl.rcpt(function(m) return %s and accept() or deny() end)"):format(code), facts)) end
    assert.equal("accept", asked([[check.hosts("10.0.0.0/8")]], { sender_host_address = "10.0.0.1" }))
    assert.equal("accept", asked([[check.hosts("192.0.2.1", "10.0.0.0/8")]], { sender_host_address = "10.0.0.1" }))
    assert.equal("accept", asked([[check.hosts { "192.0.2.1", "10.0.0.0/8" }]], { sender_host_address = "10.0.0.1" }))
    assert.equal("deny", asked([[check.authenticated()]], {}))
    assert.equal("accept", asked([[check.senders(":")]], { sender_address = "" }))
    assert.equal("accept", asked([[check.recipients("ann@*")]], { local_part = "Ann", domain = "x.example" }))
    for _, bad in ipairs { [[check["hots"]("x")]], [[check.spf("fail")]], [[check.domains("+nolist")]] } do
      local w = world.rules(("acl.rcpt(function(m) return %s and accept() or deny() end)"):format(bad))
      assert.has_error(function() w:acl("rcpt", { domain = "x" }) end)
    end
  end)

  it("verifies HELO, the reverse name and header syntax", function()
    local function ok(item, facts, config)
      local w = world.rules(("acl.data { deny { not_verify = %q }, accept {} }"):format(item), config)
      return (w:acl("data", facts))
    end
    local zone = { zone = { ["mx.example"] = { { type = "A", ip = "192.0.2.5" } }, ["slow.example"] = "TIMEOUT" } }
    local function client(helo, name) return { sender_host_address = "192.0.2.5", sender_helo_name = helo, sender_host_name = name } end
    assert.equal("accept", ok("helo", client "mx.example", zone))
    assert.equal("accept", ok("helo", client "[192.0.2.5]", zone))
    assert.equal("accept", ok("helo", client("named.example", "named.example"), zone))
    assert.equal("deny", ok("helo", client "other.example", zone))
    assert.equal("deny", ok("helo", client "[192.0.2.6]", zone))
    assert.equal("again", ok("helo", client "slow.example", zone))
    assert.equal("accept", ok("helo/defer_ok", client "slow.example", zone))
    assert.equal("accept", ok("reverse_host_lookup", client("x", "mx.example"), zone))
    assert.equal("deny", ok("reverse_host_lookup", client "x", zone))
    assert.equal("again", ok("reverse_host_lookup", { sender_host_address = "192.0.2.5", host_lookup_deferred = true }, zone))
    assert.equal("accept", ok("header_syntax", {}))
    assert.equal("deny", ok("header_syntax", { bad_header = "To: no address" }))
  end)

  it("a 20-statement rcpt ACL costs little work", function()
    local statements = {}
    for i = 1, 19 do statements[i] = ("deny { domains = 'd%d.example', hosts = '10.0.0.0/8 : 192.168.%d.0/24' },"):format(i, i) end
    local w = world.rules("acl.rcpt { " .. table.concat(statements, "\n") .. " accept {} }")
    local facts = { domain = "z.example", local_part = "ann", sender_host_address = "10.1.1.1", sender_address = "a@b.example" }
    assert.equal("accept", (w:acl("rcpt", facts)))
    assert.same({}, w.asked)            -- and asks nobody
  end)
end)
