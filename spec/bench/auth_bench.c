/*
 * auth_bench - what it costs to find out who a sender is, and what hostile messages can make it cost
 *
 *   auth_bench        prints "name value" a line
 *
 * Names come from a zone in memory, as they would from a warm cache; time is
 * the processor's, the least of several rounds. Hostile messages: a thousand
 * signatures, a header of a megabyte, a chain of fifty sets.
 */
#include <stdio.h>
#include <time.h>

#include "auth/arc.h"
#include "auth/dmarc.h"
#include "auth/seal.h"
#include "auth/spf.h"

enum { TURNS = 2000, ROUNDS = 5, SIGNATURES = 1000, HEADER = 1 << 20 };

static double cpu_us(void)
{
    struct timespec t;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

/* The least of some rounds, of one turn. */
static double least(void (*turn)(void *ctx), void *ctx, int turns)
{
    double best = 0;

    for (int round = 0; round < ROUNDS; round++) {
        double at = cpu_us(), took;

        for (int i = 0; i < turns; i++)
            turn(ctx);
        took = (cpu_us() - at) / turns;
        best = round == 0 || took < best ? took : best;
    }
    return best;
}

/* ---- over names that are known */

static const char ZONE[] =
    "example.org. TXT \"v=spf1 a mx include:_s.example.org ip4:192.0.2.0/24 ip6:2001:db8::/32 -all\"\n"
    "example.org. A 192.0.2.1\nexample.org. MX 10 mx.example.org.\nmx.example.org. A 192.0.2.2\n"
    "_s.example.org. TXT \"v=spf1 ip4:198.51.100.0/24 -all\"\n"
    "_dmarc.example.org. TXT \"v=DMARC1; p=reject; rua=mailto:x@example.org\"\n";

struct names { struct loop *loop; struct dns *dns; struct suffixes *suffixes; };

static void done(void *ctx)
{
    *(bool *)ctx = true;
}

static void run(const struct names *n, const struct inquiry_kind *kind, void *machine)
{
    bool over = false;

    inquiry_begin(n->loop, n->dns, kind, machine, done, &over);
    while (!over)
        loop_turn(n->loop, 1000);
}

static void spf_turn(void *ctx)
{
    struct arena a = { 0 };
    struct spf_want w = { .helo = STR("there.example"), .sender = STR("ann@example.org") };
    struct spf *s;

    ip_parse(STR("203.0.113.9"), &w.client);
    s = spf_new(&a, &w);
    run(ctx, &spf_inquiry, s);
    if (spf_answer(s)->result != SPF_FAIL)
        die("SPF: %s", spf_result_name(spf_answer(s)->result));
    arena_free(&a);
}

static void dmarc_turn(void *ctx)
{
    const struct names *n = ctx;
    struct arena a = { 0 };
    struct dmarc_want w = { .from = STR("news.example.org"), .spf = { STR_INIT("bounce.example.org"), true, false }, .suffixes = n->suffixes };
    struct dmarc *d = dmarc_new(&a, &w);

    run(n, &dmarc_inquiry, d);
    if (dmarc_answer(d)->status != DMARC_ACCEPT)
        die("DMARC: %s", dmarc_status_name(dmarc_answer(d)->status));
    arena_free(&a);
}

static void known_names(void)
{
    struct dns_config c = { .zone_file = "zone", .zone_text = { ZONE, sizeof ZONE - 1 }, .hosts_file = "" };
    struct names n = { .loop = loop_new() };
    struct why why;

    if (dns_open(n.loop, &c, &n.dns, &why) != ST_OK || suffixes_open(NULL, &n.suffixes, &why) != ST_OK)
        die("%s", why.text);
    printf("spf_us %.1f\n", least(spf_turn, &n, TURNS));
    printf("dmarc_us %.1f\n", least(dmarc_turn, &n, TURNS));
    suffixes_close(n.suffixes);
    dns_close(n.dns);
    loop_free(n.loop);
}

/* ---- hostile messages: one key for all */

static const char PLAIN[] = "From: Ann <ann@example.org>\r\nTo: b@example.net\r\nSubject: x\r\nDate: Tue, 03 Mar 2026 10:00:00 +0000\r\n";

struct message {
    struct arena a;
    struct header h;
    struct keys *keys;
    struct signkeys *signkeys;
    struct str pem, record;
    unsigned sets;              /* of a chain that holds */
    size_t memory;              /* of the last judging */
};

static struct str body(void)
{
    return STR("A body of one line.\r\n");
}

static void dkim_turn(void *ctx)
{
    struct message *m = ctx;
    struct sig_rules rules = sig_rules_default;
    struct bodyhash *b = bodyhash_new();
    struct dkim d;

    dkim_init(&d, &m->h, &rules, b);
    for (size_t i = 0; i < d.nwanted; i++)
        dkim_answer(&d, i, m->keys, &m->record, 1, false);
    bodyhash_add(b, body());
    bodyhash_end(b);
    dkim_judge(&d, b);
    if (d.v[0].result != SIG_PASS)
        die("it does not verify: %s", d.v[0].reason);
    m->memory = d.arena.used;
    dkim_drop(&d);
    bodyhash_free(b);
}

static void arc_turn(void *ctx)
{
    struct message *m = ctx;
    struct sig_rules rules = sig_rules_default;
    struct bodyhash *b = bodyhash_new();
    struct arc arc;

    arc_init(&arc, &m->h, &rules, b);
    for (size_t i = 0; i < arc.nwanted; i++)
        arc_answer(&arc, i, m->keys, &m->record, 1, false);
    bodyhash_add(b, body());
    bodyhash_end(b);
    arc_judge(&arc, b);
    if (arc.state != ARC_PASS || arc.whole != m->sets)
        die("the chain of %u (%u) does not hold: %.*s", m->sets, arc.whole, STR_ARG(arc.reason));
    m->memory = arc.arena.used;
    arc_drop(&arc);
    bodyhash_free(b);
}

/* The header so far, with our signature in front. */
static void sign(struct message *m, struct str section, struct buf *out)
{
    struct sign_want w = { .domain = STR_INIT("example.org"), .selector = STR_INIT("s"), .hash = HASH_SHA256, .header = CANON_RELAXED,
                           .body = CANON_RELAXED, .created = -1, .expires = -1, .key = m->pem };
    struct bodyhash *b = bodyhash_new();
    struct fieldset *fields;
    struct why why;

    header_parse(&m->a, section, &m->h);
    fields = fieldset_new(&m->h);
    sign_prepare(&w, b);
    bodyhash_add(b, body());
    bodyhash_end(b);
    if (sign_field(&w, m->signkeys, &m->h, fields, b, out, &why) != ST_OK)
        die("%s", why.text);
    fieldset_free(fields);
    bodyhash_free(b);
}

static void signatures(struct message *m)
{
    struct buf one = { 0 }, all = { 0 };

    sign(m, str_of(PLAIN), &one);
    for (int i = 0; i < SIGNATURES; i++)
        buf_add(&all, buf_str(&one));
    buf_add(&all, str_of(PLAIN));
    header_parse(&m->a, arena_dup(&m->a, buf_str(&all)), &m->h);
    printf("signatures_us %.0f\n", least(dkim_turn, m, 20));
    printf("signatures_kib %.0f\n", (double)m->memory / 1024);
    buf_free(&one);
    buf_free(&all);
}

/* One field is most of it, and as many signatures as are looked at are over it. */
static void large_header(struct message *m)
{
    struct buf all = { 0 }, field = { 0 }, section = { 0 };

    buf_add(&all, STR("From: Ann <ann@example.org>\r\nSubject: a text that goes on"));
    for (int i = 0; all.n < HEADER; i++)
        buf_addf(&all, "\r\n  and  on,  in line %d of a field that nobody reads", i);
    buf_add(&all, STR("\r\n"));
    sign(m, arena_dup(&m->a, buf_str(&all)), &field);
    for (int i = 0; i < SIG_MOST; i++)
        buf_add(&section, buf_str(&field));
    buf_add(&section, buf_str(&all));
    header_parse(&m->a, arena_dup(&m->a, buf_str(&section)), &m->h);
    printf("header_us %.0f\n", least(dkim_turn, m, 20));
    buf_free(&all);
    buf_free(&field);
    buf_free(&section);
}

static void seal(struct message *m, struct str *chain)
{
    struct buf front = { 0 }, section = { 0 };
    struct seal_want w = { .admd = STR("example.org"), .selector = STR("s"), .key = m->pem, .created = -1, .expires = -1 };
    struct bodyhash *b = bodyhash_new();
    struct fieldset *fields;
    struct why why;

    buf_addf(&section, "Authentication-Results: example.org; arc=%s\r\n%.*s%s", m->sets ? "pass" : "none", STR_ARG(*chain), PLAIN);
    header_parse(&m->a, arena_dup(&m->a, buf_str(&section)), &m->h);
    fields = fieldset_new(&m->h);
    seal_prepare(&w, b);
    bodyhash_add(b, body());
    bodyhash_end(b);
    if (seal_fields(&w, m->signkeys, &m->h, fields, b, &front, &why) != ST_OK)
        die("set %u: %s", m->sets + 1, why.text);
    buf_add(&front, *chain);
    *chain = arena_dup(&m->a, buf_str(&front));
    m->sets++;
    fieldset_free(fields);
    bodyhash_free(b);
    buf_free(&front);
    buf_free(&section);
}

static void chain(struct message *m)
{
    struct str sets = STR("");

    while (m->sets < ARC_SETS)
        seal(m, &sets);
    header_parse(&m->a, arena_printf(&m->a, "%.*s%s", STR_ARG(sets), PLAIN), &m->h);
    printf("chain_us %.0f\n", least(arc_turn, m, 5));
    printf("chain_kib %.0f\n", (double)m->memory / 1024);
}

int main(void)
{
    struct message m = { .keys = keys_new(), .signkeys = signkeys_new() };
    struct str p;

    known_names();
    if (!signkey_make(&m.a, KEY_RSA, 2048, &m.pem, &p))
        die("no key");
    m.record = arena_printf(&m.a, "v=DKIM1; p=%.*s", STR_ARG(p));
    signatures(&m);
    large_header(&m);
    chain(&m);
    keys_free(m.keys);
    signkeys_free(m.signkeys);
    arena_free(&m.a);
    return 0;
}
