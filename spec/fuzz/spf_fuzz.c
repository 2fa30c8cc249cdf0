/*
 * SPF: the first line is HELO, the second the sender, every other one a TXT record that is told in turn;
 * other questions are answered by chance of the name. A check ends, asks no more than its limits let it,
 * and nothing said of it can end a line.
 */
#include "replay.h"

#include "auth/spf.h"
#include "auth/spf_text.h"
#include "dns/dname.h"

enum { QUESTIONS_MAX = 1 + 10 * 12 + 12 + 1 };

static void one_line(struct str s)
{
    for (size_t i = 0; i < s.n; i++)
        if ((unsigned char)s.p[i] < ' ' || (unsigned char)s.p[i] >= 0x7f)
            die("a control or 8-bit byte in what is said");
}

static void answer(struct arena *a, const struct question *q, struct str *records, struct dns_answer *out)
{
    struct dns_rr *rr = arena_array(a, struct dns_rr, 12);
    unsigned mood = 0;
    struct str line;
    struct dname name;

    if (!dname_read(q->name, &dname_root, &name))
        die("a name that cannot be asked for: %.*s", STR_ARG(q->name));
    for (size_t i = 0; i < q->name.n; i++)
        mood = mood * 31 + (unsigned char)q->name.p[i];
    *out = (struct dns_answer){ .status = ST_NONE, .rr = rr, .n = 1 };
    if (q->type == DNS_TXT) {
        if (!str_cut(records, '\n', &line))
            return;
        rr[0].text = line;
    } else {
        if (mood % 8 == 0)
            return;
        if (mood % 8 == 1) {
            out->status = ST_AGAIN;
            return;
        }
        out->n = mood % 12 + 1;
        if (out->n > 12)
            out->n = 12;
        for (size_t i = 0; i < out->n; i++) {
            rr[i].target = arena_printf(a, "n%zu.example.org", i);
            rr[i].preference = (uint16_t)(mood >> i);
            ip_parse(mood & 16 ? STR("192.0.2.1") : STR("2001:db8::1"), &rr[i].ip);
        }
    }
    out->status = ST_OK;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct arena a = { 0 };
    struct str text = { (const char *)data, n }, out;
    struct spf_want w = { .receiver = STR("mx.example.org"), .now = 1 };
    struct spf *s;
    unsigned asked = 0;

    ip_parse(n & 1 ? STR("192.0.2.1") : STR("2001:db8::1"), &w.client);
    str_cut(&text, '\n', &w.helo);
    str_cut(&text, '\n', &w.sender);
    s = spf_new(&a, &w);
    while (spf_question(s)) {
        struct dns_answer said;

        if (++asked > QUESTIONS_MAX)
            die("asked %u questions", asked);
        answer(&a, spf_question(s), &text, &said);
        spf_tell(s, &said);
    }
    if (spf_answer(s)->result == SPF_PASS && !spf_answer(s)->mechanism.n)
        die("a pass without a mechanism");
    one_line(spf_answer(s)->explanation);
    one_line(spf_received(&a, &w, spf_answer(s)));
    one_line(spf_comment(&a, &w, spf_answer(s)));
    spf_expand(s, text, &out);
    arena_free(&a);
    return 0;
}
