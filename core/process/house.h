/*
 * house - the master's own insides, shared by its files
 *
 * master.c starts and ends, begin.c is what comes first; staff.c keeps workers alive; shards.c says who has
 * which shard; ports.c listens; reload.c changes the rules; rules_watch.c sees that
 * they changed; control.c answers operators. Nobody else includes this.
 */
#ifndef PROCESS_HOUSE_H
#define PROCESS_HOUSE_H

#include "engine/facts.h"
#include "engine/shared.h"
#include "local/user.h"
#include "process/ipc.h"
#include "process/master.h"

enum { PORTS_MAX = 64, NOBODY = 0xff, DRAIN_MS = 30000 };

enum staff_state { STAFF_DOWN, STAFF_STARTING, STAFF_BUILDING, STAFF_SWITCHING, STAFF_UP };

struct house;
struct staff {
    struct house *house;
    unsigned number;
    enum staff_state state;
    pid_t pid;                  /* 0: none */
    int link;
    struct watch *watch;
    uint32_t generation;        /* it serves */
    uint32_t building;          /* it was told to build; 0: none */
    uint32_t home;
    int64_t started_ms, backoff_ms, last_beat;
    unsigned missed;            /* seconds without a beat */
    struct timer restart;
};

struct port { char name[256]; int fd; bool keep; };

struct reload;
struct rules_watch;
struct control;
struct house {
    const struct serve_config *c;
    struct loop *loop;
    struct shared *shared;
    char rules[4096], spool[4096], log_path[4096];
    char log_now[4096];         /* the log that is open, and how; its path NULL: none */
    struct log_config log;
    struct user user;
    int lock;
    /* what is served */
    struct facts facts;         /* of the generation in use */
    struct facts fixed;         /* of the first: what cannot change live is taken from here */
    int snapshot;               /* memfd */
    uint8_t hash[32], refused_hash[32];
    uint32_t generation, last_generation;
    int64_t born_ms;
    /* who serves */
    unsigned workers;
    struct staff staff[WORKERS_MAX];
    int wake[WORKERS_MAX];
    uint8_t owner[SHARDS_MAX];  /* worker, or NOBODY */
    bool exists[SHARDS_MAX];
    /* where */
    struct port port[PORTS_MAX];
    size_t nports;
    int submit;
    struct control *control;
    struct reload *reload;      /* NULL: none under way */
    struct rules_watch *watching;   /* NULL: reload_on_change is off */
    /* local */
    int local[2];               /* -1: none */
    pid_t local_pid;
    struct timer local_restart;
    /* life */
    struct timer second, watchdog, give_up;
    bool ready, stopping;
    bool background;            /* nobody looks at standard error once we serve */
    unsigned early_deaths;      /* of workers before we served */
    int exit_status;
    int ready_fd;               /* -1, or where a waiting parent reads our exit status */
};

/* ---- begin.c */
int begin_house(struct house *h);               /* 0, or the exit status and it said why */

/* ---- staff.c */
void staff_init(struct house *h);
void staff_start(struct staff *s);
void staff_reap(struct house *h);               /* SIGCHLD */
void staff_second(struct house *h);             /* heartbeats */
bool staff_send(struct staff *s, struct ipc m); /* false: it was killed for not listening */
void staff_send_all(struct house *h, struct ipc m);
unsigned staff_alive(const struct house *h);
void staff_end(struct house *h, int64_t drain_ms);
void staff_kill(struct house *h);

/* ---- shards.c */
void shards_scan(struct house *h);              /* what lies on disk */
void shards_give(struct staff *s);              /* a home and what nobody has, to one that starts */
void shards_lost(struct staff *s);              /* it died: to the living */
void shards_removed(struct house *h, unsigned shard);

/* ---- ports.c */
enum status ports_open(struct house *h, const struct str_list *names, struct why *why);    /* new ones; old ones marked */
void ports_backlog(struct house *h, const struct facts *f);
void ports_commit(struct house *h, bool workers_know_none);     /* tells the workers, closes those not kept */
void ports_undo(struct house *h);
void ports_tell(struct staff *s);               /* all of them, to one that starts */
void ports_close(struct house *h);
/* SPOOL/name with these rights. */
enum status ports_unix(struct house *h, const char *name, mode_t mode, int *fd, struct why *why);

/* ---- reload.c */
/* done: ok, text (problem lines or ""), restart (names of options that wait for one). May be NULL. */
typedef void reload_done(void *ctx, bool ok, struct str text, const struct str_list *restart);
void reload_start(struct house *h, const char *why, reload_done *done, void *ctx);
bool reload_built(struct staff *s, enum status st, struct str problems);    /* false: it was not for a reload */
void reload_serving(struct staff *s, uint32_t generation);
void reload_lost(struct staff *s);              /* a worker died */
void reload_cancel(struct house *h);

/* ---- rules_watch.c */
void rules_watch_set(struct house *h);          /* reload_on_change, as the facts say */
void rules_watch_again(struct house *h);        /* what these rules are could not be found out */
void rules_watch_known(struct house *h);        /* they are good, or bad */

/* ---- control.c */
enum status control_open(struct house *h, struct why *why);
void control_answer(struct staff *s, int64_t token, int status, struct str object);
void control_lost(struct staff *s);
void control_stopped(struct house *h);          /* tells those who wait for the end */
void control_free(struct house *h);

/* ---- master.c */
void master_stop(struct house *h, int64_t drain_ms);
void master_ready(struct house *h);             /* a worker came up */
void master_gone(struct house *h);              /* a worker is gone */
void master_open_log(struct house *h);
void master_detach(void);                       /* standard descriptors to /dev/null */

#endif
