/*
 * sock - sockets, never blocking, closed on exec
 */
#ifndef NET_SOCK_H
#define NET_SOCK_H

#include "base/arena.h"
#include "base/ip.h"
#include "base/why.h"

struct sock_addr {          /* an address and a port, or a Unix path */
    struct ip ip;
    uint16_t port;
    struct str path;        /* not empty: AF_UNIX */
};

/* "192.0.2.1:25", "[2001:db8::1]:25", "0.0.0.0:25", "/path"; a missing port is def. */
bool sock_parse(struct arena *a, struct str text, uint16_t def, struct sock_addr *out);
struct str sock_text(struct arena *a, const struct sock_addr *sa);

/* Listens without SO_REUSEPORT: a second engine must fail loudly. */
enum status sock_listen(const struct sock_addr *at, int backlog, int *fd, struct why *why);
/* How many may wait in a socket that listens already. */
void sock_backlog_set(int listen_fd, int backlog);
/* ST_OK: connection under way; wait for WATCH_WRITE, then sock_connected. */
enum status sock_connect(const struct sock_addr *to, const struct sock_addr *from, int *fd, struct why *why);
/* Dead peers are noticed; the DSCP of what is sent, -1: as it is. */
/* "ef", "af11", "cs3" ... or a number up to 63; -1: none of them. */
int sock_dscp(struct str name);
/* One datagram, sent or not. */
void sock_datagram(const struct sock_addr *to, struct str bytes);
void sock_mark(int fd, bool keepalive, int dscp);
void sock_nodelay(int fd, bool on);
/* How many connections wait in a listening socket. False: the system does not say. */
bool sock_backlog(int listen_fd, unsigned *waiting);
enum status sock_connected(int fd, struct why *why);
/* -1 with errno; peer and local filled in. */
int sock_accept(int listen_fd, struct sock_addr *peer, struct sock_addr *local);
bool sock_local(int fd, struct sock_addr *local);

#endif
