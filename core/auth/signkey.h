/*
 * signkey - our own private keys, loaded once
 *
 * A file is read again when it is another one (device, inode, time, size); a key
 * given as text is known by that text. Threads that sign come here at once, so
 * everything is behind one lock; a key that was given out is good until it is let go.
 */
#ifndef AUTH_SIGNKEY_H
#define AUTH_SIGNKEY_H

#include "auth/bodyhash.h"
#include "auth/keyrecord.h"
#include "base/why.h"

struct signkeys;
struct sign_key {
    struct evp_pkey_st *pkey;   /* a reference: signkey_release */
    enum key_kind kind;
};

struct signkeys *signkeys_new(void);
void signkeys_free(struct signkeys *k);
/* A path, which begins with a slash, or PEM. ST_NEVER: why. Any thread. */
enum status signkey_get(struct signkeys *k, struct str where, struct sign_key *out, struct why *why);
void signkey_release(struct sign_key *key);
/* A signature of a hash made with h. Any thread. */
bool signkey_sign(const struct sign_key *key, enum auth_hash h, const struct hash_value *hash, struct arena *a, struct str *out);

/* A new pair: PEM of the private key, and the p= of its record. False: OpenSSL could not. */
bool signkey_make(struct arena *a, enum key_kind kind, unsigned bits, struct str *pem, struct str *p);

#endif
