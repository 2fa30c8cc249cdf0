/*
 * ocsp - what a certificate's issuer says of it today
 *
 * A proof (an OCSP answer, RFC 6960) is good if its signature holds, its signer
 * is the issuer or was named by the issuer and is valid now, its status is
 * good, and now is between its two dates; one without an end is never good
 * (OCSP-03). Clocks may differ by 300 seconds.
 */
#ifndef TLS_OCSP_H
#define TLS_OCSP_H

#include "base/arena.h"
#include "base/why.h"
#include "tls/cert.h"

enum { TLS_OCSP_SKEW_S = 300 };
enum tls_staple_state { TLS_STAPLE_NOT_ASKED, TLS_STAPLE_NONE, TLS_STAPLE_UNVERIFIED, TLS_STAPLE_BAD, TLS_STAPLE_GOOD };

struct tls_proof;

/* From DER or PEM. It says nothing yet of what the proof is worth. */
enum status tls_proof_read(struct str bytes, struct tls_proof **out, struct why *why);
void tls_proof_free(struct tls_proof *p);
struct str tls_proof_der(const struct tls_proof *p);
struct str tls_proof_pem(struct arena *a, const struct tls_proof *p);

/* issuers: PEM of the certificate's issuers, as behind it in its file: trusted to have
 * issued it. Empty: then only the serial number and the issuer's name are compared,
 * and the signature by the certificates in the proof. now_s: seconds since 1970. */
enum status tls_proof_check(struct tls_proof *p, const struct tls_cert *cert, struct str issuers, int64_t now_s,
                            struct why *why);
/* Seconds since 1970; 0: it does not say. Once it was found good, its signer's end if that comes first. */
int64_t tls_proof_made(const struct tls_proof *p);
int64_t tls_proof_from(const struct tls_proof *p);
int64_t tls_proof_until(const struct tls_proof *p);

/* The question for a responder, in DER, and its URL as the certificate names it (empty: it does not). */
enum status tls_ocsp_question(struct arena *a, const struct tls_cert *cert, const struct tls_cert *issuer, struct str *der, struct why *why);
struct str tls_ocsp_url(struct arena *a, const struct tls_cert *cert);

#endif
