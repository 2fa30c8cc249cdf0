-- What a site accepts of signatures (docs/guide/dkim.md). Defaults are those of RFC 8301.

local SECTION = "sender authentication"

option { kind = "main", name = "dkim_verify_hashes", type = "list", default = { "sha256", "sha512" }, section = SECTION,
  doc = [[Hashes of signatures that are accepted: any of sha1, sha256, sha512. One that is made with another cannot pass: its
status is `invalid`, its reason `algorithm`. rsa-sha1 must not be accepted (RFC 8301 section 3.1).]] }
option { kind = "main", name = "dkim_verify_keytypes", type = "list", default = { "ed25519", "rsa" }, section = SECTION,
  doc = [[Keys of signatures that are accepted: any of ed25519 and rsa.]] }
option { kind = "main", name = "dkim_verify_min_keysizes", type = "list", default = { "rsa=1024", "ed25519=250" }, section = SECTION,
  doc = [[The smallest keys accepted, in bits, for each kind. A smaller one gives the status `fail` and the reason `keysize`. RSA keys
of more than 4096 bits are never computed with.]] }
option { kind = "main", name = "dkim_verify_minimal", type = "boolean", default = false, section = SECTION,
  doc = [[Stop after the first signature that passes.]] }
option { kind = "main", name = "dkim_verify_signatures_max", type = "integer", default = 8, section = SECTION,
  doc = [[How many signatures of a message are looked at, from the top of its header down; at most 20. Others have the status `none`.]] }
option { kind = "main", name = "dkim_verify_signers", type = "list", func = "dkim", section = SECTION,
  doc = [[The signers, domains or identities, for whom the dkim ACL is asked, in this order; a function of the mail object may make the
list of what arrived. Unset: all in `dkim_signers`. One who did not sign has the status `none`.]] }

option { kind = "main", name = "authresults_ids", type = "list", section = SECTION,
  doc = [[Names under which this site, or another machine of it, writes Authentication-Results. Fields of mail that comes in by SMTP and
bear one of them, or `primary_hostname`, are taken off before any rule sees them: they are forged (RFC 8601 section 5).]] }

-- ---- signing what leaves: each may be a function of the mail object; m.dkim_domain and m.dkim_selector say for whom

local function signing(name, ty, doc, default)
  option { kind = "transport", drivers = { "smtp" }, name = name, type = ty, func = "transport", section = "signing",
    default = default, doc = doc }
end

signing("dkim_domain", "list", [[Domains that sign, in lower case; each pair of one of them and a selector is a signature. Empty: not
signed. A message that is to be signed never goes on while it comes in.]])
signing("dkim_selector", "list", [[Selectors; worked out for each domain. Empty: that domain does not sign.]])
signing("dkim_private_key", "string", [[The key, RSA or Ed25519: a path, or PEM as text. `"0"`, `"false"`, false or empty: not signed. A file
must be open to its owner or the engine's group only (0400, 0440, 0600 or 0640) and belong to the engine's user or root; it is read
again when it has changed.]])
signing("dkim_hash", "string", [[sha256, sha512 or sha1. Verifiers must not accept sha1, and know sha512 rarely.]], "sha256")
signing("dkim_identity", "string", [[i= of the signature: who in the domain, `name@domain` or `@domain`. Unset: none.]])
signing("dkim_canon", "string", [[relaxed or simple, for header and body.]], "relaxed")
signing("dkim_strict", "string", [[True: a message that should be signed and cannot be waits. Else it goes unsigned, and the log says so.]])
signing("dkim_timestamps", "integer", [[Seconds a signature is good for: t= is the time, x= that many seconds later. 0: t= alone;
-1: neither.]], 14 * 24 * 3600)
signing("dkim_sign_headers", "list", [[Names of the header fields to be signed. A plain name is one field of that name, or that there is none;
written again, the one above it. `=Name`: all there are. `+Name`: all, and that there is no other. From is always signed.
Unset: the fields of RFC 6376 section 5.4.1, with `+` before those a reader sees.]])
signing("arc_sign", "string", [[Seals the chain of ARC: `"ADMD : SELECTOR : KEY"`, or `"ADMD : SELECTOR : KEY : OPTIONS"`. The key as in dkim_private_key, RSA. Options,
with commas between: `timestamps`, and `expire`, `expire=+SECONDS` or `expire=TIME`. Empty: not sealed.]])
