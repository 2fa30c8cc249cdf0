/*
 * divide - which items of a message go together: one transport, one set of
 * hosts, one sender, one header
 */
#include "engine/attempt.h"

#include <stdlib.h>
#include <unistd.h>

void attempt_link(struct attempt *a, struct attempt **list)
{
    a->next = *list;
    a->at = list;
    if (a->next)
        a->next->at = &a->next;
    *list = a;
}

void attempt_unlink(struct attempt *a)
{
    if (a->next)
        a->next->at = a->at;
    *a->at = a->next;
}

void attempt_free(struct attempt *a)
{
    attempt_unlink(a);
    turn_give(a);
    if (a->shadow)
        a->shadow->shadow_of = NULL;
    if (a->shadow_of)
        a->shadow_of->shadow = NULL;
    buf_free(&a->header_room);
    if (a->filtered)
        close(a->filtered_fd);
    if (a->view)
        event_view_free(a->view);
    free(a);
}

struct attempt *attempt_new(struct walk *w)
{
    struct attempt *a = calloc(1, sizeof *a);

    if (!a)
        die("no memory for a delivery");
    a->w = w;
    attempt_link(a, &w->waiting);
    return a;
}

void attempt_add(struct attempt *a, struct item *it)
{
    struct item **end = &a->items;

    while (*end)
        end = &(*end)->peer;
    it->peer = NULL;
    *end = it;
    a->nitems++;
}

/* ---- division: one transport, one set of hosts, one sender, one header */

static bool same_hosts(const struct item *a, const struct item *b)
{
    if (a->nhosts != b->nhosts || a->nfallback != b->nfallback)
        return false;
    for (size_t i = 0; i < a->nhosts + a->nfallback; i++) {
        bool found = false;

        for (size_t k = 0; k < b->nhosts + b->nfallback && !found; k++)
            found = host_same(&a->hosts[i], &b->hosts[k]);
        if (!found)
            return false;
    }
    return true;
}

static bool same_edits(const struct header_edit *a, const struct header_edit *b)
{
    for (; a && b; a = a->next, b = b->next)
        if (a->remove != b->remove || a->place != b->place || !str_same(a->text, b->text))
            return false;
    return !a && !b;
}

static bool goes_with(const struct attempt *a, const struct item *it)
{
    const struct item *o = a->items;

    return !a->alone && str_same(o->at.transport, it->at.transport) && !o->at.file.n && !it->at.file.n
        && !o->at.pipe.n && !it->at.pipe.n && same_hosts(o, it)
        && (o->at.return_path.p == NULL) == (it->at.return_path.p == NULL)
        && str_same(o->at.return_path, it->at.return_path) && str_same(o->at.srs.sender, it->at.srs.sender)
        && same_edits(o->edits, it->edits);
}

/* A walk of a thousand recipients looks at the newest few groups only. */
void attempt_for(struct walk *w, struct item *it)
{
    enum { GROUPS_LOOKED_AT = 64 };
    struct attempt *a = w->waiting;

    for (int i = 0; a && i < GROUPS_LOOKED_AT; a = a->next, i++)
        if (goes_with(a, it)) {
            attempt_add(a, it);
            return;
        }
    attempt_add(attempt_new(w), it);
}

/* An item that does not fit in becomes part of an attempt that comes later. */
void attempt_move_on(struct attempt *a, struct item **at, struct attempt **more)
{
    struct item *it = *at;

    *at = it->peer;
    if (!*more)
        *more = attempt_new(a->w);
    attempt_add(*more, it);
    a->nitems--;
}

/* multi_domain and max_rcpt bound a remote transport. */
void attempt_split(struct attempt *a)
{
    struct item **at = &a->items;
    struct attempt *more = NULL;
    bool mixes = shield_mixes_domains(a->w->set, &a->tr);
    uint32_t kept = 0;

    while (*at) {
        if (kept && (kept >= a->tr.max_rcpt || !(mixes || str_same_fold((*at)->at.domain, a->items->at.domain)))) {
            attempt_move_on(a, at, &more);
            continue;
        }
        kept++;
        at = &(*at)->peer;
    }
}
