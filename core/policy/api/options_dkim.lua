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
