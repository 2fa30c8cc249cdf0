/*
 * asked - programs that rules ask (queryprogram), run as deliveries' programs are
 */
#include "engine/pretend.h"

#include <stdlib.h>

#include "local/program.h"

/* What such a program finds: nothing of ours, and where the tools are. */
static char path[] = "PATH=/usr/local/bin:/usr/bin:/bin";
static char *const environment[] = { path, NULL };

struct asked {
    struct program *program;
    struct content nothing;         /* its standard input */
    policy_program_done *done;
    void *ctx;
};

static void asked_free(struct asked *a)
{
    content_free(&a->nothing);
    free(a);
}

static void ended(void *ctx, const struct program_end *p)
{
    struct asked *a = ctx;
    struct policy_program_end end = {
        .started = p->started, .timed_out = p->timed_out, .too_much = p->too_much, .signal = p->signal,
        .status = p->status, .output = p->output, .why = p->why,
    };

    a->done(a->ctx, &end);
    asked_free(a);
}

/* What a spec said that it answers. */
static void pretended(struct engine *e, const struct policy_program *p, policy_program_done *done, void *ctx)
{
    struct policy_program_end end = { .started = ST_OK };
    struct program_end found;
    struct arena a = { 0 };

    if (pretend_program(e, p->argv[0], &found)) {
        end.status = found.status;
        end.output = found.output;
    } else {
        end.started = why_set(&end.why, ST_AGAIN, "%.*s", STR_ARG(pretend_refusal(&a, p->argv[0])));
    }
    done(ctx, &end);
    arena_free(&a);
}

static void *run(struct engine *e, const struct policy_program *p, policy_program_done *done, void *ctx)
{
    struct asked *a = calloc(1, sizeof *a);
    struct program_want w = {
        .argv = p->argv, .envp = environment, .directory = p->directory, .umask = 077,
        .timeout_ms = p->timeout_ms, .output_max = p->output_max,
    };

    if (!a)
        die("no memory for a program");
    a->nothing.body_only = true;
    a->done = done;
    a->ctx = ctx;
    w.content = &a->nothing;
    a->program = program_run(e->loop, &w, ended, a);
    return a;
}

void *asked_run(void *engine, const struct policy_program *p, policy_program_done *done, void *ctx)
{
    struct engine *e = engine;

    if (!e->cfg.hermetic)
        return run(e, p, done, ctx);
    pretended(e, p, done, ctx);
    return NULL;
}

void asked_cancel(void *asked)
{
    struct asked *a = asked;

    program_cancel(a->program);
    asked_free(a);
}
