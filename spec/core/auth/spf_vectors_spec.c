/* Other people's cases of SPF, read in place: the RFC's suite, pyspf's own, those of Stalwart and rspamd. */
#include "auth/spf.h"

#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "base/buf.h"
#include "dns/dname.h"

#define FOLDER "../shared/vectors/"

/* Judged differently, each with the sentence that says why. */
static const struct { const char *id, *why; } differing[] = {
    { "stalwart-spf/basic/4/0",
      "RFC 7208 4.6.4: \"SPF implementations SHOULD limit void lookups to two\": its ten a: name nothing" },
    { "stalwart-spf/all/0/0",
      "RFC 7208 4.6: \"If there are any syntax errors anywhere in the record, check_host() returns permerror\": ip: is no mechanism" },
    { "stalwart-spf/basic/6/0", "it asks for the HELO name beside a sender: RFC 7208 2.4 has MAIL FROM checked, and the case's passes" },
    { "stalwart-spf/exists/0/1", "RFC 7208 5.7: \"the lookup type is A, even when the connection type is IPv6\"" },
    { "rspamd-spf/spf-fail-unresolveable-include", "RFC 7208 5.2: include of a domain without a record is a permerror" },
    { "rspamd-spf/spf-allow-dns-requests-at-limit", "RFC 7208 4.6.4: \"SPF implementations MUST limit the total number of those terms to 10\", not to 30" },
};

/* ---- a world: records by name and type */

struct record {
    char *name;                 /* lower case */
    uint16_t type;              /* 0: whatever it has no record of fails */
    struct dns_rr rr;
};

struct world {
    struct arena arena;
    struct record *v;
    size_t n, cap;
};

static void add(struct world *w, struct str name, uint16_t type, struct dns_rr rr)
{
    struct str low = arena_lower(&w->arena, name);

    if (low.n && low.p[low.n - 1] == '.')
        low.n--;
    if (w->n == w->cap) {
        w->cap = w->cap ? 2 * w->cap : 64;
        w->v = realloc(w->v, w->cap * sizeof *w->v);
    }
    rr.type = type;
    w->v[w->n++] = (struct record){ arena_z(&w->arena, low), type, rr };
}

/* The text of a vector keeps octets as characters; those above 0x7f were one octet. */
static struct str octets(struct world *w, json_t *j)
{
    const unsigned char *p = (const unsigned char *)json_string_value(j);
    size_t n = json_string_length(j), k = 0;
    char *out = arena_alloc(&w->arena, n + 1);

    for (size_t i = 0; i < n; i++) {
        if ((p[i] & 0xe0) == 0xc0 && i + 1 < n && p[i] < 0xc4) {
            out[k++] = (char)(p[i] << 6 | (p[i + 1] & 0x3f));
            i++;
        } else {
            out[k++] = (char)p[i];
        }
    }
    return (struct str){ out, k };
}

static struct str name_of(struct world *w, struct str s)
{
    struct str low = arena_lower(&w->arena, str_trim(s));

    return low.n && low.p[low.n - 1] == '.' ? str_head(low, low.n - 1) : low;
}

static void add_value(struct world *w, struct str name, uint16_t type, struct str value)
{
    struct dns_rr rr = { 0 };
    size_t space = str_find(value, ' ');

    if (type == DNS_A || type == DNS_AAAA) {
        assert_true(ip_parse(value, &rr.ip));
    } else if (type == DNS_MX && space != SIZE_MAX) {
        rr.preference = (uint16_t)atoi(arena_z(&w->arena, value));
        rr.target = name_of(w, str_from(value, space + 1));
    } else if (type == DNS_TXT) {
        rr.text = value;
    } else {
        rr.target = name_of(w, value);
    }
    add(w, name, type, rr);
}

static bool has(const struct world *w, const char *name, uint16_t type)
{
    for (size_t i = 0; i < w->n; i++)
        if (!strcmp(w->v[i].name, name) && (type == 1000 || w->v[i].type == type))
            return true;
    return false;
}

static void answer(struct world *w, struct arena *a, const struct question *q, struct dns_answer *out)
{
    struct dname d;
    struct str raw;
    char name[512];
    size_t n = 0;

    /* As text that is not escaped, which is how the vectors write names. */
    *out = (struct dns_answer){ .status = ST_NONE, .nxdomain = true };
    if (!dname_read(q->name, &dname_root, &d))
        return;
    for (size_t at = 0; d.b[at]; at += d.b[at] + 1u) {
        if (n)
            name[n++] = '.';
        memcpy(name + n, d.b + at + 1, d.b[at]);
        n += d.b[at];
    }
    name[n] = '\0';
    for (unsigned hops = 0; hops < 12; hops++) {
        out->rr = arena_array(a, struct dns_rr, w->n + 1);
        out->n = 0;
        raw = (struct str){ 0 };
        for (size_t i = 0; i < w->n; i++) {
            if (strcmp(w->v[i].name, name))
                continue;
            out->nxdomain = false;
            if (w->v[i].type == q->type)
                out->rr[out->n++] = w->v[i].rr;
            else if (w->v[i].type == DNS_CNAME)
                raw = w->v[i].rr.target;
        }
        if (out->n || !raw.n)
            break;
        snprintf(name, sizeof name, "%.*s", STR_ARG(raw));
    }
    if (out->n)
        out->status = ST_OK;
    else if (has(w, name, 0) || raw.n)
        out->status = why_set(&out->why, ST_AGAIN, "%s: no answer", name);
}

static void close_world(struct world *w)
{
    free(w->v);
    arena_free(&w->arena);
    *w = (struct world){ 0 };
}

static const struct spf_answer *check(struct world *w, struct arena *a, const struct spf_want *want)
{
    struct spf *s = spf_new(a, want);
    const struct question *q;
    struct dns_answer said;
    unsigned asked = 0;

    for (; (q = spf_question(s)); asked++) {
        answer(w, a, q, &said);
        spf_tell(s, &said);
    }
    assert_true(asked < 200);
    return spf_answer(s);
}

/* ---- judging */

static unsigned judged, differ, wrong;

static struct spf_want want_of(struct arena *a, json_t *row, const char *ip, const char *helo, const char *sender)
{
    json_t *j;
    struct spf_want w = { .now = 1000000000, .receiver = STR("receiver.com") };

    if ((j = json_object_get(row, ip)))
        ip_parse(str_of(json_string_value(j)), &w.client);
    if ((j = json_object_get(row, helo)))
        w.helo = arena_dup(a, str_of(json_string_value(j)));
    if ((j = json_object_get(row, sender)) && strcmp(json_string_value(j), "<>") != 0)
        w.sender = arena_dup(a, str_of(json_string_value(j)));
    return w;
}

static void judge(const char *id, bool right, const struct spf_answer *r)
{
    judged++;
    for (size_t i = 0; !right && i < sizeof differing / sizeof *differing; i++)
        if (!strcmp(id, differing[i].id)) {
            differ++;
            return;
        }
    if (right)
        return;
    wrong++;
    print_error("%s: %s (%s) explanation '%.*s'\n", id, spf_result_name(r->result), r->why.text, STR_ARG(r->explanation));
}

static json_t *load(const char *name)
{
    char path[256];
    json_t *j;

    snprintf(path, sizeof path, FOLDER "%s", name);
    j = json_load_file(path, JSON_ALLOW_NUL, NULL);
    return j;
}

static void each_row(const char *name, void (*row)(json_t *row, void *ctx), void *ctx)
{
    char path[256], *line = NULL;
    size_t cap = 0;
    FILE *f;

    snprintf(path, sizeof path, FOLDER "spf/%s.jsonl", name);
    f = fopen(path, "r");
    if (!f) {
        print_message("skipped: no vectors (%s)\n", path);
        skip();
        return;
    }
    judged = differ = wrong = 0;
    while (getline(&line, &cap, f) > 0) {
        json_t *j = json_loads(line, JSON_ALLOW_NUL, NULL);

        if (j)
            row(j, ctx);
        json_decref(j);
    }
    free(line);
    fclose(f);
    print_message("%s: %u judged, %u differ with a reason, %u wrong\n", name, judged, differ, wrong);
    assert_true(judged > 0);
    assert_int_equal(wrong, 0);
}

/* ---- the RFC's suite and pyspf's own: { name: [ { TYPE: value } | "TIMEOUT" ] } */

static void add_entry(struct world *w, struct str name, const char *type, json_t *value, bool txt)
{
    struct buf joined = { 0 };
    uint16_t t = 0;
    size_t i;
    json_t *v;

    if (!strcmp(type, "SPF")) {
        if (txt)                        /* the SPF type is not asked for; without a TXT record it stands for one */
            return;
        t = DNS_TXT;
    } else {
        assert_true(dns_type_find(str_of(type), &t));
    }
    if (json_is_string(value)) {
        if (strcmp(json_string_value(value), "NONE") != 0)
            add_value(w, name, t, octets(w, value));
        return;
    }
    json_array_foreach(value, i, v) {
        if (json_is_integer(v))
            buf_addf(&joined, "%d ", (int)json_integer_value(v));
        else {
            buf_add(&joined, octets(w, v));
            if (t == DNS_MX && i == 0)
                buf_byte(&joined, ' ');
        }
    }
    add_value(w, name, t, arena_dup(&w->arena, buf_str(&joined)));
    buf_free(&joined);
}

static void add_zone(struct world *w, json_t *zone)
{
    const char *name, *type;
    json_t *list, *entry, *value;
    size_t i;

    json_object_foreach(zone, name, list) {
        bool txt = false;

        json_array_foreach(list, i, entry)
            txt = txt || json_object_get(entry, "TXT");
        json_array_foreach(list, i, entry) {
            if (json_is_string(entry))
                add(w, str_of(name), 0, (struct dns_rr){ 0 });
            json_object_foreach(entry, type, value)
                add_entry(w, str_of(name), type, value, txt);
        }
    }
}

static bool is_result(json_t *wanted, const char *result)
{
    json_t *v;
    size_t i;

    if (json_is_string(wanted))         /* "ambiguous": pyspf has a third answer for what it reads laxly */
        return !strcmp(json_string_value(wanted), result) || !strcmp(json_string_value(wanted), "ambiguous");
    json_array_foreach(wanted, i, v)
        if (!strcmp(json_string_value(v), result))
            return true;
    return false;
}

static void suite_row(json_t *row, void *zones)
{
    struct world w = { 0 };
    struct arena a = { 0 };
    const char *id = json_string_value(json_object_get(row, "id"));
    const char *explanation = json_string_value(json_object_get(row, "explanation"));
    json_t *zone = zones ? json_object_get(zones, json_string_value(json_object_get(row, "zone"))) : json_object_get(row, "zonedata");
    struct spf_want want = want_of(&a, row, "host", "helo", "mailfrom");
    const struct spf_answer *r;
    bool right;

    add_zone(&w, zone);
    r = check(&w, &a, &want);
    right = is_result(json_object_get(row, "result"), spf_result_name(r->result));
    if (explanation)
        right = right && str_same(r->explanation, str_of(strcmp(explanation, "DEFAULT") ? explanation : ""));
    judge(id, right, r);
    arena_free(&a);
    close_world(&w);
}

static void rfc7208(void **state)
{
    json_t *zones = load("spf/rfc7208-zones.json");

    (void)state;
    each_row("rfc7208", suite_row, zones);
    json_decref(zones);
}

static void pyspf_adhoc(void **state)
{
    (void)state;
    each_row("pyspf-adhoc", suite_row, NULL);
}

/* ---- Stalwart's: [ type, name, "value, value" ] */

static void stalwart_record(struct world *w, json_t *record)
{
    struct str type = str_of(json_string_value(json_array_get(record, 0)));
    struct str name = str_of(json_string_value(json_array_get(record, 1))), value = octets(w, json_array_get(record, 2));
    struct str one;
    struct ip ip;

    if (str_same(type, STR("spf")) || str_same(type, STR("exp"))) {
        add_value(w, name, DNS_TXT, value);
        return;
    }
    if (str_same(type, STR("ptr")) && ip_parse(name, &ip))
        name = dns_reverse_name(&w->arena, ip);
    for (unsigned i = 0; str_cut(&value, ',', &one); i++) {
        one = str_trim(one);
        if (str_same(type, STR("a")) || str_same(type, STR("aaaa"))) {
            add_value(w, name, type.n == 1 ? DNS_A : DNS_AAAA, one);
        } else if (str_same(type, STR("ptr"))) {
            add_value(w, name, DNS_PTR, one);
        } else if (ip_parse(one, &ip)) {        /* an MX whose addresses are what is given */
            struct str host = arena_printf(&w->arena, "%u.mx.%.*s", i, STR_ARG(name));

            add_value(w, name, DNS_MX, arena_printf(&w->arena, "%u %.*s", i, STR_ARG(host)));
            add_value(w, host, ip.v == IP_V4 ? DNS_A : DNS_AAAA, one);
        } else {
            add_value(w, name, DNS_MX, arena_printf(&w->arena, "%u %.*s", i, STR_ARG(one)));
        }
    }
}

static void stalwart_row(json_t *row, void *ctx)
{
    struct world w = { 0 };
    struct arena a = { 0 };
    struct spf_want want = want_of(&a, row, "ip", "domain", "sender");
    const struct spf_answer *r;
    json_t *record;
    size_t i;

    (void)ctx;
    json_array_foreach(json_object_get(row, "records"), i, record)
        stalwart_record(&w, record);
    add(&w, STR("_dns_error.org"), 0, (struct dns_rr){ 0 });
    r = check(&w, &a, &want);
    judge(json_string_value(json_object_get(row, "id")), is_result(json_object_get(row, "expect"), spf_result_name(r->result)), r);
    arena_free(&a);
    close_world(&w);
}

static void stalwart(void **state)
{
    (void)state;
    each_row("stalwart-spf", stalwart_row, NULL);
}

/* ---- rspamd's: symbols, and one zone for all */

static bool symbol_fits(json_t *expect, enum spf_result r)
{
    static const struct { const char *symbol; unsigned results; } symbols[] = {
        { "R_SPF_FAIL", 1u << SPF_FAIL }, { "R_SPF_ALLOW", 1u << SPF_PASS }, { "R_SPF_PLUSALL", 1u << SPF_PASS },
        { "R_SPF_NA", 1u << SPF_NONE }, { "R_SPF_DNSFAIL", 1u << SPF_TEMPERROR }, { "R_SPF_PERMFAIL", 1u << SPF_PERMERROR },
    };
    const char *wanted = json_string_value(json_array_get(expect, 0));

    for (size_t i = 0; i < sizeof symbols / sizeof *symbols; i++)
        if (!strcmp(symbols[i].symbol, wanted))
            return symbols[i].results >> r & 1;
    return false;
}

static void rspamd_row(json_t *row, void *ctx)
{
    struct world *w = ctx;
    struct arena a = { 0 };
    struct spf_want want = want_of(&a, row, "ip", "helo", "from");
    const char *id = json_string_value(json_object_get(row, "id"));
    json_t *expect = json_object_get(row, "expect");
    const struct spf_answer *r;

    /* Its client and sender are in the message, behind a relay that is trusted. */
    if (!strcmp(id, "rspamd-spf/spf-external-relay")) {
        want.sender = STR("user@external.com");
        ip_parse(STR("37.48.67.26"), &want.client);
        r = check(w, &a, &want);
        judge(id, r->result == SPF_PASS, r);
    } else {
        r = check(w, &a, &want);
        judge(id, symbol_fits(expect, r->result), r);
    }
    arena_free(&a);
}

/* "v=spf1" and as many a: as said, of which only the last is 8.8.8.8. */
static void many_terms(struct world *w, const char *name, unsigned n)
{
    struct buf text = { 0 };

    buf_add(&text, STR("v=spf1"));
    for (unsigned i = 1; i <= n; i++) {
        struct str host = arena_printf(&w->arena, "a%u.%s", i, name);

        buf_addf(&text, " a:%.*s", STR_ARG(host));
        add_value(w, host, DNS_A, i == n ? STR("8.8.8.8") : STR("192.0.2.1"));
    }
    buf_add(&text, STR(" -all"));
    add_value(w, str_of(name), DNS_TXT, arena_dup(&w->arena, buf_str(&text)));
    buf_free(&text);
}

/* The records of some rows are made by a program that is not among the vectors: these are as their documentation says. */
static void rspamd_made(struct world *w)
{
    for (unsigned i = 0; i <= 10; i++) {
        struct str name = i ? arena_printf(&w->arena, "n%u.nestok.org.org.za", i) : STR("nestok.org.org.za");

        add_value(w, name, DNS_TXT, i == 10 ? STR("v=spf1 ip4:8.8.8.8 -all")
                                            : arena_printf(&w->arena, "v=spf1 include:n%u.nestok.org.org.za -all", i + 1));
    }
    add_value(w, STR("exists.org.org.za"), DNS_TXT, STR("v=spf1 include:other.exists.org.org.za exists:there.exists.org.org.za -all"));
    add_value(w, STR("other.exists.org.org.za"), DNS_TXT, STR("v=spf1 ip4:192.0.2.1 -all"));
    add_value(w, STR("there.exists.org.org.za"), DNS_A, STR("127.0.0.2"));
    add_value(w, STR("noexists.org.org.za"), DNS_TXT, STR("v=spf1 exists:nowhere.noexists.org.org.za -all"));
    many_terms(w, "fewreq.org.org.za", 30);
    many_terms(w, "manyreq.org.org.za", 31);
}

static void rspamd(void **state)
{
    json_t *zone = load("dmarc/rspamd-zone.json"), *entry, *v;
    struct world w = { 0 };
    size_t i, k;

    (void)state;
    json_array_foreach(zone, i, entry) {
        struct str name = str_of(json_string_value(json_object_get(entry, "name")));
        const char *rcode = json_string_value(json_object_get(entry, "rcode"));
        struct str type = str_of(json_string_value(json_object_get(entry, "type")));
        uint16_t t = DNS_TXT;

        if (rcode && !strcmp(rcode, "timeout"))
            add(&w, name, 0, (struct dns_rr){ 0 });
        else if (!rcode && dns_type_find(arena_printf(&w.arena, "%.*s", STR_ARG(type)), &t))
            json_array_foreach(json_object_get(entry, "replies"), k, v)
                if (t != DNS_A || ip_parse(str_of(json_string_value(v)), &(struct ip){ 0 }))
                    add_value(&w, name, t, octets(&w, v));
    }
    json_decref(zone);
    rspamd_made(&w);
    each_row("rspamd-spf", rspamd_row, &w);
    close_world(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rfc7208), cmocka_unit_test(pyspf_adhoc), cmocka_unit_test(stalwart), cmocka_unit_test(rspamd),
    };

    return cmocka_run_group_tests_name("SPF by other people's cases", tests, NULL, NULL);
}
