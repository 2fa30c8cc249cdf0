/*
 * rnd - the one seam for chance (design P6)
 *
 * Without a seed the bytes are the kernel's. With one (--seed, tests) the
 * same calls give the same bytes in every run.
 */
#ifndef BASE_RND_H
#define BASE_RND_H

#include <stddef.h>
#include <stdint.h>

void rnd_seed(uint64_t seed);
void rnd_bytes(void *p, size_t n);
uint64_t rnd_u64(void);
uint32_t rnd_below(uint32_t n);     /* 0 .. n-1, without bias */

#endif
