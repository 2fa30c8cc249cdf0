#include "engine/logjson.h"

#include <time.h>

#include "auth/proof.h"
#include "base/json.h"

/* An address is at most 320 octets, a reply a few lines; a byte becomes at most
 * six. RECIPIENTS_MAX is of the text written. */
enum { TEXT_MAX = 512, ERROR_MAX = 2048, RECIPIENTS_MAX = 16 * 1024 };

/* Not in the middle of a character. */
static struct str cut(struct str s, size_t most)
{
    if (s.n <= most)
        return s;
    while (most > 0 && ((unsigned char)s.p[most] & 0xc0) == 0x80)
        most--;
    return str_head(s, most);
}

static void put(struct buf *out, const char *name, struct str value)
{
    if (value.n > 0)
        json_member(out, name, cut(value, TEXT_MAX));
}

static void put_long(struct buf *out, const char *name, struct str value)
{
    if (value.n > 0)
        json_member(out, name, cut(value, ERROR_MAX));
}

static void put_event(struct buf *out, const char *event, struct str id)
{
    json_member(out, "event", str_of(event));
    put(out, "id", id);
}

static void put_address(struct buf *out, struct ip ip, uint16_t port)
{
    struct arena a = { 0 };

    if (!ip.v)
        return;
    json_member(out, "address", ip_text(&a, ip));
    if (port)
        json_member_int(out, "port", port);
    arena_free(&a);
}

/* Nothing in clear. */
static void put_tls(struct buf *out, const struct at_tls *t)
{
    if (!tls_is_on(t))
        return;
    put(out, "cipher", t->cipher);
    json_member(out, "verified", !t->verified ? STR("no") : t->dane ? STR("dane") : STR("yes"));
    put(out, "peer_dn", t->peer_dn);
    put(out, "sni", t->sni);
    json_member_bool(out, "resumed", (t->resumption & RESUMPTION_USED) != 0);
}

static void put_client(struct buf *out, const struct conn *c)
{
    put(out, "host", c->host_name);
    put_address(out, c->client_ip, c->client_port);
    put(out, "helo", c->helo);
    put(out, "user", c->ident);
    put(out, "authenticated", c->auth_id);
    put_tls(out, &c->tls);
}

static void put_recipients(struct buf *out, const struct txn *t)
{
    size_t start;

    json_member_int(out, "recipients_count", t->nrcpts);
    json_name(out, "recipients");
    buf_byte(out, '[');
    start = out->n;
    for (uint32_t i = 0; i < t->nrcpts && out->n - start < RECIPIENTS_MAX; i++) {
        if (i)
            buf_byte(out, ',');
        json_text(out, cut(t->rcpts[i].addr, TEXT_MAX));
    }
    buf_byte(out, ']');
}

static void put_message_id(struct buf *out, const struct txn *t)
{
    const struct field *f = header_field(&t->header, STR("Message-ID"), 0);
    struct arena a = { 0 };
    struct str v;

    if (f) {
        v = str_trim(header_unfold(&a, f->value));
        if (v.n > 2 && v.p[0] == '<' && v.p[v.n - 1] == '>')
            v = (struct str){ v.p + 1, v.n - 2 };
        put(out, "message_id", v);
    }
    arena_free(&a);
}

static void put_proof(struct buf *out, const struct proof *p)
{
    const struct signature *s = p ? proof_passed(p) : NULL;

    if (s)
        put(out, "dkim", s->domain);
    if (p && p->arc.judged)
        put(out, "arc", str_of(arc_state_name(p->arc.state)));
}

void logjson_arrival(struct buf *out, struct str id, const struct txn *t, struct str cause)
{
    put_event(out, "arrival", id);
    json_member(out, "sender", cut(t->sender, TEXT_MAX));
    put_recipients(out, t);
    json_member_int(out, "size", (int64_t)t->size);
    put(out, "protocol", t->protocol);
    put_client(out, t->conn);
    put_message_id(out, t);
    put_proof(out, t->proof);
    put(out, "bounce_of", cause);
    put(out, "queue", t->queue_name);
    json_member_int(out, "receive_ms", (t->received_done_us - t->received_us) / 1000);
    if (t->discard || t->nrcpts == 0)
        json_member_bool(out, "discarded", true);
    if (t->fake_code)
        json_member_int(out, "fake_reply", t->fake_code);
}

void logjson_delivery(struct buf *out, const char *event, struct str id, const struct log_delivery *d)
{
    put_event(out, event, id);
    json_member(out, "sender", cut(d->sender, TEXT_MAX));
    json_member(out, "recipient", cut(d->original.n ? d->original : d->address, TEXT_MAX));
    put(out, "delivered_to", d->address);
    put(out, "shown", d->shown);
    put(out, "return_path", d->return_path);
    put(out, "srs_sender", d->srs_sender);
    put(out, "router", d->router);
    put(out, "transport", d->transport);
    put(out, "shadow", d->shadow);
    put(out, "dkim", d->signed_by);
    put(out, "queue", d->queue);
    if (d->host) {
        put(out, "host", d->host->name);
        put_address(out, d->host->ip, d->host->port);
        json_member_bool(out, "reused", d->reused);
        json_member_bool(out, "dnssec", d->host->secure);
        put_tls(out, &d->host->tls);
    }
    json_member_int(out, "size", (int64_t)d->size);
    json_member_int(out, "queue_ms", d->queue_us / 1000);
    if (d->error.n == 0 && d->transport.n > 0)
        json_member_int(out, "delivery_ms", d->deliver_us / 1000);
    put_long(out, "confirmation", d->confirmation);
    put_long(out, "error", d->error);
    put(out, "explain", d->explain);
    if (d->error.n > 0)
        json_member_int(out, "errno", d->err);
}

void logjson_completed(struct buf *out, struct str id, int64_t queue_us, struct str queue)
{
    put_event(out, "completion", id);
    put(out, "queue", queue);
    json_member_int(out, "queue_ms", queue_us / 1000);
}

void logjson_refused(struct buf *out, const struct log_refusal *r)
{
    const struct txn *t = r->t;

    put_event(out, "rejection", t ? str_of(t->id.s) : STR(""));
    if (r->phase)
        json_member(out, "phase", str_of(r->phase));
    if (t && t->sender.p)
        json_member(out, "sender", cut(t->sender, TEXT_MAX));
    if (t && t->addr)
        put(out, "recipient", t->addr->address);
    put_client(out, r->conn);
    json_member_bool(out, "temporary", r->temporary);
    put_long(out, "error", r->error);
    put_long(out, "reply", r->reply);
    put(out, "explain", r->explain);
}

void logjson_time(struct buf *out, int64_t wall_us)
{
    time_t now = (time_t)(wall_us / 1000000);
    struct tm tm = { 0 };
    char text[32];

    gmtime_r(&now, &tm);
    strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &tm);
    buf_addf(out, "%s.%03dZ", text, (int)(wall_us / 1000 % 1000));
}
