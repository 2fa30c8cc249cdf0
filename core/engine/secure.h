/*
 * secure - a session's TLS: the handshake, and what came of it
 *
 * Between a session and core/tls. From STARTTLS (or the connection's begin) to
 * the end of the handshake a struct secure hangs off the session; afterwards
 * only the facts are left, in its conn. A session without a descriptor, in a
 * pretended world, has a pretended handshake: the options are evaluated, and
 * the facts are whatever the world says.
 */
#ifndef ENGINE_SECURE_H
#define ENGINE_SECURE_H

#include "engine/session.h"

/* The ACL of EHLO has said yes: whether STARTTLS stands in its answer. True: that has to be asked, and the rest of the answer
 * follows. */
bool secure_offer(struct session *s, struct txn *t);
/* smtp_server_ops.starttls: gets ready. */
void secure_prepare(void *ctx);
/* What the server had to say is with the stream; if it is ready, the handshake begins. */
void secure_begin(struct session *s);
void secure_flushed(struct session *s);
/* The channel bindings into conn.tls, for who may authenticate: every session would pay for them, few use them. */
void secure_bind(struct session *s);
/* Nobody waits for it any more. */
void secure_cancel(struct session *s);

#endif
