/*
 * links - connections to other hosts, limited and reused
 *
 * A destination is a host with everything that must agree for a connection to
 * be shared: transport, address, port, HELO name, interface. It has at most 20
 * connections over all workers (shared.h's slots); attempts wait in line for
 * one. A connection that has nothing to do is kept for a few seconds, and
 * gives way at once when another worker wants its slot.
 */
#include "engine/link.h"

#include <stdlib.h>

enum {
    LIMIT = 20,                 /* connections to a destination, over all workers */
    WAITING_MAX = 250,          /* attempts in line at one destination */
    UNPARK_BELOW = 60,
    PARKED_MAX = 1000,
    EXPLORE = 64                /* due messages looked at a second while some are parked */
};

struct links {
    struct map *dests;
    struct map *parked;                 /* by id */
    size_t explore;
};

void links_new(struct engine *e)
{
    e->links = calloc(1, sizeof *e->links);
    if (!e->links)
        die("no memory for connections");
    e->links->dests = map_new();
    e->links->parked = map_new();
    e->links->explore = EXPLORE;
}

/* ---- destinations */

static struct str slot_name(struct arena *a, const struct at_host *at)
{
    if (!at->ip.v)
        return arena_dup(a, at->name);
    return arena_printf(a, "[%.*s]:%u", STR_ARG(ip_text(a, at->ip)), at->port);
}

static struct dest *dest_get(const struct link_user *u)
{
    struct engine *e = u->e;
    const struct transport *tr = u->tr;
    struct arena ar = { 0 };
    struct str slot = slot_name(&ar, u->host);
    struct str key = arena_printf(&ar, "%.*s|%.*s|%.*s|%.*s|%.*s|%.*s|%.*s", STR_ARG(tr->name), STR_ARG(u->host->name), STR_ARG(slot),
                                  STR_ARG(tr->helo), STR_ARG(tr->interface), STR_ARG(u->as_user), STR_ARG(u->shield && !u->clear ? u->shield->key : STR("clear")));
    struct dest *d = map_get(e->links->dests, key);

    if (!d) {
        d = calloc(1, sizeof *d);
        if (!d)
            die("no memory for a destination");
        d->e = e;
        d->last = &d->first;
        d->parked_last = &d->parked;
        d->key = (struct str){ name_copy(key), key.n };
        d->slot = name_copy(slot);
        d->limit = host_listed(&tr->serialize, u->host->name, u->host->ip) ? 1 : LIMIT;
        map_put(e->links->dests, key, d);
    }
    arena_free(&ar);
    return d;
}

static void dest_tidy(struct dest *d)
{
    if (d->links || d->first || d->parked)
        return;
    map_del(d->e->links->dests, d->key);
    free((void *)(uintptr_t)d->key.p);
    free(d->slot);
    free(d);
}

/* ---- parked messages */

bool links_parked(const struct engine *e, struct msg_id id)
{
    return map_count(e->links->parked) && map_get(e->links->parked, (struct str){ id.s, MSG_ID_LEN });
}

void links_unpark(struct engine *e, struct msg_id id)
{
    struct parked *p = map_del(e->links->parked, (struct str){ id.s, MSG_ID_LEN });
    struct dest *d;

    if (!p)
        return;
    d = p->dest;
    for (struct parked **at = &d->parked; *at; at = &(*at)->next)
        if (*at == p) {
            *at = p->next;
            if (!*at)
                d->parked_last = at;
            break;
        }
    d->nparked--;
    free(p);
    dest_tidy(d);
}

void links_park(struct link_user *u, struct msg_id id)
{
    struct engine *e = u->e;
    struct dest *d = dest_get(u);
    struct parked *p;

    if (links_parked(e, id))
        return;
    p = calloc(1, sizeof *p);
    if (!p)
        die("no memory for the queue");
    p->id = id;
    p->dest = d;
    *d->parked_last = p;
    d->parked_last = &p->next;
    d->nparked++;
    map_put(e->links->parked, (struct str){ p->id.s, MSG_ID_LEN }, p);
}

static void unpark_some(struct dest *d)
{
    struct engine *e = d->e;
    unsigned room = WAITING_MAX - d->nwaiting;
    struct parked *p;

    if (!d->parked || d->nwaiting > UNPARK_BELOW)
        return;
    while (room-- && (p = d->parked)) {
        d->parked = p->next;
        if (!d->parked)
            d->parked_last = &d->parked;
        d->nparked--;
        map_del(e->links->parked, (struct str){ p->id.s, MSG_ID_LEN });
        free(p);
    }
    e->links->explore = WAITING_MAX;
    queue_kick(e);
}

size_t links_explore(const struct engine *e)
{
    size_t n = map_count(e->links->parked);

    if (n == 0)
        return SIZE_MAX;
    return n >= PARKED_MAX ? 0 : e->links->explore;
}

/* ---- who gets what */

static struct link *idle_link(struct dest *d)
{
    for (struct link *l = d->links; l; l = l->next)
        if (l->idle && l->state == LINK_OPEN && smtp_client_state(l->client) == CLIENT_READY
            && smtp_client_messages(l->client) < l->max_messages)
            return l;
    return NULL;
}

static struct link_user *take_waiting(struct dest *d)
{
    struct link_user *u = d->first;

    d->first = u->next;
    if (!d->first)
        d->last = &d->first;
    d->nwaiting--;
    u->dest = NULL;
    return u;
}

/* A connection somebody keeps for later gives way to work that waits. */
static bool end_resting(struct dest *d)
{
    for (struct link *l = d->links; l; l = l->next)
        if (l->user && l->user->resting) {
            link_quit(l->user);
            return true;
        }
    return false;
}

void dest_serve(struct dest *d)
{
    struct engine *e = d->e;
    struct link *l;

    while (d->first) {
        l = d->first->fresh ? NULL : idle_link(d);
        if (l) {
            link_give(l, take_waiting(d));
            continue;
        }
        if (d->nlinks >= d->limit || !slot_take(e->shared, e->cfg.worker, str_of(d->slot), d->limit)) {
            end_resting(d);             /* its slot is free in a moment */
            break;
        }
        link_open_for(d, take_waiting(d));
    }
    unpark_some(d);
    dest_tidy(d);
}

bool link_request(struct link_user *u)
{
    struct dest *d = dest_get(u);

    if (d->nwaiting >= WAITING_MAX && !u->force) {
        dest_tidy(d);
        return false;
    }
    u->dest = d;
    u->next = u->urgent ? d->first : NULL;
    if (u->urgent)
        d->first = u;
    else
        *d->last = u;
    if (!u->next)
        d->last = &u->next;
    d->nwaiting++;
    dest_serve(d);
    return true;
}

void link_forget(struct link_user *u)
{
    struct dest *d = u->dest;

    if (d) {
        for (struct link_user **at = &d->first; *at; at = &(*at)->next)
            if (*at == u) {
                *at = u->next;
                if (!*at)
                    d->last = at;
                d->nwaiting--;
                break;
            }
        u->dest = NULL;
        dest_tidy(d);
    }
    if (u->link) {
        struct link *l = u->link;

        d = l->dest;
        l->user = NULL;
        u->link = NULL;
        link_free(l);
        if (d->e->draining)
            dest_tidy(d);               /* who is in line is on the way out too */
        else
            dest_serve(d);
    }
}

static void each_dest(struct engine *e, void (*fn)(struct dest *d))
{
    size_t at = 0;
    struct str key;
    void *d;

    while (map_next(e->links->dests, &at, &key, &d))
        fn(d);
}

void links_wake(struct engine *e)
{
    each_dest(e, dest_serve);
}

static void end_idle(struct dest *d)
{
    for (struct link *l = d->links; l; l = l->next)
        if (l->idle)
            timer_set(d->e->loop, &l->timer, 0);
        else if (l->user && l->user->resting)
            link_quit(l->user);
}

static void end_early(struct dest *d)
{
    end_idle(d);
    for (struct link *l = d->links; l; l = l->next)
        link_put_off(l);
}

void links_drain(struct engine *e)
{
    each_dest(e, end_early);
}

static void give_way(struct dest *d)
{
    if (slot_wanted(d->e->shared, str_of(d->slot)) && !d->first)
        end_idle(d);
    dest_serve(d);
}

void links_tick(struct engine *e)
{
    e->links->explore = EXPLORE;
    each_dest(e, give_way);
    if (map_count(e->links->parked))
        queue_kick(e);
}

static void dest_free(struct dest *d)
{
    while (d->links) {
        if (d->links->user)
            d->links->user->link = NULL;
        d->links->user = NULL;
        link_free(d->links);
    }
    while (d->first)
        take_waiting(d);
    while (d->parked) {
        struct parked *p = d->parked;

        d->parked = p->next;
        free(p);
    }
    dest_tidy(d);
}

void links_free(struct engine *e)
{
    each_dest(e, dest_free);
    map_free(e->links->dests);
    map_free(e->links->parked);
    free(e->links);
    e->links = NULL;
}
