#include "spool/shard.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/fault.h"
#include "spool/account.h"
#include "spool/scan.h"

char *shard_path(const char *spool, unsigned n)
{
    char *path = NULL;

    if (asprintf(&path, "%s/shard-%03u", spool, n) < 0)
        die("out of memory");
    return path;
}

size_t shard_list(const char *spool, unsigned *out, size_t max)
{
    DIR *d = opendir(spool);
    struct dirent *e;
    size_t n = 0;

    while (d && n < max && (e = readdir(d)) != NULL) {
        struct str s = str_of(e->d_name);
        uint64_t v;

        if (str_starts(s, STR("shard-")) && str_u64(str_from(s, 6), SHARD_LIMIT - 1, &v))
            out[n++] = (unsigned)v;
    }
    if (d)
        closedir(d);
    return n;
}

struct segment *shard_segment(const struct shard *sh, uint32_t gen)
{
    for (struct segment *s = sh->segs; s; s = s->next)
        if (s->use != SEG_FREE && s->head.gen == gen)
            return s;
    return NULL;
}

static unsigned count_free(const struct shard *sh)
{
    unsigned n = 0;

    for (const struct segment *s = sh->segs; s; s = s->next)
        n += s->use == SEG_FREE;
    return n;
}

/* Whatever could not be read may be readable another time: the segment is
 * neither freed nor sealed, bodies nobody knows are kept, and the index is
 * made anew at the next start. */
void shard_search(struct shard *sh, struct segment *s, struct buf *out, struct scan_found *found)
{
    buf_clear(out);
    scan_segment(s, WIRE_PAGE, out, found);
    if (found->unread) {
        s->stuck = sh->unsure = sh->keep_bodies = true;
        sh->alert(sh->alert_ctx, "shard %u: parts of segment %u cannot be read; it is kept as it is", sh->n, s->file);
    }
    if (found->damaged)
        sh->alert(sh->alert_ctx, "shard %u: segment %u has %u damaged records; their messages are set aside",
                  sh->n, s->file, found->damaged);
}

struct str shard_entries(struct shard *sh, struct segment *s, struct buf *b)
{
    struct scan_found found;
    struct why why;

    if (s->use != SEG_SEALED)
        return buf_str(&s->dir);
    if (segment_dir(s, b, &why) != ST_OK) {
        shard_search(sh, s, b, &found);
        sh->alert(sh->alert_ctx, "shard %u: %s; a search found %u records", sh->n, why.text, found.records);
    }
    return buf_str(b);
}

/* ---- the list of segments, under the lock */

void shard_add(struct shard *sh, struct segment *s)
{
    pthread_mutex_lock(sh->lock);
    s->next = sh->segs;
    sh->segs = s;
    pthread_mutex_unlock(sh->lock);
}

/* Ids must never go back: the last head that tells how many were reserved
 * stays until another says so too. Nor may anybody be reading. */
bool shard_may_drop(struct shard *sh, const struct segment *s)
{
    bool ok = false;

    pthread_mutex_lock(sh->lock);
    for (const struct segment *o = sh->segs; o && !ok; o = o->next)
        ok = o != s && o->head.ids_limit >= s->head.ids_limit;
    ok = ok && s->refs == 0;
    pthread_mutex_unlock(sh->lock);
    return ok;
}

/* Takes it off the list and removes its file. */
static bool list_drop(struct shard *sh, struct segment *s)
{
    struct segment **at = &sh->segs;
    char name[32];

    if (!shard_may_drop(sh, s))
        return false;
    segment_name(s->file, name);
    CRASH_POINT("spool.segment.unlink");
    if (FAULT(UNLINK) || (unlinkat(sh->dirfd, name, 0) < 0 && errno != ENOENT))
        return false;
    pthread_mutex_lock(sh->lock);
    while (*at != s) {
        assert(*at);
        at = &(*at)->next;
    }
    *at = s->next;
    pthread_mutex_unlock(sh->lock);
    segment_close(s);
    return true;
}

static void hold(struct shard *sh, struct segment *s, int by)
{
    pthread_mutex_lock(sh->lock);
    s->refs += (unsigned)by;
    pthread_mutex_unlock(sh->lock);
}

static unsigned refs_of(const struct shard *sh, const struct segment *s)
{
    unsigned n;

    pthread_mutex_lock(sh->lock);
    n = s->refs;
    pthread_mutex_unlock(sh->lock);
    return n;
}

static void set_full(struct shard *sh, bool full)
{
    pthread_mutex_lock(sh->lock);
    sh->full = full;
    pthread_mutex_unlock(sh->lock);
}

uint64_t shard_record_most(const struct shard *sh)
{
    return sh->segment_size - WIRE_PAGE - WIRE_TAIL - 2 * WIRE_PAGE;
}

static struct segment *make_segment(struct shard *sh, struct why *why)
{
    struct segment *s = NULL;

    if (segment_create(sh->dirfd, sh->next_file, sh->segment_size, &s, why) != ST_OK)
        return NULL;
    sh->next_file++;
    s->use = SEG_FREE;
    shard_add(sh, s);
    return s;
}

/* The one free for longest; but one that was filled before one that was not. */
static struct segment *find_free(const struct shard *sh)
{
    struct segment *best = NULL;

    for (struct segment *s = sh->segs; s; s = s->next)
        if (s->use == SEG_FREE && s->head.size == sh->segment_size && refs_of(sh, s) == 0
            && (!best || s->filled > best->filled || (s->filled == best->filled && s->head.gen < best->head.gen)))
            best = s;
    return best;
}

void shard_keep_reserve(struct shard *sh)
{
    if (count_free(sh) == 0)
        make_segment(sh, NULL);
    for (struct segment *s = sh->segs, *next; s; s = next) {
        next = s->next;
        if (s->use == SEG_FREE && (s->head.size != sh->segment_size || count_free(sh) > FREE_KEPT))
            list_drop(sh, s);
    }
    set_full(sh, count_free(sh) == 0);
}

/* ---- going on to the next segment */

/* Messages leave one free segment alone: results and compaction must go on
 * when the disk is full. */
static struct segment *next_segment(struct shard *sh, bool for_results, struct why *why)
{
    struct segment *s = count_free(sh) > 1 ? find_free(sh) : NULL;

    if (!s)
        s = make_segment(sh, why);
    if (!s && for_results)
        s = find_free(sh);
    return s;
}

/* Spread over all 64 bits, so that nobody who sees one can tell another. */
static uint64_t tag_of(const struct shard *sh, uint32_t gen)
{
    uint64_t x = sh->secret + gen * 0x9e3779b97f4a7c15ull;

    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9ull;
    x = (x ^ x >> 27) * 0x94d049bb133111ebull;
    return x ^ x >> 31;
}

void shard_seal(struct shard *sh)
{
    struct segment *s = sh->active;
    struct why why;

    sh->active = NULL;
    if (!s)
        return;
    if (s->dir.n == 0)
        shard_free_segment(sh, s);
    else if (segment_seal(s, &why) != ST_OK)
        shard_condemn(sh, s, &why);
    sh->compact.check = true;
}

enum status shard_roll(struct shard *sh, bool for_results, struct why *why)
{
    for (int tries = 0; tries < 3; tries++) {
        struct segment *s = next_segment(sh, for_results, why);
        struct seg_head h = { .shard = sh->n, .gen = sh->next_gen, .tag = tag_of(sh, sh->next_gen), .ids_limit = sh->ids_logged };

        if (!s)
            return ST_AGAIN;
        CRASH_POINT("spool.roll");
        /* Sealing may free segments, and free ones may be removed: not this one. */
        hold(sh, s, 1);
        shard_seal(sh);
        hold(sh, s, -1);
        sh->next_gen++;
        if (segment_begin(s, &h, why) == ST_OK) {
            sh->active = s;
            sh->segments_changed = true;
            shard_keep_reserve(sh);
            return ST_OK;
        }
        /* Its place on the disk may be bad: not tried again. */
        if (!list_drop(sh, s))
            s->use = SEG_CONDEMNED;
    }
    return ST_AGAIN;
}

void shard_condemn(struct shard *sh, struct segment *s, const struct why *why)
{
    pthread_mutex_lock(sh->lock);
    s->use = SEG_CONDEMNED;
    sh->failed_flushes++;
    pthread_mutex_unlock(sh->lock);
    if (sh->active == s)
        sh->active = NULL;
    sh->compact.check = true;
    sh->alert(sh->alert_ctx, "shard %u: %s; what was answered stays valid and is copied out of segment %u, what waits is deferred",
              sh->n, why->text, s->file);
}

/* Order: the mark is flushed, then nobody needs the ends of messages that lay
 * here, then the index forgets it. */
bool shard_free_segment(struct shard *sh, struct segment *s)
{
    uint32_t gen = s->head.gen;
    bool bad = s->use == SEG_CONDEMNED, gone = false;

    CRASH_POINT("spool.free");
    if (bad || segment_mark_free(s, NULL) != ST_OK) {
        s->use = SEG_CONDEMNED;
        gone = shard_may_drop(sh, s);
        if (gone && !list_drop(sh, s)) {
            s->stuck = true;
            return false;
        }
        if (!gone || FAULT(FLUSH) || fsync(sh->dirfd) < 0)
            return false;
    }
    account_forget_tombs(sh, gen);
    if (sh->index && account_begin(sh, NULL) == ST_OK) {
        sh->segments_changed = true;
        if (index_del_segment(sh->index, gen, NULL) == ST_OK)
            account_commit(sh, sh->covered, true, NULL);
        else
            account_abort(sh);
    }
    shard_keep_reserve(sh);
    return true;
}

/* ---- bodies of their own */

void shard_unlink_body(struct shard *sh, struct id_parts id)
{
    struct msg_id m = id_make(id);

    CRASH_POINT("spool.body.unlink");
    if (!FAULT(UNLINK))
        unlinkat(sh->bodyfd, m.s, 0);
}
