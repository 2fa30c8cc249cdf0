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

/* ST_OK with *value in the arena; ST_NONE; ST_AGAIN when the file cannot be read.
 * fd is open for reading and stays the caller's; path is its name in errors. */
enum status keyfile_find(int fd, const char *path, struct str key, struct arena *a, struct str *value, struct why *why);
/* Forgets everything (tests, the end of the process). */
void keyfile_forget(void);

/* How such lines are read, for files whose keys mean something else. take takes the key
 * off *line and trims what remains; false: the line has none. add gets each key with its
 * whole value and the line's number, and says false to stop. */
struct keyfile_reader {
    bool (*take)(struct arena *a, struct str *line, struct str *key);
    bool (*add)(void *ctx, struct str key, struct str value, unsigned line);
    void *ctx;
};
/* The lines of a whole plain file. False: it cannot be read, and *why. */
struct stat;
bool keyfile_load(int fd, const char *path, const struct stat *st, const struct keyfile_reader *r, struct why *why);
void keyfile_lines(struct arena *a, struct str text, const struct keyfile_reader *r);
bool keyfile_take(struct arena *a, struct str *line, struct str *key);

#endif
