/*
 * pairfile - a message as Exim's two files, written into a directory
 *
 * By `queue export` and the queuefile transport. The -D file first, whole and
 * flushed, then the -H file under its name in one step: a message is there for
 * Exim once its -H is. Nothing is ever written over. Blocking.
 */
#ifndef LOCAL_PAIRFILE_H
#define LOCAL_PAIRFILE_H

#include <sys/types.h>

#include "base/why.h"
#include "mail/txn.h"

struct pairfile {
    int dir;                        /* or AT_FDCWD */
    struct msg_id id;
    struct str head;                /* pair_write's text */
    ssize_t (*read)(void *ctx, uint64_t offset, char *p, size_t n);    /* 0: the end */
    void *ctx;
};

/* ST_AGAIN: nothing of it is left. */
enum status pairfile_write(const struct pairfile *p, struct why *why);

#endif
