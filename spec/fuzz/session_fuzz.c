/* An SMTP session fed with anything, whole and in pieces: the same replies, the same messages kept, however the bytes
 * were split (R3.2), and nothing read that was not there. */
#include <assert.h>
#include <stdlib.h>

#include "base/clock.h"
#include "smtp/server.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

struct play {
    struct conn conn;
    struct smtp_server *server;
    struct buf out, body, kept;     /* of the message under way; of those that were kept */
    unsigned messages;
};

static void ask(void *ctx, enum phase ph, struct txn *t)
{
    struct play *p = ctx;
    struct verdict v = { .verb = V_ACCEPT };

    if (ph == PH_VRFY || ph == PH_EXPN || (ph == PH_RCPT && t->addr && str_starts(t->addr->local_part, STR("no"))))
        v.verb = V_DENY;
    smtp_server_answer(p->server, &v);
}

static enum status begin(void *ctx, struct txn *t, struct why *why)
{
    (void)t; (void)why;
    buf_clear(&((struct play *)ctx)->body);
    return ST_OK;
}

static enum status body(void *ctx, struct txn *t, struct str bytes, struct why *why)
{
    struct play *p = ctx;

    (void)t; (void)why;
    /* What comes out is content: CRLF lines only, dots taken off. */
    for (size_t i = 0; i < bytes.n; i++)
        assert(bytes.p[i] != '\n' || i == 0 || bytes.p[i - 1] == '\r');
    buf_add(&p->body, bytes);
    return ST_OK;
}

static void keep(void *ctx, struct txn *t)
{
    struct play *p = ctx;

    assert(t->nrcpts > 0 && t->sender.p);
    buf_add(&p->kept, t->header_text);
    buf_add(&p->kept, buf_str(&p->body));
    p->messages++;
    smtp_server_kept(p->server, ST_OK, NULL);
}

static void drop(void *ctx, struct txn *t) { (void)ctx; (void)t; }
static void note(void *ctx, enum smtp_note k, const struct txn *t, struct str text, struct str reply)
{
    (void)ctx; (void)k; (void)t; (void)text; (void)reply;
}

static const struct smtp_server_ops ops = { ask, begin, body, keep, drop, note };

static void feed(struct play *p, struct str s, size_t piece)
{
    while (s.n > 0 && !smtp_server_over(p->server)) {
        size_t n = piece && piece < s.n ? piece : s.n, took = smtp_server_input(p->server, str_head(s, n));
        struct buf *out = smtp_server_output(p->server);

        buf_add(&p->out, buf_str(out));
        buf_clear(out);
        assert(took <= n);
        if (took == 0 && n == s.n)
            break;
        if (took == 0)
            piece = 0;      /* it wants more at once */
        s = str_from(s, took);
    }
}

static void play(struct play *p, const struct smtp_config *cfg, struct str s, size_t piece)
{
    *p = (struct play){ .messages = 0 };
    conn_init(&p->conn);
    p->conn.smtp = true;
    p->server = smtp_server_new(&p->conn, cfg, &ops, p);
    smtp_server_start(p->server);
    feed(p, s, piece);
}

static void end(struct play *p)
{
    smtp_server_free(p->server);
    conn_free(&p->conn);
    buf_free(&p->out);
    buf_free(&p->body);
    buf_free(&p->kept);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct smtp_config cfg = {
        .limits = smtp_limits_default, .offer_8bitmime = true, .offer_pipelining = true, .offer_size = true,
        .banner = STR_INIT("mx.example ESMTP"), .hostname = STR_INIT("mx.example"), .bare_lf_ok = n > 0 && (data[0] & 1),
        .allow_literals = true,
    };
    struct str s = str_from((struct str){ (const char *)data, n }, 2);
    size_t piece = n > 1 ? 1 + data[1] % 64u : 1;
    struct play whole, split;

    clock_fake(INT64_C(1767225600) * 1000000);
    play(&whole, &cfg, s, 0);
    play(&split, &cfg, s, piece);
    assert(whole.messages == split.messages);
    assert(str_same(buf_str(&whole.kept), buf_str(&split.kept)));
    assert(str_same(buf_str(&whole.out), buf_str(&split.out)));
    end(&whole);
    end(&split);
    return 0;
}
