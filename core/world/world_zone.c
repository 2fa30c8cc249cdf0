/*
 * world_zone - a zone with what peers show in it
 *
 * The certificates of a world are made when it runs, and a zone is written before: its TLSA records say whose.
 */
#include "dns/dns.h"
#include "dns/master.h"
#include "policy/policy.h"
#include "world/world_inside.h"

struct record { struct str usage, selector, matching, data; };

static bool between(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '(' || c == ')';
}

static struct str word(struct str *line)
{
    size_t n = 0;
    struct str w;

    while (line->n && between(line->p[0]))
        *line = str_from(*line, 1);
    while (n < line->n && !between(line->p[n]))
        n++;
    w = str_head(*line, n);
    *line = str_from(*line, n);
    return w;
}

/* "TLSA 3 1 1 @192.0.2.1" somewhere in the line. */
static bool find_record(struct str line, struct record *r)
{
    line = str_head(line, str_find(line, ';'));
    while (line.n)
        if (str_same_fold(word(&line), STR("TLSA"))) {
            r->usage = word(&line);
            r->selector = word(&line);
            r->matching = word(&line);
            r->data = word(&line);
            return r->data.n > 1 && r->data.p[0] == '@';
        }
    return false;
}

static void add_zeros(struct buf *b, uint64_t matching)
{
    for (int i = 0; i < (matching == 2 ? 64 : 32); i++)
        buf_add(b, STR("00"));
}

/* What stands in the record for the peer: zeros before it shows something, and nothing verifies by them. */
static enum status add_data(struct world *w, const struct record *r, struct buf *b, struct why *why)
{
    struct sock_addr at;
    struct arena a = { 0 };
    uint64_t usage, selector, matching;
    struct str address = str_from(r->data, 1);
    struct peer *p = world_peer(w, address, false);
    const struct papers_shown *shown = p ? peer_shows(p) : NULL;
    enum status st = ST_OK;

    if (!ip_parse(address, &at.ip) && !sock_parse(&a, address, 0, &at))
        st = why_set(why, ST_NEVER, "TLSA: %.*s is not @ and the address of a peer", STR_ARG(r->data));
    else if (!str_u64(r->usage, 3, &usage) || !str_u64(r->selector, 1, &selector) || !str_u64(r->matching, 2, &matching))
        st = why_set(why, ST_NEVER, "TLSA: before %.*s stand usage (0 to 3), selector (0, 1) and matching type (0 to 2)", STR_ARG(r->data));
    else if (shown)
        buf_add(b, papers_tlsa(&a, shown, (unsigned)usage, (unsigned)selector, (unsigned)matching));
    else
        add_zeros(b, matching);
    arena_free(&a);
    return st;
}

static enum status fill(struct world *w, struct str text, struct buf *out, struct why *why)
{
    struct str line;
    struct record r;
    unsigned at = 0;
    enum status st = ST_OK;

    while (st == ST_OK && str_cut(&text, '\n', &line)) {
        at++;
        if (find_record(line, &r)) {
            struct why what;

            buf_add(out, str_head(line, (size_t)(r.data.p - line.p)));
            st = add_data(w, &r, out, &what);
            if (st != ST_OK)
                why_set(why, st, "%s:%u: %s", w->zone_name, at, what.text);
            line = str_from(line, (size_t)(r.data.p - line.p) + r.data.n);
        }
        buf_add(out, line);
        buf_byte(out, '\n');
    }
    return st;
}

static bool has_words(struct str text)
{
    struct str line;
    struct record r;

    while (str_cut(&text, '\n', &line))
        if (find_record(line, &r))
            return true;
    return false;
}

enum status world_zone(struct world *w, const struct world_config *c, struct str *out, struct why *why)
{
    struct buf text = { 0 };
    enum status st = ST_OK;

    w->zone_name = c->zone_file ? c->zone_file : "zone";
    if (c->zone.p)
        buf_add(&text, c->zone);
    else if (c->zone_file)
        st = master_load(c->zone_file, &text, why);
    *out = arena_dup(&w->arena, buf_str(&text));
    buf_clear(&text);
    if (st == ST_OK && str_find(*out, '@') != SIZE_MAX && has_words(*out)) {
        w->zone = *out;
        w->zone_name = arena_z(&w->arena, str_of(w->zone_name));
        st = fill(w, w->zone, &text, why);
        *out = arena_dup(&w->arena, buf_str(&text));
    }
    buf_free(&text);
    return st;
}

void world_zone_again(struct world *w)
{
    struct buf text = { 0 };
    struct why why;

    if (w->zone.n == 0)
        return;
    if (fill(w, w->zone, &text, &why) != ST_OK || dns_zone(engine_env(w->engine)->dns, buf_str(&text), w->zone_name, &why) != ST_OK)
        die("world: its zone was good before: %s", why.text);
    buf_free(&text);
}
