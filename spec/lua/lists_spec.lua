local world = require "spec.lua.support"

local ZONE = {
  ["relay.example"] = { { type = "A", ip = "192.0.2.7" }, { type = "AAAA", ip = "2001:db8::7" } },
  ["slow.example"] = "TIMEOUT",
}
local FILES = { ["/etc/friends"] = "example.net: data of net\nann@example.com: hers\n192.0.2.9: nine\n192.0.2.0/24: whole net\n" }

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
