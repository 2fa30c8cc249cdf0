#include "auth/proof.h"

#include <stdlib.h>

#include "base/why.h"
#include "mail/domain.h"

struct proof *proof_new(struct keys *keys, const struct header *h, const struct sig_rules *r)
{
    struct proof *p = calloc(1, sizeof *p);

    if (!p)
        die("no memory for the signatures of a message");
    p->keys = keys;
    p->hashes = bodyhash_new();
    dkim_init(&p->dkim, h, r, p->hashes);
    arc_init(&p->arc, h, r, p->hashes);
    p->overrides = arena_array(&p->arena, struct proof_override, p->dkim.n + 1);
    return p;
}

void proof_free(void *proof)
{
    struct proof *p = proof;

    dkim_drop(&p->dkim);
    arc_drop(&p->arc);
    bodyhash_free(p->hashes);
    arena_free(&p->arena);
    free(p);
}

void proof_judge(struct proof *p)
{
    bodyhash_end(p->hashes);
    dkim_judge(&p->dkim, p->hashes);
    p->nsigners = dkim_signers(&p->dkim, &p->arena, &p->signers);
}

/* ---- runs of the ACL */

static bool by(const struct signature *s, struct str signer)
{
    if (str_find(signer, '@') == SIZE_MAX)
        return domain_same(s->domain, signer);
    return str_same_fold(s->identity, signer);
}

static bool named_before(const struct str *v, size_t n, struct str s)
{
    for (size_t i = 0; i < n; i++)
        if (str_same_fold(v[i], s))
            return true;
    return false;
}

static struct str reason_of(const struct proof *p, size_t signature)
{
    const struct proof_override *o = &p->overrides[signature];

    return o->status.p ? o->reason : str_of(p->dkim.v[signature].reason);
}

static void add_run(struct proof *p, struct str signer, size_t signature)
{
    struct proof_run *r = &p->runs[p->nruns++];

    *r = (struct proof_run){ .signer = signer, .signature = signature, .status = STR("none") };
    if (signature == SIZE_MAX)
        return;
    r->status = proof_status(p, signature);
    r->reason = reason_of(p, signature);
}

void proof_plan(struct proof *p, const struct str *signers, size_t n)
{
    size_t looked = p->dkim.n < p->dkim.rules.most ? p->dkim.n : p->dkim.rules.most;

    p->wanted = signers ? arena_array(&p->arena, struct str, n + 1) : p->signers;
    p->nwanted = signers ? n : p->nsigners;
    for (size_t i = 0; signers && i < n; i++)
        p->wanted[i] = arena_dup(&p->arena, str_trim(signers[i]));
    p->runs = arena_array(&p->arena, struct proof_run, p->nwanted * (looked + 1) + 1);
    for (size_t i = 0; i < p->nwanted; i++) {
        size_t before = p->nruns;

        if (p->wanted[i].n == 0 || named_before(p->wanted, i, p->wanted[i]))
            continue;
        for (size_t k = 0; k < looked; k++)
            if (by(&p->dkim.v[k], p->wanted[i]))
                add_run(p, p->wanted[i], k);
        if (p->nruns == before)
            add_run(p, p->wanted[i], SIZE_MAX);
    }
}

void proof_override(struct proof *p, struct str status, struct str reason)
{
    struct proof_run *r = p->run;
    struct proof_override *o;

    if (!r)
        return;
    if (status.p)
        r->status = arena_dup(&p->arena, status);
    if (reason.p)
        r->reason = arena_dup(&p->arena, reason);
    if (r->signature == SIZE_MAX)
        return;
    o = &p->overrides[r->signature];
    *o = (struct proof_override){ r->status, r->reason };
}

/* ---- what is said of a signature */

struct str proof_status(const struct proof *p, size_t signature)
{
    const struct proof_override *o = &p->overrides[signature];

    return o->status.p ? o->status : str_of(dkim_status(&p->dkim.v[signature]));
}

const struct signature *proof_passed(const struct proof *p)
{
    for (size_t i = 0; i < p->dkim.n; i++)
        if (p->dkim.judged && str_same(proof_status(p, i), STR("pass")))
            return &p->dkim.v[i];
    return NULL;
}

static const char *invalid_text(const struct signature *s)
{
    static const struct { const char *word, *text; } rows[] = {
        { "pubkey_unavailable", "public key record (currently?) unavailable" },
        { "pubkey_syntax", "syntax error in public key record" },
        { "pubkey_revoked", "public key revoked" },
        { "syntax", "signature tag missing or invalid" },
        { "algorithm", "algorithm not accepted" },
        { "keysize", "public key too long" },
        { "expired", "signature expired" },
    };

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (strcmp(s->reason, rows[i].word) == 0)
            return rows[i].text;
    return "unspecified problem";
}

static const char *fail_text(const struct signature *s)
{
    static const struct { const char *word, *text; } rows[] = {
        { "bodyhash_mismatch", "body hash mismatch (body probably modified in transit)" },
        { "signature_incorrect", "signature did not verify (headers probably modified in transit)" },
        { "keysize", "signature invalid (key too short)" },
    };

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (strcmp(s->reason, rows[i].word) == 0)
            return rows[i].text;
    return "unspecified reason";
}

static void put_verdict(const struct proof *p, size_t signature, struct buf *out)
{
    const struct signature *s = &p->dkim.v[signature];
    const struct proof_override *o = &p->overrides[signature];

    if (o->status.p && !str_same(o->status, str_of(dkim_status(s))))
        buf_addf(out, " [%.*s - %.*s]", STR_ARG(o->status), STR_ARG(o->reason));
    else if (s->result == SIG_PASS)
        buf_add(out, STR(" [verification succeeded]"));
    else if (s->result == SIG_NONE)
        buf_add(out, STR(" [not verified]"));
    else if (strcmp(dkim_status(s), "fail") == 0)
        buf_addf(out, " [verification failed - %s]", fail_text(s));
    else
        buf_addf(out, " [invalid - %s]", invalid_text(s));
}

void proof_line(const struct proof *p, size_t signature, struct buf *out)
{
    const struct signature *s = &p->dkim.v[signature];

    buf_addf(out, "DKIM: d=%.*s s=%.*s c=%s/%s a=%.*s b=%u", STR_ARG(str_head(s->domain, 255)), STR_ARG(str_head(s->selector, 255)),
             canon_name(s->header), canon_name(s->body), STR_ARG(str_head(s->algorithm, 64)), s->key ? s->key->bits : 0);
    if (s->identity.n && tags_find(&s->tags, "i"))
        buf_addf(out, " i=%.*s", STR_ARG(str_head(s->identity, 255)));
    if (s->created >= 0)
        buf_addf(out, " t=%lld", (long long)s->created);
    if (s->expires >= 0)
        buf_addf(out, " x=%lld", (long long)s->expires);
    if (s->limited)
        buf_addf(out, " l=%llu", (unsigned long long)s->length);
    put_verdict(p, signature, out);
}
