#include "spool/crc.h"

#include <pthread.h>
#include <stdbool.h>
#include <string.h>

#define POLY 0x82f63b78u        /* reflected */

enum { LANE = 1024 };           /* bytes of each of three lanes the processor works on at once */

/* Computed once; the same for everybody. */
static uint32_t table[8][256];
static uint32_t over_lane[4][256];      /* what LANE zero bytes make of a crc, by its bytes */
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void make_byte_tables(void)
{
    for (uint32_t i = 0; i < 256; i++) {
        uint32_t c = i;

        for (int k = 0; k < 8; k++)
            c = c & 1 ? POLY ^ (c >> 1) : c >> 1;
        table[0][i] = c;
    }
    for (int t = 1; t < 8; t++)
        for (int i = 0; i < 256; i++)
            table[t][i] = table[0][table[t - 1][i] & 255] ^ (table[t - 1][i] >> 8);
}

/* A crc is linear in its start, so its way over a lane of zeros is the sum of
 * the ways of its 32 bits. */
static void make_lane_tables(void)
{
    uint32_t bit[32];

    for (int b = 0; b < 32; b++) {
        uint32_t c = 1u << b;

        for (int i = 0; i < LANE; i++)
            c = table[0][c & 255] ^ (c >> 8);
        bit[b] = c;
    }
    for (int byte = 0; byte < 4; byte++)
        for (int v = 0; v < 256; v++) {
            over_lane[byte][v] = 0;
            for (int b = 0; b < 8; b++)
                if (v >> b & 1)
                    over_lane[byte][v] ^= bit[byte * 8 + b];
        }
}

static void make_tables(void)
{
    make_byte_tables();
    make_lane_tables();
}

static uint32_t plain(uint32_t c, const unsigned char *p, size_t n)
{
    for (; n >= 8; p += 8, n -= 8)
        c = table[7][(c ^ p[0]) & 255] ^ table[6][((c >> 8) ^ p[1]) & 255]
          ^ table[5][((c >> 16) ^ p[2]) & 255] ^ table[4][(c >> 24) ^ p[3]]
          ^ table[3][p[4]] ^ table[2][p[5]] ^ table[1][p[6]] ^ table[0][p[7]];
    while (n-- > 0)
        c = table[0][(c ^ *p++) & 255] ^ (c >> 8);
    return c;
}

uint32_t crc32c_plain(uint32_t crc, const void *p, size_t n)
{
    pthread_once(&once, make_tables);
    return ~plain(~crc, p, n);
}

#ifdef __x86_64__

static uint32_t skip_lane(uint32_t c)
{
    return over_lane[0][c & 255] ^ over_lane[1][c >> 8 & 255] ^ over_lane[2][c >> 16 & 255] ^ over_lane[3][c >> 24];
}

static uint64_t word(const unsigned char *p)
{
    uint64_t w;

    memcpy(&w, p, sizeof w);
    return w;
}

/* The instruction takes three cycles but one can start in each: three lanes
 * side by side, put together at the end of each round. */
__attribute__((target("sse4.2")))
static uint32_t fast(uint32_t crc, const unsigned char *p, size_t n)
{
    uint64_t a = crc;

    for (; n >= 3 * LANE; p += 3 * LANE, n -= 3 * LANE) {
        uint64_t b = 0, c = 0;

        for (size_t i = 0; i < LANE; i += 8) {
            a = __builtin_ia32_crc32di(a, word(p + i));
            b = __builtin_ia32_crc32di(b, word(p + LANE + i));
            c = __builtin_ia32_crc32di(c, word(p + 2 * LANE + i));
        }
        a = skip_lane((uint32_t)a) ^ b;
        a = skip_lane((uint32_t)a) ^ c;
    }
    for (; n >= 8; p += 8, n -= 8)
        a = __builtin_ia32_crc32di(a, word(p));
    while (n-- > 0)
        a = __builtin_ia32_crc32qi((uint32_t)a, *p++);
    return (uint32_t)a;
}

uint32_t crc32c(uint32_t crc, const void *p, size_t n)
{
    pthread_once(&once, make_tables);
    return __builtin_cpu_supports("sse4.2") ? ~fast(~crc, p, n) : ~plain(~crc, p, n);
}

#else

uint32_t crc32c(uint32_t crc, const void *p, size_t n)
{
    return crc32c_plain(crc, p, n);
}

#endif
