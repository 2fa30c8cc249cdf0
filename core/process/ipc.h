/*
 * ipc - what master and workers say to each other: the one place that knows
 *
 * Over a SOCK_SEQPACKET pair, so a message is one packet. Every type has a row
 * with its direction, whether a descriptor comes along and how long its text
 * may be; what does not fit its row is bad, and a worker that sends a bad one
 * is killed (R7.1).
 */
#ifndef PROCESS_IPC_H
#define PROCESS_IPC_H

#include "base/arena.h"
#include "base/str.h"

enum { IPC_TEXT_MAX = 96 * 1024 };

/* name, to the master?, carries a descriptor?, most text */
#define IPC_TYPES(X) \
    X(RULES,    false, true,  0)            /* a: generation; fd: snapshot. Build it. */ \
    X(SWITCH,   false, false, 0)            /* a: generation. New sessions begin on it. */ \
    X(ABANDON,  false, false, 0)            /* a: generation. Drop what was built. */ \
    X(LISTEN,   false, true,  256)          /* text: its name */ \
    X(UNLISTEN, false, false, 256) \
    X(SUBMIT,   false, true,  0)            /* the listening submit socket */ \
    X(SHARDS,   false, false, 1024)         /* a: home; text: a byte for each other one */ \
    X(REOPEN,   false, false, 0) \
    X(REQUEST,  false, false, IPC_TEXT_MAX) /* n: token; text: a control request */ \
    X(DRAIN,    false, false, 0)            /* n: milliseconds */ \
    X(READY,    true,  false, 0)            /* room for the first generation */ \
    X(BUILT,    true,  false, IPC_TEXT_MAX) /* a: generation; b: an enum status; text: problems */ \
    X(SERVING,  true,  false, 0)            /* a: generation, after SWITCH */ \
    X(EMPTY,    true,  false, 0)            /* a: shard removed */ \
    X(ANSWER,   true,  false, IPC_TEXT_MAX) /* n: token; a: status; text: object */ \
    X(FAILED,   true,  false, 4096)         /* a: exit status; text: why. The worker ends. */

enum ipc_type {
#define X(name, to_master, fd, most) IPC_##name,
    IPC_TYPES(X)
#undef X
    IPC_TYPE_COUNT
};

struct ipc {
    enum ipc_type type;
    uint32_t a, b;
    int64_t n;
    struct str text;
    int fd;                 /* looked at only where the type carries one */
};

enum ipc_end { IPC_GOT, IPC_NOTHING, IPC_CLOSED, IPC_BAD };

/* Two ends, closed on exec. False with errno. */
bool ipc_pair(int fd[2]);
/* Waits at most a second for a reader that is behind. False with errno; m->fd stays the caller's. */
bool ipc_send(int sock, const struct ipc *m);
/* The text is in the arena; the descriptor is the caller's. at_master: which side we are. */
enum ipc_end ipc_recv(int sock, bool at_master, struct arena *a, struct ipc *m);

#endif
