/*
 * vars_system - the engine, its machine and its clock
 */
#include "policy/vars.h"

#include <limits.h>
#include <stdlib.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/load.h"
#include "getters.h"
#include "policy/host.h"

#ifndef PERIGEE_VERSION
#define PERIGEE_VERSION "unknown"
#endif

/* ---- options shown as variables */

static const struct val *option(const struct vars *v, const char *name)
{
    int opt = policy_opt_find(str_of(name));

    return opt >= 0 && v->policy ? policy_opt(v->policy, opt) : NULL;
}

static void host_name(const struct vars *v, struct val *out)
{
    char *name = arena_alloc(v->arena, 256);

    if (gethostname(name, 255) < 0 || !*name)
        strcpy(name, "localhost");
    val_text(out, str_of(name));
}

void get_primary_hostname(const struct vars *v, struct val *out)
{
    const struct val *set = option(v, "primary_hostname");

    if (set && set->type == VAL_STR)
        *out = *set;
    else
        host_name(v, out);
}

void get_qualify_domain(const struct vars *v, struct val *out)
{
    const struct val *set = option(v, "qualify_domain");

    if (set && set->type == VAL_STR)
        *out = *set;
    else
        get_primary_hostname(v, out);
}

void get_qualify_recipient(const struct vars *v, struct val *out)
{
    const struct val *set = option(v, "qualify_recipient");

    if (set && set->type == VAL_STR)
        *out = *set;
    else
        get_qualify_domain(v, out);
}

void get_bounce_return_size_limit(const struct vars *v, struct val *out)
{
    const struct val *set = option(v, "bounce_return_size_limit");
    int64_t n = set && set->type == VAL_INT ? set->u.i : 100 * 1024;

    val_int(out, (n + 999) / 1000 * 1000);
}

void get_localhost_number(const struct vars *v, struct val *out)
{
    const struct val *set = option(v, "localhost_number");

    if (set && set->type == VAL_INT)
        *out = *set;
}

void get_spool_directory(const struct vars *v, struct val *out)
{
    val_text(out, str_of(v->policy ? v->policy->env.spool_dir : NULL));
}

void get_config_dir(const struct vars *v, struct val *out)
{
    val_text(out, v->policy ? v->policy->dir : STR("."));
}

void get_version(const struct vars *v, struct val *out)
{
    (void)v;
    val_text(out, STR(PERIGEE_VERSION));
}

/* ---- the process and its machine */

void get_uid(const struct vars *v, struct val *out) { (void)v; val_int(out, getuid()); }
void get_gid(const struct vars *v, struct val *out) { (void)v; val_int(out, getgid()); }
void get_pid(const struct vars *v, struct val *out) { (void)v; val_int(out, getpid()); }
void get_compile_date(const struct vars *v, struct val *out) { (void)v; val_text(out, STR(__DATE__ " " __TIME__)); }
void get_compile_number(const struct vars *v, struct val *out) { (void)v; val_text(out, STR("1")); }
void get_regex_cachesize(const struct vars *v, struct val *out) { (void)v; val_int(out, 0); }

void get_program_path(const struct vars *v, struct val *out)
{
    char *path = arena_alloc(v->arena, PATH_MAX);
    ssize_t n = readlink("/proc/self/exe", path, PATH_MAX - 1);

    if (n > 0)
        val_text(out, (struct str){ path, (size_t)n });
}

void get_initial_cwd(const struct vars *v, struct val *out)
{
    if (v->policy)
        val_text_if(out, v->policy->cwd);
}

void get_load_average(const struct vars *v, struct val *out)
{
    (void)v;
    val_int(out, (int64_t)(load_average() * 1000));
}

void get_queue_size(const struct vars *v, struct val *out)
{
    const struct policy_env *e = v->policy ? &v->policy->env : NULL;

    val_int(out, e && e->queue_size ? (int64_t)e->queue_size(e->ctx) : 0);
}

static void space(const char *dir, bool inodes, struct val *out)
{
    struct statvfs fs;

    if (!dir || statvfs(dir, &fs) < 0)
        val_int(out, -1);
    else if (inodes)
        val_int(out, (int64_t)fs.f_favail);
    else
        val_int(out, (int64_t)(fs.f_bavail * (fs.f_frsize / 1024.0)));
}

static const char *spool_dir(const struct vars *v)
{
    return v->policy ? v->policy->env.spool_dir : NULL;
}

static const char *log_dir(const struct vars *v)
{
    const char *spool = spool_dir(v), *log;

    if (!spool)
        return NULL;
    log = arena_printf(v->arena, "%s/log", spool).p;
    return access(log, F_OK) == 0 ? log : spool;
}

void get_spool_space(const struct vars *v, struct val *out) { space(spool_dir(v), false, out); }
void get_spool_inodes(const struct vars *v, struct val *out) { space(spool_dir(v), true, out); }
void get_log_space(const struct vars *v, struct val *out) { space(log_dir(v), false, out); }
void get_log_inodes(const struct vars *v, struct val *out) { space(log_dir(v), true, out); }

/* ---- the time of day, as Exim prints it */

static struct tm moment(bool utc)
{
    time_t now = (time_t)clock_wall();
    struct tm tm;

    return *(utc ? gmtime_r(&now, &tm) : localtime_r(&now, &tm));
}

#define STAMP(name, format, utc)                                    \
    void get_##name(const struct vars *v, struct val *out)          \
    {                                                               \
        char *text = arena_alloc(v->arena, 64);                     \
        struct tm tm = moment(utc);                                 \
                                                                    \
        val_text(out, (struct str){ text, strftime(text, 64, format, &tm) }); \
    }

STAMP(tod_bsdinbox, "%a %b %d %H:%M:%S %Y", false)
STAMP(tod_log, "%Y-%m-%d %H:%M:%S", false)
STAMP(tod_logfile, "%Y%m%d", false)
STAMP(tod_zone, "%z", false)
STAMP(tod_zulu, "%Y%m%d%H%M%SZ", true)

void get_tod_full(const struct vars *v, struct val *out) { val_text(out, clock_rfc5322(v->arena, clock_wall())); }

void get_tod_epoch(const struct vars *v, struct val *out)
{
    val_text(out, arena_printf(v->arena, "%lld", (long long)clock_wall()));
}

void get_tod_epoch_l(const struct vars *v, struct val *out)
{
    val_text(out, arena_printf(v->arena, "%lld", (long long)clock_wall_us()));
}
