/*
 * The parts of a message, whatever the pieces its body comes in.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mail/mime.h"
#include "mail/param.h"

/* ---- an outline: "0.1 text/plain+ name [content] !why", a part a line; + is the cover letter */

static struct str content(const struct mime *m, uint32_t n, struct str body, struct buf *out)
{
    struct mime_reader r;

    mime_reader_begin(&r, m, n, true);
    assert_true(r.from <= r.to && r.to <= body.n);
    for (uint64_t at = r.from; at < r.to; at++)
        mime_reader_feed(&r, (struct str){ body.p + at, 1 }, out);
    mime_reader_end(&r, out);
    mime_reader_free(&r);
    return buf_str(out);
}

static void outline(const struct mime *m, struct str body, struct buf *out)
{
    for (uint32_t i = 0; i < m->n; i++) {
        const struct mime_part *p = &m->v[i];
        struct buf text = { 0 };

        buf_addf(out, "%u.%u %.*s%s", p->message, p->index, p->type.p ? (int)p->type.n : 1, p->type.p ? p->type.p : "-",
                 p->coverletter ? "+" : "");
        if (p->filename.p)
            buf_addf(out, " %.*s", STR_ARG(p->filename));
        if (!p->multipart && !str_starts(p->type, STR("message/"))) {
            content(m, i, body, &text);
            assert_int_equal(text.n, p->size);
            buf_add(out, STR(" ["));
            for (size_t k = 0; k < text.n; k++)
                if (buf_str(&text).p[k] != '\r')
                    buf_byte(out, buf_str(&text).p[k] == '\n' ? '/' : buf_str(&text).p[k]);
            buf_add(out, STR("]"));
        }
        if (p->anomaly)
            buf_addf(out, " !%d %s", p->anomaly, p->anomaly_text);
        buf_byte(out, '\n');
        buf_free(&text);
    }
    if (m->limit)
        buf_addf(out, "limit: %s\n", m->limit);
}

static void read_message(struct mime *m, struct arena *a, struct str message, size_t piece, struct str *body)
{
    struct str section;
    struct header h;
    bool damaged;

    header_divide(message, &section, body, &damaged);
    header_parse(a, section, &h);
    mime_begin(m, &h);
    for (size_t at = 0; at < body->n; at += piece)
        mime_feed(m, str_head(str_from(*body, at), piece));
    mime_end(m);
}

/* In the rows lines end in LF; on the wire in CRLF. */
static struct str wire(struct arena *a, const char *text)
{
    char *p = arena_alloc(a, 2 * strlen(text) + 1);
    size_t n = 0;

    for (; *text; text++) {
        if (*text == '\n')
            p[n++] = '\r';
        p[n++] = *text;
    }
    return (struct str){ p, n };
}

static const struct { const char *message, *parts; } rows[] = {
    { "Subject: x\n\nbody\n", "0.0 -+ [body/]\n" },
    { "Content-Type: TEXT/Plain; charset=utf-8\nContent-Transfer-Encoding: QUOTED-printable\n\nGr=C3=BC=\n=C3=9Fe =\n!\n", "0.0 text/plain+ [Gr\303\274\303\237e !/]\n" },
    { "Content-Type: multipart/mixed; boundary=b\n\npreamble\n--b\n\none\n\n--b\nContent-Type: text/html\n\ntwo\n--b--\nepilogue\n",
      "0.0 multipart/mixed+\n0.1 -+ [one/]\n0.2 text/html [two]\n" },
    /* the end of the line before a boundary belongs to the boundary */
    { "Content-Type: multipart/mixed; boundary=b\n\n--b\n\n--b\n\n\n--b\n--b\nA: b\n--b--\n",
      "0.0 multipart/mixed+\n0.1 -+ []\n0.2 - []\n0.3 - [] !3 a part ends within its header\n0.4 - [] !3 a part ends within its header\n" },
    /* blanks behind a boundary, a dash too many, a boundary in the middle of a line */
    { "Content-Type: multipart/mixed; boundary=\"b b\"\n\n--b b \t\n\n --b b\nx--b b\n--b b-- \n", "0.0 multipart/mixed+\n0.1 -+ [ --b b/x--b b]\n" },
    { "Content-Type: multipart/mixed; boundary=b\n\n--b\n\none\n--bb\ntwo\n--b-\n--b--\n",
      "0.0 multipart/mixed+ !3 a line begins like a boundary and goes on\n0.1 -+ [one/--bb/two/--b-]\n" },
    /* the outer boundary ends what is inside; the longer of two like boundaries is its own */
    { "Content-Type: multipart/mixed; boundary=a\n\n--a\nContent-Type: multipart/alternative; boundary=ab\n\n--ab\n\none\n--ab\nContent-Type: text/html\n\ntwo\n--a\n\nthree\n--a--\n",
      "0.0 multipart/mixed+\n0.1 multipart/alternative+ !3 a multipart has no end\n0.2 -+ [one]\n0.3 text/html+ [two]\n0.4 - [three]\n" },
    { "Content-Type: multipart/mixed; boundary=a\n\n--a\n\none\n", "0.0 multipart/mixed+ !3 a multipart has no end\n0.1 -+ [one/]\n" },
    { "Content-Type: multipart/mixed; boundary=a\n\n--a\n\none\n--a--\n--a\n\ntwo\n--a--\n",
      "0.0 multipart/mixed+ !3 boundaries behind the end of a multipart\n0.1 -+ [one]\n" },
    { "Content-Type: multipart/mixed\n\n--a\n\none\n--a--\n", "0.0 multipart/mixed+ !3 a multipart without a boundary\n" },
    /* what is attached is no cover letter, nor what is inside of it */
    { "Content-Type: multipart/mixed; boundary=a\n\n--a\n\none\n--a\nContent-Type: multipart/related; boundary=c\n\n--c\n\ntwo\n--c--\n--a--\n",
      "0.0 multipart/mixed+\n0.1 -+ [one]\n0.2 multipart/related\n0.3 - [two]\n" },
    /* attached messages: parts of their own count, in the order they begin */
    { "Content-Type: multipart/mixed; boundary=a\n\n--a\nContent-Type: message/rfc822\n\nSubject: in\nContent-Type: multipart/mixed; boundary=c\n\n--c\n\ntwo\n--c--\n\n--a\n\nthree\n--a--\n",
      "0.0 multipart/mixed+\n0.1 message/rfc822+\n1.0 multipart/mixed+\n1.1 -+ [two]\n0.2 - [three]\n" },
    { "Content-Type: multipart/digest; boundary=a\n\n--a\n\nSubject: in\n\ntwo\n--a--\n", "0.0 multipart/digest+\n0.1 message/rfc822+\n1.0 -+ [two]\n" },
    { "Content-Type: message/rfc822\n\n", "0.0 message/rfc822+\n1.0 -+ [] !3 a part ends within its header\n" },
    /* ... and through an encoding that may not be */
    { "Content-Type: message/rfc822\nContent-Transfer-Encoding: base64\n\nU3ViamVjdDogaW4KQ29udGVudC1UcmFuc2Zlci1FbmNvZGluZzogcXVvdGVkLXByaW50YWJs\nZQoKdHc9\nNkYK\n",
      "0.0 message/rfc822+ !3 an attached message is encoded\n1.0 -+ [two/]\n" },
    /* damaged encodings: what can be read is read */
    { "Content-Transfer-Encoding: base64\n\nb25l!IHR3bw\n", "0.0 -+ [one two] !2 Broken BASE64 encoding detected\n" },
    { "Content-Transfer-Encoding: base64\n\nb25l\nIA==\ndHdv\n", "0.0 -+ [one two] !2 Broken BASE64 encoding detected\n" },
    { "Content-Transfer-Encoding: quoted-printable\n\none=ZZ two  \n=\n", "0.0 -+ [one=ZZ two/] !1 Broken Quoted-Printable encoding detected\n" },
    { "Content-Transfer-Encoding: x-uuencode\n\none\n", "0.0 -+ [one/] !3 a transfer encoding nobody knows\n" },
    { "Content-Type: text/plain\nContent-Type: text/html\n\none\n", "0.0 text/plain+ [one/] !3 a Content- field stands twice\n" },
    { "Content-Type: multipart/mixed; boundary=a\nContent-Transfer-Encoding: base64\n\n--a\n\none\n--a--\n",
      "0.0 multipart/mixed+ !3 a multipart is encoded\n0.1 -+ [one]\n" },
    /* a part whose header is followed by text at once */
    { "Content-Type: multipart/mixed; boundary=a\n\n--a\nContent-Type: text/plain\nno field\n\nmore\n--a--\n",
      "0.0 multipart/mixed+\n0.1 text/plain+ [no field//more] !3 no empty line stands behind the header of a part\n" },
};

static void same_outline(const char *message, const char *want, size_t piece)
{
    struct arena a = { 0 };
    struct buf out = { 0 };
    struct mime m;
    struct str body;

    read_message(&m, &a, wire(&a, message), piece, &body);
    outline(&m, body, &out);
    if (!str_same(buf_str(&out), str_of(want)))
        fail_msg("in pieces of %zu:\n%s\ngave:\n%.*s\nwanted:\n%s", piece, message, STR_ARG(buf_str(&out)), want);
    mime_free(&m);
    buf_free(&out);
    arena_free(&a);
}

static void parts_are_found_in_pieces_of_any_size(void **state)
{
    static const size_t pieces[] = { 100000, 1, 2, 3, 7, 64 };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        for (size_t k = 0; k < sizeof pieces / sizeof *pieces; k++)
            same_outline(rows[i].message, rows[i].parts, pieces[k]);
}

/* ---- bounds */

static void limited(struct buf *message, const char *limit, uint32_t parts)
{
    struct arena a = { 0 };
    struct mime m;
    struct str body;

    read_message(&m, &a, buf_str(message), 4096, &body);
    assert_non_null(m.limit);
    assert_string_equal(m.limit, limit);
    assert_true(m.n >= parts);
    mime_free(&m);
    arena_free(&a);
    buf_free(message);
}

static void a_message_cannot_make_it_use_more_than_the_bounds(void **state)
{
    struct buf b = { 0 };

    (void)state;
    buf_add(&b, STR("Content-Type: multipart/mixed; boundary=a\r\n\r\n"));
    for (int i = 0; i < 100000; i++)
        buf_add(&b, STR("--a\r\n\r\n"));
    limited(&b, "it has more than 10000 parts", MIME_PARTS_MAX);

    for (int i = 0; i < 1000; i++)
        buf_addf(&b, "Content-Type: multipart/mixed; boundary=a%d\r\n\r\n--a%d\r\n", i, i);
    limited(&b, "its parts are nested too deeply", MIME_DEPTH_MAX);

    for (int i = 0; i < 1000; i++)
        buf_add(&b, STR("Content-Type: message/rfc822\r\n\r\n"));
    limited(&b, "its parts are nested too deeply", MIME_DEPTH_MAX);

    buf_add(&b, STR("Content-Type: multipart/mixed; boundary=a\r\n\r\n--a\r\nX: "));
    for (int i = 0; i < 20000; i++)
        buf_add(&b, STR("xxxxxxx\r\n "));
    limited(&b, "the header of a part is longer than 64 KiB", 1);
}

/* ---- parameters */

static const struct { const char *text, *value, *params; } PARAMS[] = {
    { " text/plain (a comment); charset=utf-8 (c)", "text/plain", "charset=utf-8" },
    { "a/b; x=\"a;\\\"b\" ; y=2", "a/b", "x=a;\"b y=2" },
    { "a/b; filename=my file.pdf; z=1", "a/b", "filename=my file.pdf|my z=1 !" },
    { "attachment; filename*=UTF-8''na%C3%AFve%20file.txt", "attachment", "filename*=na\303\257ve file.txt" },
    { "attachment; filename*0*=iso-8859-1'fr'caf%E9; filename*1=\" au\"; filename*2*=%20lait", "attachment", "filename*=caf\303\251 au lait" },
    { "attachment; filename*1=b; filename*0=a", "attachment", "filename*=ab" },
    { "attachment; filename*1=b", "attachment", "!" },
    { "attachment; filename=\"=?utf-8?q?Gr=C3=BC=C3=9Fe?=\"", "attachment", "filename=Gr\303\274\303\237e|=?utf-8?q?Gr=C3=BC=C3=9Fe?=" },
    { "attachment; filename*=nowhere'x'%FF; filename=a", "attachment", "filename*=\377 filename=a" },
    { "attachment; filename*=utf-8''a%0Ab%00", "attachment", "filename*=a b " },
    { "attachment; filename=\"open", "attachment", "filename=open !" },
    { "attachment\r\n\t; filename=\r\n a", "attachment", "filename=a" },
    { ";;; = ; a; b=", "", "= b=" },
    { "", "", "" },
};

static void parameters_are_read_as_mail_readers_do(void **state)
{
    struct arena a = { 0 };

    (void)state;
    for (size_t i = 0; i < sizeof PARAMS / sizeof *PARAMS; i++) {
        struct buf out = { 0 };
        struct params ps;

        params_read(&a, str_of(PARAMS[i].text), &ps);
        for (const struct param *p = ps.first; p; p = p->next) {
            buf_addf(&out, "%s%.*s%s=%.*s", out.n ? " " : "", STR_ARG(p->name), p->extended ? "*" : "", STR_ARG(p->value));
            for (size_t k = 0; k < PARAM_READINGS - 1 && p->other[k].p; k++)
                buf_addf(&out, "|%.*s", STR_ARG(p->other[k]));
        }
        if (ps.damaged)
            buf_addf(&out, "%s!", out.n ? " " : "");
        if (!str_same(buf_str(&out), str_of(PARAMS[i].params)) || !str_same(ps.value, str_of(PARAMS[i].value)))
            fail_msg("%s\ngave %.*s; %.*s", PARAMS[i].text, STR_ARG(ps.value), STR_ARG(buf_str(&out)));
        buf_free(&out);
    }
    arena_free(&a);
}

static void every_name_a_reader_may_see_is_told(void **state)
{
    struct arena a = { 0 };
    struct header h;
    struct mime_part p = { 0 };

    (void)state;
    header_parse(&a, STR("Content-Type: application/pdf; name=\"=?utf-8?b?YS5wZGY=?=\"\r\n"
                         "Content-Disposition: ATTACHMENT; filename=\"b.pdf\"; filename*=utf-8''c.exe; filename=\"d.pdf\"\r\n"
                         "Content-ID: <X@y>\r\nContent-Description: =?utf-8?q?=C3=9F?=\r\n"), &h);
    mime_part_read(&a, &h, &p);
    assert_true(str_same(p.filename, STR("c.exe")) && p.nnames == 5 && str_same(p.names[1], STR("b.pdf")));
    assert_true(str_same(p.names[2], STR("d.pdf")) && str_same(p.names[3], STR("a.pdf")) && str_same(p.names[4], STR("=?utf-8?b?YS5wZGY=?=")));
    assert_true(str_same(p.disposition, STR("attachment")) && str_same(p.id, STR("<X@y>")) && str_same(p.description, STR("\303\237")));
    assert_string_equal(p.anomaly_text, "a parameter stands twice");
    arena_free(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parts_are_found_in_pieces_of_any_size),
        cmocka_unit_test(a_message_cannot_make_it_use_more_than_the_bounds),
        cmocka_unit_test(parameters_are_read_as_mail_readers_do),
        cmocka_unit_test(every_name_a_reader_may_see_is_told),
    };

    return cmocka_run_group_tests_name("mail: parts", tests, NULL, NULL);
}
