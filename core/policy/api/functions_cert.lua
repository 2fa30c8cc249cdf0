-- What rules ask of certificates.

fn { name = "cert.extract", args = { { "certificate", "string?" }, { "field", "string" } }, returns = "any",
  exim = { "item certextract" }, example = { [[cert.extract(nil, "subject") --> null]] },
  doc = [[A field of a certificate, which is given as `m.tls_in_peercert` and its kin are (bytes of DER) or as a text of PEM; nil
if the certificate does not have it, or if there is no certificate. Fields: `version`, `serial_number` (hex), `subject` and
`issuer` (as RFC 4514 writes them, `CN=mx.example.net,O=Example`; with `,CN`, `,O` ... behind it the values of that part alone),
`notbefore` and `notafter` (a text in the zone of the log; with `,int` seconds since 1970), `sig_algorithm`, `signature` (hex, with
colons), `subj_altname` (`DNS=`, `URI=` and `MAIL=` before each; with `,dns`, `,uri` or `,mail` those alone, without it), `ocsp_uri` and
`crl_uri`. Several values stand on lines of their own; `,>x` puts x between them, and an x in one of them is doubled. A field or a
word behind it that does not exist is an error. The certificate's digests are `hash.sha256(m.tls_in_peercert)` and its kin.]] }
fn { name = "cert.list", args = { { "certificate", "string?" }, { "field", "string" } }, returns = "string[]?",
  example = { [[cert.list(nil, "subj_altname,dns") --> null]] },
  doc = [[The same for fields with several values, as a list: `subj_altname`, `ocsp_uri`, `crl_uri`, and parts of names (`subject,OU`).]] }
fn { name = "cert.matches", args = { { "certificate", "string?" }, { "host", "string" } }, returns = "boolean?",
  example = { [[cert.matches(nil, "mx.example.net") --> null]] },
  doc = [[Is the certificate for this host name? Its DNS names count, and the CN if it has none; `*` stands for a whole first label of
a name of three labels or more. Whether anybody trusted has signed it is another question.]] }
fn { name = "cert.pem", args = { { "certificate", "string?" } }, returns = "string?", example = { [[cert.pem(nil) --> null]] },
  doc = [[The certificate as a text of PEM.]] }
fn { name = "cert.der", args = { { "certificate", "string?" } }, returns = "string?", example = { [[cert.der(nil) --> null]] },
  doc = [[The certificate as its bytes, of a text of PEM.]] }
