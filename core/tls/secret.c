#include "tls/secret.h"

#include <openssl/crypto.h>
#include <unistd.h>

enum { GROUPS_MAX = 256 };

static bool group_is_ours(gid_t g)
{
    gid_t all[GROUPS_MAX];
    int n;

    if (g == getegid() || g == 0)
        return true;
    n = getgroups(GROUPS_MAX, all);
    for (int i = 0; i < n; i++)
        if (all[i] == g)
            return true;
    return false;
}

static enum status judge(struct str path, const struct stat *st, struct why *why)
{
    unsigned mode = st->st_mode & 07777;

    if ((mode & ~0640U) || !(mode & 0400))
        return why_set(why, ST_AGAIN, "%.*s: a private key must not be open to others: its mode is %04o, make it 0640 or 0600",
                       STR_ARG(path), mode);
    if (st->st_uid != geteuid() && st->st_uid != 0)
        return why_set(why, ST_AGAIN, "%.*s: a private key must belong to our user or to root, it belongs to user %u", STR_ARG(path),
                       (unsigned)st->st_uid);
    if ((mode & 0040) && !group_is_ours(st->st_gid))
        return why_set(why, ST_AGAIN, "%.*s: a private key must not be open to others: group %u may read it, which is not ours (chgrp, "
                       "or mode 0600)", STR_ARG(path), (unsigned)st->st_gid);
    return ST_OK;
}

enum status secret_read(struct str path, size_t most, struct buf *out, struct file_identity *id, struct why *why)
{
    struct buf text = { 0 };
    struct stat st;
    enum status got = file_read(path, most, &text, &st, why);

    if (got == ST_OK)
        got = judge(path, &st, why);
    if (got == ST_OK) {
        buf_add(out, buf_str(&text));
        *id = file_identity_stat(&st);
    }
    secret_wipe(&text);
    return got;
}

void secret_wipe(struct buf *b)
{
    if (b->mem)
        OPENSSL_cleanse(b->mem, b->cap);
    buf_free(b);
}
