#include "local/names.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

enum { STEPS = 100000 };

enum status names_open(struct names *n, struct str pattern, struct why *why)
{
    PCRE2_UCHAR text[128];
    PCRE2_SIZE at;
    int err;

    *n = (struct names){ 0 };
    if (pattern.n == 0)
        return ST_OK;
    n->code = pcre2_compile((PCRE2_SPTR)pattern.p, pattern.n, 0, &err, &at, NULL);
    if (!n->code) {
        pcre2_get_error_message(err, text, sizeof text);
        return why_set(why, ST_AGAIN, "the pattern \"%.*s\": %s", STR_ARG(pattern), (const char *)text);
    }
    n->data = pcre2_match_data_create_from_pattern(n->code, NULL);
    n->limits = pcre2_match_context_create(NULL);
    if (!n->data || !n->limits)
        die("no memory for a pattern");
    pcre2_set_match_limit(n->limits, STEPS);
    return ST_OK;
}

bool names_match(const struct names *n, const char *name)
{
    return n->code && pcre2_match(n->code, (PCRE2_SPTR)name, strlen(name), 0, 0, n->data, n->limits) > 0;
}

bool names_number(const struct names *n, const char *name, int64_t *out)
{
    PCRE2_SIZE *at;
    uint64_t value;

    if (!names_match(n, name) || pcre2_get_ovector_count(n->data) < 2)
        return false;
    at = pcre2_get_ovector_pointer(n->data);
    if (at[2] == PCRE2_UNSET || !str_u64((struct str){ name + at[2], at[3] - at[2] }, (uint64_t)1 << 40, &value))
        return false;
    *out = (int64_t)value;
    return true;
}

void names_close(struct names *n)
{
    pcre2_match_context_free(n->limits);
    pcre2_match_data_free(n->data);
    pcre2_code_free(n->code);
    *n = (struct names){ 0 };
}
