/*
 * Rewritten and tagged senders: whatever comes as a local part, what it stands for could have come as an address; and what
 * we write leads back to where it came from.
 */
#include "replay.h"

#include "auth/prvs.h"
#include "auth/srs.h"
#include "base/why.h"
#include "mail/addr.h"

static const struct str secret = STR_INIT("a secret");

static struct srs_rules rules(enum srs_kind kind, bool signs)
{
    return (struct srs_rules){ .kind = kind, .secrets = &secret, .nsecrets = signs, .separator = '=', .hash_length = 4, .hash_min = 4,
                               .max_age = 10, .day = 20000 };
}

static void sound(struct str address)
{
    struct addr parsed;
    const char *reason = NULL;

    if (!addr_parse(address, &parsed, &reason))
        die("%.*s: %s", STR_ARG(address), reason);
}

static void apart(struct arena *a, struct str local)
{
    for (enum srs_kind kind = SRS_MAIL; kind <= SRS_EXIM; kind++)
        for (int signs = 0; signs < 2; signs++) {
            struct srs_rules r = rules(kind, signs);
            struct str out;

            srs_decode(a, &r, local, &out);
            if (out.n)
                sound(out);
        }
}

static void there_and_back(struct arena *a, struct str text)
{
    struct str made, back;
    struct addr whole, ours;

    for (enum srs_kind kind = SRS_MAIL; kind <= SRS_EXIM; kind++) {
        struct srs_rules r = rules(kind, true);

        if (srs_encode(a, &r, text, STR("fwd.test"), &made) != SRS_OK)
            continue;
        sound(made);
        if (!addr_split(text, &whole) || !addr_split(made, &ours))
            die("%.*s became no address", STR_ARG(text));
        if (kind != SRS_EXIM && srs_is(addr_unquote(a, whole.local)))
            continue;           /* it leads back to the first forwarder */
        if (srs_decode(a, &r, addr_unquote(a, ours.local), &back) != SRS_OK)
            die("%.*s is not taken", STR_ARG(made));
        if (!str_same_fold(back, addr_join(a, addr_quote(a, addr_unquote(a, whole.local)), whole.domain)))
            die("%.*s came back as %.*s", STR_ARG(text), STR_ARG(back));
    }
}

static void tagged(struct arena *a, struct str text)
{
    struct str made = prvs_create(a, text, secret, 3, 20000);
    struct prvs p;

    if (prvs_read(a, text, &p)) {
        sound(p.address);
        prvs_good(a, &p, secret, 20000);
    }
    if (made.n && (!prvs_read(a, made, &p) || !prvs_good(a, &p, secret, 20007)))
        die("%.*s is not taken", STR_ARG(made));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct arena a = { 0 };
    struct str text = { (const char *)data, n };

    apart(&a, text);
    there_and_back(&a, text);
    tagged(&a, text);
    arena_free(&a);
    return 0;
}
