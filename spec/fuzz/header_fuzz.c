/* Header sections: fields lie inside the section, edits leave a section that can be read again. */
#include <assert.h>

#include "mail/header.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct str s = { (const char *)data, n }, wire;
    struct arena a = { 0 };
    struct header h = { 0 }, after = { 0 };
    struct header_edit remove = { .remove = true, .text = STR("received") };
    struct buf out = { 0 };
    const char *reason;

    header_parse(&a, s, &h);
    for (const struct field *f = h.first; f; f = f->next) {
        assert(f->whole.p >= s.p && f->whole.p + f->whole.n <= s.p + n);
        header_decode(&a, header_unfold(&a, f->value));
    }
    if (header_make(&a, s, &wire, &reason)) {
        assert(str_ends(wire, STR("\r\n")));
        header_parse(&a, wire, &after);
        assert(after.count == 1 && !after.damaged);
    }
    header_apply(s, &remove, STR("Received: by us\r\n"), &out);
    assert(str_starts(buf_str(&out), STR("Received: by us\r\n")));
    buf_free(&out);
    arena_free(&a);
    return 0;
}
