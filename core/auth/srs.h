/*
 * srs - sender addresses of others written as addresses of ours, and back
 *
 * Who forwards mail cannot send it under its writer's name: SPF forbids it. The
 * Sender Rewriting Scheme puts the writer's address into a local part at our
 * domain, with a day and a code that only we can make, so that bounces find
 * their way and nobody can use us as a relay. SRS0 is a writer's address, SRS1
 * one that another forwarder has written as SRS0 before: it leads back to him.
 *
 * Three kinds that meet in the form "SRS0=hash=day=domain=local@us":
 *   SRS_MAIL    Mail::SRS and postsrsd: base64 of HMAC-SHA-1
 *   SRS_ALT     libsrs_alt: the same code; hash or day may be left out, and a
 *               16-character key of a database may stand for the address
 *   SRS_EXIM    Exim's own: four hex digits of HMAC-MD5, SRS0 only
 *
 * Pure: no clock, no disk. Results lie in the arena.
 */
#ifndef AUTH_SRS_H
#define AUTH_SRS_H

#include "base/arena.h"
#include "base/str.h"

enum srs_kind { SRS_MAIL, SRS_ALT, SRS_EXIM };

enum srs_result {
    SRS_OK,
    SRS_CASE,           /* right but for the case of the hash's letters */
    SRS_NOT,            /* no such address at all */
    SRS_SYNTAX,
    SRS_SHORT,          /* fewer characters of hash than we take */
    SRS_HASH,
    SRS_STAMP,          /* no day */
    SRS_EXPIRED,        /* or a day to come */
    SRS_LONG,           /* the result would be longer than an address may be */
    SRS_DOMAIN          /* the address to be written has no domain */
};

enum {
    SRS_HASH_MAX = 20, SRS_SECRETS_MAX = 32, SRS_AGE_MAX = 1023,
    SRS_DB_KEY = 16     /* characters of a database's key */
};

struct srs_rules {
    enum srs_kind kind;
    const struct str *secrets;  /* the first one signs, any may have signed; none: only the form is looked at */
    size_t nsecrets;
    char separator;             /* behind SRS0 and SRS1: '=', '+' or '-' */
    unsigned hash_length;       /* characters put in, 1 to SRS_HASH_MAX */
    unsigned hash_min;          /* fewest taken */
    unsigned max_age;           /* days */
    bool no_hash, no_stamp;     /* SRS_ALT: SRS0 has none */
    bool database;              /* SRS_ALT: SRS0 holds a key */
    int64_t day;                /* days since 1970 */
};

/* sender ("local@domain", quotes as in SMTP) as an address at domain. In a database srs_key(sender) stands for it.
 * secrets must not be empty where a hash is made. */
enum srs_result srs_encode(struct arena *a, const struct srs_rules *r, struct str sender, struct str domain, struct str *out);

/* What a local part (unquoted, no domain) stands for: an address, or a database's key. *out is set as soon as the form
 * fits, whatever becomes of hash and day; it is empty before. */
enum srs_result srs_decode(struct arena *a, const struct srs_rules *r, struct str local, struct str *out);

/* The database's key for a sender. */
struct str srs_key(struct arena *a, const struct srs_rules *r, struct str sender);

/* Is it SRS0 or SRS1, by its first characters? */
bool srs_is(struct str local);

/* In words, as m.srs_status has it. */
const char *srs_words(enum srs_result result);

#endif
