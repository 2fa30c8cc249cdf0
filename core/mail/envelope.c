/* envelope_write and its kin: what the spool keeps of a conn and a txn.
 *
 * A version byte, then fields until the end: a tag, a length, that many bytes.
 * Tags, lengths and numbers are varints. A field that has its zero value is not
 * written. Tags from SKIPPABLE on may be ignored by a reader that does not know
 * them; any other unknown tag means a newer engine wrote something that matters,
 * and the message is left alone (R2.7). One table names every field; writing
 * and reading both walk it, so neither can forget one.
 */
#include <stddef.h>

#include "mail/txn.h"

enum { VERSION = 1, SKIPPABLE = 0x4000, TAG_RCPT = 1, TAG_MAX = 0xFFFF };
enum { RCPTS_MAX = 1000000, VARS_MAX = 10000 };

enum kind { K_STR, K_BOOL, K_U8, K_U16, K_U32, K_I32, K_I64, K_U64, K_UINT, K_INT, K_IP, K_VARS, K_ENUM };

struct row {
    uint16_t tag;               /* never used again for something else */
    uint8_t kind;
    uint16_t at;
};

#define C(tag, kind, name) { tag, kind, offsetof(struct conn, name) }
static const struct row CONN_ROWS[] = {
    C(16, K_BOOL, smtp), C(17, K_IP, client_ip), C(18, K_IP, local_ip), C(19, K_U16, client_port),
    C(20, K_U16, local_port), C(21, K_STR, helo), C(22, K_BOOL, esmtp), C(23, K_BOOL, helo_verified),
    C(24, K_ENUM, helo_verify), C(25, K_STR, host_name), C(26, K_ENUM, host_lookup), C(27, K_BOOL, host_dnssec),
    C(28, K_BOOL, helo_dnssec), C(29, K_STR, ident), C(30, K_STR, active_hostname), C(31, K_STR, protocol),
    C(32, K_I64, since_us), C(33, K_U32, count_at_start), C(34, K_I32, uid), C(35, K_I32, gid),
    C(36, K_STR, auth_id), C(37, K_STR, auth_name), C(38, K_STR, auth_sender), C(39, K_STR, auth_fail_id),
    C(40, K_BOOL, auth_failed), C(42, K_VARS, acl_c), C(43, K_STR, tls.version), C(44, K_STR, tls.cipher),
    C(45, K_STR, tls.cipher_std), C(46, K_STR, tls.sni), C(47, K_STR, tls.peer_dn), C(48, K_STR, tls.ourcert),
    C(49, K_STR, tls.peercert), C(50, K_U16, tls.bits), C(51, K_BOOL, tls.verified), C(52, K_U8, tls.ocsp),
    C(53, K_U8, tls.resumption),
};
#define T(tag, kind, name) { tag, kind, offsetof(struct txn, name) }
static const struct row TXN_ROWS[] = {
    T(64, K_STR, sender), T(65, K_U32, rcpt_seen), T(66, K_U32, rcpt_deferred), T(67, K_U32, rcpt_refused),
    T(68, K_I64, size_declared), T(69, K_BOOL, body_8bit), T(70, K_BOOL, smtputf8), T(71, K_STR, envid),
    T(72, K_U8, dsn_ret), T(73, K_I64, received_us), T(74, K_I64, received_done_us), T(75, K_U64, body_size),
    T(76, K_U64, body_lines), T(77, K_U64, body_zeros), T(78, K_U64, size), T(79, K_U64, max_line),
    T(80, K_I64, lines), T(81, K_UINT, received_count), T(82, K_STR, protocol), T(83, K_STR, queue_name),
    T(84, K_VARS, acl_m), T(85, K_STR, verify_message), T(86, K_STR, verify_mode),
    T(87, K_STR, sender_verify_failure), T(88, K_STR, recipient_verify_failure),
    T(89, K_STR, sender_address_data), T(90, K_STR, sender_data), T(91, K_STR, recipient_data), T(92, K_STR, host_data),
    T(93, K_BOOL, freeze), T(94, K_BOOL, freeze_no_tell), T(95, K_BOOL, queue_only), T(96, K_BOOL, queue_first_pass),
    T(97, K_BOOL, discard), T(98, K_BOOL, caseful), T(99, K_BOOL, submission), T(100, K_BOOL, submission_sender_retain),
    T(101, K_BOOL, suppress_fixups), T(102, K_STR, submission_domain), T(103, K_STR, submission_name),
    T(104, K_STR, fake_reply), T(105, K_INT, fake_code), T(106, K_BOOL, no_mbox_unspool), T(107, K_BOOL, local_error),
};
/* One recipient, as its acceptance left it. */
#define R(tag, kind, name) { tag, kind, offsetof(struct rcpt, name) }
static const struct row RCPT_ROWS[] = {
    R(16, K_STR, addr), R(17, K_STR, orcpt), R(18, K_U8, dsn), R(19, K_STR, errors_to),
};
/* What became of it. */
static const struct row RCPT_STATE_ROWS[] = {
    R(32, K_U8, state), R(33, K_U32, attempts), R(34, K_I64, first_failed), R(35, K_I64, next_try),
    R(36, K_I32, last_errno), R(37, K_STR, last_error), R(38, K_STR, last_host), R(39, K_BOOL, added),
};
/* What became of the message. */
static const struct row STATE_ROWS[] = {
    T(16, K_BOOL, frozen), T(17, K_BOOL, manual_thaw), T(18, K_BOOL, deliver_first_time),
    T(19, K_I64, frozen_at), T(20, K_UINT, warnings_sent), T(21, K_BOOL, queue_first_pass),
    T(22, K_STR, queue_moved),
};
#define ROWS(table) (table), sizeof(table) / sizeof *(table)

/* ---- writing */

static void put_number(struct buf *out, uint64_t v)
{
    for (; v >= 0x80; v >>= 7)
        buf_byte(out, (char)(v | 0x80));
    buf_byte(out, (char)v);
}

static size_t number_length(uint64_t v)
{
    size_t n = 1;

    for (; v >= 0x80; v >>= 7)
        n++;
    return n;
}

/* Small negative numbers stay small. */
static uint64_t zigzag(int64_t v)
{
    return (uint64_t)v << 1 ^ (v < 0 ? UINT64_MAX : 0);
}

static int64_t unzigzag(uint64_t v)
{
    return (int64_t)(v >> 1) ^ -(int64_t)(v & 1);
}

static uint64_t number_of(const struct row *r, const char *p)
{
    switch ((enum kind)r->kind) {
    case K_BOOL: return *(const bool *)(const void *)p;
    case K_U8: return *(const uint8_t *)(const void *)p;
    case K_U16: return *(const uint16_t *)(const void *)p;
    case K_U32: return *(const uint32_t *)(const void *)p;
    case K_U64: return *(const uint64_t *)(const void *)p;
    case K_UINT: return *(const unsigned *)(const void *)p;
    case K_ENUM: return (uint64_t)*(const enum lookup_state *)(const void *)p;
    case K_I32: return zigzag(*(const int32_t *)(const void *)p);
    case K_I64: return zigzag(*(const int64_t *)(const void *)p);
    case K_INT: return zigzag(*(const int *)(const void *)p);
    case K_STR: case K_IP: case K_VARS: break;
    }
    return 0;
}

static void put_field(struct buf *out, uint16_t tag, struct str bytes)
{
    put_number(out, tag);
    put_number(out, bytes.n);
    buf_add(out, bytes);
}

static void put_vars(struct buf *out, uint16_t tag, const struct user_var *v)
{
    struct buf one = { 0 };

    for (; v; v = v->next) {
        buf_clear(&one);
        put_number(&one, v->name.n);
        buf_add(&one, v->name);
        val_put(&one, &v->v);
        put_field(out, tag, buf_str(&one));
    }
    buf_free(&one);
}

static void put_ip(struct buf *out, uint16_t tag, const struct ip *ip)
{
    if (ip->v == IP_NONE)
        return;
    put_field(out, tag, (struct str){ (const char *)ip->b, ip->v == IP_V4 ? 4 : 16 });
}

static void put_row(struct buf *out, const struct row *r, const char *p)
{
    uint64_t v;

    switch ((enum kind)r->kind) {
    case K_STR:
        /* Empty but known (the null sender) is written, absent is not. */
        if (((const struct str *)(const void *)p)->p)
            put_field(out, r->tag, *(const struct str *)(const void *)p);
        return;
    case K_IP:
        put_ip(out, r->tag, (const struct ip *)(const void *)p);
        return;
    case K_VARS:
        put_vars(out, r->tag, *(struct user_var *const *)(const void *)p);
        return;
    case K_BOOL: case K_U8: case K_U16: case K_U32: case K_I32: case K_I64: case K_U64: case K_UINT: case K_INT: case K_ENUM:
        v = number_of(r, p);
        if (v == 0)
            return;
        put_number(out, r->tag);
        put_number(out, number_length(v));
        put_number(out, v);
    }
}

static void put_rows(struct buf *out, const struct row *rows, size_t n, const void *base)
{
    for (size_t i = 0; i < n; i++)
        put_row(out, &rows[i], (const char *)base + rows[i].at);
}

void envelope_write(const struct txn *t, struct buf *out)
{
    struct buf one = { 0 };

    buf_byte(out, VERSION);
    put_rows(out, ROWS(CONN_ROWS), t->conn);
    put_rows(out, ROWS(TXN_ROWS), t);
    for (uint32_t i = 0; i < t->nrcpts; i++) {
        if (t->rcpts[i].added)          /* last of all; the state has their addresses */
            continue;
        buf_clear(&one);
        put_rows(&one, ROWS(RCPT_ROWS), &t->rcpts[i]);
        put_field(out, TAG_RCPT, buf_str(&one));
    }
    buf_free(&one);
}

void envelope_state_write(const struct txn *t, struct buf *out)
{
    struct buf one = { 0 };

    buf_byte(out, VERSION);
    put_rows(out, ROWS(STATE_ROWS), t);
    for (uint32_t i = 0; i < t->nrcpts; i++) {
        const struct rcpt *r = &t->rcpts[i];

        buf_clear(&one);
        put_rows(&one, ROWS(RCPT_STATE_ROWS), r);
        if (r->added)
            put_rows(&one, ROWS(RCPT_ROWS), r);
        put_field(out, TAG_RCPT, buf_str(&one));
    }
    buf_free(&one);
}

/* ---- reading: every byte may be anything */

static bool get_number(struct str *in, uint64_t *out)
{
    uint64_t v = 0;

    for (unsigned shift = 0; shift < 64 && in->n > 0; shift += 7) {
        unsigned char c = (unsigned char)in->p[0];

        *in = str_from(*in, 1);
        if (shift == 63 && c > 1)
            return false;
        v |= (uint64_t)(c & 0x7F) << shift;
        if (c < 0x80) {
            *out = v;
            return shift == 0 || c != 0;        /* one way to write a number */
        }
    }
    return false;
}

static bool get_field(struct str *in, uint16_t *tag, struct str *bytes)
{
    uint64_t t, n;

    if (!get_number(in, &t) || t > TAG_MAX || !get_number(in, &n) || n > in->n)
        return false;
    *tag = (uint16_t)t;
    *bytes = str_head(*in, n);
    *in = str_from(*in, n);
    return true;
}

static bool set_number(const struct row *r, uint64_t v, char *p)
{
    int64_t s = unzigzag(v);

    switch ((enum kind)r->kind) {
    case K_BOOL: *(bool *)(void *)p = v; return v <= 1;
    case K_U8: *(uint8_t *)(void *)p = (uint8_t)v; return v <= UINT8_MAX;
    case K_U16: *(uint16_t *)(void *)p = (uint16_t)v; return v <= UINT16_MAX;
    case K_U32: *(uint32_t *)(void *)p = (uint32_t)v; return v <= UINT32_MAX;
    case K_U64: *(uint64_t *)(void *)p = v; return true;
    case K_UINT: *(unsigned *)(void *)p = (unsigned)v; return v <= UINT32_MAX;
    case K_ENUM:
        if (v > LOOKUP_DEFERRED)
            return false;
        *(enum lookup_state *)(void *)p = (enum lookup_state)v;
        return true;
    case K_I32: *(int32_t *)(void *)p = (int32_t)s; return s >= INT32_MIN && s <= INT32_MAX;
    case K_INT: *(int *)(void *)p = (int)s; return s >= INT32_MIN && s <= INT32_MAX;
    case K_I64: *(int64_t *)(void *)p = s; return true;
    case K_STR: case K_IP: case K_VARS: break;
    }
    return false;
}

static bool get_var(struct arena *a, struct str bytes, struct user_var **list)
{
    struct val v;
    uint64_t n;
    struct str name;
    unsigned before = 0;

    if (!get_number(&bytes, &n) || n == 0 || n > bytes.n)
        return false;
    name = str_head(bytes, n);
    bytes = str_from(bytes, n);
    if (!val_get(a, &bytes, &v) || bytes.n > 0)
        return false;
    /* To the end, so that the order of setting survives. */
    for (; *list; list = &(*list)->next)
        if (++before == VARS_MAX)
            return false;
    *list = arena_new(a, struct user_var);
    (*list)->name = arena_dup(a, name);
    (*list)->v = v;
    return true;
}

static bool get_ip(struct str bytes, struct ip *ip)
{
    if (bytes.n != 4 && bytes.n != 16)
        return false;
    *ip = (struct ip){ .v = bytes.n == 4 ? IP_V4 : IP_V6 };
    memcpy(ip->b, bytes.p, bytes.n);
    return true;
}

static bool get_row(struct arena *a, const struct row *r, struct str bytes, char *p)
{
    uint64_t v;

    switch ((enum kind)r->kind) {
    case K_STR: *(struct str *)(void *)p = arena_dup(a, bytes); return true;
    case K_IP: return get_ip(bytes, (struct ip *)(void *)p);
    case K_VARS: return get_var(a, bytes, (struct user_var **)(void *)p);
    default: return get_number(&bytes, &v) && bytes.n == 0 && set_number(r, v, p);
    }
}

struct table { const struct row *rows; size_t n; struct arena *a; void *base; };

/* One field into whichever of the tables knows it. */
static bool get_known(const struct table *tables, size_t n, uint16_t tag, struct str bytes)
{
    for (size_t k = 0; k < n; k++) {
        const struct table *t = &tables[k];

        for (size_t i = 0; i < t->n; i++)
            if (t->rows[i].tag == tag)
                return get_row(t->a, &t->rows[i], bytes, (char *)t->base + t->rows[i].at);
    }
    return tag >= SKIPPABLE;
}

static bool get_rows(struct str bytes, const struct table *tables, size_t n)
{
    uint16_t tag;
    struct str field;

    while (bytes.n > 0)
        if (!get_field(&bytes, &tag, &field) || !get_known(tables, n, tag, field))
            return false;
    return true;
}

static bool get_rcpt(struct txn *t, struct str bytes)
{
    struct rcpt r = { 0 }, *made;
    struct table table = { ROWS(RCPT_ROWS), &t->arena, &r };

    if (t->nrcpts >= RCPTS_MAX || !get_rows(bytes, &table, 1) || r.addr.n == 0)
        return false;
    made = txn_add_rcpt(t, r.addr);
    r.addr = made->addr;
    *made = r;
    return true;
}

static enum status damaged(struct why *why, const char *what, size_t at)
{
    return why_set(why, ST_NEVER, "%s is damaged near byte %zu", what, at);
}

static enum status check_version(struct str *bytes, const char *what, struct why *why)
{
    if (bytes->n == 0)
        return why_set(why, ST_NEVER, "%s is empty", what);
    if (bytes->p[0] != VERSION)
        return why_set(why, ST_NEVER, "%s has version %d, this engine reads %d", what, (unsigned char)bytes->p[0], VERSION);
    *bytes = str_from(*bytes, 1);
    return ST_OK;
}

enum status envelope_read(struct str bytes, struct conn *c, struct txn *t, struct why *why)
{
    const struct table tables[] = { { ROWS(CONN_ROWS), &c->arena, c }, { ROWS(TXN_ROWS), &t->arena, t } };
    const char *start = bytes.p;
    uint16_t tag;
    struct str field;
    enum status st = check_version(&bytes, "the envelope", why);

    if (st != ST_OK)
        return st;
    /* What is zero was not written; where "new" is not zero, say so. */
    c->uid = c->gid = 0;
    t->size_declared = 0;
    c->since_us = 0;
    while (bytes.n > 0) {
        size_t at = (size_t)(bytes.p - start);
        bool ok = get_field(&bytes, &tag, &field);

        if (ok)
            ok = tag == TAG_RCPT ? get_rcpt(t, field) : get_known(tables, 2, tag, field);
        if (!ok)
            return damaged(why, "the envelope", at);
    }
    return ST_OK;
}

/* State i belongs to recipient i of the envelope; beyond those stand the added ones. */
static bool get_rcpt_state(struct txn *t, uint32_t i, struct str bytes)
{
    struct rcpt r = { 0 }, *made;
    struct table tables[] = { { ROWS(RCPT_STATE_ROWS), &t->arena, &r }, { ROWS(RCPT_ROWS), &t->arena, &r } };

    if (!get_rows(bytes, tables, 2) || r.state > RCPT_FAILED)
        return false;
    if (i > t->nrcpts || r.added != (i == t->nrcpts) || r.added != (r.addr.n > 0))
        return false;
    if (r.added) {
        made = txn_add_rcpt(t, r.addr);
        r.addr = made->addr;
    } else {
        made = &t->rcpts[i];
        r.addr = made->addr;
        r.orcpt = made->orcpt;
        r.dsn = made->dsn;
        r.errors_to = made->errors_to;
    }
    *made = r;
    return true;
}

enum status envelope_state_read(struct str blob, struct txn *t, struct why *why)
{
    const struct table table = { ROWS(STATE_ROWS), &t->arena, t };
    const char *start = blob.p;
    uint32_t i = 0, had = t->nrcpts;
    uint16_t tag;
    struct str field;
    enum status st = check_version(&blob, "the message's state", why);

    if (st != ST_OK)
        return st;
    t->deliver_first_time = t->queue_first_pass = false;
    while (blob.n > 0) {
        size_t at = (size_t)(blob.p - start);
        bool ok = get_field(&blob, &tag, &field);

        if (ok && tag == TAG_RCPT)
            ok = i < RCPTS_MAX && get_rcpt_state(t, i++, field);
        else if (ok)
            ok = get_known(&table, 1, tag, field);
        if (!ok)
            return damaged(why, "the message's state", at);
    }
    if (t->queue_moved.p)
        t->queue_name = t->queue_moved;
    for (uint32_t k = 0; k < t->nrcpts; k++)
        t->deliver_first_time = t->deliver_first_time && t->rcpts[k].attempts == 0 && t->rcpts[k].state == RCPT_PENDING;
    if (i < had)
        return why_set(why, ST_NEVER, "the message's state names %u of %u recipients", i, had);
    return ST_OK;
}
