#include "mail/txn.h"

#include <stdlib.h>

#include "base/clock.h"
#include "mail/addr.h"
#include "mail/domain.h"

static const char *const PHASES[PH_COUNT] = {
    [PH_CONNECT] = "connect", [PH_HELO] = "helo", [PH_STARTTLS] = "starttls", [PH_AUTH] = "auth",
    [PH_MAILAUTH] = "mailauth", [PH_MAIL] = "mail", [PH_RCPT] = "rcpt", [PH_PREDATA] = "predata",
    [PH_DKIM] = "dkim", [PH_MIME] = "mime", [PH_PRDR] = "prdr", [PH_DATA] = "data",
    [PH_ETRN] = "etrn", [PH_ATRN] = "atrn", [PH_EXPN] = "expn", [PH_VRFY] = "vrfy",
    [PH_WELLKNOWN] = "wellknown", [PH_QUIT] = "quit", [PH_NOTQUIT] = "notquit",
    [PH_NOT_SMTP_START] = "not_smtp_start", [PH_NOT_SMTP_MIME] = "not_smtp_mime", [PH_NOT_SMTP] = "not_smtp",
    [PH_ROUTE] = "route", [PH_TRANSPORT] = "transport", [PH_EVENT] = "event", [PH_QUEUE] = "queue",
    [PH_OPTION] = "option",
};

const char *phase_name(enum phase ph)
{
    return PHASES[ph];
}

bool phase_find(struct str name, enum phase *out)
{
    for (int i = 0; i < PH_COUNT; i++) {
        if (str_same(name, str_of(PHASES[i]))) {
            *out = (enum phase)i;
            return true;
        }
    }
    return false;
}

/* ---- values set by rules */

void user_var_set(struct arena *a, struct user_var **list, struct str name, const struct val *v)
{
    struct user_var **at = list;

    while (*at && !str_same((*at)->name, name))
        at = &(*at)->next;
    if (!v || v->type == VAL_NIL) {
        if (*at)
            *at = (*at)->next;
        return;
    }
    if (!*at) {
        *at = arena_new(a, struct user_var);
        (*at)->name = arena_dup(a, name);
    }
    (*at)->v = val_dup(a, v);
}

const struct val *user_var_get(const struct user_var *list, struct str name)
{
    for (; list; list = list->next)
        if (str_same(list->name, name))
            return &list->v;
    return NULL;
}

/* ---- encryption */

static struct str dup_known(struct arena *a, struct str s)
{
    return s.p ? arena_dup(a, s) : s;
}

struct at_tls at_tls_dup(struct arena *a, const struct at_tls *t)
{
    struct at_tls out = *t;

    out.version = dup_known(a, t->version);
    out.cipher = dup_known(a, t->cipher);
    out.cipher_std = dup_known(a, t->cipher_std);
    out.sni = dup_known(a, t->sni);
    out.peer_dn = dup_known(a, t->peer_dn);
    out.ourcert = dup_known(a, t->ourcert);
    out.peercert = dup_known(a, t->peercert);
    out.exporter = dup_known(a, t->exporter);
    out.unique = dup_known(a, t->unique);
    return out;
}

/* ---- connection */

/* Serials name a session or a transaction for whoever waits on its behalf; a
 * completion for a dead one must find nobody. Hence one count per process. */
static uint64_t last_serial;

struct str txn_return_path(const struct txn *t, const struct at_address *at)
{
    if (at && at->return_path.p)
        return at->return_path;
    return at && at->srs.sender.n ? at->srs.sender : t->sender;
}

void conn_init(struct conn *c)
{
    *c = (struct conn){ .serial = ++last_serial, .since_us = clock_wall_us(), .uid = -1, .gid = -1, .dscp = -1 };
}

void conn_free(struct conn *c)
{
    arena_free(&c->arena);
}

bool conn_last_verb_is(const struct conn *c, const char *canonical)
{
    return c->history_n > 0 && strcmp(c->history[(c->history_n - 1) % HISTORY_MAX], canonical) == 0;
}

void conn_note_verb(struct conn *c, const char *canonical)
{
    c->history[c->history_n++ % HISTORY_MAX] = canonical;
}

/* ---- transaction */

struct txn *txn_new(struct conn *c)
{
    struct txn *t = calloc(1, sizeof *t);

    if (!t)
        die("out of memory for a transaction");
    t->conn = c;
    t->serial = ++last_serial;
    t->size_declared = -1;
    t->edits_end = &t->edits;
    t->deliver_first_time = true;
    t->part_count = -1;
    return t;
}

void txn_free(struct txn *t)
{
    if (!t)
        return;
    if (t->at_end)
        t->at_end(t);
    for (const struct txn_end *e = t->ends; e; e = e->next)
        e->fn(e->ctx);
    if (t->mime)
        mime_free(t->mime);
    free(t->mime);
    arena_free(&t->arena);
    free(t);
}

void txn_at_end(struct txn *t, void (*fn)(void *ctx), void *ctx)
{
    struct txn_end *e = arena_new(&t->arena, struct txn_end);

    *e = (struct txn_end){ fn, ctx, t->ends };
    t->ends = e;
}

/* Lines are without their CR LF. */
static void count_lines(struct txn *t, struct str text, uint64_t *lines)
{
    struct str line;

    while (str_cut(&text, '\n', &line)) {
        bool whole = text.p != NULL;

        *lines += whole;
        line.n -= whole && line.n;
        if (line.n > t->max_line)
            t->max_line = line.n;
    }
}

void txn_set_content(struct txn *t, struct str section, struct str body)
{
    uint64_t lines = 0;

    t->header_text = section;
    header_parse(&t->arena, section, &t->header);
    t->received_count = (unsigned)header_count(&t->header, STR("Received"));
    t->body_size = body.n;
    t->size = section.n + 2 + body.n;
    t->body_lines = t->body_zeros = t->max_line = 0;
    count_lines(t, section, &lines);
    count_lines(t, body, &t->body_lines);
    t->lines = (int64_t)(lines + t->body_lines);
    for (size_t i = 0; i < body.n; i++)
        t->body_zeros += body.p[i] == '\0';
}

static struct str lower_domain(struct arena *a, struct str address)
{
    struct addr ad;

    if (!addr_split(address, &ad))
        return arena_dup(a, address);
    return addr_join(a, ad.local, arena_lower(a, ad.domain));
}

struct rcpt *txn_add_rcpt(struct txn *t, struct str addr)
{
    struct rcpt *r;

    if (t->nrcpts == t->rcpts_cap) {
        uint32_t cap = t->rcpts_cap ? t->rcpts_cap * 2 : 2;
        struct rcpt *more = arena_array(&t->arena, struct rcpt, cap);

        if (t->nrcpts)
            memcpy(more, t->rcpts, t->nrcpts * sizeof *more);
        t->rcpts = more;
        t->rcpts_cap = cap;
    }
    r = &t->rcpts[t->nrcpts++];
    *r = (struct rcpt){ .addr = lower_domain(&t->arena, addr) };
    return r;
}

/* Two spellings of one local part: quotes and backslashes mean nothing
 * (RFC 5321 4.1.2), letters' case does. */
static bool local_same(struct str a, struct str b)
{
    size_t i = 0, k = 0;
    bool qa = a.n >= 2 && a.p[0] == '"', qb = b.n >= 2 && b.p[0] == '"';
    size_t ea = qa ? a.n - 1 : a.n, eb = qb ? b.n - 1 : b.n;

    for (i = qa, k = qb; i < ea && k < eb; i++, k++) {
        if (qa && a.p[i] == '\\' && i + 1 < ea)
            i++;
        if (qb && b.p[k] == '\\' && k + 1 < eb)
            k++;
        if (a.p[i] != b.p[k])
            return false;
    }
    return i == ea && k == eb;
}

static bool address_same(struct str a, struct str b)
{
    struct addr x, y;

    if (!addr_split(a, &x) || !addr_split(b, &y))
        return str_same(a, b);
    return domain_same(x.domain, y.domain) && local_same(x.local, y.local);
}

bool txn_has_recipient(const struct txn *t, struct str addr)
{
    for (uint32_t i = 0; i < t->nrcpts; i++)
        if (address_same(t->rcpts[i].addr, addr))
            return true;
    return false;
}

void txn_at(struct txn *t, struct str address, struct at_address *at)
{
    struct arena *a = &t->arena;
    struct addr ad;

    *at = (struct at_address){ .local_uid = -1, .local_gid = -1 };
    if (!addr_split(address, &ad))
        ad = (struct addr){ address, { "", 0 } };
    at->domain = arena_lower(a, ad.domain);
    at->address = addr_join(a, ad.local, at->domain);
    at->local_part_as_is = arena_dup(a, addr_unquote(a, ad.local));
    at->local_part = arena_lower(a, at->local_part_as_is);
    at->return_path = t->sender;
}

struct str conn_protocol(const struct conn *c)
{
    static const char *const esmtp[] = { "esmtp", "esmtpa", "esmtps", "esmtpsa" };

    if (!c->smtp)
        return STR("local");
    return c->esmtp ? str_of(esmtp[(c->auth_name.n > 0) + 2 * tls_is_on(&c->tls)]) : tls_is_on(&c->tls) ? STR("smtps") : STR("smtp");
}

struct str conn_identifier(struct arena *a, const struct conn *c)
{
    return arena_printf(a, "%llx-%llx", (unsigned long long)c->since_us, (unsigned long long)c->serial);
}

void conn_copy(struct conn *out, const struct conn *c)
{
    static const size_t texts[] = {
        offsetof(struct conn, helo), offsetof(struct conn, host_name), offsetof(struct conn, ident), offsetof(struct conn, active_hostname),
        offsetof(struct conn, auth_id), offsetof(struct conn, auth_name), offsetof(struct conn, auth_fail_id),
    };

    conn_init(out);
    out->serial = c->serial;
    out->smtp = c->smtp;
    out->client_ip = c->client_ip;
    out->client_port = c->client_port;
    out->local_ip = c->local_ip;
    out->local_port = c->local_port;
    out->esmtp = c->esmtp;
    out->tls = at_tls_dup(&out->arena, &c->tls);
    out->helo_verified = c->helo_verified;
    out->host_lookup = c->host_lookup;
    out->since_us = c->since_us;
    out->uid = c->uid;
    out->gid = c->gid;
    out->auth_failed = c->auth_failed;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        const struct str *from = (const struct str *)(const void *)((const char *)c + texts[i]);

        if (from->n > 0)
            *(struct str *)(void *)((char *)out + texts[i]) = arena_dup(&out->arena, *from);
    }
}
