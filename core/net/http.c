#include "net/http.h"

#include <event2/buffer.h>
#include <event2/http.h>
#include <event2/keyvalq_struct.h>
#include <stdlib.h>

#include "base/buf.h"

enum { HEAD_MAX = 16 * 1024, PORT = 80 };

struct http {
    struct loop *loop;
    struct evhttp_connection *connection;
    struct timer deadline;
    struct job over;            /* the end is told from the loop: inside its own callback evhttp frees no connection */
    enum status st;
    struct buf body;
    struct str who;             /* for sentences */
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
    loop_forget(h->loop, &h->over);
    if (h->connection)
        evhttp_connection_free(h->connection);
    buf_free(&h->body);
    arena_free(&h->arena);
    free(h);
}

void http_cancel(struct http *h)
{
    if (h)
        release(h);
}

static void on_over(void *ctx)
{
    struct http *h = ctx;

    h->cb(h->ctx, h->st, buf_str(&h->body), &h->why);
    release(h);
}

/* The first reason counts: what follows it is evhttp tidying up. */
static void finish(struct http *h, enum status st, const char *text)
{
    if (h->over.ctx)
        return;
    h->over = (struct job){ .fn = on_over, .ctx = h };
    h->st = st;
    if (st != ST_OK)
        why_set(&h->why, st, "%.*s: %s", STR_ARG(h->who), text);
    loop_soon(h->loop, &h->over);
}

static void on_deadline(void *ctx)
{
    finish(ctx, ST_AGAIN, "it did not answer in time");
}

/* ---- the answer */

static void on_fault(enum evhttp_request_error fault, void *ctx)
{
    switch (fault) {
    case EVREQ_HTTP_TIMEOUT:        on_deadline(ctx); break;
    case EVREQ_HTTP_EOF:            finish(ctx, ST_AGAIN, "it closed the connection before its answer was whole"); break;
    case EVREQ_HTTP_INVALID_HEADER: finish(ctx, ST_AGAIN, "it sends no answer of HTTP"); break;
    case EVREQ_HTTP_DATA_TOO_LONG:  finish(ctx, ST_AGAIN, "its answer is too long"); break;
    case EVREQ_HTTP_BUFFER_ERROR:   finish(ctx, ST_AGAIN, "the connection broke"); break;
    case EVREQ_HTTP_REQUEST_CANCEL: break;
    }
}

static void on_answer(struct evhttp_request *r, void *ctx)
{
    struct http *h = ctx;
    int code = r ? evhttp_request_get_response_code(r) : 0;
    struct evbuffer *body = r ? evhttp_request_get_input_buffer(r) : NULL;
    const char *line;

    if (code == 0) {
        finish(h, ST_AGAIN, "no connection to it can be made");     /* unless on_fault has said more */
    } else if (code == 200) {
        size_t n = evbuffer_get_length(body);

        buf_add(&h->body, (struct str){ n ? (const char *)evbuffer_pullup(body, -1) : "", n });
        finish(h, ST_OK, NULL);
    } else {
        line = arena_printf(&h->arena, "it says \"%d %s\"%c", code, evhttp_request_get_response_code_line(r), 0).p;
        finish(h, code >= 400 && code < 500 && code != 408 && code != 429 ? ST_NEVER : ST_AGAIN, line);
    }
}

/* ---- the question */

static struct evhttp_request *request_make(struct http *h, const struct http_want *w)
{
    struct evhttp_request *r = evhttp_request_new(on_answer, h);
    const char *open = str_find(w->url.host, ':') != SIZE_MAX ? "[" : "", *shut = *open ? "]" : "";
    struct evkeyvalq *fields;
    struct str host, type;

    if (!r)
        die("out of memory: a question to a web server");
    fields = evhttp_request_get_output_headers(r);
    host = w->url.port == PORT ? arena_printf(&h->arena, "%s%.*s%s%c", open, STR_ARG(w->url.host), shut, 0)
                               : arena_printf(&h->arena, "%s%.*s%s:%u%c", open, STR_ARG(w->url.host), shut, w->url.port, 0);
    type = arena_printf(&h->arena, "%.*s%c", STR_ARG(w->type), 0);
    evhttp_request_set_error_cb(r, on_fault);
    if (evhttp_add_header(fields, "Host", host.p) < 0 || evhttp_add_header(fields, "Content-Type", type.p) < 0
        || evhttp_add_header(fields, "Connection", "close") < 0
        || evbuffer_add(evhttp_request_get_output_buffer(r), w->body.p, w->body.n) < 0)
        die("out of memory: a question to a web server");
    return r;
}

struct http *http_post(struct loop *l, const struct http_want *w, http_fn *cb, void *ctx)
{
    struct http *h = calloc(1, sizeof *h);
    struct str address, path;

    if (!h)
        die("out of memory: a question to a web server");
    h->loop = l;
    h->cb = cb;
    h->ctx = ctx;
    h->deadline = (struct timer){ .fn = on_deadline, .ctx = h };
    h->who = arena_printf(&h->arena, "%.*s [%.*s]", STR_ARG(w->url.host), STR_ARG(sock_text(&h->arena, &w->to)));
    address = arena_printf(&h->arena, "%.*s%c", STR_ARG(ip_text(&h->arena, w->to.ip)), 0);
    path = arena_printf(&h->arena, "%.*s%c", STR_ARG(w->url.path), 0);
    h->connection = evhttp_connection_base_new(loop_base(l), NULL, address.p, w->to.port);
    if (!h->connection)
        die("out of memory: a question to a web server");
    evhttp_connection_set_max_headers_size(h->connection, HEAD_MAX);
    evhttp_connection_set_max_body_size(h->connection, (ev_ssize_t)w->most);
    timer_set(l, &h->deadline, w->ms);
    if (evhttp_make_request(h->connection, request_make(h, w), EVHTTP_REQ_POST, path.p) < 0)
        finish(h, ST_AGAIN, "no connection to it can be made");
    return h;
}
