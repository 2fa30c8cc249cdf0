/*
 * arc_corpus - chains of other projects, judged by our own machine
 *
 * As corpus.h for one signature: keys beside the message, nothing asked of any network.
 */
#ifndef SPEC_ARC_CORPUS_H
#define SPEC_ARC_CORPUS_H

#include "auth/arc.h"
#include "corpus.h"

#define ARC_FOLDER VECTORS "arc/"

/* Where they are not, the test is over here. */
static inline bool no_vectors(struct corpus *c, bool there)
{
    if (!there) {
        corpus_close(c);
        print_message("skipped: no vectors\n");
        skip();
    }
    return !there;
}

/* The records of a row: "txt-records". */
static inline void row_records(struct corpus *c, struct str row)
{
    struct str records, name, text;

    assert_true(json_get(&c->arena, row, "txt-records", &records));
    while (json_next_member(&c->arena, &records, &name, &text))
        corpus_record(c, name, text);
}

static inline bool body_holds(const struct arc *arc, const struct bodyhash *b)
{
    const struct signature *ams = arc->whole ? &arc->set[arc->n].ams : NULL;
    const struct hash_value *hash = ams && ams->body_wanted ? bodyhash_value(b, ams->body_number, NULL) : NULL;

    return hash && str_same(ams->bh, (struct str){ (const char *)hash->b, hash->n });
}

/* The message is in wire form; arc is the caller's to drop. A key that has no record could not be found out if `away`,
 * and is not there if not. True: the body is the one the newest message signature was made over. */
static inline bool arc_corpus_judge(struct corpus *c, struct str message, bool away, struct arc *arc)
{
    struct sig_rules r = sig_rules_default;
    struct bodyhash *b = bodyhash_new();
    struct keys *keys = keys_new();
    struct header *h = arena_new(&c->arena, struct header);
    struct str section, body;
    bool damaged, holds;

    r.now = 1;
    header_divide(message, &section, &body, &damaged);
    header_parse(&c->arena, section, h);
    arc_init(arc, h, &r, b);
    for (size_t i = 0; i < arc->nwanted; i++) {
        const struct str *text = map_get(c->records, arena_lower(&c->arena, arc->wanted[i].name));

        arc_answer(arc, i, keys, text, text ? 1 : 0, away && !text);
    }
    bodyhash_add(b, body);
    bodyhash_end(b);
    arc_judge(arc, b);
    holds = body_holds(arc, b);
    bodyhash_free(b);
    keys_free(keys);
    return holds;
}

#endif
