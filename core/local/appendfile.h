/*
 * appendfile - a message into a mailbox of this machine
 *
 * Blocking, for a helper thread or the local process; it touches nothing but
 * what it is given. Paths are walked from a root, one component at a time, and
 * no link is followed on the way (R7.3): whoever can write in a mailbox must
 * not be able to send mail elsewhere.
 */
#ifndef LOCAL_APPENDFILE_H
#define LOCAL_APPENDFILE_H

#include <sys/types.h>

#include "base/arena.h"
#include "base/why.h"
#include "local/content.h"

/* What is asked for goes to the local process too (local_wire.h), so each kind
 * of field stands in one list. Zero is "no" or "none" everywhere. */
#define APPENDFILE_FLAGS(X) \
    X(only_room)            /* nothing is written: would the message fit? full says no */ \
    X(directory)            /* one file a message */ \
    X(maildir)              /* in Maildir's way */ \
    X(mailstore)            /* two files: the message, its envelope */ \
    X(create_directory) \
    X(no_create)            /* create_file forbids a new file here */ \
    X(file_must_exist) \
    X(check_owner) X(check_group) X(mode_fail_narrower) \
    X(allow_fifo) X(allow_symlink) \
    X(lockfile) X(fcntl_lock) X(flock_lock) \
    X(size_file)            /* maildir_use_size_file */ \
    X(quota_exclusive)      /* the new message does not count */ \
    X(used_known) X(files_known)    /* mailbox_size, mailbox_filecount: nothing is measured */

#define APPENDFILE_NUMBERS(X) \
    X(mode) X(directory_mode) X(lockfile_mode) \
    X(lock_retries) X(lock_interval) X(lock_fcntl_timeout) X(lock_flock_timeout) X(lockfile_timeout) /* seconds */ \
    X(maildir_retries)      /* 0: 10 */ \
    X(message_size)         /* as it will be written, for the quota */ \
    X(quota) X(quota_files) \
    X(warn_at)              /* bytes; 0: no warning */ \
    X(used) X(files)        /* with used_known, files_known */ \
    X(wall_us)              /* for names */ \
    X(serial)               /* likewise: never twice in a process */

#define APPENDFILE_TEXTS(X) \
    X(root)                 /* trusted: an absolute directory */ \
    X(rest)                 /* below it, components between '/' */ \
    X(hostname)             /* in a Maildir file's name */ \
    X(file_name)            /* directory without maildir: the name */ \
    X(tag)                  /* maildir_tag */ \
    X(envelope)             /* mailstore: what the .env file says */ \
    X(formats)              /* file_format: beginnings of files, each ended by byte 30 */ \
    X(quota_directory)      /* measured in place of the mailbox */ \
    X(size_regex)           /* its first group is a size in a file's name */ \
    X(directory_regex)      /* maildir_quota_directory_regex */ \
    X(folder_regex)         /* maildirfolder_create_regex */

struct appendfile {
#define X(name) bool name;
    APPENDFILE_FLAGS(X)
#undef X
#define X(name) int64_t name;
    APPENDFILE_NUMBERS(X)
#undef X
#define X(name) struct str name;
    APPENDFILE_TEXTS(X)
#undef X
    struct content content;
    /* filled in */
    enum status status;         /* ST_NONE: the file has the format number `format`, counted from 0 */
    struct why why;
    uint64_t written;
    bool full;                  /* ST_AGAIN: over quota */
    int64_t unread_s;           /* full: since the mailbox was last looked at; -1: not known */
    bool warn;                  /* ST_OK: this message took it over warn_at */
    unsigned format;
};

/* ST_OK: the message is on stable storage. ST_AGAIN, ST_NEVER: nothing of it is left. */
void appendfile_deliver(struct appendfile *f);
/* How much the mailbox holds now; ST_NONE: there is none yet. Nothing is made. Blocking. */
enum status appendfile_used(struct appendfile *f, int64_t *bytes, int64_t *files);

/* Splits a path that came as one string. path(ROOT, part, ...) of the rules marks
 * the border with "/./" ("/var/mail/./example.org/ann"); without a mark everything
 * up to the last component is the root. False for a path with "..", empty or
 * control-byte components, or one that is not absolute. */
bool appendfile_split(struct str path, struct str *root, struct str *rest);

/* Whether a local part or domain may be a path component (design P5). */
bool appendfile_safe(struct str component);

/* ---- between the files of this transport */
enum status appendfile_write(struct appendfile *f, int fd, const char *name);
/* Into a named pipe: somebody reads it now, and what he has read cannot be taken back. */
enum status appendfile_pipe(struct appendfile *f, int fd, const char *name);
/* Opens a directory in another one without following a link; makes it if that is asked for. */
int appendfile_step(struct appendfile *f, int dir, const char *name);
enum status maildir_deliver(struct appendfile *f, int dir);
enum status mbox_deliver(struct appendfile *f, int dir, const char *name);
enum status mailstore_deliver(struct appendfile *f, int dir);

#endif
