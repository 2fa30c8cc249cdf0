/*
 * Encoded words as another project reads and writes them. The folder has Perl's literals for the texts; TEXTS has
 * the same in UTF-8. What that project encodes we decode, and our own encoding of the text comes back as the text.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "corpus_rows.h"
#include "mail/header.h"

#define FILE_NAME "../shared/vectors/rfc2047/mime-encwords.jsonl"

static const struct { const char *id, *text; } TEXTS[] = {
    { "decode-ascii/0", "Subject: Notification d'état de remise (échec)" },
    { "decode-ascii/1", "The next sentence is in GB.己所不欲，勿施於人。Bye." },
    { "decode-multibyte/3", "Subject: 게으름(laziness), 참지말기(impatience), 교만(hubris)" },
    { "decode-singlebyte/1", "Subject: =?ISO-8859-1?Q?Oc=E9_3165_Network_Copier_down_for_maintenance?" },
    { "decode-singlebyte/3", "Keith Moore <moore@cs.utk.edu>" },
    { "decode-singlebyte/5", "André (<- one space) Pirard <PIRARD@vm1.ulg.ac.be>" },
    { "decode-singlebyte/6", "André  (<- two spaces) Pirard <PIRARD@vm1.ulg.ac.be>" },
    { "decode-singlebyte/7", "If you can read this you understand the example... cool!" },
    { "decode-singlebyte/8", "If you can read this you understand the example... cool!" },
    { "encode-ascii/0", "Perl=?: 病的折衷主義的廃物出力器 (Pathologically Eclectic Rubbish Lister)" },
    { "encode-ascii/3", "Peeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeerl: 病的折衷主義的廃物出力器 (Pathologically Eclectic Rubbish Lister)" },
    { "encode-ascii/5", "The next sentence is in GB.己所不欲，勿施於人。Bye." },
    { "encode-multibyte/1", "Perl:病的折衷主義的廃物出力器(Pathologically Eclectic Rubbish Lister)" },
    { "encode-multibyte/2", "Perl: 病的折衷主義的廃物出力器 (Pathologically Eclectic Rubbish Lister)" },
    { "encode-singlebyte/0", "Océ 3165 Network Copier down for maintenance" },
    { "encode-singlebyte/2", "Keld Jørn Simonsen <keld@dkuug.dk>" },
    { "encode-singlebyte/3", "André (<- one space) Pirard <PIRARD@vm1.ulg.ac.be>" },
    { "encode-singlebyte/5", "André  (<- two spaces) Pirard <PIRARD@vm1.ulg.ac.be>" },
    { "encode-singlebyte/6", "André  (<- two spaces) Pirard <PIRARD@vm1.ulg.ac.be>" },
    { "encode-singlebyte/7", "André  (<- two spaces) Pirard <PIRARD@vm1.ulg.ac.be>" },
    { "encode-singlebyte/9", "La réalisation du Système de Référence Céleste" },
    { "encode-utf-8/1", "Árvíztűrő tükörfúrógép, ETAOIN SHRDLU CMFWYP VBGKQJ XZ." },
    { "encode-utf-8/4", "Árvíztűrő tükörfúrógép---lorem ipsum dolor sit amet, consectetur adipisicing elit, sed do!!" },
    { "encode-utf-8/5", "Árvíztűrőtükörfúrógép---lorem ipsum dolor sit amet, consectetur adipisicing elit, sed do eiusmod tempor incididunt ut labore et dolore…" },
    { NULL, NULL },
};

static const char NO_SET[] = "no converter for HZ comes with the C library: such words stay as they are";
static const struct { const char *id, *reason; } DIFFER[] = {
    { "decode-ascii/1", NO_SET }, { "encode-ascii/5", NO_SET }, { NULL, NULL },
};

static const char *differ(struct str id)
{
    for (size_t i = 0; DIFFER[i].id; i++)
        if (str_same(id, str_of(DIFFER[i].id)))
            return DIFFER[i].reason;
    return NULL;
}

static const char *text_of(struct str id)
{
    for (size_t i = 0; TEXTS[i].id; i++)
        if (str_same(id, str_of(TEXTS[i].id)))
            return TEXTS[i].text;
    return NULL;
}

/* No encoded word is longer than 75 characters, and nothing else is in the text but blanks between them. */
static void well_encoded(struct str s)
{
    struct str word;

    for (size_t i = 0; i < s.n; i++)
        assert_true(s.p[i] >= ' ' && s.p[i] < 127);
    if (str_find_str(s, STR("=?")) == SIZE_MAX)
        return;
    while (str_cut(&s, ' ', &word))
        assert_true(word.n <= 75 && str_starts(word, STR("=?")) && str_ends(word, STR("?=")));
}

static void judge(struct arena *a, struct str row)
{
    struct str id, block, got, made;
    const char *want;

    assert_true(json_get(a, row, "id", &id) && json_get(a, row, "block", &block));
    id = str_from(id, str_find(id, '/') + 1);
    want = text_of(id);
    judged++;
    if (!want) {
        print_error("%.*s: its text is not in the table\n", STR_ARG(id));
        wrong++;
        return;
    }
    got = header_decode(a, header_unfold(a, str_from(block, str_find(block, '\n') + 1)));
    if (str_same(got, str_of(want)) == (differ(id) == NULL)) {
        differing += differ(id) != NULL;
    } else {
        print_error("%.*s: %.*s\n", STR_ARG(id), STR_ARG(got));
        wrong++;
    }
    made = header_encode(a, str_of(want));
    well_encoded(made);
    if (!str_same(header_decode(a, made), str_of(want))) {
        print_error("%.*s: encoded as %.*s\n", STR_ARG(id), STR_ARG(made));
        wrong++;
    }
}

static void encoded_words_of_mime_encwords(void **state)
{
    (void)state;
    judge_rows(FILE_NAME, "mime-encwords");
}

/* ---- our own encoding */

static const struct { const char *text, *encoded; } ENCODED[] = {
    { "plain text", "plain text" },
    { "", "" },
    { "with kind regards: Gr\303\274\303\237e", "=?UTF-8?Q?with_kind_regards=3A_Gr=C3=BC=C3=9Fe?=" },
    { "Gr\303\274\303\237e", "=?UTF-8?B?R3LDvMOfZQ==?=" },
    { "\346\227\245\346\234\254\350\252\236", "=?UTF-8?B?5pel5pys6Kqe?=" },
    { "looks like =?utf-8?q?a_word?=", "=?UTF-8?B?bG9va3MgbGlrZSA9P3V0Zi04P3E/YV93b3JkPz0=?=" },
    { "a\nb", "=?UTF-8?B?YQpi?=" },
    { "no UTF-8: \377", "=?unknown-8bit?Q?no_UTF-8=3A_=FF?=" },
};

static void what_is_not_plain_is_encoded(void **state)
{
    struct arena a = { 0 };

    (void)state;
    for (size_t i = 0; i < sizeof ENCODED / sizeof *ENCODED; i++) {
        struct str got = header_encode(&a, str_of(ENCODED[i].text));

        if (!str_same(got, str_of(ENCODED[i].encoded)))
            fail_msg("%s gave %.*s", ENCODED[i].text, STR_ARG(got));
    }
    arena_free(&a);
}

static void long_texts_are_cut_between_characters(void **state)
{
    struct arena a = { 0 };
    struct buf text = { 0 };
    struct str made;

    (void)state;
    for (int i = 0; i < 200; i++)
        buf_add(&text, i % 3 ? STR("\303\251t\303\251 ") : STR("\360\237\223\250"));
    made = header_encode(&a, buf_str(&text));
    well_encoded(made);
    assert_true(str_same(header_decode(&a, made), buf_str(&text)));
    buf_free(&text);
    arena_free(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(encoded_words_of_mime_encwords), cmocka_unit_test(what_is_not_plain_is_encoded),
        cmocka_unit_test(long_texts_are_cut_between_characters),
    };

    return cmocka_run_group_tests_name("encoded words", tests, NULL, NULL);
}
