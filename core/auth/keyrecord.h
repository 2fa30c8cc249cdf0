/*
 * keyrecord - the key that a domain publishes for a signature
 *
 * RFC 6376 section 3.6.1 with RFC 8301 and 8463. Records are hostile: a key is
 * looked at before it is used, so that none of 65536 bits, or with a monstrous
 * exponent, is ever computed with. Keys that were read are kept, by the text of
 * their record: reading one costs more than verifying with it.
 */
#ifndef AUTH_KEYRECORD_H
#define AUTH_KEYRECORD_H

#include "auth/bodyhash.h"

enum { KEY_RSA_MAX = 4096 };    /* bits (R5.1); RFC 8301 section 3.2 asks for up to 4096 */

enum key_kind { KEY_RSA, KEY_ED25519, KEY_OTHER };
enum key_state {
    KEY_GOOD,
    KEY_SYNTAX,                 /* no record, or one that cannot be read */
    KEY_REVOKED,                /* p= is empty */
    KEY_FOREIGN                 /* s= is for something else than mail: as if it were not there */
};

struct key_record {
    unsigned refs;
    enum key_state state;
    enum key_kind kind;
    unsigned bits;
    bool too_big;               /* beyond what we compute with */
    unsigned hashes;            /* 1 << enum auth_hash: those h= allows */
    bool testing, no_subdomains;
    struct str notes, service, granularity;     /* n=, s=, g= */
    struct evp_pkey_st *pkey;
    struct evp_pkey_ctx_st *rsa;                /* ready to verify */
    struct arena arena;
};

struct keys;
struct keys *keys_new(void);
void keys_free(struct keys *k);
/* Reads a record, or gives the one read before. The caller holds it. */
struct key_record *keys_read(struct keys *k, struct str text);
void key_release(struct key_record *r);         /* NULL is allowed */

/* Whether signature is this key's for a text: its hash for RSA and Ed25519 alike (RFC 8463 section 3). */
bool key_verifies(struct key_record *r, enum auth_hash h, const struct hash_value *hash, struct str signature);

#endif
