/*
 * The signing tests of the ARC test suite, and those it does not use itself: what they expect holds for us, and what we
 * make of their messages is what they expect, as far as RFC 8617 fixes it.
 *
 * Judged differently: four of unused_tests.jsonl ("Signed Headers", in the table below). They were signed with the h= of a
 * draft, which ended in ARC-Authentication-Results, and say another one since: as they stand their message signatures do not
 * hold. RFC 8617 section 4.1.2: "ARC-related header fields (ARC-Authentication-Results, ARC-Message-Signature, and ARC-Seal)
 * MUST NOT be included in the list of header fields covered by the signature of the AMS header field"; section 5.2, step 4:
 * "Validate the AMS with the greatest instance value (most recent). If validation fails, then the Chain Validation Status is
 * "fail"". With the h= they were signed with they hold. What we make of their messages is compared like the others'.
 *
 * What is not compared word for word, and why:
 *   h= (and so b=) of the message signature. RFC 6376 section 5.4, which RFC 8617 section 4.1.2 takes over, fixes From
 *     alone: "The From header field MUST be signed". The rest is the signer's choice.
 *   The order and folding of tags (and so every b=). RFC 6376 section 3.2: tags are found by name, in any order.
 *   d=. The rows seal as example.org what lists.example.org found; we have one name for both. RFC 6376 section 3.5, d= is
 *     "The SDID claiming responsibility for an introduction of a message into the mail stream", whichever the signer has.
 *   White space in results: one space, which is what relaxed canonicalization leaves of it (RFC 6376 section 3.4.2).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "arc_corpus.h"
#include "auth/seal.h"

/* What stood in h= when they were signed. */
static const struct { const char *id; const char *names; } drafts[] = {
    { "arc/unused_tests/0-signed-headers/header_dup_ord1", "from:to:date:subject:mime-version:arc-authentication-results" },
    { "arc/unused_tests/0-signed-headers/header_dup_ord2", "from:to:date:subject:mime-version:arc-authentication-results" },
    { "arc/unused_tests/0-signed-headers/sig_header_dup_once", "from:to:to:date:subject:mime-version:arc-authentication-results" },
    { "arc/unused_tests/0-signed-headers/header_non", "from:to:&&&:date:subject:mime-version:arc-authentication-results" },
};

struct sign_row {
    struct str id, message, aar, ams, as, srv_id, domain, selector, key, t;
};

static void read_row(struct corpus *c, struct str row, struct sign_row *r)
{
    const struct { const char *name; struct str *to; } members[] = {
        { "id", &r->id }, { "message", &r->message }, { "AAR", &r->aar }, { "AMS", &r->ams }, { "AS", &r->as },
        { "srv-id", &r->srv_id }, { "domain", &r->domain }, { "sel", &r->selector }, { "privatekey", &r->key }, { "t", &r->t },
    };

    for (size_t i = 0; i < sizeof members / sizeof *members; i++)
        assert_true(json_get(&c->arena, row, members[i].name, members[i].to));
    row_records(c, row);
}

/* ---- what they expect */

/* The rows break b= into lines after signing: lines are put together again where no tag ends. */
static void add_field(struct buf *out, const char *name, struct str value)
{
    struct str line;

    value = str_trim(value);
    buf_addf(out, "%s:", name);
    for (bool tag = true; value.n && str_cut(&value, '\n', &line); tag = str_ends(line, STR(";"))) {
        line = str_trim(line);
        buf_addf(out, "%s%.*s", tag ? "\n  " : "", STR_ARG(line));
    }
    buf_byte(out, '\n');
}

static struct str with_set(struct corpus *c, const struct sign_row *r, struct str aar)
{
    struct buf text = { 0 };
    struct str wire;

    add_field(&text, "ARC-Seal", r->as);
    add_field(&text, "ARC-Message-Signature", r->ams);
    add_field(&text, "ARC-Authentication-Results", aar);
    buf_add(&text, r->message);
    wire = corpus_wire(&c->arena, buf_str(&text));
    buf_free(&text);
    return wire;
}

static unsigned wants(const struct sign_row *r, struct arc *arc, enum arc_state want, const char *reason, const char *what)
{
    unsigned wrong = arc->state != want || !str_same(arc->reason, str_of(reason));

    if (wrong)
        print_message("%.*s: %s: %s (%.*s)\n", STR_ARG(r->id), what, arc_state_name(arc->state), STR_ARG(arc->reason));
    arc_drop(arc);
    return wrong;
}

static const char *draft_names(const struct sign_row *r)
{
    for (size_t i = 0; i < sizeof drafts / sizeof *drafts; i++)
        if (str_same(r->id, str_of(drafts[i].id)))
            return drafts[i].names;
    return NULL;
}

static struct sign_row with_names(struct corpus *c, const struct sign_row *r, const char *names)
{
    struct sign_row other = *r;
    size_t at = str_find_str(r->ams, STR(" h="));
    struct str rest = str_from(r->ams, at);

    assert_true(at != SIZE_MAX);
    rest = str_from(rest, str_find(rest, ';'));
    other.ams = arena_printf(&c->arena, "%.*s h=%s%.*s", STR_ARG(str_head(r->ams, at)), names, STR_ARG(rest));
    return other;
}

static unsigned set_holds(struct corpus *c, const struct sign_row *r)
{
    struct str other = arena_printf(&c->arena, "%.*s; x=pass", STR_ARG(str_trim(r->aar)));
    struct arc arc;
    unsigned wrong;

    arc_corpus_judge(c, with_set(c, r, r->aar), false, &arc);
    wrong = wants(r, &arc, ARC_PASS, "", "the set expected");
    arc_corpus_judge(c, with_set(c, r, other), false, &arc);
    /* Where the results are signed by the message signature too, that is what fails first. */
    return wrong + wants(r, &arc, ARC_FAIL, draft_names(r) ? "i=1 (AMS sig nonverify)" : "i=1 (seal sigverify error)",
                         "the set expected, with another result");
}

static unsigned expected_holds(struct corpus *c, const struct sign_row *r)
{
    const char *names = draft_names(r);
    struct sign_row signed_row;
    struct arc arc;
    unsigned wrong;

    if (!names)
        return set_holds(c, r);
    signed_row = with_names(c, r, names);
    /* The body is theirs. */
    assert_true(arc_corpus_judge(c, with_set(c, r, r->aar), false, &arc));
    wrong = wants(r, &arc, ARC_FAIL, "i=1 (AMS sig nonverify)", "the set as it stands");
    return wrong + set_holds(c, &signed_row);
}

/* ---- what we make */

static void seal_row(struct corpus *c, const struct sign_row *r, struct str wire, struct buf *out)
{
    struct seal_want want = { .admd = r->srv_id, .selector = r->selector, .key = r->key, .expires = -1 };
    struct header *h = arena_new(&c->arena, struct header);
    struct signkeys *keys = signkeys_new();
    struct bodyhash *b = bodyhash_new();
    struct fieldset *fields;
    struct str section, body;
    struct why why = { 0 };
    bool damaged;
    uint64_t t;

    assert_true(str_u64(r->t, INT64_MAX, &t));
    want.created = (int64_t)t;
    header_divide(wire, &section, &body, &damaged);
    header_parse(&c->arena, section, h);
    fields = fieldset_new(h);
    seal_prepare(&want, b);
    bodyhash_add(b, body);
    bodyhash_end(b);
    assert_int_equal(seal_fields(&want, keys, h, fields, b, out, &why), ST_OK);
    fieldset_free(fields);
    bodyhash_free(b);
    signkeys_free(keys);
}

static struct str one_space(struct arena *a, struct str s)
{
    char *p = arena_alloc(a, s.n + 1);
    size_t n = 0;

    s = str_trim(s);
    for (size_t i = 0; i < s.n; i++) {
        bool blank = s.p[i] == ' ' || s.p[i] == '\t' || s.p[i] == '\r' || s.p[i] == '\n';

        if (!blank || (n && p[n - 1] != ' '))
            p[n++] = blank ? ' ' : s.p[i];
    }
    return (struct str){ p, n };
}

static unsigned differs(const struct sign_row *r, const char *what, struct str got, struct str want)
{
    if (str_same(got, want))
        return 0;
    print_message("%.*s: %s: %.*s, wanted %.*s\n", STR_ARG(r->id), what, STR_ARG(got), STR_ARG(want));
    return 1;
}

static void read_tags(struct corpus *c, struct str text, struct tags *t)
{
    assert_true(tags_read(&c->arena, str_trim(text), t, NULL));
}

static unsigned same_tags(struct corpus *c, const struct sign_row *r, const char *const *names, const struct tags *got,
                          const struct tags *want)
{
    unsigned wrong = 0;

    for (; *names; names++)
        wrong += differs(r, *names, tag_squeeze(&c->arena, tags_value(got, *names, STR("-"))),
                         tag_squeeze(&c->arena, tags_value(want, *names, STR("-"))));
    return wrong + differs(r, "d", tags_value(got, "d", STR("-")), r->srv_id)
         + differs(r, "d of the row", tags_value(want, "d", STR("-")), r->domain);
}

/* Section 4.1.2: From is signed; "Authentication-Results header fields MUST NOT be included in AMS signatures", nor those of ARC. */
static unsigned wrong_names(struct corpus *c, const struct sign_row *r, struct str list)
{
    struct str name;
    bool from = false, forbidden = false;

    while (tag_next(&list, &name)) {
        name = arena_lower(&c->arena, str_trim(name));
        from = from || str_same(name, STR("from"));
        forbidden = forbidden || str_starts(name, STR("arc-")) || str_same(name, STR("authentication-results"));
    }
    if (!from || forbidden)
        print_message("%.*s: h= is not what it may be\n", STR_ARG(r->id));
    return !from || forbidden;
}

static unsigned compare(struct corpus *c, const struct sign_row *r, const struct arc_set *set)
{
    static const char *const message_tags[] = { "i", "a", "c", "s", "t", "bh", "x", "l", "v", NULL };
    static const char *const seal_tags[] = { "i", "a", "cv", "s", "t", "h", "bh", "c", NULL };
    struct tags ams, as;

    read_tags(c, r->ams, &ams);
    read_tags(c, r->as, &as);
    return differs(r, "AAR", one_space(&c->arena, set->results->value), one_space(&c->arena, r->aar))
         + same_tags(c, r, message_tags, &set->ams.tags, &ams) + same_tags(c, r, seal_tags, &set->as.tags, &as)
         + wrong_names(c, r, tags_value(&set->ams.tags, "h", STR("")));
}

static struct str key_name(struct corpus *c, struct str selector, struct str domain)
{
    return arena_printf(&c->arena, "%.*s._domainkey.%.*s", STR_ARG(selector), STR_ARG(domain));
}

static unsigned ours_is_expected(struct corpus *c, const struct sign_row *r)
{
    struct str wire = corpus_wire(&c->arena, r->message);
    const struct str *record = map_get(c->records, key_name(c, r->selector, r->domain));
    struct buf text = { 0 };
    struct arc arc;
    unsigned wrong;

    assert_non_null(record);
    corpus_record(c, key_name(c, r->selector, r->srv_id), *record);
    seal_row(c, r, wire, &text);
    buf_add(&text, wire);
    arc_corpus_judge(c, buf_str(&text), false, &arc);
    assert_int_equal(arc.whole, 1);
    wrong = compare(c, r, &arc.set[1]);
    wrong += wants(r, &arc, ARC_PASS, "", "our set");
    buf_free(&text);
    return wrong;
}

/* ---- all rows */

static void each_row(const char *path, unsigned (*judge)(struct corpus *, const struct sign_row *))
{
    struct corpus c;
    struct str rows, text;
    unsigned wrong = 0, seen = 0;

    corpus_open(&c);
    if (!no_vectors(&c, corpus_file(&c, path, &rows))) {
        while (str_cut(&rows, '\n', &text))
            if (str_trim(text).n) {
                struct corpus one;
                struct sign_row row;

                corpus_open(&one);
                read_row(&one, text, &row);
                wrong += judge(&one, &row);
                corpus_close(&one);
                seen++;
            }
        assert_true(seen > 0);
        assert_int_equal(wrong, 0);
    }
    corpus_close(&c);
}

static void suite_expects(void **state)
{
    (void)state;
    each_row(ARC_FOLDER "arc-draft-sign-tests.jsonl", expected_holds);
}

static void suite_made(void **state)
{
    (void)state;
    each_row(ARC_FOLDER "arc-draft-sign-tests.jsonl", ours_is_expected);
}

static void unused_expects(void **state)
{
    (void)state;
    each_row(ARC_FOLDER "unused_tests.jsonl", expected_holds);
}

static void unused_made(void **state)
{
    (void)state;
    each_row(ARC_FOLDER "unused_tests.jsonl", ours_is_expected);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        { "the sets that the suite's signing tests expect hold, seals and all", suite_expects, NULL, NULL, NULL },
        { "our sets of their messages say what they expect, and hold", suite_made, NULL, NULL, NULL },
        { "so do those that the suite does not use, with the h= they were signed with", unused_expects, NULL, NULL, NULL },
        { "and our sets of those", unused_made, NULL, NULL, NULL },
    };

    return cmocka_run_group_tests_name("the ARC suite's signing tests", tests, NULL, NULL);
}
