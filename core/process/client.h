/*
 * client - a program of this machine talks to the engine over its sockets
 *
 * Blocking, with one deadline for the whole of it. For command lines.
 */
#ifndef PROCESS_CLIENT_H
#define PROCESS_CLIENT_H

#include "base/buf.h"
#include "base/why.h"

struct client {
    int fd;
    int64_t until_ms;       /* clock_mono_ms */
    struct buf in;
    size_t line;            /* bytes of the line given out last */
};

/* ST_NONE: nobody listens there; ST_AGAIN: no rights, or it did not go. */
enum status client_open(struct client *c, const char *dir, const char *name, int64_t timeout_ms, struct why *why);
enum status client_send(struct client *c, struct str bytes, struct why *why);
/* The next line without its LF, valid until the next call. ST_NONE: the other end closed. */
enum status client_line(struct client *c, size_t max, struct str *line, struct why *why);
void client_close(struct client *c);

#endif
