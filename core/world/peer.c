#include "world/peer.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum { TELLS_MAX = 64 };

struct tell { struct str word, arg, reply; };

struct talk {                   /* one connection */
    struct peer *peer;
    struct talk *next;
    struct watch *watch;
    struct timer idle;
    struct buf in;
    int fd;
    bool data;
    bool stalled;               /* hears, and says nothing any more */
};

struct peer {
    struct arena arena;
    struct loop *loop;
    struct sock_addr at;
    struct tell tell[TELLS_MAX];
    size_t ntell;
    struct talk *talks;
    struct buf heard;
    unsigned connections;
};

struct peer *peer_new(struct loop *l, const struct sock_addr *at)
{
    struct peer *p = calloc(1, sizeof *p);

    if (!p)
        die("peer: out of memory");
    p->loop = l;
    p->at = *at;
    return p;
}

static void talk_end(struct talk *t)
{
    timer_clear(t->peer->loop, &t->idle);
    watch_free(t->watch);
    close(t->fd);
    t->fd = -1;
    t->watch = NULL;
    buf_free(&t->in);
}

void peer_free(struct peer *p)
{
    while (p->talks) {
        struct talk *t = p->talks;

        p->talks = t->next;
        if (t->fd >= 0)
            talk_end(t);
        free(t);
    }
    buf_free(&p->heard);
    arena_free(&p->arena);
    free(p);
}

bool peer_is_at(const struct peer *p, const struct sock_addr *to)
{
    return ip_same(p->at.ip, to->ip) && (p->at.port == 0 || p->at.port == to->port);
}

void peer_forget(struct peer *p)
{
    p->ntell = 0;
}

/* "rcpt a@b 550 no" is told about one recipient: its reply's first word is no number. */
bool peer_tell(struct peer *p, struct str word, struct str reply)
{
    struct tell *t = &p->tell[p->ntell];
    struct str rest = reply, head;

    if (p->ntell == TELLS_MAX)
        return false;
    *t = (struct tell){ 0 };
    t->word = arena_lower(&p->arena, word);
    if (str_same(t->word, STR("rcpt")) && str_cut(&rest, ' ', &head) && str_find(head, '@') != SIZE_MAX) {
        t->arg = arena_dup(&p->arena, head);
        reply = rest;
    }
    t->reply = arena_dup(&p->arena, str_trim(reply));
    p->ntell++;
    return true;
}

/* What was told last about a word wins. */
static const struct tell *told(const struct peer *p, struct str word, struct str line)
{
    for (size_t i = p->ntell; i > 0; i--) {
        const struct tell *t = &p->tell[i - 1];

        if (str_same_fold(t->word, word) && (t->arg.n == 0 || str_find_str(line, t->arg) != SIZE_MAX))
            return t;
    }
    return NULL;
}

static bool told_about(const struct peer *p, struct str what, struct str word)
{
    for (size_t i = 0; i < p->ntell; i++)
        if (str_same(p->tell[i].word, what) && str_same_fold(p->tell[i].reply, word))
            return true;
    return false;
}

static const struct { struct str word, reply; } friendly[] = {
    { STR_INIT("banner"), STR_INIT("220 peer.example ESMTP") },
    { STR_INIT("ehlo"), STR_INIT("250-peer.example\r\n250-PIPELINING\r\n250-8BITMIME\r\n250-ENHANCEDSTATUSCODES\r\n250 SIZE 52428800") },
    { STR_INIT("lhlo"), STR_INIT("250-peer.example\r\n250-PIPELINING\r\n250 8BITMIME") },
    { STR_INIT("helo"), STR_INIT("250 peer.example") },
    { STR_INIT("mail"), STR_INIT("250 2.1.0 sender ok") },
    { STR_INIT("rcpt"), STR_INIT("250 2.1.5 recipient ok") },
    { STR_INIT("data"), STR_INIT("354 go on") },
    { STR_INIT("dot"), STR_INIT("250 2.0.0 taken") },
    { STR_INIT("rset"), STR_INIT("250 2.0.0 reset") },
    { STR_INIT("noop"), STR_INIT("250 2.0.0 fine") },
    { STR_INIT("quit"), STR_INIT("221 2.0.0 bye") },
};

static struct str answer(const struct peer *p, struct str word, struct str line)
{
    const struct tell *t = told(p, word, line);

    if (t)
        return t->reply;
    for (size_t i = 0; i < sizeof friendly / sizeof *friendly; i++)
        if (str_same_fold(friendly[i].word, word))
            return friendly[i].reply;
    return STR("500 5.5.1 what?");
}

/* A socketpair takes a reply whole; a peer that has gone is no concern of ours. */
static void say(struct talk *t, struct str reply)
{
    struct arena a = { 0 };
    struct str wire = arena_printf(&a, "%.*s\r\n", STR_ARG(reply));

    if (send(t->fd, wire.p, wire.n, MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
        errno = 0;
    arena_free(&a);
}

static void bored(void *ctx)
{
    struct talk *t = ctx;

    say(t, STR("421 4.4.2 timeout exceeded"));
    talk_end(t);
}

/* It waits from here on for what comes next, if it was told not to wait for ever. */
static void wait_on(struct talk *t)
{
    const struct tell *h = told(t->peer, STR("hangup"), STR(""));
    uint64_t s;

    if (!h || !str_u64(h->reply, 100000, &s))
        return;
    t->idle = (struct timer){ .fn = bored, .ctx = t, .due_ms = t->idle.due_ms, .place = t->idle.place };
    timer_set(t->peer->loop, &t->idle, (int64_t)s * 1000);
}

/* False: the connection is over. */
static bool respond(struct talk *t, struct str word, struct str line)
{
    struct str reply = answer(t->peer, word, line);

    if (told_about(t->peer, STR("stall"), word))
        t->stalled = true;
    if (t->stalled)
        return true;
    if (told_about(t->peer, STR("close"), word))
        return false;
    say(t, reply);
    if (str_same_fold(word, STR("data")) && str_starts(reply, STR("3")))
        t->data = true;
    return !str_same_fold(word, STR("quit")) && !str_starts(reply, STR("421"));
}

static bool hear(struct talk *t, struct str line)
{
    struct str rest = line, word = { 0 };

    buf_add(&t->peer->heard, line);
    buf_add(&t->peer->heard, STR("\r\n"));
    if (t->data) {
        if (!str_same(line, STR(".")))
            return true;
        t->data = false;
        return respond(t, STR("dot"), line);
    }
    str_cut(&rest, ' ', &word);
    return respond(t, word, line);
}

static void readable(void *ctx, int what)
{
    struct talk *t = ctx;
    ssize_t n = read(t->fd, buf_room(&t->in, 65536), 65536);
    size_t end;

    (void)what;
    if (n < 0 && errno == EAGAIN)
        return;
    if (n <= 0) {
        talk_end(t);
        return;
    }
    buf_grew(&t->in, (size_t)n);
    while ((end = str_find_str(buf_str(&t->in), STR("\r\n"))) != SIZE_MAX) {
        if (!hear(t, str_head(buf_str(&t->in), end))) {
            talk_end(t);
            return;
        }
        buf_drop(&t->in, end + 2);
    }
    wait_on(t);
}

int peer_connect(struct peer *p)
{
    struct talk *t;
    int fd[2];

    if (told(p, STR("refuse"), STR("")))
        return -1;
    if (told(p, STR("silent"), STR("")))
        return -2;
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fd) < 0)
        return -1;
    t = calloc(1, sizeof *t);
    if (!t)
        die("peer: out of memory");
    t->peer = p;
    t->fd = fd[0];
    t->watch = watch_new(p->loop, t->fd, readable, t);
    watch_set(t->watch, WATCH_READ);
    t->next = p->talks;
    p->talks = t;
    p->connections++;
    if (respond(t, STR("banner"), STR("")))
        wait_on(t);
    else
        talk_end(t);
    return fd[1];
}

unsigned peer_connections(const struct peer *p)
{
    return p->connections;
}

struct str peer_heard(const struct peer *p)
{
    return buf_str(&p->heard);
}
