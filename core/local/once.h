/*
 * once - who has been answered, and when: a file of an autoreply transport
 *
 * Lines "SECONDS NAME", oldest first, at most a given size: what is oldest is
 * forgotten. A change is a new file that takes the old one's place whole, made
 * under a lock beside it, so a crash leaves one or the other. Blocking.
 */
#ifndef LOCAL_ONCE_H
#define LOCAL_ONCE_H

#include <stdint.h>
#include <sys/types.h>

#include "base/str.h"
#include "base/why.h"

struct once {
    const char *path;
    int64_t size_max;           /* 0: 1 MiB */
    mode_t mode;
};

/* *seen: when the name was last noted; 0: never. */
enum status once_look(const struct once *o, struct str name, int64_t *seen, struct why *why);
enum status once_note(const struct once *o, struct str name, int64_t now, struct why *why);

#endif
