/*
 * vars_dkim - the signature the dkim ACL is asked about, and what became of all
 */
#include "auth/proof.h"
#include "policy/vars.h"

#include "getters.h"

/* As Exim has them: what cannot be said is a number no message reaches. */
static const int64_t NO_LIMIT = 9999999999999;

static const struct proof *proof_of(const struct vars *v)
{
    return v->t->proof;
}

/* The signature under way; NULL: none, or the signer did not sign. */
static const struct signature *current(const struct vars *v)
{
    const struct proof *p = proof_of(v);

    return p && p->run && p->run->signature != SIZE_MAX ? &p->dkim.v[p->run->signature] : NULL;
}

static void list_of(struct val *out, const struct str *v, size_t n)
{
    out->type = VAL_LIST;
    out->u.list.v = v;
    out->u.list.n = n;
}

void get_dkim_signers(const struct vars *v, struct val *out)
{
    const struct proof *p = proof_of(v);

    if (p && p->dkim.judged)
        list_of(out, p->signers, p->nsigners);
}

void get_dkim_verify_signers(const struct vars *v, struct val *out)
{
    const struct proof *p = proof_of(v);

    if (p && p->dkim.judged)
        list_of(out, p->wanted, p->nwanted);
}

void get_dkim_cur_signer(const struct vars *v, struct val *out)
{
    const struct proof *p = proof_of(v);

    if (p && p->run)
        val_text(out, p->run->signer);
}

/* ---- what became of it */

static void join(const struct vars *v, struct val *out, bool reasons)
{
    const struct proof *p = proof_of(v);
    struct buf b = { 0 };

    for (size_t i = 0; i < p->nruns; i++) {
        buf_add(&b, i ? STR(":") : STR(""));
        buf_add(&b, reasons ? p->runs[i].reason : p->runs[i].status);
    }
    val_text_if(out, arena_dup(v->arena, buf_str(&b)));
    buf_free(&b);
}

void get_dkim_verify_status(const struct vars *v, struct val *out)
{
    const struct proof *p = proof_of(v);

    if (p && p->run)
        val_text(out, p->run->status);
    else if (p)
        join(v, out, false);
}

void get_dkim_verify_reason(const struct vars *v, struct val *out)
{
    const struct proof *p = proof_of(v);

    if (p && p->run)
        val_text_if(out, p->run->reason);
    else if (p && p->nruns == 1)
        join(v, out, true);
}

void put_dkim_verify_status(struct txn *t, struct arena *eval, const struct val *v)
{
    (void)eval;
    if (t->proof && v->type == VAL_STR)
        proof_override(t->proof, v->u.s, (struct str){ NULL, 0 });
}

void put_dkim_verify_reason(struct txn *t, struct arena *eval, const struct val *v)
{
    (void)eval;
    if (t->proof && v->type == VAL_STR)
        proof_override(t->proof, (struct str){ NULL, 0 }, v->u.s);
}

/* ---- what it says */

#define SAID(name, field)                                           \
    void get_dkim_##name(const struct vars *v, struct val *out)     \
    {                                                               \
        const struct signature *s = current(v);                     \
                                                                    \
        if (s)                                                      \
            val_text_if(out, s->field);                             \
    }
SAID(algo, algorithm)
SAID(copiedheaders, copied)

/* While we sign, the one we sign for. */
#define SIGNING(name)                                               \
    void get_dkim_##name(const struct vars *v, struct val *out)     \
    {                                                               \
        const struct signature *s = current(v);                     \
                                                                    \
        val_text_if(out, s ? s->name : v->t->signing.name);         \
    }                                                               \
    void put_dkim_##name(struct txn *t, struct arena *eval, const struct val *v)   \
    {                                                               \
        t->signing.name = v->type == VAL_STR ? arena_dup(eval, v->u.s) : STR("");   \
    }
SIGNING(domain)
SIGNING(selector)

void get_dkim_identity(const struct vars *v, struct val *out)
{
    const struct signature *s = current(v);

    if (s && tags_find(&s->tags, "i"))
        val_text_if(out, s->identity);
}

void get_dkim_canon_body(const struct vars *v, struct val *out)
{
    const struct signature *s = current(v);

    if (s)
        val_text(out, str_of(canon_name(s->body)));
}

void get_dkim_canon_headers(const struct vars *v, struct val *out)
{
    const struct signature *s = current(v);

    if (s)
        val_text(out, str_of(canon_name(s->header)));
}

void get_dkim_bodylength(const struct vars *v, struct val *out)
{
    const struct signature *s = current(v);

    val_int(out, s && s->limited && s->length < (uint64_t)NO_LIMIT ? (int64_t)s->length : NO_LIMIT);
}

void get_dkim_created(const struct vars *v, struct val *out)
{
    const struct signature *s = current(v);

    val_int(out, s && s->created >= 0 ? s->created : 0);
}

void get_dkim_expires(const struct vars *v, struct val *out)
{
    const struct signature *s = current(v);

    val_int(out, s && s->expires >= 0 ? s->expires : NO_LIMIT);
}

void get_dkim_headernames(const struct vars *v, struct val *out)
{
    const struct signature *s = current(v);
    struct str rest, item, *names;
    size_t n = 0;

    if (!s)
        return;
    rest = s->names;
    names = arena_array(v->arena, struct str, rest.n + 1);
    while (tag_next(&rest, &item))
        names[n++] = item;
    list_of(out, names, n);
}

/* ---- its key */

static const struct key_record *key_of(const struct vars *v)
{
    const struct signature *s = current(v);

    return s ? s->key : NULL;
}

void get_dkim_key_length(const struct vars *v, struct val *out)
{
    val_int(out, key_of(v) ? key_of(v)->bits : 0);
}

void get_dkim_key_granularity(const struct vars *v, struct val *out)
{
    val_text(out, key_of(v) ? key_of(v)->granularity : STR("*"));
}

void get_dkim_key_srvtype(const struct vars *v, struct val *out)
{
    val_text(out, key_of(v) ? key_of(v)->service : STR("*"));
}

void get_dkim_key_notes(const struct vars *v, struct val *out)
{
    if (key_of(v))
        val_text_if(out, key_of(v)->notes);
}

void get_dkim_key_testing(const struct vars *v, struct val *out)
{
    val_bool(out, key_of(v) && key_of(v)->testing);
}

void get_dkim_key_nosubdomains(const struct vars *v, struct val *out)
{
    val_bool(out, key_of(v) && key_of(v)->no_subdomains);
}
