-- Which hosts get partners' mail, and which do not.
local world = require "perigee.world"

local ZONE = [[
bank.example.          MX 10 mx.bank.example.
mx.bank.example.       A 192.0.2.1
clinic.example.        MX 10 mx.clinic.example.
mx.clinic.example.     A 192.0.2.2
mail.insurer.example.  A 192.0.2.3
there.example.         MX 10 mx.there.example.
mx.there.example.      A 192.0.2.4
$SECURE
signed.example.        MX 10 mx.signed.example.
mx.signed.example.     A 192.0.2.5
_25._tcp.mx.signed.example.  TLSA 3 1 1 @192.0.2.5
]]

local CLINIC = "/etc/perigee/tls/clinic-authority.pem"

-- Whether mail to that domain goes to a host like that; the world, to look further.
local function goes(domain, at, host)
  local w = world.new { rules = "examples/partners", zone = ZONE }
  w:peer(at, host)
  w:send { client = "127.0.0.1", from = "ann@example.org", to = "b@" .. domain }
  return #w:queue() == 0, w
end

describe("mail to the bank", function()
  it("goes to its host, by name", function()
    local sent, w = goes("bank.example", "192.0.2.1", { tls = "mx.bank.example" })
    assert.truthy(sent)
    assert.logged(w, 'H=mx.bank.example [192.0.2.1] X=TLS1.3:TLS_AES_256_GCM_SHA384:256 CV=yes DN="CN=mx.bank.example"')
    assert.truthy((w:heard "192.0.2.1"):find("(TLS1.3 SNI=mx.bank.example)", 1, true))
  end)

  it("waits where the certificate is not good, or not the host's", function()
    for _, tls in ipairs { "mx.bank.example; is=expired", "mx.bank.example; by=stranger", "mx.bank.example; by=itself", "www.elsewhere.example" } do
      local sent, w = goes("bank.example", "192.0.2.1", { tls = tls })
      assert.falsy(sent, tls)
      assert.logged(w, "TLS session: (SSL_connect)")
      assert.falsy((w:heard "192.0.2.1"):find("MAIL", 1, true))
    end
  end)

  it("waits where there is no TLS, where it is refused and where it breaks", function()
    for _, host in ipairs { {}, { starttls = "454 4.7.0 not now" }, { tls = "mx.bank.example", close = "handshake" },
                            { tls = "mx.bank.example; version=TLS1.1" } } do
      local sent, w = goes("bank.example", "192.0.2.1", host)
      assert.falsy(sent)
      assert.falsy((w:heard "192.0.2.1"):find("MAIL", 1, true))
    end
  end)
end)

describe("mail to the clinic", function()
  it("goes where the clinic's own authority has signed, and not where others have", function()
    assert.truthy((goes("clinic.example", "192.0.2.2", { tls = { names = "mx.clinic.example", by = CLINIC } })))
    assert.falsy((goes("clinic.example", "192.0.2.2", { tls = { names = "mx.clinic.example" } })))
  end)
end)

describe("mail to the insurer", function()
  it("goes to port 465, under TLS from the first byte", function()
    local sent, w = goes("insurer.example", "192.0.2.3:465", { tls = { names = "mail.insurer.example", smtps = true } })
    assert.truthy(sent)
    assert.truthy((w:heard "192.0.2.3:465"):find "^%(TLS1.3%)\r\nEHLO")
  end)
end)

describe("other mail", function()
  it("goes under TLS or without, verified or not", function()
    for _, host in ipairs { {}, { tls = "mx.there.example" }, { tls = "mx.there.example; is=expired" }, { tls = "mx.there.example", close = "handshake" } } do
      assert.truthy((goes("there.example", "192.0.2.4", host)))
    end
  end)

  it("is bound by TLSA records", function()
    local sent, w = goes("signed.example", "192.0.2.5", { tls = "whatever.example; by=itself" })
    assert.truthy(sent)
    assert.logged(w, "CV=dane")
    sent, w = goes("signed.example", "192.0.2.5", {})
    assert.falsy(sent)
    assert.logged(w, "ask the postmaster of signed.example about mx.signed.example: starttls-not-supported")
  end)
end)
