local world = require "spec.lua.support"

local TRANSPORTS = [[
transport.remote { driver = "smtp" }
transport.alt_smtp { driver = "smtp" }
transport.fixed { driver = "smtp", hosts = "relay.test" }
transport.box { driver = "appendfile", directory = function(m) return path("/var/mail", m.domain, m.local_part) end }
transport.file { driver = "appendfile" }
transport.pipe { driver = "pipe" }
]]

local function a(ip) return { type = ip:find(":") and "AAAA" or "A", ip = ip } end
local function mx(preference, target) return { type = "MX", preference = preference, target = target } end

local ZONE = {
  ["both.test"] = { mx(10, "mx.both.test") }, ["mx.both.test"] = { a "192.0.2.1", a "2001:db8::1" },
  ["two.test"] = { mx(20, "b.two.test"), mx(10, "a.two.test") }, ["a.two.test"] = { a "192.0.2.10" }, ["b.two.test"] = { a "192.0.2.20" },
  ["nomx.test"] = { a "192.0.2.30" }, ["null.test"] = { mx(0, "") }, ["slow.test"] = "TIMEOUT",
  ["mail.me.test"] = { a "10.9.9.9" }, ["me.test"] = { mx(10, "mail.me.test") },
  ["backup.test"] = { mx(10, "a.two.test"), mx(20, "mail.me.test"), mx(30, "b.two.test") },
  ["host.test"] = { a "192.0.2.40", a "2001:db8::40" }, ["relay.test"] = { a "192.0.2.50" }, ["loop.test"] = { a "127.0.0.1" },
}

local function load(rules, config)
  config = config or {}
  config.zone, config.local_ips = ZONE, { ["10.9.9.9"] = true }
  return world.rules(TRANSPORTS .. rules, config)
end

local function routed(rules, address, facts, config) return load(rules, config):routed(address or "ann@both.test", facts) end

local DNS = 'router.dns { driver = "dnslookup", transport = "remote" %s }'

describe("routing: dnslookup", function()
  it("tries IPv6 first; ipv4_prefer and ipv4_only change that (RT-T1)", function()
    assert.equal("to ann@both.test R=dns T=remote 2001:db8::1,192.0.2.1", routed(DNS:format ""))
    assert.equal("to ann@both.test R=dns T=remote 192.0.2.1,2001:db8::1", routed(DNS:format ', ipv4_prefer = "yes"'))
    assert.equal("to ann@both.test R=dns T=remote 192.0.2.1", routed(DNS:format ', ipv4_only = true'))
    local w = load(DNS:format ', ipv4_only = true')
    w:routed "ann@both.test"
    for _, asked in ipairs(w.asked) do assert.is_nil(asked:find("AAAA", 1, true), asked) end
  end)

  it("takes NO, 0, False and a function's nothing as off, any other text as on (RT-T2)", function()
    for value, on in pairs { ['"NO"'] = false, ['"0"'] = false, ['"False"'] = false, ["function() end"] = false, ['"maybe"'] = true } do
      local want = on and "to ann@both.test R=dns T=remote 192.0.2.1" or "to ann@both.test R=dns T=remote 2001:db8::1,192.0.2.1"
      assert.equal(want, routed(DNS:format(", ipv4_only = " .. value)), value)
    end
  end)

  it("decides by the domain (RT-T6)", function()
    local rules = DNS:format ', ipv4_only = function(m) return m.domain == "both.test" end'
    assert.equal("to ann@both.test R=dns T=remote 192.0.2.1", routed(rules))
    assert.equal("to ann@host.test R=dns T=remote 2001:db8::40,192.0.2.40", routed(rules, "ann@host.test"))
  end)

  it("obeys disable_ipv6 and dns_ipv4_lookup", function()
    assert.equal("to ann@both.test R=dns T=remote 192.0.2.1", routed("site { disable_ipv6 = true }" .. DNS:format ""))
    assert.equal("to ann@both.test R=dns T=remote 192.0.2.1", routed('site { dns_ipv4_lookup = "both.test" }' .. DNS:format ""))
  end)

  it("orders by preference, uses addresses without MX, and knows a null MX (RFC 7505)", function()
    assert.equal("to x@two.test R=dns T=remote 192.0.2.10,192.0.2.20", routed(DNS:format "", "x@two.test"))
    assert.equal("to x@nomx.test R=dns T=remote 192.0.2.30", routed(DNS:format "", "x@nomx.test"))
    assert.truthy(routed(DNS:format "", "x@null.test"):find("^fail x@null.test"))
    assert.equal("unrouteable x@nomx.test (Unrouteable address)", routed(DNS:format ', mx_domains = "*"', "x@nomx.test"))
  end)

  it("defers on a temporary failure, passes or declines if told so", function()
    local more = '\nrouter.last { driver = "accept", transport = "box" }'
    assert.truthy(routed(DNS:format "" .. more, "x@slow.test"):find("^defer x@slow.test R=dns"))
    assert.equal("to x@slow.test R=last T=box", routed(DNS:format ", pass_on_timeout = true" .. more, "x@slow.test"))
    assert.equal("to x@slow.test R=last T=box", routed('site { dns_again_means_nonexist = "slow.test" }' .. DNS:format "" .. more, "x@slow.test"))
    assert.truthy(routed(DNS:format ', fail_defer_domains = "*.gone"' .. more, "x@no.gone"):find("^defer"))
  end)

  it("goes to the next router when all hosts are ignored (RT-T4)", function()
    local rules = DNS:format ', ignore_target_hosts = { "192.0.2.0/24", "2001:db8::/32" }' .. '\nrouter.last { driver = "accept", transport = "box" }'
    assert.equal("to ann@both.test R=last T=box", routed(rules))
    assert.equal("to ann@both.test R=dns T=remote 192.0.2.1", routed(DNS:format ', ignore_target_hosts = { "2001:db8::/32" }'))
  end)

  it("takes extra_local_interfaces for itself", function()
    assert.truthy(routed("site { extra_local_interfaces = '192.0.2.30' }" .. DNS:format "", "x@nomx.test"):find("^freeze"))
  end)

  it("knows itself: freeze, fail, pass, send, reroute; and never goes to a worse MX than itself", function()
    local last = '\nrouter.last { driver = "accept", transport = "box", domains = "me.test : other.test" }'
    assert.truthy(routed(DNS:format "" .. last, "x@me.test"):find("^freeze x@me.test"))
    assert.truthy(routed(DNS:format ', self = "fail"' .. last, "x@me.test"):find("^fail"))
    assert.truthy(routed(DNS:format ', self = "defer"' .. last, "x@me.test"):find("^defer"))
    assert.equal("to x@me.test R=last T=box", routed(DNS:format ', self = "pass"' .. last, "x@me.test"))
    assert.equal("to x@me.test R=dns T=remote 10.9.9.9", routed(DNS:format ', self = "send"' .. last, "x@me.test"))
    assert.equal("to x@other.test R=last T=box", routed(DNS:format ', self = "reroute: other.test"' .. last, "x@me.test"))
    assert.equal("to x@backup.test R=dns T=remote 192.0.2.10", routed(DNS:format "", "x@backup.test"))
  end)
end)

describe("routing: manualroute and ipliteral", function()
  local function manual(options) return ('router.m { driver = "manualroute", transport = "remote", %s }'):format(options) end

  it("reads the words of a rule in any order (RT-T3)", function()
    for _, rule in ipairs {
      "ex.test host.test bydns ipv4_only alt_smtp randomize", "ex.test host.test randomize alt_smtp ipv4_only bydns",
      "ex.test host.test alt_smtp bydns randomize ipv4_only",
    } do
      assert.equal("to x@ex.test R=m T=alt_smtp 192.0.2.40", routed(manual(("route_list = %q"):format(rule)), "x@ex.test"), rule)
    end
    assert.equal("to x@ex.test R=m T=remote 192.0.2.40,2001:db8::40", routed(manual [[route_list = "ex.test host.test ipv4_prefer"]], "x@ex.test"))
  end)

  it("takes the first rule that fits, hosts in a row, ports and addresses", function()
    local rules = manual [[route_list = { "*.a.test relay.test", "!*.b.test \"relay.test : 192.0.2.99::2525\"; * [2001:db8::5]::26" }]]
    assert.equal("to x@y.a.test R=m T=remote 192.0.2.50", routed(rules, "x@y.a.test"))
    assert.equal("to x@c.test R=m T=remote 192.0.2.50,192.0.2.99:2525", routed(rules, "x@c.test"))
    assert.equal("to x@z.b.test R=m T=remote 2001:db8::5:26", routed(rules, "x@z.b.test"))
    assert.equal("to x@y.test R=m T=remote 192.0.2.10,192.0.2.20", routed(manual [[route_list = "* two.test/MX"]], "x@y.test"))
  end)

  it("takes route_data, from a function too; nothing declines", function()
    local rules = manual [[route_data = function(m) return m.domain == "ex.test" and "relay.test alt_smtp" or nil end]]
    assert.equal("to x@ex.test R=m T=alt_smtp 192.0.2.50", routed(rules, "x@ex.test"))
    assert.truthy(routed(rules, "x@other.test"):find("^unrouteable"))
  end)

  it("defers on a temporary DNS error under bydns (RT-T5)", function()
    assert.truthy(routed(manual [[route_list = "* slow.test bydns"]], "x@ex.test"):find("^defer x@ex.test R=m"))
  end)

  it("does what host_find_failed and host_all_ignored say", function()
    local last = '\nrouter.last { driver = "accept", transport = "box" }'
    for action, want in pairs { freeze = "^freeze", defer = "^defer", fail = "^fail", decline = "^to x@ex.test R=last", pass = "^to x@ex.test R=last" } do
      assert.truthy(routed(manual([[route_list = "* nowhere.test", host_find_failed = "]] .. action .. '"') .. last, "x@ex.test"):find(want), action)
    end
    assert.equal("to x@ex.test R=m T=remote 192.0.2.50", routed(manual [[route_list = "* nowhere.test:relay.test", host_find_failed = "ignore"]], "x@ex.test"))
    assert.truthy(routed(manual [[route_list = "* nowhere.test"]], "x@ex.test"):find("^freeze"))
    assert.truthy(routed(manual [[route_list = "* relay.test", ignore_target_hosts = "192.0.2.0/24"]], "x@ex.test"):find("^defer"))
  end)

  it("leaves a local or self-contained transport without hosts", function()
    assert.equal("to x@ex.test R=m T=fixed", routed(manual [[route_list = "* \"\" fixed"]], "x@ex.test"))
    assert.equal("to x@ex.test R=m T=box", routed(manual [[route_list = "* \"\" box"]], "x@ex.test"))
  end)

  it("takes loopback on another port for another server, on ours for ourselves", function()
    local rules = 'site { listen = "127.0.0.1:2525" }' .. manual [[route_list = "* 127.0.0.1::%s"]]
    assert.equal("to x@ex.test R=m T=remote 127.0.0.1:2626", routed(rules:format "2626", "x@ex.test"))
    assert.truthy(routed(rules:format "2525", "x@ex.test"):find("^freeze"))
    assert.truthy(routed(rules:format "25", "x@ex.test"):find("^freeze"))
  end)

  it("routes address literals", function()
    local rules = 'router.lit { driver = "ipliteral", transport = "remote" }'
    assert.equal("to x@[192.0.2.3] R=lit T=remote 192.0.2.3", routed(rules, "x@[192.0.2.3]"))
    assert.equal("to x@[ipv6:2001:db8::3] R=lit T=remote 2001:db8::3", routed(rules, "x@[IPv6:2001:db8::3]"))
    assert.truthy(routed(rules, "x@ex.test"):find("^unrouteable"))
    assert.truthy(routed(rules, "x@[127.0.0.1]"):find("^freeze"))
  end)
end)

describe("routing: preconditions", function()
  local function r(options) return ('router.r { driver = "accept", transport = "box", %s }'):format(options) end
  local function goes(options, address, facts, config)
    return (routed(r(options), address or "ann@ex.test", facts, config):find("^to ")) ~= nil
  end

  it("asks for domains, local_parts, senders, hosts and a condition", function()
    assert.is_true(goes [[domains = "ex.test"]])
    assert.is_false(goes [[domains = "! ex.test"]])
    assert.is_true(goes([[local_parts = "ann : bob"]], "Ann@ex.test"))
    assert.is_false(goes [[local_parts = "bob"]])
    assert.is_true(goes([[senders = ":"]], nil, { sender_address = "" }))
    assert.is_false(goes([[senders = ":"]], nil, { sender_address = "x@y.test" }))
    assert.is_true(goes([[hosts = "10.0.0.0/8"]], nil, { sender_host_address = "10.1.1.1" }))
    assert.is_false(goes([[hosts = "10.0.0.0/8"]], nil, { sender_host_address = "11.1.1.1" }))
    assert.is_true(goes [[condition = function(m) return m.local_part == "ann" end]])
    assert.is_false(goes [[condition = function(m) return false end]])
    assert.is_false(goes [[condition = "no"]])
    assert.is_true(goes [[condition = function(m) return "some text" end]])
  end)

  it("strips prefixes and suffixes, fixed and wild", function()
    local w = load(r [[local_part_prefix = "real-", local_part_suffix = "+* : -*", local_part_suffix_optional = true]])
    local item = w:route("real-Ann+news@ex.test")[1]
    assert.same({ "ann", "Ann", "real-", "+news", "news" }, { item.local_part, item.local_part_as_is, item.prefix, item.suffix, item.suffix_v })
    assert.equal("ann", w:route("real-ann@ex.test")[1].local_part)
    assert.equal("unrouteable", w:route("ann@ex.test")[1].kind)
    item = load(r [[local_part_prefix = "*-owner-"]]):route("list-owner-x@ex.test")[1]
    assert.same({ "x", "list-owner-", "list" }, { item.local_part, item.prefix, item.prefix_v })
  end)

  it("gives the next router the whole local part again", function()
    local w = load(r [[local_part_suffix = "+*", domains = "nope.test"]] .. '\nrouter.two { driver = "accept", transport = "box" }')
    assert.equal("ann+x", w:route("ann+x@ex.test")[1].local_part)
  end)

  it("asks for files and users", function()
    assert.is_true(goes([[require_files = "/etc/x"]], nil, nil, { files = { ["/etc/x"] = "" } }))
    assert.is_false(goes [[require_files = "/etc/x"]])
    assert.is_true(goes [[require_files = "!/etc/x"]])
    local w = load(r "check_local_user = true", { users = { ann = { uid = 1000, gid = 100, home = "/home/ann" } } })
    local item = w:route("ann@ex.test")[1]
    assert.same({ 1000, 100, "/home/ann" }, { item.local_uid, item.local_gid, item.home })
    assert.equal("unrouteable", w:route("bob@ex.test")[1].kind)
  end)

  it("defers the address when a precondition cannot be found out", function()
    assert.truthy(routed(r [[domains = "lsearch;/none"]], "ann@ex.test"):find("^defer ann@ex.test"))
  end)

  it("leaves routers with address_test = false out of perigee route only", function()
    local w = load(r "address_test = false")
    assert.equal("to", w:route("ann@ex.test")[1].kind)
    assert.equal("unrouteable", w:route("ann@ex.test", nil, {})[1].kind)
  end)

  it("gives user, group and home to local deliveries", function()
    local w = load(r [[user = "ann", group = "7", transport_home_directory = "/h"]], { users = { ann = { uid = 1000, gid = 100 } } })
    local item = w:route("x@ex.test")[1]
    assert.same({ 1000, 7, "/h" }, { item.local_uid, item.local_gid, item.home })
    assert.has_error(function() load(r [[user = "nobody-here"]]):routed "x@ex.test" end)
  end)

  it("keeps case only when told, in the lists it asks, too", function()
    local function people(options, address)
      return (routed('localpartlist.people = "Ann"\n' .. r(options), address):find("^to ")) ~= nil
    end
    assert.is_true(goes([[caseful_local_part = true, condition = function(m) return m.local_part == "Ann" end]], "Ann@ex.test"))
    assert.is_true(goes([[condition = function(m) return m.local_part == "ann" end]], "Ann@ex.test"))
    assert.is_true(goes([[local_parts = "ann"]], "Ann@ex.test"))
    assert.is_false(goes([[caseful_local_part = true, local_parts = "ann"]], "Ann@ex.test"))
    assert.is_true(goes([[caseful_local_part = true, local_parts = "Ann"]], "Ann@ex.test"))
    assert.is_true(goes([[caseful_local_part = true, local_parts = "! ann"]], "Ann@ex.test"))
    assert.is_false(people([[caseful_local_part = true, local_parts = "+people"]], "ANN@ex.test"))
    assert.is_true(people([[caseful_local_part = true, local_parts = "+people"]], "Ann@ex.test"))
    assert.is_true(people([[local_parts = "+people"]], "ANN@ex.test"))
    assert.is_true(goes([[caseful_local_part = true, local_parts = function() return "bob : Ann" end]], "Ann@ex.test"))
    assert.is_false(goes([[caseful_local_part = true, local_parts = function() return "bob : ann" end]], "Ann@ex.test"))
  end)
end)

describe("routing: what happens next", function()
  it("sets variables, errors_to, headers and address_data", function()
    local w = load [[router.r { driver = "accept", transport = "box", address_data = function(m) return "data of " .. m.local_part end,
      set = { r_a = 1, r_b = function(m) return m.domain end }, errors_to = "owner@ex.test", headers_add = "X-A: 1\nX-B: 2",
      headers_remove = "X-C:X-D" }]]
    local item = w:route("ann@ex.test")[1]
    assert.same({ r_a = 1, r_b = "ex.test" }, item.r_vars)
    assert.equal("data of ann", item.address_data)
    assert.equal("owner@ex.test", item.return_path)
    local edits = {}
    for _, e in ipairs(item.edits) do edits[#edits + 1] = (e.remove and "-" or "+") .. e.text end
    assert.same({ "+X-A: 1", "+X-B: 2", "-X-C", "-X-D" }, edits)
  end)

  it("sends a copy with unseen and goes on", function()
    local rules = [[router.copy { driver = "accept", transport = "file_copy", unseen = true, headers_add = "X-Copy: yes" }
      router.main { driver = "accept", transport = "box" } transport.file_copy { driver = "smtp", hosts = "relay.test" }]]
    local items = load(rules):route("ann@ex.test")
    assert.same({ "copy", "main" }, { items[1].router, items[2].router })
    assert.is_true(items[1].unseen)
    assert.is_false(items[2].unseen)
    assert.equal(1, #items[1].edits)
    assert.equal(0, #items[2].edits)
  end)

  it("stops where more is off, with the text of cannot_route_message", function()
    local rules = [[router.here { driver = "redirect", domains = "ex.test", data = "", more = false, cannot_route_message = "no such user" }
      router.all { driver = "accept", transport = "box" }]]
    assert.equal("unrouteable ann@ex.test (no such user)", routed(rules, "ann@ex.test"))
    assert.equal("to ann@other.test R=all T=box", routed(rules, "ann@other.test"))
  end)

  it("passes to pass_router", function()
    local rules = [[router.a(function(m) return pass() end)
      router.b { driver = "dnslookup", transport = "remote", self = "pass", pass_router = "d" }
      router.c { driver = "accept", transport = "fixed" } router.d { driver = "accept", transport = "box" }]]
    assert.equal("to x@me.test R=d T=box", routed(rules, "x@me.test"))
  end)

  it("never lets an unsafe name become a file's (R7.3)", function()
    local rules = 'router.r { driver = "accept", transport = "box" }'
    for _, address in ipairs { "../etc@ex.test", "a/b@ex.test", "-x@ex.test", ".x@ex.test" } do
      assert.truthy(routed(rules, address):find("^fail "), address)
    end
    assert.equal("to ../etc@ex.test R=r T=fixed", routed('router.r { driver = "accept", transport = "fixed" }', "../etc@ex.test"))
  end)

  it("finds fallback_hosts", function()
    local item = load([[router.r { driver = "dnslookup", transport = "remote", fallback_hosts = "relay.test : nowhere.test : 192.0.2.77::26" }]]):route("x@two.test")[1]
    assert.same({ "192.0.2.50", "192.0.2.77" }, { item.fallback[1].ip, item.fallback[2].ip })
    assert.equal(26, item.fallback[2].port)
  end)

  it("explains each router in one record, with the line that decided", function()
    local w = load [[router.own { driver = "accept", domains = "own.test", transport = "box" }
      router.alias { driver = "redirect", data = "bob@two.test", domains = "ex.test" }
      router.dns { driver = "dnslookup", transport = "remote" }]]
    local lines = {}
    w:route("ann@ex.test", nil, lines)
    local short = {}
    for i, line in ipairs(lines) do
      short[i] = ("%s%s: %s: %s, %s (%s)"):format(("  "):rep(tonumber(line:match('"depth":(%d+)'))), line:match('"address":"(.-)",'),
        line:match('"router":"(.-)",'), line:match('"outcome":"(.-)",'), line:match('"text":"(.-)","where'):gsub("\\", ""),
        line:match('"where":"(.-)"'))
    end
    assert.same({ 'ann@ex.test: own: passed over, domains does not hold for "ex.test" (10.lua:7)',
      "ann@ex.test: alias: redirect, bob@two.test (10.lua:8)",
      '  bob@two.test: own: passed over, domains does not hold for "two.test" (10.lua:7)',
      '  bob@two.test: alias: passed over, domains does not hold for "two.test" (10.lua:8)',
      "  bob@two.test: dns: accept, transport remote (10.lua:9)" }, short)
  end)

  it("says in which file a function went wrong", function()
    local w = load "\n\nrouter.r { driver = 'accept', transport = 'box', condition = function(m) return nil .. 'x' end }"
    local ok, err = pcall(w.routed, w, "ann@ex.test")
    assert.is_false(ok)
    assert.truthy(err:find("^10.lua:%d+:"), err)
  end)
end)

describe("routing: functions", function()
  it("answer with route.to", function()
    local function goes(body) return routed(("router.f(function(m) %s end) router.last { driver = 'accept', transport = 'box' }"):format(body), "x@ex.test") end
    assert.equal("to x@ex.test R=f T=remote 192.0.2.9:2525", goes [[return route.to { host = "192.0.2.9:2525", transport = "remote" }]])
    assert.equal("to x@ex.test R=f T=remote 192.0.2.50,192.0.2.1", goes [[return route.to { hosts = { "relay.test", "192.0.2.1" }, transport = "remote" }]])
    assert.equal("to x@ex.test R=f T=remote 192.0.2.40", goes [[return route.to { host = "host.test", ipv4_only = true, transport = "remote" }]])
    assert.equal("to x@ex.test R=f T=box", goes [[return route.to { transport = "box" }]])
    assert.equal("to x@ex.test R=f T=fixed", goes [[return route.to { transport = "fixed" }]])
    assert.truthy(goes([[return route.to { host = "slow.test", transport = "remote" }]]):find("^defer"))
    assert.equal("to x@ex.test R=last T=box", goes [[return nil]])
    assert.equal("to x@ex.test R=last T=box", goes [[return pass()]])
    assert.equal("fail x@ex.test R=f (no such place)", goes [[return fail("no such place")]])
    assert.equal("defer x@ex.test R=f (later)", goes [[return defer("later")]])
    assert.equal("discard x@ex.test R=f", goes [[return discard()]])
    assert.equal("to a@b.test R=last T=box\nto c@d.test R=last T=box", goes [[if m.domain == "ex.test" then return redirect { "a@b.test", "c@d.test" } end]])
    for _, bad in ipairs { [[return route.to { transport = "nothing" }]], [[return route.to { transport = "remote" }]], [[return {}]], [[return "x"]],
                           [[return route.to { transport = "box", colour = 1 }]], [[return accept()]] } do
      local ok, err = pcall(goes, bad)
      assert.is_false(ok, bad)
      assert.truthy(tostring(err):find("10.lua:", 1, true), bad .. tostring(err))
    end
  end)

  it("carry errors_to, headers and variables", function()
    local item = load [[router.f(function(m) return route.to { transport = "box", errors_to = "o@ex.test", headers_add = "X-A: 1", set = { r_x = "y" }, address_data = "d" } end)]]:route("x@ex.test")[1]
    assert.same({ "o@ex.test", "X-A: 1", "y", "d" }, { item.return_path, item.edits[1].text, item.r_vars.r_x, item.address_data })
  end)
end)

describe("routing: redirect", function()
  local BOX = '\nrouter.box { driver = "accept", transport = "box" }'
  local function r(options) return ('router.r { driver = "redirect", domains = "ex.test", %s }'):format(options) .. BOX end

  it("makes addresses of a text or a table, bare names in the qualifying domain", function()
    assert.equal("to bob@two.test R=box T=box\nto carl@q.test R=box T=box", routed(r [[data = "bob@two.test, carl"]], "ann@ex.test", { qualify_recipient = "q.test" }))
    assert.equal("to bob@two.test R=box T=box", routed(r [[data = { "Bob <bob@TWO.test>" }]], "ann@ex.test"))
    assert.equal("to carl@my.test R=box T=box", routed(r [[data = "carl", qualify_domain = "my.test"]], "ann@ex.test"))
    assert.equal("to carl@ex.test R=box T=box", routed(r [[data = "carl", qualify_preserve_domain = true]], "ann@ex.test"):gsub("\n.*", ""))
    assert.equal("to a@two.test R=box T=box\nto b@two.test R=box T=box", routed(r [[data = "# comment\na@two.test\n b@two.test,,\n"]], "ann@ex.test"))
  end)

  it("reads aliases by lsearch; a missing key declines, a missing file defers", function()
    local files = { ["/etc/aliases"] = "ann: bob@two.test\npostmaster: ann" }
    local rules = r [[data = function(m) return lookup.lsearch("/etc/aliases", m.local_part) end]]
    assert.equal("to bob@two.test R=box T=box", routed(rules, "ann@ex.test", nil, { files = files }))
    assert.equal("to bob@two.test R=box T=box", routed(rules, "Postmaster@ex.test", { qualify_recipient = "ex.test" }, { files = files }))
    assert.equal("to zoe@ex.test R=box T=box", routed(rules, "zoe@ex.test", nil, { files = files }))
    assert.truthy(routed(rules, "ann@ex.test"):find("^defer ann@ex.test"))
  end)

  it("obeys :fail:, :defer:, :blackhole:, :unknown: as far as they are allowed", function()
    assert.equal("fail ann@ex.test R=r (550 gone, really)", routed(r [[data = ":fail: 550 gone, really", allow_fail = true]], "ann@ex.test"))
    assert.truthy(routed(r [[data = ":fail: gone"]], "ann@ex.test"):find("^defer.*allow_fail"))
    assert.equal("fail ann@ex.test R=r (gone)", routed(r [[data = ":fail: 550 5.7.1 gone", allow_fail = true, forbid_smtp_code = true]], "ann@ex.test"))
    assert.equal("defer ann@ex.test R=r (later)", routed(r [[data = ":defer: later", allow_defer = true]], "ann@ex.test"))
    assert.equal("discard ann@ex.test R=r (:blackhole:)", routed(r [[data = ":blackhole:"]], "ann@ex.test"))
    assert.truthy(routed(r [[data = ":blackhole:", forbid_blackhole = true]], "ann@ex.test"):find("^defer"))
    assert.equal("to bob@two.test R=box T=box", routed(r [[data = ":blackhole:, bob@two.test"]], "ann@ex.test"))
    assert.equal("to ann@ex.test R=box T=box", routed(r [[data = ":unknown:"]], "ann@ex.test"))
    assert.truthy(routed(r [[data = ":nonsense: x"]], "ann@ex.test"):find("^defer"))
  end)

  it("reads files and includes, within its limits", function()
    local files = { ["/f/ann"] = "bob@two.test\n:include:/f/more", ["/f/more"] = "carl@two.test", ["/g/x"] = "d@two.test" }
    assert.equal("to bob@two.test R=box T=box\nto carl@two.test R=box T=box", routed(r [[file = function(m) return "/f/" .. m.local_part end]], "ann@ex.test", nil, { files = files }))
    assert.equal("to bob@ex.test R=box T=box", routed(r [[file = function(m) return "/f/" .. m.local_part end]], "bob@ex.test", nil, { files = files }))
    assert.truthy(routed(r [[data = ":include:/f/none"]], "ann@ex.test", nil, { files = files }):find("^defer"))
    assert.truthy(routed(r [[data = ":include:/g/x", include_directory = "/f"]], "ann@ex.test", nil, { files = files }):find("^defer.*not below"))
    assert.truthy(routed(r [[data = ":include:/f/more", forbid_include = true]], "ann@ex.test", nil, { files = files }):find("^defer"))
    files["/f/more"] = ":include:/f/more"
    assert.truthy(routed(r [[file = "/f/ann"]], "ann@ex.test", nil, { files = files }):find("^defer.*more than 20 files"))
  end)

  it("sends to files and pipes only by the transports named for them", function()
    local w = load(r [[data = '/var/mail/x, "|/bin/prog a b"', file_transport = "file", pipe_transport = "pipe"]])
    local items = w:route("ann@ex.test")
    assert.same({ "/var/mail/x", "file", "ann", "ann@ex.test" }, { items[1].file, items[1].transport, items[1].local_part, items[1].parent })
    assert.same({ "/bin/prog a b", "pipe" }, { items[2].pipe, items[2].transport })
    assert.truthy(routed(r [[data = "/var/mail/x"]], "ann@ex.test"):find("^defer.*file_transport"))
    assert.truthy(routed(r [[data = "|/bin/x"]], "ann@ex.test"):find("^defer.*pipe_transport"))
    assert.truthy(routed(r [[data = "/var/mail/../x", file_transport = "file"]], "ann@ex.test"):find("^defer"))
    assert.truthy(routed(r [[data = "/x", file_transport = "file", forbid_file = true]], "ann@ex.test"):find("^defer"))
  end)

  it("ends loops: the same address again goes past the router that made it", function()
    assert.equal("to ann@ex.test R=box T=box\nto bob@two.test R=box T=box", routed(r [[data = "ann@ex.test, bob@two.test"]], "ann@ex.test"))
    -- a -> b -> a
    local rules = [[router.r { driver = "redirect", domains = "ex.test", data = function(m)
      return ({ a = "b@ex.test", b = "a@ex.test" })[m.local_part] end }]] .. BOX
    assert.equal("to a@ex.test R=box T=box", routed(rules, "a@ex.test"))
    -- and one that always makes a new one
    rules = [[router.r { driver = "redirect", data = function(m) return m.local_part .. "x@ex.test" end }]] .. BOX
    assert.truthy(routed(rules, "a@ex.test"):find("^defer.*comes round"))
    rules = [[router.r { driver = "redirect", repeat_use = false, data = function(m) return m.local_part .. "x@ex.test" end }]] .. BOX
    assert.equal("to ax@ex.test R=box T=box", routed(rules, "a@ex.test"))
  end)

  it("delivers once to an address that is reached twice", function()
    assert.equal("to b@two.test R=box T=box", routed(r [[data = "b@two.test, B@two.test, b@two.test"]], "ann@ex.test"))
  end)

  it("starts its children at redirect_router", function()
    local rules = [[router.r { driver = "redirect", domains = "ex.test", data = "b@two.test", redirect_router = "late" }
      router.early { driver = "accept", transport = "fixed" } router.late { driver = "accept", transport = "box" }]]
    assert.equal("to b@two.test R=late T=box", routed(rules, "ann@ex.test"))
  end)

  it("refuses what is no address, or skips it", function()
    assert.truthy(routed(r [[data = "b@two.test, <<nonsense>>"]], "ann@ex.test"):find("defer ann@ex.test.*is no address", 1))
    assert.equal("to b@two.test R=box T=box", routed(r [[data = "b@two.test, no thing at all", skip_syntax_errors = true]], "ann@ex.test"))
  end)

  it("marks one_time, hands errors_to and headers down, and remembers its parents", function()
    local w = load([[router.r { driver = "redirect", domains = "ex.test", data = "bob@mid.test", one_time = true, errors_to = "owner@ex.test", headers_add = "X-L: 1" }
      router.s { driver = "redirect", domains = "mid.test", data = "carl@end.test" }]] .. BOX)
    local item = w:route("ann@ex.test")[1]
    assert.same({ true, "owner@ex.test", "bob@mid.test", "ann@ex.test", "carl@end.test" }, { item.one_time, item.return_path, item.parent, item.original, item.address })
    assert.equal("X-L: 1", item.edits[1].text)
  end)
end)

describe("verifying by routing", function()
  local function verify(item, rules, facts, config)
    config = config or {}
    config.zone = ZONE
    local w = world.rules(TRANSPORTS .. rules .. ("\nacl.rcpt { deny { not_verify = %q }, accept {} }"):format(item), config)
    facts = facts or { local_part = "ann", domain = "ex.test", sender_address = "x@two.test" }
    return (w:acl("rcpt", facts)), w
  end

  it("asks whether an address would have a place to go", function()
    assert.equal("accept", (verify("recipient", 'router.r { driver = "accept", transport = "box", domains = "ex.test" }')))
    assert.equal("deny", (verify("recipient", 'router.r { driver = "accept", transport = "box", domains = "other.test" }')))
    assert.equal("accept", (verify("sender", 'router.r { driver = "dnslookup", transport = "remote" }')))
    assert.equal("deny", (verify("sender=x@nowhere.test", 'router.r { driver = "dnslookup", transport = "remote" }')))
    assert.equal("again", (verify("sender=x@slow.test", 'router.r { driver = "dnslookup", transport = "remote" }')))
    assert.equal("accept", (verify("sender=x@slow.test/defer_ok", 'router.r { driver = "dnslookup", transport = "remote" }')))
    assert.equal("accept", (verify("sender", "", { sender_address = "" })))
  end)

  it("leaves out routers that are not for verifying, and uses those that are for nothing else", function()
    assert.equal("deny", (verify("recipient", 'router.r { driver = "accept", transport = "box", verify = false }')))
    assert.equal("deny", (verify("recipient", 'router.r { driver = "accept", transport = "box", verify_recipient = false }')))
    assert.equal("accept", (verify("recipient", 'router.r { driver = "accept", verify_only = true }')))
    assert.equal("deny", (verify("recipient", 'router.r { driver = "accept", transport = "box", fail_verify = true }')))
    assert.equal("deny", (verify("sender", 'router.r { driver = "accept", transport = "box", fail_verify_sender = true }')))
    assert.equal("unrouteable ann@ex.test (Unrouteable address)", routed('router.r { driver = "accept", verify_only = true }', "ann@ex.test"))
  end)

  it("follows one redirection, and takes several for a yes", function()
    local rules = 'router.a { driver = "redirect", domains = "ex.test", data = "%s" } router.r { driver = "accept", transport = "box", domains = "good.test" }'
    assert.equal("accept", (verify("recipient", rules:format "x@good.test")))
    assert.equal("deny", (verify("recipient", rules:format "x@bad.test")))
    assert.equal("accept", (verify("recipient/success_on_redirect", rules:format "x@bad.test")))
    assert.equal("accept", (verify("recipient", rules:format "x@bad.test, y@bad.test")))
  end)

  it("leaves address_data behind, and the failure for the variables", function()
    local _, w = verify("recipient", 'router.r { driver = "accept", transport = "box", address_data = "found" }')
    assert.equal("found", w.did.facts.address_data)
    _, w = verify("recipient", "")
    assert.equal("route", w.did.facts.recipient_verify_failure)
  end)

  it("is there for functions: verify.recipient, verify.try.sender", function()
    local rules = TRANSPORTS .. 'router.r { driver = "dnslookup", transport = "remote" }\n'
    local w = world.rules(rules .. [[acl.rcpt(function(m)
      local ok, why = verify.try.sender("x@slow.test")
      m.acl_m_kind = why and why.kind
      return verify.recipient("x@two.test") and accept() or deny() end)]], { zone = ZONE })
    assert.equal("accept", (w:acl("rcpt", { local_part = "a", domain = "b.test" })))
    assert.same({ { "acl_m_kind", "again" } }, w.did.set)
  end)
end)
