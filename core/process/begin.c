/*
 * begin - what a master does before it serves, in this order
 *
 * Rules, spool, user, lock, sockets. Complaints go to standard error: there is
 * no log yet.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#include "process/checker.h"
#include "process/house.h"
#include "process/lock.h"

enum { LOCK_TRIES = 50, LOCK_WAIT_MS = 100 };

/* ---- saying things before there is a log */

static void complain(const char *text)
{
    fprintf(stderr, "perigee: %s\n", text);
}

static void show_problems(struct str text)
{
    struct str line;

    while (str_cut(&text, '\n', &line))
        if (line.n > 0)
            fprintf(stderr, "%.*s\n", STR_ARG(line));
}

/* ---- the steps; each returns 0 or an exit status */

struct first_check { struct loop *loop; struct facts *facts; };

static void on_first_check(void *ctx, struct facts *f)
{
    struct first_check *fc = ctx;

    *fc->facts = *f;
    loop_stop(fc->loop);
}

/* The rules' bytes are all that is read while we are root (design section 3). */
static int read_rules(struct house *h)
{
    struct snapshot s = { 0 };
    struct checker_want want = { .rules = h->rules };
    struct first_check fc = { h->loop, &h->facts };
    struct why why = { 0 };

    if (!realpath(h->c->rules, h->rules)) {
        fprintf(stderr, "perigee: rules directory %s: %s\n", h->c->rules, strerror(errno));
        return EX_CONFIG;
    }
    if (snapshot_read(h->rules, &s, &why) != ST_OK) {
        complain(why.text);
        return EX_CONFIG;
    }
    memcpy(h->hash, s.hash, sizeof h->hash);
    h->snapshot = snapshot_seal(&s);
    snapshot_free(&s);
    if (h->snapshot < 0) {
        complain("cannot keep a copy of the rules");
        return EX_OSERR;
    }
    want.snapshot = h->snapshot;
    want.spool = h->c->spool;
    user_for_checker(h->c->spool ? h->c->spool : "", &want.user);
    if (!checker_start(h->loop, &want, on_first_check, &fc, &why)) {
        complain(why.text);
        return EX_OSERR;
    }
    loop_run(h->loop);
    show_problems(h->facts.problems);
    h->generation = h->last_generation = 1;
    return h->facts.good ? 0 : EX_CONFIG;
}

/* A second copy that later reloads do not replace. */
static void fix_facts(struct house *h)
{
    struct buf text = { 0 };

    facts_write(&h->facts, &text);
    facts_read(&h->fixed, buf_str(&text));
    buf_free(&text);
}

static int choose_spool(struct house *h)
{
    char option[4096] = "";

    if (h->facts.spool.n > 0)
        snprintf(option, sizeof option, "%.*s", STR_ARG(h->facts.spool));
    if (h->c->spool && option[0] && !facts_same_place(h->c->spool, option)) {
        fprintf(stderr, "perigee: the spool is %s by command line or environment, but spool_directory says %s\n", h->c->spool, option);
        return EX_CONFIG;
    }
    snprintf(h->spool, sizeof h->spool, "%s", h->c->spool ? h->c->spool : option[0] ? option : SPOOL_DEFAULT);
    return 0;
}

static int become_who(struct house *h)
{
    struct why why = { 0 };

    if (user_choose(h->facts.user, h->facts.group, h->spool, h->c->allow_root, &h->user, &why) == ST_OK)
        return 0;
    complain(why.text);
    return EX_CONFIG;
}

static int make_spool(struct house *h)
{
    bool made = mkdir(h->spool, 0755) == 0;
    char real[4096];

    if (!made && errno != EEXIST) {
        fprintf(stderr, "perigee: make spool %s: %s\n", h->spool, strerror(errno));
        return EX_CANTCREAT;
    }
    /* Everybody must reach submit.sock; what lies here has rights of its own. */
    if (made && chmod(h->spool, 0755) < 0)
        made = false;
    if (made && h->user.drop && chown(h->spool, h->user.uid, h->user.gid) < 0) {
        fprintf(stderr, "perigee: give spool %s to its user: %s\n", h->spool, strerror(errno));
        return EX_CANTCREAT;
    }
    if (!realpath(h->spool, real)) {
        fprintf(stderr, "perigee: spool %s: %s\n", h->spool, strerror(errno));
        return EX_CANTCREAT;
    }
    memcpy(h->spool, real, strlen(real) + 1);
    return 0;
}

/* Workers of an engine that was just killed hold the lock a moment longer; an
 * engine that lives holds it for good. */
static int lock_spool(struct house *h)
{
    struct why why = { 0 };
    enum status st = ST_AGAIN;
    pid_t holder = 0;

    for (int i = 0; i < LOCK_TRIES; i++) {
        user_act(&h->user);
        st = lock_take(h->spool, true, &h->lock, &holder, &why);
        user_act_end();
        if (st != ST_AGAIN || (holder > 0 && (kill(holder, 0) == 0 || errno == EPERM)))
            break;
        poll(NULL, 0, LOCK_WAIT_MS);
    }
    if (st == ST_OK)
        return 0;
    complain(why.text);
    return st == ST_AGAIN ? EX_UNAVAILABLE : EX_CANTCREAT;
}

static int open_ports(struct house *h)
{
    struct str_list listen_list = h->facts.listen;
    struct why why = { 0 };

    if (ports_open(h, &listen_list, &why) == ST_OK && ports_unix(h, "submit.sock", 0666, &h->submit, &why) == ST_OK
        && control_open(h, &why) == ST_OK) {
        ports_backlog(h, &h->facts);
        return 0;
    }
    complain(why.text);
    return EX_OSERR;
}

static unsigned cores(void)
{
    long n = sysconf(_SC_NPROCESSORS_ONLN);

    return n < 1 ? 1 : n > WORKERS_MAX ? WORKERS_MAX : (unsigned)n;
}

static int make_shared(struct house *h)
{
    int64_t wanted = h->c->workers ? h->c->workers : h->facts.workers;

    if (wanted < 0 || wanted > WORKERS_MAX) {
        fprintf(stderr, "perigee: workers: 1 to %d\n", WORKERS_MAX);
        return EX_CONFIG;
    }
    h->workers = wanted ? (unsigned)wanted : cores();
    h->shared = shared_new(h->workers);
    for (unsigned i = 0; i < h->workers; i++)
        if ((h->wake[i] = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) < 0) {
            fprintf(stderr, "perigee: eventfd: %s\n", strerror(errno));
            return EX_OSERR;
        }
    shards_scan(h);
    staff_init(h);
    return 0;
}

int begin_house(struct house *h)
{
    static int (*const step[])(struct house *h) = {
        read_rules, choose_spool, become_who, make_spool, lock_spool, open_ports, make_shared,
    };
    int status = 0;

    for (size_t i = 0; i < sizeof step / sizeof *step && status == 0; i++)
        status = step[i](h);
    if (status == 0)
        fix_facts(h);
    return status;
}
