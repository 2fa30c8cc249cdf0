/*
 * A whole SMTP session, any client. The first two bytes choose verdicts, faults
 * and options. The rest is fed twice: at once with answers inside the question,
 * and octet by octet with answers after it. What was said and what was kept must
 * be the same (R3.2), replies must be printable lines, nothing kept may hold a CR
 * or LF alone, and every draft must end once.
 */
#include "replay.h"

#include "../core/smtp/peer.h"

static enum verb verb_of(unsigned bits)
{
    static const enum verb verbs[] = { V_ACCEPT, V_DENY, V_DEFER, V_DISCARD };

    return verbs[bits & 3];
}

static void set_up(struct peer *p, const uint8_t *data, bool late)
{
    peer_init(p);
    p->late = late;
    /* Whether a client spoke too early is a matter of time, not of bytes. */
    p->cfg.enforce_sync = false;
    p->cfg.require_helo = data[0] & 1;
    p->cfg.bare_lf_ok = data[0] & 2;
    p->cfg.max_reject = data[0] & 4;
    p->cfg.strip_trailing_dot = p->cfg.strip_angle_brackets = data[0] & 8;
    p->cfg.allow_literals = p->cfg.offer_vrfy = p->cfg.offer_expn = data[0] & 16;
    p->keep = data[0] & 32 ? ST_AGAIN : ST_OK;
    p->cfg.helo_junk_ok = data[0] & 64;
    p->c.no_multiline = data[0] & 128;
    p->cfg.limits.line_max = 120;
    p->cfg.limits.header_max = 200;
    p->cfg.limits.header_fields_max = 6;
    p->cfg.limits.message_max = 400;
    p->cfg.limits.data_line_max = 90;
    p->cfg.limits.recipients_max = 3;
    p->cfg.limits.received_max = 2;
    p->cfg.limits.nonmail_max = 20;
    p->use_address = true;
    for (int i = 0; i < 4; i++)
        p->by_address[i].verb = verb_of((unsigned)i);
    p->verdicts[PH_MAIL].verb = verb_of(data[1]);
    p->verdicts[PH_PREDATA].verb = verb_of(data[1] >> 2);
    p->verdicts[PH_DATA].verb = verb_of(data[1] >> 4);
    p->verdicts[PH_HELO].verb = data[1] & 64 ? V_DROP : V_ACCEPT;
    p->verdicts[PH_VRFY].verb = data[1] & 128 ? V_DROP : V_ACCEPT;
    peer_start(p);
}

static void check_pairs(struct str s, bool printable)
{
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];

        if ((c == '\n') != (i > 0 && s.p[i - 1] == '\r'))
            die("a CR or LF alone at %zu in: %.*s", i, STR_ARG(s));
        if (printable && (c < ' ' || c > '~') && c != '\r' && c != '\n')
            die("unprintable reply: %.*s", STR_ARG(s));
    }
    if (s.n && s.p[s.n - 1] == '\r')
        die("a CR alone at the end");
}

static void check(struct peer *p)
{
    check_pairs(buf_str(&p->said), true);
    check_pairs(buf_str(&p->kept), false);
    if (p->begins != p->keeps + p->drops + (p->live != NULL) - (p->keep != ST_OK ? p->keeps : 0))
        die("%u drafts, %u kept, %u dropped", p->begins, p->keeps, p->drops);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct peer at_once, by_octet;
    struct str rest;

    if (n < 2)
        return 0;
    rest = (struct str){ (const char *)data + 2, n - 2 };
    set_up(&at_once, data, false);
    peer_send(&at_once, rest);
    set_up(&by_octet, data, true);
    for (size_t i = 0; i < rest.n; i++)
        peer_send(&by_octet, (struct str){ rest.p + i, 1 });
    check(&at_once);
    check(&by_octet);
    if (!str_same(buf_str(&at_once.said), buf_str(&by_octet.said)))
        die("said at once:\n%.*s\nby octet:\n%.*s", STR_ARG(buf_str(&at_once.said)), STR_ARG(buf_str(&by_octet.said)));
    if (at_once.keeps != by_octet.keeps || !str_same(buf_str(&at_once.kept), buf_str(&by_octet.kept)))
        die("kept at once:\n%.*s\nby octet:\n%.*s", STR_ARG(buf_str(&at_once.kept)), STR_ARG(buf_str(&by_octet.kept)));
    smtp_server_lost(at_once.s);
    by_octet.late = false;
    smtp_server_timeout(by_octet.s);
    peer_free(&at_once);
    peer_free(&by_octet);
    return 0;
}
