/*
 * A remote server's side of a conversation with our client. The first byte
 * chooses options; a byte 0 in the rest is where a read ends. No recipient
 * may be "ok" unless its message's dot was out when the answer came.
 */
#include "smtp/client.h"

#include <stdlib.h>

struct talk {
    struct smtp_client *client;
    struct arena arena;
    struct client_message m;
    struct client_rcpt rcpts[3];
    unsigned messages;
    size_t body_at;
    bool dot, closed;
};

static const char body[] = ".line\r\nbare\nlf\r.cr\r\nend";

static ssize_t read_body(void *ctx, char *p, size_t n)
{
    struct talk *t = ctx;
    size_t left = sizeof body - 1 - t->body_at;

    n = n < left ? n : left;
    memcpy(p, body + t->body_at, n);
    t->body_at += n;
    return (ssize_t)n;
}

static bool rewind_body(void *ctx)
{
    ((struct talk *)ctx)->body_at = 0;
    return true;
}

static void on_banner(void *ctx, struct str text)
{
    (void)text;
    smtp_client_go(((struct talk *)ctx)->client);
}

static void next_message(struct talk *t)
{
    static const char *const addrs[] = { "a@x", "b@x", "c@x" };

    if (t->messages++ == 3) {
        smtp_client_quit(t->client);
        return;
    }
    t->body_at = 0;
    t->dot = false;
    memset(t->rcpts, 0, sizeof t->rcpts);
    for (int i = 0; i < 3; i++)
        t->rcpts[i].addr = str_of(addrs[i]);
    t->m = (struct client_message){ .arena = &t->arena, .sender = STR("s@y"), .rcpts = t->rcpts, .n = 3, .size = 30,
                                    .header = STR("A: b\r\n"), .read = read_body, .rewind = rewind_body, .ctx = t };
    smtp_client_send(t->client, &t->m);
}

static void on_ready(void *ctx)
{
    next_message(ctx);
}

static void on_sent(void *ctx, struct client_message *m)
{
    struct talk *t = ctx;

    for (size_t i = 0; i < m->n; i++)
        if (!m->rcpts[i].settled || (m->rcpts[i].outcome == CLIENT_OK && !t->dot))
            abort();
    if (smtp_client_state(t->client) == CLIENT_READY)
        next_message(t);
}

static void on_closed(void *ctx, const struct why *why, bool host_error)
{
    struct talk *t = ctx;

    (void)host_error;
    if (t->closed || !why->text[0])
        abort();
    t->closed = true;
}

/* The output is read as a server would: CR and LF only as a pair. */
static void drain(struct talk *t)
{
    struct buf *out;

    do {
        struct str s = buf_str(out = smtp_client_output(t->client));

        for (size_t i = 0; i < s.n; i++)
            if ((s.p[i] == '\n') != (i > 0 && s.p[i - 1] == '\r'))
                abort();
        if (str_ends(s, STR("\r\n.\r\n")))
            t->dot = true;
        buf_clear(out);
        smtp_client_drained(t->client);
    } while (smtp_client_output(t->client)->n > 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static const struct smtp_client_ops ops = { .banner = on_banner, .ready = on_ready, .sent = on_sent, .closed = on_closed };
    struct talk t = { .messages = 0 };
    struct buf pending = { 0 };
    struct str rest = { (const char *)data, n }, piece;

    if (n == 0)
        return 0;
    t.client = smtp_client_new(&(struct smtp_client_config){ .helo = STR("me"), .lmtp = data[0] & 1,
        .avoid_pipelining = data[0] & 2, .max_rcpt = data[0] & 4 ? 1 : 0 }, &ops, &t);
    rest = str_from(rest, 1);
    while (str_cut(&rest, '\0', &piece)) {
        buf_add(&pending, piece);
        buf_drop(&pending, smtp_client_input(t.client, buf_str(&pending)));
        drain(&t);
    }
    if (data[0] & 8)
        smtp_client_timeout(t.client);
    smtp_client_eof(t.client, NULL);
    if (smtp_client_state(t.client) != CLIENT_CLOSED)
        abort();
    smtp_client_free(t.client);
    buf_free(&pending);
    arena_free(&t.arena);
    return 0;
}
