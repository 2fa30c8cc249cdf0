/* What the last SPF check of this message found; nil while there was none. */
#include "policy/vars.h"

#include "getters.h"

#define SPF_TEXT(name, field)                                       \
    void get_##name(const struct vars *v, struct val *out)          \
    {                                                               \
        if (v->t->spf)                                              \
            val_text(out, v->t->spf->field);                        \
    }

SPF_TEXT(spf_result, result)
SPF_TEXT(spf_used_domain, domain)
SPF_TEXT(spf_header_comment, comment)
SPF_TEXT(spf_smtp_comment, smtp_comment)
SPF_TEXT(spf_received, received)

void get_spf_result_guessed(const struct vars *v, struct val *out)
{
    if (v->t->spf)
        val_bool(out, v->t->spf->guessed);
}

void get_spf_guess(const struct vars *v, struct val *out)
{
    val_text(out, policy_opt_str(v->policy, policy_opt_find(STR("spf_guess"))));
}
