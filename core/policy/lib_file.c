/* Files for rules: redirect files, files that must be there, users of this machine
 * (keyed files: lib_look.c). Storage may be slow, so everything runs on a
 * helper thread; only secrets are read at load. A path may bear the mark "/./" of
 * path(): what follows it is opened beneath what precedes it, and no link is
 * followed on the way (R7.3). */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fault.h"
#include "policy/beneath.h"
#include "policy/trace.h"
#include "tls/secret.h"

enum { FILE_WAIT_MS = 30000, PATH_ROOM = FILE_PATH_ROOM, READ_MAX = 4 << 20, SECRET_MAX = 65536 };

enum file_verb { FILE_TEXT, FILE_IS_THERE, FILE_USER, FILE_GROUP };

/* A question that a thread works on. It is no one's when the asker has gone: the
 * thread cannot be stopped, so `wait` is emptied and the answer dropped. */
struct file_job {
    struct wait *wait;
    enum file_verb verb;
    char path[PATH_ROOM], below[PATH_ROOM];
    struct arena arena;
    /* the answer */
    enum status status;
    struct str text, gecos, shell;
    mode_t mode;
    uid_t uid;
    gid_t gid;
    off_t size;
    time_t mtime;
    char owner[64];
    struct why why;
};

/* ---- on the thread */

static bool missing(int err)
{
    return err == ENOENT || err == ENOTDIR;
}

static void fail(struct file_job *j, const char *what)
{
    j->status = missing(errno) ? ST_NONE : ST_AGAIN;
    why_errno(&j->why, j->status, "%s %s", what, j->path);
}

static bool read_all(struct file_job *j, int fd, size_t size)
{
    char *p = arena_alloc(&j->arena, size + 1);
    size_t got = 0;
    ssize_t n;

    while (got < size) {
        n = FAULT(READ) ? -1 : read(fd, p + got, size - got);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0) {
            why_errno(&j->why, ST_AGAIN, "read %s", j->path);
            return false;
        }
        if (n == 0)
            break;
        got += (size_t)n;
    }
    j->text = (struct str){ p, got };
    return true;
}

static void owner_name(struct file_job *j)
{
    struct passwd pw, *found = NULL;
    char room[4096];

    if (getpwuid_r(j->uid, &pw, room, sizeof room, &found) == 0 && found)
        snprintf(j->owner, sizeof j->owner, "%s", found->pw_name);
}

static void read_text(struct file_job *j)
{
    int fd = beneath_open(j->path, j->below, O_RDONLY);
    struct stat st;

    if (fd < 0) {
        fail(j, "open");
        return;
    }
    j->status = ST_AGAIN;
    if (fstat(fd, &st) < 0)
        why_errno(&j->why, ST_AGAIN, "stat %s", j->path);
    else if (!S_ISREG(st.st_mode))
        why_set(&j->why, ST_AGAIN, "%s is no plain file", j->path);
    else if (st.st_size > READ_MAX)
        why_set(&j->why, ST_AGAIN, "%s is larger than %d bytes", j->path, READ_MAX);
    else if (read_all(j, fd, (size_t)st.st_size)) {
        j->status = ST_OK;
        j->mode = st.st_mode & 07777;
        j->uid = st.st_uid;
        j->gid = st.st_gid;
        owner_name(j);
    }
    close(fd);
}

static void is_there(struct file_job *j)
{
    struct stat st;

    if (FAULT(OPEN) || stat(j->path, &st) < 0) {
        fail(j, "stat");
        return;
    }
    j->status = ST_OK;
    j->mode = st.st_mode;
    j->uid = st.st_uid;
    j->gid = st.st_gid;
    j->size = st.st_size;
    j->mtime = st.st_mtime;
}

static void user(struct file_job *j)
{
    struct passwd pw, *found = NULL;
    char room[16384];
    int err = getpwnam_r(j->path, &pw, room, sizeof room, &found);

    j->status = found ? ST_OK : ST_NONE;
    if (err && !found) {
        errno = err;
        j->status = why_errno(&j->why, ST_AGAIN, "look up user %s", j->path);
    }
    if (!found)
        return;
    j->uid = pw.pw_uid;
    j->gid = pw.pw_gid;
    j->text = arena_dup(&j->arena, str_of(pw.pw_dir));
    j->gecos = arena_dup(&j->arena, str_of(pw.pw_gecos ? pw.pw_gecos : ""));
    j->shell = arena_dup(&j->arena, str_of(pw.pw_shell ? pw.pw_shell : ""));
}

static void group(struct file_job *j)
{
    struct group gr, *found = NULL;
    char room[16384];
    int err = getgrnam_r(j->path, &gr, room, sizeof room, &found);

    j->status = found ? ST_OK : ST_NONE;
    if (err && !found) {
        errno = err;
        j->status = why_errno(&j->why, ST_AGAIN, "look up group %s", j->path);
    }
    if (found)
        j->gid = gr.gr_gid;
}

static void job_run(void *ctx)
{
    static void (*const verbs[])(struct file_job *) = {
        [FILE_TEXT] = read_text, [FILE_IS_THERE] = is_there, [FILE_USER] = user, [FILE_GROUP] = group,
    };
    struct file_job *j = ctx;

    verbs[j->verb](j);
}

/* ---- on the loop */

static void job_free(struct file_job *j)
{
    arena_free(&j->arena);
    free(j);
}

/* The wait's own copy of the answer. */
struct answer {
    struct file_job *job;       /* while the thread has it */
    enum file_verb verb;
    enum status status;
    struct str text, owner, why, gecos, shell;
    mode_t mode;
    uid_t uid;
    gid_t gid;
    off_t size;
    time_t mtime;
    int err;
};

static void job_cancel(void *ctx)
{
    struct answer *a = ctx;

    if (a->job)
        a->job->wait = NULL;
}

static int push_failure(lua_State *L, const struct answer *a)
{
    lua_pushstring(L, a->status == ST_NONE ? "none" : "again");
    push_str(L, a->why);
    if (a->err == EACCES || a->err == EPERM)
        lua_pushliteral(L, "EACCES");
    else if (a->err == ENOTDIR)
        lua_pushliteral(L, "ENOTDIR");
    else
        lua_pushnil(L);
    return 3;
}

static const char *kind_of(mode_t mode)
{
    return S_ISREG(mode) ? "file" : S_ISDIR(mode) ? "directory" : S_ISSOCK(mode) ? "socket" : "other";
}

/* { size, mtime, mode, uid, gid, kind } */
static int push_stat(lua_State *L, const struct answer *a)
{
    lua_createtable(L, 0, 6);
    set_num(L, "size", (double)a->size);
    set_num(L, "mtime", (double)a->mtime);
    set_num(L, "mode", a->mode & 07777);
    set_num(L, "uid", a->uid);
    set_num(L, "gid", a->gid);
    lua_pushstring(L, kind_of(a->mode));
    lua_setfield(L, -2, "kind");
    return 2;
}

static int answer_push(lua_State *L, void *ctx)
{
    struct answer *a = ctx;

    if (a->status != ST_OK)
        return push_failure(L, a);
    lua_pushliteral(L, "ok");
    if (a->verb == FILE_IS_THERE)
        return push_stat(L, a);
    if (a->verb == FILE_TEXT)
        push_str(L, a->text);
    lua_createtable(L, 0, 5);
    set_num(L, "mode", a->mode);
    set_num(L, "uid", a->uid);
    set_num(L, "gid", a->gid);
    set_str(L, "owner", a->owner);
    if (a->verb == FILE_USER) {
        set_str(L, "home", a->text);
        set_str(L, "gecos", a->gecos);
        set_str(L, "shell", a->shell);
    }
    return a->verb == FILE_TEXT ? 3 : 2;
}

static void job_done(void *ctx)
{
    struct file_job *j = ctx;
    struct wait *w = j->wait;
    struct answer *a;

    if (w) {
        a = wait_ctx(w);
        a->job = NULL;
        a->verb = j->verb;
        a->status = j->status;
        a->text = j->text.p ? arena_dup(wait_arena(w), j->text) : j->text;
        a->gecos = j->gecos.p ? arena_dup(wait_arena(w), j->gecos) : j->gecos;
        a->shell = j->shell.p ? arena_dup(wait_arena(w), j->shell) : j->shell;
        a->owner = j->owner[0] ? arena_dup(wait_arena(w), str_of(j->owner)) : (struct str){ 0 };
        a->why = arena_dup(wait_arena(w), str_of(j->why.text));
        a->err = j->why.err;
        a->mode = j->mode;
        a->uid = j->uid;
        a->gid = j->gid;
        a->size = j->size;
        a->mtime = j->mtime;
        wait_done(w, answer_push);
    }
    job_free(j);
}

/* The pool ends, and the answer will not come. */
static void job_drop(void *ctx)
{
    struct file_job *j = ctx;

    if (j->wait)
        ((struct answer *)wait_ctx(j->wait))->job = NULL;
    job_free(j);
}

static void copy_path(lua_State *L, int arg, char *out)
{
    struct str s = arg_str(L, arg, PATH_ROOM - 1);

    luaL_argcheck(L, str_find(s, 0) == SIZE_MAX, arg, "a path holds no NUL");
    memcpy(out, s.p, s.n);
    out[s.n] = 0;
}

static int start(lua_State *L, enum file_verb verb, const char *what, const char *path, const char *below)
{
    struct pool *pool = policy_env(L)->pool;
    struct wait *w;
    struct answer *a;
    struct file_job *j;

    if (!pool && policy_of(L)->loaded)
        return rule_error(L, "%s: files cannot be read here", what);
    w = wait_begin(L, what, FILE_WAIT_MS, job_cancel, sizeof *a);
    a = wait_ctx(w);
    j = calloc(1, sizeof *j);
    if (!j)
        die("out of memory");
    j->wait = w;
    j->verb = verb;
    snprintf(j->path, sizeof j->path, "%s", path);
    snprintf(j->below, sizeof j->below, "%s", below);
    a->job = j;
    pool_work_or(pool, job_run, job_done, job_drop, j);
    return wait_yield(w);
}

/* What a hermetic world does not show: files outside the rules, and users. */
static int nothing(lua_State *L, enum status st, const char *path)
{
    struct wait *w = wait_begin(L, "file", FILE_WAIT_MS, job_cancel, sizeof(struct answer));
    struct answer *a = wait_ctx(w);

    a->status = st;
    a->why = arena_printf(wait_arena(w), "%s is outside the rule directory of this hermetic world", path);
    wait_done(w, answer_push);
    return wait_yield(w);
}

/* Where a relative path begins, and all a hermetic world may read. */
static bool path_known(lua_State *L, char *path)
{
    const char *dir = arena_z(policy_scratch(L), policy_of(L)->dir);
    char whole[2 * PATH_ROOM];

    if (path[0] != '/') {
        if (strstr(path, "..") || !dir[0])
            return rule_error(L, "the path \"%s\" must begin with /", path);
        snprintf(whole, sizeof whole, "%s/./%s", dir, path);
        if (strlen(whole) >= PATH_ROOM)
            return rule_error(L, "the path \"%s\" is too long", path);
        memcpy(path, whole, strlen(whole) + 1);
        return true;
    }
    if (!policy_env(L)->hermetic)
        return true;
    return dir[0] && strncmp(path, dir, strlen(dir)) == 0 && path[strlen(dir)] == '/' && !strstr(path, "/..");
}

bool file_path(lua_State *L, int arg, char *out)
{
    copy_path(L, arg, out);
    return path_known(L, out);
}

/* file_read(path [, below]) -> "ok", text, { mode, uid, gid, owner } | "none" | "again", why, errno's name */
static int l_file_read(lua_State *L)
{
    char path[PATH_ROOM], below[PATH_ROOM] = "";

    copy_path(L, 1, path);
    if (!lua_isnoneornil(L, 2))
        copy_path(L, 2, below);
    if (!path_known(L, path))
        return nothing(L, ST_NONE, path);
    return start(L, FILE_TEXT, "file", path, below);
}

/* file_exists(path) -> "ok", { size, mtime, mode, uid, gid, kind } | "none" | "again", why */
static int l_file_exists(lua_State *L)
{
    char path[PATH_ROOM];

    copy_path(L, 1, path);
    if (!path_known(L, path))
        return nothing(L, ST_NONE, path);
    return start(L, FILE_IS_THERE, "require_files", path, "");
}

static int name_ask(lua_State *L, enum file_verb verb, const char *what)
{
    char name[PATH_ROOM];

    copy_path(L, 1, name);
    if (policy_env(L)->hermetic || strlen(name) > 256)
        return nothing(L, ST_NONE, name);
    return start(L, verb, what, name, "");
}

/* passwd(name) -> "ok", { uid, gid, home, gecos, shell } | "none" | "again", why */
static int l_passwd(lua_State *L)
{
    return name_ask(L, FILE_USER, "look up a user");
}

static int l_group(lua_State *L)
{
    return name_ask(L, FILE_GROUP, "look up a group");
}

/* ---- at load */

static bool secret_wrong(const struct stat *st, const char *path, struct why *why)
{
    if (!S_ISREG(st->st_mode))
        return why_set(why, ST_NEVER, "%s is no plain file", path), true;
    if (st->st_size > SECRET_MAX)
        return why_set(why, ST_NEVER, "%s is larger than %d bytes", path, SECRET_MAX), true;
    if (st->st_mode & 0026)
        return why_set(why, ST_NEVER, "%s may be read or written by others (chmod 0640 or less)", path), true;
    return false;
}

/* secret_file(path) -> text | nil, why. Plain: rules are being loaded. */
static int l_secret_file(lua_State *L)
{
    char path[PATH_ROOM];
    struct stat st;
    struct why why;
    char *text;
    ssize_t n = -1;
    int fd;

    copy_path(L, 1, path);
    if (!path_known(L, path)) {
        lua_pushnil(L);
        lua_pushfstring(L, "%s is outside the rule directory of this hermetic world", path);
        return 2;
    }
    text = lua_newuserdata(L, SECRET_MAX);
    fd = beneath_open(path, "", O_RDONLY);
    if (fd < 0 || fstat(fd, &st) < 0)
        why_errno(&why, ST_NEVER, "open %s", path);
    else if (!secret_wrong(&st, path, &why)) {
        n = read(fd, text, SECRET_MAX);
        if (n < 0)
            why_errno(&why, ST_NEVER, "read %s", path);
    }
    if (fd >= 0)
        close(fd);
    if (n < 0) {
        lua_pushnil(L);
        lua_pushstring(L, why.text);
        return 2;
    }
    trace_secret(policy_of(L), (struct str){ text, (size_t)n });
    lua_pushlstring(L, text, (size_t)n);
    explicit_bzero(text, SECRET_MAX);
    return 1;
}

static bool readable(const char *path, struct why *why)
{
    if (access(path, R_OK) == 0)
        return true;
    why_errno(why, ST_NEVER, "open %s", path);
    return false;
}

static bool usable_key(const char *path, struct why *why)
{
    struct buf text = { 0 };
    struct file_identity id;
    bool good = secret_read(str_of(path), SECRET_MAX, &text, &id, why) == ST_OK;

    secret_wipe(&text);
    return good;
}

static int judged(lua_State *L, bool (*judge)(const char *path, struct why *why))
{
    char path[PATH_ROOM];
    struct why why;

    copy_path(L, 1, path);
    if (!path_known(L, path) || judge(path, &why)) {
        lua_pushboolean(L, 1);
        return 1;
    }
    lua_pushnil(L);
    lua_pushstring(L, why.text);
    return 2;
}

/* file_readable(path), key_usable(path) -> true | nil, why. Plain: a file that rules name is looked
 * for when they are checked. What a hermetic world cannot see is taken as there. */
static int l_file_readable(lua_State *L)
{
    return judged(L, readable);
}

static int l_key_usable(lua_State *L)
{
    return judged(L, usable_key);
}

static const luaL_Reg plain[] = {
    { "secret_file", l_secret_file },
    { "file_readable", l_file_readable },
    { "key_usable", l_key_usable },
    { NULL, NULL },
};
static const luaL_Reg waits[] = {
    { "file_read", l_file_read },
    { "file_exists", l_file_exists },
    { "passwd", l_passwd },
    { "group", l_group },
    { NULL, NULL },
};

extern const struct lib lib_file;
const struct lib lib_file = { plain, waits };
