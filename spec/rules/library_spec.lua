-- The functions of the library in the real engine: C behind them, waits inside them, hostile arguments.
local world = require "perigee.world"

local ZONE = [[
a.example.  A 192.0.2.1
a.example.  A 192.0.2.2
a.example.  AAAA 2001:db8::1
a.example.  MX 20 b.example.
a.example.  MX 10 c.example.
a.example.  TXT "v=one" " two"
null.example. MX 0 .
slow.example. SERVFAIL
1.2.0.192.in-addr.arpa. PTR a.example.
]]

local function new(lua) return world.new { lua = lua or "acl.rcpt { accept {} }", zone = ZONE } end

describe("the library in the engine", function()
  local w = new()
  local function eval(code)
    local answer, why = w:eval(code, { client = "192.0.2.1", sender = "s@a.example" })
    return answer and answer:gsub("\n$", "") or nil, why
  end

  it("asks the DNS", function()
    for _, row in ipairs {
      { [[#dns.a "a.example"]], "[2]" }, { [[dns.aaaa "a.example"]], '[["2001:db8::1"]]' },
      { [[dns.mx("a.example")[1].name, dns.mx("a.example")[2].preference]], '["c.example",20]' },
      { [[dns.mx("null.example")[1].name]], '[""]' }, { [[dns.txt "a.example"]], '[["v=one two"]]' },
      { [[dns.ptr "192.0.2.1"]], '[["a.example"]]' }, { [[dns.reverse "192.0.2.1"]], '["a.example"]' }, { [[dns.reverse "192.0.2.9"]], "[null]" },
      { [[dns.a "none.example"]], "[null]" }, { [[select(2, dns.try.a "slow.example").kind]], '["again"]' },
      { [[select(2, dns.try.a "none.example").kind]], '["none"]' }, { [[dns.a ""]], "[null]" }, { [[dns.a(("x"):rep(300))]], "[null]" },
    } do
      assert.equal(row[2], (eval(row[1])), row[1])
    end
    local answer, why = eval [[dns.a "slow.example"]]
    assert.is_nil(answer)
    assert.truthy(why:find("slow.example", 1, true), why)
  end)

  it("reads addresses, networks, digests and expressions", function()
    for _, row in ipairs {
      { [[ip.within("10.1.1.1", "10.0.0.0/8"), ip.within("2001:db8::1", "2001:db8::/32"), ip.within("11.0.0.1", "10.0.0.0/8")]], "[true,true,false]" },
      { [[ip.mask("192.0.2.77", 26), ip.mask("2001:db8:ffff::1", 33)]], '["192.0.2.64","2001:db8:8000::"]' },
      { [[ip.is_v4 "256.1.1.1", ip.is_v4 "1.2.3", ip.is_v6 "1::2::3", ip.is_v6 "::1"]], "[false,false,false,true]" },
      { [[ip.reverse "2001:db8::1"]], '["1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa"]' },
      { [[hash.sha256 "", hash.md5 "abc"]], '["e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855","900150983cd24fb0d6963f7d28e17f72"]' },
      { [[regex.match("ab12", "([0-9])([0-9])")]], '[{"0":"12","1":"1","2":"2"}]' },
      { [[regex.match("ab12cd", "([0-9]+)(x)?(.)")[1], regex.match("ab12cd", "([0-9]+)(x)?(.)")[2], regex.match("abc", "[0-9]")]], '["12","",null]' },
      { [[address.parse("ann@example.org").domain, address.parse("a b@c") == nil]], '["example.org",true]' },
    } do
      if row[2] then assert.equal(row[2], (eval(row[1])), row[1]) end
    end
  end)

  it("stops expressions that would take too long, and says so (R8.5)", function()
    local answer, why = eval [[regex.match(("a"):rep(40) .. "b", "^(a+)+$")]]
    assert.is_nil(answer)
    assert.truthy(why:find("limit", 1, true), why)
    answer, why = eval [[regex.match(("a"):rep(70000), "a")]]
    assert.is_nil(answer)
    assert.truthy(why:find("65536", 1, true), why)
    answer, why = eval [[regex.match("a", "(")]]
    assert.is_nil(answer)
    assert.truthy(why:find("regular expression", 1, true), why)
  end)

  it("keeps what rules store, with its type and its time", function()
    local s = new()
    local function x(code) return (s:eval(code, {}):gsub("\n$", "")) end
    x [[store.put("t", "k", "12", "1h")]]
    assert.equal('["12"]', x [[store.get("t", "k")]])
    x [[store.put("t", "n", 12.5)]]
    assert.equal("[12.5]", x [[store.get("t", "n")]])
    x [[store.put("t", "b", false)]]
    assert.equal("[false]", x [[store.get("t", "b")]])
    assert.equal("[1,2,5]", x [[store.incr("t", "i", "1h"), store.incr("t", "i", "1h"), store.incr("t", "i", "1h", 3)]])
    s:advance "2h"
    assert.equal("[null,12.5]", x [[store.get("t", "k"), store.get("t", "n")]])
    x [[store.put("t", "n", nil)]]
    assert.equal("[null]", x [[store.get("t", "n")]])
  end)

  it("reads files beneath the rule directory only, in a hermetic world", function()
    local dir = os.tmpname()
    os.remove(dir)
    os.execute("mkdir -p " .. dir .. "/sub")
    local function put(name, text)
      local f = assert(io.open(dir .. "/" .. name, "w"))
      f:write(text)
      f:close()
    end
    put("10.lua", [[acl.rcpt { accept {} }]])
    put("names", "ann: one\n")
    put("sub/names", "ann: two\n")
    os.execute("ln -s /etc/passwd " .. dir .. "/link")
    local s = world.new { rules = dir, zone = ZONE }
    local function x(code)
      local answer, why = s:eval(code, {})
      return (answer or why):gsub("\n$", "")
    end
    assert.equal('["one"]', x [[lookup.lsearch("names", "Ann")]])
    assert.equal('["two"]', x [[lookup.lsearch("sub/names", "ann")]])
    assert.equal("[null]", x [[lookup.lsearch("names", "bob")]])
    assert.equal('["one"]', x(("lookup.lsearch(%q, 'ann')"):format(dir .. "/names")))
    for _, path in ipairs { "/etc/passwd", "link", "../x", "none" } do
      local said = x(("lookup.try.lsearch(%q, 'root') == nil"):format(path))
      assert.is_true(said == "[true]" or said:find("must begin with /", 1, true) ~= nil, path .. ": " .. said)
    end
    put("names", "ann: changed its length\n")
    assert.equal('["changed its length"]', x [[lookup.lsearch("names", "ann")]])
    os.execute("rm -r " .. dir)
  end)

  it("answers every argument with a value or an error, never otherwise (R8.7)", function()
    local names = {
      "dns.a", "dns.mx", "dns.ptr", "dns.reverse", "dns.txt", "dns.srv", "lookup.lsearch", "store.get", "store.put", "store.incr", "store.del", "path",
      "address.parse", "address.domain", "ip.is", "ip.within", "ip.mask", "ip.reverse", "ip.canonical", "list.split", "list.join", "list.has",
      "list.filter", "list.map", "hash.sha256", "regex.match", "header.add", "header.remove", "logwrite", "sleep", "verify.recipient", "verify.sender",
      "check.hosts", "check.domains", "check.senders", "check.acl", "check.condition", "check.verify", "control.freeze", "control.queue",
      "control.submission", "route.to", "redirect", "fail", "deny", "accept", "warn", "site", "retry.rule", "event.on", "require", "secret.file",
    }
    local hostile = { "nil", "true", "0", "-1", "0/0", "1e308", "''", "('x'):rep(70000)", "'\\0'", "'\\r\\n.'", "'a\\0b@c'", "'::'", "'%s%n'", "{}", "{ {} }",
                      "function() end", "print", "setmetatable({}, { __index = function() error('x') end })", "(\"(\"):rep(5000)", "'!!!+x'", "'<;'" }
    local calls = {}
    for _, name in ipairs(names) do
      for _, a in ipairs(hostile) do
        calls[#calls + 1] = ("pcall(function() return %s(%s) end)"):format(name, a)
        calls[#calls + 1] = ("pcall(function() return %s('a', %s, %s) end)"):format(name, a, a)
      end
    end
    for from = 1, #calls, 100 do
      local some = {}
      for i = from, math.min(from + 99, #calls) do some[#some + 1] = calls[i] end
      -- a part may run into its budget: that is an answer too
      local answer, why = eval("(function() " .. table.concat(some, "; ") .. " end)()")
      assert.is_true(answer ~= nil or type(why) == "string")
    end
    assert.equal("[1]", (eval "1"))     -- it lives
  end)

  it("tells rules from an old transaction that it is over", function()
    local s = new [[
      local kept
      acl.mail(function(m) kept = m end)
      acl.rcpt(function(m) return accept(kept.sender_address) end)]]
    local c = s:session {}
    c:mail "a@a.example"
    assert.reply(c:rcpt "b@c.example", "451")
  end)
end)
