/*
 * cert - one X.509 certificate: read and shown
 *
 * A certificate is shared by counting: whoever reads, makes or holds one drops it. What is
 * read from it goes into an arena of the caller's and lives there. Bytes in it are hostile: names may hold NUL and line ends, and come
 * out escaped as RFC 2253 and RFC 4514 say.
 */
#ifndef TLS_CERT_H
#define TLS_CERT_H

#include "base/arena.h"
#include "base/why.h"

struct x509_st;
struct tls_cert;

/* The first certificate in a text of PEM, or one in DER. */
enum status tls_cert_read(struct str bytes, struct tls_cert **out, struct why *why);
struct tls_cert *tls_cert_hold(struct tls_cert *c);
void tls_cert_drop(struct tls_cert *c);
struct tls_cert *tls_cert_of(struct x509_st *x);        /* counts x up */
struct x509_st *tls_cert_x509(const struct tls_cert *c);    /* the certificate's still */

struct str tls_cert_der(struct arena *a, struct tls_cert *c);
struct str tls_cert_pem(struct arena *a, const struct tls_cert *c);
/* The subject as Exim's $tls_*_peerdn: "CN=mx.example.net,O=Example" (RFC 2253, the last element first). */
struct str tls_cert_dn(struct arena *a, const struct tls_cert *c);

/* What certextract gives for "field" or "field,modifier,...": version,
 * serial_number, subject, issuer, notbefore, notafter, sig_algorithm,
 * signature, subj_altname, ocsp_uri, crl_uri.
 *   subject, issuer      CN, O, OU ...: values of that element alone, a list
 *   notbefore, notafter  int: seconds since 1970 (value->num); else a text in the process's zone
 *   subj_altname         dns, uri, mail: of that kind alone, without "DNS=" before each
 *   every list           >x: x between its elements, not a line end; an x within one is doubled
 * ST_NONE: the certificate does not have it. ST_NEVER: no such field or modifier. */
struct tls_field {
    bool is_num, is_list;
    int64_t num;
    struct str text;            /* a list: joined */
    struct str *item;           /* a list: its elements */
    size_t items;
};
enum status tls_cert_field(struct arena *a, const struct tls_cert *c, struct str spec, struct tls_field *out, struct why *why);

/* Whether the certificate is for this host name (CERT-01..04): its DNS
 * alternative names count, the CN only if it has none; one * as the whole first
 * label of a name of three labels or more; case ignored; A-labels compared. */
bool tls_cert_is_for(const struct tls_cert *c, struct str name);

#endif
