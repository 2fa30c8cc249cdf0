#include "engine/tlslook.h"

#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "engine/event.h"
#include "engine/shield.h"
#include "net/sock.h"
#include "net/stream.h"
#include "smtp/client.h"

enum { WAIT_MS = 30000, CHAIN_MAX = 100 };

/* As a delivery would; everything asked for, nothing required; the session of that once more. */
enum leg { LEG_OWN, LEG_LOOK, LEG_RESUME, LEGS };

struct tlslook_run {
    struct engine *e;
    struct arena arena;
    struct event_view *view;
    struct host where;
    struct transport tr;
    struct shield shield;
    struct shield_ask *asking;
    struct eval *eval;
    enum leg leg;
    struct watch *watch;
    int fd;
    struct timer timer;
    struct stream *stream;
    struct smtp_client *client;
    struct tls *tls;
    struct job step;
    bool stepping, shake, leg_over, secured;
    struct str trouble;             /* of this leg */
    struct str session;
    struct tlslook found;
    bool starting, over;
    tlslook_done *done;
    void *ctx;
};

static void next_leg(struct tlslook_run *r);
static void shake(struct tlslook_run *r);

/* ---- the end */

static void hang_up(struct tlslook_run *r)
{
    struct buf *out = r->client ? smtp_client_output(r->client) : NULL;

    timer_clear(r->e->loop, &r->timer);
    if (out && out->n && r->stream)
        stream_write(r->stream, buf_str(out));
    smtp_client_free(r->client);
    r->client = NULL;
    if (r->watch)
        watch_free(r->watch);
    r->watch = NULL;
    if (r->fd >= 0)
        close(r->fd);
    r->fd = -1;
    if (r->stream)
        stream_close(r->stream, 0);     /* QUIT is out; nobody waits for its answer */
    r->stream = NULL;
    r->tls = NULL;
}

static void run_free(struct tlslook_run *r)
{
    hang_up(r);
    if (r->stepping)
        loop_forget(r->e->loop, &r->step);
    shield_cancel(r->asking);
    if (r->eval)
        policy_cancel(r->eval);
    if (r->view)
        event_view_free(r->view);
    arena_free(&r->arena);
    free(r);
}

void tlslook_cancel(struct tlslook_run *r)
{
    if (r)
        run_free(r);
}

static void verdict(struct tlslook *f, enum tlslook_verdict v, struct str words)
{
    f->verdict = v;
    f->words = words;
}

static void judge(struct tlslook_run *r)
{
    struct tlslook *f = &r->found;
    const struct shield *s = &r->shield;
    struct arena *a = &r->arena;
    const char *worth = f->unverified.n ? f->unverified.p : "";

    if (s->dane && !f->failure.n)
        verdict(f, LOOK_DANE, STR("delivered over TLS, verified by the host's TLSA records"));
    else if (f->failure.n && r->secured)
        verdict(f, LOOK_UNUSED, arena_printf(a, "not used: %.*s", STR_ARG(f->failure)));
    else if (f->failure.n && !(s->tryclear && f->offered))
        verdict(f, LOOK_UNUSED, arena_printf(a, "not used: %.*s", STR_ARG(f->failure)));
    else if (f->failure.n)
        verdict(f, LOOK_CLEAR, arena_printf(a, "delivered in clear, since TLS fails: %.*s", STR_ARG(f->failure)));
    else if (!f->offered || !s->ask)
        verdict(f, LOOK_CLEAR, f->offered ? STR("delivered in clear: the transport avoids TLS with this host")
                                          : STR("delivered in clear: the host offers no TLS"));
    else if (s->how.verify == TLS_VERIFY_NONE)
        verdict(f, LOOK_UNVERIFIED, STR("delivered over TLS; the transport verifies no certificate of this host"));
    else if (f->unverified.n)
        verdict(f, LOOK_UNVERIFIED, arena_printf(a, "delivered over TLS, to whoever answers: the certificate does not verify (%s)", worth));
    else
        verdict(f, LOOK_VERIFIED, STR("delivered over TLS, the certificate verified"));
}

static void finish(struct tlslook_run *r)
{
    if (!r->found.words.n)
        judge(r);
    r->over = true;
    hang_up(r);
    r->done(r->ctx, &r->found);
    if (!r->starting)
        run_free(r);
}

/* ---- what happens next, outside of callbacks */

static void step(void *ctx)
{
    struct tlslook_run *r = ctx;

    r->stepping = false;
    if (r->leg_over)
        next_leg(r);
    else if (r->shake)
        shake(r);
}

static void step_soon(struct tlslook_run *r)
{
    if (r->stepping)
        return;
    r->stepping = true;
    r->step = (struct job){ .fn = step, .ctx = r };
    loop_soon(r->e->loop, &r->step);
}

static void leg_ends(struct tlslook_run *r, struct str trouble)
{
    if (r->leg_over)
        return;
    r->leg_over = true;
    r->trouble = trouble.n ? arena_dup(&r->arena, trouble) : STR("");
    step_soon(r);
}

static void too_late(void *ctx)
{
    struct tlslook_run *r = ctx;

    leg_ends(r, r->shake || (r->tls && !r->secured) ? STR("TLS session: the handshake timed out")
                : r->client ? STR("no answer in 30 seconds") : STR("Connection timed out"));
}

/* ---- the conversation */

static void flush(struct tlslook_run *r)
{
    struct buf *out = r->client ? smtp_client_output(r->client) : NULL;

    if (out && out->n && r->stream) {
        stream_write(r->stream, buf_str(out));
        buf_clear(out);
    }
}

static size_t on_input(void *ctx, struct str bytes)
{
    struct tlslook_run *r = ctx;
    size_t n = r->client ? smtp_client_input(r->client, bytes) : bytes.n;

    flush(r);
    return n;
}

static void on_ended(void *ctx, const struct why *why)
{
    struct tlslook_run *r = ctx;

    if (r->client)
        smtp_client_eof(r->client, why);
    else
        leg_ends(r, str_of(why->text[0] ? why->text : "the host closed the connection"));
}

static const struct stream_user stream_user = { .input = on_input, .ended = on_ended };

static void on_banner(void *ctx, struct str text)
{
    struct tlslook_run *r = ctx;

    (void)text;
    smtp_client_go(r->client);
    flush(r);
}

static void on_ready(void *ctx)
{
    struct tlslook_run *r = ctx;
    bool offers = smtp_client_offers_tls(r->client);

    r->found.offered = r->found.offered || offers || r->secured;
    if (!r->secured && offers && (r->shield.ask || r->leg != LEG_OWN)) {
        smtp_client_starttls(r->client);
        flush(r);
        return;
    }
    if (r->tls && r->leg == LEG_LOOK)
        r->session = tls_session(&r->arena, r->tls);
    if (!r->secured && r->shield.must)
        leg_ends(r, offers ? STR("a TLS session is required, but hosts_avoid_tls has this host")
                           : STR("a TLS session is required, but the server did not offer TLS support"));
    else
        leg_ends(r, STR(""));
    smtp_client_quit(r->client);
}

static void on_starttls(void *ctx, int code, struct str reply)
{
    struct tlslook_run *r = ctx;

    if (code == 220) {
        r->shake = true;
        step_soon(r);
    } else {
        leg_ends(r, arena_printf(&r->arena, "after STARTTLS: %.*s", STR_ARG(reply)));
    }
}

static void on_closed(void *ctx, const struct why *why, bool host_error)
{
    (void)host_error;
    leg_ends(ctx, str_of(why->text));
}

static const struct smtp_client_ops client_ops = {
    .banner = on_banner, .ready = on_ready, .starttls = on_starttls, .closed = on_closed,
};

static void talk(struct tlslook_run *r)
{
    struct smtp_client_config c = { .helo = r->tr.helo, .lmtp = r->tr.lmtp, .greeting_ms = WAIT_MS, .command_ms = WAIT_MS };

    r->client = smtp_client_new(&c, &client_ops, r);
}

/* ---- the handshake */

/* RFC 7672 3.2.2: with records of usage 2 there are more names than one, and they count. */
static bool is_for(const struct tlslook_run *r, const struct tls_cert *cert)
{
    const struct shield *s = &r->shield;
    bool fits = tls_cert_is_for(cert, s->dane ? s->base : r->where.name);

    for (size_t i = 0; i < s->also_n && !fits; i++)
        fits = tls_cert_is_for(cert, s->also[i]);
    return fits;
}

static void on_cert(void *ctx, int depth, struct tls_cert *cert)
{
    struct tlslook_run *r = ctx;
    struct tlslook *f = &r->found;
    struct tls_field field;
    struct tlslook_cert *c;

    if (r->leg == LEG_LOOK && depth >= 0 && depth < CHAIN_MAX) {
        if (!f->chain)
            f->chain = arena_array(&r->arena, struct tlslook_cert, CHAIN_MAX);
        c = &f->chain[depth];
        c->subject = tls_cert_dn(&r->arena, cert);
        if (tls_cert_field(&r->arena, cert, STR("issuer"), &field, NULL) == ST_OK)
            c->issuer = field.text;
        if (tls_cert_field(&r->arena, cert, STR("notafter"), &field, NULL) == ST_OK)
            c->until = field.text;
        if (depth == 0)
            f->name_fits = is_for(r, cert);
        if ((size_t)depth + 1 > f->chain_n)
            f->chain_n = (size_t)depth + 1;
    }
    tls_cert_answer(r->tls, true);
}

static void on_note(void *ctx, struct str text)
{
    struct tlslook_run *r = ctx;

    if (r->leg == LEG_LOOK && !r->found.unverified.n)
        r->found.unverified = arena_dup(&r->arena, text);
}

static void take_facts(struct tlslook_run *r)
{
    const struct tls_facts *t = tls_facts(r->tls);
    struct tlslook *f = &r->found;

    if (r->leg == LEG_RESUME) {
        f->resumed = (t->resumption & RESUMPTION_USED) != 0;
        return;
    }
    if (r->leg != LEG_LOOK)
        return;
    f->looked = true;
    f->host.tls = (struct at_tls){
        .version = arena_dup(&r->arena, t->version), .cipher = arena_dup(&r->arena, t->cipher), .bits = (uint16_t)t->bits,
        .verified = t->verified, .ocsp = (uint8_t)t->ocsp, .resumption = (uint8_t)t->resumption,
    };
    if (!t->verified && !f->unverified.n)
        f->unverified = STR("no reason was given");
}

static void on_over(void *ctx, const struct why *why)
{
    struct tlslook_run *r = ctx;

    if (why->text[0]) {
        leg_ends(r, arena_printf(&r->arena, "TLS session: %s", why->text));
        return;
    }
    r->secured = true;
    take_facts(r);
    if (r->client)
        smtp_client_again(r->client);
    else
        talk(r);
    flush(r);
}

static const struct tls_ops tls_ops = { .cert = on_cert, .note = on_note, .over = on_over };

/* Everything is asked for and nothing required, by authorities and names, with DANE or without. */
static void open_eyes(struct tlslook_run *r, struct tls_how *how, struct tls_config *config)
{
    how->verify = TLS_VERIFY_TRY;
    how->names = &r->shield.name;
    how->names_n = 1;
    how->dane_base = (struct str){ 0 };
    how->tlsa_n = 0;
    how->staple = TLS_STAPLE_REQUEST;
    how->resume = true;
    how->alpn_required = false;
    config->ca = r->tr.tls.ca;
    config->crl = r->tr.tls.crl;
}

static void shake(struct tlslook_run *r)
{
    struct tls_how how = r->shield.how;
    struct tls_config config = r->shield.config;
    struct tls_context *c;
    struct why why = { 0 };

    r->shake = false;
    if (r->leg != LEG_OWN)
        open_eyes(r, &how, &config);
    if (r->leg == LEG_RESUME)
        how.session = r->session;
    if (tls_context_get(r->e->tls, &config, &c, &why) != ST_OK) {
        leg_ends(r, arena_printf(&r->arena, "TLS session: %s", why.text));
        return;
    }
    r->tls = tls_start(r->stream, c, &how, &tls_ops, r);
    tls_context_drop(c);
}

/* ---- connecting */

static void connected(void *ctx, int what)
{
    struct tlslook_run *r = ctx;
    struct why why = { 0 };
    int fd = r->fd;

    (void)what;
    watch_free(r->watch);
    r->watch = NULL;
    if (sock_connected(fd, &why) != ST_OK) {
        leg_ends(r, str_of(why.text));
        return;
    }
    r->fd = -1;
    r->stream = stream_new(r->e->loop, fd, &stream_user, r);
    if (r->shield.smtps) {
        r->shake = true;
        step_soon(r);
    } else {
        talk(r);
    }
}

static void dial(struct tlslook_run *r)
{
    struct sock_addr to = { .ip = r->found.host.ip, .port = r->found.host.port };
    struct why why = { 0 };

    r->leg_over = r->secured = r->shake = false;
    timer_set(r->e->loop, &r->timer, WAIT_MS);
    if (sock_connect(&to, NULL, &r->fd, &why) != ST_OK) {
        r->fd = -1;
        leg_ends(r, str_of(why.text[0] ? why.text : "no connection"));
        return;
    }
    r->watch = watch_new(r->e->loop, r->fd, connected, r);
    watch_set(r->watch, WATCH_WRITE);
}

static void next_leg(struct tlslook_run *r)
{
    enum leg ended = r->leg;

    if (ended == LEG_OWN)
        r->found.failure = r->trouble;
    else if (ended == LEG_LOOK && r->trouble.n && !r->found.unverified.n)
        r->found.unverified = r->trouble;
    hang_up(r);
    r->leg++;
    if (ended == LEG_LOOK)
        r->found.tried_resuming = r->session.n > 0;
    if (r->leg == LEGS || !r->found.offered || (r->leg == LEG_RESUME && !r->session.n)) {
        finish(r);
        return;
    }
    dial(r);
}

/* ---- before it: options and TLSA records */

static void unused(struct tlslook_run *r, struct str words)
{
    verdict(&r->found, LOOK_UNUSED, arena_printf(&r->arena, "not used: %.*s", STR_ARG(words)));
    finish(r);
}

static void shield_known(void *ctx, enum status st, const struct why *why, const char *event)
{
    struct tlslook_run *r = ctx;

    (void)event;
    r->asking = NULL;
    r->found.tlsa = r->shield.how.tlsa;
    r->found.tlsa_n = r->shield.how.tlsa_n;
    r->found.tlsa_base = r->shield.base;
    r->found.sought = r->shield.sought;
    if (st != ST_OK) {
        if (event)
            r->found.dane = arena_printf(&r->arena, "%s", why->text);
        unused(r, arena_printf(&r->arena, "%s", why->text));
        return;
    }
    if (r->e->cfg.hermetic) {
        verdict(&r->found, LOOK_UNSEEN, STR("not connected to: a hermetic world has names and no hosts"));
        finish(r);
        return;
    }
    dial(r);
}

static void transport_known(void *ctx, enum status st, const struct transport_values *tv, const struct why *why)
{
    struct tlslook_run *r = ctx;
    struct shield_want w = {
        .e = r->e, .set = r->e->settings, .tr = &r->tr, .host = &r->found.host, .found = &r->where, .view = &r->view->t,
        .arena = &r->arena,
    };
    struct shield_ask *k;

    r->eval = NULL;
    if (st != ST_OK) {
        unused(r, str_of(why->text));
        return;
    }
    transport_read(&r->arena, tv, r->e->settings->hostname, &r->tr);
    if (r->tr.driver != DRIVER_SMTP) {
        unused(r, arena_printf(&r->arena, "transport %.*s is for this machine", STR_ARG(r->tr.name)));
        return;
    }
    r->found.host = (struct at_host){ .name = r->where.name, .ip = r->where.ip, .port = r->where.port ? r->where.port : r->tr.port,
                                      .secure = r->where.secure };
    event_view_host(r->view, &r->found.host);
    k = shield_start(&w, &r->shield, shield_known, r);
    if (k)
        r->asking = k;
}

struct tlslook_run *tlslook_start(const struct tlslook_want *w, tlslook_done *done, void *ctx)
{
    struct tlslook_run *r = calloc(1, sizeof *r);
    struct eval *eval;

    if (!r)
        die("out of memory");
    r->e = w->e;
    r->done = done;
    r->ctx = ctx;
    r->fd = -1;
    r->starting = true;
    r->timer = (struct timer){ .fn = too_late, .ctx = r };
    r->where = host_dup(&r->arena, w->host);
    r->found.transport = arena_dup(&r->arena, w->at->transport);
    r->view = event_view(w->t, w->at, NULL, NULL, NULL);
    r->view->t.phase = PH_TRANSPORT;
    eval = policy_transport(r->e->settings->policy, r->found.transport, &r->view->t, transport_known, r);
    if (eval)
        r->eval = eval;
    r->starting = false;
    if (!r->over)
        return r;
    run_free(r);
    return NULL;
}
