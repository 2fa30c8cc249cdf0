/* What rules do to a message and say about it: header edits, controls, log lines. */
#include "base/log.h"
#include "mail/addr.h"
#include "net/sock.h"
#include "policy/lua.h"

enum { HEADER_TEXT_MAX = 65536, HEADER_EDITS_MAX = 2000, LOG_TEXT_MAX = 8192, FIELD_TEXT_MAX = 1024 };

/* ---- header edits: kept with the transaction, applied together when it is kept */

static int refuse(lua_State *L, const char *why)
{
    lua_pushnil(L);
    lua_pushstring(L, why);
    return 2;
}

/* The same field asked for twice at one place is there once (reference/acl.tsv). */
static bool edit_known(const struct txn *t, const struct header_edit *e, size_t *count)
{
    for (const struct header_edit *i = t->edits; i; i = i->next) {
        ++*count;
        if (i->remove == e->remove && i->place == e->place && str_same(i->text, e->text))
            return true;
    }
    return false;
}

static int edit_add(lua_State *L, struct txn *t, struct header_edit e)
{
    struct header_edit *kept;
    size_t count = 0;

    if (!edit_known(t, &e, &count)) {
        if (count >= HEADER_EDITS_MAX)
            return refuse(L, "too many header edits for one message");
        kept = arena_new(&t->arena, struct header_edit);
        *kept = e;
        kept->text = arena_dup(&t->arena, e.text);
        if (!t->edits || !t->edits_end)
            t->edits_end = &t->edits;
        while (*t->edits_end)
            t->edits_end = &(*t->edits_end)->next;
        *t->edits_end = kept;
        t->edits_end = &kept->next;
    }
    lua_pushboolean(L, true);
    return 1;
}

static bool place_find(struct str name, enum header_place *out)
{
    static const char *const names[] = {
        [HEADER_AT_END] = "at_end", [HEADER_AT_START] = "at_start",
        [HEADER_AFTER_RECEIVED] = "after_received", [HEADER_AT_START_RFC] = "at_start_rfc",
    };

    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (str_same(name, str_of(names[i]))) {
            *out = (enum header_place)i;
            return true;
        }
    return false;
}

/* header_add(m, "Name: text", place) -> true | nil, why */
static int l_header_add(lua_State *L)
{
    struct txn *t = arg_txn(L, 1);
    struct str text = arg_str(L, 2, HEADER_TEXT_MAX), place = arg_str(L, 3, 20);
    struct header_edit e = { .remove = false };
    const char *reason = "it is no header field";

    luaL_argcheck(L, place_find(place, &e.place), 3, "no such place");
    if (!header_make(policy_scratch(L), text, &e.text, &reason))
        return refuse(L, reason);
    return edit_add(L, t, e);
}

/* header_remove(m, name) -> true | nil, why */
static int l_header_remove(lua_State *L)
{
    struct txn *t = arg_txn(L, 1);
    struct header_edit e = { .remove = true, .text = arg_str(L, 2, HEADER_TEXT_MAX) };
    const char *reason = "it is no name of a header field";

    if (!header_removal(e.text, &reason))
        return refuse(L, reason);
    return edit_add(L, t, e);
}

/* ---- verify = "header_syntax" */

static const char *const address_fields[] = {
    "From", "Sender", "Reply-To", "To", "Cc", "Bcc", "Resent-From", "Resent-Sender", "Resent-To", "Resent-Cc", "Resent-Bcc",
};

static bool field_legal(struct arena *a, const struct field *f, const char **reason)
{
    struct addr_item *items;
    size_t n;

    return addr_list(a, header_unfold(a, f->value), 10000, &items, &n, reason) == ADDR_LIST_OK;
}

/* header_syntax(m) -> true | false, why */
static int l_header_syntax(lua_State *L)
{
    struct txn *t = arg_txn(L, 1);
    struct arena *a = policy_scratch(L);
    const struct field *f;
    const char *reason = "";

    for (size_t i = 0; i < sizeof address_fields / sizeof *address_fields; i++) {
        for (size_t n = 0; (f = header_field(&t->header, str_of(address_fields[i]), n)); n++) {
            if (field_legal(a, f, &reason))
                continue;
            lua_pushboolean(L, false);
            lua_pushfstring(L, "header syntax: %s: %s", address_fields[i], reason);
            return 2;
        }
    }
    lua_pushboolean(L, true);
    return 1;
}

/* ---- controls: one field of the transaction or the connection by its name */

static void set_caseful(struct txn *t, bool on)
{
    t->caseful = on;
    if (t->addr)
        t->addr->local_part = on ? t->addr->local_part_as_is : arena_lower(&t->arena, t->addr->local_part_as_is);
}

/* The first recipient decides; a later one's wish comes too late (F34). */
static void set_cutthrough(struct txn *t, bool pass)
{
    if (t->rcpt_seen <= 1 || t->cutthrough != CUTTHROUGH_NO)
        t->cutthrough = pass ? CUTTHROUGH_PASS : CUTTHROUGH_SPOOL;
}

struct flag { const char *name; size_t offset; };
static const struct flag txn_flags[] = {
    { "freeze", offsetof(struct txn, freeze) },
    { "freeze_no_tell", offsetof(struct txn, freeze_no_tell) },
    { "queue_only", offsetof(struct txn, queue_only) },
    { "queue_first_pass", offsetof(struct txn, queue_first_pass) },
    { "submission", offsetof(struct txn, submission) },
    { "submission_sender_retain", offsetof(struct txn, submission_sender_retain) },
    { "suppress_fixups", offsetof(struct txn, suppress_fixups) },
    { "no_mbox_unspool", offsetof(struct txn, no_mbox_unspool) },
    { "dkim_disabled", offsetof(struct txn, dkim_disabled) },
    { "dmarc_disabled", offsetof(struct txn, dmarc_disabled) },
    { "dmarc_forensic", offsetof(struct txn, dmarc_forensic) },
    { "cutthrough_tptsender", offsetof(struct txn, cutthrough_tptsender) },
    { "explain", offsetof(struct txn, explain) },
};
static const struct flag conn_flags[] = {
    { "auth_unadvertised", offsetof(struct conn, auth_unadvertised) },
    { "no_pipelining", offsetof(struct conn, no_pipelining) },
    { "no_delay_flush", offsetof(struct conn, no_delay_flush) },
    { "no_multiline", offsetof(struct conn, no_multiline) },
    { "explain_session", offsetof(struct conn, explain) },
};
static const struct flag txn_texts[] = {
    { "submission_domain", offsetof(struct txn, submission_domain) },
    { "submission_name", offsetof(struct txn, submission_name) },
    { "queue_name", offsetof(struct txn, queue_name) },
    { "fake_reply", offsetof(struct txn, fake_reply) },
};

static void *member(const struct flag *rows, size_t n, struct str name, void *of)
{
    for (size_t i = 0; i < n; i++)
        if (str_same(name, str_of(rows[i].name)))
            return (char *)of + rows[i].offset;
    return NULL;
}
#define MEMBER(rows, name, of) member(rows, sizeof (rows) / sizeof *(rows), name, of)

/* control(m, field, value) */
static int l_control(lua_State *L)
{
    struct txn *t = arg_txn(L, 1);
    struct str name = arg_str(L, 2, 64);
    bool *flag = MEMBER(txn_flags, name, t);
    struct str *text = MEMBER(txn_texts, name, t);

    if (!flag)
        flag = MEMBER(conn_flags, name, t->conn);
    if (flag)
        *flag = lua_toboolean(L, 3);
    else if (text)
        *text = arena_dup(&t->arena, arg_str(L, 3, FIELD_TEXT_MAX));
    else if (str_same(name, STR("caseful")))
        set_caseful(t, lua_toboolean(L, 3));
    else if (str_same(name, STR("sync")))
        t->conn->sync = (int8_t)arg_int(L, 3, -1, 1);
    else if (str_same(name, STR("cutthrough")))
        set_cutthrough(t, lua_toboolean(L, 3));
    else if (str_same(name, STR("dscp")))
        t->conn->dscp = (int8_t)arg_int(L, 3, 0, 63);
    else if (str_same(name, STR("debug")))
        t->conn->debug = (uint8_t)arg_int(L, 3, DEBUG_AS_IT_IS, DEBUG_KILL);
    else if (str_same(name, STR("debug_tag")))
        t->conn->debug_tag = arena_dup(&t->conn->arena, arg_str(L, 3, 100));
    else if (str_same(name, STR("reject_logs")))
        t->reject_logs = (uint8_t)arg_int(L, 3, 0, 255);
    else if (str_same(name, STR("fake_code")))
        t->fake_code = (int)arg_int(L, 3, 400, 599);
    else
        luaL_argerror(L, 2, "no such control");
    return 0;
}

/* acl_args(m, { text, ... }): $acl_arg1 and on of the ACL that begins */
static int l_acl_args(lua_State *L)
{
    struct txn *t = arg_txn(L, 1);
    size_t n;

    luaL_checktype(L, 2, LUA_TTABLE);
    n = lua_objlen(L, 2);
    luaL_argcheck(L, n <= ACL_ARGS, 2, "an ACL takes at most nine arguments");
    for (size_t i = 0; i < n; i++) {
        size_t len;
        const char *p;

        lua_rawgeti(L, 2, (int)i + 1);
        p = lua_tolstring(L, -1, &len);
        if (!p || len > FIELD_TEXT_MAX)
            return luaL_argerror(L, 2, "arguments are texts of at most 1024 bytes");
        if (!str_same(t->acl_args[i], (struct str){ p, len }))
            t->acl_args[i] = arena_dup(&t->arena, (struct str){ p, len });
        lua_pop(L, 1);
    }
    t->acl_nargs = (unsigned)n;
    return 0;
}

/* ---- logs */

/* logwrite(m, "main" | "reject" | "panic", text) */
static int l_logwrite(lua_State *L)
{
    struct txn *t = arg_txn(L, 1);
    struct str which = arg_str(L, 2, 10);
    struct str text = str_head(arg_str(L, 3, SIZE_MAX), LOG_TEXT_MAX);
    enum log_file f = str_same(which, STR("reject")) ? LOG_REJECT : str_same(which, STR("panic")) ? LOG_PANIC : LOG_MAIN;

    log_text(f, str_of(t->id.s), text);
    return 0;
}

/* dscp(name) -> number | nil */
static int l_dscp(lua_State *L)
{
    int n = sock_dscp(arg_str(L, 1, 64));

    if (n < 0)
        return 0;
    lua_pushnumber(L, n);
    return 1;
}

/* udp_send(ip, port, text): there is no network in a hermetic world */
static int l_udp_send(lua_State *L)
{
    struct sock_addr to = { .port = (uint16_t)arg_int(L, 2, 1, 65535) };
    struct str bytes = arg_str(L, 3, 65507);

    luaL_argcheck(L, ip_parse(arg_str(L, 1, 64), &to.ip), 1, "that is no address");
    if (!policy_env(L)->hermetic && !policy_env(L)->check_only)
        sock_datagram(&to, bytes);
    return 0;
}

static const luaL_Reg plain[] = {
    { "dscp", l_dscp },
    { "udp_send", l_udp_send },
    { "header_add", l_header_add },
    { "header_remove", l_header_remove },
    { "header_syntax", l_header_syntax },
    { "control", l_control },
    { "acl_args", l_acl_args },
    { "logwrite", l_logwrite },
    { NULL, NULL },
};

extern const struct lib lib_mail;
const struct lib lib_mail = { plain, NULL };
