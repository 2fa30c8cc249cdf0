/*
 * keyfile - a file of keys and values, as aliases are kept
 *
 * A line is a key, a colon or white space, and a value; a line that begins with
 * white space continues the one before; # begins a comment line. A key may stand
 * in quotes. Keys are compared without ASCII case and the first one counts
 * (Exim's lsearch).
 *
 * Files are indexed once and kept (policy/kept.h), so a look-up in an aliases file
 * of a million lines is a look at a hash. Any thread may call.
 */
#ifndef POLICY_KEYFILE_H
#define POLICY_KEYFILE_H

#include "base/arena.h"
#include "base/why.h"

/* How such lines are read, for files whose keys mean something else. take takes the key
 * off *line and trims what remains; false: the line has none. add gets each key with its
 * whole value; false: the file is wrong there, and keyfile_wrong has said why. */
struct keyfile_place { const char *path; unsigned line; struct why *why; };
struct keyfile_reader {
    bool (*take)(struct arena *a, struct str *line, struct str *key);
    bool (*add)(void *ctx, struct str key, struct str value, const struct keyfile_place *at);
    void *ctx;
};
bool keyfile_wrong(const struct keyfile_place *at, const char *fmt, ...) __attribute__((format(printf, 2, 3)));  /* false */
/* The lines of a whole plain file. False: it cannot be read or is wrong, and *why. */
struct stat;
bool keyfile_load(int fd, const char *path, const struct stat *st, const struct keyfile_reader *r, struct why *why);
bool keyfile_take(struct arena *a, struct str *line, struct str *key);

#endif
