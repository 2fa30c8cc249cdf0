#include "base/buf.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/fault.h"
#include "base/why.h"

enum { BUF_FIRST = 128 };

static void buf_grow(struct buf *b, size_t need)
{
    size_t cap = b->cap ? b->cap : BUF_FIRST;
    char *mem;

    while (cap < need)
        cap = cap > SIZE_MAX / 2 ? need : cap * 2;
    mem = FAULT(ALLOC) ? NULL : malloc(cap);
    if (!mem)
        die("out of memory: a buffer of %zu bytes", cap);
    if (b->mem)
        memcpy(mem, b->mem + b->at, b->n);
    free(b->mem);
    b->mem = mem;
    b->cap = cap;
    b->at = 0;
}

/* The bytes move to the front only once half the memory is free there: each
 * byte then moves at most once for each that was dropped. */
char *buf_room(struct buf *b, size_t n)
{
    if (n > SIZE_MAX / 2 - b->n)
        die("a buffer of more than half the address space");
    if (n <= b->cap - b->at - b->n && b->mem)
        return b->mem + b->at + b->n;
    if (b->n + n <= b->cap && b->at >= b->cap / 2 && b->mem) {
        memmove(b->mem, b->mem + b->at, b->n);
        b->at = 0;
    } else {
        buf_grow(b, b->n + n);
    }
    return b->mem + b->at + b->n;
}

void buf_grew(struct buf *b, size_t n)
{
    b->n += n;
}

void buf_add(struct buf *b, struct str s)
{
    if (s.n == 0)
        return;
    memcpy(buf_room(b, s.n), s.p, s.n);
    b->n += s.n;
}

void buf_byte(struct buf *b, char c)
{
    *buf_room(b, 1) = c;
    b->n++;
}

void buf_addv(struct buf *b, const char *fmt, va_list ap)
{
    va_list again;
    size_t room = 256;
    int n;

    va_copy(again, ap);
    n = vsnprintf(buf_room(b, room), room, fmt, ap);
    if (n < 0)
        n = 0;
    if ((size_t)n >= room)
        vsnprintf(buf_room(b, (size_t)n + 1), (size_t)n + 1, fmt, again);
    va_end(again);
    b->n += (size_t)n;
}

void buf_addf(struct buf *b, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    buf_addv(b, fmt, ap);
    va_end(ap);
}

void buf_drop(struct buf *b, size_t n)
{
    if (n >= b->n) {
        b->n = b->at = 0;
        return;
    }
    b->at += n;
    b->n -= n;
}

void buf_cut(struct buf *b, size_t n)
{
    if (n < b->n)
        b->n = n;
}

void buf_clear(struct buf *b)
{
    b->n = b->at = 0;
}

void buf_free(struct buf *b)
{
    free(b->mem);
    *b = (struct buf){ 0 };
}
