/*
 * ledger_spec - nothing that was answered is lost, whatever fails or dies (P1, R1.1, R2.11)
 *
 * A child works on a spool and tells over a pipe what it means to do and what
 * was answered. It is killed, crashes at a named point, or has its n-th
 * storage call fail. Then the spool is opened again and held against the
 * ledger: what was answered is there with its bytes and a state no older than
 * the last one answered; what was answered as ended is not there; no id came
 * twice. The ledger goes on over many such lives of one spool. SEED= in the
 * environment gives other lives.
 */
#include <errno.h>
#include <ftw.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/clock.h"
#include "base/map.h"
#include "spool/spool.h"
#include "power.h"

enum { UNDER_WAY = 12, LARGE = 200000, SEGMENT = 1 << 20, ONE = 3, TWO = 5 };

enum said { SAID_DRAFT, SAID_COMMIT, SAID_KEPT, SAID_REFUSED, SAID_STATE, SAID_STATE_KEPT, SAID_END, SAID_ENDED };
struct line { enum said what; struct msg_id id; uint32_t size, version; };

/* ---- what a message looks like: everything follows from its id */

static uint32_t hash(struct msg_id id)
{
    uint32_t h = 2166136261u;

    for (int i = 0; i < MSG_ID_LEN; i++)
        h = (h ^ (unsigned char)id.s[i]) * 16777619u;
    return h;
}

static void fill(struct msg_id id, char *p, size_t n)
{
    uint32_t h = hash(id);

    for (size_t i = 0; i < n; i++) {
        h = h * 1664525u + 1013904223u;
        p[i] = (char)(h >> 24);
    }
}

/* ---- the child */

struct mine { struct msg_id id; uint32_t version; bool busy; };
static struct {
    struct loop *l;
    struct spool *sp;
    int out;
    unsigned under_way;
    struct mine *v;
    size_t n;
    uint32_t rnd;
    unsigned home;          /* 0: one shard; else the one of two that messages are moved to */
} kid;
struct doing { struct line line; };

static uint32_t below(uint32_t n)
{
    kid.rnd = kid.rnd * 1664525u + 1013904223u;
    return (uint32_t)((uint64_t)(kid.rnd >> 8) * n >> 24);
}

static void say(enum said what, struct msg_id id, uint32_t size, uint32_t version)
{
    struct line l;

    memset(&l, 0, sizeof l);
    l = (struct line){ what, id, size, version };
    if (write(kid.out, &l, sizeof l) != sizeof l)
        _exit(4);
}

static struct mine *mine_of(struct msg_id id)
{
    for (size_t i = 0; i < kid.n; i++)
        if (!strcmp(kid.v[i].id.s, id.s))
            return &kid.v[i];
    return NULL;
}

static void add_mine(struct msg_id id, uint32_t version)
{
    kid.v = realloc(kid.v, (kid.n + 1) * sizeof *kid.v);
    kid.v[kid.n++] = (struct mine){ id, version, false };
}

static void done(void *ctx, enum status st, const struct why *why)
{
    struct doing *d = ctx;
    struct mine *m = mine_of(d->line.id);

    (void)why;
    kid.under_way--;
    if (m)
        m->busy = false;
    switch (d->line.what) {
    case SAID_COMMIT:
        say(st == ST_OK ? SAID_KEPT : SAID_REFUSED, d->line.id, d->line.size, 0);
        if (st == ST_OK)
            add_mine(d->line.id, 0);
        break;
    case SAID_STATE:
        if (st == ST_OK)
            say(SAID_STATE_KEPT, d->line.id, 0, d->line.version);
        break;
    default:
        if (st == ST_OK) {
            say(SAID_ENDED, d->line.id, 0, 0);
            if (m)
                *m = kid.v[--kid.n];
        }
    }
    free(d);
}

static struct doing *doing(enum said what, struct msg_id id, uint32_t size, uint32_t version)
{
    struct doing *d = calloc(1, sizeof *d);

    d->line = (struct line){ what, id, size, version };
    say(what, id, size, version);
    kid.under_way++;
    return d;
}

static void child_commit(void)
{
    static char body[LARGE * 2];
    uint32_t size = below(kid.home ? 6 : 20) == 0 ? LARGE + below(LARGE) : below(30000);
    char blob[16] = "0";
    struct draft *d;
    struct spool_entry e = { .received = 1000, .state = { .next_try = 5, .pending = 1, .blob = { blob, 1 } } };
    struct msg_id id;

    if (spool_draft(kid.sp, &d, NULL) != ST_OK)
        return;
    id = draft_id(d);
    say(SAID_DRAFT, id, size, 0);
    fill(id, body, size);
    for (uint32_t at = 0, n; at < size; at += n) {
        n = size - at < 70000 ? size - at : 70000;
        if (draft_add(d, (struct str){ body + at, n }, NULL) != ST_OK) {
            draft_drop(d);
            return;
        }
    }
    e.envelope = str_of(id.s);
    e.header = STR("Subject: ledger\r\n");
    e.summary = str_of(id.s);
    spool_commit(kid.sp, d, &e, done, doing(SAID_COMMIT, id, size, 0));
}

/* ending: mostly ends, so that segments empty and go round. */
static void child_step(bool ending)
{
    uint32_t what = ending ? 4 + below(6) : below(kid.home ? 7 : 10);     /* moves want something that lies there */
    struct mine *m = kid.n ? &kid.v[below((uint32_t)kid.n)] : NULL;
    char blob[16];

    if (what < 4 || !m || m->busy) {
        if (!ending)
            child_commit();
        return;
    }
    m->busy = true;
    if (what < 6) {
        int n = snprintf(blob, sizeof blob, "%u", ++m->version);
        struct spool_state s = { .next_try = m->version, .flags = SPOOL_BOUNCE, .pending = 1, .blob = { blob, (size_t)n } };

        spool_update(kid.sp, m->id, &s, done, doing(SAID_STATE, m->id, 0, m->version));
    } else {
        spool_update(kid.sp, m->id, &(struct spool_state){ .gone = true }, done, doing(SAID_END, m->id, 0, 0));
    }
}

/* State's version is in next_try, so that a row tells it. */
static void known(void *ctx, const struct spool_row *r)
{
    (void)ctx;
    if (!(r->flags & SPOOL_DAMAGED))
        add_mine(r->id, r->flags & SPOOL_BOUNCE ? (uint32_t)r->next_try : 0);
}

/* Two shards: one may have to be taken before the other. */
static enum status take_both(struct spool *sp, unsigned home, struct why *why)
{
    enum status one = spool_take(sp, ONE, why), two = spool_take(sp, TWO, why);

    if (one != ST_OK)
        one = spool_take(sp, ONE, why);
    spool_set_home(sp, home, true);
    return one != ST_OK ? one : two;
}

static enum status open_spool(struct loop *l, const char *dir, unsigned home, struct spool **sp, struct why *why)
{
    struct spool_config c = { .dir = dir, .segment_size = SEGMENT, .reserve_bytes = 1 };
    enum status st = spool_open(l, &c, sp, why);

    if (st != ST_OK)
        return st;
    st = home ? take_both(*sp, home, why) : spool_take(*sp, ONE, why);
    if (st == ST_OK && !home)
        spool_set_home(*sp, ONE, true);
    if (st != ST_OK)
        spool_close(*sp);
    return st;
}

/* ---- moving to the home shard, in the midst of everything else */

static void moved(void *ctx, enum status st, const struct why *why)
{
    (void)ctx, (void)st, (void)why;
    kid.under_way--;
}

static void child_moves(void)
{
    for (uint32_t n = below(4); n > 0 && kid.n; n--) {
        kid.under_way++;
        spool_move(kid.sp, kid.v[below((uint32_t)kid.n)].id, moved, NULL);
    }
}

static void move_row(void *ctx, const struct spool_row *r)
{
    (void)ctx;
    kid.under_way++;
    spool_move(kid.sp, r->id, moved, NULL);
}

static void drain_other(void)
{
    unsigned other = ONE + TWO - kid.home;

    for (int i = 0; i < 20; i++) {
        spool_list_of(kid.sp, other, (struct msg_id){ "" }, SIZE_MAX, move_row, NULL);
        while (kid.under_way)
            loop_turn(kid.l, 1000);
        if (spool_remove_shard(kid.sp, other, NULL) == ST_OK)
            return;
    }
}

static void give_compaction_time(bool much)
{
    struct spool_stats st;

    for (int i = 0; i < (much ? 100 : 1); i++) {
        usleep(4000);
        spool_stats(kid.sp, &st);
        if (st.segments <= 6)
            break;
    }
}

static int child(const char *dir, const char *steps, const char *seed, const char *fd, const char *home)
{
    struct why why;

    kid.out = atoi(fd);
    kid.rnd = (uint32_t)atol(seed);
    kid.home = (unsigned)atoi(home);
    if (getenv("POWER_CUT"))
        power_begin(dir, getenv("POWER_CUT"));
    kid.l = loop_new();
    if (open_spool(kid.l, dir, kid.home, &kid.sp, &why) != ST_OK) {
        fprintf(stderr, "    (%s)\n", why.text);
        return 3;
    }
    spool_list(kid.sp, (struct msg_id){ "" }, SIZE_MAX, known, NULL);
    if (kid.home)
        spool_list_of(kid.sp, ONE + TWO - kid.home, (struct msg_id){ "" }, 25, move_row, NULL);
    for (int n = atoi(steps), i = 0; i < n; i++) {
        while (kid.under_way >= UNDER_WAY)
            loop_turn(kid.l, 1000);
        child_step(kid.home ? kid.n > 40 : n >= 1000 ? i > n / 2 : i % 400 > 250 || i > n / 3 * 2);
        if (kid.home && i % 8 == 0)
            child_moves();
        loop_turn(kid.l, 0);
    }
    while (kid.under_way)
        loop_turn(kid.l, 1000);
    if (kid.home)
        drain_other();
    give_compaction_time(atoi(steps) >= 500);
    spool_close(kid.sp);
    loop_turn(kid.l, 0);
    return 0;
}

/* ---- the ledger */

struct account {
    uint32_t size, version, meant_version;
    bool meant, kept, meant_end, ended, seen;
};
static struct {
    char dir[64];
    struct map *map;
    unsigned kept, lives;
    unsigned home;
    const char *power;      /* when it is cut */
    const char *life;       /* what happened in it, for messages */
} book;

static struct account *account_of(struct msg_id id, bool make)
{
    struct account *a = map_get(book.map, str_of(id.s));

    if (!a && make) {
        a = calloc(1, sizeof *a);
        map_put(book.map, str_of(id.s), a);
    }
    return a;
}

static void enter(const struct line *l)
{
    struct account *a;

    if (l->what == SAID_DRAFT) {
        if (account_of(l->id, false))
            fail_msg("the id %s was given twice", l->id.s);
        account_of(l->id, true)->size = l->size;
        return;
    }
    a = account_of(l->id, true);
    switch (l->what) {
    case SAID_COMMIT: a->meant = true; a->size = l->size; break;
    case SAID_KEPT: a->kept = true; book.kept++; break;
    case SAID_STATE: a->meant_version = l->version; break;
    case SAID_STATE_KEPT: a->version = l->version; break;
    case SAID_END: a->meant_end = true; break;
    case SAID_ENDED: a->ended = true; break;
    default: break;
    }
}

struct holding { struct spool *sp; };

static void hold_row(void *ctx, const struct spool_row *r)
{
    struct spool *sp = ctx;
    struct account *a = account_of(r->id, false);
    struct arena arena = { 0 };
    struct spool_msg m;
    struct why why;
    uint32_t version;
    char *body, *want;

    if (!a || !a->meant)
        fail_msg("%s was never given to the spool", r->id.s);
    if (a->ended)
        fail_msg("%s had ended and came back after %s", r->id.s, book.life);
    if (a->seen)
        fail_msg("%s is there twice after %s", r->id.s, book.life);
    a->seen = true;
    if (spool_load(sp, r->id, &arena, &m, &why) != ST_OK) {
        if (!a->kept)
            goto out;       /* half a message that was never answered, set aside */
        fail_msg("%s cannot be loaded: %s, after %s", r->id.s, why.text, book.life);
    }
    assert_int_equal(m.body_size, a->size);
    assert_true(str_same(m.envelope, str_of(r->id.s)));
    assert_true(str_same(m.header, STR("Subject: ledger\r\n")));
    version = (uint32_t)atoi(arena_z(&arena, m.state.blob));
    if (version < a->version || version > a->meant_version)
        fail_msg("%s has state %u, answered was %u, asked for %u, after %s", r->id.s, version, a->version, a->meant_version, book.life);
    body = malloc(a->size + 1);
    want = malloc(a->size + 1);
    fill(r->id, want, a->size);
    for (uint64_t at = 0; at < a->size;) {
        ssize_t n = spool_body_read(m.body, at, body + at, 50000);

        assert_true(n > 0);
        at += (uint64_t)n;
    }
    if (memcmp(body, want, a->size))
        fail_msg("%s has another body", r->id.s);
    free(body);
    free(want);
    spool_body_close(m.body);
out:
    arena_free(&arena);
}

static void hold_against(void)
{
    struct loop *l = loop_new();
    struct spool *sp;
    struct why why;
    size_t at = 0;
    struct str key;
    void *p;

    if (open_spool(l, book.dir, book.home, &sp, &why) != ST_OK)
        fail_msg("cannot be opened again: %s", why.text);
    while (map_next(book.map, &at, &key, &p))
        ((struct account *)p)->seen = false;
    at = spool_list(sp, (struct msg_id){ "" }, SIZE_MAX, hold_row, sp);
    if (at != spool_count(sp))
        fail_msg("%zu messages lie in %d places after %s", at, (int)spool_count(sp), book.life);
    at = 0;
    while (map_next(book.map, &at, &key, &p)) {
        const struct account *a = p;

        if (a->kept && !a->meant_end && !a->seen)
            fail_msg("%.*s was answered and is lost, after %s", STR_ARG(key), book.life);
    }
    spool_close(sp);
    loop_turn(l, 0);
    loop_free(l);
}

static int drop(const char *path, const struct stat *st, int flag, struct FTW *f)
{
    (void)st, (void)flag, (void)f;
    return remove(path);
}

static void remove_index(void)
{
    char path[128];

    for (unsigned n = ONE; n <= TWO; n += TWO - ONE) {
        snprintf(path, sizeof path, "%s/shard-%03u/index.mdb", book.dir, n);
        unlink(path);
    }
}

/* One life of the child. kill_after: lines it has said, 0: it ends by itself.
 * Returns its exit status, 137 for a death. */
static int live(int steps, const char *fault, const char *crash, int kill_after)
{
    char self[256], arg[4][32];
    int fds[2], status;
    struct line l;
    ssize_t n;
    pid_t pid;

    self[n = readlink("/proc/self/exe", self, sizeof self - 1)] = '\0';
    assert_int_equal(pipe(fds), 0);
    book.life = fault ? fault : crash ? crash : book.power ? book.power : "kill";
    snprintf(arg[0], 32, "%d", steps);
    snprintf(arg[1], 32, "%u", (getenv("SEED") ? (unsigned)atoi(getenv("SEED")) : 77) + book.lives++);
    snprintf(arg[2], 32, "%d", fds[1]);
    snprintf(arg[3], 32, "%u", book.home);
    pid = fork();
    if (pid == 0) {
        if (fault)
            setenv("PERIGEE_FAULT", fault, 1);
        if (crash)
            setenv("PERIGEE_CRASH", crash, 1);
        if (book.power)
            setenv("POWER_CUT", book.power, 1);
        close(fds[0]);
        execl(self, self, "child", book.dir, arg[0], arg[1], arg[2], arg[3], (char *)NULL);
        _exit(5);
    }
    close(fds[1]);
    for (int lines = 1; (n = read(fds[0], &l, sizeof l)) == sizeof l; lines++) {
        enter(&l);
        if (lines == kill_after)
            kill(pid, SIGKILL);
    }
    close(fds[0]);
    waitpid(pid, &status, 0);
    status = WIFEXITED(status) ? WEXITSTATUS(status) : 137;
    if (book.power)
        remove_index();         /* of another boot, and nothing to rely on */
    hold_against();
    if (book.lives % 2) {
        remove_index();
        hold_against();
    }
    return status;
}

static int begin(void **state)
{
    (void)state;
    strcpy(book.dir, "/tmp/perigee-ledger.XXXXXX");
    if (!mkdtemp(book.dir))
        return -1;
    book.map = map_new();
    book.kept = 0;
    book.home = 0;
    book.power = NULL;
    return 0;
}

static int end(void **state)
{
    size_t at = 0;
    struct str key;
    void *p;

    (void)state;
    nftw(book.dir, drop, 16, FTW_DEPTH | FTW_PHYS);
    while (map_next(book.map, &at, &key, &p))
        free(p);
    map_free(book.map);
    return 0;
}

/* ---- the cases */

static void left_alone(void **state)
{
    (void)state;
    assert_int_equal(live(600, NULL, NULL, 0), 0);
    assert_true(book.kept > 100);
    assert_int_equal(live(300, NULL, NULL, 0), 0);
}

static void killed(void **state)
{
    static const int after[] = { 150, 400, 221, 703, 311, 1555, 900, 27 };

    (void)state;
    for (size_t i = 0; i < sizeof after / sizeof *after; i++)
        live(100000, NULL, NULL, after[i]);
    assert_true(book.kept > 100);
}

/* Every named place of the room; passages so that early and late ones are met. */
static const struct { const char *point; int steps; } places[] = {
    { "spool.segment.made:1", 50 }, { "spool.heads.written:2", 300 },
    { "spool.segment.begun:2", 300 }, { "spool.roll:2", 300 }, { "spool.roll:4", 500 },
    { "spool.commit.write:9", 200 }, { "spool.commit.written:1", 50 }, { "spool.commit.written:21", 300 },
    { "spool.commit.flushed:1", 50 }, { "spool.commit.flushed:30", 300 }, { "spool.commit.indexed:17", 300 },
    { "spool.commit.answer:25", 300 }, { "spool.index.commit:12", 300 }, { "spool.index.commit:40", 500 },
    { "spool.seal.directory:1", 300 }, { "spool.seal.foot:2", 400 }, { "spool.seal.flushed:2", 400 },
    { "spool.free:1", 500 }, { "spool.free.flushed:1", 500 }, { "spool.free.flushed:2", 600 },
    { "spool.compact.read:1", 500 }, { "spool.compact.read:4", 600 }, { "spool.compact.empty:1", 600 },
    { "spool.body.written:2", 300 }, { "spool.body.flushed:3", 300 }, { "spool.body.named:3", 300 },
    { "spool.body.stable:2", 300 }, { "spool.body.unlink:2", 500 }, { "spool.take.read:1", 10 },
    { "spool.take.recovered:1", 10 }, { "spool.recover.indexed:1", 10 }, { "spool.segment.unlink:1", 1500 },
    { "spool.close:1", 60 },
};

static void crashed(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        int st = 0;

        for (int tries = 1; st == 0 && tries <= 4; tries++)
            st = live(places[i].steps * tries, NULL, places[i].point, 0);
        if (st != 137)
            fail_msg("never came to %s (exit %d)", places[i].point, st);
    }
}

static void crashed_rebuilding(void **state)
{
    static const char *const points[] = { "spool.rebuild:1", "spool.rebuild.half:1", "spool.rebuild.half:2" };

    (void)state;
    live(200, NULL, NULL, 0);
    for (size_t i = 0; i < sizeof points / sizeof *points; i++) {
        remove_index();
        assert_int_equal(live(50, NULL, points[i], 0), 137);
    }
}

static const char *const faults[] = {
    "write:1", "write:3:ENOSPC", "write:7", "write:15", "write:30:ENOSPC", "write:60", "write:5+:ENOSPC", "write:40+",
    "flush:1", "flush:2", "flush:5", "flush:9", "flush:20", "flush:33", "flush:60", "flush:6+", "flush:25+",
    "lmdb:1", "lmdb:2", "lmdb:5", "lmdb:20", "lmdb:21", "lmdb:50", "lmdb:90", "lmdb:300", "lmdb:30+",
    "open:1", "open:2", "open:3", "open:5", "open:7", "open:9", "open:6+",
    "rename:1", "rename:2+", "unlink:1", "unlink:1+", "read:1", "read:2", "read:4", "read:3+", "read:60",
};

static void failing(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) {
        int st = live(250, faults[i], NULL, 0);

        if (st != 0 && st != 3)
            fail_msg("with %s it ended with %d", faults[i], st);
    }
}

/* Messages go to and fro between two shards: each life has the other as home.
 * A shard is removed when it is empty, and made again by the next life. */
static const char *const on_the_way[] = {
    "spool.move.marked:1", "spool.move.linked:1", "spool.move.linked:2", "spool.move.copied:1", "spool.move.copied:12",
    "spool.move.ended:1", "spool.move.ended:9", "spool.remove:1", "spool.removed:1", "spool.commit.written:30",
    "spool.commit.flushed:31", "spool.commit.flushed:44", "spool.commit.indexed:39",
};
static const char *const move_faults[] = {
    "flush:9", "flush:31", "flush:40", "flush:22+", "write:25", "write:44", "write:37+", "rename:1", "rename:2", "rename:3+",
    "open:5", "open:9", "open:14", "unlink:1", "unlink:2+", "lmdb:60", "lmdb:90+", "read:30", "read:50+",
};

static void other_home(void)
{
    book.home = ONE + TWO - book.home;
}

static void moved_and_crashed(void **state)
{
    static const int after[] = { 300, 151, 777, 420, 53, 610 };

    (void)state;
    book.home = ONE;
    for (int i = 0; i < 3; i++, other_home())
        assert_int_equal(live(200, NULL, NULL, 0), 0);
    for (size_t i = 0; i < sizeof on_the_way / sizeof *on_the_way; i++) {
        int st = 0;

        for (int tries = 1; st == 0 && tries <= 4; tries++, other_home())
            st = live(160 * tries, NULL, on_the_way[i], 0);
        if (st != 137)
            fail_msg("never came to %s (exit %d)", on_the_way[i], st);
        /* What a crash left in both is settled by whoever comes next. */
        if (i % 3 == 0)
            live(10, NULL, "spool.move.settled:1", 0);
    }
    for (size_t i = 0; i < sizeof after / sizeof *after; i++, other_home())
        live(100000, NULL, NULL, after[i]);
}

static void moved_and_failing(void **state)
{
    (void)state;
    book.home = ONE;
    assert_int_equal(live(300, NULL, NULL, 0), 0);
    for (size_t i = 0; i < sizeof move_faults / sizeof *move_faults; i++) {
        int st;

        other_home();
        st = live(130, move_faults[i], NULL, 0);
        if (st != 0 && st != 3)
            fail_msg("with %s it ended with %d", move_faults[i], st);
    }
}

/* The flush at which the power goes; what is lost follows from the number behind it. */
static void power_cut(void **state)
{
    static const int flushes[] = { 3, 40, 17, 71, 9, 110, 55, 25, 140, 90, 33, 180 };
    unsigned seed = getenv("SEED") ? (unsigned)atoi(getenv("SEED")) : 5;

    (void)state;
    assert_int_equal(live(200, NULL, NULL, 0), 0);
    for (size_t i = 0; i < sizeof flushes / sizeof *flushes; i++) {
        char when[32];

        snprintf(when, sizeof when, "%d:%u", flushes[i], seed + (unsigned)i * 7);
        book.power = when;
        book.home = i < 6 ? 0 : i % 2 ? TWO : ONE;
        if (live(4000, NULL, NULL, 0) != 137)
            fail_msg("never came to flush %s", when);
    }
    book.power = NULL;
    assert_true(book.kept > 100);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(left_alone, begin, end),
        cmocka_unit_test_setup_teardown(killed, begin, end),
        cmocka_unit_test_setup_teardown(crashed, begin, end),
        cmocka_unit_test_setup_teardown(crashed_rebuilding, begin, end),
        cmocka_unit_test_setup_teardown(failing, begin, end),
        cmocka_unit_test_setup_teardown(power_cut, begin, end),
        cmocka_unit_test_setup_teardown(moved_and_crashed, begin, end),
        cmocka_unit_test_setup_teardown(moved_and_failing, begin, end),
    };

    if (argc == 7 && !strcmp(argv[1], "child"))
        return child(argv[2], argv[3], argv[4], argv[5], argv[6]);
    return cmocka_run_group_tests_name("what was answered survives: left alone, killed, crashed at each named place, with failing storage", tests, NULL, NULL);
}
