/*
 * policy - rules, asked
 *
 * One struct policy is one generation in one worker: a sandboxed Lua state made
 * from a snapshot. The only entry into rule code is the resume of an
 * evaluation's coroutine; an evaluation may wait, and answers by callback.
 * The callback may run inside the asking call; then NULL is returned. A
 * cancelled evaluation never answers. This room is the only one that
 * includes lua.h; this header does not.
 */
#ifndef POLICY_POLICY_H
#define POLICY_POLICY_H

#include <sys/types.h>

#include "base/log.h"
#include "base/val.h"
#include "base/why.h"
#include "dns/dns.h"
#include "dns/hosts.h"
#include "mail/txn.h"
#include "net/loop.h"
#include "smtp/server.h"        /* struct verdict */
#include "spool/hints.h"

struct oracle;
struct policy;
struct cover;
struct eval;
struct callout;
struct callout_want;
struct callout_end;
struct room;
struct room_want;

/* ---- snapshot: the directory, read once, sealed (design 4.8) */
struct snapshot_file { struct str name, bytes; };       /* "20-relay.lua", "lib/x.lua" */
struct snapshot {
    struct arena arena;
    char dir[4096];
    struct snapshot_file *files;                        /* byte order of names; lib/ after */
    size_t n;
    uint8_t hash[32];
};
/* Reads the *.lua files of dir and of dir/lib; at most 10,000 files, 64 MiB. */
enum status snapshot_read(const char *dir, struct snapshot *out, struct why *why);
/* Files named one by one, in the order given (tests). */
enum status snapshot_files(const char *const *paths, size_t n, struct snapshot *out, struct why *why);
void snapshot_free(struct snapshot *s);
/* To a sealed memfd, and back: how master, checker and workers share the same bytes. -1 with errno. */
int snapshot_seal(const struct snapshot *s);
enum status snapshot_open(int fd, struct snapshot *out, struct why *why);

/* ---- programs that rules ask (R7.4); whoever runs the engine runs them */
struct policy_program {
    char *const *argv;          /* argv[0] is a path */
    const char *directory;
    int64_t timeout_ms;
    size_t output_max;
};
struct policy_program_end {
    enum status started;        /* ST_OK, or why it could not be started */
    bool timed_out, too_much;
    int signal, status;
    struct str output;          /* valid in the call */
    struct why why;
};
typedef void policy_program_done(void *ctx, const struct policy_program_end *end);

/* ---- loading */
enum { EXPLAIN_ID = 32 };

struct policy_env {             /* what rules can reach; outlives every generation */
    struct loop *loop;
    struct dns *dns;
    struct hints *hints;        /* store.* */
    struct pool *pool;          /* file lookups */
    struct oracle *oracle;      /* other engines of SPF and DMARC (auth/oracle.h); NULL: there are none */
    bool hermetic;              /* no sockets, no programs; files below the rule directory only */
    bool check_only;            /* the checker: nothing is asked of the network */
    bool inspects;              /* the rules' text is read closely, too (lua/mail/check.lua) */
    bool strict;                /* `perigee check`: what a running engine would live with is an error */
    const char *spool_dir;
    struct cover *cover;        /* what is run is counted there (cover.h); NULL: it is not */
    /* Whether an option's text is one the engine can read (log_selector, dns_servers): not ST_OK and why. May be NULL. */
    enum status (*check_option)(struct str name, struct str value, struct why *why);
    bool (*service_port)(struct str name, uint16_t *port);      /* /etc/services; may be NULL */
    /* Counters and facts of the engine that variables show; may be NULL. */
    uint64_t (*queue_size)(void *ctx);
    /* Starts a program; done comes once, unless it is cancelled; inside the call NULL is returned. NULL: there are none. */
    void *(*program_run)(void *ctx, const struct policy_program *p, policy_program_done *done, void *done_ctx);
    void (*program_cancel)(void *program);
    bool (*log_selected)(void *ctx, struct str name);   /* is this log selector on? */
    /* Asks other hosts' servers about an address (policy/callout.h). done may run inside the call;
     * then NULL is returned. After cancel it does not run. NULL: there is nobody to ask with. */
    struct callout *(*callout)(void *ctx, const struct callout_want *w,
                               void (*done)(void *done_ctx, const struct callout_end *end), void *done_ctx);
    void (*callout_cancel)(struct callout *c);
    /* Likewise: is there room in a mailbox of ours? */
    struct room *(*room)(void *ctx, const struct room_want *w,
                         void (*done)(void *done_ctx, enum status st, struct str text), void *done_ctx);
    void (*room_cancel)(struct room *r);
    /* A message of the engine's own (a report) goes out because of t. NULL: none do. */
    void (*letter)(void *ctx, const struct txn *t, struct str sender, struct str to, struct str message);
    void (*overran)(void *ctx);         /* an evaluation went over its budget; may be NULL */
    /* Keeps why an ACL ended as it did (the members of a JSON object) under a name that is written to id, or says that it
     * keeps nothing. NULL: nobody asks why. */
    bool (*explained)(void *ctx, struct str members, char id[EXPLAIN_ID]);
    void *ctx;
    /* Specs write what lookups answer (kind, file, key); false: nothing is written for it. May be NULL. */
    bool (*scripted)(void *ctx, struct str kind, struct str file, struct str key, enum status *st, struct str *value);
    void *scripted_ctx;
};
struct problem { struct str file; int line; bool warning; struct str text; };
struct problems { struct arena arena; struct problem *v; size_t n; };
void problems_free(struct problems *p);

/* Who a question to the DNS is asked for (dns_asker): what dns:fail is about. at may be NULL. */
struct policy_asker { const struct policy *policy; const struct txn *t; const struct at_address *at; };

/* Builds a generation. On errors *out is NULL and problems say file:line. */
enum status policy_load(const struct policy_env *e, const struct snapshot *s, uint32_t generation,
                        struct policy **out, struct problems *problems);
/* One reference is the loader's; sessions and deliveries hold their own. The
 * last release closes the state. */
void policy_hold(struct policy *p);
void policy_release(struct policy *p);
/* The resolver this generation's rules ask: the one its own dns_servers describe. */
void policy_use_dns(struct policy *p, struct dns *dns);
const char *policy_rules_dir(const struct policy *p);    /* the directory the rules were read from */
uint32_t policy_generation(const struct policy *p);
size_t policy_memory(const struct policy *p);           /* bytes of the Lua state */
bool policy_worn(const struct policy *p);               /* over 256 MiB after a collection: replace it */

/* ---- main options (build/gen/options.h has enum opt: OPT_smtp_banner ...) */
/* The constant value, the default if unset; VAL_FUNC if it is a function. */
const struct val *policy_opt(const struct policy *p, int opt);
int policy_opt_find(struct str name);                   /* -1: none */
bool policy_opt_bool(const struct policy *p, int opt);
int64_t policy_opt_int(const struct policy *p, int opt);
struct str policy_opt_str(const struct policy *p, int opt);
/* secret: its value is not for showing (R3.6). */
struct opt_row { const char *name, *section; int type; const char *doc; bool secret; };
const struct opt_row *policy_opt_row(int opt);

typedef void opt_done(void *ctx, enum status st, const struct val *v, const struct why *why);
/* Evaluates an option that may be a function, in its phase. Constants answer at once. */
struct eval *policy_option(struct policy *p, int opt, struct txn *t, opt_done *done, void *ctx);
/* Is the client (host list) or a domain in this option's list? VAL_BOOL. */
struct eval *policy_match(struct policy *p, int opt, struct txn *t, struct str subject, opt_done *done, void *ctx);

/* Where a main option is set: "00-site.lua:4"; empty: nowhere. In the arena. */
struct str policy_option_where(struct policy *p, struct str name, struct arena *a);

/* ---- ACLs */
typedef void acl_done(void *ctx, const struct verdict *v);
bool policy_has_acl(const struct policy *p, enum phase ph);     /* false: the default answers at once */
void policy_acl_default(enum phase ph, struct verdict *v);
struct str policy_acl_end(const struct policy *p, enum phase ph);  /* in words: "accept", "deny by default" */
/* "20-relay.lua:9": the statement that gave the last answer in this phase. Known only of a generation made
 * that inspects; empty otherwise. In the arena. */
struct str policy_answered(struct policy *p, enum phase ph, struct arena *a);
struct eval *policy_acl(struct policy *p, enum phase ph, struct txn *t, acl_done *done, void *ctx);

/* ---- routing */
enum route_kind {
    ROUTE_TO, ROUTE_FAIL, ROUTE_DEFER, ROUTE_DISCARD, ROUTE_FREEZE, ROUTE_UNROUTEABLE,
    ROUTE_NOTE                  /* no destination: text is for at.address to know (syntax_errors_to) */
};
enum log_style { LOG_STYLE_TRANSPORT, LOG_STYLE_LOCAL, LOG_STYLE_FULL };    /* log_as_local */
struct tried;                   /* what the routers tried */
struct route_item {
    enum route_kind kind;
    struct at_address at;       /* address, router, transport, parents, affixes, r_ variables */
    struct host *hosts; size_t nhosts;      /* smtp transports that take the router's hosts */
    struct host *fallback; size_t nfallback;
    struct header_edit *edits;  /* headers_add, headers_remove of the routers */
    struct str text;            /* why, for FAIL, DEFER, FREEZE, UNROUTEABLE */
    bool one_time; bool unseen;
    bool quiet;                 /* disable_logging */
    bool initgroups;
    bool hide_child;            /* hide_child_in_errmsg */
    enum log_style style;
    struct str directory;       /* transport_current_directory */
    bool queue;                 /* in queue_smtp_domains: it waits for a pass over the queue */
    struct str explain;         /* under which name it can be asked why, unless it is ROUTE_TO; empty: none */
    const struct tried *tried;  /* ROUTE_TO: for tried_keep; NULL: nothing is explained */
    int order;                  /* remote_sort_domains: place of its domain, from 1; 0: before all */
};
typedef void route_done(void *ctx, struct route_item *items, size_t n);     /* valid in the call only */
/* A copy for when the delivery fails; good as long as the arena and the generation. */
const struct tried *tried_keep(struct arena *a, const struct tried *t);
size_t tried_size(const struct tried *t);
/* Adds the routers as nodes of an explanation's tree (explain.md), separated by commas. False: there are none. */
bool tried_render(const struct tried *t, const struct txn *txn, struct buf *out);
/* Walks the routers for one address of t; several items when it was redirected. */
struct eval *policy_route(struct policy *p, struct txn *t, struct str address, route_done *done, void *ctx);
/* The walk in words (perigee route): one line per router tried. */
struct eval *policy_route_explain(struct policy *p, struct txn *t, struct str address, struct buf *out, route_done *done, void *ctx);

/* ---- transports: every option of one, functions evaluated (enum topt: TOPT_hosts ...) */
/* login: late and with logins that functions of rules say, what they say, as a digest. */
struct transport_values { const struct val *v; size_t n; struct str name, driver, login; };
typedef void transport_done(void *ctx, enum status st, const struct transport_values *tv, const struct why *why);
/* t->addr and t->host are set. tv is valid in the call; a transport without
 * functions answers at once and its values live as long as the generation. */
struct eval *policy_transport(struct policy *p, struct str name, struct txn *t, transport_done *done, void *ctx);
/* What must be asked again once it is known which host (t->host): the options about DANE (dane), then lists of
 * hosts and options of TLS (late). differs: it may be different for another domain at the same host. */
struct transport_asks { bool late, dane, differs; };
struct transport_asks policy_transport_asks(struct policy *p, struct str name);
struct eval *policy_transport_late(struct policy *p, struct str name, struct txn *t, bool dane, transport_done *done, void *ctx);
/* A variable of the mail object as text; empty if it is absent, must be fetched first,
 * or is not known in t's phase. False: there is no such variable. */
bool policy_variable(const struct policy *p, const struct txn *t, struct str name, struct arena *a, struct str *out);
bool policy_has_transport(const struct policy *p, struct str name);

/* ---- retry (design section 6, Exim's F, G, H) */
struct retry_step { char letter; int64_t cutoff, interval; double factor; };
struct retry_rule { struct retry_step *step; size_t n; bool found; };
typedef void retry_done(void *ctx, enum status st, const struct retry_rule *r);
/* For an address or host name and an error ("*", "quota", "refused_A", "rcpt_4xx", "timeout_connect" ...). */
struct eval *policy_retry(struct policy *p, struct txn *t, struct str address, struct str host,
                          struct str error, retry_done *done, void *ctx);

/* ---- rewriting (lua/mail/rewrite.lua) */
bool policy_rewrites(const struct policy *p);           /* there are rules for messages */
typedef void rewrite_done(void *ctx, enum status st, const struct why *why);
/* The envelope and header of a message that has been received. ST_OK: t is as the rules want it. */
struct eval *policy_rewrite(struct policy *p, struct txn *t, rewrite_done *done, void *ctx);
/* A header section as a transport with headers_rewrite sends it; p NULL: as it is. section lives until done. */
typedef void header_done(void *ctx, enum status st, struct str section, const struct why *why);
struct eval *policy_rewrite_header(struct policy *p, struct str transport, struct txn *t, struct str section,
                                   header_done *done, void *ctx);
/* What stands between < and > of MAIL or RCPT, under the rules with the flag S. At
 * once: a rule that would wait leaves it as it is. In a, or text itself. */
struct str policy_rewrite_path(struct policy *p, struct conn *c, bool sender, struct str text, struct arena *a);

/* ---- AUTH: one evaluation holds a whole exchange, and waits for the other side */
struct auth_result {
    enum { LOGIN_OK, LOGIN_NO, LOGIN_LATER, LOGIN_BAD } end;    /* BAD: given up, or not what the mechanism says */
    struct str name, id;        /* of the authenticator; who was authenticated, or claimed to be */
    struct str text;            /* a reason; for the server what the client is told, if not empty */
    bool fault;                 /* LOGIN_LATER: the rules failed, text is for the log alone */
};
/* The other side is to be told this; its answer comes by policy_heard. Called from the loop. */
typedef void auth_say(void *ctx, struct str text);
typedef void auth_done(void *ctx, const struct auth_result *r);
bool policy_has_authenticators(const struct policy *p);
/* What EHLO offers this client: VAL_STR, mechanisms separated by blanks. With "tls" in front
 * nothing is offered, but would be to an encrypted connection. */
struct eval *policy_offers(struct policy *p, struct txn *t, opt_done *done, void *ctx);
/* As a server. initial.p NULL: none came with the command. say gets challenges, policy_heard responses. */
struct eval *policy_authenticate(struct policy *p, struct txn *t, struct str mechanism, struct str initial,
                                 auth_say *say, auth_done *done, void *ctx);
/* As a client, at t->host: say gets lines to send, without CRLF; policy_heard whole replies ("334 text").
 * LOGIN_NO with an empty name: no authenticator fits what the server offers. */
struct eval *policy_log_in(struct policy *p, struct txn *t, struct str offered, auth_say *say, auth_done *done, void *ctx);
/* The answer to what was said last; p NULL: there will be none. */
void policy_heard(struct eval *e, struct str text);

/* ---- events */
bool policy_has_event(const struct policy *p, const char *name, struct str transport);
/* text: the non-empty result, or an empty str. st ST_AGAIN: time-out or error. */
typedef void event_done(void *ctx, enum status st, struct str text);
struct eval *policy_event(struct policy *p, const char *name, struct txn *t, struct str data,
                          int defer_errno, event_done *done, void *ctx);

/* ---- an expression (perigee eval): JSON array or one value a line in out */
struct eval *policy_expr(struct policy *p, struct txn *t, enum phase ph, struct str code, bool json,
                         struct buf *out, opt_done *done, void *ctx);

/* The same, and what it read and asked as members of a JSON object in tree. */
struct eval *policy_expr_explain(struct policy *p, struct txn *t, enum phase ph, struct str code, bool json,
                                 struct buf *out, struct buf *tree, opt_done *done, void *ctx);

/* ---- what rules cost */
void policy_explain_all(struct policy *p);              /* from here on accepted mail is explained too */
/* JSON array of this generation's statements, functions, handlers and routers that ran, the costliest first, at most most:
 * {"where","what","count","us","waited_us","max_us","errors","overruns","slots":[..]}; slot i: how often it took less than 2^i ns. */
void policy_costs(const struct policy *p, size_t most, struct buf *out);

void policy_cancel(struct eval *e);
/* Rule errors, overruns, evaluations, counted; and events dropped for want of a place. */
struct policy_stats { uint64_t evals, errors, overruns, events_dropped, waits; };
void policy_stats(const struct policy *p, struct policy_stats *out);

#endif
