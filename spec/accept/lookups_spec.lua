-- Lookups and lists as rules meet them: DNS records as text, answers that a spec writes, data that is left behind

local world = require "perigee.world"

local ZONE = [[
$SECURE
signed.example. A 192.0.2.7
$INSECURE
example.org. MX 20 mx2.example.org.
example.org. MX 10 mx1.example.org.
example.org. SOA ns1.example.org. admin.example.org. 2026010101 3600 900 604800 300
example.org. NS ns1.example.org.
mx1.example.org. A 192.0.2.1
mx1.example.org. AAAA 2001:db8::1
txt.example. TXT "one" "two"
txt.example. TXT "three"
spf.example. TXT "v=spf1 -all"
www.example.org. CNAME mx1.example.org.
_imap._tcp.example.org. SRV 5 10 143 imap.example.org.
_25._tcp.mx1.example.org. TLSA 3 1 1 0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef
1.2.0.192.in-addr.arpa. PTR mx1.example.org.
_client._smtp.good.csa.example. SRV 1 2 0 good.csa.example.
_client._smtp.bad.csa.example. SRV 1 1 0 bad.csa.example.
_client._smtp.csa.example. SRV 1 1 1 csa.example.
dead.example. SERVFAIL
]]

local function new(lua, more)
  local config = { lua = 'site { primary_hostname = "mx.example.org" }\n' .. (lua or ""), zone = ZONE }
  for k, v in pairs(more or {}) do config[k] = v end
  return world.new(config)
end

local function asked(expression, w) return (w or new()):eval(expression) end

describe("lookup.dnsdb", function()
  it("gives each type of record as Exim's text", function()
    local w = new()
    for query, text in pairs {
      ["a=mx1.example.org"] = "192.0.2.1", ["aaaa=mx1.example.org"] = "2001:db8::1",
      ["a+=mx1.example.org"] = "2001:db8::1\\n192.0.2.1", ["mx=example.org"] = "10 mx1.example.org\\n20 mx2.example.org",
      ["mxh=example.org"] = "mx1.example.org\\nmx2.example.org", ["ns=example.org"] = "ns1.example.org",
      ["cname=www.example.org"] = "mx1.example.org", ["srv=_imap._tcp.example.org"] = "5 10 143 imap.example.org",
      ["soa=example.org"] = "ns1.example.org admin.example.org 2026010101 3600 900 604800 300",
      ["tlsa=_25._tcp.mx1.example.org"] = "3 1 1 0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
      ["ptr=192.0.2.1"] = "mx1.example.org", ["zns=a.b.example.org"] = "ns1.example.org", ["txt=txt.example"] = "one\\nthree",
      ["txt.example"] = "one\\nthree", [">: mx=example.org"] = "10 mx1.example.org:20 mx2.example.org",
      [">:,! mx=example.org"] = "10!mx1.example.org:20!mx2.example.org", [">|; txt=txt.example"] = "onetwo|three",
      [">|,: txt=txt.example"] = "one:two|three", ["a=mx1.example.org:signed.example"] = "192.0.2.1\\n192.0.2.7",
      ["csa=good.csa.example"] = "Y good.csa.example", ["csa=bad.csa.example"] = "N bad.csa.example",
      ["csa=deep.csa.example"] = "X csa.example",
    } do
      assert.equals('["' .. text .. '"]\n', (asked('lookup.dnsdb "' .. query .. '"', w)), query)
    end
  end)

  it("takes a parameter as one name, whatever stands in it", function()
    assert.truthy(asked('lookup.dnsdb("a=?", { "mx1.example.org" })'):find("192.0.2.1", 1, true))
    assert.truthy(asked('lookup.dnsdb("a=?", { "mx1.example.org:signed.example" }) == nil'):find("true", 1, true))
  end)

  it("has nil for what is not there, and defers only as told when something cannot be found out", function()
    local w = new()
    assert.truthy(asked('lookup.dnsdb "a=no.example" == nil', w):find("true", 1, true))
    local value, why = asked('lookup.dnsdb "a=dead.example"', w)
    assert.is_nil(value)
    assert.truthy(why:find("lookup.dnsdb", 1, true))
    assert.truthy(asked('lookup.dnsdb "a=dead.example:mx1.example.org"', w):find("192.0.2.1", 1, true))
    assert.is_nil((asked('lookup.dnsdb "defer_strict,a=dead.example:mx1.example.org"', w)))
    assert.truthy(asked('lookup.dnsdb "defer_never,a=dead.example" == nil', w):find("true", 1, true))
    assert.is_nil((asked('lookup.dnsdb("a=dead.example:mx1.example.org", nil, { defer = "strict" })', w)))
  end)

  it("takes unsigned answers for none with dnssec_strict, and says what it saw", function()
    local w = new()
    assert.truthy(asked('lookup.dnsdb "dnssec_strict,a=signed.example"', w):find("192.0.2.7", 1, true))
    assert.is_nil((asked('lookup.dnsdb "dnssec_strict,a=mx1.example.org"', w)))
    assert.truthy(asked('(function() lookup.dnsdb "dnssec_lax,a=signed.example" return m.lookup_dnssec_authenticated end)()', w):find("yes", 1, true))
    assert.truthy(asked('(function() lookup.dnsdb "dnssec_lax,a=mx1.example.org" return m.lookup_dnssec_authenticated end)()', w):find("no", 1, true))
    -- an answer that is remembered does not leave another's "yes" behind
    assert.truthy(asked('(function() lookup.dnsdb "a=mx1.example.org" lookup.dnsdb "a=signed.example" lookup.dnsdb "a=mx1.example.org" return m.lookup_dnssec_authenticated end)()', w):find("no", 1, true))
  end)

  it("says what is wrong with a query", function()
    for query, text in pairs { ["axfr=x"] = 'there is no type "axfr"', ["dnssec_often,a=x"] = "none of strict, lax and never", ["a="] = "names nothing",
                               ["a=?"] = "more ? than parameters" } do
      local _, why = asked('lookup.dnsdb "' .. query .. '"')
      assert.truthy(tostring(why):find(text, 1, true), tostring(why))
    end
  end)
end)

describe("a spec", function()
  it("writes what lookups answer, for one key, for all, and that it cannot be found out", function()
    local w = new [[acl.rcpt(function(m)
      local quota = lookup.sqlite("/var/lib/users.db", "select quota from users where name = ?", { m.local_part })
      if not quota then return deny("550 5.1.1 no such user") end
      return deny("550 5.2.2 quota " .. quota)
    end)]]
    w:lookup("sqlite", { file = "/var/lib/users.db", key = "ann", value = "10" })
    w:lookup("sqlite", { key = "bob", none = true })
    w:lookup("sqlite", { key = "eve", again = "the disk is slow" })
    local s = w:session()
    s:mail "a@there.example"
    assert.reply(s:rcpt "ann@example.org", "550 5.2.2 quota 10")
    assert.reply(s:rcpt "bob@example.org", "550 5.1.1")
    assert.reply(s:rcpt "eve@example.org", "451")
    assert.truthy(w:logged "the disk is slow")
  end)

  it("cannot reach a file outside of its rules by accident", function()
    local w = new [[acl.rcpt(function(m) return lookup.lsearch("/etc/passwd", "root") and accept() or deny() end)]]
    local s = w:session()
    s:mail "a@there.example"
    assert.reply(s:rcpt "ann@example.org", "451")
    assert.truthy(w:logged "outside of the rule directory")
  end)
end)

describe("lists", function()
  it("ask the SQLite file that an item names, below the rule directory too, and else sqlite_dbfile", function()
    local w = world.new { rules = { "spec/accept/site.lua" }, lua = [[
      site { sqlite_dbfile = "/var/lib/main.db" }
      acl.rcpt {
        accept { local_parts = "sqlite;site.lua select 1 from users where name = ?", logwrite = "of site.lua" },  -- a file that is there; what it says is written below
        accept { local_parts = "sqlite;select 1 from users where name = ?", logwrite = "of main.db" },
      }]] }
    w:lookup("sqlite", { file = "site.lua", key = "ann", value = "1" })
    w:lookup("sqlite", { file = "site.lua", key = "bob", none = true })
    w:lookup("sqlite", { file = "/var/lib/main.db", key = "bob", value = "1" })
    local s = w:session()
    s:mail "a@there.example"
    assert.reply(s:rcpt "ann@example.org", "250")
    assert.logged(w, "of site.lua")
    assert.reply(s:rcpt "bob@example.org", "250")
    assert.logged(w, "of main.db")
  end)

  it("LMDB-T1 match by a lookup, whose value is the data of the condition", function()
    local w = new [[
      domainlist.ours = { "lmdb;/etc/perigee/domains.mdb" }
      acl.rcpt {
        accept { domains = "+ours", local_parts = "lsearch;/etc/perigee/users", senders = { "friend@*", "@@cdb;/etc/senders" },
                 hosts = "net-cidr;/etc/nets", logwrite = function(m)
                   return "data: " .. m.domain_data .. " " .. m.local_part_data .. " " .. m.sender_data .. " " .. m.host_data
                 end },
        deny { message = "550 5.7.1 no" },
      }]]
    w:lookup("lmdb", { key = "example.org", value = "ours" })
    w:lookup("lmdb", { none = true, key = "example.net" })
    w:lookup("lsearch", { key = "ann", value = "mailbox 7" })
    w:lookup("lsearch", { key = "bob", none = true })
    w:lookup("cidr", { value = "net nine" })
    w:lookup("cdb", { key = "there.example", value = "a : ! *" })
    local s = w:session()
    s:mail "a@there.example"
    assert.reply(s:rcpt "ann@example.org", "250")
    assert.truthy(w:logged "data: ours mailbox 7 a@there.example net nine")
    assert.reply(s:rcpt "ann@example.net", "550")
    assert.reply(s:rcpt "bob@example.org", "550")
    s:rset()
    s:mail "b@there.example"
    assert.reply(s:rcpt "ann@example.org", "550")
    s:rset()
    s:mail "friend@elsewhere.example"
    assert.reply(s:rcpt "ann@example.org", "250")
  end)

  it("do not take what cannot be found out for no", function()
    local w = new [[acl.rcpt { deny { domains = "! lmdb;/etc/domains.mdb" }, accept {} }]]
    w:lookup("lmdb", { again = "it is being written" })
    local s = w:session()
    s:mail "a@there.example"
    assert.reply(s:rcpt "ann@example.org", "451")
  end)

  it("give one message one answer to one question", function()
    local w = new [[
      domainlist.odd = { "lsearch;/etc/domains" }
      acl.rcpt(function(m)
        return deny("550 " .. tostring(lookup.lsearch("/etc/x", "k")) .. " " .. tostring(domainlist.odd:has(m.domain)))
      end)]]
    w:lookup("lsearch", { value = "old" })
    local s = w:session()
    s:mail "a@there.example"
    assert.reply(s:rcpt "ann@example.org", "550 5.7.1 old true")
    w:lookup("lsearch", { none = true })
    assert.reply(s:rcpt "ann@example.org", "550 5.7.1 old true")
    s:rset()
    s:mail "a@there.example"
    assert.reply(s:rcpt "ann@example.org", "550 5.7.1 nil false")
  end)

  it("take lookups as items by themselves", function()
    local w = new [[
      local friends = lookup.table.lsearch("/etc/friends", { default = "*@" })
      acl.rcpt { accept { senders = { "x@y", friends } },
                 deny { message = function(m) return "550 5.7.1 " .. tostring(friends:get("nobody@else")) end } }]]
    w:lookup("lsearch", { key = "a@there.example", value = "yes" })
    w:lookup("lsearch", { key = "nobody@else", none = true })
    w:lookup("lsearch", { key = "b@there.example", none = true })
    local s = w:session()
    s:mail "a@there.example"
    assert.reply(s:rcpt "ann@example.org", "250")
    s:rset()
    s:mail "b@there.example"
    assert.reply(s:rcpt "ann@example.org", "550 5.7.1 nil")
  end)
end)

describe("slow_lookup_log", function()
  it("writes a line about a lookup that took too long", function()
    local w = world.new { lua = [[site { primary_hostname = "mx.example.org", slow_lookup_log = 500 }
      acl.rcpt(function(m) lookup.dnsdb("defer_never,retrans_2s,a=slow.example") return accept() end)]], zone = "slow.example. TIMEOUT\n" }
    local s = w:session()
    s:mail "a@there.example"
    s:rcpt "ann@example.org"
    assert.truthy(w:logged "Long dnsdb lookup for 'defer_never,retrans_2s,a=slow.example'")
  end)

  it("writes one about dns.*, too", function()
    local w = world.new { lua = [[site { primary_hostname = "mx.example.org", slow_lookup_log = 500 }
      acl.rcpt(function(m) dns.try.a "slow.example" return accept() end)]], zone = "slow.example. TIMEOUT\n" }
    local s = w:session()
    s:mail "a@there.example"
    s:rcpt "ann@example.org"
    assert.truthy(w:logged "Long dns.a lookup for 'slow.example'")
  end)
end)
