/* mime_part: what the header of a part says */
#include "mail/mime.h"
#include "mail/param.h"

enum { FIELD_READ_MAX = 16 << 10 };     /* of a field's value; what is longer says nothing */

void mime_part_blame(struct mime_part *p, enum mime_anomaly level, const char *text)
{
    if (p->anomaly >= level)
        return;
    p->anomaly = level;
    p->anomaly_text = text;
}

static struct str field_value(const struct header *h, const char *name, struct mime_part *p)
{
    const struct field *f = header_field(h, str_of(name), 0);

    if (!f)
        return (struct str){ 0 };
    if (header_count(h, str_of(name)) > 1)
        mime_part_blame(p, MIME_AMBIGUOUS, "a Content- field stands twice");
    return str_head(f->value, FIELD_READ_MAX);
}

static struct str cut(struct str s)
{
    return str_head(s, MIME_VALUE_MAX);
}

static struct str kept(struct arena *a, struct str s)
{
    return s.n ? arena_dup(a, s) : (struct str){ 0 };
}

static struct str plain_value(struct arena *a, const struct header *h, const char *name, struct mime_part *p, bool decode)
{
    struct str s = field_value(h, name, p);

    if (!s.p)
        return s;
    s = header_unfold(a, s);
    return cut(decode ? header_decode(a, s) : s);
}

static struct str params_value(struct arena *a, const struct params *ps, bool there)
{
    return there && ps->value.n ? arena_lower(a, cut(ps->value)) : (struct str){ 0 };
}

static struct str param_text(struct arena *a, const struct params *ps, const char *name)
{
    const struct param *q = params_find(ps, str_of(name));

    return q ? kept(a, cut(q->value)) : (struct str){ 0 };
}

/* ---- names of files */

struct names { struct str v[MIME_NAMES_MAX]; size_t n; };

static void add_name(struct names *names, struct str s)
{
    s = cut(s);
    if (!s.n || names->n == MIME_NAMES_MAX)
        return;
    for (size_t i = 0; i < names->n; i++)
        if (str_same(names->v[i], s))
            return;
    names->v[names->n++] = s;
}

static void add_names(struct names *names, const struct params *ps, struct str name, bool extended)
{
    for (const struct param *q = ps->first; q; q = q->next) {
        if (q->extended != extended || !str_same(q->name, name))
            continue;
        add_name(names, q->value);
        for (size_t i = 0; i < PARAM_READINGS - 1; i++)
            add_name(names, q->other[i]);
    }
}

/* The order is that of most readers: the disposition's, and of it RFC 2231's form. */
static void read_names(struct arena *a, const struct params *disposition, const struct params *type, struct mime_part *p)
{
    struct names names = { .n = 0 };
    struct str *v;

    add_names(&names, disposition, STR("filename"), true);
    add_names(&names, disposition, STR("filename"), false);
    add_names(&names, type, STR("name"), true);
    add_names(&names, type, STR("name"), false);
    if (!names.n)
        return;
    v = arena_array(a, struct str, names.n);
    for (size_t i = 0; i < names.n; i++)
        v[i] = arena_dup(a, names.v[i]);
    p->names = v;
    p->nnames = names.n;
    p->filename = v[0];
}

/* ---- the part */

static void blame_params(const struct params *type, const struct params *disposition, struct mime_part *p)
{
    if (params_twice(type, STR("boundary")) || params_twice(type, STR("charset")) || params_twice(type, STR("name")) ||
        params_twice(disposition, STR("filename")))
        mime_part_blame(p, MIME_AMBIGUOUS, "a parameter stands twice");
    if (type->damaged || disposition->damaged)
        mime_part_blame(p, MIME_AMBIGUOUS, "a parameter is damaged");
}

static void read_type(struct arena *a, const struct params *type, bool there, struct mime_part *p)
{
    p->type = params_value(a, type, there);
    p->charset = param_text(a, type, "charset");
    p->boundary = param_text(a, type, "boundary");
    p->multipart = p->type.n > 10 && str_starts(p->type, STR("multipart/"));
    if (!p->multipart)
        return;
    if (!p->boundary.n)
        mime_part_blame(p, MIME_AMBIGUOUS, "a multipart without a boundary");
    else if (p->boundary.n > 70)
        mime_part_blame(p, MIME_AMBIGUOUS, "the boundary is longer than 70 characters");
    else if (p->boundary.p[p->boundary.n - 1] == ' ')
        mime_part_blame(p, MIME_AMBIGUOUS, "the boundary ends in a blank");
}

static void read_encoding(struct arena *a, struct str field, struct mime_part *p)
{
    struct params encoding;
    bool known;

    if (!field.p)
        return;
    params_read(a, field, &encoding);
    p->encoding = params_value(a, &encoding, true);
    p->transfer = transfer_find(p->encoding, &known);
    if (!known)
        mime_part_blame(p, MIME_AMBIGUOUS, "a transfer encoding nobody knows");
    /* RFC 2045 6.4. Readers divide a multipart as it stands. */
    if (p->multipart && p->transfer != TRANSFER_PLAIN) {
        mime_part_blame(p, MIME_AMBIGUOUS, "a multipart is encoded");
        p->transfer = TRANSFER_PLAIN;
    }
}

void mime_part_read(struct arena *a, const struct header *h, struct mime_part *p)
{
    struct arena scratch = { 0 };
    struct params type = { 0 }, disposition = { 0 };
    struct str type_field = field_value(h, "Content-Type", p);
    struct str disposition_field = field_value(h, "Content-Disposition", p);

    if (type_field.p)
        params_read(&scratch, type_field, &type);
    if (disposition_field.p)
        params_read(&scratch, disposition_field, &disposition);
    blame_params(&type, &disposition, p);
    read_type(a, &type, type_field.p != NULL, p);
    p->disposition = params_value(a, &disposition, disposition_field.p != NULL);
    read_encoding(a, field_value(h, "Content-Transfer-Encoding", p), p);
    p->id = kept(a, plain_value(&scratch, h, "Content-ID", p, false));
    p->description = kept(a, plain_value(&scratch, h, "Content-Description", p, true));
    read_names(a, &disposition, &type, p);
    arena_free(&scratch);
}
