/*
 * vars_message - the message, its sender, and what belongs to the running ACL
 */
#include "policy/vars.h"

#include <unistd.h>

#include "base/clock.h"
#include "getters.h"
#include "mail/addr.h"

void get_message_id(const struct vars *v, struct val *out)
{
    val_text_if(out, str_of(v->t->id.s));
}

/* Before the message is there, only what the client declared can be known. */
static bool before_data(enum phase ph)
{
    return ph < PH_DKIM || (ph >= PH_ETRN && ph <= PH_WELLKNOWN) || ph == PH_NOT_SMTP_START;
}

void get_message_size(const struct vars *v, struct val *out)
{
    val_int(out, before_data(v->t->phase) ? v->t->size_declared : (int64_t)v->t->size);
}

void get_message_smtputf8(const struct vars *v, struct val *out)
{
    val_bool(out, v->t->smtputf8);
}

/* Rules count lines by LF; the wire has CRLF. */
static struct str newlines(struct arena *a, struct str wire)
{
    char *p = arena_alloc(a, wire.n + 1);
    size_t n = 0;

    for (size_t i = 0; i < wire.n; i++)
        if (wire.p[i] != '\r' || i + 1 == wire.n || wire.p[i + 1] != '\n')
            p[n++] = wire.p[i];
    return (struct str){ p, n };
}

void get_message_headers(const struct vars *v, struct val *out)
{
    val_text(out, newlines(v->arena, header_decode(v->arena, v->t->header_text)));
    if (out->type == VAL_NIL)
        val_text(out, STR(""));
}

void get_message_headers_raw(const struct vars *v, struct val *out)
{
    val_text(out, newlines(v->arena, v->t->header_text));
}

/* As Exim shows bodies: one line of text, whatever is in them, unless
 * message_body_newlines says otherwise. */
static void body_text(const struct vars *v, struct str bytes, struct val *out)
{
    int opt = v->policy ? policy_opt_find(STR("message_body_newlines")) : -1;
    bool lines = opt >= 0 && policy_opt_bool(v->policy, opt);
    char *p;
    size_t n = 0;

    if (!bytes.p)
        return;
    p = arena_alloc(v->arena, bytes.n + 1);
    for (size_t i = 0; i < bytes.n; i++) {
        if (bytes.p[i] == '\r' && i + 1 < bytes.n && bytes.p[i + 1] == '\n')
            continue;
        p[n++] = (bytes.p[i] == '\n' && !lines) || bytes.p[i] == '\0' ? ' ' : bytes.p[i];
    }
    val_text(out, (struct str){ p, n });
}

void get_message_body(const struct vars *v, struct val *out)
{
    body_text(v, v->t->body_start, out);
}

void get_message_body_end(const struct vars *v, struct val *out)
{
    body_text(v, v->t->body_end, out);
}

void get_message_body_size(const struct vars *v, struct val *out)
{
    val_int(out, (int64_t)v->t->body_size);
}

void get_message_linecount(const struct vars *v, struct val *out)
{
    val_int(out, v->t->lines);
}

void get_body_linecount(const struct vars *v, struct val *out)
{
    val_int(out, (int64_t)v->t->body_lines);
}

void get_body_zerocount(const struct vars *v, struct val *out)
{
    val_int(out, (int64_t)v->t->body_zeros);
}

void get_max_received_linelength(const struct vars *v, struct val *out)
{
    val_int(out, (int64_t)v->t->max_line);
}

void get_message_age(const struct vars *v, struct val *out)
{
    int64_t age = clock_wall() - v->t->received_us / 1000000;

    val_int(out, age > 0 ? age : 0);
}

void get_first_delivery(const struct vars *v, struct val *out)
{
    val_bool(out, v->t->deliver_first_time);
}

void get_received_count(const struct vars *v, struct val *out)
{
    val_int(out, v->t->received_count);
}

void get_received_protocol(const struct vars *v, struct val *out)
{
    const struct conn *c = v->t->conn;

    if (v->t->protocol.n)
        val_text(out, v->t->protocol);
    else if (c->protocol.n)
        val_text(out, c->protocol);
    else
        val_text(out, conn_protocol(c));
}

void get_received_time(const struct vars *v, struct val *out)
{
    val_int(out, v->t->received_us / 1000000);
}

void get_reply_address(const struct vars *v, struct val *out)
{
    const struct field *f = header_field(&v->t->header, STR("reply-to"), 0);
    struct str text = f ? header_unfold(v->arena, f->value) : (struct str){ 0 };

    if (!text.n) {
        f = header_field(&v->t->header, STR("from"), 0);
        text = f ? header_unfold(v->arena, f->value) : (struct str){ 0 };
    }
    val_text_if(out, text);
}

void get_headers_added(const struct vars *v, struct val *out)
{
    const struct header_edit *e;
    size_t n = 0;
    char *p;

    for (e = v->t->edits; e; e = e->next)
        n += e->remove ? 0 : e->text.n;
    if (!n)
        return;
    p = arena_alloc(v->arena, n);
    n = 0;
    for (e = v->t->edits; e; e = e->next) {
        if (!e->remove) {
            memcpy(p + n, e->text.p, e->text.n);
            n += e->text.n;
        }
    }
    val_text(out, newlines(v->arena, str_trim((struct str){ p, n })));
}

void get_queue_name(const struct vars *v, struct val *out)
{
    val_text_if(out, v->t->queue_name);
}

void put_queue_name(struct txn *t, struct arena *a, const struct val *v)
{
    (void)a;
    t->queue_name = v->type == VAL_STR ? arena_dup(&t->arena, v->u.s) : (struct str){ 0 };
}

void get_originator_uid(const struct vars *v, struct val *out)
{
    val_int(out, v->t->conn->uid >= 0 ? v->t->conn->uid : (int64_t)getuid());
}

void get_originator_gid(const struct vars *v, struct val *out)
{
    val_int(out, v->t->conn->gid >= 0 ? v->t->conn->gid : (int64_t)getgid());
}

/* ---- sender */

void get_sender_address(const struct vars *v, struct val *out)
{
    val_text(out, v->t->sender);
}

void get_sender_address_domain(const struct vars *v, struct val *out)
{
    struct addr a;

    if (addr_split(v->t->sender, &a))
        val_text(out, a.domain);
    else if (v->t->sender.p)
        val_text(out, STR(""));
}

void get_sender_address_local_part(const struct vars *v, struct val *out)
{
    struct addr a;

    if (addr_split(v->t->sender, &a))
        val_text(out, a.local);
    else
        val_text(out, v->t->sender);
}

void get_authenticated_sender(const struct vars *v, struct val *out)
{
    val_text(out, v->t->conn->auth_sender);
}

/* ---- facts that conditions and verifying leave behind */

VAR_TEXT(sender_address_data, sender_address_data)
VAR_TEXT(sender_data, sender_data)
VAR_TEXT(sender_verify_failure, sender_verify_failure)
VAR_TEXT(recipient_data, recipient_data)
VAR_TEXT(recipient_verify_failure, recipient_verify_failure)
VAR_TEXT(acl_verify_message, verify_message)
VAR_TEXT(verify_mode, verify_mode)
VAR_TEXT(callout_address, callout_address)
VAR_TEXT(csa_status, csa_status)

void get_lookup_dnssec_authenticated(const struct vars *v, struct val *out)
{
    val_text(out, v->t->lookup_dnssec);
}

/* ---- arguments of an ACL called by name */

static void acl_arg(const struct vars *v, unsigned i, struct val *out)
{
    if (i < v->t->acl_nargs)
        val_text(out, v->t->acl_args[i]);
}

void get_acl_arg1(const struct vars *v, struct val *out) { acl_arg(v, 0, out); }
void get_acl_arg2(const struct vars *v, struct val *out) { acl_arg(v, 1, out); }
void get_acl_arg3(const struct vars *v, struct val *out) { acl_arg(v, 2, out); }
void get_acl_arg4(const struct vars *v, struct val *out) { acl_arg(v, 3, out); }
void get_acl_arg5(const struct vars *v, struct val *out) { acl_arg(v, 4, out); }
void get_acl_arg6(const struct vars *v, struct val *out) { acl_arg(v, 5, out); }
void get_acl_arg7(const struct vars *v, struct val *out) { acl_arg(v, 6, out); }
void get_acl_arg8(const struct vars *v, struct val *out) { acl_arg(v, 7, out); }
void get_acl_arg9(const struct vars *v, struct val *out) { acl_arg(v, 8, out); }

void get_acl_narg(const struct vars *v, struct val *out)
{
    val_int(out, v->t->acl_nargs);
}

/* ---- what the last regex condition caught */

static void capture(const struct vars *v, unsigned i, struct val *out)
{
    val_text(out, v->t->regex[i]);
}

void get_regex1(const struct vars *v, struct val *out) { capture(v, 1, out); }
void get_regex2(const struct vars *v, struct val *out) { capture(v, 2, out); }
void get_regex3(const struct vars *v, struct val *out) { capture(v, 3, out); }
void get_regex4(const struct vars *v, struct val *out) { capture(v, 4, out); }
void get_regex5(const struct vars *v, struct val *out) { capture(v, 5, out); }
void get_regex6(const struct vars *v, struct val *out) { capture(v, 6, out); }
void get_regex7(const struct vars *v, struct val *out) { capture(v, 7, out); }
void get_regex8(const struct vars *v, struct val *out) { capture(v, 8, out); }
void get_regex9(const struct vars *v, struct val *out) { capture(v, 9, out); }

void get_regex_match_string(const struct vars *v, struct val *out)
{
    val_text(out, v->t->regex_match_string);
}
