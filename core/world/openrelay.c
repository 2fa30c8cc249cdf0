#include "world/openrelay.h"

#include <ctype.h>
#include <stdlib.h>

#include "base/map.h"
#include "world/world_inside.h"

enum { NAMES_MAX = 1000, CLAIMS_MAX = 32, PORTS_MAX = 16, WAIT_MS = 60000, AGAIN_MS = 20 * 60 * 1000 };

#define STRANGER "mail.stranger.example"
#define FAR "far-away.example"
#define VICTIM "someone@" FAR

/* Documentation networks first, as they make the better transcript; rules of
 * examples may name those as friends, so then two of the real world. */
static const char *const clients[] = { "203.0.113.200", "198.51.100.200", "192.0.2.200", "20.30.40.50", "2a0f:4321::99" };

/* ---- names that the rules write */

static bool name_char(char c)
{
    return isalnum((unsigned char)c) || c == '-' || c == '.';
}

/* "smart.example.net": labels of letters, digits and inner hyphens, the last of them no number. */
static bool is_name(struct str s)
{
    struct str rest = s, label = { 0 };
    bool dots = str_find(s, '.') != SIZE_MAX;

    if (!dots || s.n > 200)
        return false;
    while (str_cut(&rest, '.', &label))
        if (label.n == 0 || label.n > 63 || label.p[0] == '-' || label.p[label.n - 1] == '-')
            return false;
    return s.p[s.n - 1] != '.' && isalpha((unsigned char)label.p[0]);
}

struct names { struct arena arena; struct map *seen; struct str v[NAMES_MAX]; size_t n; };

static void names_in(struct names *names, struct str text)
{
    for (size_t at = 0; at < text.n && names->n < NAMES_MAX; at++) {
        size_t from = at;
        struct str name;

        while (at < text.n && name_char(text.p[at]))
            at++;
        name = (struct str){ text.p + from, at - from };
        if (!is_name(name) || map_get(names->seen, name))
            continue;
        names->v[names->n] = arena_dup(&names->arena, name);
        map_put(names->seen, names->v[names->n], names);
        names->n++;
    }
}

static struct names *names_of(const struct snapshot *s)
{
    struct names *names = calloc(1, sizeof *names);

    if (!names)
        die("openrelay: out of memory");
    names->seen = map_new();
    for (size_t i = 0; i < s->n; i++)
        names_in(names, s->files[i].bytes);
    return names;
}

static void names_free(struct names *names)
{
    map_free(names->seen);
    arena_free(&names->arena);
    free(names);
}

void openrelay_zone(const struct snapshot *s, struct buf *zone)
{
    struct names *names = names_of(s);

    buf_add(zone, STR(FAR ". MX 10 mx." FAR ".\nmx." FAR ". A 100.100.1.1\n"
                      "stranger.example. MX 10 " STRANGER ".\n"));
    for (size_t i = 0; i < sizeof clients / sizeof *clients; i++) {
        struct str ip = str_of(clients[i]);

        buf_addf(zone, STRANGER ". %s %s\n", str_find(ip, ':') == SIZE_MAX ? "A" : "AAAA", clients[i]);
    }
    buf_add(zone, STR("200.113.0.203.in-addr.arpa. PTR " STRANGER ".\n200.100.51.198.in-addr.arpa. PTR " STRANGER ".\n"
                      "200.2.0.192.in-addr.arpa. PTR " STRANGER ".\n50.40.30.20.in-addr.arpa. PTR " STRANGER ".\n"));
    for (size_t i = 0; i < names->n; i++)
        buf_addf(zone, "%.*s. A 100.100.1.2\n", STR_ARG(names->v[i]));
    names_free(names);
}

/* ---- one attempt */

struct attempt {
    struct world *w;
    struct world_session *s;
    struct arena *arena;
    struct buf *said;               /* the transcript; NULL: nobody will read it */
    struct str reply;
};

static void note(struct attempt *t, const char *who, struct str text)
{
    struct str line;

    for (text = str_trim(text); t->said && str_cut(&text, '\n', &line);)
        buf_addf(t->said, "\n    %s: %.*s", who, STR_ARG(str_trim(line)));
}

static bool hear(struct attempt *t)
{
    if (world_over(t->s) || !world_reply(t->s, t->arena, &t->reply))
        return false;
    note(t, "S", t->reply);
    return true;
}

static bool good(const struct attempt *t)
{
    return t->reply.n > 0 && (t->reply.p[0] == '2' || t->reply.p[0] == '3');
}

static bool say(struct attempt *t, const char *line, struct str arg, const char *end)
{
    struct str text = arena_printf(t->arena, "%s%.*s%s\r\n", line, STR_ARG(arg), end);

    note(t, "C", text);
    world_send(t->s, text);
    return hear(t) && good(t);
}

/* Who it says it is. */
struct claim { struct str helo, sender; bool starttls; };

/* Anybody can say STARTTLS; where it is not offered, there is nothing more to find out than in clear. */
static bool encrypted(struct attempt *t, const struct claim *c)
{
    if (!c->starttls)
        return true;
    return str_find_str(t->reply, STR("STARTTLS")) != SIZE_MAX && say(t, "STARTTLS", STR(""), "") && say(t, "EHLO ", c->helo, "");
}

static bool converse(struct attempt *t, const struct claim *c)
{
    return hear(t) && good(t) && say(t, "EHLO ", c->helo, "") && encrypted(t, c) && say(t, "MAIL FROM:<", c->sender, ">")
        && say(t, "RCPT TO:<", STR(VICTIM), ">") && say(t, "DATA", STR(""), "")
        && say(t, "From: ", c->sender.n ? c->sender : STR("someone@stranger.example"),
               "\r\nTo: " VICTIM "\r\nDate: Thu, 1 Jan 2026 00:00:00 +0000\r\nMessage-ID: <probe@" STRANGER ">\r\n"
               "Subject: hello\r\n\r\nhello\r\n.");
}

static bool attempt(struct world *w, struct arena *a, const char *client, uint16_t port, const struct claim *c, struct buf *said)
{
    struct attempt t = { .w = w, .arena = a, .said = said };
    bool taken;

    t.s = world_session(w, str_of(client), port);
    taken = t.s && converse(&t, c);
    if (t.s)
        world_hang_up(t.s);
    /* Who defers strangers for a while has not decided yet. */
    if (taken || t.reply.n == 0 || t.reply.p[0] != '4')
        return taken;
    world_advance(w, AGAIN_MS);
    if (said)
        buf_addf(said, "\n    (twenty minutes later)");
    t.reply = STR("");
    t.s = world_session(w, str_of(client), port);
    taken = t.s && converse(&t, c);
    if (t.s)
        world_hang_up(t.s);
    return taken;
}

/* ---- would it be sent on? */

struct way { struct world *w; struct txn *txn; bool done, on; struct str transport, host; struct arena *arena; };

static void on_transport(void *ctx, enum status st, const struct transport_values *tv, const struct why *why)
{
    struct way *way = ctx;
    (void)why;

    way->done = true;
    way->on = st == ST_OK && str_same(tv->driver, STR("smtp"));
}

static void on_route(void *ctx, struct route_item *items, size_t n)
{
    struct way *way = ctx;

    way->done = true;
    for (size_t i = 0; i < n && way->transport.n == 0; i++) {
        if (items[i].kind != ROUTE_TO || items[i].at.transport.n == 0)
            continue;
        way->transport = arena_dup(way->arena, items[i].at.transport);
        if (items[i].nhosts > 0)
            way->host = arena_dup(way->arena, items[i].hosts[0].name);
    }
}

static bool way_done(void *ctx)
{
    return ((struct way *)ctx)->done;
}

static bool sent_on(struct way *way, struct str sender)
{
    struct policy *p = world_policy(way->w);
    struct eval *e;

    way->txn = world_txn(way->w);
    way->txn->phase = PH_ROUTE;
    way->txn->sender = arena_dup(&way->txn->arena, sender);
    world_client(world_conn(way->w), str_of(clients[0]));
    e = policy_route(p, way->txn, STR(VICTIM), on_route, way);
    if (!world_until(way->w, way_done, way, WAIT_MS)) {
        policy_cancel(e);
        return false;
    }
    if (way->transport.n == 0)
        return false;
    way->done = false;
    e = policy_transport(p, way->transport, way->txn, on_transport, way);
    if (!world_until(way->w, way_done, way, WAIT_MS)) {
        policy_cancel(e);
        return false;
    }
    return way->on;
}

/* ---- the abstract sessions */

/* The ports that somebody outside can reach. */
static size_t ports_of(const struct policy *p, uint16_t *ports)
{
    const struct val *listen = policy_opt(p, policy_opt_find(STR("listen")));
    size_t n = 0;

    for (size_t i = 0; listen->type == VAL_LIST && i < listen->u.list.n && n < PORTS_MAX; i++) {
        struct sock_addr at;
        struct arena a = { 0 };
        bool known = sock_parse(&a, listen->u.list.v[i], 25, &at), seen = ip_is_loopback(at.ip);

        arena_free(&a);
        for (size_t k = 0; k < n; k++)
            seen = seen || ports[k] == at.port;
        if (known && !seen)
            ports[n++] = at.port;
    }
    return n;
}

/* Its own name; nobody's; ours; and every name the rules write, in HELO or as the sender's domain. */
static size_t claims_of(struct world *w, const struct snapshot *s, struct arena *a, struct claim *v)
{
    struct names *names = names_of(s);
    struct str ours = policy_opt_str(world_policy(w), policy_opt_find(STR("qualify_domain")));
    struct str own = STR("someone@stranger.example");
    size_t n = 0;

    v[n++] = (struct claim){ .helo = STR(STRANGER), .sender = own };
    v[n++] = (struct claim){ .helo = STR(STRANGER), .sender = STR("") };
    if (ours.n > 0)
        v[n++] = (struct claim){ .helo = STR(STRANGER), .sender = arena_printf(a, "postmaster@%.*s", STR_ARG(ours)) };
    for (size_t i = 0; i < names->n && n + 2 <= CLAIMS_MAX; i++) {
        v[n++] = (struct claim){ .helo = STR(STRANGER), .sender = arena_printf(a, "postmaster@%.*s", STR_ARG(names->v[i])) };
        v[n++] = (struct claim){ .helo = arena_dup(a, names->v[i]), .sender = own };
    }
    names_free(names);
    return n;
}

static bool from_anywhere(struct world *w, struct arena *a, uint16_t port, const struct claim *c)
{
    for (size_t i = 1; i < sizeof clients / sizeof *clients; i++)
        if (!attempt(w, a, clients[i], port, c, NULL))
            return false;
    return true;
}

static void report(struct world *w, struct arena *a, uint16_t port, const struct way *way, const struct buf *said, struct problem *out)
{
    struct str rest = policy_answered(world_policy(w), PH_RCPT, a), file = { 0 };
    int opt = policy_opt_find(STR("open_relay"));
    uint64_t line = 0;

    str_cut(&rest, ':', &file);
    str_u64(rest, 1000000000, &line);
    out->file = file;
    out->line = (int)line;
    out->warning = opt >= 0 && policy_opt_bool(world_policy(w), opt);
    out->text = arena_printf(a, "this relays for everyone: whoever connects may send to any domain\n"
                             "    a stranger, not authenticated, comes from %s to port %u%.*s\n"
                             "    and <" VICTIM "> is sent on by transport %.*s%s%.*s", clients[0], port,
                             STR_ARG(buf_str(said)), STR_ARG(way->transport), way->host.n ? " to " : "", STR_ARG(way->host));
}

bool openrelay_find(struct world *w, const struct snapshot *s, struct arena *a, struct problem *out)
{
    uint16_t ports[PORTS_MAX];
    struct claim claims[CLAIMS_MAX];
    size_t nports = ports_of(world_policy(w), ports), nclaims;
    struct buf said = { 0 };
    bool found = false;

    if (nports == 0 || !policy_has_acl(world_policy(w), PH_RCPT))
        return false;
    nclaims = claims_of(w, s, a, claims);
    for (size_t i = 0; i < 2 * nports * nclaims && !found; i++) {
        uint16_t port = ports[i / 2 / nclaims];
        struct claim *c = &claims[i / 2 % nclaims];
        struct way way = { .w = w, .arena = a };

        c->starttls = i % 2;
        buf_clear(&said);
        found = attempt(w, a, clients[0], port, c, &said) && from_anywhere(w, a, port, c) && sent_on(&way, c->sender);
        if (found)
            report(w, a, port, &way, &said, out);
    }
    buf_free(&said);
    return found;
}
