/*
 * DMARC: the first line is the author's domain, the second SPF's and DKIM's, every other one a TXT record that
 * is told in turn. An evaluation ends, asks little, and passes only what is aligned; reading a list of
 * addresses ends too.
 */
#include "replay.h"

#include "auth/dmarc.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct arena a = { 0 };
    struct str text = { (const char *)data, n }, address;
    struct dmarc_identifier dkim = { .pass = true };
    struct dmarc_want w = { .dkim = &dkim, .ndkim = 1, .treewalk = true };
    const struct dmarc_answer *r;
    struct dmarc *d;
    unsigned asked = 0;
    uint64_t max;

    str_cut(&text, '\n', &w.from);
    str_cut(&text, '\n', &dkim.domain);
    w.spf = dkim;
    w.from = arena_lower(&a, str_head(w.from, 253));
    d = dmarc_new(&a, &w);
    while (dmarc_question(d)) {
        struct dns_rr rr[2] = { 0 };
        struct dns_answer said = { .status = ST_NONE, .rr = rr };

        if (++asked > 40)
            die("asked %u questions", asked);
        while (said.n < 2 && str_cut(&text, '\n', &rr[said.n].text) && rr[said.n].text.n)
            said.n++;
        if (said.n)
            said.status = ST_OK;
        dmarc_tell(d, &said);
    }
    r = dmarc_answer(d);
    if (r->status == DMARC_ACCEPT && !r->aligned_dkim && !r->aligned_spf)
        die("accepted without an aligned identifier");
    if (r->has_record)
        for (struct str uris = r->record.rua; dmarc_mailto(&a, &uris, &address, &max);)
            if (str_find(address, '@') == SIZE_MAX)
                die("an address without a domain");
    arena_free(&a);
    return 0;
}
