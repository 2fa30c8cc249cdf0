/*
 * command - an attempt into a program (the pipe transport)
 *
 * By argument vector, never a shell. What a rule or an address gives as one
 * string is cut at blanks and nothing in it is expanded.
 */
#include "engine/attempt.h"

#include <stdio.h>
#include <unistd.h>

#include "engine/pretend.h"
#include "local/local.h"

/* ---- environment: what Exim's programs are used to, and what the rule adds */

static void add_variable(struct arena *a, char **env, size_t *n, const char *name, struct str value)
{
    if (!memchr(value.p ? value.p : "", 0, value.n))
        env[(*n)++] = arena_z(a, arena_printf(a, "%s=%.*s", name, STR_ARG(value)));
}

char **command_environment(struct attempt *a)
{
    struct arena *ar = &a->w->arena;
    const struct at_address *at = &a->items->at;
    const struct val *more = &a->tr.environment;
    char **env = arena_array(ar, char *, 20 + (more->type == VAL_LIST ? more->u.list.n : 0));
    size_t n = 0;

    add_variable(ar, env, &n, "LOCAL_PART", at->local_part);
    add_variable(ar, env, &n, "LOGNAME", at->local_part);
    add_variable(ar, env, &n, "USER", at->local_part);
    add_variable(ar, env, &n, "LOCAL_PART_PREFIX", at->prefix);
    add_variable(ar, env, &n, "LOCAL_PART_SUFFIX", at->suffix);
    add_variable(ar, env, &n, "DOMAIN", at->domain);
    add_variable(ar, env, &n, "HOME", a->tr.home.n ? a->tr.home : at->home);
    add_variable(ar, env, &n, "MESSAGE_ID", str_of(a->w->id.s));
    add_variable(ar, env, &n, "PATH", a->tr.path.n ? a->tr.path : STR("/bin:/usr/bin"));
    add_variable(ar, env, &n, "QUALIFY_DOMAIN", a->w->set->qualify_domain);
    add_variable(ar, env, &n, "RECIPIENT", at->address);
    add_variable(ar, env, &n, "SENDER", a->msg.sender);
    add_variable(ar, env, &n, "SHELL", STR("/bin/sh"));
    for (size_t i = 0; more->type == VAL_LIST && i < more->u.list.n; i++)
        if (str_find(more->u.list.v[i], '=') != SIZE_MAX && !memchr(more->u.list.v[i].p, 0, more->u.list.v[i].n))
            env[n++] = arena_z(ar, more->u.list.v[i]);
    env[n] = NULL;
    return env;
}

/* ---- content */

static void fill_content(struct attempt *a)
{
    const struct transport *t = &a->tr;

    attempt_content(a, &a->content, STR(""), STR(""));
    a->content.prefix = t->prefix.type == VAL_STR ? t->prefix.u.s : t->bsmtp ? STR("") : attempt_from_line(a);
    a->content.suffix = t->suffix.type == VAL_STR ? t->suffix.u.s : t->bsmtp ? STR("") : STR("\n");
    attempt_bsmtp(a, &a->content);
}

/* ---- the end */

static bool code_listed(const struct val *list, int code)
{
    struct str rest, word;
    char text[16];

    snprintf(text, sizeof text, "%d", code);
    if (list->type == VAL_NIL)
        return code == 75 || code == 73;        /* EX_TEMPFAIL, EX_CANTCREAT */
    if (list->type == VAL_LIST) {
        for (size_t i = 0; i < list->u.list.n; i++)
            if (str_same(str_trim(list->u.list.v[i]), str_of(text)) || str_same(list->u.list.v[i], STR("*")))
                return true;
        return false;
    }
    if (list->type != VAL_STR)
        return list->type == VAL_INT && list->u.i == code;
    for (rest = list->u.s; str_cut(&rest, ':', &word);)
        if (str_same(str_trim(word), str_of(text)) || str_same(str_trim(word), STR("*")))
            return true;
    return false;
}

static void end(struct attempt *a, enum item_end how, int err, const char *fmt, int number)
{
    char text[128];

    /* fmt is one of this file's own */
    snprintf(text, sizeof text, "%s%d", fmt, number);
    attempt_all(a, how, err, "*", str_of(text));
    attempt_end(a);
}

static void log_output(struct attempt *a, struct str output, bool failed, bool deferred)
{
    struct engine *e = attempt_engine(a);
    const struct transport *t = &a->tr;
    struct str line = str_head(str_trim(str_head(output, str_find(output, '\n'))), 256);

    if (line.n == 0 || !(t->log_output || (failed && t->log_fail_output) || (deferred && t->log_defer_output)))
        return;
    buf_addf(&e->line, "<%.*s>: %.*s transport output: %.*s", STR_ARG(a->items->at.address), STR_ARG(t->name), STR_ARG(line));
    engine_log(e, LOG_MAIN, str_of(a->w->id.s));
}

static void freeze(struct attempt *a, struct str why)
{
    a->w->freeze = true;
    a->w->freeze_why = arena_dup(&a->w->arena, why);
}

static void delivered(struct attempt *a, struct str output)
{
    if (a->tr.return_output && str_trim(output).n) {
        log_output(a, output, true, false);
        attempt_all(a, ITEM_NEVER, 0, "*", arena_printf(&a->w->arena, "the program said: %.*s",
                                                        STR_ARG(str_head(str_trim(str_head(output, str_find(output, '\n'))), 256))));
        attempt_end(a);
        return;
    }
    log_output(a, output, false, false);
    attempt_delivered(a, a->items->at.pipe);
}

/* ---- which program */

static bool allowed(const struct transport *t, const char *name)
{
    for (size_t i = 0; i < t->nallow; i++)
        if (str_same(str_trim(t->allow[i]), str_of(name)))
            return true;
    return false;
}

/* A name without a slash is looked for in the directories of path. */
static char *on_path(struct arena *a, const struct transport *t, const char *name)
{
    struct str rest = t->path, dir;
    char *z;

    while (str_cut(&rest, ':', &dir)) {
        if (dir.n == 0 || dir.p[0] != '/')
            continue;
        z = arena_z(a, arena_printf(a, "%.*s/%s", STR_ARG(dir), name));
        if (access(z, X_OK) == 0)
            return z;
    }
    return NULL;
}

/* argv[0] becomes a path, if the options allow it; else why not. */
static const char *find_program(struct arena *a, const struct transport *t, char **argv)
{
    bool listed = allowed(t, argv[0]);
    char *found = argv[0];

    if (!listed && t->nallow && !t->restrict_to_path)
        return "the command is not in allow_commands";
    if (!listed && t->restrict_to_path && strchr(argv[0], '/'))
        return "the command holds a slash, and restrict_to_path is set";
    if (!strchr(argv[0], '/'))
        found = on_path(a, t, argv[0]);
    if (!found)
        return "the command is not found on path";
    if (found[0] != '/')
        return "the command is no absolute path";
    argv[0] = found;
    return NULL;
}

/* ---- the end of it */

static void output_kept(struct attempt *a, struct str output)
{
    struct str text = str_trim(output);

    for (struct item *it = a->items; it && text.n; it = it->peer)
        it->output = arena_dup(&a->w->arena, text);
}

static void ended(void *ctx, const struct program_end *p)
{
    struct attempt *a = ctx;
    bool temporary = p->signal == 0 && code_listed(&a->tr.temp_errors, p->status);

    a->program = NULL;
    content_free(&a->content);
    if (a->tr.return_output || a->tr.return_fail_output)
        output_kept(a, p->output);
    if (p->started != ST_OK) {
        if (a->tr.freeze_exec_fail)
            freeze(a, str_of(p->why.text));
        attempt_all(a, p->started == ST_NEVER && !a->tr.freeze_exec_fail ? ITEM_NEVER : ITEM_AGAIN, p->why.err, "*", str_of(p->why.text));
        attempt_end(a);
    } else if (p->timed_out) {
        attempt_all(a, a->tr.timeout_defer ? ITEM_AGAIN : ITEM_NEVER, 0, "*", STR("the program took too long and was ended"));
        attempt_end(a);
    } else if (p->too_much) {
        attempt_all(a, ITEM_NEVER, 0, "*", STR("the program printed too much and was ended"));
        attempt_end(a);
    } else if (p->signal) {
        if (a->tr.freeze_signal)
            freeze(a, STR("the program was ended by a signal"));
        end(a, a->tr.freeze_signal ? ITEM_AGAIN : ITEM_NEVER, 0, "the program was ended by signal ", p->signal);
    } else if (p->status == 0 || a->tr.ignore_status) {
        delivered(a, p->output);
    } else {
        log_output(a, p->output, !temporary, temporary);
        end(a, temporary ? ITEM_AGAIN : ITEM_NEVER, 0, "the program returned exit code ", p->status);
    }
}

/* ---- as another user */

void program_end_of(const struct local_end *end, struct program_end *out)
{
    *out = (struct program_end){
        .started = end->status, .timed_out = end->late, .too_much = end->too_much, .signal = end->signal,
        .status = end->exit_status, .output = end->output, .why = end->why,
    };
}

static void local_ended(void *ctx, const struct local_end *end)
{
    struct attempt *a = ctx;
    struct program_end p;

    a->local = NULL;
    program_end_of(end, &p);
    ended(a, &p);
}

static enum content_end next_piece(void *ctx, struct buf *out)
{
    struct attempt *a = ctx;

    return content_next(&a->content, out);
}

/* ---- */

static void refuse(struct attempt *a, const char *text)
{
    attempt_all(a, ITEM_AGAIN, -1, "*", str_of(text));
    attempt_end(a);
}

static void run_as(struct attempt *a, int64_t uid, struct local_program *p)
{
    struct engine *e = attempt_engine(a);
    struct local_want w = { .program = p, .group = a->tr.group, .initgroups = a->tr.initgroups, .timeout_ms = a->tr.timeout_ms };

    if (uid < -1 || !e->cfg.local) {
        refuse(a, uid < -1 ? "there is no such user" : "a program as another user needs the local delivery process");
        return;
    }
    w.user = attempt_user(a, uid);
    p->out_fd = -1;
    a->local = local_deliver(e->cfg.local, &w, next_piece, local_ended, a);
}

static void run(struct attempt *a, char **argv)
{
    struct engine *e = attempt_engine(a);
    struct program_want w = { .argv = argv, .umask = a->tr.umask, .timeout_ms = a->tr.timeout_ms, .output_max = a->tr.output_max };
    int64_t uid = attempt_uid(a);

    fill_content(a);
    w.envp = command_environment(a);
    if (uid != -1 && uid != (int64_t)geteuid()) {
        struct local_program p = {
            .argv = argv, .envp = w.envp, .directory = a->tr.directory.n ? a->tr.directory : a->items->at.home,
            .umask = w.umask, .output_max = w.output_max,
        };

        run_as(a, uid, &p);
        return;
    }
    w.directory = a->tr.directory.n ? arena_z(&a->w->arena, a->tr.directory) : "/";
    w.content = &a->content;
    a->program = program_run(e->loop, &w, ended, a);
}

/* What the program would have been given is a delivery, for who looks at them. */
static void show(struct attempt *a, const char *program)
{
    struct engine *e = attempt_engine(a);
    struct delivery_seen seen = {
        .id = str_of(a->w->id.s), .recipient = a->items->at.address, .transport = a->tr.name, .file = str_of(program),
    };
    struct buf message = { 0 };

    while (content_next(&a->content, &message) == CONTENT_MORE)
        ;
    seen.message = buf_str(&message);
    if (e->on_delivery)
        e->on_delivery(e->on_delivery_ctx, &seen);
    buf_free(&message);
}

static void pretend(struct attempt *a, char **argv)
{
    const char *why = strchr(argv[0], '/') ? find_program(&a->w->arena, &a->tr, argv) : NULL;
    struct program_end end;

    if (why) {
        refuse(a, why);
    } else if (!pretend_program(attempt_engine(a), argv[0], &end)) {
        refuse(a, arena_z(&a->w->arena, pretend_refusal(&a->w->arena, argv[0])));
    } else {
        fill_content(a);
        if (end.status == 0)
            show(a, argv[0]);
        ended(a, &end);
    }
}

void command_start(struct attempt *a)
{
    struct val from_address = { .type = VAL_STR, .u.s = a->items->at.pipe };
    const char *why;
    char **argv;

    if (from_address.u.s.n && from_address.u.s.p[0] == '|')
        from_address.u.s = str_trim(str_from(from_address.u.s, 1));
    argv = command_argv(&a->w->arena, from_address.u.s.n && !a->tr.force_command ? &from_address : &a->tr.command);
    if (!argv)
        refuse(a, "there is no command that can be taken apart");
    else if (attempt_engine(a)->cfg.hermetic)
        pretend(a, argv);
    else if ((why = find_program(&a->w->arena, &a->tr, argv)))
        refuse(a, why);
    else
        run(a, argv);
}

void command_cancel(struct attempt *a)
{
    if (a->program)
        program_cancel(a->program);
    a->program = NULL;
    content_free(&a->content);
}
