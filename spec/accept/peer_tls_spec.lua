-- Receivers that speak TLS in a world: real handshakes, with certificates the world makes.

local world = require "perigee.world"

local ZONE = [[
out.example.     MX 10 mx.out.example.
mx.out.example.  A 192.0.2.1
]]

local SECURE = "$SECURE\n" .. ZONE .. "_25._tcp.mx.out.example. TLSA "

local function new(transport, zone, more)
  return world.new { zone = zone or ZONE, rules = { "spec/accept/site.lua" }, lua = [[
site { log_selector = "+dnssec +tls_peerdn +tls_resumption" }
router.out { driver = "dnslookup", domains = "! +local_domains", transport = "out" }
acl.rcpt { accept {} }
event.on("msg:delivery", function(m)
  logwrite(("ver=%s sni=%s ocsp=%s dane=%s usage=%s verified=%s"):format(tostring(m.tls_out_ver), tostring(m.tls_out_sni), tostring(m.tls_out_ocsp),
           tostring(m.tls_out_dane), tostring(m.tls_out_tlsa_usage), tostring(m.tls_out_certificate_verified)))
end)
]] .. (more or "") .. " transport.out { driver = \"smtp\", " .. (transport or "") .. " }" }
end

-- One world for one kind of receiver: whether the message went, and what was logged behind the message's arrival.
local function sent(peer, transport, zone, more)
  local w = new(transport, zone, more)
  w:peer("192.0.2.1", type(peer) == "string" and { tls = peer } or peer)
  w:send { to = "ann@out.example" }
  return #w:queue() == 0, table.concat(w:log(), "\n"), w
end

local function goes(expected, peer, transport, zone, text)
  local there, log = sent(peer, transport, zone)
  assert.equals(expected, there, log)
  for _, part in ipairs(type(text) == "table" and text or { text }) do
    assert.truthy(log:find(part, 1, true), part .. "\n" .. log)
  end
  return log
end

local DEFER = "defer (-37): TLS session: (SSL_connect): error:0A000086:SSL routines::certificate verify failed: "
local CLEAR = "delivering unencrypted to H=mx.out.example [192.0.2.1] (not in hosts_require_tls)"
local MUST = 'hosts_require_tls = "*", tls_verify_hosts = "*"'

describe("a receiver with a certificate", function()
  it("that is good is spoken to under TLS, and found verified", function()
    local log = goes(true, "mx.out.example", nil, nil, {
      'X=TLS1.3:TLS_AES_256_GCM_SHA384:256 CV=yes DN="CN=mx.out.example"', "ver=TLS1.3 sni=nil ocsp=1 dane=false usage=0 verified=true" })
    assert.falsy(log:find("SSL verify error", 1, true))
    goes(true, "mx.out.example", MUST, nil, "CV=yes")
    goes(true, "*.out.example", MUST, nil, "CV=yes")
    goes(true, "other.example mx.out.example", MUST, nil, "CV=yes")
  end)

  it("that is not good is spoken to where it is tried, and not where it must be", function()
    for tls, why in pairs {
      ["other.example"] = "certificate name mismatch",
      ["mx.out.example; is=expired"] = "certificate has expired",
      ["mx.out.example; is=early"] = "certificate is not yet valid",
      ["mx.out.example; by=stranger"] = "unable to get local issuer certificate",
      ["mx.out.example; by=itself"] = "self-signed certificate",
    } do
      goes(true, tls, nil, nil, { "SSL verify error: ", why, "CV=no" })
      goes(false, tls, MUST, nil, { DEFER })
      goes(true, tls, 'tls_try_verify_hosts = ""', nil, " X=TLS1.3:")
    end
    goes(true, "other.example", MUST .. ', tls_verify_cert_hostnames = ""', nil, "CV=yes")
  end)

  it("of an authority that rules name by its file is good where that is trusted", function()
    local ours = 'tls_verify_certificates = "/etc/perigee/partner.pem", ' .. MUST
    goes(true, "mx.out.example; by=/etc/perigee/partner.pem", ours, nil, "CV=yes")
    goes(false, "mx.out.example; by=/etc/perigee/partner.pem", MUST, nil, DEFER)
    goes(false, "mx.out.example", ours, nil, "TLS session: open /etc/perigee/partner.pem: No such file or directory")
  end)

  it("that was revoked is found on the list that rules name", function()
    local listed = 'tls_crl = "/etc/perigee/revoked.pem", ' .. MUST
    goes(true, "mx.out.example; crl=/etc/perigee/revoked.pem", listed, nil, "CV=yes")
    goes(false, "mx.out.example; crl=/etc/perigee/revoked.pem; is=revoked", listed, nil, DEFER .. "certificate revoked")
    goes(true, "mx.out.example; is=revoked", MUST, nil, "CV=yes")       -- nobody asked
  end)

  it("changes it: who spoke with the old one comes again, and meets the new one", function()
    local w = new(MUST)
    w:peer("192.0.2.1", { tls = "mx.out.example" })
    w:send { to = "ann@out.example" }
    w:peer("192.0.2.1", { tls = "mx.out.example; is=expired" })
    w:send { to = "ann@out.example" }
    assert.equals(1, #w:queue())
    assert.logged(w, DEFER .. "certificate has expired")
  end)

  it("is the same in every run", function()
    local event = 'event.on("msg:delivery", function(m) logwrite("digest " .. hash.sha256(m.tls_out_peercert)) end)'
    local function digest(tls)
      local _, log = sent(tls, nil, nil, event)
      return assert(log:match "digest (%x+)", log)
    end
    assert.equals(digest "mx.out.example", digest "mx.out.example")
    assert.not_equals(digest "mx.out.example", digest "mx.out.example; is=expired")
  end)

  it("stays good while years go by", function()
    local w = new(MUST)
    w:peer("192.0.2.1", { tls = "mx.out.example; ocsp=good" })
    w:advance "52w"
    w:send { to = "ann@out.example" }
    assert.logged(w, "CV=yes")
  end)
end)

describe("STARTTLS", function()
  it("that is not offered: clear text, or nothing where TLS is required", function()
    goes(true, {}, nil, nil, "[192.0.2.1] C=")
    goes(false, {}, 'hosts_require_tls = "*"', nil, "defer (-38): a TLS session is required, but the server did not offer TLS support")
    local _, _, w = sent({}, 'hosts_require_tls = "*"')
    assert.falsy((w:heard "192.0.2.1"):find("MAIL", 1, true))
  end)

  it("is in the answer to EHLO whatever that is, and not under TLS", function()
    local _, log, w = sent { tls = "mx.out.example", ehlo = "250 mx.out.example" }
    assert.truthy(log:find(" X=TLS1.3:", 1, true))
    local _, starttls = (w:heard "192.0.2.1"):gsub("STARTTLS", "")
    assert.equals(1, starttls)
    assert.truthy((w:heard "192.0.2.1"):find("EHLO mx.example.org\r\nSTARTTLS\r\n(TLS1.3)\r\nEHLO mx.example.org\r\nMAIL FROM:", 1, true))
  end)

  it("is for LMTP, too", function()
    local w = world.new { rules = { "spec/accept/site.lua" }, lua = [[
router.in_ { driver = "accept", transport = "lmtp" }
acl.rcpt { accept {} }
transport.lmtp { driver = "smtp", protocol = "lmtp", hosts = "192.0.2.1", hosts_override = true, hosts_require_tls = "*" }]] }
    w:peer("192.0.2.1", { tls = "mx.out.example", lhlo = "250-mx.out.example\r\n250 8BITMIME" })
    w:send { to = "ann@example.org" }
    assert.equals(0, #w:queue(), table.concat(w:log(), "\n"))
    assert.truthy((w:heard "192.0.2.1"):find("STARTTLS\r\n(TLS1.3)\r\nLHLO", 1, true))
  end)

  it("that is offered and refused: clear text on the same connection, or none", function()
    local later = { starttls = "454 4.7.0 not now" }
    goes(true, later, nil, nil, "[192.0.2.1] C=")
    goes(false, later, "tls_tempfail_tryclear = false", nil, "SMTP error from remote mail server after STARTTLS: 454 4.7.0 not now")
    goes(false, later, 'hosts_require_tls = "*"', nil, "a TLS session is required, but an attempt to start TLS failed: 454 4.7.0 not now")
    goes(true, { starttls = "502 5.5.1 never", tls = "mx.out.example" }, "tls_tempfail_tryclear = false", nil, "[192.0.2.1] C=")
    local _, _, w = sent(later)
    assert.equals(1, select(2, w:heard "192.0.2.1"))
  end)

  it("that breaks: clear text on another connection, or none", function()
    for _, broken in ipairs {
      { tls = "mx.out.example", close = "handshake" }, { handshake = "what are you talking about" }, { tls = "mx.out.example; version=TLS1.1" },
    } do
      local there, log, w = sent(broken)
      assert.truthy(there, log)
      assert.truthy(log:find(CLEAR, 1, true), log)
      assert.equals(2, select(2, w:heard "192.0.2.1"))
      goes(false, broken, "tls_tempfail_tryclear = false", nil, "defer (-37): TLS session: (SSL_connect)")
      goes(false, broken, 'hosts_require_tls = "*"', nil, "defer (-37): TLS session: (SSL_connect)")
    end
    local _, _, w = sent("mx.out.example; version=TLS1")
    assert.truthy((w:heard "192.0.2.1"):find("(TLS failed: unsupported protocol)", 1, true))
  end)

  it("that never goes on is given up when its time is over", function()
    local w = new 'hosts_require_tls = "*"'
    w:peer("192.0.2.1", { tls = "mx.out.example", stall = "handshake" })
    w:send { to = "ann@out.example" }
    w:advance "10m"
    assert.logged(w, "TLS session: the handshake timed out")
  end)

  it("is not asked of hosts that are to be left alone", function()
    goes(true, "mx.out.example", 'hosts_avoid_tls = "192.0.2.0/24"', nil, "[192.0.2.1] C=")
  end)

  it("on which somebody slips words in before the handshake is no TLS", function()
    local _, log = sent { tls = "mx.out.example", starttls = "220 go\r\n250 injected" }
    assert.truthy(log:find("injected", 1, true), log)
    assert.falsy(log:find(" X=", 1, true))
  end)
end)

describe("what handshakes come to", function()
  it("is the version and the cipher that the receiver allows", function()
    goes(true, "mx.out.example; version=TLS1.2", nil, nil, "X=TLS1.2:ECDHE-ECDSA-AES256-GCM-SHA384:256")
    goes(true, "mx.out.example; ciphers=TLS_CHACHA20_POLY1305_SHA256", nil, nil, "X=TLS1.3:TLS_CHACHA20_POLY1305_SHA256:256")
    goes(false, "mx.out.example; version=TLS1.2; ciphers=ECDHE-ECDSA-AES128-GCM-SHA256",
         'hosts_require_tls = "*", tls_require_ciphers = "ECDHE-ECDSA-AES256-GCM-SHA384"', nil, "handshake failure")
  end)

  it("tls_sni: the receiver hears the name", function()
    local _, log, w = sent("mx.out.example", "tls_sni = function(m) return m.host end")
    assert.truthy(log:find("sni=mx.out.example", 1, true))
    assert.truthy((w:heard "192.0.2.1"):find("(TLS1.3 SNI=mx.out.example)", 1, true))
  end)

  it("ALPN: what both speak", function()
    local alpn = 'tls_alpn = "smtp", hosts_require_alpn = "*", hosts_require_tls = "*"'
    local there, _, w = sent("mx.out.example; alpn=smtp", alpn)
    assert.truthy(there)
    assert.truthy((w:heard "192.0.2.1"):find("ALPN=smtp", 1, true))
    goes(false, "mx.out.example; alpn=imap", alpn, nil, "TLS session: ")
    goes(false, "mx.out.example", alpn, nil, "no ALPN protocol was agreed on")
  end)

  it("a client without a certificate is not taken where one is required", function()
    local _, _, w = sent "mx.out.example; client=require"
    assert.truthy((w:heard "192.0.2.1"):find("(TLS failed: peer did not return a certificate)", 1, true))
    goes(true, "mx.out.example; client=ask", MUST, nil, "CV=yes")
  end)

  it("a client with one shows it: files that are not there stand for one of the world's, with the path for its name", function()
    for _, key in ipairs { "", ', tls_privatekey = "/no/client.key"' } do
      local there, log, w = sent("mx.out.example; client=require", MUST .. ', tls_certificate = "/no/client.pem"' .. key)
      assert.truthy(there, log)
      assert.truthy((w:heard "192.0.2.1"):find('(TLS1.3 DN="CN=/no/client.pem")', 1, true), (w:heard "192.0.2.1"))
    end
    goes(false, "mx.out.example", MUST .. ', tls_certificate = "README.md"', nil, "README.md holds no certificate")
  end)

  it("sessions are resumed", function()
    local w = new('tls_resumption_hosts = "*", ' .. MUST)
    w:peer("192.0.2.1", { tls = "mx.out.example" })
    w:send { to = "ann@out.example" }
    w:advance "1h"
    w:send { to = "ann@out.example" }
    assert.logged(w, "X=TLS1.3:TLS_AES_256_GCM_SHA384:256* CV=yes")
    assert.truthy((w:heard "192.0.2.1"):find("(TLS1.3 resumed)", 1, true))
  end)

  it("several messages take one connection; hosts_noproxy_tls ends TLS between them", function()
    for transport, times in pairs { [""] = 1, ['hosts_noproxy_tls = "*"'] = 3 } do
      local w = new(transport)
      w:peer("192.0.2.1", { tls = "mx.out.example" })
      for _ = 1, 3 do w:send { to = "ann@out.example" } end
      local heard, connections = w:heard "192.0.2.1"
      assert.equals(1, connections)
      assert.equals(times, select(2, heard:gsub("%(TLS1.3%)", "")))
      assert.equals(times - 1, select(2, heard:gsub("%(clear%)\r\nEHLO", "")))
      assert.equals(0, #w:queue())
    end
  end)

  it("callouts speak TLS, too", function()
    local w = new(MUST, nil, 'acl.mail { demand { verify = "sender/callout" } }')
    w:peer("192.0.2.1", { tls = "mx.out.example" })
    local s = w:session {}
    assert.reply(s:mail "bob@out.example", "250")
    assert.truthy((w:heard "192.0.2.1"):find("(TLS1.3)\r\nEHLO", 1, true))
    w = new(MUST, nil, 'acl.mail { demand { verify = "sender/callout" } }')
    w:peer("192.0.2.1", { tls = "other.example" })
    assert.reply(w:session {}:mail "bob@out.example", "451")
  end)

  it("messages cut through speak TLS, too", function()
    local w = world.new { zone = ZONE, rules = { "spec/accept/site.lua" }, lua = [[
router.out { driver = "dnslookup", transport = "out" }
transport.out { driver = "smtp", hosts_require_tls = "*" }
acl.rcpt { accept { control = "cutthrough_delivery" } }]] }
    w:peer("192.0.2.1", { tls = "mx.out.example" })
    assert.reply(w:send { to = "ann@out.example" }, "250")
    assert.logged(w, ">> ann@out.example")
    assert.logged(w, " X=TLS1.3:")
    assert.truthy((w:heard "192.0.2.1"):find("(TLS1.3)\r\nEHLO mx.example.org\r\nMAIL FROM", 1, true))
  end)

  it("passwords are said under TLS, where the host offers to hear them", function()
    local _, log, w = sent({ tls = "mx.out.example", ehlo = "250-mx.out.example\r\n250 AUTH PLAIN", auth = "235 2.7.0 fine" },
      'hosts_require_auth = "*", hosts_require_tls = "*"', nil,
      'authenticator.plain { driver = "plaintext", public_name = "PLAIN", client_send = "\\0ann\\0secret" } ')
    assert.truthy((w:heard "192.0.2.1"):find("(TLS1.3)\r\nEHLO mx.example.org\r\nAUTH PLAIN ", 1, true), log .. w:heard "192.0.2.1")
    assert.truthy(log:find(" A=plain ", 1, true), log)
  end)

  it("tls:cert is asked about each certificate of the chain, and may object", function()
    local event = [[event.on("tls:cert", function(m)
      local dn = cert.extract(m.tls_out_peercert, "subject")
      logwrite("depth " .. m.event_data .. " " .. dn)
      if dn == OBJECT then return "not that one" end
    end) ]]
    local there, log = sent("mx.out.example", MUST, nil, "local OBJECT " .. event)
    assert.truthy(there, log)
    assert.truthy(log:find("depth 2 CN=Root,O=system\n.*depth 1 CN=Intermediate,O=system\n.*depth 0 CN=mx.out.example\n"), log)
    there, log = sent("mx.out.example", MUST, nil, 'local OBJECT = "CN=Intermediate,O=system" ' .. event)
    assert.falsy(there)
    assert.truthy(log:find("a certificate was refused by the event tls:cert", 1, true), log)
  end)
end)

describe("a stapled proof", function()
  it("is seen, and required where that is said", function()
    local must = 'hosts_require_tls = "*", hosts_require_ocsp = "*"'
    goes(true, "mx.out.example; ocsp=good", must, nil, { "CV=yes", "ocsp=4" })
    goes(false, "mx.out.example", must, nil, "Required TLS certificate status not received")
    for kind in pairs { revoked = 1, unknown = 1, old = 1 } do
      goes(false, "mx.out.example; ocsp=" .. kind, must, nil, "Required TLS certificate status not good")
      goes(true, "mx.out.example; ocsp=" .. kind, 'hosts_request_ocsp = "*"', nil, "ocsp=3")
    end
    goes(true, "mx.out.example; ocsp=good; by=stranger", 'hosts_request_ocsp = "*"', nil, "ocsp=2")
    goes(true, "mx.out.example", 'hosts_request_ocsp = "*"', nil, "ocsp=1")
    goes(true, "mx.out.example; ocsp=good", 'hosts_request_ocsp = ""', nil, "ocsp=0")
  end)
end)

describe("protocol = smtps", function()
  it("begins with TLS, and nothing is said in clear", function()
    local there, log, w = sent("mx.out.example; smtps", 'protocol = "smtps", ' .. MUST)
    assert.truthy(there, log)
    assert.truthy((w:heard "192.0.2.1"):find "^%(TLS1.3%)\r\nEHLO")
    assert.falsy((w:heard "192.0.2.1"):find("STARTTLS", 1, true))
    goes(false, "other.example; smtps", 'protocol = "smtps", ' .. MUST, nil, DEFER)
    goes(false, { handshake = "220 in clear", tls = { names = "mx.out.example", smtps = true } }, 'protocol = "smtps"', nil, "wrong version number")
  end)

  it("stands on a port of its own", function()
    local w = new 'protocol = "smtps"'
    w:peer("192.0.2.1:465", { tls = { names = { "mx.out.example" }, smtps = true } })
    w:peer("192.0.2.1:25", {})
    w:send { to = "ann@out.example" }
    assert.logged(w, " X=TLS1.3:")
    assert.equals(0, select(2, w:heard "192.0.2.1:25"))
  end)

  it("met by one that speaks first, waits", function()
    local w = new 'protocol = "smtps"'
    w:peer("192.0.2.1", {})
    w:send { to = "ann@out.example" }
    assert.logged(w, "TLS session: (SSL_connect): ")
  end)
end)

describe("TLSA records of a peer", function()
  it("are the zone's, with @ and the peer's address for what it shows", function()
    for record, usage in pairs { ["3 1 1"] = 8, ["3 0 2"] = 8, ["3 1 0"] = 8, ["2 1 1"] = 4, ["2 0 2"] = 4 } do
      goes(true, "mx.out.example", nil, SECURE .. record .. " @192.0.2.1 ; ours\n", { " DS X=TLS1.3:", "CV=dane", "dane=true usage=" .. usage })
    end
  end)

  it("of usage 3 verify whatever name and authority it has; of usage 2 the name counts (F06)", function()
    for _, tls in ipairs { "other.example", "mx.out.example; is=expired", "mx.out.example; by=stranger", "mx.out.example; by=itself" } do
      goes(true, tls, 'tls_verify_hosts = "*"', SECURE .. "3 1 1 @192.0.2.1\n", "CV=dane")
    end
    goes(true, "mx.out.example; by=stranger", nil, SECURE .. "2 0 1 @192.0.2.1\n", "CV=dane")
    goes(false, "other.example", nil, SECURE .. "2 0 1 @192.0.2.1\n", "DANE attempt failed; TLS connection to mx.out.example [192.0.2.1]: (SSL_connect)")
  end)

  it("that name another certificate: the host is not used, whatever else is good", function()
    local event = 'event.on("dane:fail", function(m) logwrite("DANE " .. m.host .. " " .. m.event_data) end)'
    local there, log = sent("mx.out.example", nil, SECURE .. "3 1 1 " .. ("01"):rep(32) .. "\n", event)
    assert.falsy(there)
    assert.truthy(log:find("DANE mx.out.example validation-failure", 1, true), log)
    assert.falsy(log:find("unencrypted", 1, true))
    there, log = sent({ starttls = "454 4.7.0 no" }, nil, SECURE .. "3 1 1 @192.0.2.1\n", event)
    assert.falsy(there)
    assert.truthy(log:find("DANE mx.out.example validation-failure", 1, true), log)
    there, log = sent({}, nil, SECURE .. "3 1 1 @192.0.2.1\n", event)
    assert.falsy(there)
    assert.truthy(log:find("DANE mx.out.example starttls-not-supported", 1, true), log)
  end)

  it("follow the certificate when it is another, and a CNAME", function()
    local w = new('hosts_require_dane = "*"', "$SECURE\n" .. ZONE ..
                  "_25._tcp.mx.out.example. CNAME _tlsa.out.example.\n_tlsa.out.example. TLSA ( 3 1 1 @192.0.2.1 )\n")
    for _, tls in ipairs { "mx.out.example", "mx.out.example; by=itself", "other.example" } do
      w:peer("192.0.2.1", { tls = tls })
      w:send { to = "ann@out.example" }
    end
    assert.equals(0, #w:queue())
    assert.equals(3, select(2, table.concat(w:log(), "\n"):gsub("CV=dane", "")))
  end)

  it("do not bind where they are not secure, and put off where they are forged", function()
    goes(true, "other.example", nil, "$SECURE\n" .. ZONE .. "$INSECURE\n_25._tcp.mx.out.example. TLSA 3 1 1 @192.0.2.1\n", "CV=no")
    goes(false, "mx.out.example", nil, "$SECURE\n" .. ZONE .. "_25._tcp.mx.out.example. BOGUS\n", "DANE error: tlsa lookup DEFER")
    goes(false, "mx.out.example", nil, "$SECURE\n" .. ZONE .. "_25._tcp.mx.out.example. SERVFAIL\n", "DANE error: tlsa lookup DEFER")
    local w = new('hosts_require_dane = "*"')
    w:peer("192.0.2.1", { tls = "mx.out.example" })
    w:send { to = "ann@out.example", from = "bob@example.org" }
    assert.logged(w, "** ann@out.example")
  end)

  it("make the host's name the one asked for, whatever tls_sni says", function()
    local _, _, w = sent("mx.out.example", 'tls_sni = "other.example"', SECURE .. "3 1 1 @192.0.2.1\n")
    assert.truthy((w:heard "192.0.2.1"):find("SNI=mx.out.example", 1, true))
  end)

  it("of usage 3 alone: no proof is asked for", function()
    goes(true, "mx.out.example; ocsp=good", nil, SECURE .. "3 1 1 @192.0.2.1\n", "ocsp=0")
    goes(true, "mx.out.example; ocsp=good", nil, SECURE .. "2 1 1 @192.0.2.1\n", "ocsp=4")
  end)
end)

describe("the words of the reference", function()
  local function taken(say)
    local _, why = pcall(say)
    local list = {}
    for name in assert(why:match "%(there are (.*)%)$", why):gsub(" and ", ", "):gmatch "[%w_]+" do list[#list + 1] = name end
    table.sort(list)
    return list
  end
  local function written(of)
    local list = { unpack(world.words[of]) }
    table.sort(list)
    return list
  end

  it("are those that peers and handshakes take", function()
    local w = new()
    assert.same(written "peer", taken(function() w:peer("192.0.2.1", { no_such_word = "" }) end))
    assert.same(written "peertls", taken(function() w:peer("192.0.2.1", { tls = "no_such_word=x" }) end))
    assert.same(written "handshake", taken(function() w:session {}:starttls { no_such_word = "x" } end))
  end)
end)

describe("what a spec says wrongly of a peer", function()
  local function says(text, fn)
    local ok, why = pcall(fn)
    assert.falsy(ok)
    assert.truthy(why:find("^spec/accept/peer_tls_spec.lua:%d+: "), why)
    assert.truthy(why:find(text, 1, true), why)
  end

  it("is said with its line, and the nearest right word", function()
    local w = new()
    for text, peer in pairs {
      ['peer: there is no word "rctp", did you mean rcpt?'] = { rctp = "550 no" },
      ['close: there is no word "hanshake", did you mean handshake?'] = { close = "hanshake" },
      ['tls: there is no option "oscp", did you mean ocsp?'] = { tls = "mx.out.example; oscp=good" },
      ['tls: there is no is = "expird", did you mean expired? (there are good, expired, early and revoked)'] = { tls = { names = "a.example", is = "expird" } },
      ["tls: a certificate is for a name: say names=mx.example first"] = { tls = { is = "expired" } },
      ["tls: a certificate is for a name: say names=mx.example first "] = { tls = true, starttls = "220 x" },
      ["starttls 220 go: the peer has no certificate; before that tell it `tls NAME`"] = { starttls = "220 go" },
      ['tls: "a,b" is no host\'s name'] = { tls = "a,b" },
      ["tls: by=itself has no authority"] = { tls = "a.example; by=itself; is=revoked" },
      ["tls: ciphers, version: no cipher match"] = { tls = "a.example; ciphers=ROT13" },
    } do
      says(text:gsub(" $", ""), function() w:peer("192.0.2.1", peer) end)
    end
    says('peer: "192.0.2.300" is no address', function() w:peer("192.0.2.300", {}) end)
    says('session: there is no option "ckient", did you mean client?', function() w:session { ckient = "192.0.2.1" } end)
    says('send: there is no option "sender"', function() w:send { sender = "" } end)
    says('a world: there is no option "rule", did you mean rules?', function() world.new { rule = "spec/accept/site.lua" } end)
    says('tls: there is no fact "veried", did you mean verified?', function() w:session {}:starttls { veried = true } end)
    says("zone:4: TLSA: @mx is not @ and the address of a peer", function() new("", SECURE .. "3 1 1 @mx\n") end)
    says("zone:4: TLSA: before @192.0.2.1 stand usage", function() new("", SECURE .. "3 1 7 @192.0.2.1\n") end)
  end)
end)
