-- F40: routers and the order of hosts

local world = require "perigee.world"

local ZONE = [[
both.example. MX 10 mx.both.example.
mx.both.example. AAAA 2001:db8::1
mx.both.example. A 192.0.2.1
four.example. A 192.0.2.4
dead.example. SERVFAIL
host.test. A 192.0.2.9
host.test. AAAA 2001:db8::9
]]

local function new(routers, peers)
  local w = world.new { rules = { "spec/accept/site.lua" }, zone = ZONE,
                        lua = routers .. '\nacl.rcpt { accept {} }\ntransport.remote { driver = "smtp" }\ntransport.alt_smtp { driver = "smtp" }\n' }
  for at, answers in pairs(peers or {}) do w:peer(at, answers) end
  return w
end

local function first_address(w)
  for _, line in ipairs(w:log()) do
    local address = line:match "=> .-H=%S+ %[([^%]]+)%]"
    if address then return address end
  end
end

local EVERYONE = { ["192.0.2.1"] = {}, ["2001:db8::1"] = {}, ["192.0.2.9"] = {}, ["2001:db8::9"] = {} }

local function goes_to(router, to)
  local w = new(router, EVERYONE)
  w:send { from = "a@example.org", to = to or "b@both.example" }
  return first_address(w), w
end

local function dnslookup(more)
  return 'router.remote { driver = "dnslookup", domains = "! +local_domains", transport = "remote"' .. (more or "") .. " }"
end

describe("host order", function()
  it("RT-T1 IPv6 first; ipv4_prefer puts IPv4 first; ipv4_only never tries IPv6", function()
    assert.equals("2001:db8::1", (goes_to(dnslookup())))
    assert.equals("192.0.2.1", (goes_to(dnslookup ", ipv4_prefer = true")))
    local w = new(dnslookup ", ipv4_only = true", { ["2001:db8::1"] = {} })
    w:send { from = "a@example.org", to = "b@both.example" }
    assert.equals(0, select(2, w:heard "2001:db8::1"))
  end)

  it("RT-T2 ipv4_only: no, 0, false in any case and nil are off, any other text is on", function()
    for _, off in ipairs { '"NO"', '"0"', '"False"', "function() return nil end" } do
      assert.equals("2001:db8::1", (goes_to(dnslookup(", ipv4_only = " .. off))), off)
    end
    for _, on in ipairs { '"maybe"', '"yes"', "function() return 'maybe' end" } do
      assert.equals("192.0.2.1", (goes_to(dnslookup(", ipv4_only = " .. on))), on)
    end
  end)

  it("RT-T3 the words of a manualroute item are honoured in any order", function()
    for _, words in ipairs { "bydns ipv4_only alt_smtp randomize", "randomize alt_smtp ipv4_only bydns", "alt_smtp bydns randomize ipv4_only" } do
      local at, w = goes_to('router.r { driver = "manualroute", domains = "! +local_domains", transport = "remote", route_list = { "ex.test host.test '
        .. words .. '" } }', "b@ex.test")
      assert.equals("192.0.2.9", at, words)
      assert.logged(w, "T=alt_smtp")
    end
  end)

  it("RT-T4 a router whose hosts are all in ignore_target_hosts declines, the next is used", function()
    local w = new('router.first { driver = "dnslookup", domains = "! +local_domains", transport = "remote", ignore_target_hosts = "192.0.2.4" }\n'
      .. 'router.second { driver = "manualroute", domains = "! +local_domains", transport = "alt_smtp", route_list = { "* 192.0.2.9" } }', EVERYONE)
    w:send { from = "a@example.org", to = "b@four.example" }
    assert.logged(w, "R=second")
    assert.equals("192.0.2.9", first_address(w))
  end)

  it("RT-T5 a name server that does not answer defers under bydns", function()
    local w = new('router.r { driver = "manualroute", domains = "! +local_domains", transport = "remote", route_list = { "* dead.example bydns" } }')
    w:send { from = "a@example.org", to = "b@x.example" }
    assert.logged(w, "== b@x.example")
    assert.equals(1, #w:queue())
  end)

  it("RT-T6 a condition sees the domain it is asked about", function()
    local w = new('router.yes { driver = "manualroute", condition = function(m) return m.domain == "yes.example" end, transport = "remote", '
      .. 'route_list = { "* 192.0.2.1" } }\nrouter.no { driver = "manualroute", transport = "alt_smtp", route_list = { "* 192.0.2.9" } }', EVERYONE)
    w:send { from = "a@example.org", to = { "b@yes.example", "b@no.example" } }
    assert.logged(w, "=> b@yes.example R=yes")
    assert.logged(w, "=> b@no.example R=no")
  end)
end)
