#include "spool/segment.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fault.h"
#include "spool/crc.h"

enum { DIR_MAX = 512 << 20, FILL_STEP = 1 << 20 };

void segment_name(unsigned file, char out[32])
{
    snprintf(out, 32, "segment.%06u", file);
}

bool segment_number(const char *name, unsigned *file)
{
    struct str s = str_of(name);
    uint64_t n;

    if (!str_starts(s, STR("segment.")) || !str_u64(str_from(s, 8), 99999999, &n))
        return false;
    *file = (unsigned)n;
    return true;
}

static struct segment *segment_new(unsigned file, int fd, uint64_t size)
{
    struct segment *s = calloc(1, sizeof *s);

    if (!s)
        die("out of memory");
    s->file = file;
    s->fd = fd;
    s->head.size = size;
    return s;
}

void segment_close(struct segment *s)
{
    if (!s)
        return;
    close(s->fd);
    buf_free(&s->dir);
    free(s->tombs);
    free(s);
}

/* ---- making and opening */

enum status segment_create(int dirfd, unsigned file, uint64_t size, struct segment **out, struct why *why)
{
    char name[32];
    int fd, rc;

    segment_name(file, name);
    fd = FAULT(OPEN) ? -1 : openat(dirfd, name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return why_errno(why, ST_AGAIN, "create %s", name);
    rc = FAULT(WRITE) ? errno : posix_fallocate(fd, 0, (off_t)size);
    if (rc) {
        errno = rc;
        why_errno(why, ST_AGAIN, "give %s its size", name);
        goto drop;
    }
    CRASH_POINT("spool.segment.made");
    /* Its name must be as durable as what will be written into it. */
    if (FAULT(FLUSH) || fsync(fd) < 0 || fsync(dirfd) < 0) {
        why_errno(why, ST_AGAIN, "flush %s", name);
        goto drop;
    }
    *out = segment_new(file, fd, size);
    return ST_OK;

drop:
    unlinkat(dirfd, name, 0);
    close(fd);
    return ST_AGAIN;
}

static bool read_page(int fd, uint64_t at, char page[WIRE_PAGE])
{
    return !FAULT(READ) && pread(fd, page, WIRE_PAGE, (off_t)at) == WIRE_PAGE;
}

/* Two heads: a flush cut off by a crash may leave them different, and then the
 * younger one is what was being written. A free mark has the generation of
 * the use it ends. */
static enum wire_read younger(enum wire_read ra, const struct seg_head *a, enum wire_read rb, const struct seg_head *b, struct seg_head *h)
{
    if (ra == WIRE_VERSION_OTHER || rb == WIRE_VERSION_OTHER)
        return WIRE_VERSION_OTHER;
    if (ra == WIRE_OK && rb == WIRE_OK) {
        *h = (a->gen != b->gen ? a->gen > b->gen : a->free) ? *a : *b;
        return WIRE_OK;
    }
    if (ra == WIRE_OK || rb == WIRE_OK) {
        *h = ra == WIRE_OK ? *a : *b;
        return WIRE_OK;
    }
    return ra == WIRE_EMPTY && rb == WIRE_EMPTY ? WIRE_EMPTY : WIRE_DAMAGED;
}

/* Both heads lost: the first record stands where nobody but us ever writes, and
 * knows generation and tag. Better a message too many than one too few. */
static bool head_from_record(int fd, struct seg_head *h, bool *unread)
{
    char head[REC_HEAD];
    struct rec r;

    if (FAULT(READ) || pread(fd, head, sizeof head, WIRE_PAGE) != REC_HEAD) {
        *unread = true;
        return false;
    }
    if (rec_get(head, &r) != WIRE_OK)
        return false;
    *h = (struct seg_head){ .shard = SHARD_UNKNOWN, .gen = r.gen, .tag = r.tag, .size = h->size };
    return true;
}

/* *unread: something could not be read at all, which is not damage: another
 * time it may. */
static enum wire_read read_heads(int fd, struct seg_head *h, bool *unread)
{
    uint64_t size = h->size;
    char page[WIRE_PAGE];
    struct seg_head a = { .size = 0 }, b = { .size = 0 };
    enum wire_read ra = WIRE_DAMAGED, rb = WIRE_DAMAGED, r;

    *unread = false;
    if (read_page(fd, 0, page))
        ra = seg_head_get(page, &a);
    else
        *unread = true;
    if (read_page(fd, size - WIRE_TAIL, page))
        rb = seg_head_get(page, &b);
    else
        *unread = true;
    if (ra == WIRE_OK && a.size != size)
        ra = WIRE_DAMAGED;
    if (rb == WIRE_OK && b.size != size)
        rb = WIRE_DAMAGED;
    r = younger(ra, &a, rb, &b, h);
    h->size = size;
    if (r == WIRE_DAMAGED && head_from_record(fd, h, unread))
        r = WIRE_OK;
    return r;
}

static bool foot_of(const struct segment *s, struct seg_foot *f)
{
    char page[WIRE_PAGE];

    return read_page(s->fd, s->head.size - WIRE_PAGE, page) && seg_foot_get(page, f) == WIRE_OK
        && f->gen == s->head.gen && f->tag == s->head.tag;
}

enum status segment_open(int dirfd, unsigned file, bool readonly, struct segment **out, enum wire_read *read, struct why *why)
{
    struct segment *s = NULL;
    enum status st_end = ST_NEVER;
    struct seg_foot foot;
    struct stat st;
    char name[32];
    bool unread;
    int fd;

    *out = NULL;
    *read = WIRE_DAMAGED;
    segment_name(file, name);
    fd = FAULT(OPEN) ? -1 : openat(dirfd, name, (readonly ? O_RDONLY : O_RDWR) | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0 || fstat(fd, &st) < 0) {
        why_errno(why, ST_AGAIN, "open %s", name);
        goto fail;
    }
    /* A crash while it was made: it has no size yet and nothing in it. */
    if (st.st_size < WIRE_PAGE + WIRE_TAIL || st.st_size > UINT32_MAX || st.st_size % WIRE_PAGE) {
        *read = st.st_size < WIRE_PAGE + WIRE_TAIL ? WIRE_EMPTY : WIRE_DAMAGED;
        why_set(why, ST_NEVER, "%s: %" PRId64 " bytes are no segment", name, (int64_t)st.st_size);
        goto fail;
    }
    s = segment_new(file, fd, (uint64_t)st.st_size);
    *read = read_heads(fd, &s->head, &unread);
    if (*read == WIRE_VERSION_OTHER) {
        why_set(why, ST_NEVER, "%s was written by another version of Perigee; this one reads version %d only", name, WIRE_VERSION);
        goto fail;
    }
    if (*read == WIRE_DAMAGED) {
        st_end = unread ? ST_AGAIN : ST_NEVER;
        why_set(why, st_end, "%s: its heads %s", name, unread ? "cannot be read" : "are damaged");
        goto fail;
    }
    if (*read == WIRE_EMPTY || s->head.free)
        s->use = SEG_FREE;
    else
        s->use = foot_of(s, &foot) ? SEG_SEALED : SEG_ACTIVE;
    if (*read != WIRE_EMPTY)
        s->filled = s->head.size;
    *out = s;
    return ST_OK;

fail:
    if (s)
        segment_close(s);
    else if (fd >= 0)
        close(fd);
    return fd < 0 ? ST_AGAIN : st_end;
}

/* ---- writing */

/* A short write is a failed one (R2.4): which errno a full or broken disk
 * shows, and when, differs. */
static bool write_all(int fd, const void *p, size_t n, uint64_t at)
{
    ssize_t did;

    if (FAULT(WRITE))
        return false;
    errno = ENOSPC;
    did = pwrite(fd, p, n, (off_t)at);
    return did >= 0 && (size_t)did == n;
}

static enum status write_heads(struct segment *s, struct why *why)
{
    char page[WIRE_PAGE];

    seg_head_put(&s->head, page);
    if (!write_all(s->fd, page, sizeof page, 0) || !write_all(s->fd, page, sizeof page, s->head.size - WIRE_TAIL))
        return why_errno(why, ST_AGAIN, "write the heads of segment %u", s->file);
    CRASH_POINT("spool.heads.written");
    if (FAULT(FLUSH) || fdatasync(s->fd) < 0)
        return why_errno(why, ST_AGAIN, "flush segment %u", s->file);
    return ST_OK;
}

enum status segment_begin(struct segment *s, const struct seg_head *h, struct why *why)
{
    struct seg_head was = s->head;
    enum status st;

    s->head = *h;
    s->head.size = was.size;
    st = write_heads(s, why);
    if (st != ST_OK) {
        s->head = was;
        return st;
    }
    CRASH_POINT("spool.segment.begun");
    s->use = SEG_ACTIVE;
    s->at = WIRE_PAGE;
    s->group = 1;
    s->live = s->live_was = 0;
    s->ntombs = 0;
    s->dirty = true;
    /* Address space for the whole directory at once: only what is written is
     * memory, nothing is copied as it grows, and sealing gives all of it back. */
    buf_free(&s->dir);
    buf_room(&s->dir, (size_t)(s->head.size / 8));
    return ST_OK;
}

static uint64_t whole_pages(uint64_t n)
{
    return (n + WIRE_PAGE - 1) / WIRE_PAGE * WIRE_PAGE;
}

uint64_t segment_room(const struct segment *s, size_t dir_more)
{
    uint64_t used = s->at + whole_pages(s->dir.n + dir_more) + WIRE_TAIL;

    return used < s->head.size ? s->head.size - used : 0;
}

enum status segment_write(struct segment *s, struct iovec *v, int n, uint64_t bytes, struct why *why)
{
    ssize_t did;

    errno = ENOSPC;
    did = FAULT(WRITE) ? -1 : pwritev(s->fd, v, n, (off_t)s->at);
    if (did < 0 || (uint64_t)did != bytes)
        return why_errno(why, ST_AGAIN, "write %" PRIu64 " bytes to segment %u", bytes, s->file);
    return ST_OK;
}

enum status segment_flush(struct segment *s, uint64_t bytes, struct why *why)
{
    if (FAULT(FLUSH) || fdatasync(s->fd) < 0)
        return why_errno(why, ST_AGAIN, "flush segment %u", s->file);
    s->at += whole_pages(bytes);
    s->group++;
    return ST_OK;
}

bool segment_unfilled(const struct segment *s)
{
    return s->filled < s->head.size && (s->use == SEG_FREE || s->use == SEG_ACTIVE);
}

enum status segment_fill(struct segment *s, struct why *why)
{
    static const char zero[FILL_STEP];
    uint64_t from = s->filled, n;

    if (s->use == SEG_ACTIVE && from < s->at)
        from = s->at;
    if (from < WIRE_PAGE)
        from = WIRE_PAGE;
    if (from >= s->head.size - WIRE_TAIL) {
        s->filled = s->head.size;
        return ST_NONE;
    }
    n = s->head.size - WIRE_TAIL - from;
    if (n > FILL_STEP)
        n = FILL_STEP;
    if (!write_all(s->fd, zero, n, from))
        return why_errno(why, ST_AGAIN, "fill segment %u", s->file);
    if (FAULT(FLUSH) || fdatasync(s->fd) < 0)
        return why_errno(why, ST_AGAIN, "flush segment %u", s->file);
    s->filled = from + n;
    return ST_OK;
}

enum status segment_seal(struct segment *s, struct why *why)
{
    struct str dir = buf_str(&s->dir);
    struct seg_foot f = {
        .gen = s->head.gen, .tag = s->head.tag,
        .dir_at = (uint32_t)s->at, .dir_len = (uint32_t)dir.n, .dir_crc = crc32c(0, dir.p, dir.n),
    };
    char page[WIRE_PAGE];

    seg_foot_put(&f, page);
    if (!write_all(s->fd, dir.p, dir.n, s->at))
        return why_errno(why, ST_AGAIN, "write the directory of segment %u", s->file);
    CRASH_POINT("spool.seal.directory");
    if (!write_all(s->fd, page, sizeof page, s->head.size - WIRE_PAGE))
        return why_errno(why, ST_AGAIN, "write the foot of segment %u", s->file);
    CRASH_POINT("spool.seal.foot");
    if (FAULT(FLUSH) || fdatasync(s->fd) < 0)
        return why_errno(why, ST_AGAIN, "flush segment %u", s->file);
    CRASH_POINT("spool.seal.flushed");
    s->use = SEG_SEALED;
    buf_free(&s->dir);
    return ST_OK;
}

enum status segment_mark_free(struct segment *s, struct why *why)
{
    enum status st;

    s->head.free = true;
    st = write_heads(s, why);
    if (st != ST_OK) {
        s->head.free = false;
        return st;
    }
    CRASH_POINT("spool.free.flushed");
    s->use = SEG_FREE;
    s->ntombs = 0;
    buf_free(&s->dir);
    return ST_OK;
}

/* ---- reading */

enum status segment_read(const struct segment *s, uint64_t at, void *out, size_t n, struct why *why)
{
    ssize_t did;

    errno = EIO;
    if (at > s->head.size || n > s->head.size - at)
        return why_set(why, ST_AGAIN, "segment %u: %zu bytes at %" PRIu64 " are not in it", s->file, n, at);
    did = FAULT(READ) ? -1 : pread(s->fd, out, n, (off_t)at);
    if (did < 0 || (size_t)did != n)
        return why_errno(why, ST_AGAIN, "read segment %u at %" PRIu64, s->file, at);
    return ST_OK;
}

enum status segment_dir(const struct segment *s, struct buf *out, struct why *why)
{
    struct seg_foot f;
    enum status st;

    buf_clear(out);
    if (!foot_of(s, &f))
        return why_set(why, ST_NEVER, "segment %u: its foot cannot be read", s->file);
    if (f.dir_len > DIR_MAX || f.dir_at < WIRE_PAGE || f.dir_at > s->head.size || f.dir_len > s->head.size - f.dir_at)
        return why_set(why, ST_NEVER, "segment %u: its foot is damaged", s->file);
    st = segment_read(s, f.dir_at, buf_room(out, f.dir_len), f.dir_len, why);
    if (st != ST_OK)
        return st;
    buf_grew(out, f.dir_len);
    if (crc32c(0, buf_str(out).p, f.dir_len) != f.dir_crc)
        return why_set(why, ST_NEVER, "segment %u: its directory is damaged", s->file);
    return ST_OK;
}
