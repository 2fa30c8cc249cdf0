/*
 * Header sections: divided, read, unfolded, decoded, edited. The pieces must
 * be the whole, and text from a rule must stay one field.
 */
#include "replay.h"

#include "base/why.h"
#include "mail/header.h"
#include "mail/utf8.h"

static void check_field(struct arena *a, struct str text)
{
    struct header h;
    struct str wire, body;
    const char *reason = NULL;
    bool damaged;

    if (!header_make(a, text, &wire, &reason)) {
        if (!reason)
            die("refused without a reason");
        return;
    }
    header_divide(wire, &text, &body, &damaged);
    header_parse(a, wire, &h);
    if (damaged || body.n || h.count != 1 || h.bytes != wire.n || !str_ends(wire, STR("\r\n")))
        die("one field became %zu: %.*s", h.count, STR_ARG(wire));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct arena a = { 0 };
    struct str text = { (const char *)data, n }, section, body;
    struct header h;
    struct buf out = { 0 };
    struct header_edit edits[] = {
        { .remove = true, .text = STR_INIT("subject"), .next = &edits[1] },
        { .place = HEADER_AFTER_RECEIVED, .text = STR_INIT("X: y\r\n"), .next = &edits[2] },
        { .remove = true, .text = STR_INIT("^x-") },
    };
    size_t bytes = 0;
    bool damaged;

    header_divide(text, &section, &body, &damaged);
    header_parse(&a, text, &h);
    if (h.bytes != section.n || h.damaged != damaged || section.n + body.n > n)
        die("divided at %zu, read to %zu", section.n, h.bytes);
    for (const struct field *f = h.first; f; f = f->next) {
        bytes += f->whole.n;
        if (!f->name.n || f->value.p + f->value.n != f->whole.p + f->whole.n)
            die("a field that is not whole");
        header_unfold(&a, f->value);
        if (utf8_valid(f->value) && !utf8_valid(header_decode(&a, f->value)))
            die("decoding made bytes that are no UTF-8");
    }
    if (bytes != section.n)
        die("fields of %zu in a section of %zu", bytes, section.n);
    header_apply(section, NULL, STR("Received: x\r\n"), &out);
    if (out.n != section.n + 13)
        die("no edits, and a changed section");
    header_apply(section, edits, STR(""), &out);
    check_field(&a, text);
    buf_free(&out);
    arena_free(&a);
    return 0;
}
