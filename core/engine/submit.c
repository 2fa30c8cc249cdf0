#include "engine/submit.h"

#include <errno.h>
#include <pwd.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/args.h"
#include "base/fault.h"
#include "base/json.h"
#include "net/stream.h"

/* How many callers at once; one head line; one message and all of them; the
 * time a caller has to send it. */
enum { CALLERS_MAX = 64, HEAD_MAX = 1024 * 1024, RCPTS_MAX = 50000, TIME_MS = 300000, LINGER_MS = 5000, AGAIN_MS = 1000, NAME_MAX_SPACE = 16384, SENDER_NAME_MAX = 256 };
static const uint64_t MESSAGE_MAX = 50u << 20, WHOLE_MAX = 82u << 20, ALL_MAX = 128u << 20;

struct caller {
    struct submit *owner;           /* NULL: submit_free left it to whoever has it */
    struct caller *prev, *next;
    struct stream *stream;          /* NULL: it went away */
    struct timer limit;
    struct arena arena;
    struct submission sub;
    struct str args;                /* how the program that hands it in was called */
    struct buf message;
    uint64_t size;
    bool looking;                   /* a helper thread has it */
    bool have_head, asked;          /* asked: the engine has it */
    uint64_t envelope, state;       /* lengths, of a message that was accepted elsewhere */
    struct ucred cred;
    char login[64];
};

struct submit {
    struct engine *engine;
    int fd;
    struct watch *watch;
    struct timer again;
    struct caller *callers;
    unsigned n;
    uint64_t held;                  /* bytes promised to callers */
};

static void go_on(void *ctx)
{
    struct submit *s = ctx;

    watch_set(s->watch, WATCH_READ);
}

static void leave_owner(struct caller *c)
{
    struct submit *s = c->owner;

    if (!s)
        return;
    if (c->prev)
        c->prev->next = c->next;
    else
        s->callers = c->next;
    if (c->next)
        c->next->prev = c->prev;
    s->held -= c->size;
    s->n--;
    timer_clear(engine_loop(s->engine), &c->limit);
    c->owner = NULL;
    go_on(s);
}

static void caller_free(struct caller *c)
{
    leave_owner(c);
    if (c->stream)
        stream_close(c->stream, LINGER_MS);
    c->stream = NULL;
    if (c->looking)
        return;                     /* on_login comes here again */
    buf_free(&c->message);
    arena_free(&c->arena);
    free(c);
}

static void reply(struct caller *c, const char *status, struct str id, struct str text)
{
    struct buf out = { 0 };

    if (!c->stream)
        return;
    buf_byte(&out, '{');
    json_member_int(&out, "v", 1);
    json_member(&out, "status", str_of(status));
    if (id.n > 0)
        json_member(&out, "id", id);
    if (text.n > 0)
        json_member(&out, "text", text);
    buf_add(&out, STR("}\n"));
    stream_write(c->stream, buf_str(&out));
    buf_free(&out);
}

static void refuse(struct caller *c, const char *status, const char *text)
{
    reply(c, status, STR(""), str_of(text));
    caller_free(c);
}

static void on_stored(void *ctx, enum status st, struct msg_id id, const struct why *why)
{
    struct caller *c = ctx;
    struct str text = why ? str_of(why->text) : STR("");

    if (st == ST_OK)
        reply(c, "stored", str_of(id.s), text);
    else
        reply(c, st == ST_AGAIN ? "later" : "refused", STR(""), text);
    caller_free(c);
}

/* ---- what came */

static bool read_rcpts(struct caller *c, struct str head)
{
    struct str array, item, *v;
    size_t n = 0, cap = 16;

    if (!json_get(&c->arena, head, "rcpts", &array))
        return true;
    v = arena_array(&c->arena, struct str, cap);
    while (json_next(&c->arena, &array, &item)) {
        if (n == RCPTS_MAX)
            return false;
        if (n == cap) {
            struct str *more = arena_array(&c->arena, struct str, cap * 2);

            memcpy(more, v, n * sizeof *v);
            v = more;
            cap *= 2;
        }
        v[n++] = item;
    }
    c->sub.rcpts = v;
    c->sub.nrcpts = n;
    return true;
}

static bool read_whole(struct caller *c, struct str head, uint64_t size)
{
    int64_t envelope = 0, state = 0, header = 0;

    if (!json_get_int(head, "envelope", &envelope))
        return true;
    json_get_int(head, "state", &state);
    json_get_int(head, "header", &header);
    if (envelope <= 0 || state < 0 || header < 0 || (uint64_t)envelope > size || (uint64_t)state > size - (uint64_t)envelope
        || (uint64_t)header > size - (uint64_t)envelope - (uint64_t)state)
        return false;
    c->envelope = (uint64_t)envelope;
    c->state = (uint64_t)state;
    c->sub.header = (size_t)header;
    if (!json_get(&c->arena, head, "was", &c->sub.was))
        c->sub.was = STR("");
    return true;
}

/* NULL, or what is wrong with the head. */
static const char *read_head(struct caller *c, struct str head)
{
    int64_t v, size;

    if (!json_get_int(head, "v", &v) || v != 1)
        return "a request of another version";
    if (!json_get_int(head, "size", &size) || size < 0)
        return "no size";
    if (!read_whole(c, head, (uint64_t)size))
        return "parts that are not its own";
    if ((uint64_t)size > (c->envelope ? WHOLE_MAX : MESSAGE_MAX))
        return "the message is too big";
    if (!json_get(&c->arena, head, "sender", &c->sub.sender))
        c->sub.sender = (struct str){ NULL, 0 };
    if (!read_rcpts(c, head))
        return "too many recipients";
    c->sub.from_headers = json_get_bool(head, "from_headers");
    if (!json_get(&c->arena, head, "name", &c->sub.name))
        c->sub.name = STR("");
    c->sub.name = str_head(c->sub.name, SENDER_NAME_MAX);
    if (!json_get(&c->arena, head, "args", &c->args))
        c->args = STR("");
    c->args = str_head(c->args, ARGS_TEXT_MAX);
    if (c->owner->held + (uint64_t)size > ALL_MAX)
        return "";
    c->size = (uint64_t)size;
    c->owner->held += c->size;
    c->have_head = true;
    return NULL;
}

/* The caller's own word for what it is: nothing is decided by it. */
static void log_arguments(const struct caller *c)
{
    if (c->args.n && engine_logs(c->owner->engine, STR("arguments")))
        log_line(LOG_MAIN, "%.*s", STR_ARG(c->args));
}

static void hand_over(struct caller *c)
{
    uid_t uid = c->cred.uid;

    log_arguments(c);
    c->asked = true;
    stream_pause(c->stream);
    timer_clear(engine_loop(c->owner->engine), &c->limit);
    c->sub.message = buf_str(&c->message);
    c->sub.envelope = str_head(c->sub.message, c->envelope);
    c->sub.state = str_head(str_from(c->sub.message, c->envelope), c->state);
    c->sub.message = str_from(c->sub.message, c->envelope + c->state);
    c->sub.login = str_of(c->login);
    c->sub.uid = (int32_t)uid;
    c->sub.gid = (int32_t)c->cred.gid;
    c->sub.trusted = uid == 0 || uid == geteuid();
    engine_submit(c->owner->engine, &c->sub, on_stored, c);
}

static size_t on_input(void *ctx, struct str bytes)
{
    struct caller *c = ctx;
    size_t taken = 0;

    if (c->asked)
        return 0;
    if (!c->have_head) {
        size_t lf = str_find(bytes, '\n');
        const char *wrong;

        if (lf == SIZE_MAX) {
            if (c->message.n + bytes.n > HEAD_MAX) {
                refuse(c, "refused", "the first line is too long");
                return bytes.n;
            }
            buf_add(&c->message, bytes);
            return bytes.n;
        }
        buf_add(&c->message, str_head(bytes, lf));
        wrong = c->message.n > HEAD_MAX ? "the first line is too long" : read_head(c, buf_str(&c->message));
        if (wrong) {
            refuse(c, *wrong ? "refused" : "later", *wrong ? wrong : "too many messages at once");
            return bytes.n;
        }
        buf_clear(&c->message);
        taken = lf + 1;
        bytes = str_from(bytes, taken);
    }
    bytes = str_head(bytes, c->size - c->message.n);
    buf_add(&c->message, bytes);
    taken += bytes.n;
    if (c->message.n == c->size)
        hand_over(c);
    return taken;
}

static void on_ended(void *ctx, const struct why *why)
{
    struct caller *c = ctx;
    (void)why;

    stream_abort(c->stream);
    c->stream = NULL;
    if (!c->asked)
        caller_free(c);
}

static void on_limit(void *ctx)
{
    refuse(ctx, "later", "the message took too long to come");
}

/* ---- who came */

/* The C library may ask a directory service: a helper thread waits for it. */
static void find_login(void *ctx)
{
    struct caller *c = ctx;
    char space[NAME_MAX_SPACE];
    struct passwd pw, *found = NULL;

    if (getpwuid_r(c->cred.uid, &pw, space, sizeof space, &found) == 0 && found && strlen(pw.pw_name) < sizeof c->login)
        memcpy(c->login, pw.pw_name, strlen(pw.pw_name) + 1);
}

static const struct stream_user stream_user = { on_input, NULL, on_ended };

static void on_login(void *ctx)
{
    struct caller *c = ctx;

    c->looking = false;
    if (!c->owner) {
        caller_free(c);
        return;
    }
    if (!c->login[0])
        memcpy(c->login, "uid", 4);
    stream_resume(c->stream);
}

static void on_caller(void *ctx, int what)
{
    struct submit *s = ctx;
    struct sock_addr peer, local;
    struct caller *c;
    socklen_t n = sizeof c->cred;
    int fd;
    (void)what;

    if (s->n >= CALLERS_MAX) {
        watch_set(s->watch, 0);             /* they wait in the kernel; caller_free goes on */
        return;
    }
    fd = sock_accept(s->fd, &peer, &local);
    if (fd < 0) {
        if (errno != EAGAIN && errno != ECONNABORTED) {     /* out of descriptors: not again at once */
            watch_set(s->watch, 0);
            timer_set(engine_loop(s->engine), &s->again, AGAIN_MS);
        }
        return;
    }
    c = calloc(1, sizeof *c);
    if (!c)
        die("out of memory: a submission");
    if (FAULT(SOCKET) || getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &c->cred, &n) < 0) {
        close(fd);
        free(c);
        return;
    }
    c->owner = s;
    c->next = s->callers;
    if (s->callers)
        s->callers->prev = c;
    s->callers = c;
    s->n++;
    c->limit = (struct timer){ .fn = on_limit, .ctx = c };
    timer_set(engine_loop(s->engine), &c->limit, TIME_MS);
    c->stream = stream_new(engine_loop(s->engine), fd, &stream_user, c);
    stream_pause(c->stream);
    c->looking = true;
    pool_work(engine_env(s->engine)->pool, find_login, on_login, c);
}

struct submit *submit_new(struct engine *e, int fd)
{
    struct submit *s = calloc(1, sizeof *s);

    if (!s)
        die("out of memory: the submit socket");
    s->engine = e;
    s->fd = fd;
    s->again = (struct timer){ .fn = go_on, .ctx = s };
    s->watch = watch_new(engine_loop(e), fd, on_caller, s);
    watch_set(s->watch, WATCH_READ);
    return s;
}

void submit_free(struct submit *s)
{
    struct caller *next;

    for (struct caller *c = s->callers; c; c = next) {
        next = c->next;
        if (c->asked)
            leave_owner(c);         /* its answer is still to come */
        else
            refuse(c, "later", "the engine is stopping");
    }
    timer_clear(engine_loop(s->engine), &s->again);
    watch_free(s->watch);
    close(s->fd);
    free(s);
}
