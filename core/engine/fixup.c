#include "engine/fixup.h"

#include <ctype.h>

#include "base/clock.h"
#include "mail/addr.h"

enum { ID_PART_MAX = 200 };

static void edit(struct txn *t, bool remove, enum header_place place, struct str text)
{
    struct header_edit *h = arena_new(&t->arena, struct header_edit);

    h->remove = remove;
    h->place = place;
    h->text = text;
    if (!t->edits_end)
        t->edits_end = &t->edits;
    *t->edits_end = h;
    t->edits_end = &h->next;
}

static bool has(const struct txn *t, struct str name)
{
    return header_field(&t->header, name, 0) != NULL;
}

static void remove_all(struct txn *t, struct str name)
{
    if (has(t, name))
        edit(t, true, HEADER_AT_END, name);
}

static void add(struct txn *t, const char *name, struct str value)
{
    struct str wire;
    const char *reason;

    if (header_make(&t->arena, arena_printf(&t->arena, "%s: %.*s", name, STR_ARG(value)), &wire, &reason))
        edit(t, false, HEADER_AT_END, wire);
}

/* Who really sent it: what the client proved, or the login of a local caller. */
static struct str true_sender(const struct settings *set, struct txn *t)
{
    struct str id = t->conn->auth_id.n ? t->conn->auth_id : t->conn->ident;
    struct str domain = t->submission && t->submission_domain.n ? t->submission_domain : set->qualify_domain;

    if (id.n == 0)
        return STR("");
    if (str_find(id, '@') != SIZE_MAX)
        return id;
    return addr_join(&t->arena, addr_quote(&t->arena, id), domain);
}

static struct str first_from(struct txn *t)
{
    const struct field *f = header_field(&t->header, STR("From"), 0);
    struct addr_item *items;
    const char *reason;
    size_t n = 0;

    if (!f)
        return STR("");
    addr_list(&t->arena, f->value, 2, &items, &n, &reason);
    return n == 1 ? items[0].addr : STR("");
}

/* "name" <address>; what could end the quotes or the line is escaped or left out (P5). */
static struct str with_name(struct txn *t, struct str who)
{
    struct str name = str_trim(t->submission_name), out;
    struct buf b = { 0 };

    if (name.n == 0)
        return who;
    buf_byte(&b, '"');
    for (size_t i = 0; i < name.n; i++) {
        if ((unsigned char)name.p[i] < ' ' || name.p[i] == 127)
            continue;
        if (name.p[i] == '"' || name.p[i] == '\\')
            buf_byte(&b, '\\');
        buf_byte(&b, name.p[i]);
    }
    buf_addf(&b, "\" <%.*s>", STR_ARG(who));
    out = arena_dup(&t->arena, buf_str(&b));
    buf_free(&b);
    return out;
}

/* Without what local_from_prefix and local_from_suffix let stand before and behind
 * it: "*-" is everything up to the last minus. Lists as of routers' prefixes. */
static struct str bare_login(const struct settings *set, struct str local)
{
    struct str rest = setting_str(set, SET_local_from_prefix, STR("")), item;

    while (str_cut(&rest, ':', &item)) {
        bool any = str_starts(item = str_trim(item), STR("*"));
        struct str fixed = str_from(item, any);

        for (size_t i = any ? local.n : 0; fixed.n; i--) {
            if (str_starts_fold(str_from(local, i), fixed)) {
                local = str_from(local, i + fixed.n);
                rest = STR("");
                break;
            }
            if (i == 0)
                break;
        }
    }
    rest = setting_str(set, SET_local_from_suffix, STR(""));
    while (str_cut(&rest, ':', &item)) {
        bool any = (item = str_trim(item)).n > 1 && item.p[item.n - 1] == '*';
        struct str fixed = str_head(item, item.n - any);

        for (size_t i = 0; fixed.n && i < local.n; i++) {
            struct str tail = str_from(local, i);

            if (any ? str_starts_fold(tail, fixed) : str_same_fold(tail, fixed))
                return str_head(local, i);
        }
    }
    return local;
}

/* Is the From: address the sender's, prefixes and suffixes aside? */
static bool same_author(const struct settings *set, struct str from, struct str who)
{
    size_t at = str_rfind(from, '@'), login = str_rfind(who, '@');

    if (str_same_fold(from, who))
        return true;
    return at != SIZE_MAX && login != SIZE_MAX && str_same_fold(str_from(from, at), str_from(who, login))
        && str_same_fold(bare_login(set, str_head(from, at)), str_head(who, login));
}

static void fix_sender(const struct settings *set, struct txn *t, bool trusted)
{
    bool retain = t->submission ? t->submission_sender_retain : setting_bool(set, SET_local_sender_retain, false);
    bool check = t->submission || (!trusted && setting_bool(set, SET_local_from_check, true));
    struct str who = true_sender(set, t);

    if (retain || !check || who.n == 0)
        return;
    remove_all(t, STR("Sender"));
    if (!same_author(set, first_from(t), who))
        add(t, "Sender", with_name(t, who));
}

static void fix_from(const struct settings *set, struct txn *t)
{
    struct str who;

    if (has(t, STR("From")))
        return;
    who = t->sender.n ? t->sender : true_sender(set, t);
    if (who.n == 0)
        return;
    add(t, "From", with_name(t, who));
}

bool fixup_makes_id(const struct txn *t)
{
    return !t->suppress_fixups && (!t->conn->smtp || t->submission) && !has(t, STR("Message-ID"));
}

/* As Exim: what a function says is put into a Message-ID, and never more than that. */
static struct str id_part(struct txn *t, struct str text, const char *also)
{
    char *p;

    text = arena_dup(&t->arena, str_head(text, ID_PART_MAX));
    p = (char *)text.p;
    for (size_t i = 0; i < text.n; i++)
        if (!isalnum((unsigned char)p[i]) && (p[i] == '\0' || !strchr(also, p[i])))
            p[i] = '-';
    return text;
}

static void fix_message_id(const struct settings *set, struct txn *t, struct str domain, struct str text)
{
    struct str host = domain.n ? id_part(t, domain, ".-") : set->hostname;

    text = id_part(t, text, "!#$%&'*+-/=?^_`{|}~.");
    add(t, "Message-Id", arena_printf(&t->arena, "<E%s%s%.*s@%.*s>", t->id.s, text.n ? "-" : "", STR_ARG(text), STR_ARG(host)));
}

void fixup(const struct settings *set, struct txn *t, bool trusted, struct str id_domain, struct str id_text, bool *id_made)
{
    *id_made = fixup_makes_id(t);
    if (setting_bool(set, SET_return_path_remove, true))
        remove_all(t, STR("Return-path"));
    if (setting_bool(set, SET_envelope_to_remove, true))
        remove_all(t, STR("Envelope-to"));
    if (setting_bool(set, SET_delivery_date_remove, true))
        remove_all(t, STR("Delivery-date"));
    if (t->suppress_fixups || (t->conn->smtp && !t->submission))
        return;
    if (!has(t, STR("Date")))
        add(t, "Date", clock_rfc5322(&t->arena, t->received_us / 1000000));
    if (*id_made)
        fix_message_id(set, t, id_domain, id_text);
    fix_from(set, t);
    fix_sender(set, t, trusted);
}
