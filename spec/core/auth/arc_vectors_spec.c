/*
 * The chains of the ARC test suite and of other projects, read in place: all are judged as they want it. The suite's
 * signing tests are in arc_seal_vectors_spec.c.
 *
 * Left open by the vectors, and why we judge them as we do:
 *   three validation tests whose "cv" is empty (the table below): a seal says cv=fail. RFC 8617 section 5.2, step 3C: "The "cv"
 *     value for all ARC-Seal header fields MUST NOT be "fail"."
 *   mailauth's: their key is the one beside stalwart/001.txt, and taken from there.
 *   kumomta's: its key is nowhere among the vectors, so nobody can say more of it than that it could not be found out.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "arc_corpus.h"

static const char *const open_rows[] = {
    "arc/arc-draft-validation-tests/0-chain-validation/cv_fail_i1_as_cv_fail",
    "arc/arc-draft-validation-tests/0-chain-validation/cv_fail_i2_as2_fail",
    "arc/arc-draft-validation-tests/0-chain-validation/cv_fail_i2_as1_fail",
};

static const char *expected(struct corpus *c, struct str id, struct str want)
{
    for (size_t i = 0; i < sizeof open_rows / sizeof *open_rows; i++)
        if (str_same(id, str_of(open_rows[i])))
            return want.n ? "nothing: the row is open no more" : "fail";
    return want.n ? arena_lower(&c->arena, want).p : "nothing: the row is not in the list";
}

static unsigned suite_row(struct corpus *c, struct str row)
{
    struct str id, want, message;
    struct arc arc;
    const char *got, *expect;
    unsigned wrong;

    assert_true(json_get(&c->arena, row, "id", &id) && json_get(&c->arena, row, "cv", &want));
    assert_true(json_get(&c->arena, row, "message", &message));
    row_records(c, row);
    arc_corpus_judge(c, corpus_wire(&c->arena, message), false, &arc);
    got = arc_state_name(arc.state);
    expect = expected(c, id, want);
    wrong = strcmp(got, expect) != 0;
    if (wrong)
        print_message("%s: %s (%.*s), wanted %s\n", id.p, got, STR_ARG(arc.reason), expect);
    arc_drop(&arc);
    return wrong;
}

static void suite(void **state)
{
    struct corpus c;
    struct str rows, row;
    unsigned wrong = 0;

    (void)state;
    corpus_open(&c);
    if (!no_vectors(&c, corpus_file(&c, ARC_FOLDER "arc-draft-validation-tests.jsonl", &rows))) {
        while (str_cut(&rows, '\n', &row))
            if (str_trim(row).n) {
                struct corpus one;

                corpus_open(&one);
                wrong += suite_row(&one, row);
                corpus_close(&one);
            }
        assert_int_equal(wrong, 0);
    }
    corpus_close(&c);
}

struct message_row {
    const char *file;
    const char *keys;           /* the file whose head has the records; NULL: this one's own */
    const char *want;
    const char *reason;         /* what a failure is said to be; NULL: nothing to say */
};

static void judge_message(const struct message_row *row)
{
    struct corpus c;
    struct arc arc;
    struct str message, keys;

    corpus_open(&c);
    if (no_vectors(&c, corpus_file(&c, row->file, &message)))
        return;
    if (!row->keys)
        message = corpus_records(&c, message);
    else if (!no_vectors(&c, corpus_file(&c, row->keys, &keys)))
        corpus_records(&c, keys);
    arc_corpus_judge(&c, corpus_wire(&c.arena, message), false, &arc);
    if (strcmp(arc_state_name(arc.state), row->want) != 0 || (row->reason && !str_same(arc.reason, str_of(row->reason))))
        fail_msg("%s: %s (%.*s), wanted %s (%s)", row->file, arc_state_name(arc.state), STR_ARG(arc.reason), row->want,
                 row->reason ? row->reason : "");
    arc_drop(&arc);
    corpus_close(&c);
}

static void real_messages(void **state)
{
    static const struct message_row rows[] = {
        { ARC_FOLDER "stalwart/001.txt", NULL, "pass", NULL },
        { ARC_FOLDER "stalwart/002.txt", NULL, "pass", NULL },
        { ARC_FOLDER "mailauth/arc-pass2.eml", ARC_FOLDER "stalwart/001.txt", "pass", NULL },
        /* One letter of the first seal is another. */
        { ARC_FOLDER "mailauth/arc-fail2.eml", ARC_FOLDER "stalwart/001.txt", "fail", "i=2 (seal sigverify error)" },
        { ARC_FOLDER "mailauth/arc-fail3.eml", ARC_FOLDER "stalwart/001.txt", "fail", "i=2 (seal cv state)" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        judge_message(&rows[i]);
}

static void key_away(void **state)
{
    struct corpus c;
    struct arc arc;
    struct str message;

    (void)state;
    corpus_open(&c);
    if (no_vectors(&c, corpus_file(&c, ARC_FOLDER "kumomta/arc-example-2.eml", &message)))
        return;
    assert_true(arc_corpus_judge(&c, corpus_wire(&c.arena, message), true, &arc));
    assert_int_equal(arc.whole, 1);
    assert_int_equal(arc.nwanted, 1);
    assert_true(str_same(arc.wanted[0].name, STR("fm3._domainkey.messagingengine.com")));
    assert_true(arc.again && arc.state != ARC_PASS && arc.oldest == 0);
    arc_drop(&arc);
    corpus_close(&c);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        { "ARC-T9 the test suite's chains", suite, NULL, NULL, NULL },
        { "real messages, with the keys of their time", real_messages, NULL, NULL, NULL },
        { "a real message whose key cannot be had is whole, and not judged for good", key_away, NULL, NULL, NULL },
    };

    return cmocka_run_group_tests_name("other projects' ARC chains", tests, NULL, NULL);
}
