/* Exim's pairs and objects of the control socket: text of others, read by us. */
#include <assert.h>

#include "base/json.h"
#include "mail/pair.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct str s = { (const char *)data, n }, v;
    struct arena a = { 0 };
    struct pair p;
    struct buf b = { 0 };

    pair_read(&a, s, &p, NULL);
    json_get(&a, s, "verb", &v);
    /* Text is always written so that it can be read, and comes back if it was UTF-8. */
    buf_byte(&b, '{');
    json_member(&b, "text", s);
    buf_byte(&b, '}');
    assert(json_get(&a, buf_str(&b), "text", &v));
    buf_free(&b);
    arena_free(&a);
    return 0;
}
