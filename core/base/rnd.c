#include "base/rnd.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <sys/random.h>

#include "base/why.h"

/* A process has one source of chance. A seeded one has one thread: hermetic
 * worlds have no helpers. Nothing is buffered, since a buffer would be copied
 * by fork and give two workers the same bytes. */
static struct { bool on; uint64_t s; } seeded;

void rnd_seed(uint64_t seed)
{
    seeded.on = true;
    seeded.s = seed;
}

/* splitmix64: every seed, 0 too, gives a full period. */
static uint64_t seeded_next(void)
{
    uint64_t z = (seeded.s += 0x9e3779b97f4a7c15u);

    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

void rnd_bytes(void *p, size_t n)
{
    char *at = p;

    while (n > 0) {
        ssize_t got;

        if (seeded.on) {
            uint64_t v = seeded_next();

            got = n < sizeof v ? (ssize_t)n : (ssize_t)sizeof v;
            memcpy(at, &v, (size_t)got);
        } else {
            got = getrandom(at, n, 0);
            if (got < 0 && errno != EINTR)
                die("the kernel gives no random bytes: %s", strerror(errno));
            if (got < 0)
                continue;
        }
        at += got;
        n -= (size_t)got;
    }
}

uint64_t rnd_u64(void)
{
    uint64_t v;

    rnd_bytes(&v, sizeof v);
    return v;
}

uint32_t rnd_below(uint32_t n)
{
    uint32_t v, over;

    if (n < 2)
        return 0;
    over = -n % n;          /* 2^32 mod n: values below it would favour some results */
    do
        v = (uint32_t)rnd_u64();
    while (v < over);
    return v % n;
}
