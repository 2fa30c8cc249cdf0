/*
 * command - an attempt into a program (the pipe transport)
 *
 * By argument vector, never a shell. What a rule or an address gives as one
 * string is cut at blanks and nothing in it is expanded.
 */
#include "engine/attempt.h"

#include <stdio.h>

#include "mail/addr.h"

/* ---- environment: what Exim's programs are used to, and what the rule adds */

static void add_variable(struct arena *a, char **env, size_t *n, const char *name, struct str value)
{
    if (!memchr(value.p ? value.p : "", 0, value.n))
        env[(*n)++] = arena_z(a, arena_printf(a, "%s=%.*s", name, STR_ARG(value)));
}

static char **environment(struct attempt *a)
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
    add_variable(ar, env, &n, "PATH", a->tr.path);
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

static void ended(void *ctx, const struct program_end *p)
{
    struct attempt *a = ctx;
    bool temporary = p->signal == 0 && code_listed(&a->tr.temp_errors, p->status);

    a->program = NULL;
    content_free(&a->content);
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

static void refuse(struct attempt *a, const char *text)
{
    attempt_all(a, ITEM_AGAIN, -1, "*", str_of(text));
    attempt_end(a);
}

void command_start(struct attempt *a)
{
    struct engine *e = attempt_engine(a);
    struct val from_address = { .type = VAL_STR, .u.s = a->items->at.pipe };
    struct program_want w = { 0 };

    if (from_address.u.s.n && from_address.u.s.p[0] == '|')
        from_address.u.s = str_trim(str_from(from_address.u.s, 1));
    w.argv = command_argv(&a->w->arena, from_address.u.s.n ? &from_address : &a->tr.command);
    if (!w.argv) {
        refuse(a, "the command is no absolute path with arguments");
        return;
    }
    if (e->cfg.hermetic) {
        refuse(a, "no programs in a hermetic world");
        return;
    }
    fill_content(a);
    w.envp = environment(a);
    w.directory = a->tr.directory.n ? arena_z(&a->w->arena, a->tr.directory) : "/";
    w.umask = a->tr.umask;
    w.timeout_ms = a->tr.timeout_ms;
    w.output_max = a->tr.output_max;
    w.content = &a->content;
    a->program = program_run(e->loop, &w, ended, a);
}

void command_cancel(struct attempt *a)
{
    if (a->program)
        program_cancel(a->program);
    a->program = NULL;
    content_free(&a->content);
}
