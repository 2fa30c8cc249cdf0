/*
 * replytext - the message an autoreply is, and the line its log keeps of it
 *
 * Fields and texts come from the transport's options, which rules have worked out; what is
 * taken from the message it answers was written by a stranger and is encoded, not copied.
 */
#ifndef ENGINE_REPLYTEXT_H
#define ENGINE_REPLYTEXT_H

#include "engine/attempt.h"

struct replytext {
    struct attempt *a;
    struct str to, cc;              /* as they are shown; empty: no field */
    struct str file;                /* what `file` holds; variables in it are filled in with file_expand */
    struct str original;            /* return_message */
};

void replytext_write(const struct replytext *r, struct buf *out);
/* "date\n  From: ...": in the arena of the attempt's walk. */
struct str replytext_note(struct attempt *a, struct str key, int64_t now);

#endif
