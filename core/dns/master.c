#include "dns/master.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "dns/dns.h"
#include "dns/rdata.h"

enum { WORDS_MAX = 4096, TTL_DEFAULT = 3600, FILE_MAX = 64 << 20 };

struct reader {
    struct str rest;
    unsigned line, first;       /* where we are; where the entry began */
    struct word word[WORDS_MAX];
    size_t n;
    bool indented;              /* the entry began with a blank: the owner is the last one */
    struct dname origin, owner;
    bool has_owner, secure;
    uint32_t ttl;
    struct buf data;
    master_fn *fn;
    void *ctx;
};

/* ---- words */

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

static void skip_comment(struct str *s)
{
    size_t at = str_find(*s, '\n');

    *s = str_from(*s, at);
}

/* One word at the front of *s, quoted or not. */
static const char *take_word(struct reader *r, struct str *s)
{
    bool quoted = s->p[0] == '"';
    size_t i = quoted;

    if (r->n == WORDS_MAX)
        return "too many words";
    for (; i < s->n && s->p[i] != '\n'; i++) {
        char c = s->p[i];

        if (c == '\\' && i + 1 < s->n && s->p[i + 1] != '\n')
            i++;
        else if (quoted ? c == '"' : is_blank(c) || memchr(";()\"", c, 4))
            break;
    }
    if (quoted && (i == s->n || s->p[i] != '"'))
        return "a quote is not closed";
    r->word[r->n].text = (struct str){ s->p + quoted, i - quoted };
    r->word[r->n++].quoted = quoted;
    *s = str_from(*s, i + quoted);
    return NULL;
}

/* The words of one entry: a line, or more while a parenthesis is open. */
static const char *take_entry(struct reader *r)
{
    struct str *s = &r->rest;
    bool open = false;

    r->n = 0;
    r->first = r->line;
    r->indented = is_blank(s->p[0]);
    while (s->n > 0) {
        char c = s->p[0];

        if (c == '\n') {
            *s = str_from(*s, 1);
            r->line++;
            if (!open)
                return NULL;
        } else if (is_blank(c)) {
            *s = str_from(*s, 1);
        } else if (c == ';') {
            skip_comment(s);
        } else if (c == '(' || c == ')') {
            if (open == (c == '('))
                return "unexpected parenthesis";
            open = !open;
            *s = str_from(*s, 1);
        } else {
            const char *wrong = take_word(r, s);

            if (wrong)
                return wrong;
        }
    }
    return open ? "a parenthesis is not closed" : NULL;
}

static bool word_is(const struct word *w, const char *what)
{
    return !w->quoted && str_same_fold(w->text, str_of(what));
}

/* ---- entries */

static const char *read_interval(const struct word *w, uint32_t *out)
{
    int64_t v;

    if (!clock_interval(w->text, &v) || v < 0 || v > INT32_MAX)
        return "an interval is expected";
    *out = (uint32_t)v;
    return NULL;
}

static const char *directive(struct reader *r)
{
    const struct word *w = r->word;

    if (r->n == 1 && word_is(w, "$SECURE"))
        r->secure = true;
    else if (r->n == 1 && word_is(w, "$INSECURE"))
        r->secure = false;
    else if (r->n == 2 && word_is(w, "$TTL"))
        return read_interval(w + 1, &r->ttl);
    else if (r->n == 2 && word_is(w, "$ORIGIN")) {
        struct dname n;

        if (!dname_read(w[1].text, &r->origin, &n))
            return "not a domain name";
        r->origin = n;
    } else
        return "unknown directive, or not the words it takes ($ORIGIN, $TTL, $SECURE, $INSECURE)";
    return NULL;
}

static const char *take_owner(struct reader *r, size_t *at)
{
    if (r->indented)
        return r->has_owner ? NULL : "the first record must have a name";
    *at = 1;
    r->has_owner = true;
    if (word_is(r->word, "@"))
        r->owner = r->origin;
    else if (!dname_read(r->word[0].text, &r->origin, &r->owner))
        return "not a domain name";
    return NULL;
}

/* [TTL] [IN], in either order. A word that starts with a digit is the TTL: no type does. */
static const char *take_ttl_class(struct reader *r, size_t *at, uint32_t *ttl)
{
    for (; *at < r->n; (*at)++) {
        const struct word *w = &r->word[*at];

        if (word_is(w, "IN"))
            continue;
        if (w->quoted || w->text.n == 0 || w->text.p[0] < '0' || w->text.p[0] > '9')
            return NULL;
        const char *wrong = read_interval(w, ttl);

        if (wrong)
            return wrong;
    }
    return "a type is expected";
}

static enum master_failure failure_of(const struct word *w)
{
    if (word_is(w, "SERVFAIL"))
        return MASTER_SERVFAIL;
    if (word_is(w, "TIMEOUT"))
        return MASTER_TIMEOUT;
    return word_is(w, "BOGUS") ? MASTER_BOGUS : MASTER_RECORD;
}

static const char *record(struct reader *r)
{
    struct master_record rec = { .ttl = r->ttl, .secure = r->secure };
    size_t at = 0;
    const char *wrong = take_owner(r, &at);

    if (!wrong)
        wrong = take_ttl_class(r, &at, &rec.ttl);
    if (wrong)
        return wrong;
    rec.owner = r->owner;
    rec.failure = failure_of(&r->word[at]);
    if (rec.failure != MASTER_RECORD)
        return r->n - at > 1 ? "nothing may follow this word" : r->fn(r->ctx, &rec);

    if (r->word[at].quoted || !dns_type_find(r->word[at].text, &rec.type))
        return "unknown type";
    at++;
    buf_clear(&r->data);
    wrong = rdata_read(rec.type, r->word + at, r->n - at, &r->origin, &r->data);
    rec.data = buf_str(&r->data);
    return wrong ? wrong : r->fn(r->ctx, &rec);
}

enum status master_load(const char *path, struct buf *out, struct why *why)
{
    enum status st = ST_OK;
    ssize_t got;
    int fd = open(path, O_RDONLY | O_CLOEXEC);

    if (fd < 0)
        return why_errno(why, ST_NEVER, "open %s", path);
    while (st == ST_OK && (got = read(fd, buf_room(out, 65536), 65536)) != 0) {
        if (got < 0)
            st = why_errno(why, ST_NEVER, "read %s", path);
        else
            buf_grew(out, (size_t)got);
        if (out->n > FILE_MAX)
            st = why_set(why, ST_NEVER, "%s: larger than 64 MiB", path);
    }
    close(fd);
    return st;
}

enum status master_read(struct str text, const char *file, master_fn *fn, void *ctx, struct why *why)
{
    struct reader *r = calloc(1, sizeof *r);
    enum status st = ST_OK;
    const char *wrong = NULL;

    if (!r)
        die("out of memory");
    r->rest = text;
    r->line = 1;
    r->origin = dname_root;
    r->ttl = TTL_DEFAULT;
    r->fn = fn;
    r->ctx = ctx;
    while (!wrong && r->rest.n > 0) {
        wrong = take_entry(r);
        if (!wrong && r->n > 0)
            wrong = !r->word[0].quoted && str_starts(r->word[0].text, STR("$")) && !r->indented ? directive(r) : record(r);
    }
    if (wrong)
        st = why_set(why, ST_NEVER, "%s:%u: %s", file, r->first, wrong);
    buf_free(&r->data);
    free(r);
    return st;
}
