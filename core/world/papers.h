/*
 * papers - certificates that a world makes for its scripted servers
 *
 * Real ones, made in memory when somebody first asks: for each name by which
 * rules trust ("system", a path) an authority of two steps, as authorities
 * have, and below it what a server shows. Clocks are the world's, and the same
 * world makes the same ones in every run.
 */
#ifndef WORLD_PAPERS_H
#define WORLD_PAPERS_H

#include <openssl/x509.h>

#include "base/arena.h"
#include "base/why.h"
#include "tls/context.h"

struct papers;

enum papers_state { PAPERS_GOOD, PAPERS_EXPIRED, PAPERS_EARLY, PAPERS_REVOKED };
enum papers_proof { PROOF_NONE, PROOF_GOOD, PROOF_REVOKED, PROOF_UNKNOWN, PROOF_OLD };

struct papers_wish {
    const struct str *names;    /* DNS names, letters, digits, '-', '.', '_' and '*' only; one at least */
    size_t n;
    struct str by;              /* who signs: "system", "stranger", "itself", or a path that rules name; empty: system */
    struct str crl;             /* the path by which rules know the signer's list of the revoked; empty: it has none */
    enum papers_state state;
    enum papers_proof proof;
};

/* One certificate, the caller's to free. */
struct papers_shown {
    X509 *cert, *above;         /* above: the intermediate that signed it; NULL: itself did */
    EVP_PKEY *key;
    unsigned char *proof;       /* DER; NULL: none */
    int proof_n;
};

struct papers *papers_new(void);
void papers_free(struct papers *p);

void papers_make(struct papers *p, const struct papers_wish *w, struct papers_shown *out);
void papers_shown_free(struct papers_shown *s);

/* For tls_cache_given. Authorities: "system" always, another name once a server was signed by it; lists: once a server's was
 * named. A certificate or key of ours (tls_certificate of a transport): where there is no such file, one with the path for its
 * name, signed by system. */
bool papers_given(void *ctx, enum tls_file what, struct str name, struct str *pem);

/* The data of a TLSA record, in hex: usage 3 names the certificate, 2 the one above it. */
struct str papers_tlsa(struct arena *a, const struct papers_shown *s, unsigned usage, unsigned selector, unsigned matching);

#endif
