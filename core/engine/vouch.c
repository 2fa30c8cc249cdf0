#include "engine/vouch.h"

#include <stdlib.h>

#include "auth/seal.h"
#include "base/clock.h"

enum { PIECE = 65536, SIGNATURES_MAX = 100 };

struct one {                        /* a signature */
    struct sign_want want;
    bool strict;
    enum status status;             /* not ST_OK: why */
    struct why why;
};

struct vouch {
    struct attempt *a;
    struct arena arena;
    struct one *v;
    size_t n;
    struct str header;              /* as it is to be signed; lives as long as the walk */
    uint64_t size;
    struct seal_want seal;
    bool seals;
    enum status sealed;             /* not ST_OK: why not */
    struct why unsealed;
    struct buf fields;              /* what was made: goes above it */
    enum status status;             /* of reading the message */
    struct why why;
    bool busy;
};

bool vouch_wanted(const struct transport *tr)
{
    return tr->nsigned > 0 || tr->arc_sign.n > 0;
}

/* ---- options */

static void read_names(struct vouch *v, struct str text, struct sign_want *w)
{
    size_t max = 1;
    struct str word, *names;

    if (text.n == 0)
        return;
    for (size_t i = 0; i < text.n; i++)
        max += text.p[i] == ':';
    w->names = names = arena_array(&v->arena, struct str, max);
    while (str_cut(&text, ':', &word))
        if (str_trim(word).n)
            names[w->nnames++] = str_trim(word);
}

static void read_canon(const struct vouch *v, struct str text, struct sign_want *w)
{
    enum canon_kind k = str_same(text, STR("simple")) ? CANON_SIMPLE : CANON_RELAXED;

    if (text.n && k == CANON_RELAXED && !str_same(text, STR("relaxed")))
        log_line(LOG_MAIN, "%s DKIM: dkim_canon \"%.*s\" is neither relaxed nor simple; relaxed is used", v->a->w->id.s, STR_ARG(text));
    w->header = w->body = k;
}

static void read_times(struct str text, struct sign_want *w)
{
    uint64_t n;

    w->created = w->expires = -1;
    if (!str_u64(text, 1u << 30, &n))
        return;                     /* -1: none */
    w->created = clock_wall();
    w->expires = n ? w->created + (int64_t)n : -1;
}

/* Nine texts: see lua/mail/transports.lua. They live as long as the attempt. */
static void read_one(struct vouch *v, const struct str *t, struct one *o)
{
    struct sign_want *w = &o->want;

    *o = (struct one){ .want = { .domain = t[0], .selector = t[1], .key = t[2], .identity = t[4] } };
    if (!hash_find(t[3].n ? t[3] : STR("sha256"), &w->hash))
        o->status = why_set(&o->why, ST_NEVER, "dkim_hash \"%.*s\" is none of sha256, sha512 and sha1", STR_ARG(str_head(t[3], 40)));
    read_canon(v, t[5], w);
    o->strict = str_same(t[6], STR("true"));
    read_times(t[7], w);
    read_names(v, t[8], w);
}

static void read_seal(struct vouch *v, struct str text)
{
    const char *fault = NULL;
    struct str shown = text, word;
    size_t n;

    if (str_trim(text).n == 0)
        return;
    v->seals = seal_read(text, clock_wall(), &v->seal, &fault);
    if (v->seals)
        return;
    /* The third element may be a key itself. */
    str_cut(&shown, ':', &word);
    str_cut(&shown, ':', &word);
    n = shown.p ? (size_t)(shown.p - text.p) : text.n;
    log_line(LOG_MAIN, "%s ARC: bad signing-specification (%s) '%.*s'", v->a->w->id.s, fault, STR_ARG(str_head(text, n < 200 ? n : 200)));
}

/* ---- on a helper thread */

static void hash_body(struct vouch *v, struct bodyhash *b)
{
    char *piece = malloc(PIECE);
    uint64_t at = 0;

    if (!piece)
        die("no memory to sign with");
    while (at < v->size && v->status == ST_OK) {
        ssize_t n = attempt_read_body(v->a, at, piece, v->size - at < PIECE ? (size_t)(v->size - at) : PIECE);

        if (n > 0)
            bodyhash_add(b, (struct str){ piece, (size_t)n });
        else
            v->status = why_errno(&v->why, ST_AGAIN, "read the message to sign it");
        at += n > 0 ? (uint64_t)n : 0;
    }
    bodyhash_end(b);
    free(piece);
}

static void sign_all(struct vouch *v, const struct bodyhash *b)
{
    struct header h;
    struct fieldset *fields;
    struct buf made = { 0 };

    header_parse(&v->arena, v->header, &h);
    fields = fieldset_new(&h);
    for (size_t i = 0; i < v->n; i++)
        if (v->v[i].status == ST_OK)
            v->v[i].status = sign_field(&v->v[i].want, v->a->w->e->signkeys, &h, fields, b, &made, &v->v[i].why);
    buf_add(&v->fields, buf_str(&made));
    buf_free(&made);
    fieldset_free(fields);
}

/* Over our own signatures too: the set stands in front of them. */
static void seal(struct vouch *v, const struct bodyhash *b)
{
    struct buf whole = { 0 }, made = { 0 };
    struct header h;
    struct fieldset *fields;

    buf_add(&whole, buf_str(&v->fields));
    buf_add(&whole, v->header);
    header_parse(&v->arena, buf_str(&whole), &h);
    fields = fieldset_new(&h);
    v->sealed = seal_fields(&v->seal, v->a->w->e->signkeys, &h, fields, b, &made, &v->unsealed);
    if (v->sealed == ST_OK) {
        buf_add(&made, buf_str(&v->fields));
        buf_clear(&v->fields);
        buf_add(&v->fields, buf_str(&made));
    }
    fieldset_free(fields);
    buf_free(&whole);
    buf_free(&made);
}

static void work(void *ctx)
{
    struct vouch *v = ctx;
    struct bodyhash *b = bodyhash_new();

    if (v->seals)
        seal_prepare(&v->seal, b);
    for (size_t i = 0; i < v->n; i++)
        sign_prepare(&v->v[i].want, b);
    hash_body(v, b);
    if (v->status == ST_OK)
        sign_all(v, b);
    if (v->status == ST_OK && v->seals)
        seal(v, b);
    bodyhash_free(b);
}

/* ---- on the loop */

static void vouch_free(struct vouch *v)
{
    v->a->vouch = NULL;
    buf_free(&v->fields);
    arena_free(&v->arena);
    free(v);
}

/* A signature that should be there and is not: the message waits, or goes without. */
static const struct one *missing(const struct vouch *v)
{
    for (size_t i = 0; i < v->n; i++)
        if (v->v[i].status != ST_OK)
            log_line(LOG_MAIN, "%s DKIM: not signed for %.*s: %s", v->a->w->id.s, STR_ARG(v->v[i].want.domain), v->v[i].why.text);
    for (size_t i = 0; i < v->n; i++)
        if (v->v[i].status != ST_OK && v->v[i].strict)
            return &v->v[i];
    return NULL;
}

static struct str signers(const struct vouch *v)
{
    struct buf b = { 0 };
    struct str out;

    for (size_t i = 0; i < v->n; i++)
        if (v->v[i].status == ST_OK)
            buf_addf(&b, "%s%.*s:%.*s", b.n ? ":" : "", STR_ARG(v->v[i].want.domain), STR_ARG(v->v[i].want.selector));
    out = arena_dup(&v->a->w->arena, buf_str(&b));
    buf_free(&b);
    return out;
}

static void failed(struct vouch *v, const struct why *why)
{
    struct attempt *a = v->a;

    attempt_all(a, ITEM_AGAIN, -1, "*", arena_printf(&a->w->arena, "DKIM: the message could not be signed: %s", why->text));
    vouch_free(v);
    attempt_end(a);
}

static void worked(void *ctx)
{
    struct vouch *v = ctx;
    struct attempt *a = v->a;
    struct walk *w = a->w;
    const struct one *lacking;

    v->busy = false;
    lacking = v->status == ST_OK ? missing(v) : NULL;
    if (v->status != ST_OK || lacking) {
        failed(v, lacking ? &lacking->why : &v->why);
        walk_release(w);
        return;
    }
    if (v->seals && v->sealed != ST_OK)
        log_line(LOG_MAIN, "%s ARC: %s", w->id.s, v->unsealed.text);
    a->signed_by = signers(v);
    buf_add(&v->fields, a->header);
    a->header = arena_dup(&w->arena, buf_str(&v->fields));
    vouch_free(v);
    remote_start(a);
    walk_release(w);
}

void vouch_start(struct attempt *a)
{
    struct vouch *v = calloc(1, sizeof *v);
    const struct transport *tr = &a->tr;

    if (!v)
        die("no memory to sign with");
    a->vouch = v;
    v->a = a;
    v->header = a->header;
    v->size = attempt_body_size(a);
    v->n = tr->nsigned / SIGN_TEXTS < SIGNATURES_MAX ? tr->nsigned / SIGN_TEXTS : SIGNATURES_MAX;
    v->v = arena_array(&v->arena, struct one, v->n + 1);
    for (size_t i = 0; i < v->n; i++)
        read_one(v, tr->sign + i * SIGN_TEXTS, &v->v[i]);
    read_seal(v, tr->arc_sign);
    v->busy = true;
    walk_hold(a->w);
    pool_work(a->w->e->pool, work, worked, v);
}

void vouch_cancel(struct attempt *a)
{
    struct vouch *v = a->vouch;

    if (!v)
        return;
    if (v->busy)
        walk_release(a->w);             /* its thread is gone, and worked() will not come */
    vouch_free(v);
}
