/*
 * log - lines into files, never in the way of mail (design section 8, R9.4)
 *
 * A line is one record: control bytes are escaped here (as \ooo), NUL too, so
 * nothing from the wire can start a line of its own. Lines go through a
 * bounded ring to one writer thread; when the ring is full a line is dropped
 * and counted, and the count is logged when there is room again. One record
 * is one write() to an O_APPEND descriptor. Files are reopened when their name
 * has another inode, and on log_reopen.
 *
 * In a hermetic world there is no thread and no file: lines go to the sink.
 * Before log_open and after log_close main and panic lines go to standard
 * error. A forked child starts with a closed log.
 */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include <sys/types.h>

#include "base/buf.h"
#include "base/str.h"
#include "base/why.h"

enum log_file { LOG_MAIN, LOG_REJECT, LOG_PANIC, LOG_JSON, LOG_FILES };

struct log_config {
    const char *path;       /* Exim's log_file_path: "%s" is main, reject, panic; NULL: none */
    bool millisec;          /* stamps with .nnn */
    bool zone;              /* log_timezone */
    bool pid;               /* [pid] after the stamp */
    bool json;              /* also write the LOG_JSON lines */
    bool stderr_too;        /* --foreground: main and panic lines */
    bool write_rejectlog;
    uid_t as_uid; gid_t as_gid;     /* not 0: files are made and opened with this user's rights (a master that is root) */
};

/* Whether files and stamps are alike; the path is not compared. */
bool log_config_same(const struct log_config *a, const struct log_config *b);

/* Starts the writer. What was open is written out and closed; if its disk does
 * not answer it stays as it was (ST_AGAIN). */
enum status log_open(const struct log_config *c, struct why *why);
void log_close(void);                                               /* writes what is waiting */
void log_reopen(void);
/* The form of the stamp alone, for a log without files (sink, standard error). */
void log_stamp(const struct log_config *c);
/* In place of files: sink(ctx, file, line) with the stamp, without the LF. The
 * line is valid in the call; the sink must not log. NULL ends it. */
void log_to(void (*sink)(void *ctx, enum log_file f, struct str line), void *ctx);

/* "2026-11-21 13:48:24 " and the text; id, if not empty, is put before it. */
void log_text(enum log_file f, struct str id, struct str text);
void log_line(enum log_file f, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
uint64_t log_dropped(void);
/* The name of a file in the main log's directory, ending in NUL. False: there is no file. */
bool log_beside(const char *name, struct buf *out);

#endif
