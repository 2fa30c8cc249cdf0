#include <poll.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/cli_ask.h"
#include "cli/cli_load.h"
#include "process/master.h"

/* smtp: a session on standard input and output. The world it runs in keeps
 * messages in memory; unless it is hermetic, each is handed to the running engine
 * before its 250 is shown, so that 250 means stored here too. */

struct pipe {
    struct cli *cli;
    struct world *world;
    struct world_session *session;
    bool keep;                      /* there is an engine to hand messages to */
};

/* ---- handing over */

/* Whether the engine takes our word for who the client was (submit.h). Anybody
 * else's message is one of a local program: the engine's rules for those run. */
static bool is_trusted(struct pipe *p)
{
    struct stat st;

    return geteuid() == 0 || (stat(cli_spool_dir(p->cli), &st) == 0 && st.st_uid == geteuid());
}

static bool read_body(const struct spool_msg *m, struct buf *out)
{
    char part[16384];
    ssize_t n;

    while ((n = spool_body_read(m->body, out->n, part, sizeof part)) > 0)
        buf_add(out, (struct str){ part, (size_t)n });
    return n == 0;
}

/* As it is kept here: the session's rules have had it. */
static enum status hand_over_whole(struct pipe *p, struct msg_id id, const struct spool_msg *m, struct msg_id *stored, struct why *why)
{
    struct submission s = { .envelope = m->envelope, .state = m->state.blob, .header = m->header.n, .was = str_of(id.s) };
    struct buf body = { 0 }, text = { 0 };
    enum status st = ST_AGAIN;

    if (read_body(m, &body)) {
        buf_add(&text, m->header);
        buf_add(&text, buf_str(&body));
        s.message = buf_str(&text);
        st = submit_call(cli_spool_dir(p->cli), &s, stored, why);
    }
    buf_free(&body);
    buf_free(&text);
    return st;
}

static enum status hand_over_plain(struct pipe *p, struct arena *a, struct msg_id id, const struct spool_msg *m, struct msg_id *stored, struct why *why)
{
    struct submission s = { 0 };
    struct conn conn;
    struct txn *t;
    struct str *rcpts;
    enum status st = ST_AGAIN;

    conn_init(&conn);
    t = txn_new(&conn);
    if (envelope_read(m->envelope, &conn, t, why) == ST_OK && world_ops.message(p->world, str_of(id.s), a, &s.message)) {
        rcpts = arena_array(a, struct str, t->nrcpts + 1u);
        for (size_t i = 0; i < t->nrcpts; i++)
            rcpts[i] = t->rcpts[i].addr;
        s.sender = t->sender;
        s.rcpts = rcpts;
        s.nrcpts = t->nrcpts;
        st = submit_call(cli_spool_dir(p->cli), &s, stored, why);
    }
    txn_free(t);
    conn_free(&conn);
    return st;
}

static enum status hand_over(struct pipe *p, struct arena *a, struct msg_id id, struct msg_id *stored, struct why *why)
{
    struct spool_msg m = { 0 };
    enum status st;

    why_set(why, ST_AGAIN, "the message cannot be read again");
    if (spool_load(engine_spool(world_engine(p->world)), id, a, &m, NULL) != ST_OK)
        return ST_AGAIN;
    st = is_trusted(p) ? hand_over_whole(p, id, &m, stored, why) : hand_over_plain(p, a, id, &m, stored, why);
    spool_body_close(m.body);
    spool_update(engine_spool(world_engine(p->world)), id, &(struct spool_state){ .gone = true }, NULL, NULL);
    return st;
}

/* The id in "250 2.0.0 OK id=...", if the reply speaks of a message kept here. */
static bool kept_id(struct pipe *p, struct str reply, struct msg_id *id)
{
    size_t at = str_find_str(reply, STR("id="));
    struct spool_row row;
    struct arena a = { 0 };
    bool ours;

    if (!str_starts(reply, STR("250")) || at == SIZE_MAX || reply.n < at + 3 + MSG_ID_LEN)
        return false;
    memcpy(id->s, reply.p + at + 3, MSG_ID_LEN);
    id->s[MSG_ID_LEN] = '\0';
    ours = spool_row_get(engine_spool(world_engine(p->world)), *id, &row, &a);
    arena_free(&a);
    return ours;
}

static struct str settled_reply(struct pipe *p, struct arena *a, struct str reply)
{
    struct msg_id id, stored;
    struct why why = { 0 };

    if (!p->keep || !kept_id(p, reply, &id))
        return reply;
    switch (hand_over(p, a, id, &stored, &why)) {
    case ST_OK:
        return arena_printf(a, "250 2.0.0 OK id=%s", stored.s);
    case ST_NEVER:
        return arena_printf(a, "550 5.7.1 %s", why.text);
    case ST_NONE:
    case ST_AGAIN:
        break;
    }
    return arena_printf(a, "451 4.3.2 %s", why.text);
}

/* ---- the conversation */

static void show(struct pipe *p)
{
    struct arena a = { 0 };
    struct str reply;

    while (world_ops.pending(p->session) && world_ops.reply(p->session, &a, &reply)) {
        cli_write(settled_reply(p, &a, reply));
        cli_write(STR("\r\n"));
    }
    fflush(stdout);
    arena_free(&a);
}

/* A hermetic world's time stands still between bytes: a terminal's typist is not timed. */
static bool wait_input(void)
{
    struct pollfd fd = { .fd = STDIN_FILENO, .events = POLLIN };

    return poll(&fd, 1, 1000) != 0;
}

static int converse(struct pipe *p)
{
    char part[16384];
    ssize_t n = 1;

    world_ops.any_time(p->session);
    show(p);
    while (!world_ops.over(p->session) && n > 0) {
        if (!wait_input()) {
            world_settle(p->world);
        } else if ((n = read(STDIN_FILENO, part, sizeof part)) > 0) {
            world_ops.send(p->session, (struct str){ part, (size_t)n });
            world_ops.finish(p->session);
        }
        show(p);
    }
    return n < 0 ? EX_IOERR : CLI_YES;
}

/* Beside the conversation, which is the client's. */
static void show_tree(void *ctx, struct str id, struct str object)
{
    struct pipe *p = ctx;
    struct buf out = { 0 };

    cli_explain_show(p->cli, id, object, &out);
    fwrite(buf_str(&out).p, 1, out.n, stderr);
    buf_free(&out);
}

int cli_run_smtp(struct cli *c)
{
    int status = 0;
    struct pipe p = { .cli = c, .keep = !cli_hermetic(c) };

    p.world = cli_world(c, false, &status);
    if (!p.world)
        return status;
    if (cli_has(c, CO_EXPLAIN)) {
        engine_on_explain(world_engine(p.world), show_tree, &p);
        policy_explain_all(world_policy(p.world));
    }
    p.session = world_ops.session(p.world, str_of(cli_has(c, CO_CLIENT) ? c->opt[CO_CLIENT] : "127.0.0.1"), 0);
    if (p.session) {
        status = converse(&p);
        world_ops.hang_up(p.session);
    } else {
        status = cli_fail(c, EX_USAGE, "--client %s is no address", c->opt[CO_CLIENT]);
    }
    world_close(p.world);
    return status;
}
