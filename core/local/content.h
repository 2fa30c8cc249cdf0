/*
 * content - a message's bytes as a file or a program wants them
 *
 * Header and body lie in the spool as they came: CRLF lines. Here they become
 * lines ended by LF (or stay as they are), with text before and behind and
 * with line starts escaped. Pieces are bounded, so a message of any size
 * passes through a small buffer. Used on helper threads: nothing is shared.
 */
#ifndef LOCAL_CONTENT_H
#define LOCAL_CONTENT_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/buf.h"
#include "base/str.h"

struct content {
    struct str header;          /* wire form, without the empty line */
    ssize_t (*read)(void *ctx, uint64_t offset, char *p, size_t n);
    void *ctx;
    uint64_t body_size;
    bool crlf;                  /* keep CRLF (use_crlf) */
    bool headers_only, body_only;
    struct str check, escape;   /* check_string, escape_string */
    struct str prefix, suffix;  /* written as they are */
    /* state; zero at the start */
    int stage;
    uint64_t at;
    bool inside;                /* the last piece ended within a line */
    struct buf tail;            /* bytes read whose line is not complete */
};

enum content_end { CONTENT_MORE, CONTENT_END, CONTENT_ERROR };     /* ERROR: errno */
/* Adds the next piece to out: at most some 64 KiB, or the whole header section. */
enum content_end content_next(struct content *c, struct buf *out);
void content_free(struct content *c);

#endif
