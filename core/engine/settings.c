#include "engine/settings.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "dns/anchor.h"
#include "dns/servers.h"
#include "engine/prove.h"
#include "mail/domain.h"

static const struct str names[SET_COUNT] = {
#define X(name) STR_INIT(#name),
    SETTINGS(X)
#undef X
};

/* The table of options is the program's, the same in every generation. */
static int opts[SET_COUNT];
static bool opts_known;

struct str setting_name(enum setting s)
{
    return names[s];
}

int setting_opt(enum setting s)
{
    if (!opts_known) {
        for (int i = 0; i < SET_COUNT; i++)
            opts[i] = policy_opt_find(names[i]);
        opts_known = true;
    }
    return opts[s];
}

bool val_bool(const struct val *v, bool def)
{
    if (!v)
        return def;
    switch (v->type) {
    case VAL_BOOL: return v->u.b;
    case VAL_INT: return v->u.i != 0;
    case VAL_STR: return !(v->u.s.n == 0 || str_same_fold(v->u.s, STR("no")) || str_same_fold(v->u.s, STR("false")) || str_same(v->u.s, STR("0")));
    default: return def;
    }
}

/* Exim's K, M and G behind a number, and octal numbers as written in rules. */
int64_t val_int(const struct val *v, int64_t def)
{
    struct str s;
    uint64_t n, unit = 1;

    if (!v)
        return def;
    if (v->type == VAL_INT)
        return v->u.i;
    if (v->type == VAL_NUM)
        return (int64_t)v->u.d;
    if (v->type != VAL_STR || v->u.s.n == 0)
        return def;
    s = str_trim(v->u.s);
    switch (s.n ? ascii_upper(s.p[s.n - 1]) : 0) {
    case 'K': unit = 1024; s.n--; break;
    case 'M': unit = 1024 * 1024; s.n--; break;
    case 'G': unit = 1024 * 1024 * 1024; s.n--; break;
    default: break;
    }
    return str_u64(s, INT64_MAX / (1024 * 1024 * 1024), &n) ? (int64_t)(n * unit) : def;
}

int64_t val_time(const struct val *v, int64_t def)
{
    int64_t seconds;

    if (v && v->type == VAL_STR && v->u.s.n)
        return clock_interval(v->u.s, &seconds) ? seconds : def;
    return val_int(v, def);
}

struct str val_str(const struct val *v, struct str def)
{
    return v && v->type == VAL_STR ? v->u.s : def;
}

const struct val *setting_val(const struct settings *s, enum setting which)
{
    int opt = setting_opt(which);
    const struct val *v = opt < 0 ? NULL : policy_opt(s->policy, opt);

    return v && v->type != VAL_NIL && v->type != VAL_FUNC ? v : NULL;
}

bool setting_is_function(const struct settings *s, enum setting which)
{
    int opt = setting_opt(which);
    const struct val *v = opt < 0 ? NULL : policy_opt(s->policy, opt);

    return v && v->type == VAL_FUNC;
}

bool setting_bool(const struct settings *s, enum setting which, bool def)
{
    return val_bool(setting_val(s, which), def);
}

int64_t setting_int(const struct settings *s, enum setting which, int64_t def)
{
    return val_int(setting_val(s, which), def);
}

double setting_num(const struct settings *s, enum setting which, double def)
{
    const struct val *v = setting_val(s, which);

    return !v ? def : v->type == VAL_NUM ? v->u.d : v->type == VAL_INT ? (double)v->u.i : def;
}

int64_t setting_time(const struct settings *s, enum setting which, int64_t def)
{
    return val_time(setting_val(s, which), def);
}

struct str setting_str(const struct settings *s, enum setting which, struct str def)
{
    return val_str(setting_val(s, which), def);
}

static struct str list_text(const struct val *v, struct arena *a)
{
    struct buf b = { 0 };
    struct str text;

    for (size_t i = 0; i < v->u.list.n && b.n < 200; i++) {
        buf_add(&b, i ? STR(" : ") : STR(""));
        buf_add(&b, v->u.list.v[i]);
    }
    text = arena_dup(a, buf_str(&b));
    buf_free(&b);
    return text;
}

struct str setting_text(const struct settings *s, enum setting which, struct arena *a)
{
    const struct val *v = setting_val(s, which);

    if (setting_is_function(s, which))
        return STR("a function");
    if (!v)
        return STR("");
    switch (v->type) {
    case VAL_BOOL: return v->u.b ? STR("true") : STR("false");
    case VAL_INT: return arena_printf(a, "%lld", (long long)v->u.i);
    case VAL_NUM: return arena_printf(a, "%g", v->u.d);
    case VAL_STR: return v->u.s;
    case VAL_LIST: return list_text(v, a);
    default: return STR("");
    }
}

int setting_everybody(const struct settings *s, enum setting which, bool def)
{
    int opt = setting_opt(which);
    const struct val *v = opt < 0 ? NULL : policy_opt(s->policy, opt);
    struct str only;

    if (!v || v->type == VAL_NIL)
        return def;
    if (v->type == VAL_LIST && v->u.list.n == 0)
        return 0;
    if (v->type == VAL_LIST && v->u.list.n == 1)
        only = v->u.list.v[0];
    else if (v->type == VAL_STR)
        only = str_trim(v->u.s);
    else
        return -1;
    return only.n == 0 ? 0 : str_same(only, STR("*")) ? 1 : -1;
}

static int by_time(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

    return x < y ? -1 : x > y;
}

static void add_seconds(struct settings *s, int64_t seconds)
{
    if (seconds <= 0)
        return;
    s->warnings = realloc(s->warnings, (s->nwarnings + 1) * sizeof *s->warnings);
    if (!s->warnings)
        die("no memory for options");
    s->warnings[s->nwarnings++] = seconds;
}

static void add_warning(struct settings *s, struct str word)
{
    int64_t seconds;

    if (clock_interval(str_trim(word), &seconds))
        add_seconds(s, seconds);
}

static void read_warnings(struct settings *s)
{
    const struct val *v = setting_val(s, SET_delay_warning);
    struct str rest, word;

    if (!v) {
        add_warning(s, STR("24h"));
    } else if (v->type == VAL_LIST) {
        for (size_t i = 0; i < v->u.list.n; i++)
            add_warning(s, v->u.list.v[i]);
    } else if (v->type == VAL_STR) {
        for (rest = v->u.s; str_cut(&rest, ':', &word);)
            add_warning(s, word);
    } else if (v->type == VAL_INT) {
        add_seconds(s, v->u.i);
    }
    if (s->nwarnings)
        qsort(s->warnings, s->nwarnings, sizeof *s->warnings, by_time);
}

static void read_names(struct settings *s)
{
    s->hostname = setting_str(s, SET_primary_hostname, STR(""));
    if (s->hostname.n == 0) {
        if (gethostname(s->host_room, sizeof s->host_room - 1) < 0 || !s->host_room[0])
            memcpy(s->host_room, "localhost", 10);
        s->hostname = str_of(s->host_room);
    }
    s->qualify_domain = setting_str(s, SET_qualify_domain, s->hostname);
    if (s->qualify_domain.n == 0)
        s->qualify_domain = s->hostname;
    s->qualify_recipient = setting_str(s, SET_qualify_recipient, s->qualify_domain);
    if (s->qualify_recipient.n == 0)
        s->qualify_recipient = s->qualify_domain;
}

/* ---- ports that begin with TLS (F10) */

bool settings_port(struct str text, uint16_t *port)
{
    char name[64], room[1024];
    struct servent one, *found = NULL;
    uint64_t n;

    text = str_trim(text);
    if (str_u64(text, 65535, &n)) {
        *port = (uint16_t)n;
        return n > 0;
    }
    if (!text.n || text.n >= sizeof name || str_find(text, '\0') != SIZE_MAX)
        return false;
    memcpy(name, text.p, text.n);
    name[text.n] = '\0';
    if (getservbyname_r(name, "tcp", &one, room, sizeof room, &found) != 0 || !found)
        return false;
    *port = ntohs((uint16_t)found->s_port);
    return true;
}

static void read_ports(struct settings *s)
{
    const struct val *v = setting_val(s, SET_tls_on_connect_ports);
    size_t n = v && v->type == VAL_LIST ? v->u.list.n : 0;

    s->secure_ports = n ? calloc(n, sizeof *s->secure_ports) : NULL;
    if (n && !s->secure_ports)
        die("no memory for options");
    for (size_t i = 0; i < n; i++) {
        if (str_same(str_trim(v->u.list.v[i]), STR("*")))
            s->secure_all = true;
        else if (settings_port(v->u.list.v[i], &s->secure_ports[s->nsecure_ports]))
            s->nsecure_ports++;
        else
            log_line(LOG_PANIC, "tls_on_connect_ports: there is no service \"%.*s\"", STR_ARG(v->u.list.v[i]));
    }
}

bool settings_tls_on_connect(const struct settings *s, uint16_t port)
{
    for (size_t i = 0; i < s->nsecure_ports; i++)
        if (s->secure_ports[i] == port)
            return true;
    return s->secure_all;
}

static bool is_domain_option(struct str name)
{
    static const char *const domains[] = {
        "primary_hostname", "qualify_domain", "qualify_recipient", "message_id_header_domain", "smtp_active_hostname",
    };

    for (size_t i = 0; i < sizeof domains / sizeof *domains; i++)
        if (str_same(name, str_of(domains[i])))
            return true;
    return false;
}

enum status settings_check(struct str name, struct str value, struct why *why)
{
    const char *reason = "";
    struct servers servers;
    struct arena a = { 0 };
    struct buf keys = { 0 };
    enum status st = ST_OK;
    log_sel sel = 0;
    uint16_t port;

    if (str_same(name, STR("log_selector")))
        st = log_sel_read(value, &sel, why);
    else if (str_same(name, STR("dns_servers")))
        st = servers_read(arena_printf(&a, "<;%.*s", STR_ARG(value)), &servers, why);
    else if (str_same(name, STR("dns_trust_anchors")))
        st = anchor_add(value, &keys, why);
    else if (str_same(name, STR("tls_on_connect_ports")) && !str_same(str_trim(value), STR("*")) && !settings_port(value, &port))
        st = why_set(why, ST_NEVER, "tls_on_connect_ports: \"%.*s\" is neither a port nor a service of /etc/services",
                     STR_ARG(str_head(value, 60)));
    else if (is_domain_option(name) && value.n > 0 && !domain_valid_idn(value, &reason))
        st = why_set(why, ST_NEVER, "%.*s: \"%.*s\" is no domain: %s", STR_ARG(name), STR_ARG(str_head(value, 100)), reason);
    if (str_starts(name, STR("dkim_verify_")))
        st = prove_check(name, str_trim(value), why);
    if (str_same(name, STR("bounce_message_file")) || str_same(name, STR("warn_message_file"))) {
        struct template t;

        st = template_read(&t, value, why);
        template_free(&t);
    }
    buf_free(&keys);
    arena_free(&a);
    return st;
}

bool setting_logs(const struct settings *s, struct str selector)
{
    struct arena a = { 0 };
    log_sel one = 0;
    bool known = log_sel_read(arena_printf(&a, "-all +%.*s", STR_ARG(selector)), &one, NULL) == ST_OK;

    arena_free(&a);
    return known && (s->log & one) != 0;
}

/* A file that cannot be read costs the site's own words, not the report. */
static void read_template(struct settings *s, enum setting which, struct template *t)
{
    struct str path = setting_str(s, which, STR(""));
    struct why why = { 0 };

    if (path.n && template_read(t, path, &why) != ST_OK)
        log_line(LOG_MAIN, "%.*s: %s", STR_ARG(names[which]), why.text);
}

struct settings *settings_new(struct policy *p)
{
    struct settings *s = calloc(1, sizeof *s);
    const struct val *v;
    struct why why;

    if (!s)
        die("no memory for options");
    s->refs = 1;
    s->policy = p;
    policy_hold(p);
    read_names(s);
    read_warnings(s);
    read_ports(s);
    read_template(s, SET_bounce_message_file, &s->bounce);
    read_template(s, SET_warn_message_file, &s->warn);
    trust_read(&s->trust, setting_val(s, SET_trusted_users), setting_val(s, SET_trusted_groups));
    s->log = log_sel_default();
    s->log_json = setting_bool(s, SET_log_json, false);
    v = setting_val(s, SET_log_selector);
    if (v && v->type == VAL_STR && log_sel_read(v->u.s, &s->log, &why) != ST_OK)
        log_line(LOG_MAIN, "%s", why.text);     /* the checker said so first */
    return s;
}

struct settings *settings_hold(struct settings *s)
{
    s->refs++;
    return s;
}

void settings_release(struct settings *s)
{
    if (!s || --s->refs)
        return;
    policy_release(s->policy);
    template_free(&s->bounce);
    template_free(&s->warn);
    trust_free(&s->trust);
    free(s->warnings);
    free(s->secure_ports);
    free(s);
}
