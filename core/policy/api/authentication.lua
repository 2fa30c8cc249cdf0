-- AUTH: what an exchange brings, and the options of authenticators. Getters: core/policy/vars_conn.c

for i, doc in ipairs {
  "The first thing the client gave: for PLAIN whom it wants to be, for LOGIN, CRAM-MD5 and SCRAM the user.",
  "The second: for PLAIN the user, for LOGIN the password, for SCRAM whom it wants to be.",
  "The third: for PLAIN the password.", "The fourth." } do
  var { name = "auth" .. i, type = "string?", phases = during { "auth" }, get = "get_auth" .. i, put = "put_auth" .. i,
    group = "authentication", doc = doc .. " Known only while the client authenticates." }
end

-- ---- generic
option { kind = "authenticator", name = "public_name", type = "string", section = "generic",
  doc = [[The mechanism as EHLO offers it: PLAIN, LOGIN, CRAM-MD5, SCRAM-SHA-256 ...; the name of the authenticator if unset.]] }
option { kind = "authenticator", name = "server_condition", type = "boolean", func = "auth", section = "generic",
  doc = [[Whether the client may log in: a function of the mail object, which finds what the client gave in `m.auth1`, `m.auth2`
and `m.auth3`. A plaintext and an external authenticator is no server without it; for the others it is one more condition. For `tls` it decides whether the client's verified certificate is enough.]] }
option { kind = "authenticator", name = "server_set_id", type = "string", func = "auth", section = "generic",
  doc = [[Who the client is from then on (`authenticated_id`); the user it gave if unset.]] }
option { kind = "authenticator", name = "server_advertise_condition", type = "boolean", func = "helo", section = "generic",
  doc = [[Whether EHLO offers it to this client.]] }
option { kind = "authenticator", name = "server_mail_auth_condition", type = "boolean", func = "mailauth", section = "generic",
  doc = [[Whether AUTH= of MAIL is believed of who came by this authenticator; the ACL `mailauth` is asked as well.]] }
option { kind = "authenticator", name = "server_debug_print", type = "string", section = "generic",
  never = "it would put credentials where they are kept",
  doc = [[Text of the debugging output.]] }
option { kind = "authenticator", name = "client_condition", type = "boolean", func = "transport", section = "generic",
  doc = [[Whether it is used at this host.]] }
option { kind = "authenticator", name = "client_set_id", type = "string", func = "transport", section = "generic",
  doc = [[Who we were there, for log lines.]] }
option { kind = "authenticator", name = "client_cleartext", type = "boolean", default = false, section = "generic",
  doc = [[Send a password over a connection that is not encrypted. Mechanisms that send none need no leave.]] }

-- ---- plaintext
option { kind = "authenticator", drivers = { "plaintext" }, name = "server_prompts", type = "list", func = "auth", section = "plaintext",
  doc = [[What the client is asked, one prompt for each thing it did not give yet. Unset: nothing for PLAIN, "Username:" and
"Password:" for LOGIN.]] }
option { kind = "authenticator", drivers = { "plaintext", "external" }, name = "client_send", type = "list", func = "transport",
  section = "plaintext",
  doc = [[What is sent: the first with AUTH itself, the rest as answers. `^` is a NUL, `^^` a circumflex:
`{ "^user^password" }` for PLAIN, `{ "", "user", "password" }` for LOGIN.]] }
option { kind = "authenticator", drivers = { "plaintext" }, name = "client_ignore_invalid_base64", type = "boolean", default = false,
  section = "plaintext", doc = [[Take a challenge that is no base64 for an empty one.]] }

-- ---- cram_md5
option { kind = "authenticator", drivers = { "cram_md5" }, name = "server_secret", type = "string", func = "auth", section = "cram_md5",
  doc = [[The password of the user in `m.auth1`; nil: there is no such user.]] }
option { kind = "authenticator", drivers = { "cram_md5" }, name = "client_name", type = "string", func = "transport", section = "cram_md5",
  doc = [[The user; the primary host name if unset.]] }
option { kind = "authenticator", drivers = { "cram_md5" }, name = "client_secret", type = "string", func = "transport",
  section = "cram_md5", doc = [[The password.]] }

-- ---- gsasl
local function gsasl(row)
  row.kind, row.drivers, row.section = "authenticator", { "gsasl" }, "gsasl"
  option(row)
end
gsasl { name = "server_mech", type = "string", doc = [[The mechanism, if public_name is another.]] }
gsasl { name = "server_password", type = "string", func = "auth",
  doc = [[The password of the user in `m.auth1`; nil: there is no such user.]] }
gsasl { name = "server_scram_iter", type = "string", func = "auth", default = "4096", doc = [[How often SCRAM hashes.]] }
gsasl { name = "server_scram_salt", type = "string", func = "auth",
  doc = [[The salt of the user in base64. With a password and without a salt a new one is made each time.]] }
gsasl { name = "server_key", type = "string", func = "auth", doc = [[SCRAM's ServerKey of the user in base64, instead of the password.]] }
gsasl { name = "server_skey", type = "string", func = "auth", doc = [[SCRAM's StoredKey of the user in base64, instead of the password.]] }
gsasl { name = "server_hostname", type = "string", func = "auth", doc = [[Our name in the exchange; primary_hostname if unset.]] }
gsasl { name = "server_realm", type = "string", func = "auth", doc = [[The realm of the exchange.]] }
gsasl { name = "server_service", type = "string", default = "smtp", doc = [[The service of the exchange.]] }
gsasl { name = "server_channelbinding", type = "boolean", default = false,
  doc = [[Bind the exchange to the TLS connection: goes with SCRAM-SHA-1-PLUS and SCRAM-SHA-256-PLUS, which are offered under TLS only.
Whoever sits between the client and us has two connections, and the exchange fails. Beside it the mechanism without -PLUS may be
offered in an authenticator of its own: a client that was kept from seeing -PLUS says so, and is refused.]] }
gsasl { name = "client_username", type = "string", func = "transport", doc = [[The user.]] }
gsasl { name = "client_password", type = "string", func = "transport", doc = [[The password.]] }
gsasl { name = "client_spassword", type = "string", func = "transport", doc = [[SCRAM's salted password in hex, instead of the password.]] }
gsasl { name = "client_authz", type = "string", func = "transport", doc = [[Whom we want to be.]] }
gsasl { name = "client_channelbinding", type = "boolean", default = false,
  doc = [[The same where we log in; the server must offer -PLUS. With an authenticator for the mechanism without -PLUS behind it, that
one is used where it does not: then whoever sits between can take -PLUS out of the offer.]] }

-- ---- external
option { kind = "authenticator", drivers = { "external" }, name = "server_param2", type = "string", func = "auth", section = "external",
  doc = [[What `m.auth2` shall be.]] }
option { kind = "authenticator", drivers = { "external" }, name = "server_param3", type = "string", func = "auth", section = "external",
  doc = [[What `m.auth3` shall be.]] }

-- ---- those that will not come
local function gone(driver, names, never)
  for _, name in ipairs(names) do
    option { kind = "authenticator", drivers = { driver }, name = name, type = "string", section = driver, never = never,
      doc = "An option of Exim's " .. driver .. "." }
  end
end
gone("cyrus_sasl", { "server_hostname", "server_mech", "server_realm", "server_service" },
  "libgsasl does what the Cyrus library did: use the driver gsasl")
gone("dovecot", { "server_socket" }, "a plaintext authenticator asks Dovecot from its server_condition, with socket.ask")
gone("heimdal_gssapi", { "server_hostname", "server_keytab", "server_service" }, "Kerberos is not built in")
gone("spa", { "client_domain", "client_password", "client_username", "server_password" }, "NTLM is broken and is not offered")

-- ---- tls
local function tls(row)
  row.kind, row.drivers, row.type, row.func, row.section = "authenticator", { "tls" }, "string", "auth", "tls"
  option(row)
end
tls { name = "server_param1", also = { "server_param" },
  doc = [[What `m.auth1` shall be for `server_condition`, and the user, if `server_set_id` says nothing else; such as
`cert.extract(m.tls_in_peercert, "subj_altname,mail,>:")`.]] }
tls { name = "server_param2", doc = [[What `m.auth2` shall be.]] }
tls { name = "server_param3", doc = [[What `m.auth3` shall be.]] }
