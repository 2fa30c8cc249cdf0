#include "engine/facts.h"

#include <sys/stat.h>

#include <stdio.h>

#include "base/clock.h"
#include "base/json.h"
#include "engine/logline.h"

enum { LIST_MAX = 1000 };

/* ---- from the options of a generation */

static const struct val *option(const struct policy *p, const char *name)
{
    int opt = policy_opt_find(str_of(name));
    const struct val *v = opt < 0 ? NULL : policy_opt(p, opt);

    return v && v->type != VAL_NIL && v->type != VAL_FUNC ? v : NULL;
}

static struct str text_of(struct arena *a, const struct policy *p, const char *name)
{
    const struct val *v = option(p, name);

    if (v && v->type == VAL_INT)
        return arena_printf(a, "%lld", (long long)v->u.i);
    return v && v->type == VAL_STR ? arena_dup(a, v->u.s) : (struct str){ "", 0 };
}

static bool bool_of(const struct policy *p, const char *name, bool def)
{
    const struct val *v = option(p, name);

    return v && v->type == VAL_BOOL ? v->u.b : def;
}

static int64_t int_of(const struct policy *p, const char *name, int64_t def)
{
    const struct val *v = option(p, name);

    return v && v->type == VAL_INT ? v->u.i : def;
}

static void list_add(struct arena *a, struct str_list *l, struct str s)
{
    s = str_trim(s);
    if (s.n == 0 || l->n == LIST_MAX)
        return;
    if ((l->n & (l->n - 1)) == 0) {
        struct str *v = arena_array(a, struct str, l->n ? l->n * 2 : 1);

        if (l->n)
            memcpy(v, l->v, l->n * sizeof *v);
        l->v = v;
    }
    l->v[l->n++] = arena_dup(a, s);
}

/* A list, or one string divided by sep. */
static struct str_list list_of(struct arena *a, const struct policy *p, const char *name, char sep)
{
    const struct val *v = option(p, name);
    struct str_list l = { 0 };
    struct str rest, item;

    if (v && v->type == VAL_STR)
        for (rest = v->u.s; str_cut(&rest, sep, &item);)
            list_add(a, &l, item);
    if (v && v->type == VAL_LIST)
        for (size_t i = 0; i < v->u.list.n; i++)
            list_add(a, &l, v->u.list.v[i]);
    return l;
}

void facts_of(struct facts *f, const struct policy *p)
{
    struct arena *a = &f->arena;
    log_sel sel = log_sel_default();

    f->good = p != NULL;
    if (!p)
        return;
    f->listen = list_of(a, p, "listen", ',');       /* an address holds colons */
    f->roots = list_of(a, p, "local_delivery_roots", ':');
    f->programs = list_of(a, p, "local_delivery_programs", ':');
    f->never = list_of(a, p, "never_users", ':');
    f->workers = int_of(p, "workers", 0);
    f->lowest_uid = int_of(p, "local_lowest_uid", 0);
    f->user = text_of(a, p, "user");
    f->group = text_of(a, p, "group");
    f->spool = text_of(a, p, "spool_directory");
    if (str_same(f->spool, str_of(SPOOL_DEFAULT)))
        f->spool = STR("");         /* the default conflicts with nothing said elsewhere */
    f->log_path = text_of(a, p, "log_file_path");
    f->zone = bool_of(p, "log_timezone", false);
    f->timezone = text_of(a, p, "timezone");
    f->backlog = int_of(p, "smtp_connect_backlog", 0);
    f->rejectlog = bool_of(p, "write_rejectlog", true);
    f->json = bool_of(p, "log_json", false);
    f->watch = bool_of(p, "reload_on_change", false);
    log_sel_read(text_of(a, p, "log_selector"), &sel, NULL);
    f->millisec = log_sel_has(sel, LS_millisec);
    f->pid = log_sel_has(sel, LS_pid);
    f->arguments = log_sel_has(sel, LS_arguments);
}

void facts_problems(struct facts *f, const struct problems *p)
{
    struct buf b = { 0 };

    for (size_t i = 0; i < p->n; i++)
        buf_addf(&b, "%s%.*s:%d: %s%.*s", i ? "\n" : "", STR_ARG(p->v[i].file), p->v[i].line,
                 p->v[i].warning ? "warning: " : "", STR_ARG(p->v[i].text));
    f->problems = arena_dup(&f->arena, buf_str(&b));
    buf_free(&b);
}

/* ---- to the master and back */

static void put_list(struct buf *out, const char *name, const struct str_list *l)
{
    json_name(out, name);
    buf_byte(out, '[');
    for (size_t i = 0; i < l->n; i++) {
        if (i)
            buf_byte(out, ',');
        json_text(out, l->v[i]);
    }
    buf_byte(out, ']');
}

void facts_write(const struct facts *f, struct buf *out)
{
    buf_byte(out, '{');
    json_member_bool(out, "good", f->good);
    json_member_bool(out, "unsure", f->unsure);
    json_member(out, "problems", str_head(f->problems, 64 * 1024));
    put_list(out, "listen", &f->listen);
    put_list(out, "roots", &f->roots);
    put_list(out, "programs", &f->programs);
    put_list(out, "never", &f->never);
    json_member_int(out, "workers", f->workers);
    json_member_int(out, "lowest_uid", f->lowest_uid);
    json_member(out, "user", f->user);
    json_member(out, "group", f->group);
    json_member(out, "spool", f->spool);
    json_member(out, "log_path", f->log_path);
    json_member_bool(out, "millisec", f->millisec);
    json_member_bool(out, "zone", f->zone);
    json_member(out, "timezone", f->timezone);
    json_member_int(out, "backlog", f->backlog);
    json_member_bool(out, "pid", f->pid);
    json_member_bool(out, "arguments", f->arguments);
    json_member_bool(out, "rejectlog", f->rejectlog);
    json_member_bool(out, "json", f->json);
    json_member_bool(out, "watch", f->watch);
    buf_byte(out, '}');
}

static bool get_list(struct facts *f, struct str json, const char *name, struct str_list *l)
{
    struct str array, item;

    if (!json_get(&f->arena, json, name, &array))
        return false;
    while (json_next(&f->arena, &array, &item))
        list_add(&f->arena, l, item);
    return true;
}

bool facts_read(struct facts *f, struct str json)
{
    struct arena *a = &f->arena;

    f->good = json_get_bool(json, "good");
    f->unsure = json_get_bool(json, "unsure");
    f->millisec = json_get_bool(json, "millisec");
    f->zone = json_get_bool(json, "zone");
    f->pid = json_get_bool(json, "pid");
    f->arguments = json_get_bool(json, "arguments");
    f->rejectlog = json_get_bool(json, "rejectlog");
    f->json = json_get_bool(json, "json");
    f->watch = json_get_bool(json, "watch");
    return json_get(a, json, "problems", &f->problems) && json_get(a, json, "user", &f->user)
        && json_get(a, json, "group", &f->group) && json_get(a, json, "spool", &f->spool)
        && json_get(a, json, "log_path", &f->log_path) && json_get(a, json, "timezone", &f->timezone) && json_get_int(json, "backlog", &f->backlog)
        && json_get_int(json, "workers", &f->workers)
        && json_get_int(json, "lowest_uid", &f->lowest_uid) && get_list(f, json, "listen", &f->listen)
        && get_list(f, json, "roots", &f->roots) && get_list(f, json, "programs", &f->programs)
        && get_list(f, json, "never", &f->never);
}

void facts_free(struct facts *f)
{
    struct arena a = f->arena;

    arena_free(&a);
    *f = (struct facts){ 0 };
}

bool facts_list_same(const struct str_list *a, const struct str_list *b)
{
    if (a->n != b->n)
        return false;
    for (size_t i = 0; i < a->n; i++)
        if (!str_same(a->v[i], b->v[i]))
            return false;
    return true;
}

bool facts_list_has(const struct str_list *l, struct str s)
{
    for (size_t i = 0; i < l->n; i++)
        if (str_same(l->v[i], s))
            return true;
    return false;
}

bool facts_same_place(const char *a, const char *b)
{
    struct stat x, y;

    return strcmp(a, b) == 0 || (stat(a, &x) == 0 && stat(b, &y) == 0 && x.st_dev == y.st_dev && x.st_ino == y.st_ino);
}

void facts_log(const struct facts *f, const char *spool, char path[4096], struct log_config *c)
{
    if (f->log_path.n > 0)
        snprintf(path, 4096, "%.*s", STR_ARG(f->log_path));
    else
        snprintf(path, 4096, "%s/log/%%slog", spool);
    clock_zone(f->timezone);
    *c = (struct log_config){ .path = path, .millisec = f->millisec, .zone = f->zone, .pid = f->pid,
                              .json = f->json, .write_rejectlog = f->rejectlog };
}
