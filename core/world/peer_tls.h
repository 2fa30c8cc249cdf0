/*
 * peer_tls - the TLS of a scripted server
 *
 * OpenSSL's own, over the descriptor the server talks on: what a delivery meets
 * is a real handshake with a real certificate (world/papers.h). A text says what
 * kind of server it is, items between semicolons, the first of them names alone:
 *     mx.example www.example      what the certificate is for (or names=...)
 *     by=system                   who signed it: system, stranger (nobody trusts it), itself, or the path
 *                                 of a file that tls_verify_certificates names
 *     is=expired                  good, expired, early, revoked
 *     crl=/etc/revoked.pem        the path of a file that tls_crl names
 *     ocsp=good                   staples a proof: good, revoked, unknown, old
 *     version=TLS1.2              the only one it speaks: TLS1, TLS1.1, TLS1.2, TLS1.3
 *     ciphers=A:B                 the only ones it takes
 *     alpn=smtp                   the protocols it speaks
 *     client=ask                  asks for a certificate; require: does without none
 *     smtps                       TLS from the first byte
 */
#ifndef WORLD_PEER_TLS_H
#define WORLD_PEER_TLS_H

#include <openssl/ssl.h>
#include <sys/types.h>

#include "base/buf.h"
#include "base/why.h"
#include "world/papers.h"

struct peer_tls;

/* ST_NEVER: why says which item is wrong, and what it could be. */
enum status peer_tls_new(struct papers *papers, struct str text, struct peer_tls **out, struct why *why);
void peer_tls_free(struct peer_tls *t);         /* connections under way may go on */
bool peer_tls_at_once(const struct peer_tls *t);
const struct papers_shown *peer_tls_shown(const struct peer_tls *t);

/* A connection: its SSL does not own fd. */
SSL *peer_tls_accept(const struct peer_tls *t, int fd);
enum peer_shake { SHAKE_WAITS, SHAKE_DONE, SHAKE_FAILED };
enum peer_shake peer_tls_shake(SSL *ssl);
/* As recv: 0 is the end of TLS, -1 with EAGAIN waits. */
ssize_t peer_tls_recv(SSL *ssl, char *p, size_t n);
void peer_tls_send(SSL *ssl, struct str bytes);
void peer_tls_end(SSL *ssl);                    /* says so, and frees */
/* "(TLS1.3 SNI=mx.example resumed)" or "(TLS failed: unknown ca)": what the server has to tell of it. */
void peer_tls_tell(SSL *ssl, bool done, struct buf *out);

#endif
