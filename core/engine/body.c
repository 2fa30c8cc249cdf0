/*
 * body - what an attempt hands over, and as whom: the kept message, or what a
 * filter made of it
 */
#include "engine/attempt.h"
#include "engine/mailbox.h"

#include <errno.h>
#include <pwd.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"

uint64_t attempt_body_size(const struct attempt *a)
{
    return a->filtered ? a->filtered_size : a->w->msg.body_size;
}

uint64_t attempt_lines(const struct attempt *a)
{
    uint64_t n = a->filtered ? a->filtered_lines : a->w->t->body_lines;

    for (size_t i = 0; i < a->header.n; i++)
        n += a->header.p[i] == '\n';
    return n + 1;
}

ssize_t attempt_read_body(void *attempt, uint64_t offset, char *p, size_t n)
{
    struct attempt *a = attempt;

    if (!a->filtered)
        return walk_read_body(a->w, offset, p, n);
    if (offset > a->filtered_size) {
        errno = EINVAL;
        return -1;
    }
    if (n > a->filtered_size - offset)
        n = (size_t)(a->filtered_size - offset);
    return pread(a->filtered_fd, p, n, (off_t)(a->filtered_at + offset));
}

struct str attempt_from_line(struct attempt *a)
{
    struct str sender = a->msg.sender.n ? a->msg.sender : STR("MAILER-DAEMON");
    time_t now = (time_t)clock_wall();
    struct tm tm;
    char text[64];

    localtime_r(&now, &tm);
    strftime(text, sizeof text, "%a %b %e %H:%M:%S %Y", &tm);
    return arena_printf(&a->w->arena, "From %.*s %s\n", STR_ARG(sender), text);
}

void attempt_content(struct attempt *a, struct content *c, struct str check, struct str escape)
{
    const struct transport *t = &a->tr;

    *c = (struct content){
        .header = a->header, .read = attempt_read_body, .ctx = a, .body_size = attempt_body_size(a), .crlf = t->crlf,
        .headers_only = t->headers_only, .body_only = t->body_only,
        .check = t->check_string.type == VAL_STR ? t->check_string.u.s : check,
        .escape = t->escape_string.type == VAL_STR ? t->escape_string.u.s : escape,
    };
}

/* Batched SMTP (RFC 2442's idea): the commands a client would send, the message
 * with its dots doubled, and a dot. */
void attempt_bsmtp(struct attempt *a, struct content *c)
{
    const char *eol = a->tr.crlf ? "\r\n" : "\n";
    struct arena *ar = &a->w->arena;
    struct buf b = { 0 };

    if (!a->tr.bsmtp)
        return;
    buf_addf(&b, "%.*sMAIL FROM:<%.*s>%s", STR_ARG(c->prefix), STR_ARG(a->msg.sender), eol);
    for (const struct item *it = a->items; it; it = it->peer)
        buf_addf(&b, "RCPT TO:<%.*s>%s", STR_ARG(attempt_rcpt(a, it)), eol);
    buf_addf(&b, "DATA%s", eol);
    c->prefix = arena_dup(ar, buf_str(&b));
    c->suffix = arena_printf(ar, ".%s%.*s", eol, STR_ARG(c->suffix));
    c->check = STR(".");
    c->escape = STR("..");
    buf_free(&b);
}

/* ---- where to, and as whom */

bool path_safe(const struct at_address *at, struct str path)
{
    if (str_find_str(path, STR("/./")) != SIZE_MAX)
        return true;
    return appendfile_safe(at->local_part) && appendfile_safe(at->domain);
}

bool attempt_safe_path(const struct attempt *a, struct str path)
{
    for (const struct item *it = a->items; it; it = it->peer)
        if (!path_safe(&it->at, path))
            return false;
    return true;
}

int64_t mailbox_owner(const struct transport *t, const struct at_address *at)
{
    struct arena a = { 0 };
    struct passwd *pw;
    uint64_t n;

    if (t->user.n == 0)
        return at->local_uid;
    if (str_u64(t->user, UINT32_MAX - 1, &n))
        return (int64_t)n;
    pw = getpwnam(arena_z(&a, t->user));
    arena_free(&a);
    return pw ? (int64_t)pw->pw_uid : -2;
}

int64_t attempt_uid(const struct attempt *a)
{
    return mailbox_owner(&a->tr, &a->items->at);
}

struct str attempt_user(const struct attempt *a, int64_t uid)
{
    return a->tr.user.n ? a->tr.user : arena_printf(&a->w->arena, "%lld", (long long)uid);
}
