-- Encryption of both ends (core/policy/vars_tls.c), and what PROXY says of a connection: nil until that is built.

local inbound = session "helo" + during { "starttls", "route", "transport", "event", "queue" }
local outbound = during { "transport", "event" }

local function tls(name, ty, phases, doc)
  var { name = name, type = ty .. "?", phases = phases, get = "get_" .. name, group = "tls", doc = doc }
end
-- Nil in clear, all of them; in_ of the client's connection, out_ of ours to a host.
for _, way in ipairs { { "in", inbound, "client", "client's connection" }, { "out", outbound, "host", "connection to the host" } } do
  local at, phases, who, connection = "tls_" .. way[1] .. "_", way[2], way[3], way[4]
  tls(at .. "bits", "integer", phases, ("Strength of the cipher of the %s, in bits."):format(connection))
  tls(at .. "certificate_verified", "boolean", phases, ("Whether the %s showed a certificate that could be verified."):format(who))
  tls(at .. "cipher", "string", phases, ("The cipher of the %s as the log has it: `TLS1.3:TLS_AES_256_GCM_SHA384:256`."):format(connection))
  tls(at .. "cipher_std", "string", phases, "The same suite by the name RFCs give it.")
  tls(at .. "ocsp", "integer", phases, (way[1] == "in" and "What was stapled to our certificate" or "What the host stapled to its certificate")
    .. ": 0 not asked for, 1 no answer, 2 not verified, 3 failed, 4 good.")
  tls(at .. "peerdn", "string", phases, ("The distinguished name in the %s's certificate."):format(who))
  tls(at .. "resumption", "integer", phases,
    "Resumption of the session, a sum of 1 supported, 2 requested, 4 offered, 8 ticket issued, 16 used.")
  tls(at .. "sni", "string", phases, way[1] == "in" and "The server name the client asked for." or "The server name we asked for.")
  tls(at .. "ver", "string", phases, ("Version of TLS on the %s, such as `TLS1.3`."):format(connection))
  tls(at .. "ourcert", "cert", phases, ("The certificate we showed to the %s: bytes of DER, for `cert.extract` and `hash.sha256`."):format(who))
  tls(at .. "peercert", "cert", phases,
    ("The certificate the %s showed (bytes of DER); in the event tls:cert, the one of the chain that is asked about."):format(who))
end

tls("tls_out_dane", "boolean", outbound, [[Whether the host's certificate was verified by its TLSA records.]])
tls("tls_out_tlsa_usage", "integer", outbound, [[The usages of the TLSA records found, a bit each (1 << usage); 0 without DANE. Nil
as long as there is no host.]])

for name, ty in pairs { bits = "integer", certificate_verified = "boolean", cipher = "string", peerdn = "string", sni = "string" } do
  tls("tls_" .. name, ty, inbound, ("An old name: `tls_out_%s` while a host is spoken to, else `tls_in_%s`."):format(name, name))
end

-- ---- PROXY

local proxied = session "connect" + during { "event" }

local function proxy(name, also, ty, doc)
  var { name = name, also = also, type = ty .. "?", phases = proxied, feature = "PROXY", group = "proxy", doc = doc }
end

proxy("proxy_session", nil, "boolean", [[Whether the connection comes, or goes, through a proxy.]])
proxy("proxy_local_address", { "proxy_host_address", "proxy_host" }, "string", [[Address of the proxy on our side.]])
proxy("proxy_local_port", { "proxy_host_port" }, "integer", [[Port of the proxy on our side.]])
proxy("proxy_external_address", { "proxy_target_address" }, "string", [[Address of the proxy on the other side.]])
proxy("proxy_external_port", { "proxy_target_port" }, "integer", [[Port of the proxy on the other side.]])

-- ---- PRDR

var { name = "prdr_requested", type = "boolean?", phases = since "rcpt" - during { "route", "transport", "event", "queue", "not_smtp" },
  feature = "PRDR", group = "recipient", doc = [[Whether the client asked for an answer for each recipient after the data.]] }
