-- Is the sender who it says: nil until these are built.

local from_mail = since "mail" - during { "route", "transport", "event", "queue" }

local function of(feature, group)
  return function(name, ty, phases, doc, more)
    local row = { name = name, type = ty .. "?", phases = phases, feature = feature, group = group, doc = doc }
    if not feature then row.get = "get_" .. name end
    for key, value in pairs(more or {}) do row[key] = value end
    var(row)
  end
end

-- ---- SPF

local function spf(name, ty, phases, doc, more)
  local row = { name = name, type = ty .. "?", phases = phases, get = "get_" .. name, group = "spf", doc = doc }
  for key, value in pairs(more or {}) do row[key] = value end
  var(row)
end
spf("spf_result", "string", from_mail, [[What the last `spf` or `spf_guess` found for this sender, nil while none was asked. `temperror`: the DNS did
not answer; a later try may differ.]],
  { values = { "none", "neutral", "pass", "fail", "softfail", "temperror", "permerror" } })
spf("spf_result_guessed", "boolean", from_mail, [[Whether the result is that of a guessed record: the domain has none, and `spf_guess` was asked.]])
spf("spf_guess", "string", from_mail, [[The record that is guessed for domains that publish none.]])
spf("spf_header_comment", "string", from_mail, [[The result in a sentence, for headers and logs.]])
spf("spf_smtp_comment", "string", from_mail, [[What may be told to the client: the domain's own explanation of a fail, else `spf_smtp_comment_template`.
Empty for a pass and for errors.]])
spf("spf_received", "string", from_mail, [[The whole Received-SPF: field (X-SPF-Guess: of a guessed record), for `add_header = ":at_start:"`.]])
spf("spf_used_domain", "string", from_mail, [[The domain whose record was judged: the sender's, or HELO's name for the empty sender.]])

-- ---- DKIM

local dkim = of(nil, "dkim")
local signature = during { "dkim" }
local judged = since "dkim" - during { "not_smtp", "not_smtp_mime", "route", "transport", "event", "queue" }
local signed = signature + during { "transport" }

dkim("dkim_signers", "list", judged, [[All domains and identities that signed the message.]])
dkim("dkim_verify_status", "string", judged, [[What became of the signature: none, invalid, fail or pass. In the dkim ACL it can be set; after
that ACL it is a colon list of what each of its runs ended with.]], { put = "put_dkim_verify_status", writable = signature })
dkim("dkim_verify_reason", "string", judged, [[Why, where the status is fail or invalid: `bodyhash_mismatch`, `signature_incorrect`, `pubkey_unavailable`,
`pubkey_syntax`, `pubkey_revoked`, `syntax`, `algorithm`, `keysize`, `expired`. In the dkim ACL it can be set, to anything.]], { put = "put_dkim_verify_reason", writable = signature })
dkim("dkim_verify_signers", "list", signature, [[The signers the dkim ACL is asked about.]])
dkim("dkim_cur_signer", "string", signature, [[The domain or identity this run of the ACL is about.]])
dkim("dkim_domain", "string", signed, [[Domain of the signature, d=; while we sign, the one we sign for.]], { put = "put_dkim_domain" })
dkim("dkim_selector", "string", signed, [[Selector of the signature, s=; while we sign, the one we sign with.]], { put = "put_dkim_selector" })
dkim("dkim_algo", "string", signature, [[Algorithm of the signature, a=.]])
dkim("dkim_bodylength", "integer", signature, [[How much of the body is signed, l=; 9999999999999: all of it.]])
dkim("dkim_canon_body", "string", signature, [[How the body was made canonical.]], { values = { "simple", "relaxed" } })
dkim("dkim_canon_headers", "string", signature, [[How the header was made canonical.]], { values = { "simple", "relaxed" } })
dkim("dkim_copiedheaders", "string", signature, [[The header fields copied into the signature, z=.]])
dkim("dkim_created", "integer", signature, [[When it was signed, t=, in seconds since 1970; 0: not said.]])
dkim("dkim_expires", "integer", signature, [[When the signature expires, x=, in seconds since 1970; 9999999999999: never.]])
dkim("dkim_headernames", "list", signature, [[The signed header fields, h=.]])
dkim("dkim_identity", "string", signature, [[Who signed, i=.]])
dkim("dkim_key_granularity", "string", signature, [[g= of the key's record, `*` when it is not said.]])
dkim("dkim_key_length", "integer", signature, [[Size of the key in bits.]])
dkim("dkim_key_nosubdomains", "boolean", signature, [[Whether the key's record forbids subdomains.]])
dkim("dkim_key_notes", "string", signature, [[n= of the key's record.]])
dkim("dkim_key_srvtype", "string", signature, [[s= of the key's record, `*` when it is not said.]])
dkim("dkim_key_testing", "boolean", signature, [[Whether the key's record says that the domain is testing.]])

-- ---- ARC and DMARC, asked in the data ACL

local data = during { "data" }
local arc = of(nil, "arc")
arc("arc_state", "string", data, [[What became of the chain; nil before `verify = "arc"` was asked.]], { values = { "none", "pass", "fail" } })
arc("arc_state_reason", "string", data, [[Why the chain failed.]])
arc("arc_domains", "list", data, [[The domains that signed the chain, oldest first.]])
arc("arc_oldest_pass", "integer", data, [[The smallest instance whose signature of the message still holds, as do all above it; 0: none.]])

local function dmarc(name, ty, doc, more)
  local row = { name = name, type = ty .. "?", phases = data, get = "get_" .. name, group = "dmarc", doc = doc }
  for key, value in pairs(more or {}) do row[key] = value end
  var(row)
end
dmarc("dmarc_status", "string", [[What DMARC says about the message, before `pct` has its say (dmarc_disposition); nil until `dmarc_status` was asked.]],
  { values = { "none", "accept", "reject", "quarantine", "norecord", "nofrom", "temperror", "off" } })
dmarc("dmarc_status_text", "string", [[The status in a sentence.]])
dmarc("dmarc_domain_policy", "string", [[The policy the domain published, `p` of its record; empty where there is none.]],
  { values = { "", "none", "quarantine", "reject" } })
dmarc("dmarc_disposition", "string", [[What the policy asks for this message, after `pct` was drawn for it (RFC 7489 section 6.6.4).]],
  { values = { "none", "quarantine", "reject" } })
dmarc("dmarc_used_domain", "string", [[The domain whose record was used.]], { also = { "dmarc_used_domains", "domain_used_domain" } })
dmarc("dmarc_alignment_dkim", "boolean", [[Whether a DKIM domain that passed agrees with the one in From:.]])
dmarc("dmarc_alignment_spf", "boolean", [[Whether the SPF domain passed and agrees with the one in From:.]])
dmarc("dmarc_ar_header", "string", [[A whole Authentication-Results: field with what was found.]])

-- ---- SRS and PRVS

local forwarding = during { "route", "transport" }
local function kept(name, ty, phases, doc)
  var { name = name, type = ty .. "?", phases = phases, group = "srs", get = "get_" .. name, put = "put_" .. name, doc = doc }
end
kept("srs_recipient", "string", from_mail + forwarding, [[The address that a rewritten one stands for: set by `srs.inbound` as soon as the form fits, whether or not it is sound,
and by a redirect router's `srs = "reverse"` once it is.]])
kept("srs_orig_recipient", "string", forwarding, [[The recipient as it came, before a router's `srs` took it apart.]])
kept("srs_orig_sender", "string", forwarding, [[The sender before a router's `srs` rewrote it.]])
kept("srs_status", "string", forwarding, [[What became of it, in words: ok, case broken, not SRS, bad SRS, hash too short, bad hash, bad timestamp, timestamp expired,
address too long, no domain, database error.]])
kept("srs_db_key", "string", forwarding, [[What stands for an address in srs_dbinsert and srs_dbselect.]])
kept("srs_db_address", "string", forwarding, [[The sender that srs_dbinsert is to keep.]])

kept("prvscheck_address", "string", always, [[The address inside the tagged one that `prvs.check` was asked about last; nil if it had no tag, or none was asked about.]])
kept("prvscheck_keynum", "integer", always, [[The number of the key in that tag.]])
kept("prvscheck_result", "boolean", always, [[Whether that tag was ours and not too old.]])
