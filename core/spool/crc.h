/*
 * crc - CRC-32C (Castagnoli, RFC 3720 B.4), by the processor where it can
 */
#ifndef SPOOL_CRC_H
#define SPOOL_CRC_H

#include <stddef.h>
#include <stdint.h>

/* crc is what an earlier part gave, 0 to begin. */
uint32_t crc32c(uint32_t crc, const void *p, size_t n);
/* The same by tables alone, for machines without the instruction and for the spec. */
uint32_t crc32c_plain(uint32_t crc, const void *p, size_t n);

#endif
