#include "mail/pair.h"

#include <stdlib.h>

enum { RCPTS_MAX = 16384, DEPTH_MAX = 64, NAME_MOST = 64 };

/* ---- writing */

/* Client text on one line: what Exim writes newlines as is a space. */
static void put_text(struct buf *out, const char *name, struct str s)
{
    if (s.n == 0)
        return;
    buf_addf(out, "--%s ", name);
    for (size_t i = 0; i < s.n; i++)
        buf_byte(out, s.p[i] == '\n' || s.p[i] == '\r' || s.p[i] == '\0' ? ' ' : s.p[i]);
    buf_byte(out, '\n');
}

static void put_address(struct buf *out, const char *name, struct ip ip, uint16_t port)
{
    struct arena a = { 0 };

    if (ip.v != IP_NONE)
        buf_addf(out, "--%s [%.*s]:%u\n", name, STR_ARG(ip_text(&a, ip)), port);
    arena_free(&a);
}

/* "acl_m_seen" is kept as "_seen", "acl_m0" as "0". */
static void put_vars(struct buf *out, const char *kind, const struct user_var *v)
{
    struct arena a = { 0 };

    for (; v; v = v->next) {
        struct str name = str_from(v->name, 5), value;

        if (v->v.type == VAL_STR)
            value = v->v.u.s;
        else if (v->v.type == VAL_INT)
            value = arena_printf(&a, "%lld", (long long)v->v.u.i);
        else if (v->v.type == VAL_NUM)
            value = arena_printf(&a, "%.14g", v->v.u.d);
        else
            value = v->v.u.b ? STR("true") : STR("false");
        buf_addf(out, "--%s %.*s %zu\n", kind, STR_ARG(name), value.n);
        buf_add(out, value);
        buf_byte(out, '\n');
    }
    arena_free(&a);
}

/* A note of ours of what a recipient became on the way, no recipient. */
static bool is_note(const struct rcpt *r)
{
    return r->added && r->state == RCPT_DONE;
}

static int by_bytes(const void *a, const void *b)
{
    return str_cmp(*(const struct str *)a, *(const struct str *)b);
}

/* The sorted names as a search tree in pre-order; any shape is read. */
static void put_tree(struct buf *out, const struct str *v, size_t n)
{
    size_t mid = n / 2, right = n - mid - 1;

    buf_addf(out, "%c%c %.*s\n", mid ? 'Y' : 'N', right ? 'Y' : 'N', STR_ARG(v[mid]));
    if (mid)
        put_tree(out, v, mid);
    if (right)
        put_tree(out, v + mid + 1, right);
}

static void put_settled(struct buf *out, const struct txn *t)
{
    struct arena a = { 0 };
    struct str *v = arena_array(&a, struct str, t->nrcpts + 1u);
    size_t n = 0;

    for (size_t i = 0; i < t->nrcpts; i++)
        if (t->rcpts[i].state != RCPT_PENDING)
            v[n++] = t->rcpts[i].addr;
    qsort(v, n, sizeof *v, by_bytes);
    if (n == 0)
        buf_add(out, STR("XX\n"));
    else
        put_tree(out, v, n);
    arena_free(&a);
}

static char header_type(struct str name)
{
    static const struct { struct str name; char type; } types[] = {
        { STR_INIT("bcc"), 'B' }, { STR_INIT("cc"), 'C' }, { STR_INIT("from"), 'F' }, { STR_INIT("message-id"), 'I' },
        { STR_INIT("received"), 'P' }, { STR_INIT("reply-to"), 'R' }, { STR_INIT("sender"), 'S' }, { STR_INIT("to"), 'T' },
    };

    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (str_same_fold(types[i].name, name))
            return types[i].type;
    return ' ';
}

/* Lines end in LF in their files, and the length counts them so. */
static void put_headers(struct buf *out, struct str section)
{
    struct arena a = { 0 };
    struct header h = { 0 };
    struct buf plain = { 0 };

    header_parse(&a, section, &h);
    for (const struct field *f = h.first; f; f = f->next) {
        buf_clear(&plain);
        for (size_t i = 0; i < f->whole.n; i++)
            if (f->whole.p[i] != '\r' && f->whole.p[i] != '\0')
                buf_byte(&plain, f->whole.p[i]);
        buf_addf(out, "%03zu%c ", plain.n, header_type(f->name));
        buf_add(out, buf_str(&plain));
    }
    buf_free(&plain);
    arena_free(&a);
}

static void put_connection(struct buf *out, const struct conn *c)
{
    put_text(out, "helo_name", c->helo);
    put_address(out, "host_address", c->client_ip, c->client_port);
    if (c->client_ip.v != IP_NONE)
        put_text(out, "host_name", c->host_name);
    put_address(out, "interface_address", c->local_ip, c->local_port);
    put_text(out, "active_hostname", c->active_hostname);
    put_text(out, "ident", c->ident);
}

/* One line: what would end it is a space there. */
static void put_plain(struct buf *out, struct str s)
{
    for (size_t i = 0; i < s.n; i++)
        buf_byte(out, s.p[i] == '\n' || s.p[i] == '\r' || s.p[i] == '\0' ? ' ' : s.p[i]);
}

/* Exim's bits of DSN are ours, one place higher: its lowest is something of its own. */
static void put_recipient(struct buf *out, const struct rcpt *r)
{
    put_plain(out, r->addr);
    if (r->dsn || r->orcpt.n || r->errors_to.n) {
        buf_byte(out, ' ');
        put_plain(out, r->orcpt);
        buf_addf(out, " %zu,%u ", r->orcpt.n, (unsigned)r->dsn << 1);
        put_plain(out, r->errors_to);
        buf_addf(out, " %zu,-1#3", r->errors_to.n);
    }
    buf_byte(out, '\n');
}

void pair_write(const struct txn *t, struct msg_id id, struct str header, bool frozen, struct buf *out)
{
    const struct conn *c = t->conn;
    struct str login = c->ident.n ? c->ident : STR("perigee");
    size_t listed = 0;

    buf_addf(out, "%s-H\n%.*s %d %d\n<%.*s>\n", id.s, STR_ARG(str_head(login, 63)), c->uid, c->gid, STR_ARG(t->sender));
    buf_addf(out, "%lld %u\n", (long long)(t->received_us / 1000000), t->warnings_sent);
    buf_addf(out, "-received_time_usec .%06lld\n", (long long)(t->received_us % 1000000));
    buf_addf(out, "-received_time_complete %lld.%06lld\n", (long long)(t->received_done_us / 1000000),
             (long long)(t->received_done_us % 1000000));
    put_connection(out, c);
    put_text(out, "host_auth", c->auth_name);
    put_text(out, "received_protocol", t->protocol);
    put_text(out, "auth_id", c->auth_id);
    put_text(out, "auth_sender", c->auth_sender);
    put_vars(out, "aclc", c->acl_c);
    put_vars(out, "aclm", t->acl_m);
    buf_addf(out, "-body_linecount %llu\n-max_received_linelength %llu\n", (unsigned long long)t->body_lines,
             (unsigned long long)t->max_line);
    if (t->body_zeros)
        buf_addf(out, "-body_zerocount %llu\n", (unsigned long long)t->body_zeros);
    if (t->deliver_first_time)
        buf_add(out, STR("-deliver_firsttime\n"));
    if (frozen)
        buf_addf(out, "-frozen %lld\n", (long long)t->frozen_at);
    if (t->manual_thaw)
        buf_add(out, STR("-manual_thaw\n"));
    if (!c->smtp)
        buf_add(out, STR("-local\n"));
    if (t->smtputf8)
        buf_add(out, STR("-smtputf8\n"));
    put_text(out, "dsn_envid", t->envid);
    if (t->dsn_ret)
        buf_addf(out, "-dsn_ret %u\n", t->dsn_ret);
    put_settled(out, t);
    for (size_t i = 0; i < t->nrcpts; i++)
        listed += !is_note(&t->rcpts[i]);
    buf_addf(out, "%zu\n", listed);
    for (size_t i = 0; i < t->nrcpts; i++)
        if (!is_note(&t->rcpts[i]))
            put_recipient(out, &t->rcpts[i]);
    buf_byte(out, '\n');
    put_headers(out, header);
}

void pair_body_head(struct msg_id id, struct buf *out)
{
    buf_addf(out, "%s-D\n", id.s);
}

/* ---- reading */

struct reader {
    struct arena *a;
    struct str rest;
    unsigned line;
    struct why *why;
};

static enum status damaged(struct reader *r, const char *what)
{
    return why_set(r->why, ST_NEVER, "line %u: %s", r->line, what);
}

static bool line(struct reader *r, struct str *out)
{
    size_t n = str_find(r->rest, '\n');

    r->line++;
    if (n == SIZE_MAX)
        return false;
    *out = str_head(r->rest, n);
    r->rest = str_from(r->rest, n + 1);
    return true;
}

/* "8 8"; below 0 it is nobody. */
static void read_ids(struct str l, struct pair *p)
{
    struct str uid;
    uint64_t n;

    str_cut(&l, ' ', &uid);
    p->uid = str_u64(uid, INT32_MAX, &n) ? (int32_t)n : -1;
    p->gid = str_u64(l, INT32_MAX, &n) ? (int32_t)n : -1;
}

/* "1xUQe2-0006E1-15-H", "login uid gid", "<sender>", "seconds warnings". */
static enum status read_head(struct reader *r, struct pair *p)
{
    struct str l, seconds;
    uint64_t n;
    size_t at;

    if (!line(r, &l) || (l.n != 18 && l.n != 25) || !str_ends(l, STR("-H")))
        return damaged(r, "is no name of such a file");
    p->id = str_head(l, l.n - 2);
    if (!line(r, &l) || (at = str_rfind(l, ' ')) == SIZE_MAX || (at = str_rfind(str_head(l, at), ' ')) == SIZE_MAX)
        return damaged(r, "has no login, uid and gid");
    p->login = str_head(l, at);
    read_ids(str_from(l, at + 1), p);
    if (!line(r, &l) || l.n < 2 || l.p[0] != '<' || l.p[l.n - 1] != '>')
        return damaged(r, "is no sender");
    p->sender = (struct str){ l.p + 1, l.n - 2 };
    if (!line(r, &l) || !str_cut(&l, ' ', &seconds) || !str_u64(seconds, INT64_MAX / 1000000, &n))
        return damaged(r, "is no time");
    p->received_us = (int64_t)n * 1000000;
    p->warnings = str_u64(str_trim(l), UINT32_MAX, &n) ? (unsigned)n : 0;
    return ST_OK;
}

/* "aclm NAME LEN": an item with a counted value on the lines that follow. */
static enum status read_value(struct reader *r, struct user_var **list, const char *prefix, struct str l)
{
    size_t at = str_rfind(l, ' ');
    struct val v = { .type = VAL_STR };
    uint64_t n;

    if (at == SIZE_MAX || !str_u64(str_from(l, at + 1), r->rest.n, &n) || n >= r->rest.n || r->rest.p[n] != '\n')
        return damaged(r, "its value does not fit");
    v.u.s = str_head(r->rest, n);
    if (list && at > 0 && at <= NAME_MOST)
        user_var_set(r->a, list, arena_printf(r->a, "%s%.*s", prefix, STR_ARG(str_head(l, at))), &v);
    r->rest = str_from(r->rest, n + 1);
    return ST_OK;
}

/* ".339984", or "1795188922.340030" */
static int64_t microseconds(struct str s)
{
    struct str whole;
    uint64_t seconds = 0, us = 0;

    str_cut(&s, '.', &whole);
    str_u64(whole, INT64_MAX / 2000000, &seconds);
    str_u64(s, 999999, &us);
    return (int64_t)(seconds * 1000000 + us);
}

static void read_item(struct pair *p, struct str name, struct str value)
{
    const struct { const char *name; struct str *to; } texts[] = {
        { "helo_name", &p->helo }, { "host_address", &p->host }, { "host_name", &p->host_name },
        { "interface_address", &p->interface }, { "active_hostname", &p->active_hostname }, { "ident", &p->ident },
        { "received_protocol", &p->protocol }, { "auth_id", &p->auth_id }, { "auth_sender", &p->auth_sender },
        { "host_auth", &p->auth_name }, { "dsn_envid", &p->envid },
    };
    const struct { const char *name; bool *to; } flags[] = {
        { "frozen", &p->frozen }, { "manual_thaw", &p->manual_thaw }, { "local", &p->local }, { "smtputf8", &p->smtputf8 },
        { "spool_file_wireformat", &p->wire }, { "deliver_firsttime", &p->first },
    };
    uint64_t n;

    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        if (str_same(name, str_of(texts[i].name)))
            *texts[i].to = value;
    for (size_t i = 0; i < sizeof flags / sizeof *flags; i++)
        if (str_same(name, str_of(flags[i].name)))
            *flags[i].to = true;
    if (str_same(name, STR("frozen")) && str_u64(value, INT64_MAX, &n))
        p->frozen_at = (int64_t)n;
    else if (str_same(name, STR("body_linecount")))
        str_u64(value, INT64_MAX, &p->body_lines);
    else if (str_same(name, STR("body_zerocount")))
        str_u64(value, INT64_MAX, &p->body_zeros);
    else if (str_same(name, STR("dsn_ret")) && str_u64(value, 2, &n))
        p->dsn_ret = (uint8_t)n;
    else if (str_same(name, STR("max_received_linelength")))
        str_u64(value, INT64_MAX, &p->max_line);
    else if (str_same(name, STR("received_time_usec")))
        p->received_us += microseconds(value);
    else if (str_same(name, STR("received_time_complete")))
        p->complete_us = microseconds(value);
}

/* The first line that does not begin with a hyphen ends the items. */
static enum status read_items(struct reader *r, struct pair *p)
{
    enum status st = ST_OK;

    while (r->rest.n > 0 && r->rest.p[0] == '-') {
        struct str l, name;

        if (!line(r, &l))
            return damaged(r, "ends early");
        l = str_from(l, l.n > 1 && l.p[1] == '-' ? 2 : 1);
        if (l.n > 0 && l.p[0] == '(' && str_find(l, ')') != SIZE_MAX)     /* already quoted for a lookup */
            l = str_from(l, str_find(l, ')') + 1);
        str_cut(&l, ' ', &name);
        if (str_same(name, STR("aclc")))
            st = read_value(r, &p->acl_c, "acl_c", l);
        else if (str_same(name, STR("aclm")))
            st = read_value(r, &p->acl_m, "acl_m", l);
        else if (str_same(name, STR("acl")))            /* of long ago */
            st = read_value(r, NULL, "", l);
        else
            read_item(p, name, l);
        if (st != ST_OK)
            return st;
    }
    return ST_OK;
}

struct settled { struct str *v; size_t n, cap; };

static void settled_add(struct arena *a, struct settled *s, struct str addr)
{
    if (s->n == s->cap) {
        size_t cap = s->cap ? 2 * s->cap : 16;
        struct str *v = arena_array(a, struct str, cap);

        if (s->n > 0)
            memcpy(v, s->v, s->n * sizeof *v);
        s->v = v;
        s->cap = cap;
    }
    s->v[s->n++] = addr;
}

static enum status read_tree(struct reader *r, struct settled *s, unsigned depth)
{
    struct str l;

    if (!line(r, &l))
        return damaged(r, "ends early");
    if (depth == 0 && str_same(l, STR("XX")))
        return ST_OK;
    if (l.n < 4 || l.p[2] != ' ' || depth > DEPTH_MAX || s->n > RCPTS_MAX)
        return damaged(r, "is no part of the list of settled recipients");
    settled_add(r->a, s, str_from(l, 3));
    if (l.p[0] == 'Y' && read_tree(r, s, depth + 1) != ST_OK)
        return ST_NEVER;
    if (l.p[1] == 'Y' && read_tree(r, s, depth + 1) != ST_OK)
        return ST_NEVER;
    return ST_OK;
}

/* "TEXT LENGTH,NUMBER" at the right end of l, and the space before it: taken off. */
static bool strip_part(struct str *l, struct str *text, struct str *number)
{
    size_t at = str_rfind(*l, ' ');
    struct str numbers = str_from(*l, at == SIZE_MAX ? l->n : at + 1);
    size_t comma = str_find(numbers, ',');
    uint64_t n;

    if (at == SIZE_MAX || comma == SIZE_MAX || !str_u64(str_head(numbers, comma), at, &n))
        return false;
    *number = str_from(numbers, comma + 1);
    if (n > 0)
        *text = str_head(str_from(*l, at - n), n);
    *l = str_head(*l, at - n);
    *l = str_head(*l, l->n > 0 && l->p[l->n - 1] == ' ' ? l->n - 1 : l->n);
    return true;
}

/* "address ORCPT OLEN,DSN ERRORS_TO ELEN,PNO#3": taken off from the right. */
static bool strip_extra(struct str *l, struct pair_rcpt *out)
{
    struct str parent, dsn;
    uint64_t bits;

    if (!strip_part(l, &out->errors_to, &parent) || !strip_part(l, &out->orcpt, &dsn))
        return false;
    if (str_u64(dsn, UINT32_MAX, &bits))
        out->dsn = (uint8_t)(bits >> 1 & (DSN_NEVER | DSN_SUCCESS | DSN_FAILURE | DSN_DELAY));
    return true;
}

static bool is_settled(const struct settled *s, struct str addr)
{
    for (size_t i = 0; i < s->n; i++) {
        struct str v = s->v[i];

        if (str_starts(v, addr) && (v.n == addr.n || v.p[addr.n] == '/'))
            return true;
    }
    return false;
}

static bool is_listed(const struct pair *p, struct str settled)
{
    for (size_t i = 0; i < p->ndone; i++)
        if (str_same(p->done[i], settled))
            return true;
    return false;
}

static enum status read_recipients(struct reader *r, const struct settled *s, struct pair *p)
{
    struct str l;
    uint64_t n;

    if (!line(r, &l) || !str_u64(l, RCPTS_MAX, &n))
        return damaged(r, "is no number of recipients");
    p->rcpts = arena_array(r->a, struct str, n + 1);
    p->done = arena_array(r->a, struct str, n + 1);
    p->all = arena_array(r->a, struct pair_rcpt, n + 1);
    p->others = arena_array(r->a, struct str, s->n + 1);
    for (uint64_t i = 0; i < n; i++) {
        if (!line(r, &l) || l.n == 0)
            return damaged(r, "is no recipient");
        p->all[i] = (struct pair_rcpt){ 0 };
        if (str_ends(l, STR("#3"))) {
            l.n -= 2;
            if (!strip_extra(&l, &p->all[i]))
                return damaged(r, "is no recipient");
        }
        p->all[i].addr = l;
        p->all[i].done = is_settled(s, l);
        if (p->all[i].done)
            p->done[p->ndone++] = l;
        else
            p->rcpts[p->nrcpts++] = l;
    }
    for (size_t i = 0; i < s->n; i++)
        if (!is_listed(p, s->v[i]))
            p->others[p->nothers++] = s->v[i];
    return ST_OK;
}

static enum status read_headers(struct reader *r, struct pair *p)
{
    struct buf b = { 0 };
    struct str l;

    if (!line(r, &l) || l.n != 0)
        return damaged(r, "should be empty");
    while (r->rest.n > 0) {
        size_t digits = 0;
        uint64_t n;

        while (digits < r->rest.n && digits < 10 && r->rest.p[digits] >= '0' && r->rest.p[digits] <= '9')
            digits++;
        if (digits < 3 || digits + 2 > r->rest.n || !str_u64(str_head(r->rest, digits), r->rest.n - digits - 2, &n)) {
            buf_free(&b);
            return damaged(r, "is no header");
        }
        l = str_head(str_from(r->rest, digits + 2), n);
        for (size_t i = 0; r->rest.p[digits] != '*' && i < l.n; i++) {
            if (l.p[i] == '\n')
                buf_byte(&b, '\r');
            buf_byte(&b, l.p[i]);
        }
        r->rest = str_from(r->rest, digits + 2 + n);
    }
    p->header = arena_dup(r->a, buf_str(&b));
    buf_free(&b);
    return ST_OK;
}

enum status pair_read(struct arena *a, struct str text, struct pair *p, struct why *why)
{
    struct reader r = { .a = a, .rest = text, .why = why };
    struct settled settled = { 0 };
    enum status st;

    *p = (struct pair){ .uid = -1, .gid = -1 };
    st = read_head(&r, p);
    if (st == ST_OK)
        st = read_items(&r, p);
    if (st == ST_OK)
        st = read_tree(&r, &settled, 0);
    if (st == ST_OK)
        st = read_recipients(&r, &settled, p);
    if (st == ST_OK)
        st = read_headers(&r, p);
    return st;
}

/* ---- as a transaction */

/* "[192.0.2.7]:4567", or "192.0.2.7.4567" of long ago, whose port is dropped with it. */
static void read_address(struct str s, struct ip *ip, uint16_t *port)
{
    size_t at = str_find(s, ']');
    uint64_t n;

    if (s.n < 2 || s.p[0] != '[' || at == SIZE_MAX || !ip_parse(str_head(str_from(s, 1), at - 1), ip))
        return;
    if (str_u64(str_from(s, at + 2), UINT16_MAX, &n))
        *port = (uint16_t)n;
}

static void fill_conn(const struct pair *p, struct conn *c)
{
    c->smtp = !p->local && p->host.n > 0;
    read_address(p->host, &c->client_ip, &c->client_port);
    read_address(p->interface, &c->local_ip, &c->local_port);
    c->helo = p->helo;
    c->esmtp = str_find_str(p->protocol, STR("esmtp")) != SIZE_MAX;
    c->host_name = p->host_name;
    c->active_hostname = p->active_hostname;
    c->ident = p->ident.n ? p->ident : c->smtp ? STR("") : p->login;
    c->uid = p->uid;
    c->gid = p->gid;
    c->protocol = p->protocol;
    c->auth_name = p->auth_name;
    c->auth_id = p->auth_id;
    c->auth_sender = p->auth_sender;
    c->since_us = p->received_us;
    c->acl_c = p->acl_c;
}

void pair_fill(const struct pair *p, struct txn *t)
{
    fill_conn(p, t->conn);
    t->sender = p->sender;
    t->protocol = p->protocol;
    t->received_us = p->received_us;
    t->received_done_us = p->complete_us;
    t->size_declared = -1;
    t->body_lines = p->body_lines;
    t->max_line = p->max_line;
    t->smtputf8 = p->smtputf8;
    t->body_zeros = p->body_zeros;
    t->envid = p->envid;
    t->dsn_ret = p->dsn_ret;
    t->acl_m = p->acl_m;
    t->frozen = p->frozen;
    t->frozen_at = p->frozen_at ? p->frozen_at : p->received_us / 1000000;
    t->manual_thaw = p->manual_thaw;
    t->deliver_first_time = p->first;
    t->warnings_sent = p->warnings;
    for (size_t i = 0; i < p->nrcpts + p->ndone; i++) {
        const struct pair_rcpt *from = &p->all[i];
        struct rcpt *r = txn_add_rcpt(t, from->addr);

        r->state = from->done ? RCPT_DONE : RCPT_PENDING;
        r->dsn = from->dsn;
        r->orcpt = from->orcpt;
        r->errors_to = from->errors_to;
    }
    for (size_t i = 0; i < p->nothers; i++) {
        struct rcpt *r = txn_add_rcpt(t, p->others[i]);

        r->added = true;
        r->state = RCPT_DONE;
    }
}
