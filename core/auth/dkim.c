#include "auth/dkim.h"

static const struct str FIELD = STR_INIT("DKIM-Signature");

const char *dkim_status(const struct signature *s)
{
    switch (s->result) {
    case SIG_NONE:
        return "none";
    case SIG_PASS:
        return "pass";
    case SIG_FAIL:
        return "fail";
    case SIG_POLICY:        /* Exim: too short a key fails, a hash that is not accepted cannot be judged */
        return str_same(str_of(s->reason), STR("keysize")) ? "fail" : "invalid";
    case SIG_INVALID:
    case SIG_TEMPERROR:
        break;
    }
    return "invalid";
}

static void want_key(struct dkim *d, struct str name)
{
    for (size_t i = 0; i < d->nwanted; i++)
        if (str_same(d->wanted[i].name, name))
            return;
    d->wanted[d->nwanted++].name = name;
}

static void take(struct dkim *d, const struct field *f, struct bodyhash *hashes)
{
    struct signature *s = &d->v[d->n++];

    if (d->n > d->rules.most) {
        *s = (struct signature){ .field = f, .created = -1, .expires = -1 };
        signature_end(s, SIG_NONE, "limit", STR(""));
        return;
    }
    signature_read(&d->arena, f, &d->rules, false, s);
    signature_want(s, hashes);
    if (s->key_name.n)
        want_key(d, s->key_name);
}

void dkim_init(struct dkim *d, const struct header *h, const struct sig_rules *r, struct bodyhash *hashes)
{
    size_t n = header_count(h, FIELD);

    *d = (struct dkim){ .rules = *r };
    if (n == 0)
        return;
    d->v = arena_array(&d->arena, struct signature, n);
    d->wanted = arena_array(&d->arena, struct dkim_name, n < r->most ? n : r->most);
    d->fields = fieldset_new(h);
    for (const struct field *f = h->first; f; f = f->next)
        if (str_same_fold(f->name, FIELD))
            take(d, f, hashes);
}

void dkim_drop(struct dkim *d)
{
    for (size_t i = 0; i < d->n; i++)
        signature_drop(&d->v[i]);
    fieldset_free(d->fields);
    arena_free(&d->arena);
    *d = (struct dkim){ .n = 0 };
}

static void add_once(struct str *v, size_t *n, struct str s)
{
    for (size_t i = 0; i < *n; i++)
        if (str_same_fold(v[i], s))
            return;
    if (s.n)
        v[(*n)++] = s;
}

size_t dkim_signers(const struct dkim *d, struct arena *a, struct str **out)
{
    size_t n = 0;

    *out = arena_array(a, struct str, 2 * d->n + 1);
    for (size_t i = 0; i < d->n && i < d->rules.most; i++) {
        const struct signature *s = &d->v[i];

        add_once(*out, &n, arena_lower(a, s->domain));
        if (s->identity.n && tags_find(&s->tags, "i"))
            add_once(*out, &n, s->identity);
    }
    return n;
}

void dkim_answer(struct dkim *d, size_t wanted, struct keys *keys, const struct str *texts, size_t n, bool again)
{
    for (size_t i = 0; i < d->n; i++)
        if (!d->v[i].judged && str_same(d->v[i].key_name, d->wanted[wanted].name))
            signature_key(&d->v[i], keys, texts, n, again);
}

void dkim_judge(struct dkim *d, const struct bodyhash *hashes)
{
    bool enough = false;

    for (size_t i = 0; i < d->n && !d->judged; i++) {
        struct signature *s = &d->v[i];

        if (enough && !s->judged)
            signature_end(s, SIG_NONE, "limit", STR("an earlier one passed"));
        signature_judge(&d->arena, s, &d->rules, d->fields, hashes);
        enough = enough || (d->rules.minimal && s->result == SIG_PASS);
    }
    d->judged = true;
}
