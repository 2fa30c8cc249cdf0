/*
 * inside - what the files of this room know of each other
 */
#ifndef TLS_INSIDE_H
#define TLS_INSIDE_H

#include <openssl/ocsp.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include "base/arena.h"
#include "base/buf.h"
#include "tls/context.h"
#include "base/file.h"
#include "tls/tls.h"

/* Sizes of files: a certificate and its chain, a list of authorities or of revocations. */
enum { CERT_TEXT_MAX = 1024 * 1024, ANCHORS_TEXT_MAX = 64 * 1024 * 1024 };

/* CERT-03: * stands for a whole first label. OpenSSL asks for two more labels itself. */
enum { HOST_FLAGS = X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS };

/* ---- texts of OpenSSL */
int tls_no_phrase(char *out, int size, int writing, void *ctx);
BIO *tls_bio_new(void);
struct str tls_bio_text(struct arena *a, BIO *b);
struct str tls_name_text(struct arena *a, const X509_NAME *name);
int64_t tls_asn1_time(const ASN1_TIME *t);
STACK_OF(X509) *tls_certs_read(struct str pem);     /* NULL: none in it */

/* ---- anchors: whom chains may end at, and what was revoked; shared by contexts */
struct tls_anchors;
enum status tls_anchors_get(struct tls_cache *cache, struct str ca, struct str crl, struct tls_anchors **out, struct why *why);
void tls_anchors_drop(struct tls_anchors *n);
struct str tls_anchors_place(struct str ca);    /* the file or directory that changes with them */
X509_STORE *tls_anchors_store(const struct tls_anchors *n);
STACK_OF(X509_NAME) *tls_anchors_names(const struct tls_anchors *n);    /* to show to clients; NULL: none */

/* ---- words of the configuration */
enum status tls_words_apply(SSL_CTX *ctx, const struct tls_config *config, struct why *why);

/* ---- contexts */

/* Where sessions may be taken up again, by what is asked of the client's certificate; found at the first use. */
struct tls_scope {
    bool known;
    unsigned char sum[SHA256_DIGEST_LENGTH];
};

struct tls_context {
    unsigned held;
    struct tls_cache *cache;            /* NULL: it is in none any more */
    struct tls_tickets *tickets;
    SSL_CTX *ctx;
    bool server, fresh;
    struct tls_scope scope[TLS_VERIFY_REQUIRE + 1];
    struct str key;                     /* what it was made from, in arena */
    uint64_t used;                      /* the cache's count when it was asked for last */
    struct tls_cert *shown;             /* of ours, the one that was last */
    struct tls_anchors *anchors;
    struct tls_proof **proof;
    size_t proofs;
    struct str *file;                   /* what it was read from, and which files those were */
    struct file_identity *identity;
    size_t files;
    size_t lists_at;                    /* the place of tls_crl among them: looked into if it is a directory */
    struct str *note;
    size_t notes;
    unsigned dh_min_bits;
    unsigned char *alpn_wire;           /* as in the extension: a length before each */
    size_t alpn_wire_n;
    struct arena arena;
};

/* ---- proofs */
enum status tls_proof_check_by(struct tls_proof *p, X509 *cert, STACK_OF(X509) *issuers, X509_STORE *store,
                               int64_t now_s, bool *revoked, struct why *why);
/* Whether it speaks of this certificate at all: by serial number and issuer's name. */
bool tls_proof_is_of_x509(const struct tls_proof *p, X509 *cert);
/* Whether what tls_proof_check_by found good once is so now: a question of dates alone. */
bool tls_proof_still_good(const struct tls_proof *p, int64_t now_s);

/* ---- connections */

/* T_SHAKING: OpenSSL's handshake. T_NAMED: the client named a host, its answer is awaited. T_JUDGING: the chain goes
 * through ops->cert. T_ENDING: we said close-notify, theirs is awaited. */
enum tls_stage { T_SHAKING, T_NAMED, T_JUDGING, T_OPEN, T_ENDING, T_CLEAR, T_BROKEN };

struct tls {
    struct stream *stream;
    struct tls_context *context;
    SSL *ssl;
    const struct tls_ops *ops;
    void *ctx;
    enum tls_stage stage;
    enum tls_verify verify;
    enum tls_staple staple;
    bool server, resume, alpn_required, dane;
    bool begun, fatal, eof;
    bool late;                  /* clear text of ours was still queued when it began */
    bool chosen, refused;       /* the name was answered; with no */
    bool in_call;               /* inside ops->hello or ops->cert: who answers there need not wake us */
    bool asked, answered, untrusted;    /* ops->cert for a depth; its answer came; one was no */
    bool staple_asked, staple_sent, ticket_asked, ticket_offered, ticket_sent;
    bool old_verified, old_dane;    /* as the session offered was found when it was made */
    enum tls_staple_state old_ocsp;
    unsigned usage;
    int depth;                  /* of the chain, asked next */
    long doubt;                 /* X509_V_ERR_*: the first thing found wrong with the chain */
    bool hurry;                 /* server: the client's Finished comes next, and will have no answer */
    bool drained;               /* the socket had no more when it was read last, in this callback */
    struct buf raw;             /* came from the socket, not yet taken by OpenSSL */
    struct buf out;             /* OpenSSL's, for the socket, until the callback is over */
    struct buf hello;           /* server: what OpenSSL took of a hello that may be read again */
    struct str sni, reason;
    SSL_SESSION *session;       /* client: the newest */
    struct tls_facts facts;
    struct arena arena;
};

struct tls *tls_of_ssl(const SSL *ssl);
void tls_of_ssl_set(SSL *ssl, struct tls *t);
BIO *tls_wire_new(struct tls *t);
void tls_wire_leave(struct tls *t);         /* after every call of OpenSSL that may have read */
ssize_t tls_wire_recv(struct tls *t, char *p, size_t n);
ssize_t tls_wire_send(struct tls *t, const char *p, size_t n);
void tls_wire_hurry(struct tls *t);         /* once what was held back is gone */
int tls_wire_push(struct tls *t);           /* what is held back goes; below 0: not all, see errno */
int tls_shake(struct tls *t);               /* stream_ops.work */

void tls_ssl_make(struct tls *t, const struct tls_how *how);
void tls_facts_fill(struct tls *t);
void tls_staple_judge(struct tls *t);
/* Session bytes: a head of ours and OpenSSL's. */
bool tls_session_offer(struct tls *t, const struct tls_how *how);
void tls_session_scope(struct tls *t);
STACK_OF(X509) *tls_chain(struct tls *t);   /* the peer's certificate first; the connection's */

/* What OpenSSL calls back. */
void tls_callbacks_server(struct tls_context *c);
void tls_callbacks_client(struct tls_context *c);
void tls_resume_server(struct tls_context *c);
void tls_resume_client(struct tls_context *c);
int tls_on_status(SSL *ssl, void *arg);
int tls_on_verify(int ok, X509_STORE_CTX *x);

#endif
