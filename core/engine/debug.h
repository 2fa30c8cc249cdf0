/*
 * debug - what happens in one session, in a file of its own (control = "debug")
 *
 * The file lies beside the main log. Lines are gathered and written by a helper
 * thread, so a slow disk holds nobody up; what comes faster than it is written,
 * or beyond the most a file may have, is dropped and counted. In a hermetic
 * world the lines go to the main log.
 */
#ifndef ENGINE_DEBUG_H
#define ENGINE_DEBUG_H

#include "engine/parts.h"

struct debug;

/* "debuglog" and the tag, a safe component of a path. NULL: it cannot be opened; that is logged. */
struct debug *debug_open(struct engine *e, struct str tag);
void debug_text(struct debug *d, const char *what, struct str text);    /* one stamped line for each line of text */
void debug_close(struct debug *d, bool unlink);                         /* what waits is written first; NULL is allowed */
void debugs_free(struct engine *e);                                     /* the pool is gone */

#endif
