#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "smtp/state.h"

/* What is wrong with a message. Its content is read to the end all the same,
 * so that none of it is taken for commands; then it is refused, with the first
 * of these that holds: which was noticed first depends on how the bytes were cut
 * into reads, the order here does not (R3.2). */
enum fault {
    BARE, LONG_LINE, TOO_BIG, HEADER_TOO_BIG, HEADER_LINE, HEADER_FIELDS, HEADER_NUL, HOPS, NOT_STORED, FAULTLESS
};

static const struct { int code; const char *mark, *text; } FAULTS[] = {
    [BARE] = { 554, "5.6.0", "the message has a CR or LF that is not part of a CR LF" },
    [LONG_LINE] = { 554, "5.6.0", "the message has a line that is too long" },
    [TOO_BIG] = { 552, "5.3.4", "message too big" },
    [HEADER_TOO_BIG] = { 552, "5.3.4", "header section too big" },
    [HEADER_LINE] = { 552, "5.3.4", "a header field is too long" },
    [HEADER_FIELDS] = { 552, "5.3.4", "too many header fields" },
    [HEADER_NUL] = { 554, "5.6.0", "the header section has a NUL" },
    [HOPS] = { 554, "5.4.6", "too many Received fields: this looks like a mail loop" },
    [NOT_STORED] = { 452, "4.3.1", "the message cannot be stored now, please try again later" },
};

enum { WINDOW_MS = 60 * 1000 };

struct intake {
    struct data data;
    struct buf header;          /* the section so far */
    size_t line_at;             /* where the line under way begins in it */
    size_t fields, field_at;    /* how many; where the last one begins */
    bool in_body;
    bool damaged;               /* the section was ended by a line of the body */
    unsigned faults;            /* 1 << enum fault */
    struct why why;             /* of NOT_STORED */
    uint64_t bytes;             /* content so far, stuffing removed */
    uint64_t body_size, body_lines, body_zeros;
    int64_t started, last, window;      /* clock_mono_ms */
    uint64_t window_bytes;
    struct str said;            /* what policy wants in place of "OK" */
};

void intake_free(struct intake *m)
{
    if (!m)
        return;
    buf_free(&m->header);
    free(m);
}

void intake_begin(struct smtp_server *s)
{
    struct intake *m = calloc(1, sizeof *m);

    if (!m)
        die("out of memory for a message's content");
    if (s->t->discard && s->begun) {
        s->ops->drop(s->ctx, s->t);
        s->begun = false;
    }
    m->data.lf_ok = s->cfg->bare_lf_ok;
    m->started = m->last = m->window = clock_mono_ms();
    s->t->received_us = clock_wall_us();
    s->content = m;
    s->state = SERVER_CONTENT;
}

/* ---- time: R3.8 */

int64_t intake_deadline(const struct smtp_server *s)
{
    const struct smtp_limits *l = &s->cfg->limits;
    const struct intake *m = s->content;
    int64_t stress = 10 * 1000, block = s->cfg->stress && l->data_ms > stress ? stress : l->data_ms;
    int64_t at = m->last + block;

    if (at > m->started + l->message_ms)
        at = m->started + l->message_ms;
    /* The rate is that of a client that sends; one that stalls has the time of a block. */
    if (m->window_bytes && at > m->window + WINDOW_MS)
        at = m->window + WINDOW_MS;
    return at;
}

static void new_window(struct intake *m, int64_t now)
{
    m->window = now;
    m->window_bytes = 0;
}

bool intake_late(struct smtp_server *s, int64_t now)
{
    struct intake *m = s->content;

    if (now < intake_deadline(s))
        return false;
    if (m->window_bytes && now >= m->window + WINDOW_MS) {
        if (m->window_bytes < (uint64_t)s->cfg->limits.data_rate_min * WINDOW_MS / 1000)
            return true;
        new_window(m, now);
    }
    return now >= intake_deadline(s);
}

static void note_arrival(struct intake *m, size_t n)
{
    m->last = clock_mono_ms();
    if (!m->window_bytes)
        m->window = m->last;
    m->window_bytes += n;
}

/* ---- bytes */

static void fail(struct intake *m, enum fault f)
{
    m->faults |= 1u << f;
}

static enum fault worst(const struct intake *m)
{
    int f = 0;

    while (f < FAULTLESS && !(m->faults & 1u << f))
        f++;
    return (enum fault)f;
}

static void check_bytes(struct smtp_server *s)
{
    struct intake *m = s->content;

    if (m->data.bare)
        fail(m, BARE);
    if (m->data.max_line > s->cfg->limits.data_line_max)
        fail(m, LONG_LINE);
    if (m->bytes > s->cfg->limits.message_max)
        fail(m, TOO_BIG);
}

static size_t zeros(struct str s)
{
    size_t n = 0;

    for (const char *p = s.p, *end = s.p + s.n; p < end && (p = memchr(p, '\0', (size_t)(end - p))); p++)
        n++;
    return n;
}

static size_t lines(struct str s)
{
    size_t n = 0;

    for (const char *p = s.p, *end = s.p + s.n; p < end && (p = memchr(p, '\n', (size_t)(end - p))); p++)
        n++;
    return n;
}

static void body_bytes(struct smtp_server *s, struct str run)
{
    struct intake *m = s->content;

    m->body_size += run.n;
    m->body_lines += lines(run);
    m->body_zeros += zeros(run);
    if (s->begun && run.n && !m->faults && s->ops->body(s->ctx, s->t, run, &m->why) != ST_OK)
        fail(m, NOT_STORED);
}

/* The section is complete: from here on rules can read it. */
static void end_header(struct smtp_server *s)
{
    struct intake *m = s->content;
    struct txn *t = s->t;

    m->in_body = true;
    t->header_text = arena_dup(&t->arena, buf_str(&m->header));
    buf_free(&m->header);
    header_parse(&t->arena, t->header_text, &t->header);
    t->header.damaged |= m->damaged;
    t->received_count = (unsigned)header_count(&t->header, STR("Received"));
    if (t->received_count > s->cfg->limits.received_max)
        fail(m, HOPS);
}

/* The line under way in the header buffer is whole: what is it? */
static void header_line_done(struct smtp_server *s)
{
    struct intake *m = s->content;
    struct str line = str_from(buf_str(&m->header), m->line_at);
    struct buf first = { 0 };

    switch (header_line(line, m->line_at == 0)) {
    case HEADER_FIELD:
        m->field_at = m->line_at;
        if (++m->fields > s->cfg->limits.header_fields_max)
            fail(m, HEADER_FIELDS);
        break;
    case HEADER_CONTINUATION:
        break;
    case HEADER_BORDER:
        buf_cut(&m->header, m->line_at);
        end_header(s);
        return;
    case HEADER_BODY:
        buf_add(&first, line);
        buf_cut(&m->header, m->line_at);
        m->damaged = true;
        end_header(s);
        body_bytes(s, buf_str(&first));
        buf_free(&first);
        return;
    }
    m->line_at = m->header.n;
    if (m->line_at - m->field_at > s->cfg->limits.header_line_max)
        fail(m, HEADER_LINE);
}

static void header_bytes(struct smtp_server *s, struct str run)
{
    struct intake *m = s->content;

    while (run.n && !m->in_body) {
        size_t lf = str_find(run, '\n');
        struct str piece = lf == SIZE_MAX ? run : str_head(run, lf + 1);

        if (m->header.n + piece.n > s->cfg->limits.header_max) {
            fail(m, HEADER_TOO_BIG);
            return;
        }
        if (zeros(piece))
            fail(m, HEADER_NUL);
        buf_add(&m->header, piece);
        run = str_from(run, piece.n);
        if (lf != SIZE_MAX)
            header_line_done(s);
    }
    if (run.n)
        body_bytes(s, run);
}

static void take_run(void *ctx, struct str run)
{
    struct smtp_server *s = ctx;
    struct intake *m = s->content;

    m->bytes += run.n;
    check_bytes(s);
    if (worst(m) <= HEADER_TOO_BIG)
        buf_free(&m->header);           /* nothing that is read later can matter more */
    else if (m->in_body)
        body_bytes(s, run);
    else
        header_bytes(s, run);
}

/* ---- the end of a message */

static void fill_in(struct smtp_server *s)
{
    struct intake *m = s->content;
    struct txn *t = s->t;

    t->received_done_us = clock_wall_us();
    t->body_size = m->body_size;
    t->body_lines = m->body_lines;
    t->body_zeros = m->body_zeros;
    t->max_line = m->data.max_line;
    t->size = t->header_text.n + 2 + m->body_size;
    t->lines = (int64_t)(lines(t->header_text) + m->body_lines);
}

/* The option behind a fault, if there is one. */
static struct smtp_limit limit_of(const struct smtp_limits *l, enum fault f)
{
    switch (f) {
    case HEADER_TOO_BIG: return (struct smtp_limit){ "header_maxsize", (int64_t)l->header_max };
    case HEADER_LINE: return (struct smtp_limit){ "header_line_maxsize", l->header_line_max };
    case HOPS: return (struct smtp_limit){ "received_headers_max", l->received_max };
    default: return (struct smtp_limit){ NULL, 0 };
    }
}

/* The answer is no because of the content itself. */
static void refuse_content(struct smtp_server *s, enum fault f)
{
    struct intake *m = s->content;
    int code = FAULTS[f].code;
    const char *mark = FAULTS[f].mark, *text = FAULTS[f].text;
    struct smtp_limit limit = limit_of(&s->cfg->limits, f);
    char reply[160];
    int n = snprintf(reply, sizeof reply, "%d %s %s", code, mark, text);

    server_reply(s, code, mark, text);
    if (f == TOO_BIG)
        server_limit(s, NOTE_SIZE, "message_size_limit", s->cfg->limits.message_max, (struct str){ reply, (size_t)n }, "message too big: read=%llu max=%llu",
                    (unsigned long long)m->bytes, (unsigned long long)s->cfg->limits.message_max);
    else if (limit.option)
        server_limit(s, NOTE_REJECTED, limit.option, (uint64_t)limit.value, (struct str){ reply, (size_t)n }, "rejected after DATA: %s", text);
    else
        server_note(s, NOTE_REJECTED, (struct str){ reply, (size_t)n }, "%srejected after DATA: %s", code < 500 ? "temporarily " : "",
                    f == NOT_STORED ? m->why.text : text);
}

static void accepted(struct smtp_server *s, struct str said)
{
    char text[MSG_ID_LEN + 16];

    snprintf(text, sizeof text, "OK%s%s", s->t->id.s[0] ? " id=" : "", s->t->id.s);
    server_reply_str(s, 250, "2.0.0", said.n ? said : str_of(text));
    s->c->nonmail = 0;
}

static void thrown_away(struct smtp_server *s, struct str said)
{
    accepted(s, said);
    server_end_txn(s, NULL);
}

static void intake_done(struct smtp_server *s)
{
    struct intake *m = s->content;

    check_bytes(s);
    if (!m->in_body && !m->faults)
        end_header(s);
    if (m->faults) {
        refuse_content(s, worst(m));
        server_end_txn(s, NULL);
        return;
    }
    fill_in(s);
    /* Nobody is left to ask about or to deliver to. */
    if (s->t->discard || s->t->nrcpts == 0)
        thrown_away(s, (struct str){ "", 0 });
    else
        server_ask(s, PH_DKIM);
}

/* Reading on is polite, but not without end. */
static bool far_too_big(const struct smtp_server *s)
{
    uint64_t most = s->cfg->limits.message_max;

    return s->content->bytes > most && s->content->bytes - most > most + 1024 * 1024;
}

size_t intake_input(struct smtp_server *s, struct str bytes)
{
    bool end;
    size_t n;

    note_arrival(s->content, bytes.n);
    n = data_read(&s->content->data, bytes, &end, take_run, s);
    if (far_too_big(s)) {
        refuse_content(s, TOO_BIG);
        server_close(s, "bad-commands");
    } else if (end) {
        s->state = SERVER_COMMAND;
        s->command = CMD_NONE;
        intake_done(s);
        server_settle(s);
    }
    return n;
}

void intake_answered(struct smtp_server *s, enum phase ph, const struct verdict *v)
{
    switch (v->verb) {
    case V_ACCEPT:
        if (ph != PH_DATA) {
            server_ask(s, ph == PH_DKIM && header_field(&s->t->header, STR("Content-Type"), 0) ? PH_MIME : PH_DATA);
            return;
        }
        s->content->said = arena_dup(&s->t->arena, v->message);
        s->asked = ASKED_KEEP;
        s->ops->keep(s->ctx, s->t);
        break;
    case V_DISCARD:
        s->t->discard = true;
        server_note(s, NOTE_DISCARDED, (struct str){ "", 0 }, "discarded after DATA");
        thrown_away(s, v->message);
        break;
    case V_DEFER: case V_DENY: case V_DROP:
        if (server_refuse(s, ph, v, ph == PH_DKIM ? "during DKIM ACL checks" : ph == PH_MIME ? "during MIME ACL checks" : "after DATA"))
            server_end_txn(s, NULL);
        break;
    }
}

/* control = fakereject, fakedefer: kept, and the client is told otherwise. */
static void fake(struct smtp_server *s)
{
    struct txn *t = s->t;
    bool later = t->fake_code / 100 == 4;
    const char *text = later ? "Your message has been deferred but is being kept for evaluation.\n"
                               "If it was a legitimate message, it may still be delivered to the target recipient(s)."
                             : "Your message has been rejected but is being kept for evaluation.\n"
                               "If it was a legitimate message, it may still be delivered to the target recipient(s).";

    server_reply_str(s, later ? 450 : 550, later ? "4.7.1" : "5.7.1", t->fake_reply.n ? t->fake_reply : str_of(text));
}

static void not_kept(struct smtp_server *s, enum status st, const struct why *why)
{
    bool never = st == ST_NEVER;
    struct str said = s->t->next_hop_said;

    if (said.n) {
        server_reply_str(s, never ? 550 : 450, never ? "5.0.0" : "4.0.0", said);
        server_note(s, NOTE_REJECTED, said, "%srejected after DATA: %s", never ? "" : "temporarily ", why ? why->text : "not taken");
        return;
    }
    if (never)
        server_reply(s, 554, "5.3.0", "the message cannot be kept here");
    else
        server_reply(s, 452, "4.3.1", "the message cannot be stored now, please try again later");
    server_note(s, NOTE_REJECTED, never ? STR("554 5.3.0") : STR("452 4.3.1"), "%srejected after DATA: %s",
                never ? "" : "temporarily ", why ? why->text : "not stored");
}

void intake_kept(struct smtp_server *s, enum status st, const struct why *why)
{
    if (st != ST_OK) {
        not_kept(s, st, why);
        server_end_txn(s, NULL);
        return;
    }
    s->begun = false;           /* the draft is a message now */
    if (s->t->fake_code)
        fake(s);
    else
        accepted(s, s->content->said);
    server_end_txn(s, NULL);
}
