/*
 * program - run a program with a message on its standard input (R7.4)
 *
 * By argument vector, never a shell; a given environment and nothing else; a
 * process group of its own; limits of time, output and memory. The loop feeds
 * it and collects what it prints; nobody waits.
 */
#ifndef LOCAL_PROGRAM_H
#define LOCAL_PROGRAM_H

#include <sys/types.h>

#include "base/buf.h"
#include "base/why.h"
#include "local/content.h"
#include "net/loop.h"

struct program;

struct program_want {
    char *const *argv;          /* argv[0] is a path */
    char *const *envp;
    const char *directory;      /* to start in; NULL: "/" */
    mode_t umask;
    int64_t timeout_ms;
    size_t output_max;
    uint64_t memory_max;        /* address space; 0: no limit */
    struct content *content;    /* owned by the caller until done; NULL: talk is set */
    int out_fd;                 /* its standard output goes there, at most file_max bytes, and what
                                 * it says on standard error is collected; 0: both are */
    uint64_t file_max;
    bool talk;                  /* standard input and output are one socket: program_socket */
};

struct program_end {
    enum status started;        /* ST_OK, or why it could not be started */
    bool timed_out, too_much;   /* killed for it */
    int signal;                 /* it died of, 0: none */
    int status;                 /* exit status */
    struct str output;          /* valid in the call */
    struct why why;
};

/* Whether exec failing with err says that the program will never run; anything
 * else, like a directory that cannot be entered, may pass. */
bool program_never(int err);

/* The last steps of a child, in which only calls are made that are safe between fork and exec: into
 * the directory, every descriptor but the first three closed, the program. What went wrong is written to
 * fail as an errno, negative where the program is not to blame. ready: descriptors 0 to 2 are what they shall be. */
_Noreturn void program_enter(bool ready, const char *directory, char *const *argv, char *const *envp, int fail);

typedef void program_done(void *ctx, const struct program_end *end);
/* done is always called, later, unless the program is cancelled. */
struct program *program_run(struct loop *l, const struct program_want *w, program_done *done, void *ctx);
/* With talk: our end of the socket, given away; -1: it could not be started. */
int program_socket(struct program *p);
/* Kills its whole group; done is not called. */
void program_cancel(struct program *p);

#endif
