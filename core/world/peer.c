#include "world/peer.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/near.h"

enum { TELLS_MAX = 64 };

struct tell { struct str word, arg, reply; };

struct talk {                   /* one connection */
    struct peer *peer;
    struct talk *next;
    struct watch *watch;
    struct timer idle;
    struct buf in;
    int fd;
    SSL *ssl;                   /* NULL: in clear */
    bool shaking, greeted, secured;
    bool left;                  /* TLS ended, and nothing was said since */
    bool data;
    bool stalled;               /* hears, and says nothing any more */
    bool deaf;                  /* no handshake will come of what the client says */
};

struct secret { struct secret *next; struct peer_tls *tls; };

struct peer {
    struct arena arena;
    struct loop *loop;
    struct papers *papers;
    struct sock_addr at;
    struct peer_tls *tls;       /* the last it was told of, or NULL */
    struct secret *secrets;     /* all of them: connections may go on */
    struct tell tell[TELLS_MAX];
    size_t ntell;
    struct talk *talks;
    struct buf heard;
    unsigned connections;
};

struct peer *peer_new(struct loop *l, struct papers *papers, const struct sock_addr *at)
{
    struct peer *p = calloc(1, sizeof *p);

    if (!p)
        die("peer: out of memory");
    p->loop = l;
    p->papers = papers;
    p->at = *at;
    return p;
}

static void talk_end(struct talk *t)
{
    timer_clear(t->peer->loop, &t->idle);
    if (t->ssl)
        peer_tls_end(t->ssl);
    t->ssl = NULL;
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
    for (struct secret *s = p->secrets; s; s = s->next)
        peer_tls_free(s->tls);
    buf_free(&p->heard);
    arena_free(&p->arena);
    free(p);
}

bool peer_is_at(const struct peer *p, const struct sock_addr *to)
{
    return ip_same(p->at.ip, to->ip) && (p->at.port == 0 || p->at.port == to->port);
}

/* Who shows another certificate is another server: those who spoke with the old one come again. */
static void hang_up(struct peer *p)
{
    for (struct talk *t = p->talks; t; t = t->next)
        if (t->fd >= 0)
            talk_end(t);
}

void peer_forget(struct peer *p)
{
    if (p->tls)
        hang_up(p);
    p->ntell = 0;
    p->tls = NULL;
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

/* ---- what it is told */

static const struct str words[] = {
    STR_INIT("banner"), STR_INIT("ehlo"), STR_INIT("lhlo"), STR_INIT("helo"), STR_INIT("starttls"), STR_INIT("handshake"),
    STR_INIT("auth"), STR_INIT("mail"), STR_INIT("rcpt"), STR_INIT("data"), STR_INIT("dot"), STR_INIT("rset"), STR_INIT("noop"),
    STR_INIT("quit"), STR_INIT("tls"), STR_INIT("close"), STR_INIT("stall"), STR_INIT("hangup"), STR_INIT("refuse"), STR_INIT("silent"),
};
enum { WORDS = sizeof words / sizeof *words, SAID = 14 };      /* the first ones are answers to something */

static enum status known(struct str word, size_t n, const char *of, struct why *why)
{
    struct buf b = { 0 };

    for (size_t i = 0; i < n; i++)
        if (str_same_fold(word, words[i]))
            return ST_OK;
    near_say(&b, word, words, n);
    why_set(why, ST_NEVER, "%s: there is no word \"%.*s\"%.*s", of, STR_ARG(word), STR_ARG(buf_str(&b)));
    buf_free(&b);
    return ST_NEVER;
}

static enum status tell_tls(struct peer *p, struct str text, struct why *why)
{
    struct secret *s = arena_new(&p->arena, struct secret);
    enum status st = p->papers ? peer_tls_new(p->papers, text, &s->tls, why) : why_set(why, ST_NEVER, "tls: there are no certificates here");

    if (st != ST_OK)
        return st;
    s->next = p->secrets;
    p->secrets = s;
    p->tls = s->tls;
    hang_up(p);
    return ST_OK;
}

static bool breaks_handshake(const struct peer *p)
{
    return told(p, STR("handshake"), STR("")) || told_about(p, STR("close"), STR("handshake")) ||
           told_about(p, STR("stall"), STR("handshake"));
}

static bool has_handshake(const struct peer *p)
{
    return p->tls || breaks_handshake(p);
}

/* "rcpt a@b 550 no" is told about one recipient: its reply's first word is no number. */
enum status peer_tell(struct peer *p, struct str word, struct str reply, struct why *why)
{
    struct tell *t = &p->tell[p->ntell];
    struct str rest = reply, head;
    enum status st = known(word, WORDS, "peer", why);

    reply = str_trim(reply);
    if (st != ST_OK)
        return st;
    if (p->ntell == TELLS_MAX)
        return why_set(why, ST_NEVER, "peer: it was told %d things, that is the most", TELLS_MAX);
    if (str_same_fold(word, STR("tls")))
        return tell_tls(p, reply, why);
    if (str_same_fold(word, STR("close")) || str_same_fold(word, STR("stall")))
        st = known(reply, SAID, str_same_fold(word, STR("close")) ? "close" : "stall", why);
    else if (str_same_fold(word, STR("starttls")) && str_starts(reply, STR("2")) && !has_handshake(p))
        st = why_set(why, ST_NEVER, "starttls %.*s: the peer has no certificate; before that tell it `tls NAME`, or `handshake TEXT`, "
                     "`close handshake` or `stall handshake`", STR_ARG(reply));
    if (st != ST_OK)
        return st;
    *t = (struct tell){ 0 };
    t->word = arena_lower(&p->arena, word);
    if (str_same(t->word, STR("rcpt")) && str_cut(&rest, ' ', &head) && str_find(head, '@') != SIZE_MAX) {
        t->arg = arena_dup(&p->arena, head);
        reply = str_trim(rest);
    }
    t->reply = arena_dup(&p->arena, reply);
    p->ntell++;
    return ST_OK;
}

const struct papers_shown *peer_shows(const struct peer *p)
{
    return p->tls ? peer_tls_shown(p->tls) : NULL;
}

/* ---- what it answers */

static const struct { struct str word, reply; } friendly[] = {
    { STR_INIT("banner"), STR_INIT("220 peer.example ESMTP") },
    { STR_INIT("ehlo"), STR_INIT("250-peer.example\r\n250-PIPELINING\r\n250-8BITMIME\r\n250-ENHANCEDSTATUSCODES\r\n250 SIZE 52428800") },
    { STR_INIT("lhlo"), STR_INIT("250-peer.example\r\n250-PIPELINING\r\n250 8BITMIME") },
    { STR_INIT("helo"), STR_INIT("250 peer.example") },
    { STR_INIT("starttls"), STR_INIT("220 2.0.0 go ahead") },
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

    if (t->ssl)
        peer_tls_send(t->ssl, wire);
    else if (send(t->fd, wire.p, wire.n, MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
        errno = 0;
    arena_free(&a);
}

static void note(struct peer *p, struct str line)
{
    buf_add(&p->heard, line);
    buf_add(&p->heard, STR("\r\n"));
}

static bool offers(const struct talk *t)
{
    return !t->secured && (told(t->peer, STR("starttls"), STR("")) || has_handshake(t->peer));
}

/* The answer to EHLO with STARTTLS in it, before its last line. */
static struct str offer(struct arena *a, struct str reply)
{
    size_t at = str_rfind(reply, '\n');
    struct str last = at == SIZE_MAX ? reply : str_from(reply, at + 1);

    if (last.n < 3 || !str_starts(last, STR("250")) || str_find_str(reply, STR("STARTTLS")) != SIZE_MAX)
        return reply;
    return arena_printf(a, "%.*s250-%.*s\r\n250 STARTTLS", (int)(reply.n - last.n), reply.p, STR_ARG(str_from(last, 4)));
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

static void begin_tls(struct talk *t)
{
    t->deaf = breaks_handshake(t->peer);
    if (t->deaf)
        return;
    t->ssl = peer_tls_accept(t->peer->tls, t->fd);
    t->shaking = t->secured = true;
}

/* The client's first words under TLS, for whom there will be none. False: the connection is over. */
static bool break_tls(struct talk *t)
{
    const struct tell *instead = told(t->peer, STR("handshake"), STR(""));

    buf_clear(&t->in);
    if (instead && !t->stalled)
        say(t, instead->reply);
    t->stalled = true;
    return !told_about(t->peer, STR("close"), STR("handshake"));
}

/* False: the connection is over. */
static bool respond(struct talk *t, struct str word, struct str line)
{
    struct str reply = answer(t->peer, word, line);
    bool starts = str_same_fold(word, STR("starttls")), hello = str_same_fold(word, STR("ehlo")) || str_same_fold(word, STR("lhlo"));
    struct arena a = { 0 };

    if (starts && !offers(t))
        reply = STR("502 5.5.1 there is no TLS here");
    if (told_about(t->peer, STR("stall"), word))
        t->stalled = true;
    if (t->stalled)
        return true;
    if (told_about(t->peer, STR("close"), word))
        return false;
    say(t, hello && offers(t) ? offer(&a, reply) : reply);
    arena_free(&a);
    if (str_same_fold(word, STR("data")) && str_starts(reply, STR("3")))
        t->data = true;
    if (starts && str_starts(reply, STR("2")))
        begin_tls(t);
    return !str_same_fold(word, STR("quit")) && !str_starts(reply, STR("421"));
}

static bool hear(struct talk *t, struct str line)
{
    struct str rest = line, word = { 0 };

    note(t->peer, line);
    if (t->data) {
        if (!str_same(line, STR(".")))
            return true;
        t->data = false;
        return respond(t, STR("dot"), line);
    }
    str_cut(&rest, ' ', &word);
    return respond(t, word, line);
}

/* ---- bytes */

/* False: the connection is over. */
static bool greet(struct talk *t)
{
    t->greeted = true;
    return respond(t, STR("banner"), STR(""));
}

/* False: the connection is over. */
static bool shake(struct talk *t)
{
    enum peer_shake got = peer_tls_shake(t->ssl);

    if (got == SHAKE_WAITS)
        return true;
    peer_tls_tell(t->ssl, got == SHAKE_DONE, &t->peer->heard);
    note(t->peer, STR(""));
    t->shaking = false;
    return got == SHAKE_DONE && (t->greeted || greet(t));
}

/* Theirs, and ours back: what follows is clear. */
static void leave_tls(struct talk *t)
{
    peer_tls_end(t->ssl);
    t->ssl = NULL;
    t->secured = false;
    t->left = true;
}

/* As recv; what ends may go on in clear. */
static ssize_t take(struct talk *t, char *p, size_t n)
{
    ssize_t got = t->ssl ? peer_tls_recv(t->ssl, p, n) : 0;

    if (t->ssl && got != 0)
        return got;
    if (t->ssl)
        leave_tls(t);
    got = recv(t->fd, p, n, MSG_DONTWAIT);
    if (got > 0 && t->left) {
        note(t->peer, STR("(clear)"));
        t->left = false;
    }
    return got;
}

/* False: the connection is over. */
static bool hear_lines(struct talk *t)
{
    size_t end;

    while (!t->deaf && (end = str_find_str(buf_str(&t->in), STR("\r\n"))) != SIZE_MAX) {
        if (!hear(t, str_head(buf_str(&t->in), end)))
            return false;
        if (t->shaking)
            end = t->in.n - 2;          /* said in clear, and too early */
        buf_drop(&t->in, end + 2);
    }
    return true;
}

/* False: the connection is over. Else nothing is left: what OpenSSL has read of the socket the loop does not see. */
static bool take_all(struct talk *t)
{
    ssize_t n;

    for (;;) {
        if (t->shaking && !shake(t))
            return false;
        if (t->shaking)
            return true;
        n = take(t, buf_room(&t->in, 65536), 65536);
        if (n <= 0)
            return n < 0 && errno == EAGAIN;
        buf_grew(&t->in, (size_t)n);
        if (!(t->deaf ? break_tls(t) : hear_lines(t)))
            return false;
    }
}

static void readable(void *ctx, int what)
{
    struct talk *t = ctx;

    (void)what;
    if (take_all(t))
        wait_on(t);
    else
        talk_end(t);
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
    if (p->tls && peer_tls_at_once(p->tls))
        begin_tls(t);
    if (t->deaf || t->shaking || greet(t))
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
