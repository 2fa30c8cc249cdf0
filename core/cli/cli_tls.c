/*
 * cli_tls - `perigee tls`: what a delivery to a host would negotiate
 *
 * The rules route an address there; each host the router gives is looked at
 * (engine/tlslook.h) as the transport would meet it.
 */
#include "cli/cli_ask.h"

#include "base/json.h"
#include "engine/tlslook.h"

enum { ROUTE_MS = 120000, LOOK_MS = 180000, HOSTS_MAX = 5 };

struct looking {
    struct cli *cli;
    struct arena *arena;
    struct at_address at;
    struct host *hosts;
    size_t n;
    bool done, deferred, used;
    struct str trouble;             /* why there is no host to look at */
    struct buf out;
};

static bool done_yet(void *ctx)
{
    return ((struct looking *)ctx)->done;
}

/* ---- where to */

static void routed(void *ctx, struct route_item *items, size_t n)
{
    struct looking *l = ctx;

    l->done = true;
    for (size_t i = 0; i < n; i++) {
        const struct route_item *it = &items[i];

        if (it->kind == ROUTE_DEFER || it->kind == ROUTE_FREEZE)
            l->deferred = true;
        if (it->kind != ROUTE_TO || it->nhosts == 0) {
            if (!l->trouble.n)
                l->trouble = it->text.n ? arena_dup(l->arena, it->text) : STR("its mail goes to no host that a router names");
            continue;
        }
        if (l->n)
            continue;
        l->at = (struct at_address){
            .address = arena_dup(l->arena, it->at.address), .local_part = arena_dup(l->arena, it->at.local_part),
            .domain = arena_dup(l->arena, it->at.domain), .router = arena_dup(l->arena, it->at.router),
            .transport = arena_dup(l->arena, it->at.transport), .local_uid = -1, .local_gid = -1,
        };
        l->hosts = arena_array(l->arena, struct host, it->nhosts);
        for (; l->n < it->nhosts && l->n < HOSTS_MAX; l->n++) {
            l->hosts[l->n] = host_dup(l->arena, &it->hosts[l->n]);
        }
    }
}

/* ---- in words */

static const char *const OCSP[] = { "not asked for", "none was sent", "not verified", "bad", "good" };
static const char *const VERDICT[] = { "unused", "unseen", "clear", "unverified", "verified", "dane" };

static struct str record_text(struct arena *a, const struct tls_tlsa *t)
{
    struct buf b = { 0 };
    struct str text;

    buf_addf(&b, "%u %u %u ", t->usage, t->selector, t->matching);
    for (size_t i = 0; i < t->data.n; i++)
        buf_addf(&b, "%02x", (uint8_t)t->data.p[i]);
    text = arena_dup(a, buf_str(&b));
    buf_free(&b);
    return text;
}

static const char *ocsp_word(const struct tlslook *f)
{
    return OCSP[f->host.tls.ocsp < sizeof OCSP / sizeof *OCSP ? f->host.tls.ocsp : 0];
}

static const char *resume_word(const struct tlslook *f)
{
    return !f->tried_resuming ? "the host gives no session" : f->resumed ? "a session is resumed" : "the host gives a session and does not resume it";
}

static void put_line(struct buf *out, const char *name, struct str text)
{
    buf_addf(out, "  %-12s %.*s\n", name, STR_ARG(text));
}

static void print_tlsa(struct buf *out, struct arena *a, const struct tlslook *f)
{
    for (size_t i = 0; i < f->tlsa_n; i++)
        put_line(out, i ? "" : "TLSA", record_text(a, &f->tlsa[i]));
    if (f->tlsa_base.n && !str_same_fold(f->tlsa_base, f->host.name))
        put_line(out, "TLSA of", arena_printf(a, "%.*s, which it is an alias of", STR_ARG(f->tlsa_base)));
    if (f->tlsa_n == 0)
        put_line(out, "TLSA", f->dane.n ? f->dane : f->sought ? STR("none that counts")
                 : f->host.secure ? STR("not asked for: hosts_try_dane does not have this host") : STR("not asked for: the host's address is not DNSSEC secure"));
}

static void print_chain(struct buf *out, struct arena *a, const struct tlslook *f)
{
    for (size_t i = 0; i < f->chain_n; i++) {
        const struct tlslook_cert *c = &f->chain[i];

        put_line(out, i ? "" : "certificate", arena_printf(a, "%.*s, by %.*s, until %.*s", STR_ARG(c->subject), STR_ARG(c->issuer), STR_ARG(c->until)));
    }
    put_line(out, "name", f->name_fits ? STR("the certificate is for this host") : STR("the certificate is for another host"));
    put_line(out, "authority", f->unverified.n ? f->unverified : STR("verified"));
    put_line(out, "OCSP", str_of(ocsp_word(f)));
    put_line(out, "resumption", str_of(resume_word(f)));
}

static void print_host(struct looking *l, const struct host *h, const struct tlslook *f)
{
    struct arena a = { 0 };
    struct buf *out = &l->out;

    buf_addf(out, "%.*s [%.*s]:%u", STR_ARG(h->name), STR_ARG(ip_text(&a, h->ip)), f->host.port);
    if (h->preference >= 0)
        buf_addf(out, " MX=%d", h->preference);
    buf_addf(out, " DNSSEC=%s transport=%.*s\n", h->secure ? "secure" : "insecure", STR_ARG(f->transport));
    print_tlsa(out, &a, f);
    if (f->looked) {
        put_line(out, "cipher", f->host.tls.cipher);
        print_chain(out, &a, f);
    }
    put_line(out, "verdict", f->words);
    arena_free(&a);
}

/* ---- as JSON */

static void json_list(struct looking *l, struct arena *a, const struct tlslook *f)
{
    struct buf *out = &l->out;

    json_name(out, "tlsa");
    buf_byte(out, '[');
    for (size_t i = 0; i < f->tlsa_n; i++) {
        if (i)
            buf_byte(out, ',');
        json_text(out, record_text(a, &f->tlsa[i]));
    }
    buf_byte(out, ']');
    json_name(out, "chain");
    buf_byte(out, '[');
    for (size_t i = 0; i < f->chain_n; i++) {
        buf_add(out, i ? STR(",{") : STR("{"));
        json_member(out, "subject", f->chain[i].subject);
        json_member(out, "issuer", f->chain[i].issuer);
        json_member(out, "until", f->chain[i].until);
        buf_byte(out, '}');
    }
    buf_byte(out, ']');
}

static void json_host(struct looking *l, const struct host *h, const struct tlslook *f)
{
    struct arena a = { 0 };
    struct buf *out = &l->out;

    buf_byte(out, '{');
    json_member(out, "host", h->name);
    json_member(out, "address", ip_text(&a, h->ip));
    json_member_int(out, "port", f->host.port);
    json_member_int(out, "preference", h->preference);
    json_member_bool(out, "dnssec", h->secure);
    json_member(out, "transport", f->transport);
    json_list(l, &a, f);
    json_member(out, "tlsa_base", f->tlsa_base);
    json_member(out, "dane", f->dane);
    json_member_bool(out, "offered", f->offered);
    json_member(out, "version", f->looked ? f->host.tls.version : STR(""));
    json_member(out, "cipher", f->looked ? f->host.tls.cipher : STR(""));
    json_member_bool(out, "name_fits", f->name_fits);
    json_member_bool(out, "verified", f->looked && !f->unverified.n);
    json_member(out, "unverified", f->unverified);
    json_member_int(out, "ocsp", f->looked ? f->host.tls.ocsp : 0);
    json_member_bool(out, "resumed", f->resumed);
    json_member(out, "verdict", str_of(VERDICT[f->verdict]));
    json_member(out, "text", f->words);
    buf_add(out, STR("}\n"));
    arena_free(&a);
}

/* ---- one host, one place */

struct look_at { struct looking *l; const struct host *h; };

static void looked(void *ctx, const struct tlslook *f)
{
    const struct look_at *at = ctx;
    struct looking *l = at->l;

    l->done = true;
    l->used |= f->verdict != LOOK_UNUSED;
    if (cli_has(l->cli, CO_JSON))
        json_host(l, at->h, f);
    else
        print_host(l, at->h, f);
}

static void look_at(struct world *w, struct looking *l, const struct host *h)
{
    struct look_at at = { l, h };
    struct tlslook_want want = { .e = world_engine(w), .t = world_txn(w), .at = &l->at, .host = h };
    struct tlslook_run *r;

    l->done = false;
    r = tlslook_start(&want, looked, &at);
    if (!world_until(w, done_yet, l, LOOK_MS)) {
        tlslook_cancel(r);
        cli_fail(l->cli, 0, "%.*s: no answer in three minutes", STR_ARG(h->name));
    }
    cli_write(buf_str(&l->out));
    buf_clear(&l->out);
}

static int look_there(struct cli *c, struct world *w, const char *place)
{
    struct looking l = { .cli = c, .arena = &c->arena };
    bool address = str_find(str_of(place), '@') != SIZE_MAX;
    struct str rcpt = arena_printf(&c->arena, "%s%s", address ? "" : "postmaster@", place);
    struct eval *e;

    world_txn(w)->phase = PH_ROUTE;
    e = policy_route(world_policy(w), world_txn(w), rcpt, routed, &l);
    if (!world_until(w, done_yet, &l, ROUTE_MS)) {
        policy_cancel(e);
        l.deferred = true;
        l.trouble = STR("no answer of the routers in two minutes");
    }
    for (size_t i = 0; i < l.n; i++)
        look_at(w, &l, &l.hosts[i]);
    buf_free(&l.out);
    if (l.n == 0)
        cli_fail(c, 0, "%s: %.*s", place, STR_ARG(l.trouble.n ? l.trouble : STR("no router takes it")));
    return l.used ? CLI_YES : l.n == 0 && l.deferred ? CLI_AGAIN : CLI_NO;
}

int cli_run_tls(struct cli *c)
{
    int status = 0, worst = CLI_YES;
    struct world *w = cli_world(c, false, &status);

    if (!w)
        return status;
    world_txn(w)->sender = STR("");
    status = cli_facts(c, w, NULL);
    for (int i = 0; i < c->narg && status == 0; i++) {
        int one = look_there(c, w, c->arg[i]);

        if (worst == CLI_YES || one == CLI_NO)
            worst = one;
    }
    world_close(w);
    return status ? status : worst;
}
