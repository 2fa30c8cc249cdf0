/*
 * http - one question to a web server, in clear
 *
 * A connection, a request, an answer that is bounded, the end: libevent's client
 * on our loop. What asks so is told by signatures in the answer whether to
 * believe it (OCSP); nothing secret goes this way. (libcurl would cost each start
 * of the program 3 ms for the libraries it loads, asked or not.)
 */
#ifndef NET_HTTP_H
#define NET_HTTP_H

#include "base/why.h"
#include "net/loop.h"
#include "net/sock.h"

struct http_url {
    struct str host;            /* a name or an address; of an IPv6 address what is in the brackets */
    uint16_t port;
    struct str path;            /* with what is behind '?'; at least "/" */
};

/* "http://host[:port][/path]". False: it is none, or could not stand in a request. Points into text. */
bool http_url(struct str text, struct http_url *out);

struct http_want {
    struct sock_addr to;
    struct http_url url;
    struct str type, body;      /* posted */
    size_t most;                /* bytes of the answer's body */
    int64_t ms;                 /* for everything */
};

/* ST_OK: the server answered 200 and this is the body, valid in the call only. ST_AGAIN: it cannot
 * be had now. ST_NEVER: the server says no (4xx). */
typedef void http_fn(void *ctx, enum status st, struct str body, const struct why *why);

struct http;
/* want is read in the call. cb runs from the loop, once, and not after http_cancel. */
struct http *http_post(struct loop *l, const struct http_want *want, http_fn *cb, void *ctx);
void http_cancel(struct http *h);

#endif
