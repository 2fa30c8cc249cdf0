/*
 * The messages of other projects: our parts against theirs where they say what they found, and what must hold
 * for every message whatever is in it. Where we differ the message stands in DIFFER with the reason.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/json.h"
#include "mail/mime.h"

#define FOLDER "../shared/vectors/mime"
enum { FILE_MAX = 4 << 20, PATH_MAX_ = 512 };

static const char BORDER[] = "the header ends before the first line that is no field, and that line is of the body: nothing is dropped";
static const char CUT[] = "a quantum of base64 that is cut at the end still has whole bytes";
static const char BLANKS[] = "blanks at the end of a line, and so of a boundary, are passed over (RFC 2046 5.1.1)";
static const char LENGTH[] = "a boundary that no line of a message can hold";
static const char OUTER[] = "the boundary of an outer multipart ends the inner one (RFC 2046 5.1.2)";
static const char PREFIX[] = "a line that begins like a boundary and goes on is none; the multipart has an anomaly";
static const char WHOLE_LINE[] = "a boundary stands at the beginning of a line";
static const char OPENED[] = "a boundary that ends nothing begins a part, be it empty";
static const char IN_HEADER[] = "a boundary ends a header as an empty line does";
static const struct { const char *file, *reason; } DIFFER[] = {
    { "mimetools-testmsgs/multi-frag.msg", CUT }, { "mimetools-testmsgs/hdr-fakeout.msg", BORDER },
    { "testmsgs/malformedHeaderStartsBody-noheader.msg", BORDER }, { "testmsgs/malformedHeader-noheader.msg", BORDER },
    { "testmsgs/weird-boundary.msg", BLANKS }, { "testmsgs/very-long-boundary.msg", BLANKS },
    { "testmsgs/very-very-long-boundary.msg", LENGTH },
    { "malformed/001.eml", OUTER }, { "malformed/004.eml", PREFIX }, { "malformed/007.eml", IN_HEADER },
    { "malformed/009.eml", OUTER }, { "malformed/011.eml", OUTER }, { "malformed/014.eml", OPENED },
    { "malformed/019.eml", BORDER }, { "malformed/021.eml", IN_HEADER }, { "malformed/022.eml", OUTER },
    { "thirdparty/005.eml", WHOLE_LINE },
    { NULL, NULL },
};

static bool ends(const char *s, const char *tail)
{
    return strlen(s) >= strlen(tail) && strcmp(s + strlen(s) - strlen(tail), tail) == 0;
}

static const char *differ(const char *path)
{
    for (size_t i = 0; DIFFER[i].file; i++)
        if (ends(path, DIFFER[i].file))
            return DIFFER[i].reason;
    return NULL;
}

/* ---- files */

static bool read_file(struct arena *a, const char *path, struct str *out)
{
    FILE *f = fopen(path, "rb");
    char *p;
    size_t n;

    if (!f)
        return false;
    p = arena_alloc(a, FILE_MAX + 1);
    n = fread(p, 1, FILE_MAX, f);
    fclose(f);
    *out = (struct str){ p, n };
    return true;
}

static struct str wire(struct arena *a, struct str text)
{
    char *p = arena_alloc(a, 2 * text.n + 1);
    size_t n = 0;

    if (str_starts(text, STR("From ")))         /* a mailbox's line, not the message's */
        text = str_from(text, str_find(text, '\n') + 1);
    for (size_t i = 0; i < text.n; i++) {
        if (text.p[i] == '\n' && (i == 0 || text.p[i - 1] != '\r'))
            p[n++] = '\r';
        p[n++] = text.p[i];
    }
    return (struct str){ p, n };
}

static unsigned judged, wrong, differing;

/* Every file below folder whose name ends so, in no order. */
static void each(const char *folder, const char *tail, void (*fn)(const char *path))
{
    DIR *d = opendir(folder);
    struct dirent *entry;
    char path[PATH_MAX_];
    struct stat st;

    if (!d)
        return;
    while ((entry = readdir(d))) {
        if (entry->d_name[0] == '.')
            continue;
        snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
        if (stat(path, &st) == 0 && S_ISDIR(st.st_mode))
            each(path, tail, fn);
        else if (ends(path, tail))
            fn(path);
    }
    closedir(d);
}

/* ---- parsing */

struct parsed { struct mime m; struct str message, section, body; };

static void parse(struct arena *a, struct str message, size_t piece, struct parsed *p)
{
    struct header h;
    bool damaged;

    p->message = message;
    header_divide(message, &p->section, &p->body, &damaged);
    header_parse(a, p->section, &h);
    mime_begin(&p->m, &h);
    for (size_t at = 0; at < p->body.n; at += piece)
        mime_feed(&p->m, str_head(str_from(p->body, at), piece));
    mime_end(&p->m);
}

static struct str content(struct arena *a, const struct parsed *p, uint32_t part, bool decoded)
{
    struct mime_reader r;
    struct buf out = { 0 };
    struct str made;

    mime_reader_begin(&r, &p->m, part, decoded);
    mime_reader_feed(&r, str_head(str_from(p->body, (size_t)r.from), (size_t)(r.to - r.from)), &out);
    mime_reader_end(&r, &out);
    mime_reader_free(&r);
    made = arena_dup(a, buf_str(&out));
    buf_free(&out);
    return made;
}

static bool leaf(const struct mime *m, uint32_t part)
{
    return part + 1 == m->n || m->v[part + 1].parent != (int32_t)part;
}

/* ---- what must hold for every message */

static const char *unsound(struct arena *a, const struct parsed *p)
{
    const struct mime *m = &p->m;

    for (uint32_t i = 0; i < m->n; i++) {
        const struct mime_part *q = &m->v[i];
        const struct mime_part *in = q->parent >= 0 ? &m->v[q->parent] : NULL;

        if (q->from > q->to || (q->via < 0 && q->to > p->body.n))
            return "a part beyond its message";
        if (q->parent >= (int32_t)i || q->via >= (int32_t)i)
            return "a part before its parent";
        if (in && in->via == q->via && (q->from < in->from || q->to > in->to))
            return "a part beyond its parent";
        if (leaf(m, i) && !m->limit && !q->multipart && content(a, p, i, true).n != q->size)
            return "a size that is not that of the content";
        if (content(a, p, i, false).n != q->to - q->from)
            return "content that cannot be read";
    }
    return NULL;
}

static bool alike(const struct mime *a, const struct mime *b)
{
    if (a->n != b->n || a->messages != b->messages)
        return false;
    for (uint32_t i = 0; i < a->n; i++)
        if (a->v[i].from != b->v[i].from || a->v[i].to != b->v[i].to || a->v[i].size != b->v[i].size ||
            a->v[i].anomaly != b->v[i].anomaly || a->v[i].parent != b->v[i].parent || !str_same(a->v[i].type, b->v[i].type))
            return false;
    return true;
}

static void any_message(const char *path)
{
    struct arena a = { 0 };
    struct parsed whole, pieces;
    struct str text;
    const char *why;

    assert_true(read_file(&a, path, &text));
    text = wire(&a, text);
    parse(&a, text, SIZE_MAX / 2, &whole);
    parse(&a, text, 13, &pieces);
    judged++;
    why = unsound(&a, &whole);
    if (!why && !alike(&whole.m, &pieces.m))
        why = "not the same in pieces";
    if (why) {
        print_error("%s: %s\n", path, why);
        wrong++;
    }
    mime_free(&whole.m);
    mime_free(&pieces.m);
    arena_free(&a);
}

/* ---- mime4j: a tree of elements, and the decoded content of each leaf in a file */

/* "message(multipart(body-part(text-body)))" of an XML file; the names of content files in order. */
static void xml_tree(struct str xml, struct buf *out, struct str *files, size_t *nfiles)
{
    struct str rest = xml, tag;

    while (str_cut(&rest, '<', &tag), rest.n) {
        struct str name = str_head(rest, str_find(rest, '>'));
        bool close = name.n && name.p[0] == '/';
        struct str bare = str_head(str_from(name, close), str_find(str_from(name, close), ' '));
        size_t quote = str_find(name, '"');

        if (str_same(bare, STR("message")) || str_same(bare, STR("multipart")) || str_same(bare, STR("body-part"))) {
            if (close)
                buf_byte(out, ')');
            else
                buf_addf(out, "%.*s(", STR_ARG(bare));
        } else if (!close && (str_same(bare, STR("text-body")) || str_same(bare, STR("binary-body")))) {
            buf_add(out, STR("body"));
            if (quote != SIZE_MAX)
                files[(*nfiles)++] = str_head(str_from(name, quote + 1), str_find(str_from(name, quote + 1), '"'));
        }
    }
}

static void our_tree(const struct mime *m, uint32_t part, struct buf *out, uint32_t *leaves, size_t *n)
{
    if (leaf(m, part) && !(m->v[part].multipart && m->v[part].boundary.n)) {
        buf_add(out, STR("body"));
        leaves[(*n)++] = part;
        return;
    }
    buf_add(out, m->v[part].multipart ? STR("multipart(") : STR("message("));
    for (uint32_t i = part + 1; i < m->n; i++) {
        if (m->v[i].parent != (int32_t)part)
            continue;
        if (m->v[part].multipart)
            buf_add(out, STR("body-part("));
        our_tree(m, i, out, leaves, n);
        if (m->v[part].multipart)
            buf_byte(out, ')');
    }
    buf_byte(out, ')');
}

static struct str without_cr(struct arena *a, struct str s)
{
    char *p = arena_alloc(a, s.n + 1);
    size_t n = 0;

    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] != '\r')
            p[n++] = s.p[i];
    return (struct str){ p, n };
}

static bool same_content(struct arena *a, const struct parsed *p, uint32_t part, const char *folder, struct str file)
{
    char path[PATH_MAX_];
    struct str want;

    snprintf(path, sizeof path, "%.*s/%.*s", (int)(strrchr(folder, '/') - folder), folder, STR_ARG(file));
    return !read_file(a, path, &want) || str_same(without_cr(a, want), without_cr(a, content(a, p, part, true)));
}

static void verdict(const char *path, const char *why)
{
    judged++;
    if (why && differ(path))
        differing++;
    else if (why || differ(path)) {
        print_error("%s: %s\n", path, why ? why : "listed as different, and is not");
        wrong++;
    }
}

static void mime4j_message(const char *path)
{
    struct arena a = { 0 };
    struct str text, xml, files[256];
    struct buf theirs = { 0 }, ours = { 0 };
    uint32_t leaves[256];
    size_t nfiles = 0, nleaves = 0;
    struct parsed p;
    char other[PATH_MAX_];
    const char *why = NULL;

    snprintf(other, sizeof other, "%.*s_decoded.xml", (int)strlen(path) - 4, path);
    assert_true(read_file(&a, path, &text));
    if (!read_file(&a, other, &xml)) {
        arena_free(&a);
        return;
    }
    parse(&a, wire(&a, text), 4096, &p);
    xml_tree(xml, &theirs, files, &nfiles);
    buf_add(&ours, STR("message("));
    our_tree(&p.m, 0, &ours, leaves, &nleaves);
    buf_byte(&ours, ')');
    if (!str_same(buf_str(&ours), buf_str(&theirs))) {
        why = arena_z(&a, arena_printf(&a, "%.*s\n  theirs %.*s", STR_ARG(buf_str(&ours)), STR_ARG(buf_str(&theirs))));
    } else {
        for (size_t i = 0; i < nleaves && i < nfiles && !why; i++)
            if (!same_content(&a, &p, leaves[i], path, files[i]))
                why = arena_z(&a, arena_printf(&a, "other content in %.*s", STR_ARG(files[i])));
    }
    verdict(path, why);
    mime_free(&p.m);
    buf_free(&ours);
    buf_free(&theirs);
    arena_free(&a);
}

/* ---- mail-parser: the parts with their places in the message */

static bool number(struct arena *a, struct str row, const char *name, uint64_t *n)
{
    struct str s;

    return json_get(a, row, name, &s) && str_u64(s, UINT32_MAX, n);
}

/* One parameter of Content-Type or Content-Disposition, as they read it. */
static const char *compare_param(struct arena *a, const struct mime_part *p, struct str name, struct str value)
{
    struct str ours = str_same(name, STR("charset")) ? p->charset : p->boundary;

    if (str_same(name, STR("name")) || str_same(name, STR("filename"))) {
        for (size_t i = 0; i < p->nnames; i++)
            if (str_same(p->names[i], str_head(value, MIME_VALUE_MAX)))
                return NULL;
        ours = p->filename;
    } else if (!str_same(name, STR("charset")) && !str_same(name, STR("boundary"))) {
        return NULL;
    }
    if (str_same_fold(ours, value))
        return NULL;
    return arena_z(a, arena_printf(a, "%.*s is %.*s, theirs %.*s", STR_ARG(name), STR_ARG(ours), STR_ARG(value)));
}

static const char *compare_params(struct arena *a, struct str row, const struct mime_part *p)
{
    struct str headers, header, value, inner, attributes, attribute, name, text;
    const char *why = NULL;

    if (!json_get(a, row, "headers", &headers))
        return NULL;
    while (!why && json_next(a, &headers, &header)) {
        if (!json_get(a, header, "value", &value) || !json_get(a, value, "ContentType", &inner) ||
            !json_get(a, inner, "attributes", &attributes) || attributes.p[0] != '[')
            continue;
        while (!why && json_next(a, &attributes, &attribute))
            if (json_get(a, attribute, "name", &name) && json_get(a, attribute, "value", &text))
                why = compare_param(a, p, name, text);
    }
    return why;
}

static const char *compare_parts(struct arena *a, struct str parts, const struct parsed *p)
{
    size_t head = p->message.n - p->body.n;
    const char *why;
    struct str row;
    uint32_t i = 0;

    while (json_next(a, &parts, &row)) {
        uint64_t from = 0, to = 0;

        while (i < p->m.n && p->m.v[i].message)
            i++;
        if (i == p->m.n)
            return "they have more parts";
        number(a, row, "offset_body", &from);
        number(a, row, "offset_end", &to);
        if (from != p->m.v[i].from + head)
            return arena_z(a, arena_printf(a, "part %u begins at %llu, theirs at %llu", i,
                                           (unsigned long long)(p->m.v[i].from + head), (unsigned long long)from));
        if (!p->m.v[i].multipart && to != p->m.v[i].to + head)
            return arena_z(a, arena_printf(a, "part %u ends at %llu, theirs at %llu", i,
                                           (unsigned long long)(p->m.v[i].to + head), (unsigned long long)to));
        why = compare_params(a, row, &p->m.v[i]);
        if (why)
            return why;
        i++;
    }
    while (i < p->m.n && p->m.v[i].message)
        i++;
    return i == p->m.n ? NULL : "we have more parts";
}

static void mail_parser_message(const char *path)
{
    struct arena a = { 0 };
    struct str text, json, parts;
    struct parsed p;
    char other[PATH_MAX_];

    snprintf(other, sizeof other, "%.*s.crlf.json", (int)strlen(path) - 4, path);
    assert_true(read_file(&a, path, &text));
    if (read_file(&a, other, &json) && json_get(&a, json, "parts", &parts)) {
        parse(&a, wire(&a, text), 4096, &p);
        verdict(path, compare_parts(&a, parts, &p));
        mime_free(&p.m);
    }
    arena_free(&a);
}

/* ---- the corpora */

static void run(const char *folder, const char *tail, void (*fn)(const char *path))
{
    char path[PATH_MAX_];

    snprintf(path, sizeof path, FOLDER "/%s", folder);
    judged = wrong = differing = 0;
    each(path, tail, fn);
    if (judged == 0) {
        print_message("skipped: no vectors (%s)\n", path);
        skip();
        return;
    }
    print_message("%s *%s: %u judged, %u differ with a reason, %u wrong\n", folder, tail, judged, differing, wrong);
    assert_int_equal(wrong, 0);
}

#define CORPUS(function, folder, tail, fn) static void function(void **state) { (void)state; run(folder, tail, fn); }
CORPUS(mime4j_trees_and_contents, "mime4j", ".msg", mime4j_message)
CORPUS(mail_parser_places, "mail-parser", ".eml", mail_parser_message)
CORPUS(any_of_cpython, "cpython", ".txt", any_message)
CORPUS(any_of_enmime, "enmime", ".raw", any_message)
CORPUS(any_of_mail_parser, "mail-parser", ".eml", any_message)
CORPUS(any_of_mailparser, "mailparser", ".eml", any_message)
CORPUS(any_of_mikel_mail, "mikel-mail", ".eml", any_message)
CORPUS(any_of_mime4j, "mime4j", ".msg", any_message)
CORPUS(any_of_mimekit, "mimekit/messages", "", any_message)
CORPUS(any_of_mimekit_mboxes, "mimekit/mbox", ".txt", any_message)
CORPUS(any_of_rspamd, "rspamd", ".eml", any_message)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(mime4j_trees_and_contents), cmocka_unit_test(mail_parser_places),
        cmocka_unit_test(any_of_cpython), cmocka_unit_test(any_of_enmime), cmocka_unit_test(any_of_mail_parser),
        cmocka_unit_test(any_of_mailparser), cmocka_unit_test(any_of_mikel_mail), cmocka_unit_test(any_of_mime4j),
        cmocka_unit_test(any_of_mimekit), cmocka_unit_test(any_of_mimekit_mboxes), cmocka_unit_test(any_of_rspamd),
    };

    return cmocka_run_group_tests_name("mime corpora", tests, NULL, NULL);
}
