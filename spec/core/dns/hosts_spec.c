#include "dns/hosts.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/rnd.h"

static const char zone[] =
    "two.test. MX 10 both.test.\n"
    "two.test. MX 5 four.test.\n"
    "both.test. A 192.0.2.1\n"
    "both.test. AAAA 2001:db8::1\n"
    "four.test. A 192.0.2.4\n"
    "equal.test. MX 5 four.test.\n"
    "equal.test. MX 5 both.test.\n"
    "equal.test. MX 5 five.test.\n"
    "five.test. A 192.0.2.5\n"
    "many.test. A 192.0.2.10\nmany.test. A 192.0.2.11\nmany.test. A 192.0.2.12\nmany.test. AAAA 2001:db8::10\n"
    "null.test. MX 0 .\n"
    "nullplus.test. MX 0 .\nnullplus.test. MX 10 four.test.\n"
    "nohost.test. MX 10 missing.test.\n"
    "odd.test. MX 10 -bad-.test.\nodd.test. MX 20 four.test.\n"
    "dup.test. MX 10 four.test.\ndup.test. MX 20 alias.test.\nalias.test. CNAME four.test.\n"
    "mxfail.test. SERVFAIL\nmxfail.test. A 192.0.2.66\n"
    "partly.test. MX 10 failing.test.\npartly.test. MX 20 four.test.\nfailing.test. SERVFAIL\n"
    "allfail.test. MX 10 failing.test.\n"
    "halffail.test. A 192.0.2.7\nhalffail.test. SERVFAIL\n"
    "slow.test. TIMEOUT\n"
    "txtonly.test. TXT x\n"
    "cn.test. CNAME two.test.\n"
    "mapped.test. AAAA ::ffff:127.0.0.1\n"
    "1.2.0.192.in-addr.arpa. PTR both.test.\n"
    "4.2.0.192.in-addr.arpa. PTR other.test.\n4.2.0.192.in-addr.arpa. PTR four.test.\n"
    "5.2.0.192.in-addr.arpa. PTR both.test.\n"
    "6.2.0.192.in-addr.arpa. PTR failing.test.\n"
    "7.2.0.192.in-addr.arpa. SERVFAIL\n"
    "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa. PTR both.test.\n"
    "$SECURE\n"
    "safe.test. MX 1 safehost.test.\n"
    "safe.test. MX 2 four.test.\n"
    "safehost.test. A 192.0.2.20\n"
    "plain.test. A 192.0.2.21\n";

struct world {
    struct arena arena;
    struct loop *loop;
    struct dns *dns;
    struct str got;
    unsigned calls;
};

static int open_world(void **state)
{
    struct world *w = calloc(1, sizeof *w);
    struct dns_config c = { .zone_text = { zone, sizeof zone - 1 }, .timeout_ms = 20000 };
    struct why why = { 0 };

    w->loop = loop_new();
    if (dns_open(w->loop, &c, &w->dns, &why) != ST_OK)
        fail_msg("%s", why.text);
    *state = w;
    return 0;
}

static int close_world(void **state)
{
    struct world *w = *state;

    dns_close(w->dns);
    loop_free(w->loop);
    arena_free(&w->arena);
    free(w);
    return 0;
}

static void on_hosts(void *ctx, const struct hosts_answer *h)
{
    static const char *const ends[] = { "OK", "NONE", "NULL_MX", "AGAIN" };
    struct world *w = ctx;
    struct buf b = { 0 };

    w->calls++;
    buf_addf(&b, "%s", ends[h->end]);
    if (h->end != HOSTS_OK)
        buf_addf(&b, "%s %s", h->nxdomain ? "(nx)" : "", h->why.text);
    for (size_t i = 0; i < h->n; i++)
        buf_addf(&b, " %.*s[%.*s]%s%s", STR_ARG(h->host[i].name), STR_ARG(ip_text(&w->arena, h->host[i].ip)),
                 h->host[i].secure ? "*" : "", "");
    if (h->again_preference >= 0)
        buf_addf(&b, " hidden:%d", h->again_preference);
    w->got = arena_dup(&w->arena, buf_str(&b));
    buf_free(&b);
}

static struct str ask(struct world *w, const char *domain, struct hosts_want want)
{
    w->calls = 0;
    assert_null(hosts_ask(w->dns, str_of(domain), &want, on_hosts, w));
    assert_int_equal(w->calls, 1);
    return w->got;
}

#define MX .mx = true
static const struct { const char *domain; struct hosts_want want; const char *got; } rows[] = {
    { "two.test", { MX }, "OK four.test[192.0.2.4] both.test[2001:db8::1] both.test[192.0.2.1]" },
    { "TWO.test.", { MX }, "OK four.test[192.0.2.4] both.test[2001:db8::1] both.test[192.0.2.1]" },
    { "two.test", { MX, .ipv4_prefer = true }, "OK four.test[192.0.2.4] both.test[192.0.2.1] both.test[2001:db8::1]" },
    { "two.test", { MX, .ipv4_only = true }, "OK four.test[192.0.2.4] both.test[192.0.2.1]" },
    { "both.test", { MX }, "OK both.test[2001:db8::1] both.test[192.0.2.1]" },
    { "both.test", { .mx = false }, "OK both.test[2001:db8::1] both.test[192.0.2.1]" },
    { "both.test", { MX, .mx_required = true }, "NONE no MX record for domain: both.test" },
    { "null.test", { MX }, "NULL_MX domain accepts no mail (null MX): null.test" },
    { "nullplus.test", { MX }, "OK four.test[192.0.2.4]" },
    { "nohost.test", { MX }, "NONE all MX records point to hosts without addresses: nohost.test" },
    { "odd.test", { MX }, "OK four.test[192.0.2.4]" },
    { "dup.test", { MX }, "OK four.test[192.0.2.4]" },
    { "cn.test", { MX }, "OK four.test[192.0.2.4] both.test[2001:db8::1] both.test[192.0.2.1]" },
    { "missing.test", { MX }, "NONE(nx) no such domain: missing.test" },
    { "missing.test", { .mx = false }, "NONE(nx) no address found for host: missing.test" },
    { "txtonly.test", { MX }, "NONE no address found for host: txtonly.test" },
    /* what cannot be found out is never "no" */
    { "mxfail.test", { MX }, "AGAIN MX mxfail.test: SERVFAIL" },
    { "partly.test", { MX }, "OK four.test[192.0.2.4] hidden:10" },
    { "allfail.test", { MX }, "AGAIN A failing.test: SERVFAIL hidden:10" },
    { "halffail.test", { .mx = false }, "OK halffail.test[192.0.2.7]" },
    { "failing.test", { .mx = false }, "AGAIN A failing.test: SERVFAIL" },
    /* addresses as such */
    { "192.0.2.77", { .mx = false }, "OK 192.0.2.77[192.0.2.77]" },
    { "[192.0.2.77]", { MX }, "OK [192.0.2.77][192.0.2.77]" },
    { "mapped.test", { .mx = false }, "OK mapped.test[127.0.0.1]" },
    /* DNSSEC */
    { "safe.test", { MX }, "OK safehost.test[192.0.2.20]* four.test[192.0.2.4]" },
    { "safe.test", { MX, .dnssec_require = true }, "OK safehost.test[192.0.2.20]* hidden:2" },
    { "two.test", { MX, .dnssec_require = true }, "AGAIN MX answer is not DNSSEC-secure: two.test" },
    { "plain.test", { MX }, "OK plain.test[192.0.2.21]*" },
    { "many.test", { .mx = false }, "OK many.test[2001:db8::10] many.test[192.0.2.10] many.test[192.0.2.11] many.test[192.0.2.12]" },
};

static void finds_hosts_in_order(void **state)
{
    struct world *w = *state;

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct str got = ask(w, rows[i].domain, rows[i].want);

        if (!str_same(got, str_of(rows[i].got)))
            fail_msg("%s: got %.*s, want %s", rows[i].domain, STR_ARG(got), rows[i].got);
    }
}

static void equals_come_in_every_order(void **state)
{
    struct world *w = *state;
    unsigned first[3] = { 0 };

    for (uint64_t seed = 1; seed <= 60; seed++) {
        struct str one, two;

        rnd_seed(seed);
        one = ask(w, "equal.test", (struct hosts_want){ MX });
        rnd_seed(seed);
        two = ask(w, "equal.test", (struct hosts_want){ MX });
        assert_true(str_same(one, two));            /* the same seed, the same order */
        first[0] += str_starts(one, STR("OK four"));
        first[1] += str_starts(one, STR("OK five"));
        first[2] += str_starts(one, STR("OK both"));
        /* IPv6 first within the host, whatever the order of hosts. */
        assert_true(str_find_str(one, STR("both.test[2001:db8::1] both.test[192.0.2.1]")) != SIZE_MAX);
    }
    assert_int_equal(first[0] + first[1] + first[2], 60);
    for (int i = 0; i < 3; i++)
        assert_in_range(first[i], 8, 40);
}

static void addresses_of_a_host_are_shuffled_within_their_family(void **state)
{
    struct world *w = *state;
    unsigned different = 0;

    for (uint64_t seed = 1; seed <= 20; seed++) {
        struct str got;

        rnd_seed(seed);
        got = ask(w, "many.test", (struct hosts_want){ .randomize = true });
        assert_true(str_starts(got, STR("OK many.test[2001:db8::10] ")));
        different += !str_starts(got, STR("OK many.test[2001:db8::10] many.test[192.0.2.10]"));
    }
    assert_in_range(different, 5, 19);
}

static void at_most_twenty_hosts_of_twenty_addresses(void **state)
{
    struct world *w = *state;
    struct buf text = { 0 };
    struct dns_config c = { 0 };
    struct dns *d;
    struct hosts_query *q;
    struct hosts_want want = { MX };
    size_t n = 0;

    for (int i = 0; i < 30; i++) {
        buf_addf(&text, "d. MX %d h%d.\n", 100 - i, i);
        for (int k = 0; k < 30; k++)
            buf_addf(&text, "h%d. A 10.0.%d.%d\n", i, i, k);
    }
    c.zone_text = buf_str(&text);
    assert_int_equal(dns_open(w->loop, &c, &d, NULL), ST_OK);
    q = hosts_ask(d, STR("d"), &want, on_hosts, w);
    assert_null(q);
    for (size_t i = 0; i < w->got.n; i++)
        n += w->got.p[i] == '[';
    assert_int_equal(n, 400);
    assert_true(str_starts(w->got, STR("OK h29[10.0.29.")));    /* the best are kept */
    assert_true(str_find_str(w->got, STR("h9[")) == SIZE_MAX);
    dns_close(d);
    buf_free(&text);
}

static const struct { const char *ip, *got; } reverse[] = {
    { "192.0.2.1", "OK both.test[192.0.2.1]" },
    { "2001:db8::1", "OK both.test[2001:db8::1]" },
    { "192.0.2.4", "OK four.test[192.0.2.4]" },             /* the name that leads back, not the first */
    { "192.0.2.5", "NONE no name of this address leads back to it: 5.2.0.192.in-addr.arpa" },
    { "192.0.2.6", "AGAIN A failing.test: SERVFAIL" },
    { "192.0.2.7", "AGAIN PTR 7.2.0.192.in-addr.arpa: SERVFAIL" },
    { "192.0.2.8", "NONE(nx) no name for address: 8.2.0.192.in-addr.arpa" },
    { "192.0.2.21", "NONE(nx) no name for address: 21.2.0.192.in-addr.arpa" },
};

static void a_name_counts_only_if_it_leads_back(void **state)
{
    struct world *w = *state;

    for (size_t i = 0; i < sizeof reverse / sizeof *reverse; i++) {
        struct ip ip;

        assert_true(ip_parse(str_of(reverse[i].ip), &ip));
        assert_null(hosts_reverse(w->dns, ip, on_hosts, w));
        if (!str_same(w->got, str_of(reverse[i].got)))
            fail_msg("%s: got %.*s, want %s", reverse[i].ip, STR_ARG(w->got), reverse[i].got);
    }
}

static void silence_ends_in_again_after_its_time(void **state)
{
    struct world *w = *state;
    struct hosts_want want = { MX };
    int64_t before;

    clock_fake(1772600000000000);
    before = clock_mono_ms();
    w->calls = 0;
    assert_non_null(hosts_ask(w->dns, STR("slow.test"), &want, on_hosts, w));
    assert_int_equal(w->calls, 0);
    loop_settle(w->loop, true, INT64_MAX);
    assert_int_equal(w->calls, 1);
    assert_true(str_same(w->got, STR("AGAIN MX slow.test: timed out")));
    assert_int_equal(clock_mono_ms() - before, 20000);
}

static void a_cancelled_question_stays_silent(void **state)
{
    struct world *w = *state;
    struct hosts_want want = { .mx = false };
    struct hosts_query *q;

    clock_fake(1772600000000000);
    w->calls = 0;
    q = hosts_ask(w->dns, STR("slow.test"), &want, on_hosts, w);
    assert_non_null(q);
    hosts_cancel(q);
    loop_settle(w->loop, true, INT64_MAX);
    assert_int_equal(w->calls, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        { "RT-T1 hosts come by preference, IPv6 first unless told otherwise, IPv6 never with ipv4_only",
          finds_hosts_in_order, open_world, close_world, NULL },
        { "hosts of equal preference come in every order, the same for the same seed",
          equals_come_in_every_order, open_world, close_world, NULL },
        { "randomize shuffles a host's addresses within their family",
          addresses_of_a_host_are_shuffled_within_their_family, open_world, close_world, NULL },
        { "20 MX hosts, 20 addresses a host", at_most_twenty_hosts_of_twenty_addresses, open_world, close_world, NULL },
        { "a name of an address counts only if it leads back", a_name_counts_only_if_it_leads_back,
          open_world, close_world, NULL },
        { "DNS that never answers ends in again, in virtual time", silence_ends_in_again_after_its_time,
          open_world, close_world, NULL },
        { "a cancelled question calls nobody", a_cancelled_question_stays_silent, open_world, close_world, NULL },
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
