/*
 * context - certificates, keys and rules of handshakes, read once and kept
 *
 * A context is got by its configuration. As long as no file named there has
 * changed (device, inode, time, size), asking again gives the same context and
 * costs a stat a file; a replaced file gives a new one, and connections under
 * way keep theirs. Files are read as the user the process is.
 */
#ifndef TLS_CONTEXT_H
#define TLS_CONTEXT_H

#include <sys/types.h>

#include "base/arena.h"
#include "base/why.h"
#include "tls/ticket.h"

struct tls_list {
    const struct str *item;
    size_t n;
};

/* Texts are read during the call only. Empty: the default. */
struct tls_config {
    bool server;
    struct tls_list certificates;   /* paths: PEM, the certificate first, then its chain. A server needs one */
    struct tls_list keys;           /* paths in the same order; none: the certificate's file holds the key too */
    struct tls_list proofs;         /* paths of OCSP answers, DER or PEM, any order ("DER ", "PEM " before one is allowed) */
    struct str ca;                  /* "system", a file, a directory of hashed names; empty: nothing can be verified */
    struct str crl;                 /* a file or a directory of hashed names; set: every signer of a chain needs a list (CRL-01) */
    struct str ciphers;             /* OpenSSL's list; names of TLS 1.3's suites in it are taken for TLS 1.3 */
    struct str groups;              /* tls_eccurve: "X25519:P-256", or "auto" */
    struct str dhparam;             /* a PEM file, the name of a group ("ffdhe2048"), "none"; empty: as large as the key */
    unsigned dh_min_bits;           /* client: what it takes at least; 0: 1024 */
    unsigned dh_max_bits;           /* server: longer ones of dhparam are not used; 0: any */
    struct tls_list alpn;           /* protocols we speak, such as "smtp" */
    struct str options;             /* openssl_options: "+no_tlsv1_3 -all"; TLS 1.2 is the least whatever it says */
    struct str scope;               /* what else keeps sessions apart: listener, virtual host */
};

struct tls_cache;
struct tls_context;

/* One a thread. tickets: where a server's ticket keys are; NULL: it resumes nothing. */
struct tls_cache *tls_cache_new(struct tls_tickets *tickets);
void tls_cache_free(struct tls_cache *c);

/* For worlds, where names stand for what is in no file: asked before the file of that name is read, and for the `ca` "system".
 * True: *pem is what it would hold, and lives as long as the cache. */
enum tls_file { TLS_FILE_CA, TLS_FILE_CRL, TLS_FILE_CERTIFICATE, TLS_FILE_KEY };
typedef bool tls_given(void *ctx, enum tls_file what, struct str name, struct str *pem);
void tls_cache_given(struct tls_cache *c, tls_given *fn, void *ctx);
/* What is given has changed: connections to come read everything anew. */
void tls_cache_forget(struct tls_cache *c);

/* A context counted up for the caller. ST_AGAIN: a file is missing, unreadable,
 * too widely readable, damaged, does not match; ST_NEVER: a word of the
 * configuration is none. why names the file or the option. */
enum status tls_context_get(struct tls_cache *cache, const struct tls_config *config, struct tls_context **out, struct why *why);
struct tls_context *tls_context_hold(struct tls_context *c);
void tls_context_drop(struct tls_context *c);

/* What the operator should hear although the context works (a proof that
 * cannot be read, no list of revocations): the i-th sentence, for the main and
 * the panic log; empty: no more. fresh is true for the caller whose get read
 * the files: only that one logs them. */
struct str tls_context_note(const struct tls_context *c, size_t i);
bool tls_context_fresh(struct tls_context *c);

/* Words of openssl_options, of cipher lists, of groups: ST_NEVER with the wrong word. */
enum status tls_words_check(const struct tls_config *config, struct why *why);

#endif
