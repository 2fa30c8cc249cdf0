#include "base/arena.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/fault.h"
#include "base/why.h"

/* Under AddressSanitizer what was not handed out is poisoned and a gap stands
 * behind each piece, so that a step over its end is seen as on the heap. */
#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
enum { GAP = 16 };
#else
#define ASAN_POISON_MEMORY_REGION(p, n) ((void)(p), (void)(n))
#define ASAN_UNPOISON_MEMORY_REGION(p, n) ((void)(p), (void)(n))
enum { GAP = 0 };
#endif

enum { ALIGN = 8, FIRST = 512, LARGEST = 64 * 1024 };

struct arena_block {
    struct arena_block *next;
    size_t size, at;            /* of mem */
    _Alignas(ALIGN) char mem[];
};

static struct arena_block *block_new(size_t size)
{
    struct arena_block *b = FAULT(ALLOC) ? NULL : malloc(sizeof *b + size);

    if (!b)
        die("out of memory: an arena block of %zu bytes", size);
    b->size = size;
    b->at = 0;
    ASAN_POISON_MEMORY_REGION(b->mem, size);
    return b;
}

/* Blocks grow with what the arena already holds: the first is small, since
 * there may be ten thousand arenas, and waste stays a share of the use. */
static size_t next_size(const struct arena *a)
{
    size_t size = FIRST;

    while (size < a->used && size < LARGEST)
        size *= 2;
    return size - sizeof(struct arena_block) - 16;      /* the allocator's own header fits too */
}

static void *take(struct arena *a, size_t n)
{
    struct arena_block *b = a->blocks;
    size_t need;
    char *p;

    if (n > SIZE_MAX / 2)
        die("out of memory: %zu bytes asked of an arena", n);
    need = (n + GAP + ALIGN - 1) & ~(size_t)(ALIGN - 1);
    if (!b || need > b->size - b->at) {
        size_t size = next_size(a);

        if (need > size / 4 && b) {
            /* A large piece gets a block of its own behind the current one,
             * whose rest stays in use. */
            struct arena_block *own = block_new(need);

            own->next = b->next;
            b->next = own;
            b = own;
        } else {
            b = block_new(need > size ? need : size);
            b->next = a->blocks;
            a->blocks = b;
        }
    }
    p = b->mem + b->at;
    b->at += need;
    a->used += need;
    ASAN_UNPOISON_MEMORY_REGION(p, n);
    return p;
}

void *arena_alloc(struct arena *a, size_t n)
{
    return memset(take(a, n), 0, n);
}

void *arena_alloc_array(struct arena *a, size_t size, size_t n)
{
    size_t all;

    if (__builtin_mul_overflow(size, n, &all))
        die("an array of %zu times %zu bytes", n, size);
    return arena_alloc(a, all);
}

char *arena_z(struct arena *a, struct str s)
{
    char *p = take(a, s.n + 1);

    if (s.n)
        memcpy(p, s.p, s.n);
    p[s.n] = 0;
    return p;
}

struct str arena_dup(struct arena *a, struct str s)
{
    return (struct str){ arena_z(a, s), s.n };
}

__attribute__((format(printf, 2, 0)))
static struct str print(struct arena *a, const char *fmt, va_list ap)
{
    char first[256], *p;
    va_list again;
    int n;

    va_copy(again, ap);
    n = vsnprintf(first, sizeof first, fmt, ap);
    if (n < 0)
        n = 0;
    p = take(a, (size_t)n + 1);
    if ((size_t)n < sizeof first)
        memcpy(p, first, (size_t)n);
    else
        vsnprintf(p, (size_t)n + 1, fmt, again);
    p[n] = 0;
    va_end(again);
    return (struct str){ p, (size_t)n };
}

struct str arena_printf(struct arena *a, const char *fmt, ...)
{
    struct str s;
    va_list ap;

    va_start(ap, fmt);
    s = print(a, fmt, ap);
    va_end(ap);
    return s;
}

struct str arena_lower(struct arena *a, struct str s)
{
    char *p = take(a, s.n + 1);

    for (size_t i = 0; i < s.n; i++)
        p[i] = ascii_lower(s.p[i]);
    p[s.n] = 0;
    return (struct str){ p, s.n };
}

static void block_free(struct arena_block *b)
{
    ASAN_UNPOISON_MEMORY_REGION(b->mem, b->size);
    free(b);
}

/* Keeps one small block, for what is reset is about to be used again. */
void arena_reset(struct arena *a)
{
    struct arena_block *b = a->blocks, *next, *keep = NULL;

    for (; b; b = next) {
        next = b->next;
        if (!keep && b->size < FIRST)
            keep = b;
        else
            block_free(b);
    }
    if (keep) {
        keep->next = NULL;
        keep->at = 0;
        ASAN_POISON_MEMORY_REGION(keep->mem, keep->size);
    }
    a->blocks = keep;
    a->used = 0;
}

void arena_free(struct arena *a)
{
    struct arena_block *next;

    for (struct arena_block *b = a->blocks; b; b = next) {
        next = b->next;
        block_free(b);
    }
    *a = (struct arena){ 0 };
}
