-- Main options of TLS with clients (core/engine/terms.c). A function is asked for each client when it wants TLS, and those
-- that say which certificate is shown are asked again once its SNI is known: nil then means "as before".

local function tls(row)
  row.kind, row.section = "main", "TLS"
  option(row)
end

tls { name = "tls_advertise_hosts", type = "hostlist", default = { "*" }, func = "helo",
  doc = [[Clients that are offered STARTTLS, as soon as `tls_certificate` is set. Asked at each EHLO, behind its ACL; a function that
fails offers it.]] }
tls { name = "tls_on_connect_ports", type = "list",
  doc = [[Ports on which TLS comes before everything else, by number or by the name of their service (`submissions`); `*` is all.
It opens no port: `listen` does.]] }
tls { name = "tls_certificate", type = "list", func = "starttls",
  doc = [[Files of our certificate, PEM: the certificate, then those between it and its root. Several files (RSA and ECDSA): the cipher
decides which is shown. Unset: there is no TLS. A file that is replaced is served to the next client.]] }
tls { name = "tls_privatekey", type = "list", func = "starttls",
  doc = [[Files of the keys, PEM, in the order of `tls_certificate`. Unset or empty: the certificate's file holds its key. A key file
must be readable for its owner or the engine's group only (0400, 0440, 0600, 0640).]] }
tls { name = "tls_ocsp_file", type = "list", func = "starttls",
  doc = [[Files of OCSP proofs to be stapled, DER or PEM, in any order: the one for the certificate that is shown is sent. A proof
that has no end, is past it, or is not "good" is not sent.]] }
tls { name = "tls_ocsp_fetch", type = "boolean", default = false,
  doc = [[Keep the files of `tls_ocsp_file` fresh: each certificate's responder is asked when half of a proof's time is over, and what it
says is verified before the file is replaced. `tls_ocsp_file` names a file for each of `tls_certificate`, in the same order, in a directory
where the engine's user may write; the issuer's certificate stands behind ours in its file.]] }
tls { name = "tls_verify_hosts", type = "hostlist", func = "starttls",
  doc = [[Clients that must show a certificate that can be verified; else there is no TLS with them.]] }
tls { name = "tls_try_verify_hosts", type = "hostlist", func = "starttls",
  doc = [[Clients that are asked for a certificate, and may have none or one that cannot be verified:
`tls_in_certificate_verified` and `verify = "certificate"` say.]] }
tls { name = "tls_verify_certificates", type = "string", default = "system", func = "starttls",
  doc = [[Whose certificates clients may have: `system`, a file of PEM, or a directory of hashed names (`openssl rehash`).]] }
tls { name = "tls_crl", type = "string", func = "starttls",
  doc = [[Revocation lists for client certificates: a file of PEM or a directory of hashed names. If set, every signer of a chain
needs a list.]] }
tls { name = "tls_require_ciphers", type = "string", func = "starttls",
  doc = [[Ciphers in OpenSSL's words, the best first, such as `ECDSA:RSA:!COMPLEMENTOFDEFAULT`; names of TLS 1.3's suites are taken
for TLS 1.3. Unset: OpenSSL's own.]] }
tls { name = "tls_eccurve", type = "list", default = { "auto" }, func = "starttls",
  doc = [[Groups of the key exchange, the best first, such as `X25519 : P-256`; `auto` is OpenSSL's choice.]] }
tls { name = "tls_dhparam", type = "string", func = "starttls",
  doc = [[Parameters of DHE below TLS 1.3: a PEM file, a group such as `ffdhe2048`, or `none`. Unset: as strong as the key.]] }
tls { name = "tls_dh_max_bits", type = "integer", default = 2236,
  doc = [[Longer parameters of `tls_dhparam` are not used: clients exist that cannot take them.]] }
tls { name = "tls_alpn", type = "list", default = { "smtp", "esmtp" }, func = "starttls",
  doc = [[What a client that names protocols (ALPN) may name; another one, a web browser's, is refused.]] }
tls { name = "hosts_require_alpn", type = "hostlist", func = "starttls",
  doc = [[Clients that must name one of `tls_alpn`.]] }
tls { name = "tls_resumption_hosts", type = "hostlist", func = "starttls",
  doc = [[Clients that may resume an earlier session. Its keys are in memory only, changed every hour; a ticket lasts two.]] }
tls { name = "openssl_options", type = "list",
  doc = [[Options of OpenSSL by name, each with `+` or `-`, such as `+no_tlsv1_2`. TLS 1.2 is the least whatever they say; there is
no renegotiation, no compression and no early data.]] }
tls { name = "tls_remember_esmtp", type = "boolean", default = false,
  doc = [[EHLO said before STARTTLS counts after it: for clients that do not say it again, against RFC 3207.]] }
tls { name = "tls_early_banner_hosts", type = "hostlist", section = "not here",
  never = "the banner follows the handshake; nothing is sent before the client is known to be who began it",
  doc = [[Clients that may get the banner before TLS finishes.]] }
