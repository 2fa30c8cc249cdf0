/*
 * notes - the files of an autoreply transport
 *
 * Its text, who has been answered already, and its log. They are looked at
 * before a reply is written and kept after it was: on a helper thread where
 * they are our own, by a child of the local process where they are a user's.
 * Blocking.
 */
#ifndef LOCAL_NOTES_H
#define LOCAL_NOTES_H

#include <stdint.h>
#include <sys/types.h>

#include "base/buf.h"
#include "base/str.h"
#include "base/why.h"

enum { NOTES_TEXT_MAX = 1 << 20 };

struct notes {
    const char *once, *file, *log;      /* paths; NULL: there is none */
    bool file_optional;                 /* a file that is not there is an empty one */
    int64_t once_size;
    mode_t mode;                        /* of what is made */
    struct str key;                     /* whom: a name in once */
    int64_t now;
    struct str line;                    /* for log */
    /* found */
    int64_t seen;                       /* when key was answered last; 0: never */
    struct buf text;                    /* what lies in file; the caller frees it */
};

enum status notes_look(struct notes *n, struct why *why);
/* A log that cannot be written costs its line only. */
enum status notes_keep(const struct notes *n, struct why *why);

#endif
