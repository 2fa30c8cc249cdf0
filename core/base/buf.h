/*
 * buf - bytes that grow
 *
 * A buf owns its memory. A zeroed struct is an empty one. Text added from the
 * network must have been bounded by the caller, so running out of memory is
 * fatal (style section 4). buf_drop takes bytes off the front in constant
 * amortised time, which makes a buf a queue for a socket too.
 */
#ifndef BASE_BUF_H
#define BASE_BUF_H

#include <stdarg.h>
#include "base/str.h"

struct buf {
    char *mem;          /* start of the allocation */
    size_t at;          /* first live byte in mem */
    size_t n;           /* live bytes */
    size_t cap;         /* bytes allocated */
};

void buf_add(struct buf *b, struct str s);
void buf_byte(struct buf *b, char c);
void buf_addf(struct buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void buf_addv(struct buf *b, const char *fmt, va_list ap) __attribute__((format(printf, 2, 0)));
/* Room for n more bytes; returns where they go. Follow with buf_grew. */
char *buf_room(struct buf *b, size_t n);
void buf_grew(struct buf *b, size_t n);
void buf_drop(struct buf *b, size_t n);         /* from the front */
void buf_cut(struct buf *b, size_t n);          /* keep the first n bytes */
void buf_clear(struct buf *b);                  /* keeps the memory */
void buf_free(struct buf *b);                   /* gives it back; b is empty and usable */

static inline struct str buf_str(const struct buf *b)
{
    return (struct str){ b->n ? b->mem + b->at : "", b->n };
}

#endif
