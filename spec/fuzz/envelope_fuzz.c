/* What lies in the spool is hostile too: envelopes, state, Exim's pairs, control objects. */
#include <assert.h>

#include "base/json.h"
#include "mail/pair.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void envelope(struct str s)
{
    struct conn c;
    struct txn *t;
    struct buf again = { 0 };

    conn_init(&c);
    t = txn_new(&c);
    if (envelope_read(s, &c, t, NULL) == ST_OK)
        envelope_write(t, &again);
    envelope_state_read(s, t, NULL);
    buf_free(&again);
    txn_free(t);
    conn_free(&c);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct str s = { (const char *)data, n }, v;
    struct arena a = { 0 };
    struct pair p;
    struct buf b = { 0 };

    envelope(s);
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
