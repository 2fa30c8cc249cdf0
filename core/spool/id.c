#include "spool/id.h"

static const char digits[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

static void put(char *at, int n, uint64_t v)
{
    while (n-- > 0) {
        at[n] = digits[v % 62];
        v /= 62;
    }
}

static int digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'A' && c <= 'Z')
        return c - 'A' + 10;
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 36;
    return -1;
}

/* Goes on with the number begun in *v; false at a byte that is no digit. */
static bool get(const char *at, int n, uint64_t *v)
{
    for (int i = 0; i < n; i++) {
        int d = digit(at[i]);

        if (d < 0)
            return false;
        *v = *v * 62 + (uint64_t)d;
    }
    return true;
}

int id_cmp(struct id_parts a, struct id_parts b)
{
    if (a.time != b.time)
        return a.time < b.time ? -1 : 1;
    if (a.shard != b.shard)
        return a.shard < b.shard ? -1 : 1;
    return a.counter < b.counter ? -1 : a.counter > b.counter;
}

struct msg_id id_make(struct id_parts p)
{
    struct msg_id id = { "" };
    char counter[6];

    put(id.s, 6, p.time);
    id.s[6] = '-';
    put(id.s + 7, 2, p.shard);
    put(counter, 6, p.counter);
    memcpy(id.s + 9, counter, 4);
    id.s[13] = '-';
    memcpy(id.s + 14, counter + 4, 2);
    return id;
}

bool id_read(struct msg_id id, struct id_parts *out)
{
    uint64_t shard = 0;

    *out = (struct id_parts){ 0, 0, 0 };
    if (memchr(id.s, '\0', sizeof id.s) != id.s + MSG_ID_LEN || id.s[6] != '-' || id.s[13] != '-')
        return false;
    if (!get(id.s, 6, &out->time) || !get(id.s + 7, 2, &shard))
        return false;
    if (!get(id.s + 9, 4, &out->counter) || !get(id.s + 14, 2, &out->counter))
        return false;
    out->shard = (unsigned)shard;
    return true;
}
