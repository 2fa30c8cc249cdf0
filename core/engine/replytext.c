#include "engine/replytext.h"

#include "base/clock.h"
#include "mail/addr.h"
#include "mail/encoded.h"

enum { ADDRESSES_MAX = 100, VARIABLE_MAX = 64, REFERENCES_MAX = 1000, LOG_SUBJECT_MAX = 1000 };

/* ---- a text with variables in it (file_expand) */

/* "$name", "${name}", "$h_subject:", "$$"; anything else stays as it is. */
static size_t take_variable(struct str s, struct str *name)
{
    size_t from = 1, n;

    if (s.n > 1 && s.p[1] == '{')
        from = 2;
    for (n = from; n < s.n && n < VARIABLE_MAX && (s.p[n] == '_' || (s.p[n] >= '0' && s.p[n] <= '9') || s.p[n] == '-'
                                                   || (ascii_lower(s.p[n]) >= 'a' && ascii_lower(s.p[n]) <= 'z')); n++)
        ;
    *name = (struct str){ s.p + from, n - from };
    if (name->n == 0 || (from == 2 && (n == s.n || s.p[n] != '}')))
        return 0;
    return from == 2 ? n + 1 : n;
}

static bool variable(const struct replytext *r, struct str name, struct str *out)
{
    struct attempt *a = r->a;
    struct arena *ar = &a->w->arena;
    const struct field *f;

    if (!str_starts(name, STR("h_")))
        return policy_variable(a->w->set->policy, &a->view->t, name, ar, out);
    f = header_field(&a->w->t->header, str_from(name, 2), 0);
    *out = f ? header_decode(ar, header_unfold(ar, f->value)) : STR("");
    return true;
}

static void put_expanded(const struct replytext *r, struct str s, struct buf *out)
{
    struct str name, value;
    size_t n;

    while (s.n) {
        size_t at = str_find(s, '$');

        buf_add(out, str_head(s, at));
        if (at == SIZE_MAX)
            return;
        s = str_from(s, at);
        if (s.n > 1 && s.p[1] == '$') {
            buf_byte(out, '$');
            s = str_from(s, 2);
        } else if ((n = take_variable(s, &name)) && variable(r, name, &value)) {
            buf_add(out, value);
            s = str_from(s, n);
            if (str_starts(name, STR("h_")) && s.n && s.p[0] == ':')
                s = str_from(s, 1);
        } else {
            buf_byte(out, '$');
            s = str_from(s, 1);
        }
    }
}

/* ---- the message */

static void put_field(struct buf *out, const char *name, struct str value)
{
    if (value.n)
        buf_addf(out, "%s: %.*s\r\n", name, STR_ARG(value));
}

static void put_thread(const struct replytext *r, struct buf *out)
{
    struct arena *ar = &r->a->w->arena;
    const struct txn *t = r->a->w->t;
    const struct field *id = header_field(&t->header, STR("Message-ID"), 0), *refs = header_field(&t->header, STR("References"), 0);
    struct str value = id ? encoded_text(ar, header_unfold(ar, id->value)) : STR("");
    struct str before = refs ? encoded_text(ar, header_unfold(ar, refs->value)) : STR("");

    if (value.n == 0 || value.n > REFERENCES_MAX)
        return;
    put_field(out, "In-Reply-To", value);
    if (before.n && before.n < REFERENCES_MAX)
        buf_addf(out, "References: %.*s\r\n %.*s\r\n", STR_ARG(before), STR_ARG(value));
    else
        put_field(out, "References", value);
}

/* A line that begins with white space goes on with the one before. */
static bool cut_field(struct str *rest, struct str *field)
{
    size_t n = 0;

    if (rest->n == 0)
        return false;
    while (n < rest->n && !(rest->p[n] == '\n' && (n + 1 == rest->n || (rest->p[n + 1] != ' ' && rest->p[n + 1] != '\t'))))
        n++;
    *field = str_head(*rest, n);
    *rest = str_from(*rest, n + 1);
    return true;
}

/* Fields of the rules' own; one that is none is left out. */
static bool put_headers(const struct replytext *r, struct buf *out)
{
    struct arena *ar = &r->a->w->arena;
    struct str rest = r->a->tr.reply_headers, line, wire;
    const char *reason;
    bool typed = false;

    while (cut_field(&rest, &line)) {
        if (str_trim(line).n == 0 || !header_make(ar, str_trim(line), &wire, &reason))
            continue;
        typed = typed || str_starts_fold(wire, STR("Content-Type:"));
        buf_add(out, wire);
    }
    return typed;
}

static bool eight_bit(struct str s)
{
    for (size_t i = 0; i < s.n; i++)
        if ((unsigned char)s.p[i] >= 0x80)
            return true;
    return false;
}

static void put_body(const struct replytext *r, struct buf *out)
{
    const struct transport *t = &r->a->tr;

    if (t->reply_text.n) {
        buf_add(out, t->reply_text);
        if (!str_ends(t->reply_text, STR("\n")))
            buf_byte(out, '\n');
    }
    if (t->file_expand)
        put_expanded(r, r->file, out);
    else
        buf_add(out, r->file);
    if (r->original.n) {
        buf_add(out, STR("\n------ This is a copy of the message, including all the headers.\n\n"));
        buf_add(out, r->original);
    }
}

/* "Ann <a@b>, c@d" with names encoded as they must be; nothing if it is no list. */
static struct str mailboxes(struct arena *ar, struct str text)
{
    struct addr_item *items = NULL;
    struct buf b = { 0 };
    const char *reason;
    size_t n = 0;
    struct str s;

    if (addr_list(ar, text, ADDRESSES_MAX, &items, &n, &reason) != ADDR_LIST_OK)
        n = 0;
    for (size_t i = 0; i < n; i++) {
        struct str name = encoded_text(ar, items[i].display);

        buf_addf(&b, "%s%.*s", i ? ",\r\n " : "", STR_ARG(name));
        buf_addf(&b, name.n ? " <%.*s>" : "%.*s", STR_ARG(items[i].addr));
    }
    s = arena_dup(ar, buf_str(&b));
    buf_free(&b);
    return s;
}

static struct str from_whom(struct attempt *a)
{
    struct str from = mailboxes(&a->w->arena, a->tr.reply_from);

    return from.n ? from : a->w->t->rcpts[a->items->rcpt].addr;
}

void replytext_write(const struct replytext *r, struct buf *out)
{
    struct arena *ar = &r->a->w->arena;
    const struct transport *t = &r->a->tr;
    struct buf body = { 0 };

    put_body(r, &body);
    put_field(out, "From", from_whom(r->a));
    put_field(out, "Reply-To", mailboxes(ar, t->reply_to));
    put_field(out, "To", r->to);
    put_field(out, "Cc", r->cc);
    put_field(out, "Subject", encoded_text(ar, t->reply_subject));
    put_thread(r, out);
    buf_add(out, STR("Auto-Submitted: auto-replied\r\n"));
    if (!put_headers(r, out) && eight_bit(buf_str(&body)))
        buf_add(out, STR("MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n"));
    buf_add(out, STR("\r\n"));
    buf_add(out, buf_str(&body));
    buf_free(&body);
}

struct str replytext_note(struct attempt *a, struct str key, int64_t now)
{
    struct arena *ar = &a->w->arena;

    return arena_printf(ar, "%.*s\n  From: %.*s\n  To: %.*s\n  Subject: %.*s\n", STR_ARG(clock_rfc5322(ar, now)),
                        STR_ARG(encoded_text(ar, from_whom(a))), STR_ARG(key),
                        STR_ARG(str_head(encoded_text(ar, a->tr.reply_subject), LOG_SUBJECT_MAX)));
}
