/*
 * peer - a scripted SMTP server for hermetic worlds
 *
 * It stands at an address of the pretend network and answers as told, else
 * as a friendly server would. It speaks over one end of a socketpair, on the
 * world's loop. What it is told is a word and a reply:
 *     banner TEXT, ehlo, lhlo, helo, auth, mail, rcpt, data, dot, rset, noop, quit TEXT
 *                     the reply to that command ("250-a\r\n250 b" may have
 *                     several lines); "rcpt a@b TEXT" is for one recipient
 *     close WORD      hangs up in place of the reply to WORD
 *     stall WORD      never answers WORD
 *     tls TEXT        has a certificate and offers STARTTLS (world/peer_tls.h has the words), "tls mx.example" at
 *                     least; the answer to EHLO says so whatever it is
 *     starttls TEXT   the reply to STARTTLS, which is offered then; 220 needs `tls` or a handshake below
 *     handshake TEXT  says that where the handshake should be; `close handshake` and `stall handshake` are others
 *     hangup SECONDS  says 421 and hangs up when it has heard nothing for so long
 *     refuse          connections are refused
 *     silent          connections are never answered, nor made
 */
#ifndef WORLD_PEER_H
#define WORLD_PEER_H

#include "base/arena.h"
#include "base/buf.h"
#include "net/loop.h"
#include "net/sock.h"
#include "world/peer_tls.h"

struct peer;

/* Its certificates are of papers; NULL: it has none. */
struct peer *peer_new(struct loop *l, struct papers *papers, const struct sock_addr *at);
void peer_free(struct peer *p);
bool peer_is_at(const struct peer *p, const struct sock_addr *to);
void peer_forget(struct peer *p);           /* what it was told: a friendly server again */
/* ST_NEVER: why says which word is none, and the nearest that is. */
enum status peer_tell(struct peer *p, struct str word, struct str reply, struct why *why);
/* What it shows in handshakes; NULL: it was not told `tls`. */
const struct papers_shown *peer_shows(const struct peer *p);
/* For engine_on_connect: a descriptor, -1 refused, -2 never answers. */
int peer_connect(struct peer *p);
unsigned peer_connections(const struct peer *p);
/* Everything said to it, CRLF lines; of a handshake a line "(TLS1.3 SNI=mx.example)", of the end of TLS "(clear)". */
struct str peer_heard(const struct peer *p);

#endif
