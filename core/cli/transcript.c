#include "cli/transcript.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/near.h"
#include "cli/cli.h"
#include "cli/expectation.h"
#include "cli/reader.h"
#include "world/world.h"

enum { FILE_MAX = 1 << 20, FILES_MAX = 64, PEERS_MAX = 64 };

struct play {
    struct arena arena;
    const char *path;
    int line;
    struct str title;

    /* headings */
    const char *files[FILES_MAX];
    struct buf lua, zone;
    int lua_lines, zone_lines;
    struct { struct str text; int line; } peers[PEERS_MAX];
    size_t nfiles, npeers;
    int64_t now_us;
    struct str client, helo, tls;
    uint16_t port;
    bool no_delivery;

    struct world *world;            /* made at the first line that is no heading */
    struct world_session *session;
    struct str reply;               /* the last one heard */
    struct buf failure;             /* empty: all went as written */
    struct buf got;                 /* what came instead, a line each in the transcript's form */
    bool extra;                     /* it came where nothing was expected */
};

/* For the diff: text that came, each line of it with its mark before it. */
static void got(struct play *p, const char *mark, struct str text)
{
    struct str line;

    for (text = str_trim(text); str_cut(&text, '\n', &line);)
        buf_addf(&p->got, "%s%.*s\n", mark, STR_ARG(str_trim(line)));
}

static bool fail(struct play *p, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static bool fail(struct play *p, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    buf_addv(&p->failure, fmt, ap);
    va_end(ap);
    return false;
}

/* ---- making the world */

static bool set_peer(struct play *p, struct str text)
{
    struct str rest = text, at = reader_word(&rest), verb = reader_word(&rest);
    struct buf plain = { 0 };
    struct why why;
    bool ok;

    reader_unescape(rest, &plain);
    ok = world_ops.peer(p->world, at, verb, buf_str(&plain), &why) || fail(p, "%s", why.text);
    buf_free(&plain);
    return ok;
}

static bool make_world(struct play *p)
{
    struct world_config c = {
        .hermetic = true, .deliver = !p->no_delivery, .now_us = p->now_us,
        .zone = buf_str(&p->zone), .zone_file = p->path, .lua_name = p->path,
    };
    bool directory = p->nfiles == 1 && !str_ends(str_of(p->files[0]), STR(".lua"));

    if (directory) {
        c.rules_dir = p->files[0];
    } else {
        c.files = p->files;
        c.nfiles = p->nfiles;
    }
    if (p->lua.n > 0)
        c.lua = buf_str(&p->lua);
    p->world = world_open(&c, &p->failure);
    if (!p->world)
        return false;
    for (size_t i = 0; i < p->npeers; i++)
        if (!set_peer(p, p->peers[i].text)) {
            p->line = p->peers[i].line;
            return false;
        }
    return true;
}

static bool want_world(struct play *p)
{
    return p->world || make_world(p);
}

/* ---- sessions */

static bool hear(struct play *p);

static bool say_helo(struct play *p)
{
    struct str line;

    if (p->helo.n == 0)
        return true;
    line = arena_printf(&p->arena, "EHLO %.*s\r\n", STR_ARG(p->helo));
    if (!hear(p))
        return false;
    world_ops.send(p->session, line);
    return hear(p);
}

/* "sni=mx.example; verified=yes; fails=no shared cipher" */
static bool set_facts(struct play *p)
{
    struct str rest = p->tls, word;
    struct why why;

    while (rest.n && str_cut(&rest, ';', &word)) {
        size_t eq = str_find(word, '=');

        if (!world_ops.tls(p->session, str_trim(str_head(word, eq)), eq == SIZE_MAX ? STR("yes") : str_trim(str_from(word, eq + 1)), &why))
            return fail(p, "%s", why.text);
    }
    return true;
}

static bool want_session(struct play *p)
{
    if (p->session)
        return true;
    if (!want_world(p))
        return false;
    p->session = world_ops.session(p->world, p->client.n ? p->client : STR("203.0.113.9"), p->port);
    if (!p->session)
        return fail(p, "client %.*s is no address", STR_ARG(p->client));
    if (!set_facts(p))
        return false;
    return say_helo(p);
}

/* A session ends with nothing unread: what nobody expected may be what is wrong. */
static bool end_session(struct play *p)
{
    struct str extra;

    if (!p->session)
        return true;
    if (p->failure.n == 0 && !world_ops.over(p->session) && world_ops.pending(p->session)) {
        world_ops.reply(p->session, &p->arena, &extra);
        fail(p, "nobody expected: %.*s", STR_ARG(extra));
        got(p, "S: ", extra);
        p->extra = true;
    }
    world_ops.hang_up(p->session);
    p->session = NULL;
    return p->failure.n == 0;
}

static bool hear(struct play *p)
{
    p->reply = (struct str){ 0 };
    return world_ops.reply(p->session, &p->arena, &p->reply) || fail(p, "no reply came");
}

/* Does a line of the reply begin so? "250-SIZE" and "250 SIZE" are one. */
static bool reply_says(struct str reply, struct str want)
{
    struct str line;

    while (str_cut(&reply, '\n', &line)) {
        if (!str_starts(line, str_head(want, 3)))
            continue;
        if (want.n <= 3 || str_starts(str_from(line, 4), str_from(want, 4)))
            return true;
    }
    return false;
}

static bool say(struct play *p, uint64_t times, struct str text, bool raw)
{
    struct buf b = { 0 };

    if (!want_session(p))
        return false;
    while (times-- > 0) {
        if (raw)
            reader_unescape(text, &b);
        else
            buf_add(&b, text);
        if (!raw)
            buf_add(&b, STR("\r\n"));
    }
    world_ops.send(p->session, buf_str(&b));
    buf_free(&b);
    return true;
}

static bool expect_reply(struct play *p, uint64_t times, struct str want)
{
    if (!want_session(p))
        return false;
    while (times-- > 0) {
        if (!hear(p)) {
            got(p, "", world_ops.over(p->session) ? STR("closed") : STR("(no reply)"));
            return fail(p, " where %.*s was expected", STR_ARG(want));
        }
        if (!reply_says(p->reply, want)) {
            got(p, "S: ", p->reply);
            return fail(p, "expected %.*s, heard %.*s", STR_ARG(want), STR_ARG(p->reply));
        }
    }
    return true;
}

static bool expect_also(struct play *p, struct str want, bool claim)
{
    if (reply_says(p->reply, want) == claim)
        return true;
    got(p, "S: ", p->reply);
    return fail(p, "expected %s%.*s, heard %.*s", claim ? "" : "no ", STR_ARG(want), STR_ARG(p->reply));
}

/* ---- expectations */

static bool expect(struct play *p, struct str text)
{
    struct str wanted = text;
    bool ok;

    if (!want_world(p))
        return false;
    ok = expectation_met(p->world, &p->arena, text, &p->got, &p->failure);
    if (!ok && p->failure.n == 0)
        fail(p, "expected %.*s", STR_ARG(wanted));
    return ok;
}

/* ---- time, and the queue on command */

static bool set_clock(struct play *p, struct str arg)
{
    int64_t s;

    if (arg.n > 0 && arg.p[0] == '+') {
        if (!want_world(p) || !clock_interval(str_from(arg, 1), &s))
            return fail(p, "%.*s is no time", STR_ARG(arg));
        world_ops.advance(p->world, s * 1000);
        return true;
    }
    return clock_parse(arg, &p->now_us) || fail(p, "%.*s is no time", STR_ARG(arg));
}

struct nth { uint64_t want, at; struct msg_id id; };

static void find_nth(void *ctx, const struct world_row *r)
{
    struct nth *n = ctx;

    if (++n->at == n->want)
        memcpy(n->id.s, r->id.p, MSG_ID_LEN);
}

static bool queue(struct play *p, struct str arg)
{
    struct str verb = reader_word(&arg), why;
    struct nth n = { 0 };

    if (!want_world(p))
        return false;
    if (reader_number(arg, &n.want)) {
        world_ops.each_row(p->world, find_nth, &n);
        arg = str_of(n.id.s);
    }
    return world_ops.queue(p->world, verb, arg, &why, &p->arena) || fail(p, "queue %.*s: %.*s", STR_ARG(verb), STR_ARG(why));
}

/* ---- lines */

static bool set_rules(struct play *p, struct str arg)
{
    while (arg.n > 0) {
        if (p->nfiles == FILES_MAX)
            return fail(p, "too many rule files");
        p->files[p->nfiles++] = arena_z(&p->arena, reader_word(&arg));
    }
    return true;
}

/* Each stands where it stands in the file: what is wrong with it is said with that line. */
static void add_line(struct buf *b, int *lines, int line, struct str text)
{
    while (++*lines < line)
        buf_byte(b, '\n');
    buf_add(b, text);
    buf_byte(b, '\n');
}

static bool set_lua(struct play *p, struct str arg)
{
    add_line(&p->lua, &p->lua_lines, p->line, arg);
    return true;
}

static bool set_zone(struct play *p, struct str arg)
{
    add_line(&p->zone, &p->zone_lines, p->line, arg);
    return true;
}

static bool set_client(struct play *p, struct str arg)
{
    if (!end_session(p))
        return false;
    p->client = arg;
    return true;
}

static bool set_helo(struct play *p, struct str arg)
{
    p->helo = arg;
    return true;
}

static bool set_port(struct play *p, struct str arg)
{
    uint64_t n;

    if (!end_session(p))
        return false;
    if (!str_u64(arg, 65535, &n))
        return fail(p, "port \"%.*s\" is none", STR_ARG(arg));
    p->port = (uint16_t)n;
    return true;
}

static bool set_tls(struct play *p, struct str arg)
{
    p->tls = arg;
    return !p->session || set_facts(p);
}

static bool add_peer(struct play *p, struct str arg)
{
    if (p->world)
        return set_peer(p, arg);
    if (p->npeers == PEERS_MAX)
        return fail(p, "too many peers");
    p->peers[p->npeers].text = arg;
    p->peers[p->npeers++].line = p->line;
    return true;
}

static bool set_delivery(struct play *p, struct str arg)
{
    p->no_delivery = str_same(arg, STR("no"));
    return true;
}

static const struct {
    struct str name;
    bool (*fn)(struct play *p, struct str arg);
    bool before;                /* only before the world is made */
} headings[] = {
    { STR_INIT("rules"), set_rules, true }, { STR_INIT("lua"), set_lua, true }, { STR_INIT("zone"), set_zone, true },
    { STR_INIT("delivery"), set_delivery, true }, { STR_INIT("clock"), set_clock, false },
    { STR_INIT("client"), set_client, false }, { STR_INIT("helo"), set_helo, false },
    { STR_INIT("port"), set_port, false }, { STR_INIT("tls"), set_tls, false },
    { STR_INIT("peer"), add_peer, false }, { STR_INIT("expect"), expect, false }, { STR_INIT("queue"), queue, false },
};

enum { HEADINGS = sizeof headings / sizeof *headings };

/* "C", "C*30", "S&": who speaks. False: it is no such line. */
static bool dialogue(struct play *p, struct str name, struct str arg, bool *ok)
{
    uint64_t times = 1;

    if (name.n > 2 && name.p[1] == '*' && str_u64(str_from(name, 2), 1000000, &times))
        name = str_head(name, 1);
    if (str_same(name, STR("C")))
        *ok = say(p, times, arg, false);
    else if (str_same(name, STR("R")))
        *ok = say(p, times, arg, true);
    else if (str_same(name, STR("S")))
        *ok = expect_reply(p, times, str_trim(arg));
    else if (str_same(name, STR("S&")) || str_same(name, STR("S!")))
        *ok = expect_also(p, str_trim(arg), name.p[1] == '&');
    else
        return false;
    return true;
}

static bool heading(struct play *p, struct str name, struct str arg)
{
    struct str names[HEADINGS];
    struct buf b = { 0 };

    for (size_t i = 0; i < HEADINGS; i++) {
        if (!str_same(name, headings[i].name))
            continue;
        if (headings[i].before && p->world)
            return fail(p, "%.*s: comes too late", STR_ARG(name));
        return headings[i].fn(p, str_trim(arg));
    }
    for (size_t i = 0; i < HEADINGS; i++)
        names[i] = headings[i].name;
    near_say(&b, name, names, HEADINGS);
    fail(p, "there is no heading \"%.*s:\"%.*s", STR_ARG(name), STR_ARG(buf_str(&b)));
    buf_free(&b);
    return false;
}

static bool bare(struct play *p, struct str text)
{
    if (str_same(text, STR("closed")))
        return want_session(p) && (world_ops.over(p->session) || (got(p, "", STR("(still open)")), fail(p, "the session is still open")));
    if (str_same(text, STR("hang up")))
        return end_session(p);
    return fail(p, "neither a heading nor a line of the conversation: %.*s", STR_ARG(text));
}

static bool play_line(struct play *p, struct str line)
{
    size_t colon = str_find(line, ':');
    struct str arg;
    bool ok = true;

    if (str_trim(line).n == 0)
        return true;
    if (str_starts(line, STR("--"))) {
        if (p->title.n == 0)
            p->title = str_trim(str_from(line, 2));
        return true;
    }
    if (colon == SIZE_MAX)
        return bare(p, str_trim(line));
    arg = str_from(line, colon + 1);
    if (arg.n > 0 && arg.p[0] == ' ')
        arg = str_from(arg, 1);
    if (dialogue(p, str_head(line, colon), arg, &ok))
        return ok;
    return heading(p, str_head(line, colon), arg);
}

static void play_lines(struct play *p, struct str text)
{
    struct str line;

    while (str_cut(&text, '\n', &line)) {
        p->line++;
        if (line.n > 0 && line.p[line.n - 1] == '\r')
            line.n--;
        if (!play_line(p, line))
            return;
    }
    end_session(p);
}

static void play_free(struct play *p)
{
    if (p->session)
        world_ops.hang_up(p->session);
    if (p->world)
        world_ops.close(p->world);
    buf_free(&p->lua);
    buf_free(&p->zone);
    buf_free(&p->failure);
    buf_free(&p->got);
    arena_free(&p->arena);
}

enum { CONTEXT = 6, AFTER = 3 };

/* A unified diff of the conversation as written and as it went: the lines that
 * went as written, the one that did not, and what is still to come. */
static void add_diff(struct play *p, struct str text)
{
    int from = p->line > CONTEXT ? p->line - CONTEXT : 1, at = 0;
    struct str line, rest;

    if (p->got.n == 0)
        return;
    buf_addf(&p->failure, "\n--- %s, as written\n+++ as it went\n@@ line %d @@", p->path, p->line);
    while (str_cut(&text, '\n', &line) && ++at <= p->line + AFTER) {
        if (at < from || (text.n == 0 && line.n == 0))
            continue;
        if (at == p->line && p->extra)
            buf_addf(&p->failure, "\n %.*s", STR_ARG(str_trim(line)));
        else
            buf_addf(&p->failure, "\n%c%.*s", at == p->line ? '-' : ' ', STR_ARG(str_trim(line)));
        for (rest = str_trim(buf_str(&p->got)); at == p->line && str_cut(&rest, '\n', &line);)
            buf_addf(&p->failure, "\n+%.*s", STR_ARG(line));
    }
}

void transcript_play(const char *path, const struct spec_sink *sink)
{
    struct play p = { .path = path };
    struct str text = { "", 0 };

    if (cli_read_file(&p.arena, path, FILE_MAX, &text))
        play_lines(&p, text);
    else
        fail(&p, "cannot be read");
    if (p.failure.n > 0)
        add_diff(&p, text);
    if (p.title.n == 0)
        p.title = str_of(path);
    sink->result(sink->ctx, p.failure.n ? SPEC_FAILED : SPEC_PASSED, p.title, str_of(path), p.line, buf_str(&p.failure));
    play_free(&p);
}
