#include "auth/oracle_wire.h"

#include <stdio.h>

static void put_length(struct buf *out, size_t n)
{
    char b[4] = { (char)(n & 255), (char)(n >> 8 & 255), (char)(n >> 16 & 255), (char)(n >> 24 & 255) };

    buf_add(out, (struct str){ b, 4 });
}

static size_t length_at(const char *p)
{
    const unsigned char *b = (const unsigned char *)p;

    return b[0] | (size_t)b[1] << 8 | (size_t)b[2] << 16 | (size_t)b[3] << 24;
}

void oracle_put(struct buf *out, struct str field)
{
    put_length(out, field.n);
    buf_add(out, field);
}

void oracle_put_number(struct buf *out, unsigned n)
{
    char text[16];

    snprintf(text, sizeof text, "%u", n);
    oracle_put(out, str_of(text));
}

bool oracle_take(struct str *rest, struct str *field)
{
    size_t n;

    if (rest->n < 4)
        return false;
    n = length_at(rest->p);
    if (n > rest->n - 4)
        return false;
    *field = (struct str){ rest->p + 4, n };
    *rest = str_from(*rest, 4 + n);
    return true;
}

bool oracle_take_number(struct str *rest, unsigned max, unsigned *n)
{
    struct str field;
    uint64_t value;

    if (!oracle_take(rest, &field) || !str_u64(field, max, &value))
        return false;
    *n = (unsigned)value;
    return true;
}

void oracle_frame(struct buf *out, struct str fields)
{
    put_length(out, fields.n);
    buf_add(out, fields);
}

int oracle_frame_read(struct str in, struct str *fields, size_t *used)
{
    size_t n;

    if (in.n < 4)
        return 0;
    n = length_at(in.p);
    if (n > ORACLE_FRAME_MAX)
        return -1;
    if (in.n - 4 < n)
        return 0;
    *fields = (struct str){ in.p + 4, n };
    *used = 4 + n;
    return 1;
}
