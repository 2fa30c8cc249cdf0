/* A finding as the tally keeps it. */
#ifndef SPEC_PACKED_H
#define SPEC_PACKED_H

#include "auth/feedback.h"

static struct str packed(struct arena *a, const struct finding *f)
{
    struct buf b = { 0 };
    struct str text;

    finding_pack_end(f->disposition, f->reason, &b);
    finding_pack(f, &b);
    text = arena_dup(a, buf_str(&b));
    buf_free(&b);
    return text;
}

#endif
