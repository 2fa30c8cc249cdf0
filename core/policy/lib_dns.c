/* Names for rules: records, the hosts of a domain, the name of an address. Each
 * gives  "ok", array  |  "none", nil, why  |  "again", nil, why : the library
 * decides which of them is raised. */
#include "policy/host.h"

enum { DNS_WAIT_MS = 60000 };

static int push_why(lua_State *L, const char *status, const char *why)
{
    lua_pushstring(L, status);
    lua_pushnil(L);
    lua_pushstring(L, why);
    return 3;
}

/* ---- records */

struct ask {
    struct dns_query *q;
    struct dns_rr *rr;
    size_t n;
    enum status status;
    bool secure;
    struct why why;
};

static void ask_cancel(void *ctx)
{
    dns_cancel(((struct ask *)ctx)->q);
}

static void push_rr(lua_State *L, const struct dns_rr *rr)
{
    lua_createtable(L, 0, 5);
    set_str(L, "name", rr->name);
    set_num(L, "ttl", rr->ttl);
    if (rr->ip.v)
        set_str(L, "ip", ip_text(policy_scratch(L), rr->ip));
    if (rr->target.p)
        set_str(L, "target", rr->target);
    if (rr->text.p)
        set_str(L, "text", rr->text);
    if (rr->data.p)
        set_str(L, "data", rr->data);
    if (rr->type == DNS_MX || rr->type == DNS_SRV)
        set_num(L, "preference", rr->preference);
    if (rr->type == DNS_SRV) {
        set_num(L, "weight", rr->weight);
        set_num(L, "port", rr->port);
    }
}

/* What m.lookup_dnssec_authenticated says until the next question. */
static void note_secure(lua_State *L, bool secure)
{
    struct eval *e = eval_running(L);

    if (e)
        e->txn->lookup_dnssec = secure ? STR("yes") : STR("no");
}

static int ask_push(lua_State *L, void *ctx)
{
    struct ask *k = ctx;

    note_secure(L, k->status == ST_OK && k->secure);
    if (k->status != ST_OK)
        return push_why(L, k->status == ST_NONE ? "none" : "again", k->why.text);
    lua_pushliteral(L, "ok");
    lua_createtable(L, (int)k->n, 0);
    for (size_t i = 0; i < k->n; i++) {
        push_rr(L, &k->rr[i]);
        lua_rawseti(L, -2, (int)i + 1);
    }
    lua_createtable(L, 0, 1);
    set_bool(L, "secure", k->secure);
    return 3;
}

/* Types whose fields are not all taken apart here: rules get the record's own bytes. */
static bool keeps_data(uint16_t type)
{
    return type == DNS_TXT || type == DNS_SPF || type == DNS_SOA || type == DNS_TLSA || type == DNS_CAA;
}

/* Absent text stays absent; empty text is kept known. */
static struct str keep(struct arena *a, struct str s)
{
    return s.p ? arena_dup(a, s) : s;
}

static void ask_done(void *ctx, const struct dns_answer *a)
{
    struct wait *w = ctx;
    struct ask *k = wait_ctx(w);
    struct arena *m = wait_arena(w);

    k->q = NULL;
    k->status = a->status;
    k->secure = a->security == DNS_SECURE;
    k->why = a->why;
    if (a->status == ST_OK && a->n) {
        k->n = a->n;
        k->rr = arena_array(m, struct dns_rr, a->n);
        for (size_t i = 0; i < a->n; i++) {
            k->rr[i] = a->rr[i];
            k->rr[i].name = keep(m, a->rr[i].name);
            k->rr[i].target = keep(m, a->rr[i].target);
            k->rr[i].text = keep(m, a->rr[i].text);
            k->rr[i].data = keeps_data(k->rr[i].type) ? keep(m, k->rr[i].data) : (struct str){ 0 };
        }
    } else if (a->status == ST_OK) {
        k->status = ST_NONE;
    }
    if (k->status == ST_NONE && !k->why.text[0])
        why_set(&k->why, ST_NONE, "%s", a->nxdomain ? "the name does not exist" : "there is no such record");
    wait_done(w, ask_push);
}

/* A name that cannot be one needs no question. */
static bool no_name(struct str name)
{
    return name.n == 0 || name.n > 255;
}

/* dns(type, name [, seconds]) -> "ok", records, { secure = } | "none" | "again", nil, why */
static int l_dns(lua_State *L)
{
    struct str type = arg_str(L, 1, 10), name = arg_str(L, 2, 1024);
    uint16_t number;
    struct wait *w;
    struct ask *k;
    double seconds = luaL_optnumber(L, 3, DNS_WAIT_MS / 1000.0);

    luaL_argcheck(L, dns_type_find(type, &number), 1, "no such type of record");
    luaL_argcheck(L, seconds > 0 && seconds <= 600, 3, "up to 600 seconds");
    w = wait_begin(L, "dns", (int64_t)(seconds * 1000), ask_cancel, sizeof *k);
    k = wait_ctx(w);
    if (no_name(name)) {
        k->status = why_set(&k->why, ST_NONE, "that is no name");
        wait_done(w, ask_push);
        return wait_yield(w);
    }
    k->q = dns_ask(policy_env(L)->dns, name, number, ask_done, w);
    return wait_yield(w);
}

/* ---- hosts */

struct find {
    struct hosts_query *q;
    struct host *host;
    size_t n;
    enum hosts_end end;
    bool secure, has_mx, nxdomain;
    struct why why;
};

static void find_cancel(void *ctx)
{
    hosts_cancel(((struct find *)ctx)->q);
}

static void push_host(lua_State *L, const struct host *h)
{
    lua_createtable(L, 0, 5);
    set_str(L, "name", h->name);
    set_str(L, "ip", ip_text(policy_scratch(L), h->ip));
    set_num(L, "port", h->port);
    set_num(L, "preference", h->preference);
    set_bool(L, "secure", h->secure);
    if (h->mx_of.n)
        set_str(L, "mx_of", h->mx_of);
    if (h->mx_at.n)
        set_str(L, "mx_at", h->mx_at);
}

static int find_push(lua_State *L, void *ctx)
{
    static const char *const names[] = {
        [HOSTS_OK] = "ok", [HOSTS_NONE] = "none", [HOSTS_NULL_MX] = "null_mx", [HOSTS_AGAIN] = "again",
    };
    struct find *k = ctx;

    if (k->end != HOSTS_OK)
        return push_why(L, names[k->end], k->why.text);
    lua_pushliteral(L, "ok");
    lua_createtable(L, (int)k->n, 0);
    for (size_t i = 0; i < k->n; i++) {
        push_host(L, &k->host[i]);
        lua_rawseti(L, -2, (int)i + 1);
    }
    lua_pushnil(L);
    lua_createtable(L, 0, 2);
    set_bool(L, "secure", k->secure);
    set_bool(L, "has_mx", k->has_mx);
    return 4;
}

static void find_done(void *ctx, const struct hosts_answer *a)
{
    struct wait *w = ctx;
    struct find *k = wait_ctx(w);
    struct arena *m = wait_arena(w);

    k->q = NULL;
    k->end = a->end;
    k->secure = a->secure;
    k->has_mx = a->has_mx;
    k->nxdomain = a->nxdomain;
    k->why = a->why;
    if (a->end == HOSTS_OK && a->n) {
        k->n = a->n;
        k->host = arena_array(m, struct host, a->n);
        for (size_t i = 0; i < a->n; i++)
            k->host[i] = host_dup(m, &a->host[i]);
    }
    wait_done(w, find_push);
}

/* hosts(domain, { mx =, mx_required =, ipv4_only =, ipv4_prefer =, dnssec_require =, randomize = }) */
static int l_hosts(lua_State *L)
{
    struct str domain = arg_str(L, 1, 1024);
    struct hosts_want want = { 0 };
    struct wait *w;
    struct find *k;

    luaL_checktype(L, 2, LUA_TTABLE);
    want.mx = field_bool(L, 2, "mx");
    want.mx_required = field_bool(L, 2, "mx_required");
    want.ipv4_only = field_bool(L, 2, "ipv4_only");
    want.ipv4_prefer = field_bool(L, 2, "ipv4_prefer");
    want.dnssec_require = field_bool(L, 2, "dnssec_require");
    want.mx_to_ip = field_bool(L, 2, "mx_to_ip");
    want.randomize = field_bool(L, 2, "randomize");
    w = wait_begin(L, "dns.hosts", DNS_WAIT_MS, find_cancel, sizeof *k);
    k = wait_ctx(w);
    if (no_name(domain)) {
        k->end = HOSTS_NONE;
        why_set(&k->why, ST_NONE, "that is no name");
        wait_done(w, find_push);
        return wait_yield(w);
    }
    k->q = hosts_ask(policy_env(L)->dns, domain, &want, find_done, w);
    return wait_yield(w);
}

/* reverse(ip) -> as hosts; the first one's name is the verified name */
static int l_reverse(lua_State *L)
{
    struct str text = arg_str(L, 1, 255);
    struct ip ip;
    struct wait *w;
    struct find *k;

    luaL_argcheck(L, ip_parse(text, &ip), 1, "that is no address");
    w = wait_begin(L, "dns.reverse", DNS_WAIT_MS, find_cancel, sizeof *k);
    k = wait_ctx(w);
    k->q = hosts_reverse(policy_env(L)->dns, ip, find_done, w);
    return wait_yield(w);
}

static const luaL_Reg waits[] = {
    { "dns", l_dns },
    { "hosts", l_hosts },
    { "reverse", l_reverse },
    { NULL, NULL },
};

extern const struct lib lib_dns;
const struct lib lib_dns = { NULL, waits };
