/*
 * quota - how much a mailbox holds, and whether one more message fits
 *
 * Measured before a message is written: the file's own size, or what lies
 * below a directory, or a Maildir's maildirsize file. Nothing is locked, so
 * two deliveries at once may go over by one message. Blocking.
 */
#ifndef LOCAL_QUOTA_H
#define LOCAL_QUOTA_H

#include "local/appendfile.h"

enum { QUOTA_FULL_ERR = -22 };      /* what Exim's retry rules and readers know as "quota" */

struct quota {
    bool wanted;
    int64_t bytes, files;           /* that are there */
    int size_fd;                    /* maildirsize, to be added to; -1: none */
};

/* dir: of the mailbox; name: of an mbox file in it, or NULL. ST_AGAIN with
 * f->full: it does not fit. On any end quota_close. */
enum status quota_check(struct appendfile *f, int dir, const char *name, struct quota *q);
/* The message is there. */
void quota_add(struct appendfile *f, struct quota *q);
void quota_close(struct quota *q);


/* ---- maildirsize.c: Maildir++, https://www.courier-mta.org/imap/README.maildirquota.html */
enum status maildirsize_read(struct appendfile *f, int dir, struct quota *q);
void maildirsize_add(struct quota *q, int64_t bytes);
/* Without the file: what the directories hold that count. */
enum status maildir_measure(struct appendfile *f, int dir, int64_t *bytes, int64_t *files);

#endif
