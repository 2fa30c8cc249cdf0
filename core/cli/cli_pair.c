#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "cli/cli_load.h"
#include "cli/cli_queue.h"
#include "local/pairfile.h"
#include "mail/pair.h"
#include "process/master.h"

/* queue export and queue import: Exim's -H and -D (mail/pair.h). */

enum { HEAD_MAX = 16 << 20, BODY_MAX = 1 << 28 };

/* ---- export, into the working directory */

static ssize_t spooled(void *ctx, uint64_t offset, char *p, size_t n)
{
    return spool_body_read(ctx, offset, p, n);
}

static bool write_pair(struct cli *c, struct msg_id id, const struct spool_msg *m, const struct txn *t)
{
    struct pairfile p = { .dir = AT_FDCWD, .id = id, .read = spooled, .ctx = m->body };
    struct buf b = { 0 };
    struct why why = { 0 };
    bool ok;

    pair_write(t, id, m->header, m->state.flags & SPOOL_FROZEN, &b);
    p.head = buf_str(&b);
    ok = pairfile_write(&p, &why) == ST_OK;
    if (!ok)
        cli_fail(c, 0, "%s", why.text);
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
