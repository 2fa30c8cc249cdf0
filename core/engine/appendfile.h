/*
 * appendfile - a message into a mailbox of this machine
 *
 * Blocking, for a helper thread; it touches nothing but what it is given.
 * Paths are walked from a root, one component at a time, and no link is
 * followed on the way (R7.3): whoever can write in a mailbox must not be able
 * to send mail elsewhere.
 */
#ifndef ENGINE_APPENDFILE_H
#define ENGINE_APPENDFILE_H

#include <sys/types.h>

#include "base/arena.h"
#include "base/why.h"
#include "engine/content.h"

struct appendfile {
    struct str root;            /* trusted: an absolute directory */
    struct str rest;            /* below it, components between '/' */
    bool directory;             /* one file a message */
    bool maildir;               /* in Maildir's way */
    bool create_directory, file_must_exist, check_owner, check_group;
    bool mode_fail_narrower;
    bool lockfile, fcntl_lock;
    mode_t mode, directory_mode, lockfile_mode;
    int lock_retries;
    int64_t lock_interval, lock_fcntl_timeout, lockfile_timeout;   /* seconds */
    struct str hostname;        /* in a Maildir file's name */
    struct str file_name;       /* directory without maildir: the name */
    struct str tag;             /* maildir_tag */
    int64_t wall_us;            /* for the name */
    uint64_t serial;            /* likewise: never twice in a process */
    struct content content;
    /* filled in */
    enum status status;
    struct why why;
    uint64_t written;
};

/* ST_OK: the message is on stable storage. ST_AGAIN, ST_NEVER: nothing of it is left. */
void appendfile_deliver(struct appendfile *f);

/* Splits a path that came as one string. path(ROOT, part, ...) of the rules marks
 * the border with "/./" ("/var/mail/./example.org/ann"); without a mark everything
 * up to the last component is the root. False for a path with "..", empty or
 * control-byte components, or one that is not absolute. */
bool appendfile_split(struct str path, struct str *root, struct str *rest);

/* Whether a local part or domain may be a path component (design P5). */
bool appendfile_safe(struct str component);

/* ---- between the files of this transport */
enum status appendfile_write(struct appendfile *f, int fd, const char *name);
enum status maildir_deliver(struct appendfile *f, int dir);
enum status mbox_deliver(struct appendfile *f, int dir, const char *name);

#endif
