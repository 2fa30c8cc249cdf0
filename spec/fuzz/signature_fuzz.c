/*
 * Signatures and chains: a first line as every key's record, then a message. What is found must not depend on the
 * pieces the body comes in, and whatever is in a header, what we tell others of it is one field.
 */
#include "replay.h"

#include <stdlib.h>

#include "auth/authres.h"
#include "auth/seal.h"
#include "base/why.h"

static void feed(struct bodyhash *b, struct str body, size_t step)
{
    for (; body.n; body = str_from(body, step))
        bodyhash_add(b, str_head(body, step));
    bodyhash_end(b);
}

static void judge(struct proof *p, struct keys *keys, struct str record, struct str body, size_t step)
{
    for (size_t i = 0; i < p->dkim.nwanted; i++)
        dkim_answer(&p->dkim, i, keys, &record, 1, false);
    for (size_t i = 0; i < p->arc.nwanted; i++)
        arc_answer(&p->arc, i, keys, &record, 1, false);
    feed(p->hashes, body, step);
    proof_judge(p);
    arc_judge(&p->arc, p->hashes);
    proof_plan(p, NULL, 0);
}

static void compare(const struct proof *a, const struct proof *b)
{
    if (a->arc.state != b->arc.state || a->arc.oldest != b->arc.oldest || a->dkim.n != b->dkim.n || a->nruns != b->nruns)
        die("the pieces of a body made a difference");
    for (size_t i = 0; i < a->dkim.n; i++) {
        if (a->dkim.v[i].result != b->dkim.v[i].result || strcmp(a->dkim.v[i].reason, b->dkim.v[i].reason) != 0)
            die("the pieces of a body made a difference to signature %zu", i);
        if (!a->dkim.v[i].judged)
            die("signature %zu was not judged", i);
    }
}

static void tell(struct proof *p, const struct header *h, struct arena *a)
{
    struct conn c = { .smtp = true };
    struct txn t = { .conn = &c, .proof = p, .header = *h };
    struct str text = authres_make(a, STR("mx.example.org"), &t, STR("")), wire;
    struct buf line = { 0 };
    const char *reason = NULL;

    if (!header_make(a, text, &wire, &reason))
        die("what we tell is no field: %s: %.*s", reason ? reason : "", STR_ARG(text));
    for (size_t i = 0; i < p->dkim.n; i++)
        proof_line(p, i, &line);
    buf_free(&line);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static struct keys *keys;
    struct arena a = { 0 };
    struct str text = { (const char *)data, n }, record = { "", 0 }, section, body, own = STR("mx.example.org"), id, results;
    struct sig_rules rules = sig_rules_default;
    struct seal_want seal;
    struct header h;
    struct proof *whole, *pieces;
    const char *fault;
    bool damaged;

    if (!keys)
        keys = keys_new();
    rules.min_bits[KEY_RSA] = 512;
    rules.most = SIG_MOST_MAX;
    str_cut(&text, '\n', &record);
    text = text.p ? text : STR("");
    header_divide(text, &section, &body, &damaged);
    header_parse(&a, section, &h);
    whole = proof_new(keys, &h, &rules);
    pieces = proof_new(keys, &h, &rules);
    judge(whole, keys, record, body, body.n ? body.n : 1);
    judge(pieces, keys, record, body, 3);
    compare(whole, pieces);
    tell(whole, &h, &a);
    for (const struct field *f = h.first; f; f = f->next) {
        authres_claims(f, &own, 1);
        if (authres_read(&a, f->value, &id, &results))
            authres_word(&a, results, STR("arc"));
    }
    seal_read(record, 1, &seal, &fault);
    proof_free(whole);
    proof_free(pieces);
    arena_free(&a);
    return 0;
}
