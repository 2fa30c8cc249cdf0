/* The DNS a DMARC spec pretends: lines "name text" of TXT, "+name" of what exists besides, "!name" of what fails. */
#ifndef SPEC_DMARC_WORLD_H
#define SPEC_DMARC_WORLD_H

#include "auth/dmarc.h"

static inline void world_tell(struct arena *a, const char *world, const struct question *q, struct dns_answer *out)
{
    struct str rest = str_of(world), line;
    struct dns_rr *rr = arena_array(a, struct dns_rr, 8);

    *out = (struct dns_answer){ .status = ST_NONE, .rr = rr };
    while (str_cut(&rest, '\n', &line)) {
        size_t space = str_find(line, ' ');
        struct str name = str_head(line, space);

        if (str_starts(name, STR("!")) && str_same(str_from(name, 1), q->name))
            out->status = why_set(&out->why, ST_AGAIN, "%.*s: time is up", STR_ARG(q->name));
        if (q->type == DNS_A && str_starts(name, STR("+")) && str_same(str_from(name, 1), q->name)) {
            out->status = ST_OK;
            out->n = 1;
        }
        if (q->type == DNS_TXT && str_same(name, q->name)) {
            out->status = ST_OK;
            rr[out->n++].text = str_from(line, space + 1);
        }
    }
}

#endif
