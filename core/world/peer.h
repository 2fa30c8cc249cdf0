/*
 * peer - a scripted SMTP server for hermetic worlds
 *
 * It stands at an address of the pretend network and answers as told, else
 * as a friendly server would. It speaks over one end of a socketpair, on the
 * world's loop. What it is told is a word and a reply:
 *     banner TEXT, ehlo TEXT, mail, rcpt, data, dot, rset, quit TEXT
 *                     the reply to that command ("250-a\r\n250 b" may have
 *                     several lines); "rcpt a@b TEXT" is for one recipient
 *     close WORD      hangs up in place of the reply to WORD
 *     stall WORD      never answers WORD
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

struct peer;

struct peer *peer_new(struct loop *l, const struct sock_addr *at);
void peer_free(struct peer *p);
bool peer_is_at(const struct peer *p, const struct sock_addr *to);
void peer_forget(struct peer *p);           /* what it was told: a friendly server again */
bool peer_tell(struct peer *p, struct str word, struct str reply);
/* For engine_on_connect: a descriptor, -1 refused, -2 never answers. */
int peer_connect(struct peer *p);
unsigned peer_connections(const struct peer *p);
/* Everything said to it, CRLF lines. */
struct str peer_heard(const struct peer *p);

#endif
