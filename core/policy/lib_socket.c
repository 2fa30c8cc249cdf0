/* socket.ask: one request to a service on a socket, and its answer until it closes or a
 * line is complete. The end of everything that may go wrong is "could not find out". */
#include <sys/socket.h>
#include <unistd.h>

#include "net/stream.h"
#include "policy/lua.h"

enum { REQUEST_MAX = 1024 * 1024, ANSWER_MAX = 1024 * 1024, TIMEOUT_MAX_MS = 600000 };

enum until { UNTIL_CLOSE, UNTIL_LINE };

struct socket_ask {
    struct wait *wait;
    struct loop *loop;
    struct watch *connecting;
    struct stream *stream;
    int fd;                     /* until the stream has it */
    struct str request, answer;
    struct buf got;
    enum until until;
    bool half_close;
};

static void let_go(struct socket_ask *k)
{
    watch_free(k->connecting);
    k->connecting = NULL;
    if (k->stream)
        stream_abort(k->stream);
    else if (k->fd >= 0)
        close(k->fd);
    k->stream = NULL;
    k->fd = -1;
}

static void ask_cancel(void *ctx)
{
    struct socket_ask *k = ctx;

    let_go(k);
    buf_free(&k->got);
}

static int ask_push(lua_State *L, void *ctx)
{
    const struct socket_ask *k = ctx;

    lua_pushliteral(L, "ok");
    push_str(L, k->answer);
    return 2;
}

static void answered(struct socket_ask *k, size_t n)
{
    k->answer = arena_dup(wait_arena(k->wait), str_head(buf_str(&k->got), n));
    let_go(k);
    buf_free(&k->got);
    wait_done(k->wait, ask_push);
}

static void failed(struct socket_ask *k, const char *text)
{
    struct str kept = arena_dup(wait_arena(k->wait), str_of(text));

    let_go(k);
    buf_free(&k->got);
    wait_again(k->wait, kept.p);
}

static size_t on_input(void *ctx, struct str bytes)
{
    struct socket_ask *k = ctx;
    size_t line;

    if (k->got.n + bytes.n > ANSWER_MAX) {
        failed(k, "the answer is longer than 1 MiB");
        return bytes.n;
    }
    buf_add(&k->got, bytes);
    line = k->until == UNTIL_LINE ? str_find(buf_str(&k->got), '\n') : SIZE_MAX;
    if (line != SIZE_MAX)
        answered(k, line);
    return bytes.n;
}

static void on_flushed(void *ctx)
{
    struct socket_ask *k = ctx;

    if (k->half_close)
        shutdown(stream_fd(k->stream), SHUT_WR);
}

static void on_end(void *ctx, const struct why *why)
{
    struct socket_ask *k = ctx;

    if (why->text[0])
        failed(k, why->text);
    else if (k->until == UNTIL_LINE && k->got.n == 0)
        failed(k, "it closed without an answer");
    else
        answered(k, k->got.n);
}

static void on_connected(void *ctx, int what)
{
    static const struct stream_user user = { .input = on_input, .flushed = on_flushed, .ended = on_end };
    struct socket_ask *k = ctx;
    struct why why;
    (void)what;

    watch_free(k->connecting);
    k->connecting = NULL;
    if (sock_connected(k->fd, &why) != ST_OK) {
        failed(k, why.text);
        return;
    }
    k->stream = stream_new(k->loop, k->fd, &user, k);
    k->fd = -1;
    stream_write(k->stream, k->request);
    if (stream_queued(k->stream) == 0)
        on_flushed(k);
}

/* socket_ask(where, request, ms, "close" | "line", half_close) -> "ok", answer; raises "could not find out".
 * where: "192.0.2.1:25", "[2001:db8::1]:25", "/path". */
static int l_socket_ask(lua_State *L)
{
    struct str where = arg_str(L, 1, 255), request = arg_str(L, 2, REQUEST_MAX);
    int64_t ms = arg_int(L, 3, 1, TIMEOUT_MAX_MS);
    struct sock_addr to;
    struct socket_ask *k;
    struct wait *w;
    struct why why;

    luaL_argcheck(L, sock_parse(policy_scratch(L), where, 0, &to) && (to.port || to.path.n), 1, "ADDRESS:PORT or a path is needed");
    if (policy_env(L)->hermetic || policy_env(L)->check_only)
        return raise_again(L, "socket.ask: there are no sockets in a hermetic world");
    w = wait_begin(L, "socket.ask", ms, ask_cancel, sizeof *k);
    k = wait_ctx(w);
    k->wait = w;
    k->loop = policy_env(L)->loop;
    k->fd = -1;
    k->request = arena_dup(wait_arena(w), request);
    k->until = str_same(arg_str(L, 4, 10), STR("line")) ? UNTIL_LINE : UNTIL_CLOSE;
    k->half_close = lua_toboolean(L, 5);
    if (sock_connect(&to, NULL, &k->fd, &why) != ST_OK) {
        failed(k, why.text);
    } else {
        k->connecting = watch_new(k->loop, k->fd, on_connected, k);
        watch_set(k->connecting, WATCH_WRITE);
    }
    return wait_yield(w);
}

static const luaL_Reg waits[] = {
    { "socket_ask", l_socket_ask },
    { NULL, NULL },
};

extern const struct lib lib_socket;
const struct lib lib_socket = { NULL, waits };
