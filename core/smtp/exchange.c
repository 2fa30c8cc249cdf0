#include "smtp/exchange.h"

#include <errno.h>

#include "mail/xtext.h"

enum { PIECE = 64 * 1024, READ = 16 * 1024, TEXT_MAX = 1024, RCPT_MAX = 100 };

enum command { C_RSET, C_MAIL, C_RCPT, C_DATA };

static enum command command_at(const struct exchange *x, uint32_t n)
{
    if (x->rset && n-- == 0)
        return C_RSET;
    if (n == 0)
        return C_MAIL;
    return n <= x->picked ? C_RCPT : C_DATA;
}

static uint32_t commands(const struct exchange *x)
{
    return x->rset + 1u + x->picked + !x->m->probe;
}

static uint32_t pick_at(const struct exchange *x, uint32_t n)
{
    return x->pick[n - x->rset - 1u];
}

/* ---- outcomes */

struct str exchange_printable(struct arena *a, struct str s)
{
    char *p;

    s = str_head(s, TEXT_MAX);
    p = arena_alloc(a, s.n + 1);
    for (size_t i = 0; i < s.n; i++)
        p[i] = s.p[i] >= ' ' && s.p[i] < 0x7f ? s.p[i] : '?';
    return (struct str){ p, s.n };
}

static void settle(struct client_rcpt *r, enum client_outcome how, bool by_rcpt, int code, struct str text)
{
    r->outcome = how;
    r->settled = true;
    r->by_rcpt = by_rcpt;
    r->code = code;
    r->text = text;
}

void exchange_settle(struct exchange *x, enum client_outcome how, int code, struct str text)
{
    text = exchange_printable(x->m->arena, text);
    for (size_t i = 0; i < x->m->n; i++)
        if (!x->m->rcpts[i].settled)
            settle(&x->m->rcpts[i], how, false, code, text);
}

struct str exchange_command(const struct exchange *x, struct arena *a)
{
    const char *how = x->offer->pipelining ? "pipelined " : "";

    if (x->stage == X_FINAL)
        return STR("end of data");
    if (x->stage == X_BODY)
        return STR("sending data block");
    if (x->answered < commands(x))
        switch (command_at(x, x->answered)) {
        case C_RSET: return STR("RSET");
        case C_MAIL: return arena_printf(a, "%sMAIL FROM:<%.*s>", how, STR_ARG(x->m->sender));
        case C_RCPT: return arena_printf(a, "%sRCPT TO:<%.*s>", how,
                                         STR_ARG(x->m->rcpts[pick_at(x, x->answered)].addr));
        case C_DATA: break;
        }
    return arena_printf(a, "%sDATA", how);
}

static struct str error_text(const struct exchange *x, const struct reply *r)
{
    struct arena *a = x->m->arena;

    x->m->refusal = exchange_printable(a, r->line);
    return arena_printf(a, "SMTP error from remote mail server after %.*s: %.*s",
                        STR_ARG(exchange_command(x, a)), STR_ARG(x->m->refusal));
}

/* What a recipient is told of a refusal; of a probe's, what the peer said. */
static struct str refusal(const struct exchange *x, const struct reply *r)
{
    return x->m->probe ? exchange_printable(x->m->arena, r->line) : error_text(x, r);
}

static enum client_outcome outcome_of(int code)
{
    return code / 100 == 2 ? CLIENT_OK : code / 100 == 5 ? CLIENT_NEVER : CLIENT_AGAIN;
}

static enum exchange_end broken(struct exchange *x, bool host_error, int code, struct str text)
{
    exchange_settle(x, CLIENT_AGAIN, code, text);
    why_set(&x->why, ST_AGAIN, "%.*s", STR_ARG(text));
    x->host_error = host_error;
    return X_BROKEN;
}

static enum exchange_end out_of_order(struct exchange *x, const struct reply *r)
{
    struct arena *a = x->m->arena;

    return broken(x, true, r->code,
                  arena_printf(a, "unexpected reply from remote mail server at %.*s: %.*s",
                               STR_ARG(exchange_command(x, a)), STR_ARG(exchange_printable(a, r->line))));
}

/* ---- a message, a transaction */

static bool has_control(struct str s)
{
    for (size_t i = 0; i < s.n; i++)
        if ((unsigned char)s.p[i] < ' ' || s.p[i] == 0x7f)
            return true;
    return false;
}

static bool has_8bit(struct str s)
{
    for (size_t i = 0; i < s.n; i++)
        if ((unsigned char)s.p[i] >= 0x80)
            return true;
    return false;
}

/* NULL: this address may be written into a command. */
static const char *address_fault(const struct exchange *x, struct str addr)
{
    if (has_control(addr))
        return "address holds control characters";
    if (has_8bit(addr) && !x->offer->utf8)
        return "remote mail server does not take internationalized addresses";
    return NULL;
}

static void refuse_here(struct exchange *x)
{
    struct client_message *m = x->m;
    const char *fault = address_fault(x, m->sender);

    if (fault)
        exchange_settle(x, CLIENT_NEVER, 0, arena_printf(m->arena, "sender: %s", fault));
    for (size_t i = 0; i < m->n; i++)
        if (!m->rcpts[i].settled && (fault = address_fault(x, m->rcpts[i].addr)))
            settle(&m->rcpts[i], CLIENT_NEVER, false, 0, str_of(fault));
    if (x->config->line_max && m->max_line > x->config->line_max)
        exchange_settle(x, CLIENT_NEVER, 0, arena_printf(m->arena,
            "message has lines too long for transport (%u octets, the limit is %u)", m->max_line, x->config->line_max));
    if (x->offer->size_max && m->size > x->offer->size_max)
        exchange_settle(x, CLIENT_NEVER, 552, arena_printf(m->arena,
            "message of %llu octets is too big for the remote mail server (its limit is %llu)",
            (unsigned long long)m->size, (unsigned long long)x->offer->size_max));
}

/* Takes the next recipients. X_DONE: there are none. */
static enum exchange_end next_transaction(struct exchange *x)
{
    uint32_t max = x->config->max_rcpt ? x->config->max_rcpt : RCPT_MAX;

    x->picked = 0;
    for (size_t i = 0; i < x->m->n && x->picked < max; i++)
        if (!x->m->rcpts[i].settled)
            x->pick[x->picked++] = (uint32_t)i;
    if (x->picked == 0)
        return X_DONE;
    if (x->body_begun && (!x->m->rewind || !x->m->rewind(x->m->ctx))) {
        exchange_settle(x, CLIENT_AGAIN, 0, STR("message could not be read again for further recipients"));
        return X_DONE;
    }
    memset(x->taken, 0, x->picked * sizeof *x->taken);
    x->rset = x->need_rset;
    x->need_rset = false;
    x->stage = X_COMMANDS;
    x->accepted = x->sent = x->answered = x->final = 0;
    x->mail_refused = x->body_begun = x->dot_only = false;
    return X_GO_ON;
}

/* The first commands of the transaction were answered when it was probed. */
static void go_on(struct exchange *x)
{
    x->rset = false;
    x->sent = x->answered = 1;
    if (x->m->probe)
        return;
    memset(x->taken, true, x->picked * sizeof *x->taken);
    x->accepted = x->picked;
    x->sent = x->answered = 1 + x->picked;
}

enum exchange_end exchange_begin(struct exchange *x, struct client_message *m)
{
    uint32_t max = x->config->max_rcpt ? x->config->max_rcpt : RCPT_MAX;
    size_t n = m->n < max ? m->n : max;

    bool goes_on = m->resume && x->open;
    enum exchange_end end;

    x->m = m;
    x->open = x->body_begun = x->starved = false;
    x->pick = arena_array(m->arena, uint32_t, n);
    x->taken = arena_array(m->arena, bool, n);
    refuse_here(x);
    end = next_transaction(x);
    if (end == X_GO_ON && goes_on)
        go_on(x);
    else if (goes_on)
        x->open = true;                 /* nothing of this message went out */
    return end;
}

/* ---- out */

/* RFC 4954 section 5 */
static void put_auth(struct buf *out, struct str sender)
{
    struct arena a = { 0 };

    buf_add(out, STR(" AUTH="));
    buf_add(out, sender.n ? xtext_encode(&a, sender) : STR("<>"));
    arena_free(&a);
}

static void put_mail(struct exchange *x, struct buf *out)
{
    const struct client_message *m = x->m;
    bool utf8 = has_8bit(m->sender);

    for (uint32_t i = 0; i < x->picked && x->offer->utf8; i++)
        utf8 |= has_8bit(m->rcpts[x->pick[i]].addr);
    buf_add(out, STR("MAIL FROM:<"));
    buf_add(out, m->sender);
    buf_byte(out, '>');
    if (x->offer->size && x->config->size_addition >= 0 && (m->size || !m->probe))
        buf_addf(out, " SIZE=%llu", m->size + (unsigned long long)x->config->size_addition);
    /* Not offered: sent as it is, as every mail system does today. */
    if (x->offer->eightbit && m->body_8bit)
        buf_add(out, STR(" BODY=8BITMIME"));
    if (m->auth_sender.p && ((x->offer->auth && x->offer->authenticated) || m->auth_force))
        put_auth(out, m->auth_sender);
    if (utf8)
        buf_add(out, STR(" SMTPUTF8"));
    buf_add(out, STR("\r\n"));
}

static void put_command(struct exchange *x, struct buf *out)
{
    switch (command_at(x, x->sent)) {
    case C_RSET:
        buf_add(out, STR("RSET\r\n"));
        break;
    case C_MAIL:
        put_mail(x, out);
        break;
    case C_RCPT:
        buf_add(out, STR("RCPT TO:<"));
        buf_add(out, x->m->rcpts[pick_at(x, x->sent)].addr);
        buf_add(out, x->offer->ignore_quota ? STR("> IGNOREQUOTA\r\n") : STR(">\r\n"));
        break;
    case C_DATA:
        buf_add(out, STR("DATA\r\n"));
        break;
    }
    x->sent++;
}

static enum exchange_end put_body(struct exchange *x, struct buf *out)
{
    char piece[READ];

    if (!x->body_begun) {
        x->body_begun = true;
        wire_put(&x->wire, x->m->header, out);
        wire_put(&x->wire, x->wire.in_line ? STR("\r\n\r\n") : STR("\r\n"), out);
    }
    while (out->n < PIECE) {
        ssize_t n = x->m->read(x->m->ctx, piece, sizeof piece);

        x->starved = n < 0 && errno == EAGAIN;
        if (x->starved)
            break;
        /* The dot must not be sent now: it would make half a message whole. */
        if (n < 0)
            return broken(x, false, 0, arena_printf(x->m->arena, "message could not be read: %s", strerror(errno)));
        if (n == 0) {
            wire_end(&x->wire, out);
            x->stage = X_FINAL;
            break;
        }
        wire_put(&x->wire, (struct str){ piece, (size_t)n }, out);
    }
    return X_GO_ON;
}

enum exchange_end exchange_pump(struct exchange *x, struct buf *out)
{
    if (x->stage == X_BODY)
        return put_body(x, out);
    if (x->dot_only) {
        x->dot_only = false;
        buf_add(out, STR(".\r\n"));
    }
    while (x->stage == X_COMMANDS && x->sent < commands(x) && out->n < PIECE) {
        if (x->sent > x->answered && !x->offer->pipelining)
            break;
        put_command(x, out);
    }
    return X_GO_ON;
}

/* ---- in */

uint32_t exchange_due(const struct exchange *x)
{
    if (x->stage == X_COMMANDS)
        return x->sent - x->answered;
    if (x->stage == X_BODY)
        return 0;
    return x->config->lmtp ? x->accepted : 1;
}

static enum exchange_end on_mail(struct exchange *x, const struct reply *r)
{
    if (r->code / 100 == 3)
        return out_of_order(x, r);
    if (r->code / 100 != 2) {
        exchange_settle(x, outcome_of(r->code), r->code, refusal(x, r));
        x->mail_refused = true;
        x->m->mail_code = r->code;
    }
    return X_GO_ON;
}

/* RFC 5321 4.5.3.1.10: the rest goes into a further transaction. 452 alone is no
 * proof: a full mailbox says so too. */
static bool too_many(const struct exchange *x, const struct reply *r)
{
    struct str words = STR("too many");

    if (r->code != 452 || x->accepted == 0)
        return false;
    if (r->enhanced.n > 0)
        return str_same(r->enhanced, STR("4.5.3"));
    for (size_t i = 0; i + words.n <= r->text.n; i++)
        if (str_same_fold(str_head(str_from(r->text, i), words.n), words))
            return true;
    return false;
}

static enum exchange_end on_rcpt(struct exchange *x, const struct reply *r)
{
    uint32_t place = x->answered - x->rset - 1u;

    if (x->mail_refused)
        return X_GO_ON;
    if (r->code / 100 == 3)
        return out_of_order(x, r);
    if (r->code / 100 == 2) {
        x->taken[place] = true;
        x->accepted++;
        if (x->m->probe)
            settle(&x->m->rcpts[x->pick[place]], CLIENT_OK, true, r->code, refusal(x, r));
    } else if (x->m->probe || !too_many(x, r)) {
        settle(&x->m->rcpts[x->pick[place]], outcome_of(r->code), true, r->code, refusal(x, r));
    }
    return X_GO_ON;
}

/* The recipients the peer took in this transaction share one fate. */
static void settle_taken(struct exchange *x, enum client_outcome how, int code, struct str text)
{
    for (uint32_t i = 0; i < x->picked; i++)
        if (x->taken[i])
            settle(&x->m->rcpts[x->pick[i]], how, false, code, text);
}

static enum exchange_end on_data(struct exchange *x, const struct reply *r)
{
    if (r->code / 100 == 2)
        return out_of_order(x, r);
    if (r->code / 100 != 3) {
        if (x->accepted > 0)
            settle_taken(x, outcome_of(r->code), r->code, error_text(x, r));
        x->need_rset = !x->mail_refused;
        return next_transaction(x);
    }
    if (x->accepted > 0) {
        x->stage = X_BODY;
        return X_GO_ON;
    }
    /* It wants data for nobody, because DATA was pipelined (RFC 2920 3.1): only the
     * dot. LMTP would answer that with as many replies as recipients: none. */
    if (x->config->lmtp)
        return broken(x, false, 0, STR("remote mail server wants data for no recipient"));
    x->stage = X_FINAL;
    x->dot_only = true;
    return X_GO_ON;
}

static enum exchange_end on_final(struct exchange *x, const struct reply *r)
{
    struct str text;

    if (r->code / 100 == 3)
        return out_of_order(x, r);
    text = r->code / 100 == 2 ? exchange_printable(x->m->arena, r->line) : error_text(x, r);
    if (r->code / 100 == 2 && x->accepted > 0)
        x->m->confirmation = text;
    if (!x->config->lmtp) {
        settle_taken(x, outcome_of(r->code), r->code, text);
        return next_transaction(x);
    }
    while (!x->taken[x->final])
        x->final++;
    settle(&x->m->rcpts[x->pick[x->final++]], outcome_of(r->code), true, r->code, text);
    return --x->accepted > 0 ? X_GO_ON : next_transaction(x);
}

/* A probe has its answers; what it began stays as it is. */
static bool probed(const struct exchange *x)
{
    return x->m->probe && x->sent == x->answered && (x->mail_refused || x->answered == commands(x));
}

/* A transaction that needs no DATA: MAIL or every RCPT was refused, and nothing is on its way. */
static bool nothing_to_send(const struct exchange *x)
{
    if (x->stage != X_COMMANDS || x->sent > x->answered)
        return false;
    return x->mail_refused || (x->accepted == 0 && x->answered == commands(x) - 1);
}

static enum exchange_end on_command(struct exchange *x, const struct reply *r)
{
    enum exchange_end end = X_GO_ON;

    switch (command_at(x, x->answered)) {
    case C_RSET:
        if (r->code / 100 != 2)
            return out_of_order(x, r);
        break;
    case C_MAIL:
        end = on_mail(x, r);
        break;
    case C_RCPT:
        end = on_rcpt(x, r);
        break;
    case C_DATA:
        return on_data(x, r);
    }
    if (end != X_GO_ON)
        return end;
    x->answered++;
    if (probed(x)) {
        x->need_rset = !x->mail_refused;
        x->open = x->need_rset;
        return X_DONE;
    }
    if (!x->m->probe && nothing_to_send(x)) {
        x->need_rset = !x->mail_refused;
        return next_transaction(x);
    }
    return X_GO_ON;
}

enum exchange_end exchange_reply(struct exchange *x, const struct reply *r)
{
    if (r->code == 421)
        return broken(x, x->stage != X_FINAL, 421, error_text(x, r));
    if (x->stage == X_BODY) {
        /* An answer before the dot can be a refusal, never an acceptance. */
        if (r->code / 100 == 5)
            settle_taken(x, CLIENT_NEVER, r->code, error_text(x, r));
        return broken(x, false, r->code, error_text(x, r));
    }
    return x->stage == X_FINAL ? on_final(x, r) : on_command(x, r);
}
