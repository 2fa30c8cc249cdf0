/* What DMARC said of this message; nil while nobody asked. */
#include "policy/vars.h"

#include "getters.h"

#define DMARC_TEXT(name, field)                                     \
    void get_dmarc_##name(const struct vars *v, struct val *out)    \
    {                                                               \
        if (v->t->dmarc)                                            \
            val_text(out, v->t->dmarc->field);                      \
    }

DMARC_TEXT(status, status)
DMARC_TEXT(status_text, text)
DMARC_TEXT(domain_policy, policy)
DMARC_TEXT(used_domain, domain)
DMARC_TEXT(ar_header, header)
DMARC_TEXT(disposition, disposition)

void get_dmarc_alignment_dkim(const struct vars *v, struct val *out)
{
    if (v->t->dmarc)
        val_bool(out, v->t->dmarc->aligned_dkim);
}

void get_dmarc_alignment_spf(const struct vars *v, struct val *out)
{
    if (v->t->dmarc)
        val_bool(out, v->t->dmarc->aligned_spf);
}
