/* What rules ask about a message's content: its parts, and expressions matched against it. Everything is read in
 * slices (slices.h); nothing of it becomes a Lua string but what was asked for. */
#include <stdlib.h>
#include <time.h>

#include "policy/host.h"
#include "policy/regex.h"
#include "policy/slices.h"

enum {
    CONTENT_WAIT_MS = 120000,
    LINE_MAX_ = 32 << 10,           /* of a line, and of a decoded part, so much is matched */
    TEXT_MAX_ = 64 << 10,           /* of mime.content */
    PATTERNS_MAX = 100,
    GROUP_MAX = 4096,
    FACTS_MAX = 64 << 20,           /* of a message, of all facts (see gate.c) */
    MATCH_CPU_MS = 10000,           /* of one message, as rules have (R8.3); rules' own clock does not run here */
    TURN_CPU_MS = 20,               /* of it in one turn of the loop */
    LINES_A_LOOK = 16               /* between two looks at the clock */
};

/* ---- reading: what all of these do */

enum content_of { OF_MESSAGE, OF_PART, OF_DECODED };

struct reading {
    struct wait *wait;
    struct loop *loop;
    struct txn *t;
    struct slices *slices;
    enum content_of what;
    uint32_t part;
    struct mime_reader reader;
    struct buf got;                 /* decoded, and not yet used */
    size_t most;                    /* of got: the rest is not wanted */
    bool failed;
    struct why why;
    /* expressions */
    struct expr **re;
    size_t nre;
    int hit;                        /* which matched, from 1 */
    struct str groups[EXPR_GROUPS];
    bool last;                      /* got is the last of it */
    bool paused;                    /* others have a turn */
    struct job job;
};

static void reading_end(struct reading *r)
{
    mime_reader_free(&r->reader);
    buf_free(&r->got);
}

static void reading_cancel(void *ctx)
{
    struct reading *r = ctx;

    if (r->slices)
        slices_cancel(r->slices);
    loop_forget(r->loop, &r->job);
    reading_end(r);
}

static struct reading *reading_begin(lua_State *L, const char *what, struct txn *t)
{
    struct wait *w = wait_begin(L, what, CONTENT_WAIT_MS, reading_cancel, sizeof(struct reading));
    struct reading *r = wait_ctx(w);

    r->wait = w;
    r->t = t;
    r->loop = policy_env(L)->loop;
    return r;
}

static struct txn *readable(lua_State *L, int arg, const char *what)
{
    struct txn *t = arg_txn(L, arg);

    if (!t->body.read && t->body_size)
        raise_again(L, "%s: the content of the message cannot be read here", what);
    return t;
}

/* Takes what the reader makes of a piece. False: that was enough. */
static bool take_decoded(struct reading *r, struct str bytes)
{
    if (r->what == OF_MESSAGE)
        buf_add(&r->got, bytes);
    else
        mime_reader_feed(&r->reader, bytes, &r->got);
    return !r->most || r->got.n < r->most;
}

static void begin_slices(struct reading *r, slices_take *take, slices_done *done)
{
    uint64_t from = 0, to = r->t->body_size;

    if (r->what != OF_MESSAGE) {
        mime_reader_begin(&r->reader, r->t->mime, r->part, r->what == OF_DECODED);
        from = r->reader.from;
        to = r->reader.to;
    }
    r->slices = slices_begin(r->loop, &r->t->body, from, to, take, done, r);
}

/* ---- parts */

static void push_part(lua_State *L, const struct mime_part *p, uint32_t number)
{
    lua_createtable(L, 0, 18);
    set_str(L, "type", p->type);
    set_str(L, "disposition", p->disposition);
    set_str(L, "encoding", p->encoding);
    set_str(L, "id", p->id);
    set_str(L, "description", p->description);
    set_str(L, "charset", p->charset);
    set_str(L, "boundary", p->boundary);
    set_str(L, "filename", p->filename);
    lua_createtable(L, (int)p->nnames, 0);
    for (size_t i = 0; i < p->nnames; i++) {
        push_str(L, p->names[i]);
        lua_rawseti(L, -2, (int)i + 1);
    }
    lua_setfield(L, -2, "filenames");
    set_num(L, "number", number);
    set_num(L, "size", (int64_t)p->size);
    set_num(L, "message", p->message);
    set_num(L, "index", p->index);
    if (p->parent >= 0)
        set_num(L, "parent", p->parent + 1);
    set_bool(L, "is_multipart", p->multipart);
    set_bool(L, "is_coverletter", p->coverletter);
    set_bool(L, "is_rfc822", p->message > 0);
    set_num(L, "anomaly_level", p->anomaly);
    set_str(L, "anomaly_text", str_of(p->anomaly_text));
}

static int parts_push(lua_State *L, void *ctx)
{
    const struct mime *m = ((struct reading *)ctx)->t->mime;

    lua_createtable(L, (int)m->n, 0);
    for (uint32_t i = 0; i < m->n; i++) {
        push_part(L, &m->v[i], i + 1);
        lua_rawseti(L, -2, (int)i + 1);
    }
    push_str(L, str_of(m->limit));
    return 2;
}

static void parts_found(void *ctx, enum status st, const struct why *why)
{
    struct reading *r = ctx;

    r->slices = NULL;
    if (st == ST_OK)
        wait_done(r->wait, parts_push);
    else
        wait_again(r->wait, why->text);
}

/* mime_parts(m) -> array, limit */
static int l_mime_parts(lua_State *L)
{
    struct txn *t = readable(L, 1, "mime.parts");
    struct reading *r = reading_begin(L, "mime.parts", t);

    r->slices = slices_parts(r->loop, t, parts_found, r);
    return wait_yield(r->wait);
}

/* ---- the text of one part */

static int text_push(lua_State *L, void *ctx)
{
    struct reading *r = ctx;

    push_str(L, str_head(buf_str(&r->got), r->most));
    reading_end(r);
    return 1;
}

static bool take_text(void *ctx, struct str bytes)
{
    return take_decoded(ctx, bytes);
}

static void text_read(void *ctx, enum status st, const struct why *why)
{
    struct reading *r = ctx;

    r->slices = NULL;
    if (st == ST_OK) {
        mime_reader_end(&r->reader, &r->got);
        wait_done(r->wait, text_push);
    } else {
        reading_end(r);
        wait_again(r->wait, why->text);
    }
}

static void text_of_part(void *ctx, enum status st, const struct why *why)
{
    struct reading *r = ctx;

    r->slices = NULL;
    if (st != ST_OK)
        wait_again(r->wait, why->text);
    else if (r->part >= r->t->mime->n)
        wait_error(r->wait, "mime.content: the message has no such part");
    else
        begin_slices(r, take_text, text_read);
}

/* mime_content(m, number, max) -> text */
static int l_mime_content(lua_State *L)
{
    struct txn *t = readable(L, 1, "mime.content");
    uint32_t part = (uint32_t)arg_int(L, 2, 1, MIME_PARTS_MAX) - 1;
    size_t most = (size_t)arg_int(L, 3, 1, TEXT_MAX_);
    struct reading *r = reading_begin(L, "mime.content", t);

    r->what = OF_DECODED;
    r->part = part;
    r->most = most;
    if (t->mime)
        text_of_part(r, ST_OK, NULL);
    else
        r->slices = slices_parts(r->loop, t, text_of_part, r);
    return wait_yield(r->wait);
}

/* ---- expressions */

static int64_t cpu_us(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
    return (int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

/* Tries every expression. False: no more lines are wanted. */
static bool try_all(struct reading *r, struct str subject)
{
    for (size_t i = 0; i < r->nre; i++) {
        struct str groups[EXPR_GROUPS];
        struct why inner;
        enum status st = expr_find(r->re[i], subject, groups, &inner);

        if (st == ST_NONE)
            continue;
        r->failed = st != ST_OK;
        if (r->failed)
            why_set(&r->why, st, "the regular expression \"%.*s\": %s", STR_ARG(expr_text(r->re[i])), inner.text);
        r->hit = st == ST_OK ? (int)i + 1 : 0;
        for (int k = 0; st == ST_OK && k < EXPR_GROUPS; k++)
            r->groups[k] = groups[k].p ? arena_dup(wait_arena(r->wait), str_head(groups[k], GROUP_MAX)) : groups[k];
        return false;
    }
    return true;
}

/* One line, or as much of a long one as is matched at once, off the front of *rest. False: it is not whole yet. */
static bool next_line(const struct reading *r, struct str *rest, struct str *line)
{
    size_t lf = str_find(str_head(*rest, LINE_MAX_), '\n');

    if (!rest->n || (lf == SIZE_MAX && rest->n < LINE_MAX_ && !r->last))
        return false;
    *line = str_head(*rest, lf == SIZE_MAX ? LINE_MAX_ : lf);
    *rest = str_from(*rest, line->n + (lf != SIZE_MAX));
    if (lf != SIZE_MAX && line->n && line->p[line->n - 1] == '\r')
        line->n--;
    return true;
}

/* What was used counts for the message. False: that was too much. */
static bool within_budget(struct reading *r, int64_t used_us)
{
    r->t->match_us += used_us;
    if (r->t->match_us <= MATCH_CPU_MS * 1000 || r->hit)
        return true;
    why_set(&r->why, ST_NEVER, "the regular expressions take more than %d s for this message", MATCH_CPU_MS / 1000);
    r->failed = true;
    return false;
}

/* Whole lines of got, and of the last of it all, as far as this turn goes. False: no more are wanted. */
static bool try_lines(struct reading *r)
{
    struct str rest = buf_str(&r->got), line;
    int64_t began = cpu_us(), used = 0;
    bool more = true;

    for (unsigned n = 1; more && used < TURN_CPU_MS * 1000 && next_line(r, &rest, &line); n++) {
        more = try_all(r, line);
        if (n % LINES_A_LOOK == 0)
            used = cpu_us() - began;
    }
    r->paused = more && used >= TURN_CPU_MS * 1000;
    if (!within_budget(r, cpu_us() - began))
        r->paused = more = false;
    buf_drop(&r->got, r->got.n - rest.n);
    return more;
}

static int hit_push(lua_State *L, void *ctx);

/* Ends the question, or lets it go on: now, or when others had their turn. */
static void tried(struct reading *r, bool more)
{
    if (r->paused) {
        loop_soon(r->loop, &r->job);
    } else if (more && !r->last) {
        slices_go(r->slices);
    } else {
        if (r->slices)
            slices_cancel(r->slices);
        r->slices = NULL;
        wait_done(r->wait, hit_push);
    }
}

static void try_on(void *ctx)
{
    struct reading *r = ctx;

    tried(r, try_lines(r));
}

static bool take_lines(void *ctx, struct str bytes)
{
    struct reading *r = ctx;

    take_decoded(r, bytes);
    slices_hold(r->slices);
    loop_soon(r->loop, &r->job);
    return true;
}

static bool take_start(void *ctx, struct str bytes)
{
    return take_decoded(ctx, bytes);
}

/* What the condition caught becomes m.regex and m.regex_match_string. */
static int hit_push(lua_State *L, void *ctx)
{
    struct reading *r = ctx;
    struct txn *t = r->t;

    reading_end(r);
    if (r->failed)
        return rule_error(L, "%s", r->why.text);
    lua_pushboolean(L, r->hit > 0);
    if (!r->hit)
        return 1;
    if (t->arena.used > FACTS_MAX)
        return rule_error(L, "too many facts for one message");
    for (int i = 0; i < EXPR_GROUPS; i++)
        t->regex[i] = r->groups[i].p ? arena_dup(&t->arena, r->groups[i]) : (struct str){ 0 };
    t->regex_match_string = arena_dup(&t->arena, expr_text(r->re[r->hit - 1]));
    return 1;
}

static void matched(void *ctx, enum status st, const struct why *why)
{
    struct reading *r = ctx;
    int64_t began;

    r->slices = NULL;
    if (st != ST_OK) {
        reading_end(r);
        wait_again(r->wait, why->text);
        return;
    }
    if (r->what == OF_DECODED) {
        mime_reader_end(&r->reader, &r->got);
        began = cpu_us();
        if (try_all(r, str_head(buf_str(&r->got), LINE_MAX_)))
            within_budget(r, cpu_us() - began);
        wait_done(r->wait, hit_push);
    } else {
        r->last = true;
        try_on(r);
    }
}

static struct reading *matching(lua_State *L, const char *what, enum content_of of)
{
    struct txn *t = readable(L, 1, what);
    struct reading *r;
    size_t n;

    luaL_checktype(L, 2, LUA_TTABLE);
    n = lua_objlen(L, 2);
    luaL_argcheck(L, n <= PATTERNS_MAX, 2, "at most 100 expressions");
    for (size_t i = 1; i <= n; i++) {
        lua_rawgeti(L, 2, (int)i);
        regex_arg(L, -1);
        lua_pop(L, 1);
    }
    r = reading_begin(L, what, t);
    r->re = arena_array(wait_arena(r->wait), struct expr *, n + 1);
    for (r->nre = 0; r->nre < n; r->nre++) {
        lua_rawgeti(L, 2, (int)r->nre + 1);
        r->re[r->nre] = regex_arg(L, -1);       /* the table holds it, and the caller the table */
        lua_pop(L, 1);
    }
    r->job = (struct job){ .fn = try_on, .ctx = r };
    r->what = t->part ? of : OF_MESSAGE;
    if (t->part)
        r->part = (uint32_t)(t->part - t->mime->v);
    return r;
}

/* content_lines(m, expressions) -> does one match a line of the message, or of the part as it is? */
static int l_content_lines(lua_State *L)
{
    struct reading *r = matching(L, "regex", OF_PART);

    if (r->what == OF_MESSAGE) {
        buf_add(&r->got, r->t->header_text);
        buf_add(&r->got, STR("\r\n"));
    }
    begin_slices(r, take_lines, matched);
    return wait_yield(r->wait);
}

/* content_decoded(m, expressions) -> does one match the beginning of the decoded part? */
static int l_content_decoded(lua_State *L)
{
    struct reading *r = matching(L, "mime_regex", OF_DECODED);

    r->most = LINE_MAX_;
    if (r->what != OF_DECODED)
        wait_error(r->wait, "mime_regex: there is no part to look at here");
    else
        begin_slices(r, take_start, matched);
    return wait_yield(r->wait);
}

/* ---- encoded words */

enum { WORDS_MAX = 1 << 20 };

static int l_rfc2047_encode(lua_State *L)
{
    push_str(L, header_encode(policy_scratch(L), arg_str(L, 1, WORDS_MAX)));
    return 1;
}

static int l_rfc2047_decode(lua_State *L)
{
    push_str(L, header_decode(policy_scratch(L), arg_str(L, 1, WORDS_MAX)));
    return 1;
}

static const luaL_Reg plain[] = {
    { "rfc2047_encode", l_rfc2047_encode },
    { "rfc2047_decode", l_rfc2047_decode },
    { NULL, NULL },
};
static const luaL_Reg waits[] = {
    { "mime_parts", l_mime_parts },
    { "mime_content", l_mime_content },
    { "content_lines", l_content_lines },
    { "content_decoded", l_content_decoded },
    { NULL, NULL },
};

extern const struct lib lib_content;
const struct lib lib_content = { plain, waits };
