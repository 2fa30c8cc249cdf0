-- What rules ask of certificates: cert.extract and its kin, and digests of them.
local world = require "perigee.world"

-- Made once with openssl req -x509; it need not be valid to be read.
local PEM = [[
-----BEGIN CERTIFICATE-----
MIICIzCCAcigAwIBAgICAMkwCgYIKoZIzj0EAwIwMDEVMBMGA1UECgwMRXhhbXBs
ZSwgSW5jMRcwFQYDVQQDDA5teC5leGFtcGxlLm5ldDAeFw0yNjExMjEyMDQ5MTNa
Fw00NjExMTYyMDQ5MTNaMDAxFTATBgNVBAoMDEV4YW1wbGUsIEluYzEXMBUGA1UE
AwwObXguZXhhbXBsZS5uZXQwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAAQCZqFR
EM82qKdkEXoGANdARUI6e9uc/gZS8pkmtW9Ze60AgZ0eNgLUrhICujcZPGE4Vlhv
y+5k3c7HcFibnc2no4HRMIHOMB0GA1UdDgQWBBTIEQhC5Tj60nBA3VOKSkyhTIop
0DAfBgNVHSMEGDAWgBTIEQhC5Tj60nBA3VOKSkyhTIop0DAPBgNVHRMBAf8EBTAD
AQH/MEUGA1UdEQQ+MDyCDm14LmV4YW1wbGUubmV0ghIqLm1haWwuZXhhbXBsZS5u
ZXSBFnBvc3RtYXN0ZXJAZXhhbXBsZS5uZXQwNAYIKwYBBQUHAQEEKDAmMCQGCCsG
AQUFBzABhhhodHRwOi8vb2NzcC5leGFtcGxlLm5ldC8wCgYIKoZIzj0EAwIDSQAw
RgIhAKJ3S5s6aQg/3RCr9Qqqa2CERQkjV97+1M297dPMBxqhAiEAqUZ1Wt128aqp
bTsjICpfMXU1Mqjk/PlPTzfdS1jMgV4=
-----END CERTIFICATE-----
]]

-- What a rule makes of the certificate C, as texts.
local function asked(code)
  local w = world.new { lua = [[
    local C = ]] .. string.format("%q", PEM) .. [[

    acl.connect(function(m) for _, v in ipairs { ]] .. code .. [[ } do logwrite("SAID " .. tostring(v)) end end)]] }
  w:session { client = "203.0.113.9" }
  local list = {}
  for _, line in ipairs(w:log()) do list[#list + 1] = line:match "SAID (.*)$" end
  return list, w
end

describe("cert.extract", function()
  it("gives every field that certextract knows", function()
    assert.same({
      "3", "c9", "CN=mx.example.net,O=Example\\, Inc", "mx.example.net", "Example, Inc", "2426014153", "ecdsa-with-SHA256",
      "DNS=mx.example.net|DNS=*.mail.example.net|MAIL=postmaster@example.net", "mx.example.net;*.mail.example.net",
      "http://ocsp.example.net/", "nil", "nil",
    }, (asked [[ cert.extract(C, "version"), cert.extract(C, "serial_number"), cert.extract(C, "subject"), cert.extract(C, "issuer,CN"),
      cert.extract(C, "issuer,O"), cert.extract(C, "notafter,int"), cert.extract(C, "sig_algorithm"), cert.extract(C, "subj_altname,>|"),
      cert.extract(C, "subj_altname,dns,>;"), cert.extract(C, "ocsp_uri"), tostring(cert.extract(C, "crl_uri")),
      tostring(cert.extract(nil, "subject")) ]]))
  end)

  it("gives lists as lists, and tells a list from one value", function()
    assert.same({ "2", "*.mail.example.net", "false" }, (asked [[
      #cert.list(C, "subj_altname,dns"), cert.list(C, "subj_altname,dns")[2], (pcall(cert.list, C, "version")) ]]))
  end)

  it("reads DER as it reads PEM, and hash.sha256 of it is the fingerprint", function()
    assert.same({ "mx.example.net", "true", "59e467805a976529b032df740680b77c771729d5f866bbf3d57eab184d07410b",
      "true", "false" }, (asked [[
      cert.extract(cert.der(C), "subject,CN"), cert.pem(cert.der(C)) == C, hash.sha256(cert.der(C)),
      cert.matches(C, "a.mail.example.net"), cert.matches(C, "example.net") ]]))
  end)

  it("says what is wrong with a field, a modifier and a certificate", function()
    local said = asked [[ select(2, pcall(cert.extract, C, "colour")), select(2, pcall(cert.extract, C, "version,int")),
      select(2, pcall(cert.extract, "junk", "version")), select(2, pcall(cert.extract, 5, "version")), select(2, pcall(cert.list, C, "version")) ]]
    assert.matches('cert.extract: a certificate has no field "colour": it has version', said[1], 1, true)
    assert.matches('cert.extract: "int" is no modifier of a certificate\'s version', said[2], 1, true)
    assert.matches("cert.extract: no certificate", said[3], 1, true)
    assert.matches("the certificate must be a text, not a number", said[4], 1, true)
    assert.matches('"version" is one value, not a list', said[5], 1, true)
  end)
end)
