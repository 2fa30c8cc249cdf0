/* SRS and prvs: the vectors of the features list, Mail::SRS's cases read in place, and what hostile local parts come to. */
#include "auth/prvs.h"
#include "auth/srs.h"

#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "mail/addr.h"

#define VECTORS "../shared/vectors/srs/mail-srs.jsonl"

enum { DAY = 20000 };

static struct srs_rules rules(enum srs_kind kind, const struct str *secrets, size_t n)
{
    bool exim = kind == SRS_EXIM, alt = kind == SRS_ALT;

    return (struct srs_rules){ .kind = kind, .secrets = secrets, .nsecrets = n, .separator = '=', .hash_length = alt ? 6 : 4,
                               .hash_min = alt ? 6 : 4, .max_age = exim ? 10 : alt ? 31 : 21, .day = DAY };
}

static struct str local_of(struct str address)
{
    size_t at = str_rfind(address, '@');

    return at == SIZE_MAX ? address : str_head(address, at);
}

static void same(const char *what, struct str got, const char *want)
{
    if (!str_same(got, str_of(want)))
        fail_msg("%s: %.*s, not %s", what, STR_ARG(got), want);
}

/* ---- the vectors of the features list */

static const struct {
    const char *sender, *secret, *domain, *made;
    enum srs_kind kind;
    bool database;
} steps[] = {
    { "alice@origin.test", "mysecret", "fwd.test", "SRS0=x0ikxL=RA=origin.test=alice@fwd.test", SRS_ALT, false },
    { "SRS0=x0ikxL=RA=origin.test=alice@fwd.test", "other", "second.test",
      "SRS1=eYLq06=fwd.test==x0ikxL=RA=origin.test=alice@second.test", SRS_ALT, false },
    { "SRS1=eYLq06=fwd.test==x0ikxL=RA=origin.test=alice@second.test", "third", "third.test",
      "SRS1=vrKv/6=fwd.test==x0ikxL=RA=origin.test=alice@third.test", SRS_ALT, false },
    { "alice@origin.test", "mysecret", "fwd.test", "SRS0=mb0hkJ=RA=YHy+vHawVfYox7r+@fwd.test", SRS_ALT, true },
    { "alice@origin.test", "mysecret", "fwd.test", "SRS0=0e70=RA=origin.test=alice@fwd.test", SRS_EXIM, false },
};
/* What each leads back to: SRS1 always to the first forwarder. */
static const char *const back[] = {
    "alice@origin.test", "SRS0=x0ikxL=RA=origin.test=alice@fwd.test", "SRS0=x0ikxL=RA=origin.test=alice@fwd.test", "YHy+vHawVfYox7r+",
    "alice@origin.test",
};

/* SRSA-T6, SRSN-T8 */
static void vectors_come_out_exactly_and_lead_back_SRSA_T6_SRSN_T8(void **state)
{
    struct arena a = { 0 };

    (void)state;
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
        struct str secret = str_of(steps[i].secret), out;
        struct srs_rules r = rules(steps[i].kind, &secret, 1);

        r.database = steps[i].database;
        assert_int_equal(srs_encode(&a, &r, str_of(steps[i].sender), str_of(steps[i].domain), &out), SRS_OK);
        same("made", out, steps[i].made);
        assert_int_equal(srs_decode(&a, &r, local_of(out), &out), SRS_OK);
        same("back", out, back[i]);
    }
    arena_free(&a);
}

/* ---- Exim's form */

static enum srs_result exim(struct arena *a, const char *local, const char *secret, int64_t day, struct str *out)
{
    struct str s = str_of(secret);
    struct srs_rules r = rules(SRS_EXIM, &s, *secret ? 1 : 0);

    r.day = day;
    return srs_decode(a, &r, str_of(local), out);
}

/* SRSN-T8 */
static void exims_form_is_good_for_ten_days_and_exact_in_its_hash_SRSN_T8(void **state)
{
    static const struct { const char *local, *secret; int days; enum srs_result want; } row[] = {
        { "SRS0=0e70=RA=origin.test=alice", "mysecret", 0, SRS_OK },       { "SRS0=0e70=RA=origin.test=alice", "mysecret", 10, SRS_OK },
        { "SRS0=0e70=RA=origin.test=alice", "mysecret", 11, SRS_EXPIRED }, { "SRS0=0e70=RA=origin.test=alice", "mysecret", -1, SRS_EXPIRED },
        { "SRS0=0E70=RA=origin.test=alice", "mysecret", 0, SRS_HASH },     { "srs0=0e70=RA=origin.test=alice", "mysecret", 0, SRS_OK },
        { "SRS0=0e71=RA=origin.test=alice", "mysecret", 0, SRS_HASH },     { "SRS0=0e70=RA=origin.test=alice", "other", 0, SRS_HASH },
        { "SRS0=zzzz=RA=origin.test=alice", "", 500, SRS_OK },             { "alice", "", 0, SRS_NOT },
        { "SRS0+0e70=RA=origin.test=alice", "mysecret", 0, SRS_NOT },      { "SRS1=0e70=RA=origin.test=alice", "", 0, SRS_NOT },
        { "SRS0=0e7=RA=origin.test=alice", "mysecret", 0, SRS_HASH },
    };
    struct arena a = { 0 };
    struct str out;

    (void)state;
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        enum srs_result got = exim(&a, row[i].local, row[i].secret, DAY + row[i].days, &out);

        if (got != row[i].want)
            fail_msg("%s after %d days: %s", row[i].local, row[i].days, srs_words(got));
        if (got != SRS_NOT)
            same(row[i].local, out, "alice@origin.test");        /* set as soon as the form fits (SRSN-04) */
    }
    arena_free(&a);
}

/* SRSN-T7, SRSN-T9 */
static void local_parts_with_quotes_and_equals_signs_come_back_SRSN_T7_SRSN_T9(void **state)
{
    static const char *const senders[] = {
        "a=b@origin.test", "=@origin.test", "\"a b\"@origin.test", "\"a@b\"@origin.test", "SRS0@origin.test", "srs1=@origin.test", "Ann.Lee@Origin.Test",
    };
    static const enum srs_kind kinds[] = { SRS_MAIL, SRS_ALT, SRS_EXIM };
    struct arena a = { 0 };
    struct str secret = STR("mysecret"), out;

    (void)state;
    for (size_t k = 0; k < 3; k++) {
        struct srs_rules r = rules(kinds[k], &secret, 1);

        for (size_t i = 0; i < sizeof senders / sizeof *senders; i++) {
            assert_int_equal(srs_encode(&a, &r, str_of(senders[i]), STR("fwd.test"), &out), SRS_OK);
            assert_int_equal(srs_decode(&a, &r, addr_unquote(&a, local_of(out)), &out), SRS_OK);
            if (!str_same_fold(out, str_of(senders[i])))
                fail_msg("%s came back as %.*s", senders[i], STR_ARG(out));
        }
        assert_int_equal(srs_encode(&a, &r, STR("a@b=c.test"), STR("fwd.test"), &out), SRS_SYNTAX);
        assert_int_equal(srs_encode(&a, &r, STR("alice"), STR("fwd.test"), &out), SRS_DOMAIN);
    }
    arena_free(&a);
}

/* ---- secrets, hashes, days */

/* SRSA-T3, SRSA-T5 */
static void any_secret_may_have_signed_and_a_short_hash_is_none_SRSA_T3_SRSA_T5(void **state)
{
    static const struct { const char *local; unsigned min; enum srs_result want; } row[] = {
        { "SRS0=x0ikxL=RA=origin.test=alice", 6, SRS_OK },   { "SRS0=X0IKXL=RA=origin.test=alice", 6, SRS_CASE },
        { "SRS0=x0ikxK=RA=origin.test=alice", 6, SRS_HASH }, { "SRS0=x0ik=RA=origin.test=alice", 6, SRS_SHORT },
        { "SRS0=x0ik=RA=origin.test=alice", 4, SRS_OK },     { "SRS0=garbage", 6, SRS_SYNTAX },
        { "SRS0=x0ikxL=RB=origin.test=alice", 6, SRS_EXPIRED }, { "SRS0=x0ikxL=R1=origin.test=alice", 6, SRS_STAMP },
        { "SRS0=x0ikxL=RA==alice", 6, SRS_SYNTAX },          { "SRS0=x0ikxL=RA=origin.test=", 6, SRS_SYNTAX },
        { "SRS2=x0ikxL=RA=origin.test=alice", 6, SRS_NOT },  { "SRS0", 6, SRS_NOT }, { "", 6, SRS_NOT },
    };
    struct str secrets[] = { STR("new"), STR("mysecret") }, out;
    struct arena a = { 0 };

    (void)state;
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        struct srs_rules r = rules(SRS_ALT, secrets, 2);
        enum srs_result got;

        r.hash_min = row[i].min;
        got = srs_decode(&a, &r, str_of(row[i].local), &out);
        if (got != row[i].want)
            fail_msg("%s: %s", row[i].local, srs_words(got));
    }
    arena_free(&a);
}

/* SRSA-T5 */
static void hash_and_day_may_be_left_out_of_srs0_SRSA_T5(void **state)
{
    struct str secret = STR("mysecret"), out;
    struct srs_rules r = rules(SRS_ALT, &secret, 1);
    struct arena a = { 0 };

    (void)state;
    r.no_hash = true;
    assert_int_equal(srs_encode(&a, &r, STR("alice@origin.test"), STR("fwd.test"), &out), SRS_OK);
    same("no hash", out, "SRS0=RA=origin.test=alice@fwd.test");
    assert_int_equal(srs_decode(&a, &r, local_of(out), &out), SRS_OK);
    r.no_stamp = true;
    assert_int_equal(srs_encode(&a, &r, STR("alice@origin.test"), STR("fwd.test"), &out), SRS_OK);
    same("no day", out, "SRS0=origin.test=alice@fwd.test");
    assert_int_equal(srs_decode(&a, &r, local_of(out), &out), SRS_OK);
    same("back", out, "alice@origin.test");
    /* SRS1 always has a hash */
    assert_int_equal(srs_encode(&a, &r, STR("SRS0=origin.test=alice@fwd.test"), STR("second.test"), &out), SRS_OK);
    assert_int_equal(srs_decode(&a, &r, STR("SRS1=aaaaaa=fwd.test==origin.test=alice"), &out), SRS_HASH);
    arena_free(&a);
}

static void what_is_too_long_is_neither_made_nor_read(void **state)
{
    char sender[300], local[400];
    struct str secret = STR("mysecret"), out;
    struct srs_rules r = rules(SRS_MAIL, &secret, 1);
    struct arena a = { 0 };

    (void)state;
    memset(sender, 'a', 240);
    strcpy(sender + 240, "@origin.test");
    assert_int_equal(srs_encode(&a, &r, str_of(sender), STR("fwd.test"), &out), SRS_LONG);
    assert_int_equal(out.n, 0);
    memset(local, 'a', sizeof local);
    memcpy(local, "SRS0=aaaa=RA=x=", 15);
    assert_int_equal(srs_decode(&a, &r, (struct str){ local, sizeof local }, &out), SRS_LONG);
    /* what could be no recipient is not decoded to one */
    assert_int_equal(srs_decode(&a, &r, STR("SRS0=aaaa=RA=-x-=alice"), &out), SRS_SYNTAX);
    assert_int_equal(srs_decode(&a, &r, (struct str){ "SRS0=aaaa=RA=x=a\0b", 18 }, &out), SRS_SYNTAX);
    assert_int_equal(srs_decode(&a, &r, STR("SRS0=aaaa=RA=x=a\r\nb"), &out), SRS_SYNTAX);
    assert_int_equal(srs_decode(&a, &r, STR("SRS1=aaaa=x=plain"), &out), SRS_SYNTAX);
    arena_free(&a);
}

/* ---- Mail::SRS's own */

static const char *field(json_t *row, const char *name)
{
    return json_string_value(json_object_get(row, name));
}

static void reverses(struct arena *a, struct srs_rules *r, json_t *row, const char *what, struct str local, json_t *want)
{
    struct str out;
    enum srs_result got = srs_decode(a, r, local, &out);

    if (json_is_string(want)) {
        if ((got != SRS_OK && got != SRS_CASE) || !str_same(out, str_of(json_string_value(want))))
            fail_msg("%s %s: %s, %.*s", field(row, "id"), what, srs_words(got), STR_ARG(out));
    } else if (got == SRS_OK || got == SRS_CASE) {
        fail_msg("%s %s: taken for %.*s", field(row, "id"), what, STR_ARG(out));
    }
}

static void forwards(struct arena *a, struct srs_rules *r, json_t *row)
{
    json_t *days = json_object_get(row, "reverse_after_days"), *want;
    struct str out, again, low;
    const char *after;

    assert_int_equal(srs_encode(a, r, str_of(field(row, "input")), str_of(field(row, "alias")), &out), SRS_OK);
    same(field(row, "id"), out, field(row, "forward"));
    assert_int_equal(srs_encode(a, r, out, STR("second.example"), &again), SRS_OK);
    same(field(row, "id"), again, field(row, "forward_again"));
    reverses(a, r, row, "back", local_of(out), json_object_get(row, "reverse"));
    reverses(a, r, row, "tampered with", local_of(str_of(field(row, "tampered"))), json_object_get(row, "reverse_tampered"));
    low = arena_lower(a, local_of(out));
    reverses(a, r, row, "in lower case", low, json_object_get(row, "reverse_lowercased"));
    json_object_foreach(days, after, want) {
        struct srs_rules later = *r;

        later.day += atoi(after);
        reverses(a, &later, row, after, local_of(out), want);
    }
}

/* SRSN-T6 */
static void mail_srs_agrees_SRSN_T6(void **state)
{
    struct arena a = { 0 };
    FILE *f = fopen(VECTORS, "r");
    static char line[16384];
    size_t n = 0;

    (void)state;
    if (!f) {
        print_message("skipped: no vectors\n");
        return;
    }
    while (fgets(line, sizeof line, f)) {
        json_t *row = json_loads(line, 0, NULL);
        struct str secret = str_of(field(row, "secret"));
        struct srs_rules r = rules(SRS_MAIL, &secret, 1);

        r.day = json_integer_value(json_object_get(row, "time")) / 86400;
        if (field(row, "separator"))
            r.separator = *field(row, "separator");
        if (json_object_get(row, "hashlength"))
            r.hash_length = r.hash_min = (unsigned)json_integer_value(json_object_get(row, "hashlength"));
        if (json_object_get(row, "maxage_days"))
            r.max_age = (unsigned)json_integer_value(json_object_get(row, "maxage_days"));
        if (field(row, "input"))
            forwards(&a, &r, row);
        else
            reverses(&a, &r, row, "alone", local_of(str_of(field(row, "reverse_input"))), json_object_get(row, "reverse"));
        json_decref(row);
        n++;
    }
    fclose(f);
    assert_true(n > 150);
    arena_free(&a);
}

/* ---- prvs */

static bool check(struct arena *a, const char *text, const char *secret, int64_t day)
{
    struct prvs p;

    return prvs_read(a, str_of(text), &p) && prvs_good(a, &p, str_of(secret), day);
}

/* PRVS-T1, PRVS-T2, PRVS-T6 */
static void a_tag_is_good_for_seven_days_PRVS_T1_PRVS_T2_PRVS_T6(void **state)
{
    struct arena a = { 0 };
    struct str out = prvs_create(&a, STR("alice@origin.test"), STR("mysecret"), 0, DAY);
    struct prvs p;

    (void)state;
    same("vector", out, "prvs=0007d88dfd=alice@origin.test");
    assert_true(prvs_read(&a, out, &p));
    same("address", p.address, "alice@origin.test");
    for (int days = 0; days <= 7; days++)
        assert_true(check(&a, "prvs=0007d88dfd=alice@origin.test", "mysecret", DAY + days));
    assert_false(check(&a, "prvs=0007d88dfd=alice@origin.test", "mysecret", DAY + 8));
    assert_false(check(&a, "prvs=0007d88dfd=alice@origin.test", "mysecret", DAY + 500));
    /* over the turn of a thousand days, in both directions */
    for (int64_t day = 990; day < 1010; day++) {
        struct str tagged = prvs_create(&a, STR("a@b.test"), STR("s"), 3, day);

        assert_true(check(&a, arena_z(&a, tagged), "s", day + 7));
        assert_false(check(&a, arena_z(&a, tagged), "s", day + 8));
        assert_false(check(&a, arena_z(&a, tagged), "s", day - 1));
    }
    arena_free(&a);
}

/* PRVS-T3, PRVS-T4, PRVS-T5 */
static void a_tag_that_was_touched_is_not_ours_PRVS_T3_PRVS_T4_PRVS_T5(void **state)
{
    static const struct { const char *text, *secret; bool read; } row[] = {
        { "prvs=0007d88dfd=alice@origin.test", "other", true },     { "prvs=1007d88dfd=alice@origin.test", "mysecret", true },
        { "prvs=0007d88dfd=alicf@origin.test", "mysecret", true },  { "prvs=0007d88dfd=alice@origin.tesu", "mysecret", true },
        { "prvs=0007D88DFD=alice@origin.test", "mysecret", true },  { "prvs=0007d88dfe=alice@origin.test", "mysecret", true },
        { "prvs=0008d88dfd=alice@origin.test", "mysecret", true },  { "prvs=0007d88dfd=alice@origin.test", "", true },
        { "prvs=0007d88df=alice@origin.test", "mysecret", false },  { "prvs=0007d88dfg=alice@origin.test", "mysecret", false },
        { "prvs=x007d88dfd=alice@origin.test", "mysecret", false }, { "alice@origin.test", "mysecret", false },
        { "prvs=0007d88dfd=@origin.test", "mysecret", false },      { "prvs=0007d88dfd=alice", "mysecret", false },
        { "", "mysecret", false },
    };
    struct arena a = { 0 };
    struct prvs p;

    (void)state;
    assert_true(check(&a, "PRVS=0007d88dfd=alice@origin.test", "mysecret", DAY));
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        if (prvs_read(&a, str_of(row[i].text), &p) != row[i].read)
            fail_msg("%s is %sread", row[i].text, row[i].read ? "not " : "");
        if (check(&a, row[i].text, row[i].secret, DAY))
            fail_msg("%s is taken for ours", row[i].text);
    }
    assert_false(str_same(prvs_create(&a, STR("a@b.test"), STR("s"), 1, DAY), prvs_create(&a, STR("a@b.test"), STR("s"), 2, DAY)));
    assert_int_equal(prvs_create(&a, STR("alice"), STR("s"), 0, DAY).n, 0);
    assert_true(check(&a, arena_z(&a, prvs_create(&a, STR("\"a b\"@x.test"), STR("s"), 0, DAY)), "s", DAY));
    arena_free(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(vectors_come_out_exactly_and_lead_back_SRSA_T6_SRSN_T8),
        cmocka_unit_test(exims_form_is_good_for_ten_days_and_exact_in_its_hash_SRSN_T8),
        cmocka_unit_test(local_parts_with_quotes_and_equals_signs_come_back_SRSN_T7_SRSN_T9),
        cmocka_unit_test(any_secret_may_have_signed_and_a_short_hash_is_none_SRSA_T3_SRSA_T5),
        cmocka_unit_test(hash_and_day_may_be_left_out_of_srs0_SRSA_T5),
        cmocka_unit_test(what_is_too_long_is_neither_made_nor_read),
        cmocka_unit_test(mail_srs_agrees_SRSN_T6),
        cmocka_unit_test(a_tag_is_good_for_seven_days_PRVS_T1_PRVS_T2_PRVS_T6),
        cmocka_unit_test(a_tag_that_was_touched_is_not_ours_PRVS_T3_PRVS_T4_PRVS_T5),
    };

    return cmocka_run_group_tests_name("auth/srs", tests, NULL, NULL);
}
