#include "cli/cli_queue.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/json.h"
#include "cli/cli_load.h"
#include "engine/parts.h"

enum { PAGE = 1000, SUMMARY_MAX = 200 };

struct spool *cli_peek(struct cli *c, int *status)
{
    struct spool *sp = NULL;
    struct why why = { 0 };
    const char *dir = cli_spool_dir(c);
    enum status st = spool_peek(dir, &sp, &why);

    if (st != ST_OK)
        *status = cli_fail(c, why.err == EACCES ? EX_NOPERM : st == ST_AGAIN ? CLI_AGAIN : EX_NOINPUT, "%s", why.text);
    return st == ST_OK ? sp : NULL;
}

bool cli_msg_id(struct cli *c, const char *text, struct msg_id *id)
{
    if (strlen(text) != MSG_ID_LEN) {
        cli_fail(c, EX_USAGE, "%s is no message id", text);
        return false;
    }
    memcpy(id->s, text, MSG_ID_LEN + 1);
    return true;
}

/* ---- which messages */

struct pick {
    struct cli *cli;
    struct spool *spool;
    int64_t now, older;
    void (*fn)(struct pick *p, const struct spool_row *r);
    size_t n;
    struct msg_id last;             /* of this page */
    struct buf out;
};

/* * matches any run of bytes; case is ignored, as it is for mail's names. */
static bool matches(struct str pattern, struct str text)
{
    while (pattern.n > 0 && pattern.p[0] != '*') {
        if (text.n == 0 || ascii_lower(pattern.p[0]) != ascii_lower(text.p[0]))
            return false;
        pattern = str_from(pattern, 1);
        text = str_from(text, 1);
    }
    if (pattern.n == 0)
        return text.n == 0;
    for (size_t i = 0; i <= text.n; i++)
        if (matches(str_from(pattern, 1), str_from(text, i)))
            return true;
    return false;
}

static bool recipient_matches(const struct cli *c, struct str addr)
{
    size_t at = str_rfind(addr, '@');

    if (cli_has(c, CO_RECIPIENT) && !matches(str_of(c->opt[CO_RECIPIENT]), addr))
        return false;
    return !cli_has(c, CO_DOMAIN) || (at != SIZE_MAX && matches(str_of(c->opt[CO_DOMAIN]), str_from(addr, at + 1)));
}

/* Its state says which recipients are pending; the index only has a summary.
 * A message that cannot be read now is judged by the summary. */
static bool pending_matches(const struct pick *p, const struct spool_row *r, bool otherwise)
{
    struct arena a = { 0 };
    struct spool_msg m = { 0 };
    struct conn conn;
    struct txn *t;
    bool found = false, known;

    if (spool_load(p->spool, r->id, &a, &m, NULL) != ST_OK) {
        arena_free(&a);
        return otherwise;
    }
    spool_body_close(m.body);
    conn_init(&conn);
    t = txn_new(&conn);
    known = envelope_read(m.envelope, &conn, t, NULL) == ST_OK && envelope_state_read(m.state.blob, t, NULL) == ST_OK;
    for (size_t i = 0; known && i < t->nrcpts && !found; i++)
        found = t->rcpts[i].state == RCPT_PENDING && recipient_matches(p->cli, t->rcpts[i].addr);
    txn_free(t);
    conn_free(&conn);
    arena_free(&a);
    return known ? found : otherwise;
}

static bool summary_matches(const struct cli *c, struct str recipients)
{
    struct str addr;

    while (str_cut(&recipients, '\n', &addr))
        if (recipient_matches(c, addr))
            return true;
    return false;
}

static bool picked(const struct pick *p, const struct spool_row *r)
{
    const struct cli *c = p->cli;
    struct str rest = r->summary, sender = { 0 };
    bool maybe;

    str_cut(&rest, '\n', &sender);
    sender = row_sender(r);
    if (cli_has(c, CO_FROZEN) && !(r->flags & SPOOL_FROZEN))
        return false;
    if (cli_has(c, CO_OLDER) && p->now - r->received < p->older)
        return false;
    if (cli_has(c, CO_QUEUE) && !str_same(str_of(c->opt[CO_QUEUE]), row_queue(r)))
        return false;
    if (cli_has(c, CO_SENDER) && !matches(str_of(c->opt[CO_SENDER]), sender))
        return false;
    if (!cli_has(c, CO_RECIPIENT) && !cli_has(c, CO_DOMAIN))
        return true;
    maybe = summary_matches(c, rest);
    return (maybe || r->summary.n >= SUMMARY_MAX - 1) && pending_matches(p, r, maybe);
}

static void row(void *ctx, const struct spool_row *r)
{
    struct pick *p = ctx;

    p->last = r->id;
    if (!picked(p, r))
        return;
    p->n++;
    if (p->fn)
        p->fn(p, r);
}

static int walk(struct cli *c, void (*fn)(struct pick *p, const struct spool_row *r), size_t *n)
{
    struct pick p = { .cli = c, .now = clock_wall(), .fn = fn };
    int status = CLI_YES;

    if (cli_has(c, CO_OLDER) && !clock_interval(str_of(c->opt[CO_OLDER]), &p.older))
        return cli_fail(c, EX_USAGE, "--older \"%s\" is no time", c->opt[CO_OLDER]);
    p.spool = cli_peek(c, &status);
    if (!p.spool)
        return status;
    while (spool_list(p.spool, p.last, PAGE, row, &p) == PAGE) {
        cli_write(buf_str(&p.out));
        buf_clear(&p.out);
    }
    cli_write(buf_str(&p.out));
    buf_free(&p.out);
    spool_close(p.spool);
    *n = p.n;
    return CLI_YES;
}

/* ---- list */

/* As Exim's -bp prints it, since exiqgrep and habit read that. */
static void age_text(int64_t s, char *out, size_t n)
{
    if (s < 0)
        s = 0;
    if (s < 90 * 60)
        snprintf(out, n, "%lldm", (long long)(s / 60));
    else if (s < 72 * 3600)
        snprintf(out, n, "%lldh", (long long)(s / 3600));
    else
        snprintf(out, n, "%lldd", (long long)(s / 86400));
}

static void size_text(uint64_t size, char *out, size_t n)
{
    double d = (double)size / 1024;

    if (size < 1024)
        snprintf(out, n, "%llu", (unsigned long long)size);
    else if (d < 9.95)
        snprintf(out, n, "%.1fK", d);
    else if (d < 1024)
        snprintf(out, n, "%.0fK", d);
    else
        snprintf(out, n, "%.1fM", d / 1024);
}

static void list_text(struct pick *p, const struct spool_row *r)
{
    struct str rest = r->summary, sender = { 0 }, addr;
    char age[24], size[24];

    str_cut(&rest, '\n', &sender);
    sender = row_sender(r);
    age_text(p->now - r->received, age, sizeof age);
    size_text(r->size, size, sizeof size);
    buf_addf(&p->out, "%3s %5s %s <%.*s>%s", age, size, r->id.s, STR_ARG(sender),
             r->flags & SPOOL_FROZEN ? " *** frozen ***" : "");
    if (row_queue(r).n)
        buf_addf(&p->out, " *** queue %.*s ***", STR_ARG(row_queue(r)));
    else if (r->flags & SPOOL_HELD)
        buf_add(&p->out, STR(" *** held ***"));
    buf_byte(&p->out, '\n');
    while (str_cut(&rest, '\n', &addr))
        buf_addf(&p->out, "          %.*s\n", STR_ARG(addr));
    buf_byte(&p->out, '\n');
}

static void list_json(struct pick *p, const struct spool_row *r)
{
    struct str rest = r->summary, sender = { 0 }, addr;
    bool first = true;

    str_cut(&rest, '\n', &sender);
    sender = row_sender(r);
    buf_byte(&p->out, '{');
    json_member(&p->out, "id", str_of(r->id.s));
    json_member(&p->out, "sender", sender);
    json_name(&p->out, "recipients");
    buf_byte(&p->out, '[');
    while (str_cut(&rest, '\n', &addr)) {
        if (!first)
            buf_byte(&p->out, ',');
        json_text(&p->out, addr);
        first = false;
    }
    buf_byte(&p->out, ']');
    json_member_int(&p->out, "pending", r->pending);
    json_member_int(&p->out, "size", (int64_t)r->size);
    json_member_int(&p->out, "received", r->received);
    json_member_int(&p->out, "next_try", r->next_try);
    json_member_bool(&p->out, "frozen", r->flags & SPOOL_FROZEN);
    json_member_bool(&p->out, "held", r->flags & SPOOL_HELD);
    json_member(&p->out, "queue", row_queue(r));
    buf_add(&p->out, STR("}\n"));
}

int cli_run_queue_list(struct cli *c)
{
    size_t n;

    return walk(c, cli_has(c, CO_JSON) ? list_json : list_text, &n);
}

int cli_run_queue_count(struct cli *c)
{
    bool filtered = false;
    struct spool *sp;
    int status = CLI_YES;
    size_t n = 0;

    for (int o = 0; o < CO_COUNT; o++)
        filtered |= (CO_PICK >> o & 1) && c->opt[o];
    if (filtered) {
        status = walk(c, NULL, &n);
    } else if ((sp = cli_peek(c, &status)) != NULL) {
        n = spool_count(sp);
        spool_close(sp);
    }
    if (status == CLI_YES)
        printf(cli_has(c, CO_JSON) ? "{\"count\":%zu}\n" : "%zu\n", n);
    return status;
}

/* ---- show: envelope, state and header; the body is the reader's own business
 * but for its size */

static void show_recipient(struct buf *b, const struct rcpt *r, bool json)
{
    static const char *const state[] = { "pending", "done", "failed" };
    const char *word = r->state <= RCPT_FAILED ? state[r->state] : "?";

    if (!json) {
        buf_addf(b, "recipient: %.*s %s", STR_ARG(r->addr), word);
        if (r->attempts)
            buf_addf(b, " attempts=%u", r->attempts);
        if (r->last_error.n)
            buf_addf(b, " last error: %.*s", STR_ARG(r->last_error));
        buf_byte(b, '\n');
        return;
    }
    if (!str_ends(buf_str(b), STR("[")))
        buf_byte(b, ',');
    buf_byte(b, '{');
    json_member(b, "address", r->addr);
    json_member(b, "state", str_of(word));
    json_member_int(b, "attempts", r->attempts);
    json_member_int(b, "first_failed", r->first_failed);
    json_member_int(b, "next_try", r->next_try);
    json_member(b, "last_error", r->last_error);
    json_member(b, "last_host", r->last_host);
    buf_byte(b, '}');
}

static void show_json(struct buf *b, struct msg_id id, const struct spool_msg *m, const struct txn *t)
{
    buf_byte(b, '{');
    json_member(b, "id", str_of(id.s));
    json_member(b, "sender", t->sender);
    json_member_int(b, "received", m->received);
    json_member_int(b, "next_try", m->state.next_try);
    json_member_bool(b, "frozen", m->state.flags & SPOOL_FROZEN);
    json_member(b, "queue", t->queue_name);
    json_member_int(b, "body_size", (int64_t)m->body_size);
    json_name(b, "recipients");
    buf_byte(b, '[');
    for (size_t i = 0; i < t->nrcpts; i++)
        show_recipient(b, &t->rcpts[i], true);
    buf_byte(b, ']');
    json_member(b, "header", m->header);
    buf_add(b, STR("}\n"));
}

static void show_text(struct buf *b, struct msg_id id, const struct spool_msg *m, const struct txn *t)
{
    struct arena a = { 0 };

    buf_addf(b, "id: %s%s\nsender: <%.*s>\n", id.s, m->state.flags & SPOOL_FROZEN ? " (frozen)" : "", STR_ARG(t->sender));
    buf_addf(b, "received: %.*s\n", STR_ARG(clock_rfc5322(&a, m->received)));
    if (m->state.next_try)
        buf_addf(b, "next try: %.*s\n", STR_ARG(clock_rfc5322(&a, m->state.next_try)));
    if (t->queue_name.n)
        buf_addf(b, "queue: %.*s\n", STR_ARG(t->queue_name));
    buf_addf(b, "body: %llu bytes\n", (unsigned long long)m->body_size);
    for (size_t i = 0; i < t->nrcpts; i++)
        show_recipient(b, &t->rcpts[i], false);
    buf_byte(b, '\n');
    buf_add(b, m->header);
    arena_free(&a);
}

static int show(struct cli *c, struct spool *sp, struct msg_id id)
{
    struct spool_msg m = { 0 };
    struct why why = { 0 };
    struct conn conn;
    struct txn *t;
    struct buf b = { 0 };
    enum status st = spool_load(sp, id, &c->arena, &m, &why);

    if (st != ST_OK)
        return cli_fail(c, st == ST_NONE ? CLI_NO : CLI_AGAIN, "%s", why.text[0] ? why.text : "no such message");
    conn_init(&conn);
    t = txn_new(&conn);
    st = envelope_read(m.envelope, &conn, t, &why);
    if (st == ST_OK)
        st = envelope_state_read(m.state.blob, t, &why);
    if (st == ST_OK) {
        (cli_has(c, CO_JSON) ? show_json : show_text)(&b, id, &m, t);
        cli_write(buf_str(&b));
    }
    buf_free(&b);
    txn_free(t);
    conn_free(&conn);
    spool_body_close(m.body);
    return st == ST_OK ? CLI_YES : cli_fail(c, CLI_NO, "%s", why.text);
}

int cli_run_queue_show(struct cli *c)
{
    struct msg_id id;
    struct spool *sp;
    int status = CLI_YES;

    if (!cli_msg_id(c, c->arg[0], &id))
        return EX_USAGE;
    sp = cli_peek(c, &status);
    if (!sp)
        return status;
    status = show(c, sp, id);
    spool_close(sp);
    return status;
}

/* ---- write verbs: the engine's to do, or ours if none runs */

int cli_run_queue_move(struct cli *c)
{
    struct msg_id id;
    bool absent;
    int status;

    if (!cli_msg_id(c, c->arg[0], &id))
        return EX_USAGE;
    status = cli_control_move(c, id.s, c->arg[1], &absent);
    return absent ? cli_queue_offline(c, "move", id) : status;
}

int cli_run_queue_write(struct cli *c)
{
    const char *verb = strchr(c->verb->name, ' ') + 1;
    int status = CLI_YES, worst = CLI_YES;
    struct msg_id id;
    bool absent;

    for (int i = 0; i < c->narg; i++) {
        if (!cli_msg_id(c, c->arg[i], &id))
            return EX_USAGE;
        status = cli_control_id(c, verb, id.s, &absent);
        if (absent)
            status = cli_queue_offline(c, verb, id);
        if (status != CLI_YES)
            worst = status;
    }
    return worst;
}
