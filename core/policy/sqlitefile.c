/*
 * sqlitefile - ask an SQLite database (lookup.sqlite)
 *
 * A connection serves one question at a time and is kept for the next; it is given
 * up when the file at its path is another one. The SQL is the site's, its parameters
 * are bound and never text of it (P5). Read-only unless asked otherwise; another file
 * cannot be attached; a question ends when nobody waits for it any more. Busy is "cannot find
 * out".
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/fault.h"
#include "policy/beneath.h"
#include "policy/look.h"

enum { IDLE_MAX = 16, STEPS = 1000, ROWS_MAX = 10000, COLUMNS_MAX = 100, PATH_ROOM = 4096, BUSY_STEP_MS = 5 };

struct connection {
    struct connection *next;
    sqlite3 *db;
    bool write;
    dev_t dev;
    ino_t ino;
    struct look *now;           /* the question it answers */
    int64_t waited_ms;
    char path[];
};

/* File-scope: connections are as good for one thread and generation as for another. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct connection *idle;
static unsigned idle_n;

static void connection_close(struct connection *c)
{
    sqlite3_close_v2(c->db);
    free(c);
}

/* ---- what SQLite asks us */

static bool given_up(const struct connection *c)
{
    return c->now->gone && atomic_load(c->now->gone);
}

static int on_progress(void *ctx)
{
    return given_up(ctx);
}

static int on_busy(void *ctx, int times)
{
    struct connection *c = ctx;
    struct timespec step = { .tv_nsec = BUSY_STEP_MS * 1000000L };

    (void)times;
    if (c->waited_ms >= c->now->busy_ms || given_up(c))
        return 0;
    nanosleep(&step, NULL);
    c->waited_ms += BUSY_STEP_MS;
    return 1;
}

/* No other file, and no switches: what a statement may reach is this database. */
static int on_authorize(void *ctx, int action, const char *a, const char *b, const char *db, const char *trigger)
{
    (void)ctx, (void)a, (void)b, (void)db, (void)trigger;
    return action == SQLITE_ATTACH || action == SQLITE_DETACH || action == SQLITE_PRAGMA ? SQLITE_DENY : SQLITE_OK;
}

/* ---- connections */

static struct connection *connection_idle(const char *path, bool write, const struct stat *st)
{
    struct connection **at = &idle, *c;

    pthread_mutex_lock(&lock);
    while ((c = *at)) {
        if (strcmp(c->path, path) != 0 || c->write != write) {
            at = &c->next;
            continue;
        }
        *at = c->next;
        idle_n--;
        if (c->dev == st->st_dev && c->ino == st->st_ino)
            break;
        connection_close(c);
    }
    pthread_mutex_unlock(&lock);
    return c;
}

static void connection_keep(struct connection *c)
{
    struct connection **last = &idle, *oldest = NULL;

    c->now = NULL;
    pthread_mutex_lock(&lock);
    c->next = idle;
    idle = c;
    if (++idle_n > IDLE_MAX) {
        while ((*last)->next)
            last = &(*last)->next;
        oldest = *last;
        *last = NULL;
        idle_n--;
    }
    pthread_mutex_unlock(&lock);
    if (oldest)
        connection_close(oldest);
}

static struct connection *connection_new(const char *path, bool write, const struct stat *st, struct why *why)
{
    struct connection *c = calloc(1, sizeof *c + strlen(path) + 1);
    int flags = (write ? SQLITE_OPEN_READWRITE : SQLITE_OPEN_READONLY) | SQLITE_OPEN_NOMUTEX;

    if (!c)
        die("out of memory: %s", path);
    memcpy(c->path, path, strlen(path) + 1);
    c->write = write;
    c->dev = st->st_dev;
    c->ino = st->st_ino;
    if (FAULT(OPEN) || sqlite3_open_v2(path, &c->db, flags, NULL) != SQLITE_OK) {
        why_set(why, ST_AGAIN, "open %s: %s", path, c->db ? sqlite3_errmsg(c->db) : "no memory");
        connection_close(c);
        return NULL;
    }
    /* The file may have been made by others: its schema is data. */
    sqlite3_db_config(c->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    sqlite3_db_config(c->db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
    sqlite3_limit(c->db, SQLITE_LIMIT_LENGTH, LOOK_VALUE_MAX);
    sqlite3_limit(c->db, SQLITE_LIMIT_ATTACHED, 0);
    sqlite3_set_authorizer(c->db, on_authorize, NULL);
    sqlite3_progress_handler(c->db, STEPS, on_progress, c);
    sqlite3_busy_handler(c->db, on_busy, c);
    return c;
}

/* The file's own name, links resolved. The descriptor is of the name only: closing one that was opened for
 * reading would take away the locks that other threads' connections hold on the file (POSIX). */
static enum status real_path(struct look *l, char *path, struct stat *st, struct why *why)
{
    char link[64];
    ssize_t n = -1;
    int fd = beneath_open(l->path, l->below, O_PATH);

    if (fd < 0)
        return why_errno(why, ST_AGAIN, "open %s", l->path);
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    if (fstat(fd, st) == 0)
        n = readlink(link, path, PATH_ROOM - 1);
    close(fd);
    if (n < 0)
        return why_errno(why, ST_AGAIN, "open %s", l->path);
    path[n] = 0;
    if (!S_ISREG(st->st_mode))
        return why_set(why, ST_AGAIN, "%s is no plain file", l->path);
    return ST_OK;
}

static struct connection *connection_for(struct look *l, struct why *why)
{
    bool write = l->flags & LOOK_WRITE;
    struct connection *c;
    char path[PATH_ROOM];
    struct stat st;

    if (real_path(l, path, &st, why) != ST_OK)
        return NULL;
    c = connection_idle(path, write, &st);
    if (!c)
        c = connection_new(path, write, &st, why);
    if (c) {
        c->now = l;
        c->waited_ms = 0;
    }
    return c;
}

/* ---- one statement */

static enum status said(struct connection *c, const struct look *l, struct why *why)
{
    if (given_up(c))
        return why_set(why, ST_AGAIN, "%s: nobody waits any more", l->path);
    if (sqlite3_errcode(c->db) == SQLITE_BUSY || sqlite3_errcode(c->db) == SQLITE_LOCKED)
        return why_set(why, ST_AGAIN, "%s is busy: another program has it locked", l->path);
    return why_set(why, ST_AGAIN, "%s: %s", l->path, sqlite3_errmsg(c->db));
}

/* A parameter begins with its type: s text, n number; p NULL is NULL. */
static int bind_one(sqlite3_stmt *s, int at, struct str p)
{
    int64_t whole;
    double number;
    char text[64];

    if (!p.p)
        return sqlite3_bind_null(s, at);
    if (p.p[0] == 's')
        return sqlite3_bind_text64(s, at, p.p + 1, p.n - 1, SQLITE_TRANSIENT, SQLITE_UTF8);
    snprintf(text, sizeof text, "%.*s", STR_ARG(str_from(p, 1)));
    number = strtod(text, NULL);
    whole = number >= -9e15 && number <= 9e15 ? (int64_t)number : 0;
    return (double)whole == number ? sqlite3_bind_int64(s, at, whole) : sqlite3_bind_double(s, at, number);
}

static enum status bind_all(struct connection *c, sqlite3_stmt *s, const struct look *l, struct why *why)
{
    size_t n = (size_t)sqlite3_bind_parameter_count(s);

    /* A list has one subject, and it stands wherever the query asks for it. */
    if (n != l->nkeys && !(l->flags & LOOK_EVERY && l->nkeys == 1))
        return why_set(why, ST_AGAIN, "%s: the query has %zu places for parameters, and %zu are given", l->path, n, l->nkeys);
    for (size_t i = 0; i < n; i++)
        if (bind_one(s, (int)i + 1, l->key[l->flags & LOOK_EVERY ? 0 : i]) != SQLITE_OK)
            return said(c, l, why);
    return ST_OK;
}

static struct str cell(struct look *l, sqlite3_stmt *s, int column)
{
    const char *p;

    if (sqlite3_column_type(s, column) == SQLITE_NULL)
        return (struct str){ 0 };
    p = sqlite3_column_blob(s, column);
    return arena_dup(l->arena, (struct str){ p ? p : "", (size_t)sqlite3_column_bytes(s, column) });
}

/* Every cell of every row, after one row of names. */
static enum status take_rows(struct connection *c, sqlite3_stmt *s, struct look *l, struct why *why)
{
    int columns = sqlite3_column_count(s), rc;
    struct buf cells = { 0 };
    enum status st = ST_OK;
    size_t bytes = 0;
    struct str v;

    if (columns > COLUMNS_MAX)
        return why_set(why, ST_AGAIN, "%s: more than %d columns", l->path, COLUMNS_MAX);
    for (int i = 0; i < columns; i++) {
        v = arena_dup(l->arena, str_of(sqlite3_column_name(s, i)));
        buf_add(&cells, (struct str){ (const char *)&v, sizeof v });
    }
    while ((rc = sqlite3_step(s)) == SQLITE_ROW && st == ST_OK) {
        for (int i = 0; i < columns; i++) {
            v = cell(l, s, i);
            bytes += v.n;
            buf_add(&cells, (struct str){ (const char *)&v, sizeof v });
        }
        if (++l->rows > ROWS_MAX || bytes > LOOK_VALUE_MAX)
            st = why_set(why, ST_AGAIN, "%s: the answer has more than %d rows or %d bytes", l->path, ROWS_MAX, LOOK_VALUE_MAX);
    }
    if (st == ST_OK && rc != SQLITE_DONE)
        st = said(c, l, why);
    l->columns = (size_t)columns;
    l->cell = arena_array(l->arena, struct str, cells.n / sizeof v + 1);
    memcpy(l->cell, buf_str(&cells).p, cells.n);
    buf_free(&cells);
    return st;
}

/* Exim's text of an answer: one column is itself; of several each is name=value, quoted where it needs it. */
static void add_named(struct buf *out, struct str name, struct str value)
{
    bool quote = value.n == 0;

    for (size_t i = 0; i < value.n; i++)
        if (memchr(" \t\r\n\"", value.p[i], 5))
            quote = true;
    buf_add(out, name);
    buf_byte(out, '=');
    if (quote)
        buf_byte(out, '"');
    for (size_t i = 0; i < value.n; i++) {
        if (quote && (value.p[i] == '"' || value.p[i] == '\\'))
            buf_byte(out, '\\');
        buf_byte(out, value.p[i]);
    }
    if (quote)
        buf_byte(out, '"');
    buf_byte(out, ' ');
}

static void make_text(struct look *l)
{
    struct buf out = { 0 };

    for (size_t row = 1; row <= l->rows; row++) {
        if (row > 1)
            buf_byte(&out, '\n');
        for (size_t i = 0; i < l->columns; i++) {
            struct str v = l->cell[row * l->columns + i];

            if (!v.p)
                v = STR("");
            if (l->columns == 1)
                buf_add(&out, v);
            else
                add_named(&out, l->cell[i], v);
        }
    }
    l->value = arena_dup(l->arena, buf_str(&out));
    buf_free(&out);
}

static enum status run(struct connection *c, sqlite3_stmt *s, struct look *l, struct why *why)
{
    enum status st = bind_all(c, s, l, why);

    if (st == ST_OK)
        st = take_rows(c, s, l, why);
    if (st != ST_OK)
        return st;
    if (l->columns == 0) {              /* it changed something, and says how many rows */
        l->value = arena_printf(l->arena, "%d", sqlite3_changes(c->db));
        return ST_OK;
    }
    if (l->rows == 0)
        return ST_NONE;
    if (!(l->flags & LOOK_ROWS))
        make_text(l);
    return ST_OK;
}

look_fn sqlitefile_look;
enum status sqlitefile_look(struct look *l, struct why *why)
{
    struct connection *c = connection_for(l, why);
    sqlite3_stmt *s = NULL;
    const char *rest = NULL;
    enum status st;

    if (!c)
        return ST_AGAIN;
    if (sqlite3_prepare_v2(c->db, l->query.p, (int)l->query.n, &s, &rest) != SQLITE_OK || !s)
        st = s || sqlite3_errcode(c->db) != SQLITE_OK ? said(c, l, why) : why_set(why, ST_AGAIN, "%s: the query is empty", l->path);
    else if (str_trim((struct str){ rest, (size_t)(l->query.p + l->query.n - rest) }).n > 0)
        st = why_set(why, ST_AGAIN, "%s: a query is one statement", l->path);
    else
        st = run(c, s, l, why);
    sqlite3_finalize(s);
    /* What was begun and not ended would hold its locks. */
    if (!sqlite3_get_autocommit(c->db))
        connection_close(c);
    else
        connection_keep(c);
    return st;
}
