/*
 * The border between a handshake and SMTP. The first byte chooses options; then come steps: below 0x80 so many octets
 * of the client, offered as they come; else something that happens around it (step_of). Whatever the order: nothing is
 * said from the 220 to the end of the handshake, no octet is taken meanwhile, nothing of before is known afterwards, and
 * a port that begins with TLS says nothing in clear.
 */
#include "replay.h"

#include "../core/smtp/peer.h"

enum step { SECURED, FAILED, ANSWER, AHEAD, TIMEOUT, LOST, FAREWELL, READY, LEAVE, STEPS };

static void set_up(struct peer *p, uint8_t options)
{
    peer_init(p);
    p->late = options & 1;
    p->cfg.enforce_sync = options & 2;
    p->cfg.offer_tls = true;
    p->cfg.tls_on_connect = options & 4;
    p->cfg.remember_esmtp = options & 8;
    p->no_tls = options & 16;
    p->cfg.limits.line_max = 80;
    p->cfg.limits.nonmail_max = 1000;
    p->cfg.limits.errors_max = 1000;
    p->cfg.limits.unknown_max = 1000;
    p->verdicts[PH_STARTTLS].verb = options & 32 ? V_DEFER : V_ACCEPT;
    p->verdicts[PH_CONNECT].verb = options & 64 ? V_DENY : V_ACCEPT;
    p->shake = SHAKE_WAIT;
    p->s = smtp_server_new(&p->c, &p->cfg, &peer_ops, p);
    smtp_server_start(p->s);
}

static void end_handshake(struct peer *p, bool well)
{
    struct why why;

    if (!smtp_server_handshaking(p->s) || smtp_server_waiting(p->s))
        return;
    why_set(&why, ST_AGAIN, "(SSL_accept): it was not to be");
    if (well)
        p->c.tls.version = STR("TLS1.3");
    buf_clear(&p->said);
    smtp_server_secured(p->s, well ? NULL : &why);
    peer_collect(p);
    if (!well || smtp_server_over(p->s))
        return;
    if (p->c.auth_id.p || smtp_server_txn(p->s) || (p->c.helo.p && !p->cfg.remember_esmtp))
        die("something said in clear outlived the handshake");
}

/* One late answer; what is due when nothing waits is nobody's. */
static void answer(struct peer *p)
{
    int ph = p->open;

    if (ph < 0)
        return;
    p->open = -1;
    if (ph == PEER_TLS)
        smtp_server_tls_ready(p->s, !p->no_tls);
    else if (ph == PH_COUNT)
        peer_keep(p);
    else
        peer_answer(p, (enum phase)ph, p->open_txn);
}

static void step_of(struct peer *p, enum step step)
{
    switch (step) {
    case SECURED: end_handshake(p, true); break;
    case FAILED: end_handshake(p, false); break;
    case ANSWER: answer(p); break;
    case AHEAD: smtp_server_pending(p->s, 7); break;
    case TIMEOUT: clock_step(40 * 1000); smtp_server_timeout(p->s); break;
    case LOST: p->open = p->open == PH_COUNT ? p->open : -1; smtp_server_lost(p->s); break;
    case FAREWELL: smtp_server_shutdown(p->s, STR("going down")); break;
    case LEAVE: smtp_server_leave(p->s, STR("going down")); break;
    case READY: p->no_tls = !p->no_tls; break;
    case STEPS: break;
    }
}

/* What came of the last step. */
static void judge(struct peer *p, bool was_shaking, size_t said)
{
    bool secret = tls_is_on(&p->c.tls);

    peer_collect(p);
    if (p->cfg.tls_on_connect && !secret && p->said.n)
        die("said in clear: %.*s", STR_ARG(buf_str(&p->said)));
    if (was_shaking && !secret && p->said.n > said)
        die("said in the handshake: %.*s", STR_ARG(str_from(buf_str(&p->said), said)));
}

static size_t offer(struct peer *p, struct str bytes)
{
    char *copy = malloc(bytes.n + 1);
    size_t n;

    memcpy(copy, bytes.p, bytes.n);
    n = smtp_server_input(p->s, (struct str){ copy, bytes.n });
    free(copy);
    return n;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct peer p;
    size_t at = 1;

    if (n < 1)
        return 0;
    clock_fake(INT64_C(1767225600) * 1000000);
    set_up(&p, data[0]);
    peer_collect(&p);
    judge(&p, false, 0);
    while (at < n && !smtp_server_over(p.s)) {
        uint8_t c = data[at++];
        bool shaking = smtp_server_handshaking(p.s), secret = tls_is_on(&p.c.tls);
        size_t said = p.said.n, taken = 0;

        if (c >= 0x80) {
            enum step step = (enum step)((c - 0x80) % STEPS);

            step_of(&p, step);
            judge(&p, shaking && step != SECURED, said);
            continue;
        }
        struct str bytes = { (const char *)data + at, c < n - at ? c : n - at };

        if (bytes.n && !smtp_server_waiting(p.s))
            taken = offer(&p, bytes);
        if (shaking && !secret && taken)
            die("%zu octets taken in the handshake", taken);
        at += bytes.n;
        judge(&p, shaking, said);
    }
    p.open = -1;
    p.late = false;
    peer_free(&p);
    return 0;
}
