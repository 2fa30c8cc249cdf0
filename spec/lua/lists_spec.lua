local world = require "spec.lua.support"

local ZONE = {
  ["relay.example"] = { { type = "A", ip = "192.0.2.7" }, { type = "AAAA", ip = "2001:db8::7" } },
  ["slow.example"] = "TIMEOUT",
}
local FILES = { ["/etc/friends"] = "example.net: data of net\nann@example.com: hers\n192.0.2.9: nine\n192.0.2.0/24: whole net\n",
  ["/etc/partial"] = "*.example.org: wild org\n.dotted.example: dotted\n*.test: top\n*@at.example: at\n*: default\n",
  ["/etc/nets"] = "192.0.2.9: a\n192.0.2.0/24: b\n2001.0db8.0000.0000.0000.0000.0000.0001: c\n2001.0db8.0000.0000.0000.0000.0000.0000/32: d\n",
  ["/etc/items"] = "one.example\n! no.yes.example # not this\n# nothing\n\n*.yes.example\n",
  ["/etc/people"] = "a#b@x.example\n#c@x.example\n", ["/etc/nested"] = "/etc/items\n",
  ["/etc/chain"] = "org.example: ann : ! bob : *-list : >more\nmore: zoe : bob\nloop: >loop\n" }

-- The answer of one list: true, false, "again", or the error.
local function ask(kind, value, subject, facts, before)
  local w = world.rules(before or "", { zone = ZONE, files = FILES, names = { ["203.0.113.5"] = "mx.friend.example" }, local_ips = { ["10.9.9.9"] = true } })
  local lists = w.use "lists"
  facts = facts or {}
  local list = type(value) == "function" and { value } or value
  return w:ask("rcpt", facts, function(m)
    local hit, data = lists.compile(kind, list, "10.lua:1")(subject, { m = m })
    return hit, data
  end)
end

describe("lists", function()
  it("match domains", function()
    for _, row in ipairs {
      { "example.org", "example.org", true }, { "example.org", "sub.example.org", false },
      { "*.example.org", "sub.example.org", true }, { "*.example.org", "example.org", false },
      { "*example.org", "myexample.org", true }, { "*", "anything", true }, { "", "x.example", false },
      { "Example.ORG", "example.org", true },
      { "! a.example : *.example", "a.example", false }, { "! a.example : *.example", "b.example", true },
      { "! a.example", "b.example", true }, { "! a.example", "a.example", false },
      { "a.example : ! *.example : *", "b.example", false }, { "a.example : ! *.example : *", "b.test", true },
      { "^(x|y)[0-9]+\\.example$", "zz.example", false }, { "^x[0-9]+%.example$", "x12.example", true },
      { "@", "host.example", true }, { "@", "example", false }, { "@[]", "[127.0.0.1]", true }, { "@[]", "[192.0.2.1]", false },
      { "lsearch;/etc/friends", "example.net", true }, { "lsearch;/etc/friends", "example.test", false },
    } do
      assert.equal(row[3], (ask("domain", row[1], row[2])), row[1] .. " / " .. row[2])
    end
  end)

  it("say what a file says about the item", function()
    local _, data = ask("domain", "lsearch;/etc/friends", "example.net")
    assert.equal("data of net", data)
    _, data = ask("domain", { "example.org" }, "example.org")
    assert.equal("example.org", data)
  end)

  it("do not take a file that cannot be read for an empty one", function()
    assert.equal("again", (ask("domain", "lsearch;/etc/nothing", "example.net")))
  end)

  it("match hosts by address and network", function()
    for _, row in ipairs {
      { "127.0.0.1", "127.0.0.1", true }, { "10.0.0.0/8", "10.200.1.1", true }, { "10.0.0.0/8", "11.0.0.1", false },
      { { "::1", "2001:db8::/32" }, "2001:db8:1::5", true }, { { "2001:db8::/32" }, "2001:db9::5", false },
      { "<; 2001:db8::1 ; 192.0.2.1", "192.0.2.1", true }, { "2001::db8::::1", "2001:db8::1", true },
      { "! 10.0.0.1 : 10.0.0.0/8", "10.0.0.1", false }, { "! 10.0.0.1 : 10.0.0.0/8", "10.0.0.2", true },
      { "192.0.2.0/25 : 192.0.2.128/26", "192.0.2.190", true }, { "192.0.2.0/25 : 192.0.2.128/26", "192.0.2.200", false },
      { "*", "192.0.2.1", true }, { "@[]", "10.9.9.9", true }, { "@[]", "10.9.9.8", false },
      { "0.0.0.0/0", "192.0.2.1", true }, { "0.0.0.0/0", "2001:db8::1", false },
      { "net-lsearch;/etc/friends", "192.0.2.9", true }, { "net24-lsearch;/etc/friends", "192.0.2.77", true },
      { "net24-lsearch;/etc/friends", "192.0.3.77", false }, { "::ffff:192.0.2.1", "192.0.2.1", nil },
      { { "::ffff:192.0.2.1" }, "192.0.2.1", true },
    } do
      if row[3] ~= nil then
        assert.equal(row[3], (ask("host", row[1], row[2])), tostring(row[1]) .. " / " .. row[2])
      end
    end
  end)

  it("match hosts by name, both ways", function()
    local client = { sender_host_address = "203.0.113.5", sender_host_name = "mx.friend.example" }
    assert.is_true((ask("host", "*.friend.example", "203.0.113.5", client)))
    assert.is_true((ask("host", "^mx%.", "203.0.113.5", client)))
    assert.is_false((ask("host", "*.other.example", "203.0.113.5", client)))
    assert.is_true((ask("host", "relay.example", "192.0.2.7")))
    assert.is_true((ask("host", "relay.example", "2001:db8::7")))
    assert.is_false((ask("host", "relay.example", "192.0.2.8")))
  end)

  it("defer when a host's name cannot be found out, unless the list says otherwise", function()
    assert.equal("again", (ask("host", "slow.example", "192.0.2.1")))
    assert.is_false((ask("host", { "+ignore_defer", "slow.example" }, "192.0.2.1")))
    assert.is_true((ask("host", { "+include_defer", "slow.example" }, "192.0.2.1")))
    local client = { sender_host_address = "203.0.113.9", host_lookup_deferred = true }
    assert.equal("again", (ask("host", "*.example", "203.0.113.9", client)))
  end)

  it("end with no at a name that does not exist, unless +ignore_unknown or +include_unknown stands before", function()
    local client = { sender_host_address = "203.0.113.9" }
    assert.is_false((ask("host", { "*.example", "203.0.113.9" }, "203.0.113.9", client)))
    assert.is_true((ask("host", { "+ignore_unknown", "*.example", "203.0.113.9" }, "203.0.113.9", client)))
    assert.is_true((ask("host", { "+include_unknown", "*.example" }, "203.0.113.9", client)))
    assert.is_false((ask("host", { "nowhere.example", "203.0.113.9" }, "203.0.113.9", client)))
    assert.is_true((ask("host", { "+ignore_unknown", "nowhere.example", "203.0.113.9" }, "203.0.113.9", client)))
  end)

  it("know the client by each of its verified names, not only by the first", function()
    local w = world.rules("", { zone = ZONE, files = FILES, names = { ["203.0.113.6"] = { "first.example", "second.friend.example" }, ["203.0.113.7"] = "TIMEOUT" } })
    local function hit(value, ip, name)
      return w:ask("rcpt", { sender_host_address = ip, sender_host_name = name }, function(m)
        return (w.use("lists").compile("host", value, "10.lua:1")(ip, { m = m }))
      end)
    end
    assert.is_true(hit({ "*.friend.example" }, "203.0.113.6", "first.example"))
    assert.is_true(hit({ "*.nothing.example", "^second%." }, "203.0.113.6", "first.example"))
    assert.is_false(hit({ "! *.friend.example", "*.example" }, "203.0.113.6", "first.example"))
    assert.is_false(hit({ "*.other.example" }, "203.0.113.6", "first.example"))
    -- another name that cannot be found out is not "no"
    assert.equal("again", hit({ "*.friend.example" }, "203.0.113.7", "first.example"))
    assert.is_true(hit({ "*.example" }, "203.0.113.7", "x.example"))
  end)

  it("leave out what @mx_any/ignore= names", function()
    local zone = { ["us.example"] = { { type = "MX", preference = 10, target = "a.example" }, { type = "MX", preference = 20, target = "b.example" } },
      ["a.example"] = { { type = "A", ip = "127.0.0.1" } }, ["b.example"] = { { type = "A", ip = "10.9.9.9" } } }
    local w = world.rules("", { zone = zone, local_ips = { ["10.9.9.9"] = true } })
    local function hit(item)
      return w:ask("rcpt", {}, function(m) return (w.use("lists").compile("domain", { item }, "10.lua:1")("us.example", { m = m })) end)
    end
    assert.is_true(hit "@mx_any")
    assert.is_false(hit "@mx_secondary")
    assert.is_true(hit "@mx_primary/ignore=127.0.0.0/8")
    assert.is_true(hit "@mx_any/ignore=<; 127.0.0.1")
    assert.is_false(hit "@mx_any/ignore=<; 127.0.0.1 ; 10.0.0.0/8")
    assert.has_error(function() w.use("lists").compile("domain", { "@mx_any/only=x" }, "10.lua:1") end,
      'the list item "@mx_any/only=x": what may follow is /ignore=HOSTS')
  end)

  it("look at case after +caseful, in local parts only", function()
    local w = world.rules("localpartlist.inner = { '+caseful', 'Ann' }", { files = FILES })
    for _, row in ipairs {
      { "local", "+caseful : Ann", "Ann", true }, { "local", "+caseful : Ann", "ann", false }, { "local", "+caseful : ann", "Ann", false },
      { "local", "ann : +caseful : Bob", "ANN", true }, { "local", "ann : +caseful : Bob", "bob", false },
      { "local", "+caseful : *-List", "a-List", true }, { "local", "+caseful : *-List", "a-list", false },
      { "local", "+caseful : ^[A-Z]", "Zoe", true }, { "local", "+caseful : ^[A-Z]", "zoe", false },
      { "local", "+inner", "Ann", true }, { "local", "+inner", "ann", false },
      { "local", "+caseful : ! Ann : *", "Ann", false }, { "local", "+caseful : ! Ann : *", "ann", true },
      { "address", "+caseful : Ann@Example.org", "Ann@EXAMPLE.ORG", true }, { "address", "+caseful : Ann@example.org", "ann@example.org", false },
      { "address", "+caseful : Ann@*.org", "Ann@example.org", true }, { "address", "+caseful : Ann@*.org", "ann@example.org", false },
      { "address", "+caseful : *-X@example.org", "a-X@example.org", true }, { "address", "+caseful : *-X@example.org", "a-x@example.org", false },
      { "address", "+caseful : Example.org", "ann@example.org", true },
    } do
      local got = w:ask("rcpt", {}, function(m)
        local lists = w.use "lists"
        return (lists.ask(lists.compile(row[1], row[2], "10.lua:1"), row[1], row[3], { m = m }))
      end)
      assert.equal(row[4], got, row[2] .. " / " .. row[3])
    end
    local lists = w.use "lists"
    assert.has_error(function() lists.compile("domain", { "+caseful" }, "10.lua:1") end,
      "+caseful: domains and hosts have no case; it is for local parts and addresses")
    assert.has_error(function() lists.compile("local", { "! +caseful" }, "10.lua:1") end,
      "+caseful is no item to negate: it stands before the items that look at case")
  end)

  it("give +caseful the addresses of a session as they were written", function()
    local w = world.rules [[acl.rcpt {
      accept { local_parts = "+caseful : Ann" }, accept { senders = "+caseful : Bob@there.example" }, accept { recipients = "+caseful : Cat@example.org" },
      deny {} }]]
    local function verdict(sender, written)
      return (w:acl("rcpt", { sender_address = sender, local_part = written:lower(), original_local_part = written, domain = "example.org" }))
    end
    assert.equal("accept", verdict("x@there.example", "Ann"))
    assert.equal("deny", verdict("x@there.example", "ann"))
    assert.equal("accept", verdict("Bob@there.example", "zoe"))
    assert.equal("deny", verdict("bob@there.example", "zoe"))
    assert.equal("accept", verdict("x@there.example", "Cat"))
    assert.equal("deny", verdict("x@there.example", "cat"))
  end)

  it("match addresses", function()
    for _, row in ipairs {
      { "ann@example.org", "ann@example.org", true }, { "Ann@Example.org", "ann@example.org", true },
      { "*@example.org", "bob@example.org", true }, { "*@example.org", "bob@example.net", false },
      { "*@*.example.org", "bob@a.example.org", true }, { "bob@*", "bob@x.example", true }, { "*-bounces@lists.example", "a-bounces@lists.example", true },
      { "example.org", "bob@example.org", true }, { "*.org", "bob@example.org", true },
      { ":", "", true }, { ":", "a@b", false }, { { "" }, "", true }, { "*@*", "", false }, { "*", "", true },
      { "! ann@example.org : *@example.org", "ann@example.org", false },
      { "^.*%d@example", "a1@example.org", true }, { "lsearch;/etc/friends", "ann@example.com", true },
      { "lsearch;/etc/friends", "", false },
    } do
      assert.equal(row[3], (ask("address", row[1], row[2])), tostring(row[1]) .. " / " .. row[2])
    end
  end)

  it("match local parts", function()
    for _, row in ipairs {
      { "postmaster : abuse", "abuse", true }, { "*-request", "list-request", true }, { "^x%d", "x1", true }, { "root", "toor", false },
    } do
      assert.equal(row[3], (ask("local", row[1], row[2])), row[1] .. " / " .. row[2])
    end
  end)

  it("take functions as items", function()
    assert.is_true((ask("domain", { "a.example", function(x) return x == "b.example" end }, "b.example")))
    assert.is_true((ask("domain", function(_, m) return m.acl_m_yes end, "b.example", { acl_m_yes = true })))
  end)

  it("use named lists, before and after they are declared", function()
    local lists = [[
      domainlist.all = { "+own", "! +bad", "c.example" }
      domainlist.own = "a.example : *.own.example"
      domainlist.bad = { "bad.example" }
      addresslist.friends = { "*@+own" }
    ]]
    assert.is_true((ask("domain", "+all", "x.own.example", nil, lists)))
    assert.is_false((ask("domain", "+all", "bad.example", nil, lists)))
    assert.is_true((ask("domain", "! +own : *", "z.example", nil, lists)))
    assert.is_true((ask("address", "+friends", "x@a.example", nil, lists)))
  end)

  it("read partial keys, defaults and options of lookups", function()
    for _, row in ipairs {
      { "domain", "partial-lsearch;/etc/partial", "a.b.example.org", "wild org" }, { "domain", "partial-lsearch;/etc/partial", "example.org", "wild org" },
      { "domain", "partial3-lsearch;/etc/partial", "b.example.org", nil }, { "domain", "partial0-lsearch;/etc/partial", "x.test", "top" },
      { "domain", "partial(.)lsearch;/etc/partial", "a.dotted.example", "dotted" }, { "domain", "lsearch*;/etc/partial", "no.example", "default" },
      { "address", "lsearch*@;/etc/partial", "bob@at.example", "at" }, { "address", "lsearch*@;/etc/partial", "bob@no.example", "default" },
      { "address", "*@partial-lsearch;/etc/partial", "bob@q.example.org", "wild org" },
      { "domain", "partial-lsearch,ret=key;/etc/partial", "a.example.org", "a.example.org" }, { "local", "! lsearch;/etc/partial : *", "x", "x" },
    } do
      local hit, data = ask(row[1], row[2], row[3])
      assert.equal(row[4] ~= nil, hit, row[2] .. " / " .. row[3])
      assert.equal(row[4], data, row[2] .. " / " .. row[3])
    end
  end)

  it("ask about addresses of hosts by network, IPv6 in both spellings", function()
    for _, row in ipairs {
      { "net-lsearch;/etc/nets", "192.0.2.9", true }, { "net24-lsearch;/etc/nets", "192.0.2.9", true }, { "net16-lsearch;/etc/nets", "192.0.2.9", false },
      { "net-lsearch;/etc/nets", "2001:db8::1", true }, { "net32-lsearch;/etc/nets", "2001:db8:5::1", true },
      { "net-lsearch*;/etc/nets", "198.51.100.1", false },
    } do
      assert.equal(row[3], (ask("host", { row[1] }, row[2])), row[1] .. " / " .. row[2])
    end
  end)

  it("read files of items, where an item with ! decides", function()
    for _, row in ipairs {
      { "domain", "/etc/items", "one.example", true }, { "domain", "/etc/items", "no.yes.example", false }, { "domain", "/etc/items", "a.yes.example", true },
      { "domain", "! /etc/items : *", "one.example", false }, { "domain", "! /etc/items", "no.yes.example", true },
      { "domain", "! /etc/items", "other.example", true }, { "address", "/etc/people", "a#b@x.example", true }, { "address", "/etc/people", "c@x.example", false },
      { "domain", "/etc/missing", "x.example", "again" }, { "domain", "/etc/nested", "x.example", "error" },
    } do
      local ok, hit = pcall(ask, row[1], row[2], row[3])
      assert.equal(row[4], ok and hit or not ok and "error", row[2] .. " / " .. row[3])
    end
  end)

  it("take the domain's own list of local parts with @@", function()
    for name, is_in in pairs { ["ann@org.example"] = true, ["bob@org.example"] = false, ["x-list@org.example"] = true, ["zoe@org.example"] = true,
                               ["eve@org.example"] = false, ["ann@other.example"] = false, ["a@loop"] = "again" } do
      assert.equal(is_in, (ask("address", { "@@lsearch;/etc/chain" }, name)), name)
    end
  end)

  it("ask a named list with lookups once a message, unless a function is in it", function()
    local w = world.rules([[
      domainlist.kept = { "lsearch;/etc/friends" }
      acl.rcpt(function(m) return domainlist.kept:has("example.net") and domainlist.kept:has("example.net") and accept() or deny() end)
    ]], { files = FILES })
    assert.equal("accept", (w:acl("rcpt", {})))
    assert.equal(1, #w.asked)
    assert.equal("accept", (w:acl("rcpt", {})))
    assert.equal(2, #w.asked)
  end)

  it("are asked in code with :has", function()
    local w = world.rules [[
      domainlist.own = { "own.example" }
      acl.rcpt(function(m) return domainlist.own:has(m.domain) and accept() or deny("550 no") end)
    ]]
    assert.equal("accept", (w:acl("rcpt", { domain = "own.example" })))
    assert.equal("deny", (w:acl("rcpt", { domain = "other.example" })))
  end)

  it("say what is wrong with them, and where", function()
    for _, row in ipairs {
      { [[domainlist.a = { "+b" }]], '10.lua:1: there is no domainlist.b' },
      { [[domainlist.local_domains = "x"
acl.rcpt { accept { domains = "+local_domain" } }]], '10.lua:2: there is no domainlist.local_domain, did you mean "local_domains"?' },
      { [[hostlist.x = "1.2.3.4"  acl.rcpt { accept { domains = "+x" } }]], "+x is a hostlist, a domainlist is needed here" },
      { "domainlist.a = { 'x' }\ndomainlist.a = { 'y' }", "10.lua:2: domainlist.a is set twice, first at 10.lua:1" },
      { [[hostlist.a = "10.0.0.0/33"]], "at most /32" },
      { [[hostlist.a = "10.0.0"]], "neither an address, a network nor a host name" },
      { [[hostlist.a = "mail*.example"]], "a * may only stand at its beginning" },
      { [[domainlist.a = "ann@example.org"]], "holds an @" },
      { [[domainlist.a = "^(x"]], "the regular expression" },
      { [[domainlist.a = "pgsql;select 1"]], "lookup.pgsql comes with" },
      { [[domainlist.a = "dbm;/etc/x"]], "there is no lookup.dbm: the file has no one format" },
      { [[domainlist.a = "lserach;/etc/x"]], 'there is no lookup "lserach", did you mean "lsearch"?' },
      { [[domainlist.a = { "+b" } domainlist.b = { "+a" }]], "name each other" },
      { [[domainlist.a = 5]], "a list is a text or a table" },
      { [[domainlist.a = { {} }]], "an item of a list is a text, a function or a lookup.table" },
    } do
      assert.truthy(world.load(row[1]):said():find(row[2], 1, true), row[1] .. "\n" .. world.load(row[1]):said())
    end
  end)
end)
