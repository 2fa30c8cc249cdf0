/*
 * str - bytes someone else owns, with a length
 *
 * A str never owns memory and is never NUL terminated: wire data may hold
 * NUL. It lives exactly as long as the text it points into. Comparisons that
 * ignore case ignore ASCII case only, because mail's protocol words are ASCII
 * (RFC 5321 2.4) and a locale must not change a verdict.
 */
#ifndef BASE_STR_H
#define BASE_STR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct str {
    const char *p;
    size_t n;
};

/* A literal, and its constant-initialiser form. */
#define STR(lit) ((struct str){ "" lit, sizeof(lit) - 1 })
#define STR_INIT(lit) { "" lit, sizeof(lit) - 1 }
/* For printf("%.*s", STR_ARG(s)); lengths are cut at INT_MAX by the caller's bounds. */
#define STR_ARG(s) (int)(s).n, (s).p

static inline struct str str_of(const char *z)
{
    return (struct str){ z, z ? strlen(z) : 0 };
}

bool str_same(struct str a, struct str b);
bool str_same_fold(struct str a, struct str b);         /* ASCII case ignored */
int str_cmp(struct str a, struct str b);                /* byte order, as memcmp */
bool str_starts(struct str s, struct str head);
bool str_starts_fold(struct str s, struct str head);
bool str_ends(struct str s, struct str tail);
bool str_ends_fold(struct str s, struct str tail);

/* Index of the first (last) such byte, or SIZE_MAX. */
size_t str_find(struct str s, char c);
size_t str_rfind(struct str s, char c);
/* Index of the first occurrence of a run of bytes, or SIZE_MAX. */
size_t str_find_str(struct str s, struct str what);

/* The part from (up to) an index; indices beyond the end are the end. */
struct str str_from(struct str s, size_t at);
struct str str_head(struct str s, size_t n);
/* Without spaces, tabs, CR and LF at both ends. */
struct str str_trim(struct str s);
/* Takes the text before the next sep off *rest; false once *rest is used up. */
bool str_cut(struct str *rest, char sep, struct str *head);
/* Takes the next word off *rest, spaces and tabs around it; empty: there is none. */
struct str str_word(struct str *rest);

/* Digits only, all of them, at most max; false for anything else. */
bool str_u64(struct str s, uint64_t max, uint64_t *out);

/* FNV-1a, for names that are kept or shown: the same in every process, so strangers can find two texts
 * that agree. h: STR_HASH, or that of what stands before. */
#define STR_HASH 0xcbf29ce484222325ull
uint64_t str_hash(uint64_t h, struct str s);

/* Writes s for a log line or a terminal: whatever is neither printable ASCII nor
 * a visible UTF-8 character becomes \ooo. Stops before an escape that would not
 * fit in cap; returns the length. 4 * s.n is always enough. */
size_t str_escape(struct str s, char *out, size_t cap);

/* ASCII lower and upper case of one byte, other bytes as they are. */
static inline char ascii_lower(char c) { return c >= 'A' && c <= 'Z' ? (char)(c + 32) : c; }
/* The byte two hex digits write, or -1: they are none. */
static inline int ascii_hex(char hi, char lo)
{
    const char digits[] = "0123456789abcdef";
    const char *h = hi ? strchr(digits, ascii_lower(hi)) : NULL, *l = lo ? strchr(digits, ascii_lower(lo)) : NULL;

    return h && l ? (int)((h - digits) * 16 + (l - digits)) : -1;
}
static inline char ascii_upper(char c) { return c >= 'a' && c <= 'z' ? (char)(c - 32) : c; }

#endif
