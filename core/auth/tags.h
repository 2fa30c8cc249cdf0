/*
 * tags - "v=1; a=rsa-sha256; ..." taken apart (RFC 6376 section 3.2)
 *
 * The one reader of tag lists: signatures, key records, ARC fields. Names and
 * values point into the text. A list in which a name stands twice, or that
 * is malformed anywhere, is no list at all: what one reader takes from the first
 * and another from the last is how forgeries are made.
 */
#ifndef AUTH_TAGS_H
#define AUTH_TAGS_H

#include "base/arena.h"
#include "base/str.h"

enum { TAGS_MAX = 100 };

struct tag {
    struct str name;
    struct str value;       /* without white space around it; that inside is as it came */
    struct str raw;         /* everything between '=' and ';' */
};

struct tags { struct tag *v; size_t n; };

/* False: *fault, if not NULL, is a static text. */
bool tags_read(struct arena *a, struct str text, struct tags *out, const char **fault);
/* NULL: there is none such. Names are case-sensitive. */
const struct tag *tags_find(const struct tags *t, const char *name);
/* The value, or def if there is no such tag. */
struct str tags_value(const struct tags *t, const char *name, struct str def);
/* Without any white space: base64 and lists are written with folding. */
struct str tag_squeeze(struct arena *a, struct str value);
/* Base64 with folding; the padding may be left out (the base64string of section 2.10). False: malformed or empty. */
bool tag_base64(struct arena *a, struct str value, struct str *out);
/* The next of a colon list, trimmed; false at the end. */
bool tag_next(struct str *rest, struct str *item);
/* DKIM-Quoted-Printable (section 2.11) read; false if it is malformed. */
bool tag_unquote(struct arena *a, struct str value, struct str *out);

#endif
