/* Lines added to a file that a site names: by a helper thread, what belongs together in one write. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/fault.h"
#include "policy/host.h"

enum { APPEND_WAIT_MS = 30000, APPEND_MAX = 1 << 20 };

struct append_job {                 /* the helper's; lives as long as it works */
    struct wait *wait;              /* NULL: nobody waits any more */
    char path[FILE_PATH_ROOM];
    char *text;
    size_t n;
    struct why why;                 /* empty: it is written */
};

struct append {
    struct append_job *job;
    struct str why;
};

static void run(void *ctx)
{
    struct append_job *j = ctx;
    int fd = FAULT(OPEN) ? -1 : open(j->path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0640);
    ssize_t n;

    if (fd < 0) {
        why_errno(&j->why, ST_AGAIN, "open %s", j->path);
        return;
    }
    n = FAULT(WRITE) ? -1 : write(fd, j->text, j->n);
    if (n >= 0 && (size_t)n != j->n)
        errno = ENOSPC;
    if (n < 0 || (size_t)n != j->n)
        why_errno(&j->why, ST_AGAIN, "write %s", j->path);
    close(fd);
}

static void free_job(struct append_job *j)
{
    free(j->text);
    free(j);
}

static int push(lua_State *L, void *ctx)
{
    const struct append *k = ctx;

    lua_pushboolean(L, !k->why.n);
    push_str(L, k->why);
    return 2;
}

static void done(void *ctx)
{
    struct append_job *j = ctx;
    struct append *k;

    if (j->wait) {
        k = wait_ctx(j->wait);
        k->job = NULL;
        k->why = arena_dup(wait_arena(j->wait), str_of(j->why.text));
        wait_done(j->wait, push);
    }
    free_job(j);
}

/* The pool ends: the answer will not come. */
static void drop(void *ctx)
{
    struct append_job *j = ctx;

    if (j->wait)
        ((struct append *)wait_ctx(j->wait))->job = NULL;
    free_job(j);
}

static void cancel(void *ctx)
{
    struct append *k = ctx;

    if (k->job)
        k->job->wait = NULL;
}

/* file_append(path, text) -> true | false, why */
static int l_file_append(lua_State *L)
{
    char path[FILE_PATH_ROOM];
    bool seen = file_path(L, 1, path);
    struct str text = arg_str(L, 2, APPEND_MAX);
    struct wait *w = wait_begin(L, "add to a file", APPEND_WAIT_MS, cancel, sizeof(struct append));
    struct append *k = wait_ctx(w);
    struct append_job *j;

    if (!seen || !policy_env(L)->pool) {
        k->why = STR("the file is outside of the rule directory of this hermetic world");
        wait_done(w, push);
        return wait_yield(w);
    }
    j = calloc(1, sizeof *j);
    if (!j || !(j->text = malloc(text.n + 1)))
        die("no memory for what is added to a file");
    memcpy(j->text, text.p, text.n);
    j->n = text.n;
    snprintf(j->path, sizeof j->path, "%s", path);
    j->wait = w;
    k->job = j;
    pool_work_or(policy_env(L)->pool, run, done, drop, j);
    return wait_yield(w);
}

static const luaL_Reg waits[] = {
    { "file_append", l_file_append },
    { NULL, NULL },
};

extern const struct lib lib_append;
const struct lib lib_append = { NULL, waits };
