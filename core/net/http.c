#include "net/http.h"

#include <stdlib.h>
#include <unistd.h>

#include "base/buf.h"
#include "net/stream.h"

enum { HEAD_MAX = 16 * 1024, PORT = 80 };

struct http {
    struct loop *loop;
    struct watch *connecting;
    struct stream *stream;
    struct timer deadline;
    struct job failed;          /* what went wrong inside http_post is told from the loop */
    int fd;
    struct buf request, answer;
    struct str who;             /* for sentences */
    size_t most;
    http_fn *cb;
    void *ctx;
    struct why why;
    struct arena arena;
};

/* ---- addresses */

/* Bytes that could end the line they are put on, or begin another, are in no URL (RFC 3986 2). */
static bool plain(struct str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] <= ' ' || s.p[i] >= 127 || strchr("\"<>\\^`{|}", s.p[i]))
            return false;
    return true;
}

bool http_url(struct str text, struct http_url *out)
{
    struct str rest = str_from(text, 7), authority;
    size_t end = 0, colon;
    uint64_t port = PORT;

    if (!str_starts_fold(text, STR("http://")) || !plain(text) || str_find(text, '#') != SIZE_MAX)
        return false;
    while (end < rest.n && rest.p[end] != '/' && rest.p[end] != '?')
        end++;
    authority = str_head(rest, end);
    out->path = end < rest.n ? str_from(rest, end) : STR("/");
    if (str_find(authority, '@') != SIZE_MAX || out->path.p[0] != '/')
        return false;
    if (authority.n > 0 && authority.p[0] == '[') {
        size_t close = str_find(authority, ']');

        if (close == SIZE_MAX || (close + 1 < authority.n && authority.p[close + 1] != ':'))
            return false;
        out->host = str_head(str_from(authority, 1), close - 1);
        colon = close + 1 < authority.n ? close + 1 : SIZE_MAX;
    } else {
        colon = str_find(authority, ':');
        out->host = str_head(authority, colon);
    }
    if (colon != SIZE_MAX && (!str_u64(str_from(authority, colon + 1), 65535, &port) || port == 0))
        return false;
    out->port = (uint16_t)port;
    return out->host.n > 0 && out->host.n < 256;
}

/* ---- the end */

static void release(struct http *h)
{
    timer_clear(h->loop, &h->deadline);
    loop_forget(h->loop, &h->failed);
    if (h->connecting) {
        watch_free(h->connecting);
        close(h->fd);
    }
    if (h->stream)
        stream_abort(h->stream);
    buf_free(&h->request);
    buf_free(&h->answer);
    arena_free(&h->arena);
    free(h);
}

void http_cancel(struct http *h)
{
    if (h)
        release(h);
}

static void finish(struct http *h, enum status st, struct str body)
{
    h->cb(h->ctx, st, body, &h->why);
    release(h);
}

static void broke(struct http *h, const char *text)
{
    why_set(&h->why, ST_AGAIN, "%.*s: %s", STR_ARG(h->who), text);
    finish(h, ST_AGAIN, (struct str){ "", 0 });
}

static void on_failed(void *ctx)
{
    finish(ctx, ST_AGAIN, (struct str){ "", 0 });
}

static void on_deadline(void *ctx)
{
    broke(ctx, "it did not answer in time");
}

/* ---- the answer */

/* False: the head is not here yet. */
static bool head_end(struct str answer, struct str *head, struct str *body)
{
    size_t at = str_find_str(answer, STR("\r\n\r\n")), bare = str_find_str(answer, STR("\n\n"));

    if (at == SIZE_MAX && bare == SIZE_MAX)
        return false;
    *head = str_head(answer, at < bare ? at : bare);
    *body = str_from(answer, at < bare ? at + 4 : bare + 2);
    return true;
}

/* The value of a field; false: it is not there. */
static bool field(struct str head, struct str name, struct str *out)
{
    struct str line;

    while (str_cut(&head, '\n', &line))
        if (str_starts_fold(line, name) && line.n > name.n && line.p[name.n] == ':') {
            *out = str_trim(str_from(line, name.n + 1));
            return true;
        }
    return false;
}

/* "HTTP/1.1 200 OK" */
static unsigned code_of(struct str head)
{
    size_t space = str_find(head, ' ');
    uint64_t code = 0;

    if (!str_starts(head, STR("HTTP/1.")) || space == SIZE_MAX || !str_u64(str_head(str_from(head, space + 1), 3), 999, &code))
        return 0;
    return (unsigned)code;
}

static void answered(struct http *h, struct str head, struct str body)
{
    unsigned code = code_of(head);
    struct str line = str_trim(str_head(head, str_find(head, '\n'))), how;

    if (code == 200 && !field(head, STR("Transfer-Encoding"), &how)) {
        finish(h, ST_OK, body);
        return;
    }
    why_set(&h->why, ST_AGAIN, code == 200 ? "%.*s: its answer is in pieces, which was not asked for" : "%.*s: it says \"%.*s\"",
            STR_ARG(h->who), STR_ARG(str_head(line, 100)));
    finish(h, code >= 400 && code < 500 && code != 408 && code != 429 ? ST_NEVER : ST_AGAIN, (struct str){ "", 0 });
}

/* Whole by its own length, or, without one, when the connection ends. Whatever is told from
 * here may be the end of h. */
static void complete(struct http *h, bool ended)
{
    struct str head, body, text;
    uint64_t length = 0;
    bool sized;

    if (!head_end(buf_str(&h->answer), &head, &body)) {
        if (h->answer.n > HEAD_MAX)
            broke(h, "it sends no answer of HTTP");
        else if (ended)
            broke(h, h->answer.n ? "its answer broke off" : "it closed the connection without an answer");
        return;
    }
    sized = field(head, STR("Content-Length"), &text);
    if (sized && !str_u64(text, SIZE_MAX / 2, &length))
        length = SIZE_MAX;
    if ((sized ? length : body.n) > h->most)
        broke(h, "its answer is too long");
    else if (sized && body.n < length && ended)
        broke(h, "its answer broke off");
    else if (sized ? body.n >= length : ended)
        answered(h, head, sized ? str_head(body, length) : body);
}

static size_t on_input(void *ctx, struct str bytes)
{
    struct http *h = ctx;

    buf_add(&h->answer, bytes);
    complete(h, false);
    return bytes.n;
}

static void on_ended(void *ctx, const struct why *why)
{
    struct http *h = ctx;

    if (why->text[0])
        broke(h, why->text);
    else
        complete(h, true);
}

static const struct stream_user user = { on_input, NULL, on_ended };

/* ---- the question */

static void on_connected(void *ctx, int what)
{
    struct http *h = ctx;
    struct why why = { 0 };
    enum status st = sock_connected(h->fd, &why);

    (void)what;
    if (st != ST_OK) {
        broke(h, why.text);
        return;
    }
    watch_free(h->connecting);
    h->connecting = NULL;
    h->stream = stream_new(h->loop, h->fd, &user, h);
    stream_write(h->stream, buf_str(&h->request));
    buf_free(&h->request);
}

static void request_make(struct http *h, const struct http_want *w)
{
    const char *open = str_find(w->url.host, ':') != SIZE_MAX ? "[" : "", *shut = *open ? "]" : "";

    buf_addf(&h->request, "POST %.*s HTTP/1.0\r\nHost: %s%.*s%s", STR_ARG(w->url.path), open, STR_ARG(w->url.host), shut);
    if (w->url.port != PORT)
        buf_addf(&h->request, ":%u", w->url.port);
    buf_addf(&h->request, "\r\nContent-Type: %.*s\r\nContent-Length: %zu\r\nConnection: close\r\n\r\n", STR_ARG(w->type), w->body.n);
    buf_add(&h->request, w->body);
}

struct http *http_post(struct loop *l, const struct http_want *w, http_fn *cb, void *ctx)
{
    struct http *h = calloc(1, sizeof *h);

    if (!h)
        die("out of memory: a question to a web server");
    h->loop = l;
    h->fd = -1;
    h->cb = cb;
    h->ctx = ctx;
    h->most = w->most;
    h->deadline = (struct timer){ .fn = on_deadline, .ctx = h };
    h->failed = (struct job){ .fn = on_failed, .ctx = h };
    h->who = arena_printf(&h->arena, "%.*s [%.*s]", STR_ARG(w->url.host), STR_ARG(sock_text(&h->arena, &w->to)));
    request_make(h, w);
    timer_set(l, &h->deadline, w->ms);
    if (sock_connect(&w->to, NULL, &h->fd, &h->why) == ST_OK) {
        h->connecting = watch_new(l, h->fd, on_connected, h);
        watch_set(h->connecting, WATCH_WRITE);
    } else {
        loop_soon(l, &h->failed);
    }
    return h;
}
