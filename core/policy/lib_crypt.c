/* Passwords against what crypt(3) kept of them. A good scheme takes a tenth of a
 * second and more, so it is a helper thread's work. */
#include <crypt.h>
#include <openssl/crypto.h>
#include <stdlib.h>

#include "policy/lua.h"

enum { CRYPT_WAIT_MS = 30000, PASSWORD_MAX = 512 };

/* No one's when the asker has gone: the thread cannot be stopped. */
struct crypt_job {
    struct wait *wait;
    char password[PASSWORD_MAX + 1], kept[CRYPT_OUTPUT_SIZE];
    struct crypt_data data;
    bool readable, same;
};

struct crypt_ask { struct crypt_job *job; bool readable, same; };

static void crypt_run(void *ctx)
{
    struct crypt_job *j = ctx;
    const char *made = crypt_r(j->password, j->kept, &j->data);

    /* Failure is told by a text that begins with '*' (crypt(3)). A kept text of another length than what it
     * makes was cut, or is a password in clear taken for the salt of the oldest scheme. */
    j->readable = made && made[0] != '*' && strlen(made) == strlen(j->kept);
    j->same = j->readable && CRYPTO_memcmp(made, j->kept, strlen(made)) == 0;
}

static int crypt_push(lua_State *L, void *ctx)
{
    const struct crypt_ask *k = ctx;

    if (k->readable)
        lua_pushboolean(L, k->same);
    else
        lua_pushnil(L);
    return 1;
}

/* The process ends before its turn came. */
static void crypt_drop(void *ctx)
{
    explicit_bzero(ctx, sizeof(struct crypt_job));
    free(ctx);
}

static void crypt_ended(void *ctx)
{
    struct crypt_job *j = ctx;
    struct crypt_ask *k;

    if (j->wait) {
        k = wait_ctx(j->wait);
        k->job = NULL;
        k->readable = j->readable;
        k->same = j->same;
        wait_done(j->wait, crypt_push);
    }
    crypt_drop(j);
}

static void crypt_cancel(void *ctx)
{
    struct crypt_ask *k = ctx;

    k->job->wait = NULL;
}

static void copy_text(lua_State *L, int arg, char *out, size_t room)
{
    struct str s = arg_str(L, arg, room - 1);

    luaL_argcheck(L, str_find(s, 0) == SIZE_MAX, arg, "a password holds no NUL");
    memcpy(out, s.p, s.n);
    out[s.n] = 0;
}

/* crypt_same(password, kept) -> boolean | nil: kept is nothing crypt(3) knows */
static int l_crypt_same(lua_State *L)
{
    char password[PASSWORD_MAX + 1], kept[CRYPT_OUTPUT_SIZE];
    struct pool *pool = policy_env(L)->pool;
    struct crypt_job *j;
    struct crypt_ask *k;
    struct wait *w;

    copy_text(L, 1, password, sizeof password);
    copy_text(L, 2, kept, sizeof kept);
    if (!pool)
        return luaL_error(L, "passwords cannot be compared here");
    w = wait_begin(L, "crypto.password", CRYPT_WAIT_MS, crypt_cancel, sizeof *k);
    k = wait_ctx(w);
    j = calloc(1, sizeof *j);
    if (!j)
        die("out of memory");
    j->wait = w;
    memcpy(j->password, password, sizeof password);
    memcpy(j->kept, kept, sizeof kept);
    k->job = j;
    pool_work_or(pool, crypt_run, crypt_ended, crypt_drop, j);
    return wait_yield(w);
}

static const luaL_Reg waits[] = {
    { "crypt_same", l_crypt_same },
    { NULL, NULL },
};

extern const struct lib lib_crypt;
const struct lib lib_crypt = { NULL, waits };
