/*
 * recover - bring index and log together when a shard is taken
 *
 * The log is the truth. An index of this boot that agrees with the segments is
 * brought up to date from where it stops; any other is made anew from the
 * directories. Everything here may be interrupted and done again.
 */
#include <dirent.h>
#include <errno.h>
#include <unistd.h>

#include "base/fault.h"
#include "spool/account.h"
#include "spool/scan.h"
#include "spool/shard.h"

/* ---- the log */

/* A segment that was not sealed: its last group may be half there. */
static void search(struct shard *sh, struct segment *s)
{
    struct scan_found found;

    shard_search(sh, s, &s->dir, &found);
    s->at = found.end;
    s->group = found.group;
}

static void search_unsealed(struct shard *sh)
{
    for (struct segment *s = sh->segs; s; s = s->next)
        if (s->use == SEG_ACTIVE)
            search(sh, s);
}

static void note_ids(struct shard *sh, struct str dir)
{
    struct entry e;

    while (entry_get(&dir, &e)) {
        uint64_t beyond = e.type == REC_IDS ? e.id.counter : e.id.counter + 1;

        if ((e.type == REC_IDS || e.type == REC_MESSAGE) && e.id.shard == sh->n && beyond > sh->ids_logged)
            sh->ids_logged = beyond;
    }
}

/* Later segments repeat the limit in their heads; the last one's records may
 * have raised it. */
static void read_ids(struct shard *sh)
{
    struct segment *last = NULL;
    struct buf b = { 0 };

    for (struct segment *s = sh->segs; s; s = s->next)
        if (s->use != SEG_FREE && (!last || s->head.gen > last->head.gen))
            last = s;
    if (last)
        note_ids(sh, shard_entries(sh, last, &b));
    buf_free(&b);
    /* What was set aside may have named more. */
    if (sh->damaged)
        sh->ids_logged += 10 * (uint64_t)IDS_STEP;
}

static struct segment *find_unsealed(const struct shard *sh)
{
    for (struct segment *s = sh->segs; s; s = s->next)
        if (s->use == SEG_ACTIVE)
            return s;
    return NULL;
}

static uint32_t last_gen(const struct shard *sh)
{
    uint32_t gen = 0;

    for (const struct segment *s = sh->segs; s; s = s->next)
        if (s->use != SEG_FREE && s->head.gen > gen)
            gen = s->head.gen;
    return gen;
}

/* From the start each time: to free one may remove another from the list. One
 * that is not the last was condemned; what its failed group left there is not
 * to be believed later. */
static void seal_unsealed(struct shard *sh)
{
    uint32_t last = last_gen(sh);
    struct segment *s;
    struct why why;

    while ((s = find_unsealed(sh)) != NULL) {
        if (s->stuck || s->head.gen < last)
            s->use = SEG_CONDEMNED;
        else if (s->dir.n == 0)
            shard_free_segment(sh, s);
        else if (segment_seal(s, &why) != ST_OK)
            shard_condemn(sh, s, &why);
    }
}

/* ---- the index */

struct agree { struct shard *sh; bool ok; };

static void agree_segment(void *ctx, uint32_t gen, struct str bytes)
{
    struct agree *a = ctx;
    struct segment *s = shard_segment(a->sh, gen);
    uint32_t live = 1;

    if (s) {
        a->ok = a->ok && account_segment_get(bytes, s);
        s->dirty = false;
        return;
    }
    /* Freed just before the crash: only an empty one may be missing. Of one that
     * was set aside the messages stay visible. */
    if (bytes.n >= 8)
        memcpy(&live, bytes.p + 4, sizeof live);
    a->ok = a->ok && (live == 0 || a->sh->damaged);
}

/* Whether the index speaks of the segments that are there. */
static bool index_agrees(struct shard *sh)
{
    struct agree a = { sh, true };

    for (struct segment *s = sh->segs; s; s = s->next)
        s->dirty = s->use != SEG_FREE;
    index_segments(sh->index, agree_segment, &a);
    for (const struct segment *s = sh->segs; s; s = s->next)
        if (s->dirty && s->head.gen < sh->covered.gen)
            a.ok = false;
    return a.ok;
}

static enum status rebuild(struct shard *sh, struct why *why)
{
    struct buf b = { 0 };
    enum status st = ST_OK;

    CRASH_POINT("spool.rebuild");
    for (struct segment *s = sh->segs; s; s = s->next) {
        s->live = s->live_was = 0;
        s->ntombs = 0;
        s->dirty = true;
    }
    sh->covered = (struct covered){ 0, 0 };
    for (int mode = ACCOUNT_MESSAGES; st == ST_OK && mode <= ACCOUNT_STATES; mode++) {
        struct segment *s;

        for (uint32_t gen = 0; st == ST_OK && (s = account_next(sh, gen)) != NULL; gen = s->head.gen + 1) {
            struct str dir = shard_entries(sh, s, &b);

            if (mode == ACCOUNT_MESSAGES)
                note_ids(sh, dir);
            st = account_dir(sh, s, dir, 0, (enum account_mode)mode, why);
        }
        CRASH_POINT("spool.rebuild.half");
    }
    buf_free(&b);
    if (st == ST_OK)
        st = account_begin(sh, why);
    if (st == ST_OK)
        st = account_commit(sh, (struct covered){ sh->next_gen - 1, UINT64_MAX }, sh->segments_changed = true, why);
    return st;
}

static enum status open_index(struct shard *sh, struct why *why)
{
    enum status st = index_open(sh->path, false, 0, &sh->index, NULL);

    if (st == ST_OK && !sh->unsure && index_covers(sh->index, &sh->covered) && index_agrees(sh) && account_catch_up(sh, NULL) == ST_OK)
        return ST_OK;
    index_close(sh->index);
    sh->index = NULL;
    index_remove(sh->path);
    st = index_open(sh->path, false, 0, &sh->index, why);
    return st == ST_OK ? rebuild(sh, why) : st;
}

/* ---- large bodies nobody knows: their message ended, or never came to be */

static void remove_unknown_bodies(struct shard *sh)
{
    int fd = dup(sh->bodyfd);
    DIR *d = fd < 0 ? NULL : fdopendir(fd);
    struct dirent *e;

    if (d)
        rewinddir(d);
    while (d && (e = readdir(d)) != NULL) {
        struct id_parts id;
        struct msg_id m = { "" };
        struct row row;

        if (e->d_name[0] == '.')
            continue;
        if (strlen(e->d_name) == MSG_ID_LEN)
            memcpy(m.s, e->d_name, MSG_ID_LEN);
        if (!id_read(m, &id) || index_get(sh->index, id, &row, NULL) == ST_NONE)
            unlinkat(sh->bodyfd, e->d_name, 0);
    }
    if (d)
        closedir(d);
}

enum status recover_scratch(struct shard *sh, const char *dir, struct why *why)
{
    enum status st = index_open(dir, false, 0, &sh->index, why);

    if (st != ST_OK)
        return st;
    search_unsealed(sh);
    return rebuild(sh, why);
}

enum status recover_shard(struct shard *sh, struct why *why)
{
    enum status st;

    search_unsealed(sh);
    read_ids(sh);
    st = open_index(sh, why);
    if (st != ST_OK)
        return st;
    CRASH_POINT("spool.recover.indexed");
    seal_unsealed(sh);
    if (!sh->keep_bodies)
        remove_unknown_bodies(sh);
    return ST_OK;
}
