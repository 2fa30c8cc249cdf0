#include "engine/history.h"

#include "base/clock.h"
#include "base/json.h"
#include "engine/explain.h"

enum { TRIES_MAX = 60, TEXT_MAX = 600, HOSTS_SHOWN = 30, RECORDS_MAX = 50 };

struct try {
    struct at_host host;
    const struct item *it;          /* NULL: all of them */
    const char *how;
    struct str text;
    int64_t us;
};

struct history {
    struct str transport, driver;
    int64_t us;
    const struct host *hosts;       /* all there are, tried or not */
    size_t nhosts;
    struct try *tries;
    unsigned n, room, lost;
    int64_t began_us;               /* with the host at hand */
    const struct item *told;        /* the latest record is about this one */
    unsigned records;
    bool told_many;                 /* one message is not to fill the ring: the rest shares the latest */
};

/* ---- noting */

static struct history *history_of(struct attempt *a)
{
    if (!a->history)
        a->history = arena_new(&a->w->arena, struct history);
    return a->history;
}

void history_begin(struct attempt *a)
{
    if (explain_wanted(attempt_engine(a)))
        history_of(a)->began_us = clock_mono_us();
}

static void add(struct attempt *a, const struct try *t)
{
    struct history *h = history_of(a);
    struct try *more;

    if (h->n == TRIES_MAX) {
        h->lost++;
        return;
    }
    if (h->n == h->room) {
        h->room = h->room ? 2 * h->room : 4;
        more = arena_array(&a->w->arena, struct try, h->room);
        if (h->n)
            memcpy(more, h->tries, h->n * sizeof *more);
        h->tries = more;
    }
    h->tries[h->n] = *t;
    h->tries[h->n].host.name = arena_dup(&a->w->arena, t->host.name);
    h->tries[h->n++].text = arena_dup(&a->w->arena, str_head(t->text, TEXT_MAX));
}

void history_note(struct attempt *a, const char *how, const struct item *it, struct str text)
{
    struct try t = { .host = a->host, .it = it, .how = how, .text = text };

    if (!explain_wanted(attempt_engine(a)))
        return;
    t.us = history_of(a)->began_us ? clock_mono_us() - a->history->began_us : 0;
    add(a, &t);
}

void history_skip(struct attempt *a, int64_t until)
{
    struct try t = { .host = a->host, .how = "skipped" };
    struct arena ar = { 0 };

    if (explain_wanted(attempt_engine(a))) {
        t.text = arena_printf(&ar, "not before %.*s", STR_ARG(clock_rfc5322(&ar, until)));
        add(a, &t);
    }
    arena_free(&ar);
}

void history_end(struct attempt *a)
{
    struct history *h;

    if (!explain_wanted(attempt_engine(a)))
        return;
    h = history_of(a);
    h->transport = a->items ? a->items->at.transport : STR("");
    h->driver = a->tr.driver_name.n ? arena_dup(&a->w->arena, a->tr.driver_name) : STR("");
    h->us = clock_wall_us() - a->began_us;
    h->hosts = a->hosts;
    h->nhosts = a->nhosts;
    for (struct item *it = a->items; it; it = it->peer)
        it->history = h;
}

/* ---- telling */

static void put_read(struct buf *out, const char *name, struct str value, bool *first)
{
    if (value.n == 0)
        return;
    buf_addf(out, "%s{", *first ? ",\"reads\":[" : ",");
    json_member(out, "name", str_of(name));
    json_member(out, "value", str_head(value, TEXT_MAX));
    buf_byte(out, '}');
    *first = false;
}

static void put_reads_end(struct buf *out, bool first)
{
    if (!first)
        buf_byte(out, ']');
}

static void put_host(struct buf *out, struct arena *a, const struct host *h, const struct at_host *at)
{
    struct buf what = { 0 };
    struct str name = at ? at->name : h ? h->name : STR("");
    struct ip ip = at ? at->ip : h ? h->ip : (struct ip){ .v = 0 };
    uint16_t port = at && at->port ? at->port : h ? h->port : 0;

    buf_addf(&what, "host %.*s", STR_ARG(name));
    if (ip.v)
        buf_addf(&what, " [%.*s]", STR_ARG(ip_text(a, ip)));
    if (port)
        buf_addf(&what, ":%u", port);
    if (h && h->preference >= 0)
        buf_addf(&what, " MX %d", (int)h->preference);
    if (h && h->secure)
        buf_add(&what, STR(" DNSSEC"));
    json_member(out, "what", buf_str(&what));
    buf_free(&what);
}

static bool same_host(const struct host *h, const struct at_host *at)
{
    return str_same(h->name, at->name) && ip_same(h->ip, at->ip) && (!h->port || h->port == at->port);
}

static const struct host *host_of(const struct history *h, const struct at_host *at)
{
    for (size_t i = 0; i < h->nhosts; i++)
        if (same_host(&h->hosts[i], at))
            return &h->hosts[i];
    return NULL;
}

static void put_try(struct buf *out, struct arena *a, const struct history *h, const struct try *t)
{
    bool first = true;

    buf_byte(out, '{');
    put_host(out, a, host_of(h, &t->host), &t->host);
    json_member(out, "result", str_of(t->how));
    json_member_int(out, "us", t->us);
    put_read(out, "said", t->text, &first);
    if (t->host.auth.n)
        put_read(out, "authenticated", t->host.auth, &first);
    put_reads_end(out, first);
    buf_byte(out, '}');
}

static bool was_tried(const struct history *h, const struct host *host, const struct item *it)
{
    for (unsigned i = 0; i < h->n; i++)
        if ((!h->tries[i].it || h->tries[i].it == it) && same_host(host, &h->tries[i].host))
            return true;
    return false;
}

/* Those that were turned to for this item, in turn, then those that were not. */
static void put_hosts(struct buf *out, struct arena *a, const struct history *h, const struct item *it)
{
    size_t shown = 0;

    for (unsigned i = 0; i < h->n; i++)
        if (!h->tries[i].it || h->tries[i].it == it) {
            buf_add(out, shown++ ? STR(",") : STR(",\"tried\":["));
            put_try(out, a, h, &h->tries[i]);
        }
    for (size_t i = 0; i < h->nhosts && shown < HOSTS_SHOWN; i++)
        if (!was_tried(h, &h->hosts[i], it)) {
            buf_add(out, shown++ ? STR(",{") : STR(",\"tried\":[{"));
            put_host(out, a, &h->hosts[i], NULL);
            json_member(out, "result", STR("unused"));
            json_member_int(out, "us", 0);
            buf_byte(out, '}');
        }
    if (shown)
        buf_byte(out, ']');
}

static void put_transport(struct buf *out, struct arena *a, const struct item *it)
{
    const struct history *h = it->history;
    struct str driver = h ? h->driver : STR("");
    bool first = true;

    buf_byte(out, '{');
    json_member(out, "what", arena_printf(a, "transport %.*s%s%.*s%s", STR_ARG(it->at.transport), driver.n ? " (" : "", STR_ARG(driver),
                                          driver.n ? ")" : ""));
    json_member(out, "result", it->not_tried ? STR("") : it->end == ITEM_NEVER ? STR("failed") : STR("deferred"));
    json_member_int(out, "us", h ? h->us : 0);
    put_read(out, "file", it->at.file, &first);
    put_read(out, "command", it->at.pipe, &first);
    put_read(out, "output", it->output, &first);
    put_reads_end(out, first);
    if (h)
        put_hosts(out, a, h, it);
    buf_byte(out, '}');
}

static void put_tree(struct walk *w, struct buf *out, struct arena *a, const struct item *it)
{
    bool any;

    json_name(out, "tree");
    buf_byte(out, '[');
    any = it->routed && !it->not_tried && tried_render(it->routed, w->t, out);
    if (it->at.transport.n) {
        if (any)
            buf_byte(out, ',');
        put_transport(out, a, it);
    }
    buf_byte(out, ']');
    if (it->history && it->history->lost)
        json_member_int(out, "lost", it->history->lost);
}

static void put_members(struct walk *w, struct buf *out, const struct item *it)
{
    struct arena a = { 0 };

    json_member(out, "phase", STR("delivery"));
    json_member(out, "verdict", it->end == ITEM_NEVER ? STR("fail") : STR("defer"));
    if (it->error.n)
        json_member(out, "error", str_head(it->error, 2000));
    json_member(out, "sender", w->t->sender);
    json_member(out, "recipient", it->at.address);
    if (it->at.original.n && !str_same(it->at.original, it->at.address))
        json_member(out, "original", it->at.original);
    json_member(out, "message_id", str_of(w->id.s));
    if (it->at.router.n)
        json_member(out, "router", it->at.router);
    json_member_int(out, "generation", policy_generation(w->set->policy));
    json_member_int(out, "us", it->history ? it->history->us : 0);
    put_tree(w, out, &a, it);
    arena_free(&a);
}

/* The same end as that of the one told last: a host that cannot be reached is told once for all. */
static bool told_already(const struct item *it)
{
    const struct item *o = it->history ? it->history->told : NULL;

    return o && o->end == it->end && (str_same(o->error, it->error) || o->history->told_many);
}

void history_explain(struct walk *w, struct item *it)
{
    struct buf members = { 0 };
    char id[EXPLAIN_ID];

    if (it->explain.n || !explain_wanted(w->e))
        return;
    if (told_already(it)) {
        it->explain = it->history->told->explain;
        return;
    }
    if (it->not_tried && !explain_allowed(w->e))
        return;
    put_members(w, &members, it);
    if (explain_keep(w->e, buf_str(&members), id)) {
        it->explain = arena_dup(&w->arena, str_of(id));
        if (it->history) {
            it->history->told = it;
            it->history->told_many = ++it->history->records >= RECORDS_MAX;
        }
    }
    buf_free(&members);
}
