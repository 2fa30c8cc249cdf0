/*
 * control - operators ask over SPOOL/control.sock (0660)
 *
 * One JSON object a line, versioned; the verbs are in master.h. What concerns
 * messages is relayed to every worker and their answers are put together. A
 * caller that sends rubbish or goes away costs its own connection and nothing
 * else (R7.5).
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fault.h"
#include "base/json.h"
#include "net/sock.h"
#include "net/stream.h"
#include "process/house.h"

enum { CALLERS_MAX = 64, LINE_BYTES = 64 * 1024, RELAY_MS = 30000, LINGER_MS = 2000, SHORT_MS = 500, DRAIN_MOST_S = 3600 };

/* One connection. It may go while its question is open: the question then has
 * nobody to tell. */
struct caller {
    struct control *control;
    struct caller *next;
    struct stream *stream;
    char by[64];
    bool busy;                  /* one question at a time */
    bool wants_end;             /* of the engine */
};

/* A request that workers were asked. */
struct relay {
    struct relay *next;
    struct control *control;
    struct caller *caller;      /* NULL: gone */
    int64_t token;
    uint64_t waiting;
    bool status_verb, top_verb;     /* their answers are put beside each other */
    int status;                 /* the one to answer: a yes beats "again" beats "none" */
    bool somebody;              /* a worker said something else than "none" */
    struct buf parts;           /* status: their objects */
    char text[512];
    struct timer limit;
};

struct control {
    struct house *house;
    int fd;
    struct watch *watch;
    struct timer again;
    struct caller *callers;
    unsigned n;
    struct relay *relays;
    int64_t token;
};

/* ---- answers */

static void say(struct caller *c, struct buf *object)
{
    buf_add(object, STR("}\n"));
    stream_write(c->stream, buf_str(object));
    buf_free(object);
}

static void begin(struct buf *out)
{
    buf_byte(out, '{');
    json_member_int(out, "v", 1);
}

static void begin_end(struct buf *out, int status)
{
    begin(out);
    json_member_bool(out, "done", true);
    json_member_int(out, "status", status);
}

static void done(struct caller *c, int status, struct str text)
{
    struct buf out = { 0 };

    begin_end(&out, status);
    if (text.n > 0)
        json_member(&out, "text", text);
    c->busy = false;
    say(c, &out);
    stream_resume(c->stream);
}

static void lines(struct caller *c, struct str text)
{
    struct str line;

    while (str_cut(&text, '\n', &line)) {
        struct buf out = { 0 };

        if (line.n == 0)
            continue;
        begin(&out);
        json_member(&out, "line", line);
        say(c, &out);
    }
}

/* ---- reload and stop: the master's own */

static void on_reloaded(void *ctx, bool ok, struct str text, const struct str_list *restart)
{
    struct relay *r = ctx;
    struct caller *c = r->caller;
    struct relay **at;

    for (at = &r->control->relays; *at != r; at = &(*at)->next)
        ;
    *at = r->next;
    if (c) {
        struct buf out = { 0 };

        lines(c, text);
        begin_end(&out, ok ? 0 : 1);
        json_member_int(&out, "generation", r->control->house->generation);
        json_name(&out, "restart");
        buf_byte(&out, '[');
        for (size_t i = 0; i < restart->n; i++) {
            if (i)
                buf_byte(&out, ',');
            json_text(&out, restart->v[i]);
        }
        buf_byte(&out, ']');
        if (!ok)
            json_member(&out, "text", STR("the rules were not changed"));
        c->busy = false;
        say(c, &out);
        stream_resume(c->stream);
    }
    free(r);
}

static struct relay *relay_new(struct caller *c)
{
    struct relay *r = calloc(1, sizeof *r);

    if (!r)
        die("out of memory: a control request");
    r->control = c->control;
    r->caller = c;
    r->token = ++c->control->token;
    r->next = c->control->relays;
    c->control->relays = r;
    c->busy = true;
    return r;
}

/* ---- relayed to the workers */

static void put_house(const struct house *h, struct buf *out)
{
    json_member_int(out, "pid", getpid());
    json_member_int(out, "generation", h->generation);
    json_member_int(out, "uptime_s", (clock_mono_ms() - h->born_ms) / 1000);
    json_member_int(out, "workers_wanted", h->workers);
    json_member_bool(out, "stopping", h->stopping);
    json_member(out, "rules", str_of(h->rules));
    json_member(out, "spool", str_of(h->spool));
    json_name(out, "listen");
    buf_byte(out, '[');
    for (size_t i = 0; i < h->nports; i++) {
        struct arena a = { 0 };
        struct sock_addr at;

        if (i)
            buf_byte(out, ',');
        json_text(out, sock_local(h->port[i].fd, &at) ? sock_text(&a, &at) : str_of(h->port[i].name));
        arena_free(&a);
    }
    buf_byte(out, ']');
    json_name(out, "counters");
    buf_byte(out, '{');
    for (int c = 0; c < COUNT_COUNT; c++)
        json_member_int(out, counter_name((enum counter)c), shared_sum(h->shared, (enum counter)c));
    buf_byte(out, '}');
}

static void relay_end(struct relay *r)
{
    struct relay **at;
    struct caller *c = r->caller;

    for (at = &r->control->relays; *at != r; at = &(*at)->next)
        ;
    *at = r->next;
    timer_clear(r->control->house->loop, &r->limit);
    if (c && (r->status_verb || r->top_verb)) {
        struct buf out = { 0 };

        begin_end(&out, 0);
        if (r->status_verb)
            put_house(r->control->house, &out);
        json_name(&out, "workers");
        buf_byte(&out, '[');
        buf_add(&out, buf_str(&r->parts));
        buf_byte(&out, ']');
        c->busy = false;
        say(c, &out);
        stream_resume(c->stream);
    } else if (c && !r->somebody) {
        done(c, 1, r->text[0] ? str_of(r->text) : STR("no such message"));
    } else if (c) {
        done(c, r->status, str_of(r->text));
    }
    buf_free(&r->parts);
    free(r);
}

static void on_limit(void *ctx)
{
    struct relay *r = ctx;

    if (!r->somebody) {
        r->somebody = true;
        r->status = 2;
        snprintf(r->text, sizeof r->text, "a worker did not answer");
    }
    relay_end(r);
}

static void relay(struct caller *c, struct str verb, struct str request)
{
    struct house *h = c->control->house;
    struct relay *r = relay_new(c);
    struct buf text = { 0 };

    r->limit = (struct timer){ .fn = on_limit, .ctx = r };
    r->status_verb = str_same(verb, STR("status"));
    r->top_verb = str_same(verb, STR("top"));
    /* Ours stands first: whoever reads takes that one and no other. */
    buf_byte(&text, '{');
    json_member(&text, "by", str_of(c->by));
    buf_byte(&text, ',');
    buf_add(&text, str_from(request, 1));
    for (unsigned i = 0; i < h->workers; i++)
        if (h->staff[i].state == STAFF_UP)
            r->waiting |= UINT64_C(1) << i;
    for (unsigned i = 0; i < h->workers; i++)
        if (r->waiting >> i & 1 && !staff_send(&h->staff[i], (struct ipc){ .type = IPC_REQUEST, .n = r->token, .text = buf_str(&text) }))
            r->waiting &= ~(UINT64_C(1) << i);
    buf_free(&text);
    timer_set(h->loop, &r->limit, RELAY_MS);
    if (r->waiting == 0) {
        if (!r->status_verb && !r->top_verb) {
            r->somebody = true;
            r->status = 2;
            snprintf(r->text, sizeof r->text, "no worker is up");
        }
        relay_end(r);
    }
}

void control_answer(struct staff *s, int64_t token, int status, struct str object)
{
    struct control *k = s->house->control;
    struct relay *r = k ? k->relays : NULL;
    struct arena a = { 0 };
    struct str is = { "", 0 }, text = { "", 0 };

    while (r && r->token != token)
        r = r->next;
    if (!r || !(r->waiting >> s->number & 1))
        return;
    r->waiting &= ~(UINT64_C(1) << s->number);
    if (r->status_verb || r->top_verb) {
        buf_add(&r->parts, r->parts.n ? STR(",") : STR(""));
        buf_add(&r->parts, object);
    } else {
        json_get(&a, object, "is", &is);
        json_get(&a, object, "text", &text);
        if (!str_same(is, STR("none"))) {
            r->status = r->somebody && r->status > status ? r->status : status;
            r->somebody = true;
        }
        if (text.n > 0 && !r->text[0])
            snprintf(r->text, sizeof r->text, "%.*s", STR_ARG(text));
    }
    arena_free(&a);
    if (r->waiting == 0)
        relay_end(r);
}

void control_lost(struct staff *s)
{
    struct control *k = s->house->control;
    struct relay *next;

    for (struct relay *r = k ? k->relays : NULL; r; r = next) {
        next = r->next;
        if (!(r->waiting >> s->number & 1))
            continue;
        r->waiting &= ~(UINT64_C(1) << s->number);
        if (r->waiting == 0)
            on_limit(r);
    }
}

/* ---- a line */

static bool is_relayed(struct str verb)
{
    static const char *const verbs[] = { "status", "top", "retry", "freeze", "thaw", "remove", "bounce", "hold", "release", "run", "move" };

    for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++)
        if (str_same(verb, str_of(verbs[i])))
            return true;
    return false;
}

static void stop(struct caller *c, struct str request)
{
    int64_t seconds;

    if (!json_get_int(request, "drain", &seconds))
        seconds = DRAIN_MS / 1000;
    if (seconds < 0 || seconds > DRAIN_MOST_S) {
        done(c, 64, STR("drain: 0 to 3600 seconds"));
        return;
    }
    c->wants_end = true;
    log_line(LOG_MAIN, "stopped by %s", c->by);
    master_stop(c->control->house, seconds * 1000);
}

static void on_request(struct caller *c, struct str request)
{
    struct house *h = c->control->house;
    struct arena a = { 0 };
    struct str verb = { "", 0 };
    int64_t v = 0;

    c->busy = true;
    request = str_trim(request);
    json_get_int(request, "v", &v);
    json_get(&a, request, "verb", &verb);
    if (v != 1 || !str_starts(request, STR("{"))) {
        done(c, 64, STR("not a request of version 1"));
    } else if (str_same(verb, STR("reload"))) {
        log_line(LOG_MAIN, "reload asked for by %s", c->by);
        reload_start(h, "asked for", on_reloaded, relay_new(c));
    } else if (str_same(verb, STR("stop"))) {
        stop(c, request);
    } else if (str_same(verb, STR("reopen"))) {
        log_reopen();
        staff_send_all(h, (struct ipc){ .type = IPC_REOPEN });
        done(c, 0, STR(""));
    } else if (is_relayed(verb)) {
        relay(c, verb, request);
    } else {
        done(c, 64, STR("no such verb"));
    }
    arena_free(&a);
}

/* ---- callers */

static void caller_free(struct caller *c)
{
    struct control *k = c->control;
    struct caller **at = &k->callers;

    while (*at != c)
        at = &(*at)->next;
    *at = c->next;
    for (struct relay *r = k->relays; r; r = r->next)
        if (r->caller == c)
            r->caller = NULL;
    k->n--;
    watch_set(k->watch, WATCH_READ);
    stream_close(c->stream, LINGER_MS);
    free(c);
}

static size_t on_input(void *ctx, struct str bytes)
{
    struct caller *c = ctx;
    size_t lf = str_find(bytes, '\n');

    if (c->busy)
        return 0;
    if (lf == SIZE_MAX) {
        if (bytes.n > LINE_BYTES)
            caller_free(c);
        return 0;
    }
    stream_pause(c->stream);            /* done() goes on with the next line */
    on_request(c, str_head(bytes, lf));
    return lf + 1;
}

static void on_ended(void *ctx, const struct why *why)
{
    (void)why;
    caller_free(ctx);
}

static const struct stream_user stream_user = { on_input, NULL, on_ended };

static void on_again(void *ctx)
{
    struct control *k = ctx;

    watch_set(k->watch, WATCH_READ);
}

static void on_caller(void *ctx, int what)
{
    struct control *k = ctx;
    struct sock_addr peer, local;
    struct ucred cred = { .uid = (uid_t)-1 };
    socklen_t n = sizeof cred;
    struct caller *c;
    int fd;
    (void)what;

    if (k->n >= CALLERS_MAX) {
        watch_set(k->watch, 0);         /* they wait in the kernel; caller_free goes on */
        return;
    }
    fd = sock_accept(k->fd, &peer, &local);
    if (fd < 0) {
        if (errno != EAGAIN && errno != ECONNABORTED) {     /* out of descriptors: not again at once */
            watch_set(k->watch, 0);
            timer_set(k->house->loop, &k->again, SHORT_MS);
        }
        return;
    }
    c = calloc(1, sizeof *c);
    if (!c)
        die("out of memory: a control connection");
    getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &n);
    snprintf(c->by, sizeof c->by, "uid %u", (unsigned)cred.uid);
    c->control = k;
    c->next = k->callers;
    k->callers = c;
    k->n++;
    c->stream = stream_new(k->house->loop, fd, &stream_user, c);
}

enum status control_open(struct house *h, struct why *why)
{
    struct control *k = calloc(1, sizeof *k);
    enum status st;

    if (!k)
        die("out of memory: the control socket");
    st = ports_unix(h, "control.sock", 0660, &k->fd, why);
    if (st != ST_OK) {
        free(k);
        return st;
    }
    k->house = h;
    k->again = (struct timer){ .fn = on_again, .ctx = k };
    k->watch = watch_new(h->loop, k->fd, on_caller, k);
    watch_set(k->watch, WATCH_READ);
    h->control = k;
    return ST_OK;
}

void control_stopped(struct house *h)
{
    for (struct caller *c = h->control ? h->control->callers : NULL; c; c = c->next)
        if (c->wants_end)
            done(c, 0, STR(""));
}

void control_free(struct house *h)
{
    struct control *k = h->control;
    char path[4200];

    if (!k)
        return;
    while (k->relays)
        relay_end(k->relays);
    while (k->callers)
        caller_free(k->callers);
    timer_clear(h->loop, &k->again);
    watch_free(k->watch);
    close(k->fd);
    snprintf(path, sizeof path, "%s/control.sock", h->spool);
    unlink(path);
    snprintf(path, sizeof path, "%s/submit.sock", h->spool);
    unlink(path);
    free(k);
    h->control = NULL;
}
