#include "oracle/oracle_ask.h"

#include <arpa/inet.h>
#include <arpa/nameser.h>
#include <netdb.h>
#include <spf2/spf.h>
#include <spf2/spf_dns.h>
#include <stdlib.h>

#include "auth/oracle_wire.h"
#include "base/arena.h"

enum { NONE = 1, AGAIN = 2 };           /* enum status, as it is written on the wire; 0 is ok */

struct asked {
    struct arena arena;
    struct str known;           /* of the DNS */
    bool missing;
    struct str name;            /* the first that is missing */
    unsigned type;
};

/* ---- libspf2's layer for the DNS */

static bool fill(SPF_dns_rr_t *rr, struct str *rest, unsigned count, ns_type type)
{
    struct str value;

    for (unsigned i = 0; i < count; i++) {
        if (!oracle_take(rest, &value) || SPF_dns_rr_buf_realloc(rr, (int)i, value.n + 32) != SPF_E_SUCCESS)
            return false;
        if (type == ns_t_a && value.n == 4)
            memcpy(&rr->rr[i]->a, value.p, 4);
        else if (type == ns_t_aaaa && value.n == 16)
            memcpy(&rr->rr[i]->aaaa, value.p, 16);
        else if (type == ns_t_a || type == ns_t_aaaa)
            return false;
        else {
            memcpy(rr->rr[i]->txt, value.p, value.n);
            rr->rr[i]->txt[value.n] = '\0';
        }
        rr->num_rr++;
    }
    return true;
}

static bool skip(struct str *rest, unsigned count)
{
    struct str value;

    while (count--)
        if (!oracle_take(rest, &value))
            return false;
    return true;
}

static SPF_dns_rr_t *lookup(SPF_dns_server_t *dns, const char *domain, ns_type type, int should_cache)
{
    struct asked *k = dns->hook;
    struct str rest = k->known, name, wanted = str_of(domain);
    unsigned t, status, count;
    SPF_dns_rr_t *rr = SPF_dns_rr_new_init(dns, domain, type, 0, type == ns_t_spf ? NO_DATA : TRY_AGAIN);

    (void)should_cache;
    if (!rr || type == ns_t_spf)        /* the type that never was */
        return rr;
    while (oracle_take(&rest, &name) && oracle_take_number(&rest, 65535, &t) && oracle_take_number(&rest, AGAIN, &status)
           && oracle_take_number(&rest, 1000, &count)) {
        if (t != (unsigned)type || !str_same_fold(name, wanted)) {
            if (!skip(&rest, count))
                break;
            continue;
        }
        rr->herrno = status == AGAIN ? TRY_AGAIN : status == NONE ? HOST_NOT_FOUND : NETDB_SUCCESS;
        if (status == 0 && !fill(rr, &rest, count, type))
            rr->herrno = TRY_AGAIN;
        return rr;
    }
    if (!k->missing) {
        k->missing = true;
        k->name = arena_dup(&k->arena, wanted);
        k->type = (unsigned)type;
    }
    return rr;
}

/* ---- a check: its word. What libspf2 1.2.10 makes of an explanation (macros left as they are, percent signs for blanks)
 * is of no use to anybody. */

static const char *word_of(SPF_errcode_t err, SPF_result_t r)
{
    switch (r) {
    case SPF_RESULT_NEUTRAL: return err == SPF_E_SUCCESS ? "neutral" : err == SPF_E_DNS_ERROR ? "temperror" : "permerror";
    case SPF_RESULT_PASS: return "pass";
    case SPF_RESULT_FAIL: return "fail";
    case SPF_RESULT_SOFTFAIL: return "softfail";
    case SPF_RESULT_NONE: return "none";
    case SPF_RESULT_TEMPERROR: return "temperror";
    case SPF_RESULT_PERMERROR: case SPF_RESULT_INVALID: break;
    }
    return err == SPF_E_NOT_SPF ? "none" : err == SPF_E_DNS_ERROR ? "temperror" : "permerror";
}

/* ip, helo, sender, receiver, record to guess; each as a C string. */
struct question { char *ip, *helo, *sender, *receiver, *record; };

static bool take(struct arena *a, struct str *rest, char **out)
{
    struct str s;

    if (!oracle_take(rest, &s))
        return false;
    *out = arena_z(a, s);
    return strlen(*out) == s.n;         /* no NUL within */
}

static void query(SPF_server_t *server, const struct question *q, const struct asked *k, struct buf *out)
{
    SPF_request_t *r = SPF_request_new(server);
    SPF_response_t *response = NULL;
    SPF_errcode_t err = SPF_E_NO_MEMORY;

    if (r && (strchr(q->ip, ':') ? SPF_request_set_ipv6_str(r, q->ip) : SPF_request_set_ipv4_str(r, q->ip)) == SPF_E_SUCCESS) {
        SPF_request_set_helo_dom(r, q->helo);
        SPF_request_set_env_from(r, q->sender);
        err = q->record[0] ? SPF_request_query_fallback(r, &response, q->record) : SPF_request_query_mailfrom(r, &response);
    }
    if (k->missing) {
        oracle_put(out, STR("missing"));
        oracle_put(out, k->name);
        oracle_put_number(out, k->type);
    } else {
        oracle_put(out, STR("result"));
        oracle_put(out, str_of(word_of(err, response ? SPF_response_result(response) : SPF_RESULT_INVALID)));
    }
    if (response)
        SPF_response_free(response);
    if (r)
        SPF_request_free(r);
}

void oracle_spf(struct str fields, struct buf *out)
{
    struct asked k = { .missing = false };
    struct question q;
    SPF_dns_server_t dns = { .lookup = lookup, .name = "perigee", .hook = &k };
    SPF_server_t *server = NULL;

    if (take(&k.arena, &fields, &q.ip) && take(&k.arena, &fields, &q.helo) && take(&k.arena, &fields, &q.sender)
        && take(&k.arena, &fields, &q.receiver) && take(&k.arena, &fields, &q.record) && (server = SPF_server_new_dns(&dns, 0))) {
        k.known = fields;
        SPF_server_set_rec_dom(server, q.receiver[0] ? q.receiver : "unknown");
        query(server, &q, &k, out);
    } else {
        oracle_put(out, STR("result"));
        oracle_put(out, STR("permerror"));
    }
    if (server)
        SPF_server_free(server);
    arena_free(&k.arena);
}
