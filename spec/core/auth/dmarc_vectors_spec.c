/*
 * DMARC as other projects' messages and cases have it, whose zones are not with them: those here are made from their
 * titles (mailauth's getDmarcRecord), or so that each message says what it is named for (authheaders).
 */
#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "auth/dmarc.h"
#include "corpus.h"
#include "dmarc_world.h"

#define FOLDER VECTORS "dmarc/"

static bool no_vectors(bool there)
{
    if (!there) {
        print_message("skipped: no vectors\n");
        skip();
    }
    return !there;
}

static const struct dmarc_answer *run(struct arena *a, const char *world, const struct dmarc_want *w)
{
    struct dmarc *d = dmarc_new(a, w);
    struct dns_answer said;

    while (dmarc_question(d)) {
        world_tell(a, world, dmarc_question(d), &said);
        dmarc_tell(d, &said);
    }
    return dmarc_answer(d);
}

/* ---- authheaders */

static const char WORLD[] =
    "_dmarc.example.com v=DMARC1; p=none; rua=mailto:a@example.com\n"
    "_dmarc.example.net v=DMARC1; p=none; sp=reject\n"
    "_dmarc.example.org v=DMARC1; p=reject\n"
    "_dmarc.nop.example.org v=DMARC1; rua=mailto:a@example.com\n"
    "_dmarc.example.biz v=DMARC1; p=none; sp=quarantine; np=reject; adkim=s\n"
    "+sub.example.biz\n"
    "_dmarc.bad.example.com v=DMARC1; pnone\n"
    "_dmarc.gov v=DMARC1; p=reject; psd=y\n";

static const struct { const char *file, *dkim, *status, *policy, *domain; bool treewalk; } messages[] = {
    { "test.message", "", "none", "none", "example.com", false },
    { "test.message_signed", "pass", "accept", "none", "example.com", false },
    { "testcomma.message", "pass", "accept", "none", "example.com", false },
    { "test.message_sub", "", "reject", "reject", "example.net", false },
    { "test.message_np1", "", "quarantine", "quarantine", "example.biz", false },
    { "test.message_np2", "", "reject", "reject", "example.biz", false },
    /* RFC 7489 6.6.1: several authors of several domains; this one policy is nobody's, and it never passes */
    { "test.message_multi", "", "nofrom", "", "", false },
    { "test.message_multi2", "", "nofrom", "", "", false },
    { "test.nofrom.message", "", "nofrom", "", "", false },
    { "test_nop.message", "", "none", "none", "nop.example.org", false },
    /* RFC 7489 6.6.3 step 6: without p= and rua= there is nothing to apply */
    { "test.bad.message", "", "norecord", "", "bad.example.com", false },
    { "test.gov.message", "", "reject", "reject", "gov", true },
    { "test.gov.message", "", "norecord", "", "example.gov", false },
    { "test.message_np2", "", "reject", "reject", "example.biz", true },
};

static void authheaders_row(struct corpus *c, size_t i, struct str file, const struct suffixes *s)
{
    struct sig_rules rules = sig_rules_default;
    struct header *h = arena_new(&c->arena, struct header);
    struct str message = corpus_wire(&c->arena, file), section, body;
    struct dmarc_identifier dkim = { .pass = false };
    struct dmarc_want w = { .dkim = &dkim, .ndkim = 1, .suffixes = s, .treewalk = messages[i].treewalk };
    const struct dmarc_answer *r;
    struct dkim d;
    bool damaged;

    rules.now = 1700000000;
    corpus_judge(c, message, &rules, 5, &d);
    if (d.n)
        dkim = (struct dmarc_identifier){ d.v[0].domain, d.v[0].result == SIG_PASS, false };
    header_divide(message, &section, &body, &damaged);
    header_parse(&c->arena, section, h);
    w.from = dmarc_from(&c->arena, h);
    r = run(&c->arena, WORLD, &w);
    if (strcmp(dmarc_status_name(r->status), messages[i].status) != 0 || strcmp(dmarc_policy_name(r->policy), messages[i].policy) != 0
        || !str_same(r->domain, str_of(messages[i].domain)) || (*messages[i].dkim && !dkim.pass))
        fail_msg("%zu %s: %s %s %.*s (dkim %s %s)", i, messages[i].file, dmarc_status_name(r->status), dmarc_policy_name(r->policy), STR_ARG(r->domain),
                 d.n ? dkim_status(&d.v[0]) : "none", d.n ? d.v[0].reason : "");
    dkim_drop(&d);
}

static void authheaders(void **state)
{
    struct suffixes *s;
    struct why why;

    (void)state;
    assert_int_equal(suffixes_open(NULL, &s, &why), ST_OK);
    for (size_t i = 0; i < sizeof messages / sizeof *messages; i++) {
        struct corpus c;
        struct str file, key;

        corpus_open(&c);
        if (no_vectors(corpus_file(&c, arena_printf(&c.arena, FOLDER "authheaders/%s", messages[i].file).p, &file)
                       && corpus_file(&c, FOLDER "authheaders/test.txt", &key)))
            return;
        corpus_record(&c, STR("test._domainkey.example.com"), str_trim(key));
        corpus_record(&c, STR("test._domainkey.example.biz"), str_trim(key));
        authheaders_row(&c, i, file, s);
        corpus_close(&c);
    }
    suffixes_close(s);
}

/* ---- mailauth's getDmarcRecord: by its title, the zone */

#define TITLE "getDmarcRecord Tests / "
static const struct { const char *title, *world, *differ; } lookups[] = {
    { "DNS resolution / Should resolve DMARC record from _dmarc.domain.com", "_dmarc.example.com v=DMARC1; p=reject", NULL },
    { "DNS resolution / Should return false when no DMARC record exists", "", NULL },
    { "Record parsing / Should parse all standard tags", "_dmarc.example.com v=DMARC1; p=quarantine; sp=reject; pct=50; adkim=s; aspf=r; fo=1; "
      "rua=mailto:dmarc@example.com; ruf=mailto:forensic@example.com; ri=3600", NULL },
    { "Record parsing / Should handle whitespace around values", "_dmarc.example.com v = DMARC1 ; p =  reject ;  pct = 100 ", NULL },
    { "Record parsing / Should handle split TXT records", "_dmarc.example.com v=DMARC1; p=reject; pct=100", NULL },
    { "Record parsing / Should convert pct to integer", "_dmarc.example.com v=DMARC1; p=reject; pct=75", NULL },
    { "Record parsing / Should convert ri to integer", "_dmarc.example.com v=DMARC1; p=reject; ri=86400", NULL },
    { "Record parsing / Should handle invalid pct value as 0", "_dmarc.example.com v=DMARC1; p=reject; pct=invalid",
      "RFC 7489 6.3: syntax errors in the remainder of the record SHOULD be discarded in favor of default values; that of pct= is 100" },
    { "Record parsing / Should include raw record in rr field", "_dmarc.example.com v=DMARC1; p=reject", NULL },
    { "Record parsing / Should handle tags with no value", "_dmarc.example.com v=DMARC1; p=reject; tagonly", NULL },
    { "Record parsing / Should lowercase tag names", "_dmarc.example.com V=DMARC1; P=reject; ADKIM=s", NULL },
    { "Org domain fallback / Should fallback to org domain when subdomain has no record", "_dmarc.example.com v=DMARC1; p=quarantine", NULL },
    { "Org domain fallback / Should not fallback when subdomain has its own record",
      "_dmarc.mail.example.com v=DMARC1; p=reject\n_dmarc.example.com v=DMARC1; p=quarantine", NULL },
    { "Org domain fallback / Should set isOrgRecord to false for direct domain", "_dmarc.example.com v=DMARC1; p=reject", NULL },
    { "Org domain fallback / Should not fallback when org domain equals the domain", "", NULL },
    { "Record validation / Should return false when no v=DMARC1 record", "_dmarc.example.com v=spf1 -all", NULL },
    { "Record validation / Should accept an upper-case tag name with an exact version value (V=DMARC1)", "_dmarc.example.com V=DMARC1; p=reject", NULL },
    { "Record validation / Should reject a version value that is not exactly DMARC1 (v=dmarc1)", "_dmarc.example.com v=dmarc1; p=reject", NULL },
    { "Record validation / Should filter non-DMARC records from response",
      "_dmarc.example.com v=spf1 -all\n_dmarc.example.com some text\n_dmarc.example.com v=DMARC1; p=reject", NULL },
};

/* What mailauth calls it, as text; NULL: we have no such member. */
static const char *member(struct arena *a, const char *name, const struct dmarc_answer *r, struct str from)
{
    const struct dmarc_record *d = &r->record;

    if (!strcmp(name, "v"))
        return dmarc_record_is(d->text) ? "DMARC1" : "";
    if (!strcmp(name, "p"))
        return dmarc_policy_name(d->p);
    if (!strcmp(name, "sp"))
        return dmarc_policy_name(d->sp);
    if (!strcmp(name, "pct"))
        return arena_printf(a, "%u", d->pct).p;
    if (!strcmp(name, "ri"))
        return arena_printf(a, "%u", d->interval).p;
    if (!strcmp(name, "adkim"))
        return d->strict_dkim ? "s" : "r";
    if (!strcmp(name, "aspf"))
        return d->strict_spf ? "s" : "r";
    if (!strcmp(name, "fo"))
        return d->fo & DMARC_FO_ANY ? "1" : "0";
    if (!strcmp(name, "rua"))
        return arena_printf(a, "%.*s", STR_ARG(d->rua)).p;
    if (!strcmp(name, "ruf"))
        return arena_printf(a, "%.*s", STR_ARG(d->ruf)).p;
    if (!strcmp(name, "rr"))
        return arena_printf(a, "%.*s", STR_ARG(d->text)).p;
    /* Of the verdict: in Authentication-Results a failure under p=none is "none" here, as Exim has it. */
    if (!strcmp(name, "status.result"))
        return r->status == DMARC_NONE ? "fail" : dmarc_status_word(r->status);
    if (!strcmp(name, "policy"))
        return dmarc_policy_name(r->policy);
    if (!strcmp(name, "domain"))
        return arena_printf(a, "%.*s", STR_ARG(r->domain)).p;
    if (!strcmp(name, "alignment.dkim.strict"))
        return d->strict_dkim ? "true" : "false";
    if (!strcmp(name, "alignment.spf.strict"))
        return d->strict_spf ? "true" : "false";
    if (!strcmp(name, "isOrgRecord"))
        return str_same(r->domain, from) ? "false" : "true";
    return NULL;
}

/* One line of "expect". "to be false" of the whole says there is no record. */
static unsigned as_expected(struct arena *a, json_t *e, const struct dmarc_answer *r, struct str from)
{
    const char *subject = json_string_value(json_object_get(json_object_get(e, "subject"), "$ref"));
    json_t *arg = json_array_get(json_object_get(e, "args"), 0), *ops = json_object_get(e, "ops");
    const char *word = json_string_value(json_array_get(ops, json_array_size(ops) - 1)), *want, *got;

    if (!subject)
        return 0;
    if (!strcmp(subject, "r0"))
        return r->has_record == (strcmp(word, "false") == 0);
    got = member(a, subject + 3, r, from);
    if (!got)
        return 0;
    want = json_is_integer(arg) ? arena_printf(a, "%lld", (long long)json_integer_value(arg)).p : json_is_string(arg) ? json_string_value(arg) : word;
    if (strcmp(got, want) != 0)
        print_message("%s: %s, wanted %s\n", subject, got, want);
    return strcmp(got, want) != 0;
}

static size_t lookup_find(const char *title)
{
    for (size_t i = 0; i < sizeof lookups / sizeof *lookups; i++)
        if (!strcmp(title + strlen(TITLE), lookups[i].title))
            return i;
    fail_msg("%s: no zone for it here", title);
    return 0;
}

/* fn judges a row, or says 0: it has no case for it. That many are to be judged. */
static void each_row(const char *path, unsigned (*fn)(json_t *row, const struct suffixes *s), size_t cases)
{
    FILE *f = fopen(path, "r");
    struct suffixes *s;
    struct why why;
    char *line = NULL;
    size_t cap = 0;
    unsigned judged = 0;

    if (no_vectors(f != NULL))
        return;
    assert_int_equal(suffixes_open(NULL, &s, &why), ST_OK);
    while (getline(&line, &cap, f) > 0) {
        json_t *row = json_loads(line, 0, NULL);

        judged += fn(row, s);
        json_decref(row);
    }
    free(line);
    fclose(f);
    suffixes_close(s);
    assert_int_equal(judged, cases);
}

static unsigned lookup_row(json_t *row, const struct suffixes *s)
{
    const char *title = json_string_value(json_object_get(row, "title"));
    json_t *call = json_array_get(json_object_get(row, "calls"), 0), *e;
    struct dmarc_want w = { .suffixes = s, .from = str_of(json_string_value(json_array_get(json_object_get(call, "args"), 0))) };
    struct arena a = { 0 };
    size_t at = lookup_find(title), i;
    const struct dmarc_answer *r = run(&a, lookups[at].world, &w);
    unsigned wrong = 0;

    json_array_foreach(json_object_get(row, "expect"), i, e)
        wrong += as_expected(&a, e, r, w.from);
    if (lookups[at].differ)
        print_message("%s: otherwise: %s\n", title, lookups[at].differ);
    if ((wrong != 0) != (lookups[at].differ != NULL))
        fail_msg("%s: %s", title, wrong ? "otherwise" : "as expected, though it is said to differ");
    arena_free(&a);
    return 1;
}

static void mailauth_lookups(void **state)
{
    (void)state;
    each_row(FOLDER "mailauth-get-dmarc-record-test.jsonl", lookup_row, sizeof lookups / sizeof *lookups);
}

/* ---- mailauth's verifyDmarc, likewise; the case that brings its zone is judged by dmarc_spec.c */

#define VERIFY "DMARC Verify Tests / "
#define AT_ORG "_dmarc.example.com v=DMARC1; "
static const struct { const char *title, *world; } verdicts[] = {
    { "Basic DMARC lookup / Should return pass when DKIM aligns", AT_ORG "p=reject" },
    { "Basic DMARC lookup / Should return pass when SPF aligns", AT_ORG "p=quarantine" },
    { "Basic DMARC lookup / Should return none when no DMARC record exists", "" },
    { "Basic DMARC lookup / Should return temperror on DNS failure", "!_dmarc.example.com" },
    { "DMARC record parsing / Should parse all common tags", AT_ORG "p=quarantine; sp=reject; pct=50" },
    { "DMARC record parsing / Should handle minimal DMARC record", AT_ORG "p=none" },
    { "Alignment modes / Should use relaxed DKIM alignment by default", AT_ORG "p=reject" },
    { "Alignment modes / Should fail strict DKIM alignment when only the org domain matches (adkim=s)", AT_ORG "p=reject; adkim=s" },
    { "Alignment modes / Should pass strict DKIM alignment when the signing domain is identical (adkim=s)", AT_ORG "p=reject; adkim=s" },
    { "Alignment modes / Should fail strict DKIM alignment for different org domain", AT_ORG "p=reject; adkim=s" },
    { "Alignment modes / Should fail strict SPF alignment when only the org domain matches (aspf=s)", AT_ORG "p=reject; aspf=s" },
    { "Alignment modes / Should pass strict SPF alignment when the SPF domain is identical (aspf=s)", AT_ORG "p=reject; aspf=s" },
    { "Organizational domain fallback / Should fallback to org domain when subdomain has no record", AT_ORG "p=reject" },
    { "Edge cases / Should handle headerFrom without @ symbol", AT_ORG "p=reject" },
    { "Edge cases / Should handle headerFrom array with single element", AT_ORG "p=reject" },
    { "Edge cases / Should handle IDN domains", "_dmarc.xn--e1afmkfd.xn--p1ai v=DMARC1; p=reject" },
    { "Edge cases / Should handle domains with string DKIM/SPF entries", AT_ORG "p=reject" },
};

/* ["example.com"] or [{"domain":"example.com"}]: each of them passed. */
static struct dmarc_identifier passed(json_t *list)
{
    json_t *one = json_array_get(list, 0);
    const char *name = json_string_value(json_is_string(one) ? one : json_object_get(one, "domain"));

    return (struct dmarc_identifier){ str_of(name ? name : ""), name != NULL, false };
}

static unsigned verdict_row(json_t *row, const struct suffixes *s)
{
    const char *title = json_string_value(json_object_get(row, "title")) + strlen(VERIFY), *from;
    json_t *args = json_array_get(json_object_get(json_array_get(json_object_get(row, "calls"), 0), "args"), 0), *e;
    json_t *author = json_object_get(args, "headerFrom");
    struct dmarc_identifier dkim = passed(json_object_get(args, "dkimDomains"));
    struct dmarc_want w = { .suffixes = s, .spf = passed(json_object_get(args, "spfDomains")), .dkim = &dkim, .ndkim = 1 };
    struct arena a = { 0 };
    unsigned wrong = 0;
    size_t at = 0, i;

    while (at < sizeof verdicts / sizeof *verdicts && strcmp(title, verdicts[at].title) != 0)
        at++;
    if (at == sizeof verdicts / sizeof *verdicts)
        return 0;
    from = json_string_value(json_is_array(author) ? json_array_get(author, 0) : author);
    w.from = str_of(strchr(from, '@') ? strchr(from, '@') + 1 : from);
    json_array_foreach(json_object_get(row, "expect"), i, e)
        wrong += as_expected(&a, e, run(&a, verdicts[at].world, &w), w.from);
    if (wrong)
        fail_msg("%s", title);
    arena_free(&a);
    return 1;
}

static void mailauth_verdicts(void **state)
{
    (void)state;
    each_row(FOLDER "mailauth-dmarc-verify-test.jsonl", verdict_row, sizeof verdicts / sizeof *verdicts);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(authheaders),
        cmocka_unit_test(mailauth_lookups),
        cmocka_unit_test(mailauth_verdicts),
    };

    return cmocka_run_group_tests_name("DMARC of other projects, in zones made for them", tests, NULL, NULL);
}
