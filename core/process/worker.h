/*
 * worker - the process around one engine (engine.h)
 *
 * Forked by the master, it gives up root's rights, makes an engine, and does
 * what the master says over their link (ipc.h). It ends when the master does.
 */
#ifndef PROCESS_WORKER_H
#define PROCESS_WORKER_H

#include "engine/engine.h"
#include "local/user.h"

struct worker_config {
    unsigned number, workers;       /* column in the shared page; how many there are */
    struct shared *shared;
    const char *spool;
    int link;                       /* our end of an ipc_pair */
    const int *wake;                /* an eventfd for each worker */
    int local;                      /* -1, or a socket of the local process */
    int lock;                       /* the spool's: held as long as a worker lives */
    struct user user;
    pid_t master;
    bool foreground, tls_on_connect;    /* as in serve_config */
};

_Noreturn void worker_run(const struct worker_config *c);

/* ---- what a worker is told by a control request (orders.c) */
struct worker;
struct orders {
    struct engine *engine;
    unsigned number;
    uint32_t generation;
    /* One answer for each request, now or later. object is the worker's part. */
    void (*answer)(void *ctx, int64_t token, int status, struct str object);
    void *ctx;
};
void orders_take(struct orders *o, int64_t token, struct str request);

#endif
