-- Encryption of both ends, and what PROXY says of a connection: nil until those are built.

local inbound = session "starttls" + during { "route", "transport", "event", "queue" }
local outbound = during { "transport", "event" }

local function tls(name, ty, phases, doc)
  var { name = name, type = ty .. "?", phases = phases, feature = "TLS", group = "tls", doc = doc }
end

tls("tls_in_bits", "integer", inbound, [[Strength of the cipher of the client's connection, in bits; 0 in clear.]])
tls("tls_in_certificate_verified", "boolean", inbound, [[Whether the client showed a certificate that could be verified.]])
tls("tls_in_cipher", "string", inbound, [[The cipher suite of the client's connection.]])
tls("tls_in_cipher_std", "string", inbound, [[The same suite by the name RFCs give it.]])
tls("tls_in_ocsp", "integer", inbound, [[What was stapled to our certificate: 0 not asked, 1 no answer, 2 not verified, 3 failed, 4 good.]])
tls("tls_in_ourcert", "cert", inbound, [[The certificate we showed to the client.]])
tls("tls_in_peercert", "cert", inbound, [[The certificate the client showed.]])
tls("tls_in_peerdn", "string", inbound, [[The distinguished name in the client's certificate.]])
tls("tls_in_resumption", "integer", inbound, [[Session resumption, a sum of 1 supported, 2 requested, 4 offered, 8 ticket issued, 16 used.]])
tls("tls_in_sni", "string", inbound, [[The server name the client asked for.]])
tls("tls_in_ver", "string", inbound, [[Version of the client's connection, such as `TLS1.3`.]])

tls("tls_out_bits", "integer", outbound, [[Strength of the cipher of the connection to the host, in bits; 0 in clear.]])
tls("tls_out_certificate_verified", "boolean", outbound, [[Whether the host's certificate was verified.]])
tls("tls_out_cipher", "string", outbound, [[The cipher suite of the connection to the host.]])
tls("tls_out_cipher_std", "string", outbound, [[The same suite by the name RFCs give it.]])
tls("tls_out_ocsp", "integer", outbound, [[What the host stapled to its certificate: 0 not asked, 1 no answer, 2 not verified, 3 failed, 4 good.]])
tls("tls_out_ourcert", "cert", outbound, [[The certificate we showed to the host.]])
tls("tls_out_peercert", "cert", outbound, [[The certificate the host showed.]])
tls("tls_out_peerdn", "string", outbound, [[The distinguished name in the host's certificate.]])
tls("tls_out_resumption", "integer", outbound, [[Session resumption, as in `tls_in_resumption`.]])
tls("tls_out_sni", "string", outbound, [[The server name we asked for.]])
tls("tls_out_ver", "string", outbound, [[Version of the connection to the host.]])

var { name = "tls_out_dane", type = "boolean?", phases = outbound, feature = "DANE", group = "tls",
  doc = [[Whether the host's certificate was verified by its TLSA records.]] }
var { name = "tls_out_tlsa_usage", type = "integer?", phases = outbound, feature = "DANE", group = "tls",
  doc = [[The usages of the TLSA records found, a bit each; 0 without DANE.]] }

for _, name in ipairs { "bits", "certificate_verified", "cipher", "peerdn", "sni" } do
  var { name = "tls_" .. name, type = "string", phases = inbound, group = "tls", doc = "An old name.",
    never = ("it says nothing of the direction: use tls_in_%s, or tls_out_%s for what we deliver"):format(name, name) }
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
