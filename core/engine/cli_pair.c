#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "engine/cli_load.h"
#include "engine/cli_queue.h"
#include "engine/master.h"
#include "mail/pair.h"

/* queue export and queue import: Exim's -H and -D (mail/pair.h). */

enum { HEAD_MAX = 16 << 20, BODY_MAX = 1 << 28 };

/* ---- export, into the working directory */

/* Exclusively: an export never writes over a file. */
static int create(struct cli *c, const char *name)
{
    int fd = open(name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0640);

    if (fd < 0)
        cli_fail(c, 0, "%s: %s", name, strerror(errno));
    return fd;
}

static bool write_all(int fd, struct str s)
{
    while (s.n > 0) {
        ssize_t n = write(fd, s.p, s.n);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        s = str_from(s, (size_t)n);
    }
    return true;
}

static bool close_file(struct cli *c, int fd, const char *name, bool ok)
{
    ok = ok && fsync(fd) == 0;
    ok = close(fd) == 0 && ok;
    if (!ok) {
        cli_fail(c, 0, "%s: %s", name, strerror(errno));
        unlink(name);
    }
    return ok;
}

/* CRLF lines become LF lines. */
static bool write_body(int fd, struct spool_body *body, struct msg_id id)
{
    struct buf b = { 0 };
    char part[65536];
    uint64_t at = 0;
    ssize_t n;
    bool ok;

    pair_body_head(id, &b);
    ok = write_all(fd, buf_str(&b));
    while (ok && (n = spool_body_read(body, at, part, sizeof part)) != 0) {
        if (n < 0) {
            ok = false;
            break;
        }
        buf_clear(&b);
        for (ssize_t i = 0; i < n; i++)
            if (part[i] != '\r')    /* our lines hold no CR but before LF (R3.1) */
                buf_byte(&b, part[i]);
        ok = write_all(fd, buf_str(&b));
        at += (uint64_t)n;
    }
    buf_free(&b);
    return ok;
}

/* -D first: a message is there for Exim once its -H is. */
static bool write_pair(struct cli *c, struct msg_id id, const struct spool_msg *m, const struct txn *t)
{
    const char *d = arena_printf(&c->arena, "%s-D", id.s).p, *h = arena_printf(&c->arena, "%s-H", id.s).p;
    struct buf b = { 0 };
    int fd = create(c, d);
    bool ok;

    if (fd < 0 || !close_file(c, fd, d, write_body(fd, m->body, id)))
        return false;
    fd = create(c, h);
    if (fd < 0) {
        unlink(d);
        return false;
    }
    pair_write(t, id, m->header, m->state.flags & SPOOL_FROZEN, &b);
    ok = close_file(c, fd, h, write_all(fd, buf_str(&b)));
    buf_free(&b);
    return ok;
}

static int export(struct cli *c, struct spool *sp, struct msg_id id)
{
    struct spool_msg m = { 0 };
    struct why why = { 0 };
    struct conn conn;
    struct txn *t;
    enum status st = spool_load(sp, id, &c->arena, &m, &why);
    bool ok = false;

    if (st != ST_OK)
        return cli_fail(c, st == ST_NONE ? CLI_NO : CLI_AGAIN, "%s: %s", id.s, why.text[0] ? why.text : "no such message");
    conn_init(&conn);
    t = txn_new(&conn);
    st = envelope_read(m.envelope, &conn, t, &why);
    if (st == ST_OK)
        st = envelope_state_read(m.state.blob, t, &why);
    if (st == ST_OK)
        ok = write_pair(c, id, &m, t);
    else
        cli_fail(c, 0, "%s: %s", id.s, why.text);
    txn_free(t);
    conn_free(&conn);
    spool_body_close(m.body);
    return ok ? CLI_YES : CLI_NO;
}

int cli_run_queue_export(struct cli *c)
{
    int status = CLI_YES, worst = CLI_YES;
    struct spool *sp = cli_peek(c, &status);
    struct msg_id id;

    if (!sp)
        return status;
    for (int i = 0; i < c->narg; i++) {
        status = cli_msg_id(c, c->arg[i], &id) ? export(c, sp, id) : EX_USAGE;
        if (status != CLI_YES)
            worst = status;
    }
    spool_close(sp);
    return worst;
}

/* ---- import: each pair is a message to the running engine, or to the spool if none runs */

struct import { struct cli *cli; struct offline *offline; };

static bool is_pair(const char *name)
{
    struct str s = str_of(name);

    return (s.n == 18 || s.n == 25) && str_ends(s, STR("-H"));
}

static bool read_body(struct arena *a, const char *path, const struct pair *p, struct str *body)
{
    size_t head = p->id.n + 3;      /* its own name and the LF */

    if (!cli_read_file(a, path, BODY_MAX, body) || body->n < head) {
        errno = errno ? errno : EINVAL;
        return false;
    }
    *body = str_from(*body, head);
    return true;
}

/* The header section, then the body, both in CRLF lines. */
static struct str whole(struct arena *a, const struct pair *p, struct str body)
{
    struct buf b = { 0 };
    struct str out;

    buf_add(&b, p->header);
    for (size_t i = 0; i < body.n; i++) {
        if (body.p[i] == '\n' && !p->wire)
            buf_byte(&b, '\r');
        buf_byte(&b, body.p[i]);
    }
    if (body.n > 0 && body.p[body.n - 1] != '\n')
        buf_add(&b, STR("\r\n"));
    out = arena_dup(a, buf_str(&b));
    buf_free(&b);
    return out;
}

/* As the spool keeps them. */
static void envelope_of(struct arena *a, const struct pair *p, struct str *envelope, struct str *state)
{
    struct buf b = { 0 };
    struct conn conn;
    struct txn *t;

    conn_init(&conn);
    t = txn_new(&conn);
    pair_fill(p, t);
    envelope_write(t, &b);
    *envelope = arena_dup(a, buf_str(&b));
    buf_clear(&b);
    envelope_state_write(t, &b);
    *state = arena_dup(a, buf_str(&b));
    buf_free(&b);
    txn_free(t);
    conn_free(&conn);
}

static enum status submit(struct import *im, const struct submission *s, struct msg_id *id, struct why *why)
{
    enum status st = im->offline ? ST_NONE : submit_call(cli_spool_dir(im->cli), s, id, why);

    if (st != ST_NONE)
        return st;
    if (!im->offline)
        im->offline = cli_offline_open(im->cli, why);
    return im->offline ? cli_offline_submit(im->offline, s, id, why) : ST_AGAIN;
}

/* Stored, then renamed: what was taken is not taken again when the rest is. */
static int hand_over(struct import *im, struct arena *a, const char *h, const struct pair *p, struct str body)
{
    struct cli *c = im->cli;
    struct submission s = { .message = whole(a, p, body), .header = p->header.n };
    struct msg_id id;
    struct why why = { 0 };
    enum status st;

    envelope_of(a, p, &s.envelope, &s.state);
    st = submit(im, &s, &id, &why);
    if (st != ST_OK)
        return cli_fail(c, st == ST_NEVER ? CLI_NO : CLI_AGAIN, "%s: %s", h, why.text);
    if (rename(h, arena_printf(a, "%s.imported", h).p) < 0)
        return cli_fail(c, CLI_NO, "%s is stored as %s but cannot be renamed: %s", h, id.s, strerror(errno));
    printf("%.*s %s\n", STR_ARG(p->id), id.s);
    return CLI_YES;
}

static int import(struct import *im, const char *dir, const char *name)
{
    struct cli *c = im->cli;
    struct arena a = { 0 };
    const char *h = arena_printf(&a, "%s/%s", dir, name).p;
    const char *d = arena_printf(&a, "%s/%.*s-D", dir, (int)strlen(name) - 2, name).p;
    struct str text, body;
    struct pair p;
    struct why why = { 0 };
    int status;

    if (!cli_read_file(&a, h, HEAD_MAX, &text))
        status = cli_fail(c, CLI_NO, "%s: %s", h, strerror(errno));
    else if (pair_read(&a, text, &p, &why) != ST_OK)
        status = cli_fail(c, CLI_NO, "%s: %s", h, why.text);
    else if (!read_body(&a, d, &p, &body))
        status = cli_fail(c, CLI_NO, "%s: %s", d, strerror(errno));
    else if (p.nrcpts == 0)
        status = cli_fail(c, CLI_NO, "%s: nobody is left to deliver to", h);
    else
        status = hand_over(im, &a, h, &p, body);
    arena_free(&a);
    return status;
}

int cli_run_queue_import(struct cli *c)
{
    struct import im = { .cli = c };
    struct dirent **names;
    int n = scandir(c->arg[0], &names, NULL, alphasort), status, worst = CLI_YES;

    if (n < 0)
        return cli_fail(c, EX_NOINPUT, "%s: %s", c->arg[0], strerror(errno));
    for (int i = 0; i < n; i++) {
        if (is_pair(names[i]->d_name)) {
            status = import(&im, c->arg[0], names[i]->d_name);
            if (status != CLI_YES)
                worst = status;
        }
        free(names[i]);
    }
    free(names);
    cli_offline_close(im.offline);
    return worst;
}
