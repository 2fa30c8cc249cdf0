local world = require "spec.lua.support"

-- Evaluates an expression in a rule's environment.
local function eval(code, config, facts)
  local w = world.rules("", config)
  return w:ask("rcpt", facts or {}, function(m) return w.entry.expr(code, m) end)
end

describe("library", function()
  it("dns: answers, nothing, and cannot tell", function()
    local zone = { ["a.test"] = { { type = "A", ip = "192.0.2.1" }, { type = "MX", preference = 20, target = "b.test" }, { type = "MX", preference = 10, target = "c.test" },
      { type = "TXT", text = "v=x" } }, ["slow.test"] = "TIMEOUT", ["1.2.0.192.in-addr.arpa"] = { { type = "PTR", target = "a.test" } } }
    local config = { zone = zone, names = { ["192.0.2.1"] = "a.test" } }
    assert.same({ "192.0.2.1" }, eval([[dns.a "a.test"]], config))
    assert.same({ { preference = 10, name = "c.test" }, { preference = 20, name = "b.test" } }, eval([[dns.mx "a.test"]], config))
    assert.same({ "v=x" }, eval([[dns.txt "a.test"]], config))
    assert.same({ "a.test" }, eval([[dns.ptr "192.0.2.1"]], config))
    assert.equal("a.test", eval([[dns.reverse "192.0.2.1"]], config))
    assert.is_nil(eval([[dns.a "none.test"]], config))
    assert.equal("again", eval([[dns.a "slow.test"]], config))
    local value, why = eval([[dns.try.a "slow.test"]], config)
    assert.is_nil(value)
    assert.equal("again", why.kind)
    value, why = eval([[dns.try.a "none.test"]], config)
    assert.is_nil(value)
    assert.equal("none", why.kind)
  end)

  it("lookup.lsearch: value, nothing, and cannot tell", function()
    local config = { files = { ["/f"] = "a: 1\nb 2" } }
    assert.equal("1", eval([[lookup.lsearch("/f", "A")]], config))
    assert.is_nil(eval([[lookup.lsearch("/f", "c")]], config))
    assert.equal("again", eval([[lookup.lsearch("/g", "c")]], config))
    local _, why = eval([[lookup.try.lsearch("/g", "c")]], config)
    assert.equal("again", why.kind)
    assert.has_error(function() eval([[lookup.pgsql("x")]], config) end)
  end)

  it("store keeps types, counts, and forgets", function()
    local w = world.rules ""
    local function x(code) return w:ask("rcpt", {}, function(m) return w.entry.expr(code, m) end) end
    for _, value in ipairs { [["text"]], [["12"]], "12", "-3", "1.5", "true", "false", [[""]] } do
      x(("store.put('s', 'k', %s, '1d')"):format(value))
      assert.equal(loadstring("return " .. value)(), x "store.get('s', 'k')", value)
    end
    x "store.del('s', 'k')"
    assert.is_nil(x "store.get('s', 'k')")
    assert.equal(1, x "store.incr('s', 'n', '1h')")
    assert.equal(3, x "store.incr('s', 'n', '1h', 2)")
    assert.equal(3, x "store.get('s', 'n')")
    x(("store.put('s', ('k'):rep(5000), 1)"))
    assert.equal(1, x "store.get('s', ('k'):rep(5000))")
    for _, bad in ipairs { "store.put('s', 'k', {})", "store.put('s', 'k', 1, 'soon')", "store.get('', 'k')", "store.get('s')" } do
      assert.has_error(function() x(bad) end, nil, bad)
    end
  end)

  it("path takes safe components only (R7.3)", function()
    assert.equal("/var/mail/./example.org/ann", eval [[path("/var/mail/", "example.org", "ann")]])
    for _, bad in ipairs { [[path("/var/mail", "..")]], [[path("/var/mail", "a/b")]], [[path("/var/mail", "")]], [[path("/var/mail", ".x")]],
                           [[path("/var/mail", "-x")]], [[path("/var/mail", "a\0b")]], [[path("var", "x")]], [[path("/var/../etc", "x")]], [[path("/var")]],
                           [[path("/var", nil)]] } do
      assert.has_error(function() eval(bad) end, nil, bad)
    end
  end)

  it("secret.file is read at load", function()
    local w = world.load([[local s = secret.file "/s" acl.rcpt(function() return deny(s) end)]], { files = { ["/s"] = "hush\n" } })
    assert.equal("hush", (select(2, w:acl("rcpt", {}))))
    assert.truthy(world.load([[local s = secret.file "/none"]]):said():find("10.lua:1: /none: no such file", 1, true))
  end)

  it("address, ip, list, hash and regex", function()
    assert.same({ local_part = "ann", domain = "example.org" }, eval [[address.parse "ann@example.org"]])
    local value, why = eval [[address.parse "ann@"]]
    assert.is_nil(value)
    assert.is_string(why)
    assert.has_error(function() eval "address.parse(5)" end)
    for _, row in ipairs {
      { [[ip.is "192.0.2.1"]], true }, { [[ip.is_v4 "256.1.1.1"]], false }, { [[ip.is_v4 "1.2.3"]], false }, { [[ip.is_v6 "::1"]], true }, { [[ip.is_v6 "1::2::3"]], false },
      { [[ip.within("10.1.1.1", "10.0.0.0/8")]], true }, { [[ip.within("2001:db8::1", "2001:db8::/32")]], true }, { [[ip.within("10.1.1.1", "::/0")]], false },
      { [[ip.mask("192.0.2.77", 24)]], "192.0.2.0" }, { [[ip.reverse "192.0.2.1"]], "1.2.0.192.in-addr.arpa" }, { [[ip.canonical "2001:DB8:0:0:0:0:0:1"]], "2001:db8::1" },
      { [[list.join({ "a", "b" }, ", ")]], "a, b" }, { [[list.has("a:b", "b")]], true }, { [[hash.sha256 "x"]], "sha256:x" },
    } do
      assert.equal(row[2], (eval(row[1])), row[1])
    end
    assert.same({ "a", "c" }, eval [[list.filter("a:b:c", function(x) return x ~= "b" end)]])
    assert.same({ "A", "B" }, eval [[list.map({ "a", "b" }, string.upper)]])
    assert.equal("12", eval [[regex.match("ab12", "([0-9]+)")[1] ]])
    assert.is_nil(eval [[regex.match("ab", "[0-9]")]])
    assert.has_error(function() eval [[regex.match("ab", "(")]] end)
  end)

  it("cannot be changed by rules, and names what was meant", function()
    for _, code in ipairs { [[dns.mx2 "x"]], "store.gett('a', 'b')", "(function() dns.a = 1 end)()", "header.ad('x')" } do
      assert.has_error(function() eval(code) end, nil, code)
    end
    assert.truthy(world.load("check.hosts = 1"):said():find("cannot be changed", 1, true))
  end)

  it("edits headers, writes logs, sets controls, sleeps", function()
    local w = world.rules [[acl.data(function(m)
      header.add("X-A: 1", "at_start") header.add("B: 1\n 2") header.remove("X-Old") logwrite(":panic:odd") logwrite("plain")
      control.freeze("no_tell") sleep("2s") return accept() end)]]
    assert.equal("accept", (w:acl("data", {})))
    assert.same({ "+at_start X-A: 1", "+at_end B: 1\n 2", "-X-Old" }, w.did.headers)
    assert.same({ "panic: odd", "main: plain" }, w.did.log)
    assert.is_true(w.did.control.freeze_no_tell)
    assert.equal(2, w.did.slept)
    for _, bad in ipairs { [[header.add("no header")]], [[header.add("A: b", "somewhere")]], [[header.add("B: 1\nC: 2")]], [[control["freez"]()]], [[control.freeze("loudly")]], [[sleep("long")]] } do
      w = world.rules(("acl.data(function(m) %s end)"):format(bad))
      assert.has_error(function() w:acl("data", {}) end, nil, bad)
    end
  end)

  it("refuses a control in a phase where it means nothing", function()
    local w = world.rules [[acl.connect(function(m) control.freeze() end)]]
    assert.has_error(function() w:acl("connect", {}) end)
  end)

  it("asks options: constants, functions, lists", function()
    local w = world.rules [[site { smtp_banner = function(m) return m.acl_c_x end, host_lookup = { "10.0.0.0/8" }, hold_domains = function(m) return "a.test : b.test" end,
      recipients_max = function(m) return "7" end }]]
    local function opt(name, facts) return w:ask("connect", facts or {}, function(m) return w.entry.option(name, m) end) end
    local function match(name, subject) return w:ask("connect", {}, function(m) return w.entry.match(name, m, subject) end) end
    assert.equal("hello", opt("smtp_banner", { acl_c_x = "hello" }))
    assert.is_nil(opt "smtp_banner")
    assert.equal(50 * 1024 * 1024, opt "message_size_limit")
    assert.is_true(match("host_lookup", "10.1.1.1"))
    assert.is_false(match("host_lookup", "11.1.1.1"))
    assert.is_true(match("hold_domains", "B.test"))
    assert.is_true(match("hosts_require_helo", "192.0.2.1"))
    assert.is_false(match("host_reject_connection", "192.0.2.1"))
  end)
end)

describe("retry", function()
  local function found(rules, address, host, err, facts)
    local w = world.rules(rules)
    return w:ask("transport", facts or { sender_address = "s@x.test" }, function(m) return w.entry.retry(m, address, host, err) end)
  end

  it("reads F, G and H", function()
    assert.same({ { letter = "F", cutoff = 7200, interval = 900 }, { letter = "G", cutoff = 57600, interval = 3600, factor = 1.5 },
      { letter = "H", cutoff = 345600, interval = 21600, factor = 2 } }, found([[retry.rule { "*", "*", "F,2h,15m; G,16h,1h,1.5; H,4d,6h,2" }]], "a@b.test", "", "*"))
    assert.same({}, found([[retry.rule { "*", "*", "" }]], "a@b.test", "", "*"))
  end)

  it("finds the first rule that fits address or host, error and sender", function()
    local rules = [[
      retry.rule { "quota.test", "quota_7d", "F,1d,1h" }
      retry.rule { "*@slow.test", "*", "F,2d,1h" }
      retry.rule { "mx.host.test", "timeout", "F,3d,1h" }
      retry.rule { "*", "rcpt_45x", "F,4d,1h" }
      retry.rule { "*", "*", "F,5d,1h", senders = ":" }
      retry.rule { "*.known.test", "refused_A", "F,6d,1h" }]]
    local function days(...)
      local steps = found(rules, ...)
      return steps and steps[1].cutoff / 86400
    end
    assert.equal(1, days("x@quota.test", "", "quota_7d"))
    assert.is_nil(days("x@quota.test", "", "quota"))
    assert.equal(2, days("x@slow.test", "h.test", "*"))
    assert.equal(3, days("x@y.test", "mx.host.test", "timeout_connect"))
    assert.is_nil(days("x@y.test", "mx.other.test", "timeout_connect"))
    assert.equal(4, days("x@y.test", "", "rcpt_452"))
    assert.is_nil(days("x@y.test", "", "rcpt_421"))
    assert.equal(5, days("x@y.test", "", "*", { sender_address = "" }))
    assert.equal(6, days("x@a.known.test", "", "refused_A"))
  end)

  it("tries for four days when there is no rule at all", function()
    local steps = found("", "a@b.test", "", "*")
    assert.equal(4 * 86400, steps[#steps].cutoff)
  end)

  it("refuses schedules that make no sense", function()
    for schedule, text in pairs { ["F,2h"] = "LETTER,until,interval", ["X,1h,1m"] = "begins with F", ["G,2h,1m"] = "needs a factor", ["F,2h,1h; F,1h,1m"] = "must grow",
                                  ["F,1h,0s"] = "LETTER,until,interval", ["G,2h,1m,0.5"] = "at least 1", ["F,1h,1m,2"] = "two times" } do
      local said = world.load(("retry.rule { '*', '*', %q }"):format(schedule)):said()
      assert.truthy(said:find(text, 1, true), schedule .. ": " .. said)
    end
    assert.truthy(world.load("retry.rule { '*', 'tiemout', 'F,1h,1m' }"):said():find('did you mean "timeout"?', 1, true))
  end)
end)

describe("event", function()
  it("reaches event.on and the action of the transport or the site", function()
    local w = world.rules [[
      site { event_action = function(m) logwrite("main " .. m.event_name) end }
      transport.t { driver = "smtp", event_action = function(m) logwrite("t " .. m.event_name) return m.event_name == "tcp:connect" and "no" or nil end }
      event.on("msg:delivery", function(m) logwrite("on") return "" end)]]
    local function run(name, transport)
      local text = w:ask("event", { event_name = name, transport_name = transport }, function(m) return w.entry.event(name, m) end)
      return text, w.did.log
    end
    assert.is_true(w.entry.has_event("msg:delivery", "t"))
    assert.is_true(w.entry.has_event("msg:complete", ""))
    assert.is_false(w.entry.has_event("smtp:connect", "other"))
    local text, log = run("tcp:connect", "t")
    assert.equal("no", text)
    assert.same({ "main: t tcp:connect" }, log)
    text, log = run("msg:delivery", "t")
    assert.is_nil(text)
    assert.same({ "main: on", "main: t msg:delivery" }, log)
    text, log = run("msg:complete", nil)
    assert.is_nil(text)
    assert.same({ "main: main msg:complete" }, log)
  end)

  it("says which handler failed (EV-T9)", function()
    local w = world.rules [[event.on("msg:delivery", function(m) return {} end)]]
    local ok, err = pcall(w.ask, w, "event", { event_name = "msg:delivery" }, function(m) return w.entry.event("msg:delivery", m) end)
    assert.is_false(ok)
    assert.truthy(err:find("10.lua:1", 1, true))
  end)
end)
