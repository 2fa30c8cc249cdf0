#include "spool/ring.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/fault.h"
#include "spool/crc.h"

/* The file: a head that says where the next record goes and which number it
 * has, then records, each at a multiple of eight. The head is written before
 * the records it speaks of: after a crash a number may be missing, and none is
 * given twice. */
enum { DATA_AT = 64, ALIGN = 8, WAITING_MAX = 1 << 20, RECORD_MAX = 1 << 18, PIECES_MAX = 4, WINDOW = 1 << 20 };
static const char MAGIC[8] = "PRGRING1";
static const uint32_t MARK = 0x8a5c52f1;

struct head { char magic[8]; uint64_t size, number, at; uint32_t crc, unused; };
struct mark { uint32_t mark, n; uint64_t number; uint32_t crc, unused; };

struct piece { uint64_t at; size_t from; };
struct batch { struct buf bytes; struct piece piece[PIECES_MAX]; size_t n; };

struct ring {
    int fd;
    uint64_t size, number, at;      /* of the next record */
    struct batch waiting, writing;
    struct head head;               /* as ring_write is to write it */
    bool busy;
};

static uint32_t head_crc(const struct head *h)
{
    return crc32c(0, h, offsetof(struct head, crc));
}

static uint32_t mark_crc(const struct mark *m, const void *bytes)
{
    return crc32c(crc32c(0, m, offsetof(struct mark, crc)), bytes, m->n);
}

static uint64_t room_of(size_t n)
{
    return (sizeof(struct mark) + n + ALIGN - 1) / ALIGN * ALIGN;
}

/* ---- opening */

static bool read_head(int fd, struct head *h)
{
    return pread(fd, h, sizeof *h, 0) == (ssize_t)sizeof *h && memcmp(h->magic, MAGIC, sizeof MAGIC) == 0
        && h->crc == head_crc(h) && h->at >= DATA_AT && h->at % ALIGN == 0;
}

enum status ring_open(const char *path, uint64_t size, uint64_t floor, struct ring **out, struct why *why)
{
    struct ring *r = calloc(1, sizeof *r);
    struct head h;

    if (!r)
        die("out of memory: a ring");
    r->size = (size < RING_LEAST ? RING_LEAST : size) / ALIGN * ALIGN;
    r->number = floor ? floor : 1;
    r->at = DATA_AT;
    r->fd = FAULT(OPEN) ? -1 : open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0640);
    if (r->fd < 0)
        goto fail;
    if (read_head(r->fd, &h)) {
        if (h.number > r->number)
            r->number = h.number;
        if (h.at < r->size)
            r->at = h.at;
    }
    if (ftruncate(r->fd, (off_t)r->size) < 0)
        goto fail;
    *out = r;
    return ST_OK;

fail:
    why_errno(why, ST_AGAIN, "open %s", path);
    if (r->fd >= 0)
        close(r->fd);
    free(r);
    return ST_AGAIN;
}

void ring_close(struct ring *r)
{
    struct why why;

    if (!r)
        return;
    if (r->busy)
        ring_end(r);            /* its thread is gone, with or without having written */
    if (ring_waits(r)) {
        ring_begin(r);
        ring_write(r, &why);
        ring_end(r);
    }
    close(r->fd);
    buf_free(&r->waiting.bytes);
    buf_free(&r->writing.bytes);
    free(r);
}

/* ---- putting */

uint64_t ring_put(struct ring *r, struct str record)
{
    struct batch *b = &r->waiting;
    struct mark m = { .mark = MARK, .n = (uint32_t)record.n, .number = r->number };
    uint64_t room = room_of(record.n);
    static const char zeros[ALIGN] = { 0 };

    if (record.n > RECORD_MAX || room > r->size / 4 || b->bytes.n + room > WAITING_MAX || b->bytes.n + room > r->size / 2)
        return 0;
    if (b->n == PIECES_MAX)
        return 0;
    if (r->at + room > r->size) {
        r->at = DATA_AT;
        b->piece[b->n++] = (struct piece){ r->at, b->bytes.n };
    } else if (b->n == 0) {
        b->piece[b->n++] = (struct piece){ r->at, b->bytes.n };
    }
    m.crc = mark_crc(&m, record.p);
    buf_add(&b->bytes, (struct str){ (const char *)&m, sizeof m });
    buf_add(&b->bytes, record);
    buf_add(&b->bytes, (struct str){ zeros, (size_t)(room - sizeof m - record.n) });
    r->at += room;
    return r->number++;
}

bool ring_waits(const struct ring *r)
{
    return !r->busy && r->waiting.n > 0;
}

void ring_begin(struct ring *r)
{
    struct batch b = r->writing;

    r->writing = r->waiting;
    r->waiting = b;
    r->head = (struct head){ .size = r->size, .number = r->number, .at = r->at };
    memcpy(r->head.magic, MAGIC, sizeof MAGIC);
    r->head.crc = head_crc(&r->head);
    r->busy = true;
}

static bool put_at(int fd, const char *p, size_t n, uint64_t at)
{
    while (n > 0) {
        ssize_t done = FAULT(WRITE) ? -1 : pwrite(fd, p, n, (off_t)at);

        if (done < 0 && errno == EINTR)
            continue;
        if (done <= 0)
            return false;
        p += done;
        n -= (size_t)done;
        at += (uint64_t)done;
    }
    return true;
}

enum status ring_write(struct ring *r, struct why *why)
{
    const struct batch *b = &r->writing;
    bool good = put_at(r->fd, (const char *)&r->head, sizeof r->head, 0);

    for (size_t i = 0; i < b->n && good; i++) {
        size_t end = i + 1 < b->n ? b->piece[i + 1].from : b->bytes.n;

        good = put_at(r->fd, buf_str(&b->bytes).p + b->piece[i].from, end - b->piece[i].from, b->piece[i].at);
    }
    return good ? ST_OK : why_errno(why, ST_AGAIN, "write what perigee explain is to tell");
}

void ring_end(struct ring *r)
{
    buf_free(&r->writing.bytes);
    r->writing.n = 0;
    r->busy = false;
}

/* ---- finding: the whole file is looked through, since its oldest records
 * begin wherever the newest left them */

static bool take_record(int fd, uint64_t at, struct mark m, struct arena *a, struct str *record)
{
    char *p;

    if (m.n > RECORD_MAX)
        return false;
    p = arena_alloc(a, m.n + 1u);
    if (pread(fd, p, m.n, (off_t)(at + sizeof m)) != (ssize_t)m.n || m.crc != mark_crc(&m, p))
        return false;
    p[m.n] = '\0';
    *record = (struct str){ p, m.n };
    return true;
}

static bool look_in(int fd, const char *window, size_t n, uint64_t at, uint64_t number, struct arena *a, struct str *record)
{
    struct mark m;

    for (size_t i = 0; i + sizeof m <= n; i += ALIGN) {
        memcpy(&m, window + i, sizeof m);
        if (m.mark == MARK && m.number == number && take_record(fd, at + i, m, a, record))
            return true;
    }
    return false;
}

enum status ring_find(const char *path, uint64_t number, struct arena *a, struct str *record, struct why *why)
{
    int fd = FAULT(OPEN) ? -1 : open(path, O_RDONLY | O_CLOEXEC);
    char *window;
    enum status st = ST_NONE;
    ssize_t n = 0;

    if (fd < 0)
        return why_errno(why, errno == ENOENT ? ST_NONE : ST_AGAIN, "open %s", path);
    window = malloc(WINDOW);
    if (!window)
        die("out of memory: a ring");
    why_set(why, ST_NONE, "%s holds no such record, or no longer", path);
    /* Windows overlap, so that no mark is in two halves. */
    for (uint64_t at = DATA_AT; st == ST_NONE; at += (uint64_t)n - sizeof(struct mark)) {
        n = FAULT(READ) ? -1 : pread(fd, window, WINDOW, (off_t)at);
        if (n < 0)
            st = why_errno(why, ST_AGAIN, "read %s", path);
        if (n <= (ssize_t)sizeof(struct mark))
            break;
        if (look_in(fd, window, (size_t)n, at, number, a, record))
            st = ST_OK;
    }
    free(window);
    close(fd);
    return st;
}
