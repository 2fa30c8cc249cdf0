#include "base/val.h"

#include <endian.h>

/* A type byte, then: nothing; a byte; eight bytes; a length and bytes; a count
 * and so many lengths with bytes. Numbers are little endian. */

static void put_u32(struct buf *out, uint32_t v)
{
    v = htole32(v);
    buf_add(out, (struct str){ (const char *)&v, sizeof v });
}

static void put_u64(struct buf *out, uint64_t v)
{
    v = htole64(v);
    buf_add(out, (struct str){ (const char *)&v, sizeof v });
}

static void put_str(struct buf *out, struct str s)
{
    put_u32(out, (uint32_t)s.n);
    buf_add(out, s);
}

void val_put(struct buf *out, const struct val *v)
{
    uint64_t bits;

    buf_byte(out, (char)v->type);
    switch (v->type) {
    case VAL_NIL:
    case VAL_FUNC:
        break;
    case VAL_BOOL:
        buf_byte(out, v->u.b ? 1 : 0);
        break;
    case VAL_INT:
        put_u64(out, (uint64_t)v->u.i);
        break;
    case VAL_NUM:
        memcpy(&bits, &v->u.d, sizeof bits);
        put_u64(out, bits);
        break;
    case VAL_STR:
        put_str(out, v->u.s);
        break;
    case VAL_LIST:
        put_u32(out, (uint32_t)v->u.list.n);
        for (size_t i = 0; i < v->u.list.n; i++)
            put_str(out, v->u.list.v[i]);
        break;
    }
}

static bool get_bytes(struct str *in, void *p, size_t n)
{
    if (in->n < n)
        return false;
    memcpy(p, in->p, n);
    *in = str_from(*in, n);
    return true;
}

static bool get_u32(struct str *in, uint32_t *v)
{
    if (!get_bytes(in, v, sizeof *v))
        return false;
    *v = le32toh(*v);
    return true;
}

static bool get_str(struct arena *a, struct str *in, struct str *s)
{
    uint32_t n;

    if (!get_u32(in, &n) || n > in->n)
        return false;
    *s = arena_dup(a, str_head(*in, n));
    *in = str_from(*in, n);
    return true;
}

/* Each item costs at least its length field, which bounds the array before
 * memory is asked for. */
static bool get_list(struct arena *a, struct str *in, struct val *v)
{
    uint32_t n;
    struct str *items;

    if (!get_u32(in, &n) || n > in->n / sizeof n)
        return false;
    items = arena_array(a, struct str, n);
    for (uint32_t i = 0; i < n; i++)
        if (!get_str(a, in, &items[i]))
            return false;
    v->u.list.v = items;
    v->u.list.n = n;
    return true;
}

bool val_get(struct arena *a, struct str *in, struct val *v)
{
    unsigned char type, b;
    uint64_t bits;

    if (!get_bytes(in, &type, 1))
        return false;
    *v = (struct val){ .type = (enum val_type)type };
    switch (v->type) {
    case VAL_NIL:
        return true;
    case VAL_BOOL:
        if (!get_bytes(in, &b, 1) || b > 1)
            return false;
        v->u.b = b;
        return true;
    case VAL_INT:
    case VAL_NUM:
        if (!get_bytes(in, &bits, sizeof bits))
            return false;
        bits = le64toh(bits);
        memcpy(&v->u, &bits, sizeof bits);
        return true;
    case VAL_STR:
        return get_str(a, in, &v->u.s);
    case VAL_LIST:
        return get_list(a, in, v);
    case VAL_FUNC:
        break;
    }
    return false;
}

struct val val_dup(struct arena *a, const struct val *v)
{
    struct val copy = *v;

    if (v->type == VAL_STR) {
        copy.u.s = arena_dup(a, v->u.s);
    } else if (v->type == VAL_LIST) {
        struct str *items = arena_array(a, struct str, v->u.list.n);

        for (size_t i = 0; i < v->u.list.n; i++)
            items[i] = arena_dup(a, v->u.list.v[i]);
        copy.u.list.v = items;
    }
    return copy;
}

bool val_same(const struct val *a, const struct val *b)
{
    if (a->type != b->type)
        return false;
    switch (a->type) {
    case VAL_NIL:
        return true;
    case VAL_BOOL:
        return a->u.b == b->u.b;
    case VAL_INT:
        return a->u.i == b->u.i;
    case VAL_NUM:
        return a->u.d == b->u.d;
    case VAL_STR:
        return str_same(a->u.s, b->u.s);
    case VAL_FUNC:
        return a->u.ref == b->u.ref;
    case VAL_LIST:
        break;
    }
    if (a->u.list.n != b->u.list.n)
        return false;
    for (size_t i = 0; i < a->u.list.n; i++)
        if (!str_same(a->u.list.v[i], b->u.list.v[i]))
            return false;
    return true;
}
