/*
 * autoreply - an attempt that writes a message of its own
 *
 * A reply is kept like everybody's mail before the message it is about counts
 * as delivered. It comes from the null sender and says that it is automatic,
 * so nothing answers it; and what is automatic itself, or came by a list, or
 * from nobody, gets no answer (RFC 3834). Its files are those of the transport's
 * or router's user: our own on a helper thread, anybody else's by the local process.
 */
#include "engine/attempt.h"

#include <stdlib.h>
#include <unistd.h>

#include "base/fault.h"
#include "engine/letter.h"
#include "engine/pretend.h"
#include "engine/replytext.h"
#include "local/local.h"
#include "local/notes.h"
#include "mail/addr.h"

enum { RCPTS_MAX = 100, OURS = -1 };

struct autoreply {
    struct attempt *a;
    struct buf original;            /* return_message */
    struct str key;                 /* whom: a once file's name */
    struct notes notes;
    int64_t uid;                    /* whose files they are */
    bool busy;                      /* a helper thread has it */
    struct str *to; size_t nto;     /* recipients of the reply */
    struct str head[3];             /* To, Cc, Bcc as they are shown */
    struct letter *letter;
    struct buf message;
    struct why why;
    enum status status;
};

static void reply_free(struct autoreply *r)
{
    buf_free(&r->notes.text);
    buf_free(&r->original);
    buf_free(&r->message);
    r->a->reply = NULL;
    free(r);
}

static void delivered(struct autoreply *r, struct str shown)
{
    struct attempt *a = r->a;

    reply_free(r);
    attempt_delivered(a, shown);
}

static void no_reply(struct autoreply *r, const char *why)
{
    delivered(r, arena_printf(&r->a->w->arena, "(no reply: %s)", why));
}

static void later(struct autoreply *r)
{
    struct attempt *a = r->a;

    attempt_all(a, ITEM_AGAIN, r->why.err ? r->why.err : -1, "*", str_of(r->why.text));
    reply_free(r);
    attempt_end(a);
}

/* ---- whom */

static void add_recipient(struct autoreply *r, struct str addr)
{
    struct arena *ar = &r->a->w->arena;

    for (size_t i = 0; i < r->nto; i++)
        if (str_same_fold(r->to[i], addr))
            return;
    if (r->nto < RCPTS_MAX)
        r->to[r->nto++] = arena_dup(ar, addr);
}

static bool never_mail(const struct autoreply *r, struct str addr)
{
    const struct transport *t = &r->a->tr;

    for (size_t i = 0; i < t->nnever; i++)
        if (str_same_fold(t->never[i], addr))
            return true;
    return false;
}

/* The addresses of one field that may be written to; the field is shown as it
 * without what is no address: most of what stands here was written by a stranger. */
static struct str recipients_of(struct autoreply *r, struct str text)
{
    struct arena *ar = &r->a->w->arena;
    struct addr_item *items = NULL;
    struct buf shown = { 0 };
    const char *reason = NULL;
    size_t n = 0;
    struct str s;

    /* never_mail was compared with whole lists only */
    if (addr_list(ar, text, RCPTS_MAX, &items, &n, &reason) != ADDR_LIST_OK)
        n = 0;
    for (size_t i = 0; i < n; i++) {
        struct str addr = items[i].addr;
        struct addr parts;

        if (str_find(addr, '@') == SIZE_MAX)
            addr = addr_join(ar, addr, r->a->w->set->qualify_domain);
        if (!addr_parse(addr, &parts, &reason) || never_mail(r, addr))
            continue;
        add_recipient(r, addr);
        buf_addf(&shown, "%s%.*s", shown.n ? ",\r\n " : "", STR_ARG(addr));
    }
    s = arena_dup(ar, buf_str(&shown));
    buf_free(&shown);
    return s;
}

/* ---- whether */

static bool field_says(const struct txn *t, const char *name, const char *word)
{
    const struct field *f = header_field(&t->header, str_of(name), 0);

    return f && str_starts_fold(str_trim(f->value), str_of(word));
}

static bool automatic(const struct txn *t)
{
    return header_field(&t->header, STR("Auto-Submitted"), 0) && !field_says(t, "Auto-Submitted", "no");
}

/* The reply goes back to whoever the message says it is from. */
static bool to_author(const struct autoreply *r)
{
    static const char *const fields[] = { "From", "Reply-To", "Sender", "Return-Path" };
    const struct txn *t = r->a->w->t;
    struct arena ar = { 0 };
    bool found = false;

    for (size_t i = 0; i < r->nto; i++)
        found = found || str_same_fold(r->to[i], t->sender);
    for (size_t k = 0; k < sizeof fields / sizeof *fields && !found; k++) {
        const struct field *f = header_field(&t->header, str_of(fields[k]), 0);
        struct addr_item *items;
        const char *reason;
        size_t n = 0;

        if (f)
            addr_list(&ar, f->value, RCPTS_MAX, &items, &n, &reason);
        for (size_t m = 0; m < n; m++)
            for (size_t i = 0; i < r->nto; i++)
                found = found || str_same_fold(r->to[i], items[m].addr);
    }
    arena_free(&ar);
    return found;
}

/* RFC 3834, 2: who must not be answered. */
static const char *unanswerable(const struct txn *t)
{
    static const char *const bulk[] = { "bulk", "list", "junk", "auto_reply" };
    static const char *const lists[] = { "List-Id", "List-Help", "List-Unsubscribe", "List-Post", "List-Subscribe", "List-Owner" };
    static const char *const heads[] = { "owner-", "mailer-daemon@", "listserv@", "majordomo@" };
    size_t at = str_rfind(t->sender, '@');

    if (t->sender.n == 0)
        return "it is from nobody";
    for (size_t i = 0; i < sizeof bulk / sizeof *bulk; i++)
        if (field_says(t, "Precedence", bulk[i]))
            return "its Precedence says so";
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++)
        if (header_field(&t->header, str_of(lists[i]), 0))
            return "it is of a list";
    for (size_t i = 0; i < sizeof heads / sizeof *heads; i++)
        if (str_starts_fold(t->sender, str_of(heads[i])))
            return "its sender is a program";
    return at != SIZE_MAX && str_ends_fold(str_head(t->sender, at), STR("-request")) ? "its sender is a program" : NULL;
}

/* ---- what lies in files */

/* In a hermetic world the hints, which are in memory there, know what the file would. */
static struct str hint_key(struct arena *ar, const struct autoreply *r)
{
    return arena_printf(ar, "%s\n%.*s", r->a->tr.once, STR_ARG(arena_lower(ar, r->key)));
}

static void look_pretended(struct autoreply *r)
{
    struct engine *e = r->a->w->e;
    struct arena ar = { 0 };
    int64_t expires;
    struct str value;
    uint64_t at;

    if (hints_get(e->hints, &ar, STR("autoreply"), hint_key(&ar, r), &value, &expires) && str_u64(value, INT64_MAX, &at))
        r->notes.seen = (int64_t)at;
    arena_free(&ar);
}

static enum status remember_pretended(struct autoreply *r)
{
    struct arena ar = { 0 };
    enum status st = hints_put(r->a->w->e->hints, STR("autoreply"), hint_key(&ar, r),
                               arena_printf(&ar, "%lld", (long long)r->notes.now), 0, &r->why);

    arena_free(&ar);
    return st;
}

/* The message it answers, as far as bounces would give it back. */
static enum status read_original(struct autoreply *r)
{
    struct attempt *a = r->a;
    uint64_t limit = a->tr.return_limit;
    struct content c = { .header = a->header, .read = attempt_read_body, .ctx = a, .body_size = attempt_body_size(a) };
    enum content_end end = CONTENT_MORE;

    while (end == CONTENT_MORE && r->original.n < limit)
        end = content_next(&c, &r->original);
    content_free(&c);
    if (end == CONTENT_ERROR)
        return why_errno(&r->why, ST_AGAIN, "read the message");
    if (r->original.n > limit) {
        buf_cut(&r->original, limit);
        buf_add(&r->original, STR("\n------ (the rest is left out)\n"));
    }
    return ST_OK;
}

static bool hermetic(const struct autoreply *r)
{
    return r->a->w->e->cfg.hermetic;
}

static struct notes notes_of(struct autoreply *r)
{
    const struct transport *t = &r->a->tr;

    return (struct notes){
        .once = hermetic(r) ? NULL : t->once, .file = t->reply_file, .log = hermetic(r) ? NULL : t->reply_log,
        .file_optional = t->file_optional, .once_size = t->once_size, .mode = t->mode, .now = engine_now(r->a->w->e),
    };
}

/* On a helper thread. A user's files are not looked at here. */
static void prepare(void *ctx)
{
    struct autoreply *r = ctx;

    if (hermetic(r) && r->a->tr.once)
        look_pretended(r);
    r->status = r->uid == OURS ? notes_look(&r->notes, &r->why) : ST_OK;
    if (r->status == ST_OK && r->a->tr.return_message)
        r->status = read_original(r);
}

/* The reply is kept; what cannot be noted costs a second one at worst. */
static void note(void *ctx)
{
    struct autoreply *r = ctx;

    r->status = hermetic(r) && r->a->tr.once ? remember_pretended(r) : notes_keep(&r->notes, &r->why);
}

/* ---- on the loop */

static void told(struct autoreply *r)
{
    if (r->status != ST_OK)
        log_line(LOG_MAIN, "%s transport %.*s: %s", r->a->w->id.s, STR_ARG(r->a->tr.name), r->why.text);
    delivered(r, arena_printf(&r->a->w->arena, ">%.*s", STR_ARG(r->key)));
}

static void noted(void *ctx)
{
    struct autoreply *r = ctx;
    struct walk *w = r->a->w;

    r->busy = false;
    told(r);
    walk_release(w);
}

static void on_thread(struct autoreply *r, void (*run)(void *), void (*done)(void *))
{
    r->busy = true;
    walk_hold(r->a->w);
    pool_work(r->a->w->e->pool, run, done, r);
}

/* ---- files of another user */

static void prepared(void *ctx);

/* What is asked of nobody's files needs no rights. */
static int64_t whose(const struct autoreply *r)
{
    const struct notes *n = &r->notes;
    int64_t uid = OURS;

    if (!hermetic(r) && (n->once || n->file || n->log))
        uid = attempt_uid(r->a);
    return uid == (int64_t)geteuid() ? OURS : uid;
}

static void as_user(struct autoreply *r, bool keep, local_done *done)
{
    struct attempt *a = r->a;
    struct local_want w = {
        .user = attempt_user(a, r->uid), .group = a->tr.group, .initgroups = a->tr.initgroups, .notes = &r->notes, .keep = keep,
    };

    a->local = local_deliver(attempt_engine(a)->cfg.local, &w, NULL, done, r);
}

static void take_end(struct autoreply *r, const struct local_end *end)
{
    r->a->local = NULL;
    r->status = end->status;
    r->why = end->why;
}

static void user_noted(void *ctx, const struct local_end *end)
{
    take_end(ctx, end);
    told(ctx);
}

static void user_looked(void *ctx, const struct local_end *end)
{
    struct autoreply *r = ctx;

    take_end(r, end);
    if (r->status != ST_OK) {
        later(r);
        return;
    }
    r->notes.seen = end->seen;
    buf_add(&r->notes.text, end->output);
    on_thread(r, prepare, prepared);
}

static void look_as_user(struct autoreply *r)
{
    if (r->uid > OURS && attempt_engine(r->a)->cfg.local) {
        as_user(r, false, user_looked);
        return;
    }
    why_set(&r->why, ST_AGAIN, r->uid < OURS ? "there is no such user"
            : "once, file and log of another user need the local delivery process");
    later(r);
}

static void sent(void *ctx, enum status st, const struct why *why)
{
    struct autoreply *r = ctx;

    r->letter = NULL;
    if (st != ST_OK) {
        why_set(&r->why, ST_AGAIN, "the reply could not be kept: %s", why ? why->text : "");
        later(r);
        return;
    }
    CRASH_POINT("reply.kept");
    if (r->uid != OURS)
        as_user(r, true, user_noted);
    else
        on_thread(r, note, noted);
}

static bool said_already(const struct autoreply *r)
{
    int64_t repeat = r->a->tr.once_repeat;

    return r->notes.seen && (repeat <= 0 || r->notes.now < r->notes.seen + repeat);
}

static void prepared(void *ctx)
{
    struct autoreply *r = ctx;
    struct walk *w = r->a->w;
    struct letter_want l = { .e = w->e, .set = w->set, .cause = str_of(w->id.s), .to = r->to, .nto = r->nto };
    struct letter *letter;

    r->busy = false;
    if (r->status != ST_OK) {
        later(r);
    } else if (said_already(r)) {
        no_reply(r, "one was sent before");
    } else {
        replytext_write(&(struct replytext){ r->a, r->head[0], r->head[1], buf_str(&r->notes.text), buf_str(&r->original) }, &r->message);
        r->notes.line = replytext_note(r->a, r->key, r->notes.now);
        l.message = buf_str(&r->message);
        letter = letter_send(&l, sent, r);
        if (letter)
            r->letter = letter;
    }
    walk_release(w);
}

static bool safe(struct autoreply *r)
{
    const struct transport *t = &r->a->tr;
    const char *paths[] = { t->once, t->reply_file, t->reply_log };

    for (size_t i = 0; i < 3; i++)
        if (paths[i] && !attempt_safe_path(r->a, str_of(paths[i])))
            return false;
    return true;
}

void autoreply_start(struct attempt *a)
{
    struct autoreply *r = calloc(1, sizeof *r);
    const struct txn *t = a->w->t;
    const char *why = NULL;

    if (!r)
        die("no memory for a reply");
    a->reply = r;
    r->a = a;
    r->to = arena_array(&a->w->arena, struct str, RCPTS_MAX);
    r->head[0] = recipients_of(r, a->tr.reply_rcpt[0]);
    r->head[1] = recipients_of(r, a->tr.reply_rcpt[1]);
    r->head[2] = recipients_of(r, a->tr.reply_rcpt[2]);
    r->key = r->nto ? r->to[0] : STR("");
    r->notes = notes_of(r);
    r->notes.key = r->key;
    r->uid = whose(r);
    if (automatic(t))
        why = "it is automatic";
    else if (r->nto == 0)
        why = "there is nobody to write to";
    else if (to_author(r))
        why = unanswerable(t);
    if (why) {
        no_reply(r, why);
    } else if (!safe(r)) {
        why_set(&r->why, ST_AGAIN, "no safe file for this address");
        later(r);
    } else if (a->w->e->cfg.hermetic && a->tr.reply_file && !pretend_file(a->w->set, a->tr.reply_file)) {
        why_set(&r->why, ST_AGAIN, "no files outside of the rule directory in a hermetic world: %s", a->tr.reply_file);
        later(r);
    } else if (r->uid != OURS) {
        look_as_user(r);
    } else {
        on_thread(r, prepare, prepared);
    }
}

void autoreply_cancel(struct attempt *a)
{
    struct autoreply *r = a->reply;

    if (!r)
        return;
    if (r->letter)
        letter_forget(r->letter);
    if (r->busy)
        walk_release(a->w);             /* its thread is gone, and its end will not come */
    reply_free(r);
}
