#include "base/fault.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/str.h"
#include "base/why.h"

static const char *const kind_name[FAULT_KINDS] = {
    "open", "write", "flush", "read", "rename", "unlink", "lmdb", "alloc", "socket", "connect",
    "send", "recv", "dns", "fork", "helper", "log",
};

static const struct { const char *name; int err; } errnos[] = {
    { "EIO", EIO }, { "ENOSPC", ENOSPC }, { "EDQUOT", EDQUOT }, { "EROFS", EROFS }, { "EACCES", EACCES },
    { "ENOMEM", ENOMEM }, { "EMFILE", EMFILE }, { "ENFILE", ENFILE }, { "ENOENT", ENOENT },
    { "ECONNREFUSED", ECONNREFUSED }, { "ECONNRESET", ECONNRESET }, { "ETIMEDOUT", ETIMEDOUT },
    { "EPIPE", EPIPE }, { "EAGAIN", EAGAIN }, { "EINTR", EINTR },
};

/* What the environment asks for, read once; a process has one environment. */
static struct {
    struct { uint64_t at; bool later; int err; } plan[FAULT_KINDS];
    _Atomic uint64_t used[FAULT_KINDS];
    struct str point;
    uint64_t passage;
    _Atomic uint64_t passed;
} state;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static int errno_named(struct str name)
{
    for (size_t i = 0; i < sizeof errnos / sizeof *errnos; i++)
        if (str_same(name, str_of(errnos[i].name)))
            return errnos[i].err;
    die("PERIGEE_FAULT: no errno %.*s", STR_ARG(name));
}

/* kind:n[+][:ERRNO] */
static void read_plan(struct str text)
{
    struct str name, number, err = STR("EIO");
    bool later = false;
    uint64_t n;

    if (!str_cut(&text, ':', &name) || !str_cut(&text, ':', &number))
        die("PERIGEE_FAULT wants kind:n");
    if (text.p)
        err = text;
    if (str_ends(number, STR("+"))) {
        later = true;
        number.n--;
    }
    if (!str_u64(number, UINT64_MAX, &n))
        die("PERIGEE_FAULT: no number in %.*s", STR_ARG(number));
    for (int k = 0; k < FAULT_KINDS; k++)
        if (str_same(name, str_of(kind_name[k]))) {
            state.plan[k].at = n;
            state.plan[k].later = later;
            state.plan[k].err = errno_named(err);
            return;
        }
    die("PERIGEE_FAULT: no kind %.*s", STR_ARG(name));
}

static void read_environment(void)
{
    struct str faults = str_of(getenv("PERIGEE_FAULT")), crash = str_of(getenv("PERIGEE_CRASH")), one;
    uint64_t n;

    while (str_cut(&faults, ',', &one))
        if (one.n > 0)
            read_plan(one);
    if (str_cut(&crash, ':', &state.point)) {
        state.passage = 1;
        if (crash.p && str_u64(crash, UINT64_MAX, &n))
            state.passage = n;
    }
}

bool fault_hit(enum fault_kind k)
{
    uint64_t n;

    pthread_once(&once, read_environment);
    if (state.plan[k].at == 0)
        return false;
    n = atomic_fetch_add(&state.used[k], 1) + 1;
    if (n != state.plan[k].at && !(state.plan[k].later && n > state.plan[k].at))
        return false;
    errno = state.plan[k].err;
    return true;
}

/* 137 is what a shell shows for kill -9; no handler runs, nothing is flushed. */
void fault_crash(const char *point)
{
    pthread_once(&once, read_environment);
    if (state.point.n > 0 && str_same(state.point, str_of(point))
        && atomic_fetch_add(&state.passed, 1) + 1 == state.passage)
        _exit(137);
}
