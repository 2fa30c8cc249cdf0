/*
 * filter - the message through a program on its way out (transport_filter)
 *
 * The program gets the message as a file would (LF lines, with what this
 * transport adds to the header), and what it prints is the message that is
 * delivered. It prints into a nameless file, since a host may have to be sent
 * the message again; a thread then makes wire lines of it. Whatever goes wrong,
 * the message waits: what a broken filter left is never delivered (R1.4).
 */
#include "engine/attempt.h"
#include "engine/pretend.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/fault.h"
#include "local/local.h"

enum { PIECE = 65536, HEADER_MAX = 1 << 20, SAID_MAX = 4096 };
static const uint64_t FILE_MAX = 1 << 30;

struct filter {
    struct attempt *a;
    struct content content;
    struct program *program;
    struct local_delivery *local;
    bool busy;                  /* a helper thread has it */
    int out, wire;              /* what it printed; the same in wire form */
    struct str header;          /* malloc'd by the thread: arenas are the loop's */
    uint64_t body_at, size, lines;
    uint32_t max_line, line;
    bool eight;
    struct why why;
    enum status status;
};

/* ---- files without a name */

static int nameless(const struct attempt *a)
{
    const char *dir = a->w->e->cfg.spool_dir;
    int fd = FAULT(OPEN) ? -1 : dir ? open(dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600) : -1;

    /* Not every file system has them. */
    return fd >= 0 || errno == ENOSPC ? fd : memfd_create("filter", MFD_CLOEXEC);
}

/* ---- wire lines, on a helper thread */

static bool put(struct filter *f, struct buf *out, bool last)
{
    struct str s = buf_str(out);

    if (s.n < PIECE && !last)
        return true;
    while (s.n) {
        ssize_t n = FAULT(WRITE) ? -1 : write(f->wire, s.p, s.n);

        if (n < 0 && errno != EINTR)
            return false;
        s = str_from(s, n > 0 ? (size_t)n : 0);
    }
    buf_clear(out);
    return true;
}

static void end_line(struct filter *f, struct buf *out)
{
    buf_add(out, STR("\r\n"));
    f->line = 0;
}

/* LF and CRLF end a line, and so does a CR alone: none may go out (R3.1). */
static void add_bytes(struct filter *f, struct str s, bool *cr, struct buf *out)
{
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];

        if (*cr || c == '\n') {
            bool pair = *cr && c == '\n';

            end_line(f, out);
            *cr = false;
            if (pair || c == '\n')
                continue;
        }
        if (c == '\r') {
            *cr = true;
            continue;
        }
        buf_byte(out, c);
        f->eight = f->eight || (unsigned char)c >= 0x80;
        if (++f->line > f->max_line)
            f->max_line = f->line;
    }
}

static enum status to_wire(struct filter *f)
{
    struct buf out = { 0 };
    char piece[PIECE];
    uint64_t at = 0;
    bool cr = false, good = true;
    ssize_t n;

    while (good && (n = FAULT(READ) ? -1 : pread(f->out, piece, sizeof piece, (off_t)at)) != 0) {
        if (n < 0 && errno == EINTR)
            continue;
        good = n > 0;
        if (!good)
            break;
        at += (uint64_t)n;
        add_bytes(f, (struct str){ piece, (size_t)n }, &cr, &out);
        good = put(f, &out, false);
    }
    if (good && (cr || f->line))
        end_line(f, &out);
    good = good && put(f, &out, true);
    buf_free(&out);
    return good ? ST_OK : why_errno(&f->why, ST_AGAIN, "keep what transport_filter printed");
}

static enum status divide(struct filter *f)
{
    off_t whole = lseek(f->wire, 0, SEEK_END);
    size_t most = whole < HEADER_MAX ? (size_t)(whole > 0 ? whole : 0) : HEADER_MAX;
    char *p = malloc(most + 1);
    struct str section, body;
    bool damaged;

    if (!p)
        die("no memory for a filtered message");
    if (whole <= 0 || pread(f->wire, p, most, 0) != (ssize_t)most) {
        free(p);
        return why_set(&f->why, ST_AGAIN, "transport_filter printed no message");
    }
    header_divide((struct str){ p, most }, &section, &body, &damaged);
    if (section.n == 0 || (body.n == 0 && whole > HEADER_MAX)) {
        free(p);
        return why_set(&f->why, ST_AGAIN, "transport_filter printed no header that ends");
    }
    f->body_at = body.n ? (uint64_t)(body.p - p) : (uint64_t)whole;
    f->size = (uint64_t)whole - f->body_at;
    f->header = (struct str){ p, section.n };      /* the section begins what was read */
    return ST_OK;
}

static enum status count_lines(struct filter *f)
{
    char piece[PIECE];
    ssize_t n;

    for (uint64_t at = 0; at < f->size; at += (uint64_t)n) {
        n = pread(f->wire, piece, sizeof piece, (off_t)(f->body_at + at));
        if (n <= 0)
            return why_errno(&f->why, ST_AGAIN, "read what transport_filter printed");
        for (ssize_t i = 0; i < n; i++)
            f->lines += piece[i] == '\n';
    }
    return ST_OK;
}

static void work(void *ctx)
{
    struct filter *f = ctx;

    f->status = to_wire(f);
    if (f->status == ST_OK)
        f->status = divide(f);
    if (f->status == ST_OK)
        f->status = count_lines(f);
}

/* ---- on the loop */

static void filter_free(struct filter *f)
{
    content_free(&f->content);
    if (f->out >= 0)
        close(f->out);
    if (f->wire >= 0)
        close(f->wire);
    free((void *)(uintptr_t)f->header.p);
    f->a->filter = NULL;
    free(f);
}

static void failed(struct filter *f)
{
    struct attempt *a = f->a;

    attempt_all(a, ITEM_AGAIN, f->why.err ? f->why.err : -1, "*", str_of(f->why.text));
    filter_free(f);
    attempt_end(a);
}

static void worked(void *ctx)
{
    struct filter *f = ctx;
    struct attempt *a = f->a;
    struct walk *w = a->w;

    f->busy = false;
    if (f->status != ST_OK) {
        failed(f);
        walk_release(w);
        return;
    }
    a->filtered = true;
    a->filtered_fd = f->wire;
    f->wire = -1;
    a->filtered_at = f->body_at;
    a->filtered_size = f->size;
    a->filtered_lines = f->lines;
    a->filtered_8bit = f->eight;
    a->filtered_max_line = f->max_line;
    a->header = arena_dup(&w->arena, f->header);
    filter_free(f);
    attempt_filtered(a);
    walk_release(w);
}

static void ended(void *ctx, const struct program_end *p)
{
    struct filter *f = ctx;
    struct attempt *a = f->a;
    struct str said = str_trim(str_head(p->output, str_find(str_trim(p->output), '\n')));
    const char *colon = said.n ? ": " : "";

    f->program = NULL;
    said = str_head(said, 200);
    if (p->started != ST_OK)
        why_set(&f->why, ST_AGAIN, "transport_filter: %s", p->why.text);
    else if (p->timed_out)
        why_set(&f->why, ST_AGAIN, "transport_filter took too long and was ended");
    else if (p->too_much)
        why_set(&f->why, ST_AGAIN, "transport_filter complained too much and was ended");
    else if (p->signal)
        why_set(&f->why, ST_AGAIN, "transport_filter was ended by signal %d%s%.*s", p->signal, colon, STR_ARG(said));
    else if (p->status)
        why_set(&f->why, ST_AGAIN, "transport_filter returned exit code %d%s%.*s", p->status, colon, STR_ARG(said));
    if (f->why.text[0]) {
        failed(f);
        return;
    }
    f->busy = true;
    walk_hold(a->w);
    pool_work(a->w->e->pool, work, worked, f);
}

static void local_ended(void *ctx, const struct local_end *end)
{
    struct filter *f = ctx;
    struct program_end p;

    f->local = NULL;
    program_end_of(end, &p);
    ended(f, &p);
}

static enum content_end next_piece(void *ctx, struct buf *out)
{
    struct filter *f = ctx;

    return content_next(&f->content, out);
}

static void run(struct filter *f, char **argv)
{
    struct attempt *a = f->a;
    int64_t uid = attempt_uid(a);
    struct program_want w = {
        .argv = argv, .envp = command_environment(a), .umask = 077, .timeout_ms = a->tr.filter_ms, .output_max = SAID_MAX,
        .content = &f->content, .out_fd = f->out, .file_max = FILE_MAX,
    };
    struct local_program p = {
        .argv = argv, .envp = w.envp, .umask = w.umask, .output_max = SAID_MAX, .out_fd = f->out, .file_max = FILE_MAX,
    };
    struct local_want l = { .program = &p, .group = a->tr.group, .initgroups = a->tr.initgroups, .timeout_ms = a->tr.filter_ms };

    if (uid == -1 || uid == (int64_t)geteuid()) {
        f->program = program_run(a->w->e->loop, &w, ended, f);
    } else if (uid < -1 || !a->w->e->cfg.local) {
        why_set(&f->why, ST_AGAIN, uid < -1 ? "there is no such user" : "transport_filter as another user needs the local delivery process");
        failed(f);
    } else {
        l.user = attempt_user(a, uid);
        f->local = local_deliver(a->w->e->cfg.local, &l, next_piece, local_ended, f);
    }
}

/* Its output is the message, as if it had been printed into the file. */
static void pretend(struct filter *f, struct program_end *end)
{
    struct str out = end->output;

    if (end->status == 0 && write(f->out, out.p, out.n) != (ssize_t)out.n)
        end->started = why_errno(&end->why, ST_AGAIN, "keep what a spec said");
    if (end->status == 0)
        end->output = STR("");
    ended(f, end);
}

void filter_start(struct attempt *a)
{
    struct program_end end = { .started = ST_OK };
    struct filter *f = calloc(1, sizeof *f);
    char **argv = command_argv(&a->w->arena, &a->tr.filter);

    if (!f)
        die("no memory for a filter");
    f->a = a;
    a->filter = f;
    f->out = f->wire = -1;
    f->content = (struct content){
        .header = a->header, .read = attempt_read_body, .ctx = a, .body_size = attempt_body_size(a),
    };
    if (!argv || argv[0][0] != '/')
        why_set(&f->why, ST_AGAIN, "transport_filter is no absolute path with arguments");
    else if (a->w->e->cfg.hermetic && !pretend_program(a->w->e, argv[0], &end))
        why_set(&f->why, ST_AGAIN, "%.*s", STR_ARG(pretend_refusal(&a->w->arena, argv[0])));
    else if ((f->out = nameless(a)) < 0 || (f->wire = nameless(a)) < 0)
        why_errno(&f->why, ST_AGAIN, "make a file for transport_filter");
    if (f->why.text[0])
        failed(f);
    else if (a->w->e->cfg.hermetic)
        pretend(f, &end);
    else
        run(f, argv);
}

void filter_cancel(struct attempt *a)
{
    struct filter *f = a->filter;

    if (!f)
        return;
    if (f->program)
        program_cancel(f->program);
    if (f->local)
        local_cancel(f->local);
    if (f->busy)
        walk_release(a->w);             /* its thread is gone, and worked() will not come */
    filter_free(f);
}
