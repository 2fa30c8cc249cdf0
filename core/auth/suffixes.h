/*
 * suffixes - where the part of a name ends that a registry hands out
 *
 * The public suffix list, by libpsl: that of a file (text or DAFSA), or the
 * system's. Names are in A-labels, lower case, without a final dot.
 */
#ifndef AUTH_SUFFIXES_H
#define AUTH_SUFFIXES_H

#include "base/str.h"
#include "base/why.h"

struct suffixes;

/* path NULL: the newest of the system's file and what libpsl brought along. */
enum status suffixes_open(const char *path, struct suffixes **out, struct why *why);
void suffixes_close(struct suffixes *s);
/* Whether the file is another one now. */
bool suffixes_stale(const struct suffixes *s);
/* The organisational domain, which points into name; empty: name is a public suffix itself, or none. */
struct str suffixes_org(const struct suffixes *s, struct str name);

#endif
