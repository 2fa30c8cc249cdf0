/*
 * The chains of the ARC test suite and of other projects, read in place: all are judged as they want it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "auth/arc.h"
#include "corpus.h"

#define FOLDER VECTORS "arc/"

static bool no_vectors(bool there)
{
    if (!there) {
        print_message("skipped: no vectors\n");
        skip();
    }
    return !there;
}

static void judge(struct corpus *c, struct str message, struct arc *arc)
{
    struct sig_rules r = sig_rules_default;
    struct bodyhash *b = bodyhash_new();
    struct keys *keys = keys_new();
    struct header *h = arena_new(&c->arena, struct header);
    struct str section, body;
    bool damaged;

    r.now = 1;
    header_divide(message, &section, &body, &damaged);
    header_parse(&c->arena, section, h);
    arc_init(arc, h, &r, b);
    for (size_t i = 0; i < arc->nwanted; i++) {
        const struct str *text = map_get(c->records, arena_lower(&c->arena, arc->wanted[i].name));

        arc_answer(arc, i, keys, text, text ? 1 : 0, false);
    }
    bodyhash_add(b, body);
    bodyhash_end(b);
    arc_judge(arc, b);
    bodyhash_free(b);
    keys_free(keys);
}

static unsigned suite_row(struct corpus *c, struct str row)
{
    struct str id, want, message, records, name, text;
    struct arc arc;
    const char *got, *expect;
    unsigned wrong;

    assert_true(json_get(&c->arena, row, "id", &id) && json_get(&c->arena, row, "cv", &want));
    assert_true(json_get(&c->arena, row, "message", &message) && json_get(&c->arena, row, "txt-records", &records));
    while (json_next_member(&c->arena, &records, &name, &text))
        corpus_record(c, name, text);
    judge(c, corpus_wire(&c->arena, message), &arc);
    got = arc_state_name(arc.state);
    /* The suite leaves three open: chains that are sealed as failed already. */
    expect = want.n ? arena_lower(&c->arena, want).p : "fail";
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
    if (!no_vectors(corpus_file(&c, FOLDER "arc-draft-validation-tests.jsonl", &rows))) {
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

static void with_records(void **state)
{
    static const struct { const char *file; const char *want; } rows[] = { { "stalwart/001.txt", "pass" }, { "stalwart/002.txt", "pass" } };
    struct str file;

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct corpus c;
        struct arc arc;
        char path[512];

        corpus_open(&c);
        snprintf(path, sizeof path, FOLDER "%s", rows[i].file);
        if (no_vectors(corpus_file(&c, path, &file)))
            return;
        file = corpus_records(&c, file);
        judge(&c, corpus_wire(&c.arena, file), &arc);
        if (strcmp(arc_state_name(arc.state), rows[i].want) != 0)
            fail_msg("%s: %s (%.*s), wanted %s", rows[i].file, arc_state_name(arc.state), STR_ARG(arc.reason), rows[i].want);
        arc_drop(&arc);
        corpus_close(&c);
    }
}

/* The suite's signing tests fix the order of tags and the fields signed, which is each signer's own choice (RFC 6376
 * section 5.4): the message signatures they expect are put in front of their messages, and must hold. Their seals depend on
 * white space that the rows do not have; unused_tests.jsonl is what the suite itself does not use. */
static void add_field(struct buf *out, const char *name, struct str value)
{
    struct str line;

    value = str_trim(value);
    buf_addf(out, "%s: ", name);
    for (bool first = true; value.n && str_cut(&value, '\n', &line); first = false)
        buf_addf(out, "%s%.*s", first ? "" : "\n  ", STR_ARG(str_trim(line)));
    buf_byte(out, '\n');
}

static unsigned signed_row(struct corpus *c, struct str row)
{
    struct str id, message, part;
    struct buf text = { 0 };
    struct arc arc;
    unsigned wrong;

    assert_true(json_get(&c->arena, row, "id", &id) && json_get(&c->arena, row, "message", &message));
    if (!json_get(&c->arena, row, "AS", &part) || str_trim(part).n == 0)
        return 0;                       /* nothing is to be signed */
    add_field(&text, "ARC-Seal", part);
    json_get(&c->arena, row, "AMS", &part);
    add_field(&text, "ARC-Message-Signature", part);
    json_get(&c->arena, row, "AAR", &part);
    add_field(&text, "ARC-Authentication-Results", part);
    buf_add(&text, message);
    judge(c, corpus_wire(&c->arena, buf_str(&text)), &arc);
    wrong = arc.oldest != 1;
    if (wrong)
        print_message("%s: %s (%.*s)\n", id.p, arc_state_name(arc.state), STR_ARG(arc.reason));
    arc_drop(&arc);
    buf_free(&text);
    return wrong;
}

static void suite_signed(void **state)
{
    static const char *const files[] = { FOLDER "arc-draft-sign-tests.jsonl" };
    struct str rows, row, first, records, name, text;
    unsigned wrong = 0;

    (void)state;
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        struct corpus c;

        corpus_open(&c);
        /* Their key is that of the validation tests. */
        if (!no_vectors(corpus_file(&c, files[i], &rows) && corpus_file(&c, FOLDER "arc-draft-validation-tests.jsonl", &first))) {
            assert_true(json_get(&c.arena, str_head(first, str_find(first, '\n')), "txt-records", &records));
            while (json_next_member(&c.arena, &records, &name, &text))
                corpus_record(&c, name, text);
            while (str_cut(&rows, '\n', &row))
                if (str_trim(row).n)
                    wrong += signed_row(&c, row);
        }
        corpus_close(&c);
    }
    assert_int_equal(wrong, 0);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        { "ARC-T9 the test suite's chains", suite, NULL, NULL, NULL },
        cmocka_unit_test(with_records),
        cmocka_unit_test(suite_signed),
    };

    return cmocka_run_group_tests_name("other projects' ARC chains", tests, NULL, NULL);
}
