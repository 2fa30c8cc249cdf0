-- Senders rewritten for forwarding, and tagged against bounces of what we never sent: lua/mail/library_srs.lua.

fn { name = "srs.encode", args = { { "secret", "any" }, { "return_path", "string" }, { "domain", "string" }, { "options", "table?" } },
  returns = { "string?", "string?" }, exim = { "item srs_encode" },
  example = { [==[srs.encode("secret", "user@source.example", "fwd.example") --> "SRS0=EQd5=7G=source.example=user@fwd.example"]==],
              [==[srs.encode("secret", "", "fwd.example") --> ""]==] },
  doc = [[A sender as an address at our domain, so that we may forward its mail: SRS0, or SRS1 for what another forwarder rewrote before;
as Mail::SRS and postsrsd make them. secret: a text, or several, of which the first signs. Options: separator ("=", "+" or
"-"), hash_length (4), style ("mail-srs", or "exim" for addresses as Exim's srs_encode makes them). The null sender stays what it is. nil
and why: the return path has no domain, or the result is longer than an address may be. An empty secret is an error.]] }
fn { name = "srs.decode", args = { { "local_part", "string" }, { "secret", "any" }, { "options", "table?" } },
  returns = { "string?", "string?" },
  example = { [==[srs.decode("SRS0=EQd5=7G=source.example=user", { "new", "secret" }) --> "user@source.example"]==],
              [==[srs.decode("SRS0=AAAA=7G=source.example=user", "secret") --> null,"hash"]==],
              [==[srs.decode("user", "secret") --> null,"not srs"]==] },
  doc = [[The address that a local part made by `srs.encode` stands for; of SRS1 the SRS0 address at the first forwarder. Any of several
secrets may have signed. Options: max_age in days (21; style "exim": 10), hash_min (4), style. nil and why: "not srs",
"syntax", "hash", "expired". An empty secret tests the form only: never accept mail by that.]] }
fn { name = "srs.inbound", args = { { "local_part", "string" }, { "secret", "any" }, { "options", "table?" } }, returns = "boolean",
  exim = { "condition inbound_srs" },
  example = { [==[srs.inbound("SRS0=EQd5=7G=source.example=user", "secret"), m.srs_recipient --> true,"user@source.example"]==] },
  doc = [[Is it a rewritten address of ours? As `srs.decode`; `m.srs_recipient` is set as soon as the form fits, whatever the answer is.]] }
fn { name = "prvs.create", args = { { "address", "string" }, { "secret", "string" }, { "key", "integer?" } },
  returns = { "string?", "string?" }, exim = { "item prvs" },
  example = { [==[prvs.create("alice@origin.test", "mysecret") --> "prvs=046137a12d=alice@origin.test"]==] },
  doc = [[A sender with a tag that only we can make (BATV), good for seven days. key: its number, 0 to 9. The secret has at most 64 bytes.]] }
fn { name = "prvs.check", args = { { "address", "string" }, { "secret", "any" } }, returns = { "boolean?", "string?" }, exim = { "item prvscheck" },
  example = { [==[prvs.check("prvs=046137a12d=alice@origin.test", "mysecret") --> true,"alice@origin.test"]==],
              [==[prvs.check("prvs=046137a12d=bob@origin.test", function(address, key) return key == 0 and "mysecret" or nil end) --> false,"bob@origin.test"]==],
              [==[prvs.check("alice@origin.test", "mysecret") --> null]==] },
  doc = [[Is the tag of an address ours, and not too old? true, or false, and the address without it; nil: it has no tag. A function in
place of the secret is asked with the address and the number of its key; nil from it: we have no such secret. Sets `m.prvscheck_address`,
`m.prvscheck_keynum` and `m.prvscheck_result`.]] }
