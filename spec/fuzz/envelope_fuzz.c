/*
 * Envelope and state as the spool hands them back: any bytes. What is read must
 * be written again as something that reads as the same.
 */
#include "replay.h"

#include "mail/txn.h"

static void again(const struct txn *t)
{
    struct buf once = { 0 }, twice = { 0 };
    struct conn c;
    struct txn *u;
    struct why why;

    conn_init(&c);
    u = txn_new(&c);
    envelope_write(t, &once);
    if (envelope_read(buf_str(&once), &c, u, &why) != ST_OK)
        die("written and not read: %s", why.text);
    envelope_write(u, &twice);
    if (!str_same(buf_str(&once), buf_str(&twice)))
        die("an envelope changed on its way");
    txn_free(u);
    conn_free(&c);
    buf_free(&once);
    buf_free(&twice);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct str text = { (const char *)data, n }, env;
    struct conn c;
    struct txn *t;
    size_t cut;

    if (n == 0)
        return 0;
    /* The first byte says how much of the rest is the state. */
    cut = n - 1 > data[0] ? n - 1 - data[0] : n - 1;
    env = str_head(str_from(text, 1), cut);
    conn_init(&c);
    t = txn_new(&c);
    if (envelope_read(env, &c, t, NULL) == ST_OK) {
        again(t);
        envelope_state_read(str_from(text, 1 + cut), t, NULL);
    }
    txn_free(t);
    conn_free(&c);
    return 0;
}
