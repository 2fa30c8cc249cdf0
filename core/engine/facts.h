/*
 * facts - what master and worker themselves need to know of a rule set
 *
 * The checker reads them from the options of a generation it built and sends
 * them as one JSON object; the master, which never runs a rule, reads that. A
 * worker takes them from its own generation.
 */
#ifndef ENGINE_FACTS_H
#define ENGINE_FACTS_H

#include "base/buf.h"
#include "base/log.h"
#include "policy/policy.h"

#define SPOOL_DEFAULT "/var/spool/perigee"

struct str_list { struct str *v; size_t n; };

struct facts {
    struct arena arena;
    bool good;                      /* it loads */
    bool unsure;                    /* not good, but nobody found out: another try may tell */
    struct str problems;            /* "file:line: text" lines, warnings too */
    struct str_list listen;
    int64_t workers;                /* 0: one a core */
    struct str user, group, spool;  /* empty: not set */
    struct str log_path, timezone;
    int64_t backlog;                /* smtp_connect_backlog */
    bool millisec, zone, pid, rejectlog, json;
    bool arguments;                 /* how the engine was called is logged */
    bool watch;                     /* reload_on_change */
    struct str_list roots, programs, never; /* local_delivery_roots, local_delivery_programs, never_users */
    int64_t lowest_uid;
};

void facts_of(struct facts *f, const struct policy *p);         /* p NULL: not good */
void facts_problems(struct facts *f, const struct problems *p);
void facts_write(const struct facts *f, struct buf *out);
bool facts_read(struct facts *f, struct str json);              /* hostile input */
void facts_free(struct facts *f);
bool facts_list_same(const struct str_list *a, const struct str_list *b);
bool facts_list_has(const struct str_list *l, struct str s);

/* Whether two names are of one directory. */
bool facts_same_place(const char *a, const char *b);

/* How to log: path is room for the default, SPOOL/log/%slog. */
void facts_log(const struct facts *f, const char *spool, char path[4096], struct log_config *c);

#endif
