#include "engine/received.h"

#include "base/clock.h"
#include "smtp/reply.h"

#define VERSION_WORDS "Perigee"

struct str received_protocol(const struct txn *t)
{
    if (t->protocol.n)
        return t->protocol;
    if (t->conn->protocol.n)
        return t->conn->protocol;
    return conn_protocol(t->conn);
}

/* A comment must not be ended by what stands in it. */
static struct str comment_safe(struct arena *a, struct str s)
{
    struct str safe = arena_dup(a, reply_safe(a, s));
    char *p = (char *)(uintptr_t)safe.p;

    for (size_t i = 0; i < safe.n; i++)
        if (p[i] == '(' || p[i] == ')' || p[i] == '\\')
            p[i] = '?';
    return safe;
}

static void put_from(struct arena *a, struct buf *out, const struct conn *c)
{
    bool helo = c->helo.n > 0 && !(c->host_name.n && str_same_fold(c->helo, c->host_name));
    struct str ip;

    if (!c->client_ip.v) {
        if (c->ident.n)
            buf_addf(out, "from %.*s ", STR_ARG(comment_safe(a, c->ident)));
        return;
    }
    ip = ip_text(a, c->client_ip);
    if (c->host_name.n)
        buf_addf(out, "from %.*s ([%.*s]", STR_ARG(c->host_name), STR_ARG(ip));
    else
        buf_addf(out, "from [%.*s]%s", STR_ARG(ip), helo ? " (" : "");
    if (helo)
        buf_addf(out, "%shelo=%.*s", c->host_name.n ? " " : "", STR_ARG(comment_safe(a, c->helo)));
    if (c->host_name.n || helo)
        buf_byte(out, ')');
    buf_add(out, STR("\r\n\t"));
}

struct str received_default(struct arena *a, const struct txn *t, struct str hostname)
{
    struct buf out = { 0 };
    struct str s;

    buf_add(&out, STR("Received: "));
    put_from(a, &out, t->conn);
    buf_addf(&out, "by %.*s with %.*s ", STR_ARG(hostname), STR_ARG(received_protocol(t)));
    if (tls_is_on(&t->conn->tls))       /* as Exim has it; RFC 8314 section 4.3 calls the cipher "tls" */
        buf_addf(&out, "(%.*s) tls %.*s\r\n\t", STR_ARG(t->conn->tls.version), STR_ARG(reply_safe(a, t->conn->tls.cipher_std)));
    buf_add(&out, STR("(" VERSION_WORDS ")\r\n\t"));
    if (t->sender.n)
        buf_addf(&out, "(envelope-from <%.*s>)\r\n\t", STR_ARG(reply_safe(a, t->sender)));
    buf_addf(&out, "id %s", t->id.s);
    if (t->nrcpts == 1)
        buf_addf(&out, "\r\n\tfor %.*s", STR_ARG(reply_safe(a, t->rcpts[0].addr)));
    buf_addf(&out, ";\r\n\t%.*s\r\n", STR_ARG(clock_rfc5322(a, t->received_us / 1000000)));
    s = arena_dup(a, buf_str(&out));
    buf_free(&out);
    return s;
}

struct str received_custom(struct arena *a, struct str text, int64_t wall)
{
    const char *reason;
    struct str field;

    if (str_trim(text).n == 0)
        return STR("");
    if (!str_starts_fold(text, STR("Received:")))
        text = arena_printf(a, "Received: %.*s", STR_ARG(text));
    text = arena_printf(a, "%.*s;\n\t%.*s", STR_ARG(text), STR_ARG(clock_rfc5322(a, wall)));
    return header_make(a, text, &field, &reason) ? field : STR("");
}
