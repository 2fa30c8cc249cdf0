/*
 * bodyhash - the hashes of one body, made while it passes
 *
 * Signatures say what they want before the body comes; those that want the
 * same canonicalisation, hash and length share one, and each canonicalisation is
 * made once. Nothing of the body is kept (RFC 6376 section 3.7).
 */
#ifndef AUTH_BODYHASH_H
#define AUTH_BODYHASH_H

#include "auth/canon.h"

enum auth_hash { HASH_SHA1, HASH_SHA256, HASH_SHA512, HASH_COUNT };
enum { HASH_BYTES = 64 };
const char *hash_name(enum auth_hash h);        /* "sha256" */
bool hash_find(struct str name, enum auth_hash *out);

struct hash_value { uint8_t b[HASH_BYTES]; size_t n; };
/* Of bytes at once. */
void hash_bytes(enum auth_hash h, struct str s, struct hash_value *out);

/* A hash that grows, and can be asked what it would be if this came last. */
struct hash_run;
struct hash_run *hash_run_new(enum auth_hash h);
void hash_run_add(struct hash_run *r, struct str s);
void hash_run_with(const struct hash_run *r, struct str last, struct hash_value *out);
void hash_run_free(struct hash_run *r);

struct bodyhash;
struct bodyhash *bodyhash_new(void);
void bodyhash_free(struct bodyhash *b);
/* Before the body: a hash over the first length octets of its canonical form (UINT64_MAX: all).
 * Returns its number. */
size_t bodyhash_want(struct bodyhash *b, enum canon_kind k, enum auth_hash h, uint64_t length);
void bodyhash_add(struct bodyhash *b, struct str piece);
void bodyhash_end(struct bodyhash *b);          /* once; wants and pieces that come later are lost */
/* After the end. *canonical is how long the whole body is in that form. */
const struct hash_value *bodyhash_value(const struct bodyhash *b, size_t number, uint64_t *canonical);

#endif
