-- DNSSEC and DANE as rules meet them: hosts of a pretended DNS, and receivers that speak in clear only. What TLS itself does
-- is for spec/peers/dane_spec.py.

local world = require "perigee.world"

local HEX = ("01"):rep(32)
local ZONE = [[
$SECURE
bound.example.               MX 10 mx.bound.example.
bound.example.               MX 20 mx.free.example.
mx.bound.example.            A 192.0.2.1
_25._tcp.mx.bound.example.   TLSA 3 1 1 ]] .. HEX .. [[

mx.free.example.             A 192.0.2.2
free.example.                MX 10 mx.free.example.
alone.example.               MX 10 mx.bound.example.
lost.example.                MX 10 mx.lost.example.
mx.lost.example.             A 192.0.2.1
_25._tcp.mx.lost.example.    SERVFAIL
forged.example.              MX 10 mx.forged.example.
mx.forged.example.           A 192.0.2.1
_25._tcp.mx.forged.example.  BOGUS
old.example.                 MX 10 mx.old.example.
mx.old.example.              A 192.0.2.1
_25._tcp.mx.old.example.     TLSA 0 1 1 ]] .. HEX .. [[

_25._tcp.mx.away.example.    CNAME _tlsa.plain.example.
away.example.                MX 10 mx.away.example.
mx.away.example.             A 192.0.2.2
half.example.                MX 10 mx.plain.example.
$INSECURE
_tlsa.plain.example.         TLSA 3 1 1 ]] .. HEX .. [[

plain.example.               MX 10 mx.plain.example.
mx.plain.example.            A 192.0.2.2
_25._tcp.mx.plain.example.   TLSA 3 1 1 ]] .. HEX .. "\n"

local function new(transport, router)
  local w = world.new { zone = ZONE, rules = { "spec/accept/site.lua" }, lua = [[
site { log_selector = "+dnssec" }
router.out { driver = "dnslookup", domains = "! +local_domains", transport = "out", ]] .. (router or "") .. [[ }
router.here { driver = "accept", domains = "+local_domains", transport = "mailbox" }
acl.rcpt { accept {} }
event.on("dane:fail", function(m) logwrite("DANE " .. m.host .. " " .. m.event_data .. " " .. tostring(m.tls_out_tlsa_usage)) end)
transport.out { driver = "smtp", ]] .. (transport or "") .. " }" }
  w:peer "192.0.2.1"
  w:peer "192.0.2.2"
  return w
end

local function sent(w, domain)
  w:send { to = "ann@" .. domain }
  return #w:queue() == 0
end

describe("DANE", function()
  it("binds a host whose records are secure: nothing is said to it in clear (DANE-11, R6.3)", function()
    local w = new()
    assert.falsy(sent(w, "alone.example"))
    assert.logged(w, "H=mx.bound.example [192.0.2.1] DS defer (-38): a TLS session is required, but the server did not offer TLS support")
    assert.logged(w, "DANE mx.bound.example starttls-not-supported 8")
    assert.falsy((w:heard "192.0.2.1"):find("MAIL", 1, true))
  end)

  it("lets the next MX take what the first may not", function()
    local w = new()
    assert.truthy(sent(w, "bound.example"))
    assert.logged(w, "H=mx.free.example [192.0.2.2] DS C=")
  end)

  it("does not bind without records, with records that are not secure, or at hosts that are not", function()
    local w = new()
    assert.truthy(sent(w, "free.example"))
    assert.truthy(sent(w, "away.example"))
    assert.logged(w, "DANE error: TLSA lookup for mx.away.example not DNSSEC")
    assert.truthy(sent(w, "plain.example"))
    assert.truthy(sent(w, "half.example"))
    assert.falsy((w:logged "DANE mx.") or false)
  end)

  it("puts off where the records cannot be found out (DANE-T6)", function()
    local w = new()
    assert.falsy(sent(w, "lost.example"))
    assert.logged(w, "defer (-36): DANE error: tlsa lookup DEFER")
    assert.logged(w, "DANE mx.lost.example dnssec-invalid")
    assert.falsy(sent(w, "forged.example"))
    assert.logged(w, "H=mx.forged.example [192.0.2.1] DS defer (-36): DANE error: tlsa lookup DEFER")
  end)

  it("puts off where no record is one that SMTP can use (DANE-05)", function()
    local w = new()
    assert.falsy(sent(w, "old.example"))
    assert.logged(w, "DANE error: No usable TLSA records")
  end)

  it("is off for hosts that it is not to be tried with, and where DNSSEC is not asked for (DANE-08)", function()
    assert.truthy(sent(new 'hosts_try_dane = "!mx.bound.example : *"', "alone.example"))
    local w = new("", 'dnssec_request_domains = "!alone.example : *"')
    assert.truthy(sent(w, "alone.example"))
    assert.falsy((w:logged " DS") or false)
  end)

  it("required and not there is a failure, after every host was asked (DANE-04)", function()
    local w = new 'hosts_require_dane = "*"'
    w:send { to = "ann@plain.example", from = "bob@example.org" }
    assert.logged(w, "** ann@plain.example R=out T=out H=mx.plain.example [192.0.2.2]")
    assert.logged(w, "DANE error: mx.plain.example lookup not DNSSEC")
    assert.logged(w, "DANE mx.plain.example dane-required")
    w:send { to = "ann@free.example", from = "bob@example.org" }
    assert.logged(w, "DANE error: tlsa lookup FAIL")
    assert.equals(0, #w:queue())
    -- one that may come right yet keeps the message
    w:send { to = "ann@bound.example", from = "bob@example.org" }
    assert.equals(1, #w:queue())
  end)

  it("holds for callouts, too", function()
    local w = world.new { zone = ZONE, rules = { "spec/accept/site.lua" }, lua = [[
router.out { driver = "dnslookup", domains = "! +local_domains", transport = "out" }
transport.out { driver = "smtp" }
acl.rcpt { demand { verify = "recipient/callout" }, accept {} }]] }
    w:peer "192.0.2.1"
    w:peer "192.0.2.2"
    local s = w:session {}
    s:mail "bob@example.org"
    assert.reply(s:rcpt "ann@free.example", "250")
    assert.reply(s:rcpt "ann@alone.example", "451")
    assert.falsy((w:heard "192.0.2.1"):find("MAIL", 1, true))
  end)
end)

describe("dnssec_require_domains", function()
  it("of a router puts off domains whose answers are not secure, by MX or by name", function()
    local w = new("", 'dnssec_require_domains = "*"')
    assert.falsy(sent(w, "plain.example"))
    assert.logged(w, "MX answer is not DNSSEC-secure")
    w = world.new { zone = ZONE, rules = { "spec/accept/site.lua" }, lua = [[
acl.rcpt { accept {} }
router.out { driver = "manualroute", route_list = { "x.example mx.plain.example", "y.example mx.free.example" }, transport = "out",
             dnssec_require_domains = "*.plain.example : mx.free.example" }
transport.out { driver = "smtp" }]] }
    w:peer "192.0.2.2"
    assert.falsy(sent(w, "x.example"))
    assert.logged(w, "A mx.plain.example: answer is not DNSSEC-secure")
    w:send { to = "ann@y.example" }
    assert.equals(1, #w:queue())
  end)

  it("of a transport is about the hosts it names itself", function()
    for name, there in pairs { ["mx.plain.example"] = false, ["mx.free.example"] = true } do
      local w = world.new { zone = ZONE, rules = { "spec/accept/site.lua" }, lua = [[
acl.rcpt { accept {} }
router.out { driver = "accept", transport = "out" }
transport.out { driver = "smtp", hosts = "]] .. name .. [[", dnssec_require_domains = "*" }]] }
      w:peer "192.0.2.2"
      assert.equals(there, sent(w, "x.example"))
    end
  end)
end)

describe("options of TLS", function()
  it("that are functions know the host", function()
    local w = new 'hosts_require_tls = function(m) logwrite("asked for " .. m.host .. " " .. m.host_address) return "mx.plain.example" end'
    assert.truthy(sent(w, "free.example"))
    assert.logged(w, "asked for mx.free.example 192.0.2.2")
    assert.falsy(sent(w, "plain.example"))
    assert.logged(w, "a TLS session is required")
  end)

  it("are looked at by check", function()
    for options, text in pairs {
      ['tls_require_ciphers = "NONSENSE"'] = 'tls_require_ciphers: "NONSENSE": no cipher match',
      ['dane_require_tls_ciphers = "ROT13"'] = '"ROT13": no cipher match',
      ['tls_privatekey = "/k"'] = "tls_privatekey is a certificate's key, and tls_certificate is not set",
      ['tls_verify_certificates = "/no/ca.pem"'] = "tls_verify_certificates: open /no/ca.pem: No such file or directory",
      ['tls_certificate = "/no/client.pem"'] = "tls_certificate: open /no/client.pem: No such file or directory",
    } do
      local good, said = world.check { rules = { "spec/accept/site.lua" }, lua = 'transport.out { driver = "smtp", ' .. options .. " }" }
      assert.falsy(good, options)
      assert.truthy(said:find("lua:1: ", 1, true) and said:find(text, 1, true), said)
    end
  end)

  it("that fail keep the message", function()
    local w = new 'tls_sni = function(m) error("no") end'
    assert.falsy(sent(w, "free.example"))
    assert.logged(w, "== ann@free.example R=out T=out defer (-1): transport out: ")
  end)
end)

describe("tls.resumption", function()
  it("puts the bits into words (RES-T5)", function()
    local w = world.new { rules = { "spec/accept/site.lua" } }
    assert.equals('["session resumed"]\n', (w:eval 'tls.resumption(1 + 2 + 4 + 16)'))
    assert.equals('["client requested new ticket, server provided"]\n', (w:eval 'tls.resumption(1 + 2 + 8)'))
    assert.equals('["session resumed, also new ticket"]\n', (w:eval 'tls.resumption(31)'))
    assert.equals('["not supported"]\n', (w:eval 'tls.resumption(0)'))
    assert.equals("[null]\n", (w:eval "tls.resumption(m.tls_in_resumption)"))
    assert.falsy((w:eval "tls.resumption(32)"))
  end)
end)
