/*
 * callout_held - connections that callouts leave open for the delivery of what was asked about (F35)
 */
#include "engine/callout_inside.h"

#include <stdlib.h>

enum { JOINED_MAX = 1000 };             /* each takes memory until the transaction ends */

struct callouts { struct map *held; };     /* by the serial of the connection */

static struct str key_of(const uint64_t *conn)
{
    return (struct str){ (const char *)conn, sizeof *conn };
}

bool held_may(const struct callout *c, enum status st)
{
    bool first = c->nrcpts == 0;

    if (st == ST_AGAIN || (first && (st != ST_OK || c->w.t->rcpt_seen > 1)))
        return false;
    return c->w.hold && c->w.recipient && c->use.link && c->step == ASK_ADDRESS && !c->w.random.n && !c->w.postmaster
        && !c->tr.lmtp;
}

static void take(struct callout *c)
{
    struct taken *t = arena_new(&c->arena, struct taken);
    struct at_address *at = &c->w.at;

    *t = (struct taken){ .original = c->w.original, .rcpt = c->w.address, .next = c->taken };
    t->at = (struct at_address){
        .address = arena_dup(&c->arena, at->address), .local_part = arena_dup(&c->arena, at->local_part),
        .domain = arena_dup(&c->arena, at->domain), .local_part_as_is = arena_dup(&c->arena, at->local_part_as_is),
        .router = at->router, .transport = c->tr.name, .return_path = c->w.sender, .local_uid = -1, .local_gid = -1,
    };
    c->taken = t;
    c->plain = c->w.plain && (c->nrcpts == 0 || c->plain);
    c->nrcpts++;
    c->w.t->held_rcpt = arena_dup(&c->w.t->arena, c->w.original);
}

void held_put(struct callout *c, bool taken)
{
    if (taken)
        take(c);
    c->use.resting = true;
    c->conn = c->w.t->conn->serial;
    c->txn = c->w.t->serial;
    c->sender = c->w.sender;
    map_put(c->e->callouts->held, key_of(&c->conn), c);
}

struct callout *held_of(struct engine *e, uint64_t conn)
{
    return map_get(e->callouts->held, key_of(&conn));
}

void held_out(struct callout *c)
{
    map_del(c->e->callouts->held, key_of(&c->conn));
}

void held_let_go(struct engine *e, uint64_t conn, bool kept)
{
    struct callout *c = map_del(e->callouts->held, key_of(&conn));

    if (!c)
        return;
    if (kept)
        link_release(&c->use);
    else
        link_quit(&c->use);
    callout_free(c);
}

void callout_let_go(struct engine *e, const struct conn *conn, bool kept)
{
    held_let_go(e, conn->serial, kept);
}

struct callout *callout_take(struct engine *e, const struct txn *t)
{
    struct callout *c = held_of(e, t->conn->serial);

    if (!c || !c->use.link || c->txn != t->serial)
        return NULL;
    held_out(c);
    return c;
}

static bool same_host(const struct callout *held, const struct callout_want *w, const struct transport *tr)
{
    for (size_t i = 0; i < w->nhosts; i++)
        if (host_same(&w->hosts[i], &held->found) && (w->hosts[i].port ? w->hosts[i].port : tr->port) == held->host.port)
            return true;
    return false;
}

static bool same_domain(const struct callout *held, const struct callout_want *w)
{
    return !held->taken || str_same_fold(held->taken->at.domain, w->at.domain);
}

bool held_has_taken(const struct callout *c, struct str original)
{
    for (const struct taken *t = c->taken; t; t = t->next)
        if (str_same(t->original, original))
            return true;
    return false;
}

bool held_joins(const struct callout *held, const struct callout_want *w, const struct transport *tr)
{
    return held->use.link && held->txn == w->t->serial && w->recipient && w->hold && !w->random.n && !w->postmaster
        && str_same(held->tr.name, tr->name) && str_same(held->tr.interface, tr->interface)
        && str_same(held->sender, w->sender) && same_host(held, w, tr) && (same_domain(held, w) || (!held->shield.also_n && shield_mixes_domains(held->set, tr)))
        && held->nrcpts < tr->max_rcpt && held->nrcpts < JOINED_MAX;
}

void callouts_new(struct engine *e)
{
    e->callouts = calloc(1, sizeof *e->callouts);
    if (!e->callouts)
        die("no memory for callouts");
    e->callouts->held = map_new();
}

void callouts_free(struct engine *e)
{
    size_t at = 0;
    struct str key;
    void *c;

    while (map_next(e->callouts->held, &at, &key, &c)) {
        map_del(e->callouts->held, key);
        callout_free(c);
    }
    map_free(e->callouts->held);
    free(e->callouts);
}
