#include "oracle/oracle_ask.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <resolv.h>
#include <sys/types.h>
#include <opendmarc/dmarc.h>
#include <stdio.h>

#include "auth/oracle_wire.h"
#include "base/arena.h"

void oracle_dmarc_prepare(const char *path)
{
    static OPENDMARC_LIB_T lib;         /* libopendmarc keeps one, for the process */

    lib.tld_type = OPENDMARC_TLD_TYPE_MOZILLA;
    snprintf((char *)lib.tld_source_file, sizeof lib.tld_source_file, "%s", path);
    opendmarc_policy_library_init(&lib);
}

static u_char *take(struct arena *a, struct str *rest)
{
    struct str s;

    return (u_char *)(oracle_take(rest, &s) ? arena_z(a, s) : arena_z(a, STR("")));
}

static int outcome(const u_char *word, bool dkim)
{
    if (!strcmp((const char *)word, "pass"))
        return dkim ? DMARC_POLICY_DKIM_OUTCOME_PASS : DMARC_POLICY_SPF_OUTCOME_PASS;
    if (!strcmp((const char *)word, "fail"))
        return dkim ? DMARC_POLICY_DKIM_OUTCOME_FAIL : DMARC_POLICY_SPF_OUTCOME_FAIL;
    if (!strcmp((const char *)word, "temperror") || (!dkim && !strcmp((const char *)word, "softfail")))
        return dkim ? DMARC_POLICY_DKIM_OUTCOME_TMPFAIL : DMARC_POLICY_SPF_OUTCOME_TMPFAIL;
    return dkim ? DMARC_POLICY_DKIM_OUTCOME_NONE : DMARC_POLICY_SPF_OUTCOME_NONE;
}

static const char *status_of(OPENDMARC_STATUS_T st)
{
    switch (st) {
    case DMARC_POLICY_PASS: return "accept";
    case DMARC_POLICY_REJECT: return "reject";
    case DMARC_POLICY_QUARANTINE: return "quarantine";
    case DMARC_POLICY_NONE: return "none";
    case DMARC_POLICY_ABSENT: return "norecord";
    case DMARC_FROM_DOMAIN_ABSENT: return "nofrom";
    default: return "temperror";
    }
}

/* ip from spf_domain spf_result spf_is_helo, dkim_domain dkim_result ... "", record domain organisation */
static void judge(struct arena *a, DMARC_POLICY_T *p, struct str fields, struct buf *out)
{
    u_char *domain, *word, *record, *org;
    int origin, dkim = 0, spf = 0;

    opendmarc_policy_store_from_domain(p, take(a, &fields));
    domain = take(a, &fields);
    word = take(a, &fields);
    origin = *take(a, &fields) == '1' ? DMARC_POLICY_SPF_ORIGIN_HELO : DMARC_POLICY_SPF_ORIGIN_MAILFROM;
    if (*domain)
        opendmarc_policy_store_spf(p, domain, outcome(word, false), origin, word);
    while (*(domain = take(a, &fields))) {
        word = take(a, &fields);
        opendmarc_policy_store_dkim(p, domain, NULL, outcome(word, true), word);
    }
    record = take(a, &fields);
    domain = take(a, &fields);
    org = take(a, &fields);
    opendmarc_policy_store_dmarc(p, record, domain, *org ? org : NULL);
    oracle_put(out, STR("result"));
    oracle_put(out, str_of(status_of(opendmarc_get_policy_to_enforce(p))));
    opendmarc_policy_fetch_alignment(p, &dkim, &spf);
    oracle_put(out, dkim == DMARC_POLICY_DKIM_ALIGNMENT_PASS ? STR("yes") : STR("no"));
    oracle_put(out, spf == DMARC_POLICY_SPF_ALIGNMENT_PASS ? STR("yes") : STR("no"));
}

void oracle_dmarc(struct str fields, struct buf *out)
{
    struct arena a = { 0 };
    u_char *ip = take(&a, &fields);
    DMARC_POLICY_T *p = opendmarc_policy_connect_init(ip, strchr((char *)ip, ':') ? DMARC_POLICY_IP_TYPE_IPV6 : DMARC_POLICY_IP_TYPE_IPV4);

    if (p) {
        judge(&a, p, fields, out);
        opendmarc_policy_connect_shutdown(p);
    } else {
        oracle_put(out, STR("nonsense"));
    }
    arena_free(&a);
}
