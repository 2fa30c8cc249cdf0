#include "auth/dmarc.h"
#include "auth/spf.h"

#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/buf.h"
#include "mail/domain.h"
#include "dmarc_world.h"
#include "mail/txn.h"

#define FOLDER "../shared/vectors/"

/* ---- records */

static const struct { const char *text; bool is, usable; enum dmarc_policy p, sp; bool strict; unsigned pct; } records[] = {
    { "v=DMARC1; p=reject", true, true, DMARC_POLICY_REJECT, DMARC_POLICY_MISSING, false, 100 },
    { "v=DMARC1;p=none;", true, true, DMARC_POLICY_NONE, DMARC_POLICY_MISSING, false, 100 },
    { " v = DMARC1 ; P = Quarantine ; sp=REJECT; ADKIM=S; pct= 20", true, true, DMARC_POLICY_QUARANTINE, DMARC_POLICY_REJECT, true, 20 },
    { "v=DMARC1; p=reject; p=none", true, true, DMARC_POLICY_REJECT, DMARC_POLICY_MISSING, false, 100 },
    { "v=DMARC1; p=reject; sp=moo; pct=200; adkim=x; ;; what", true, true, DMARC_POLICY_REJECT, DMARC_POLICY_MISSING, false, 100 },
    { "v=DMARC1; p=moo", true, false, DMARC_POLICY_NONE, DMARC_POLICY_MISSING, false, 100 },
    { "v=DMARC1", true, false, DMARC_POLICY_NONE, DMARC_POLICY_MISSING, false, 100 },
    { "v=DMARC1; rua=mailto:a@b.example", true, true, DMARC_POLICY_NONE, DMARC_POLICY_MISSING, false, 100 },
    { "v=DMARC1; rua=b.example", true, false, DMARC_POLICY_NONE, DMARC_POLICY_MISSING, false, 100 },
    { "p=reject; v=DMARC1", false, false, 0, 0, false, 0 },
    { "v=dmarc1; p=reject", false, false, 0, 0, false, 0 },
    { "v=DMARC12; p=reject", false, false, 0, 0, false, 0 },
    { "v=DMARC1 p=reject", false, false, 0, 0, false, 0 },
    { "", false, false, 0, 0, false, 0 },
};

static void records_are_read_tag_by_tag_and_what_is_wrong_counts_as_not_there(void **state)
{
    struct dmarc_record r;

    (void)state;
    for (size_t i = 0; i < sizeof records / sizeof *records; i++) {
        struct str text = str_of(records[i].text);

        if (dmarc_record_is(text) != records[i].is)
            fail_msg("%s", records[i].text);
        if (!records[i].is)
            continue;
        if (dmarc_record_read(text, &r) != records[i].usable || r.p != records[i].p || r.sp != records[i].sp
            || r.strict_dkim != records[i].strict || r.pct != records[i].pct)
            fail_msg("%s: p %d sp %d pct %u", records[i].text, r.p, r.sp, r.pct);
    }
}

static void addresses_for_reports_are_taken_out_of_their_uris(void **state)
{
    struct arena a = { 0 };
    struct str uris = STR("mailto:a@b.example!10m, https://x.example/ ,MAILTO:c%21d@e.example?subject=x,mailto:nobody"), address;
    uint64_t max;

    (void)state;
    assert_true(dmarc_mailto(&a, &uris, &address, &max));
    assert_true(str_same(address, STR("a@b.example")) && max == 10 << 20);
    assert_true(dmarc_mailto(&a, &uris, &address, &max));
    assert_true(str_same(address, STR("c!d@e.example")) && max == 0);
    assert_false(dmarc_mailto(&a, &uris, &address, &max));
    arena_free(&a);
}

/* ---- the author */

static const struct { const char *header, *domain; } authors[] = {
    { "From: a@Example.ORG\r\n", "example.org" },
    { "From: \"A, B\" (x) <a@example.org>\r\n", "example.org" },
    { "From: a@b\xc3\xbc""cher.example\r\n", "xn--bcher-kva.example" },
    { "FROM : a@example.org\r\n", "example.org" },
    { "Subject: x\r\n", "" },
    { "From:\r\n", "" },
    { "From: nobody\r\n", "" },
    { "From: @example.org\r\n", "" },
    { "From: a@\r\n", "" },
    { "From: a@[192.0.2.1]\r\n", "" },
    { "From: a@example.org, b@example.org\r\n", "" },
    { "From: a@example.org\r\nFrom: b@other.example\r\n", "" },
    { "From: friends: a@example.org;\r\n", "" },
    { "From: a@example.org <b@other.example>\r\n", "" },
    { "From: =?utf-8?q?a=40example=2Eorg?=\r\n", "" },
    { "From: a@exa mple.org\r\n", "" },
    { "From: a@example.org\x01\r\n", "" },
};

static void the_author_is_one_address_in_one_field_or_nobody(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof authors / sizeof *authors; i++) {
        struct conn c;
        struct txn *t;
        struct str got;

        conn_init(&c);
        t = txn_new(&c);
        txn_set_content(t, arena_printf(&t->arena, "%s\r\n", authors[i].header), STR("x\r\n"));
        got = dmarc_from(&t->arena, &t->header);
        if (!str_same(got, str_of(authors[i].domain)))
            fail_msg("%s: %.*s", authors[i].header, STR_ARG(got));
        txn_free(t);
        conn_free(&c);
    }
}

/* ---- suffixes */

static struct suffixes *list(void)
{
    struct suffixes *s;
    struct why why;

    if (suffixes_open(access(FOLDER "psl/public_suffix_list.dat", R_OK) ? NULL : FOLDER "psl/public_suffix_list.dat", &s, &why) != ST_OK)
        fail_msg("%s", why.text);
    return s;
}

static void organisational_domains_are_those_of_the_list(void **state)
{
    FILE *f = fopen(FOLDER "psl/test_psl.jsonl", "r");
    struct suffixes *s = list();
    struct arena a = { 0 };
    char line[1024];
    unsigned judged = 0;

    (void)state;
    assert_true(str_same(suffixes_org(s, STR("a.b.co.uk")), STR("b.co.uk")));
    assert_int_equal(suffixes_org(s, STR("co.uk")).n, 0);
    if (!f) {
        print_message("skipped: no vectors (psl)\n");
        suffixes_close(s);
        return;
    }
    while (fgets(line, sizeof line, f)) {
        json_t *j = json_loads(line, 0, NULL);
        const char *input = json_string_value(json_object_get(j, "input")), *want = json_string_value(json_object_get(j, "registrable"));
        struct str name = input ? arena_lower(&a, str_of(input)) : STR("");
        struct str got, org = want ? domain_alabel(&a, str_of(want)) : STR("");

        if (name.n && name.p[0] != '.')
            name = domain_alabel(&a, name);
        got = suffixes_org(s, name);
        if (!str_same(got, org))
            fail_msg("%s: %.*s, not %s", input, STR_ARG(got), want ? want : "none");
        judged++;
        json_decref(j);
    }
    fclose(f);
    print_message("test_psl: %u judged\n", judged);
    suffixes_close(s);
    arena_free(&a);
}

static void a_list_that_is_not_there_is_said_so(void **state)
{
    struct suffixes *s;
    struct why why = { 0 };

    (void)state;
    assert_int_equal(suffixes_open("/nowhere/list", &s, &why), ST_AGAIN);
    assert_non_null(strstr(why.text, "/nowhere/list"));
    assert_int_equal(suffixes_open("/dev/null", &s, &why), ST_AGAIN);
}

/* ---- evaluations: a world is TXT records "name text", "!name" fails, "+name" has an address */

struct asked { struct str names[64]; size_t n; };

static const struct dmarc_answer *run(struct arena *a, const char *world, const struct dmarc_want *w, struct asked *asked)
{
    struct dmarc *d = dmarc_new(a, w);
    struct dns_answer said;

    asked->n = 0;
    while (dmarc_question(d)) {
        if (asked->n == 64)
            fail_msg("too many questions");
        asked->names[asked->n++] = dmarc_question(d)->name;
        world_tell(a, world, dmarc_question(d), &said);
        dmarc_tell(d, &said);
    }
    return dmarc_answer(d);
}

#define EX "_dmarc.example.org v=DMARC1; p=reject; "
static const struct {
    const char *world, *from, *spf, *dkim;      /* identifiers that passed; "?" before: not found out */
    const char *status, *policy, *domain;
    bool treewalk;
} cases[] = {
    { EX, "example.org", "", "example.org", "accept", "reject", "example.org", false },
    { EX, "example.org", "example.org", "", "accept", "reject", "example.org", false },
    { EX, "example.org", "", "", "reject", "reject", "example.org", false },
    { EX, "example.org", "other.example", "other.example", "reject", "reject", "example.org", false },
    { EX, "example.org", "", "sub.example.org", "accept", "reject", "example.org", false },
    { EX, "sub.example.org", "", "example.org", "accept", "reject", "example.org", false },
    { EX, "sub.example.org", "", "EXAMPLE.org.", "accept", "reject", "example.org", false },
    { EX "adkim=s", "example.org", "", "sub.example.org", "reject", "reject", "example.org", false },
    { EX "adkim=s", "sub.example.org", "", "example.org", "reject", "reject", "example.org", false },
    { EX "aspf=s", "sub.example.org", "example.org", "", "reject", "reject", "example.org", false },
    { EX "aspf=s", "example.org", "example.org", "", "accept", "reject", "example.org", false },
    { EX "sp=quarantine", "sub.example.org", "", "", "quarantine", "quarantine", "example.org", false },
    { EX "sp=none", "example.org", "", "", "reject", "reject", "example.org", false },
    { EX "np=none\n+sub.example.org", "sub.example.org", "", "", "reject", "reject", "example.org", false },
    { EX "np=none", "sub.example.org", "", "", "none", "none", "example.org", false },
    { EX "sp=none\n_dmarc.sub.example.org v=DMARC1; p=quarantine", "sub.example.org", "", "", "quarantine", "quarantine", "sub.example.org", false },
    { EX "\n_dmarc.example.org v=DMARC1; p=none", "example.org", "", "example.org", "norecord", "", "example.org", false },
    { EX "\n_dmarc.example.org some text", "example.org", "", "", "reject", "reject", "example.org", false },
    { "", "example.org", "", "example.org", "norecord", "", "example.org", false },
    { "", "", "", "", "nofrom", "", "", false },
    { "!_dmarc.example.org", "example.org", "", "", "temperror", "", "example.org", false },
    { "!_dmarc.example.org", "sub.example.org", "", "sub.example.org", "temperror", "", "sub.example.org", false },
    { EX, "example.org", "?example.org", "", "temperror", "reject", "example.org", false },
    { EX, "example.org", "?example.org", "example.org", "accept", "reject", "example.org", false },
    { EX, "example.org", "?other.example", "", "reject", "reject", "example.org", false },
    { EX, "example.org", "", "?sub.example.org", "temperror", "reject", "example.org", false },
    { "_dmarc.co.uk v=DMARC1; p=reject", "co.uk", "", "evil.co.uk", "reject", "reject", "co.uk", false },
    { "_dmarc.b.co.uk v=DMARC1; p=reject", "a.b.co.uk", "", "x.b.co.uk", "accept", "reject", "b.co.uk", false },
    { "_dmarc.b.co.uk v=DMARC1; p=reject", "a.b.co.uk", "", "c.co.uk", "reject", "reject", "b.co.uk", false },
    { "_dmarc.uk v=DMARC1; p=reject", "b.co.uk", "", "", "norecord", "", "b.co.uk", false },
    /* RFC 9989 */
    { EX "t=y", "example.org", "", "", "quarantine", "quarantine", "example.org", true },
    { EX, "a.b.c.example.org", "", "d.example.org", "accept", "reject", "example.org", true },
    { EX "psd=n\n_dmarc.org v=DMARC1; p=none", "a.example.org", "", "", "reject", "reject", "example.org", true },
    { "_dmarc.bank.example v=DMARC1; p=reject; psd=y", "giant.bank.example", "", "mega.bank.example", "reject", "reject", "bank.example", true },
    { "_dmarc.bank.example v=DMARC1; p=reject; psd=y", "giant.bank.example", "", "x.giant.bank.example", "accept", "reject", "bank.example", true },
    { "_dmarc.bank.example v=DMARC1; p=reject; psd=y; sp=none\n_dmarc.giant.bank.example v=DMARC1; p=quarantine", "a.giant.bank.example", "", "",
      "quarantine", "quarantine", "giant.bank.example", true },
    { EX "\n_dmarc.sub.example.org v=DMARC1; p=none", "a.sub.example.org", "", "", "reject", "reject", "example.org", true },
    { EX "\n!_dmarc.other.example", "example.org", "", "x.other.example", "temperror", "reject", "example.org", true },
    { EX "\n!_dmarc.other.example", "example.org", "example.org", "x.other.example", "accept", "reject", "example.org", true },
};

static struct dmarc_identifier identifier(const char *text)
{
    bool again = text[0] == '?';

    return (struct dmarc_identifier){ str_of(text + again), *text && !again, again };
}

static void messages_are_judged_by_what_their_author_s_domain_says(void **state)
{
    struct suffixes *s = list();

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct arena a = { 0 };
        struct asked asked;
        struct dmarc_identifier dkim[2] = { { .domain = STR("failed.example.org") }, identifier(cases[i].dkim) };
        struct dmarc_want w = { .from = str_of(cases[i].from), .spf = identifier(cases[i].spf), .dkim = dkim, .ndkim = 2,
                                .suffixes = s, .treewalk = cases[i].treewalk };
        const struct dmarc_answer *r = run(&a, cases[i].world, &w, &asked);

        if (strcmp(dmarc_status_name(r->status), cases[i].status) != 0 || !str_same(r->domain, str_of(cases[i].domain))
            || strcmp(dmarc_policy_name(r->policy), cases[i].policy) != 0)
            fail_msg("%zu %s: %s %s %.*s (%s)", i, cases[i].from, dmarc_status_name(r->status), dmarc_policy_name(r->policy),
                     STR_ARG(r->domain), r->why.text);
        arena_free(&a);
    }
    suffixes_close(s);
}

static void a_long_name_costs_eight_questions(void **state)
{
    static const char *const wanted[] = { "_dmarc.a.b.c.d.e.f.g.h.i.j.k.example.com", "_dmarc.g.h.i.j.k.example.com", "_dmarc.h.i.j.k.example.com",
        "_dmarc.i.j.k.example.com", "_dmarc.j.k.example.com", "_dmarc.k.example.com", "_dmarc.example.com", "_dmarc.com" };
    struct arena a = { 0 };
    struct asked asked;
    struct dmarc_want w = { .from = STR("a.b.c.d.e.f.g.h.i.j.k.example.com"), .treewalk = true };

    (void)state;
    run(&a, "_dmarc.example.com v=DMARC1; p=none", &w, &asked);
    assert_int_equal(asked.n, 8);
    for (size_t i = 0; i < 8; i++)
        assert_true(str_same(asked.names[i], str_of(wanted[i])));
    arena_free(&a);
}

static void pct_leaves_the_rest_one_step_milder(void **state)
{
    struct dmarc_answer r = { .policy = DMARC_POLICY_REJECT, .record = { .pct = 30 } };

    (void)state;
    assert_int_equal(dmarc_sampled(&r, 29), DMARC_POLICY_REJECT);
    assert_int_equal(dmarc_sampled(&r, 30), DMARC_POLICY_QUARANTINE);
    r.policy = DMARC_POLICY_QUARANTINE;
    assert_int_equal(dmarc_sampled(&r, 99), DMARC_POLICY_NONE);
    r.policy = DMARC_POLICY_NONE;
    assert_int_equal(dmarc_sampled(&r, 99), DMARC_POLICY_NONE);
}

/* ---- other people's: RFC 9989 by mailauth; those of its cases that bring their zone along */

static void add_line(struct buf *out, const char *name, json_t *txt)
{
    json_t *strings, *s;
    size_t i, k;

    json_array_foreach(txt, i, strings) {
        buf_addf(out, "%s ", name);
        json_array_foreach(strings, k, s)
            buf_addf(out, "%s", json_string_value(s));
        buf_byte(out, '\n');
    }
}

static void add_zone(struct buf *out, json_t *zone)
{
    const char *name;
    json_t *entry;

    json_object_foreach(zone, name, entry) {
        add_line(out, name, json_object_get(entry, "TXT"));
        if (json_object_get(entry, "A") || json_object_get(entry, "MX") || json_object_get(entry, "AAAA"))
            buf_addf(out, "+%s\n", name);
    }
    buf_byte(out, '\0');
}

/* What is expected of call number n's member; NULL: nothing. */
static const char *expected(json_t *row, size_t n, const char *member)
{
    char ref[64];
    json_t *e;
    size_t i;

    snprintf(ref, sizeof ref, "r%zu.%s", n, member);
    json_array_foreach(json_object_get(row, "expect"), i, e) {
        const char *subject = json_string_value(json_object_get(json_object_get(e, "subject"), "$ref"));

        if (subject && !strcmp(subject, ref) && json_array_size(json_object_get(e, "ops")) == 2)
            return json_string_value(json_array_get(json_object_get(e, "args"), 0));
    }
    return NULL;
}

static struct dmarc_identifier passed(json_t *list_of, size_t i)
{
    const char *name = json_string_value(json_object_get(json_array_get(list_of, i), "domain"));

    return (struct dmarc_identifier){ str_of(name ? name : ""), name != NULL, false };
}

static unsigned judge_calls(json_t *row, const struct suffixes *s)
{
    json_t *call;
    size_t i;
    unsigned judged = 0;

    json_array_foreach(json_object_get(row, "calls"), i, call) {
        json_t *args = json_array_get(json_object_get(call, "args"), 0), *zone = json_object_get(json_object_get(args, "resolver"), "$zone");
        const char *from = json_string_value(json_object_get(args, "headerFrom")), *want;
        struct dmarc_identifier dkim = passed(json_object_get(args, "dkimDomains"), 0);
        struct dmarc_want w = { .spf = passed(json_object_get(args, "spfDomains"), 0), .dkim = &dkim, .ndkim = 1, .suffixes = s, .treewalk = true };
        const struct dmarc_answer *r;
        struct arena a = { 0 };
        struct buf world = { 0 };
        struct asked asked;

        if (!zone || !from)
            continue;
        add_zone(&world, zone);
        w.from = str_of(strchr(from, '@') + 1);
        r = run(&a, buf_str(&world).p, &w, &asked);
        want = expected(row, i, "status.result");
        if (want && strcmp(want, r->status == DMARC_ACCEPT ? "pass" : r->status == DMARC_NORECORD ? "none" : "fail") != 0)
            fail_msg("%s: %s", json_string_value(json_object_get(row, "title")), dmarc_status_name(r->status));
        want = expected(row, i, "policy");
        if (want && strcmp(want, dmarc_policy_name(r->policy)) != 0)
            fail_msg("%s: policy %s", json_string_value(json_object_get(row, "title")), dmarc_policy_name(r->policy));
        want = expected(row, i, "domain");
        if (want && !str_same(r->domain, str_of(want)))
            fail_msg("%s: domain %.*s", json_string_value(json_object_get(row, "title")), STR_ARG(r->domain));
        judged++;
        buf_free(&world);
        arena_free(&a);
    }
    return judged;
}

static void mailauth(void **state)
{
    static const char *const files[] = { "mailauth-rfc9989-compliance-test", "mailauth-dmarc-verify-test" };
    struct suffixes *s = list();
    unsigned judged = 0;

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        char path[256], *line = NULL;
        size_t cap = 0;
        FILE *f;

        snprintf(path, sizeof path, FOLDER "dmarc/%s.jsonl", files[i]);
        f = fopen(path, "r");
        if (!f) {
            print_message("skipped: no vectors (%s)\n", path);
            suffixes_close(s);
            skip();
            return;
        }
        while (getline(&line, &cap, f) > 0) {
            json_t *j = json_loads(line, 0, NULL);

            judged += judge_calls(j, s);
            json_decref(j);
        }
        free(line);
        fclose(f);
    }
    print_message("mailauth: %u judged\n", judged);
    assert_true(judged > 15);
    suffixes_close(s);
}

/* ---- rspamd's: whole messages, and one zone for all. Whoever signed is taken for one whose signature holds. */

static void rspamd_world(struct buf *out)
{
    json_t *zone = json_load_file(FOLDER "dmarc/rspamd-zone.json", 0, NULL), *entry, *reply;
    size_t i, k;

    json_array_foreach(zone, i, entry) {
        const char *name = json_string_value(json_object_get(entry, "name")), *rcode = json_string_value(json_object_get(entry, "rcode"));

        if (strcmp(json_string_value(json_object_get(entry, "type")), "txt") != 0)
            continue;
        if (rcode && !strcmp(rcode, "timeout"))
            buf_addf(out, "!%s\n", name);
        json_array_foreach(json_object_get(entry, "replies"), k, reply)
            buf_addf(out, "%s %s\n", name, json_string_value(reply));
    }
    buf_byte(out, '\0');
    json_decref(zone);
}

static struct txn *message_of(struct conn *c, json_t *row)
{
    char path[256], text[65536];
    struct txn *t = txn_new(c);
    struct buf wire = { 0 };
    FILE *f;
    size_t n;

    snprintf(path, sizeof path, FOLDER "dmarc/rspamd-messages/%s", json_string_value(json_object_get(row, "file")));
    f = fopen(path, "r");
    assert_non_null(f);
    n = fread(text, 1, sizeof text, f);
    fclose(f);
    for (size_t i = 0; i < n; i++) {
        if (text[i] == '\n' && (i == 0 || text[i - 1] != '\r'))
            buf_byte(&wire, '\r');
        buf_byte(&wire, text[i]);
    }
    n = str_find_str(buf_str(&wire), STR("\r\n\r\n"));
    txn_set_content(t, arena_dup(&t->arena, str_head(buf_str(&wire), n + 2)), STR("x\r\n"));
    buf_free(&wire);
    return t;
}

static struct dmarc_identifier signer_of(const struct txn *t)
{
    const struct field *f = header_field(&t->header, STR("DKIM-Signature"), 0);
    struct str rest = f ? f->value : STR(""), tag;

    while (str_cut(&rest, ';', &tag))
        if (str_starts(str_trim(tag), STR("d=")))
            return (struct dmarc_identifier){ str_from(str_trim(tag), 2), true, false };
    return (struct dmarc_identifier){ .pass = false };
}

static struct dmarc_identifier spf_of(struct arena *a, const char *world, json_t *row)
{
    const char *from = json_string_value(json_object_get(row, "from")), *ip = json_string_value(json_object_get(row, "ip"));
    struct spf_want w = { .sender = str_of(from) };
    struct dns_answer said;
    struct spf *s;

    if (!from || !ip)
        return (struct dmarc_identifier){ .pass = false };
    ip_parse(str_of(ip), &w.client);
    s = spf_new(a, &w);
    while (spf_question(s)) {
        world_tell(a, world, spf_question(s), &said);
        spf_tell(s, &said);
    }
    return (struct dmarc_identifier){ spf_answer(s)->domain, spf_answer(s)->result == SPF_PASS, false };
}

static void judge_message(const char *world, json_t *row, const struct suffixes *s)
{
    static const struct { const char *symbol; enum dmarc_policy left; bool accept; } symbols[] = {
        { "DMARC_POLICY_SOFTFAIL", DMARC_POLICY_NONE, false }, { "DMARC_POLICY_QUARANTINE", DMARC_POLICY_QUARANTINE, false },
        { "DMARC_POLICY_REJECT", DMARC_POLICY_REJECT, false }, { "DMARC_POLICY_ALLOW", DMARC_POLICY_MISSING, true },
    };
    const char *want = json_string_value(json_array_get(json_object_get(row, "expect"), 0));
    struct conn c;
    struct txn *t;
    struct dmarc_identifier dkim;
    struct dmarc_want w = { .dkim = &dkim, .ndkim = 1, .suffixes = s };
    const struct dmarc_answer *r;
    struct asked asked;
    bool right = false;

    conn_init(&c);
    t = message_of(&c, row);
    dkim = signer_of(t);
    w.spf = spf_of(&t->arena, world, row);
    w.from = dmarc_from(&t->arena, &t->header);
    r = run(&t->arena, world, &w, &asked);
    for (size_t i = 0; i < sizeof symbols / sizeof *symbols; i++)
        if (!strcmp(symbols[i].symbol, want))
            right = symbols[i].accept ? r->status == DMARC_ACCEPT : r->status != DMARC_ACCEPT && dmarc_sampled(r, 50) == symbols[i].left;
    if (!right)
        fail_msg("%s: %s, %s", json_string_value(json_object_get(row, "id")), dmarc_status_name(r->status), dmarc_policy_name(r->policy));
    txn_free(t);
    conn_free(&c);
}

static void rspamd(void **state)
{
    FILE *f = fopen(FOLDER "dmarc/rspamd-dmarc.jsonl", "r");
    struct suffixes *s;
    struct buf world = { 0 };
    char line[4096];
    unsigned judged = 0;

    (void)state;
    if (!f) {
        print_message("skipped: no vectors (rspamd-dmarc)\n");
        skip();
        return;
    }
    s = list();
    rspamd_world(&world);
    for (; fgets(line, sizeof line, f); judged++) {
        json_t *row = json_loads(line, 0, NULL);

        judge_message(buf_str(&world).p, row, s);
        json_decref(row);
    }
    fclose(f);
    buf_free(&world);
    suffixes_close(s);
    print_message("rspamd: %u judged\n", judged);
    assert_true(judged > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(records_are_read_tag_by_tag_and_what_is_wrong_counts_as_not_there),
        cmocka_unit_test(addresses_for_reports_are_taken_out_of_their_uris),
        cmocka_unit_test(the_author_is_one_address_in_one_field_or_nobody),
        cmocka_unit_test(organisational_domains_are_those_of_the_list),
        cmocka_unit_test(a_list_that_is_not_there_is_said_so),
        cmocka_unit_test(messages_are_judged_by_what_their_author_s_domain_says),
        cmocka_unit_test(a_long_name_costs_eight_questions),
        cmocka_unit_test(pct_leaves_the_rest_one_step_milder),
        cmocka_unit_test(mailauth),
        cmocka_unit_test(rspamd),
    };

    return cmocka_run_group_tests_name("DMARC", tests, NULL, NULL);
}
