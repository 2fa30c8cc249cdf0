/* addr_list: the address lists of header fields, RFC 5322 3.4 with the
 * obsolete forms of 4.4. A reader walks the text once; comments are counted,
 * not recursed into, so depth costs nothing. */
#include "base/buf.h"
#include "mail/addr.h"

struct reader {
    struct arena *a;
    struct str s;
    size_t i;
    const char *fault;
    struct buf local, domain;       /* of the address being read, without comments and folding */
    unsigned words;                 /* in local */
    bool quoted, phrase;            /* a word of it was quoted; two words stood side by side */
    bool group;
    size_t item, from, end;         /* where the element, its addr-spec and the last token of it begin and end */
    struct str spec;                /* what stood in angle brackets; p NULL: nothing did */
};

static int peek(const struct reader *r)
{
    return r->i < r->s.n ? (unsigned char)r->s.p[r->i] : -1;
}

static bool fail(struct reader *r, const char *fault)
{
    r->fault = fault;
    return false;
}

static bool is_white(int c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static bool is_atom(int c)
{
    return c > ' ' && c != 0x7F && !(c < 0x80 && strchr("()<>[]:;@\\,.\"", c));
}

static bool skip_comment(struct reader *r)
{
    unsigned depth = 0;

    for (; r->i < r->s.n; r->i++) {
        char c = r->s.p[r->i];

        if (c == '\\') {
            r->i++;
        } else if (c == '(') {
            if (++depth > ADDR_COMMENT_DEPTH)
                return fail(r, "comment: nested more than 32 deep");
        } else if (c == ')' && --depth == 0) {
            r->i++;
            return true;
        }
    }
    r->i = r->s.n;
    return fail(r, "comment: not closed");
}

static bool skip_cfws(struct reader *r)
{
    for (;;) {
        if (is_white(peek(r)))
            r->i++;
        else if (peek(r) != '(')
            return true;
        else if (!skip_comment(r))
            return false;
    }
}

/* A quoted string goes into local as it stands, but for folding. */
static bool read_quoted(struct reader *r)
{
    bool escaped = false;

    buf_byte(&r->local, '"');
    for (r->i++; r->i < r->s.n; r->i++) {
        char c = r->s.p[r->i];

        if (c == '\r' || c == '\n')
            continue;
        buf_byte(&r->local, c);
        if (c == '"' && !escaped) {
            r->end = ++r->i;
            return true;
        }
        escaped = c == '\\' && !escaped;
    }
    return fail(r, "quoted string: not closed");
}

static void read_atom(struct reader *r, struct buf *to)
{
    size_t from = r->i;

    while (is_atom(peek(r)))
        r->i++;
    r->end = r->i;
    buf_add(to, (struct str){ r->s.p + from, r->i - from });
}

/* Words and dots up to something else: a local part, a display name or the
 * name of a group; what follows tells which. */
static bool read_words(struct reader *r)
{
    bool after_word = false;

    buf_clear(&r->local);
    r->words = 0;
    r->quoted = r->phrase = false;
    for (;;) {
        if (!skip_cfws(r))
            return false;
        if (peek(r) == '.') {
            buf_byte(&r->local, '.');
            r->i++;
            after_word = false;
            continue;
        }
        if (peek(r) != '"' && !is_atom(peek(r)))
            return true;
        r->phrase |= after_word;
        r->words++;
        after_word = true;
        if (peek(r) != '"')
            read_atom(r, &r->local);
        else if (!read_quoted(r))
            return false;
        else
            r->quoted = true;
    }
}

static bool read_literal(struct reader *r)
{
    for (; r->i < r->s.n; r->i++) {
        int c = peek(r);

        if (is_white(c))
            continue;
        buf_byte(&r->domain, (char)c);
        if (c == ']') {
            r->end = ++r->i;
            return true;
        }
    }
    return fail(r, "domain: bracket not closed");
}

static bool read_domain(struct reader *r)
{
    buf_clear(&r->domain);
    if (!skip_cfws(r))
        return false;
    if (peek(r) == '[')
        return read_literal(r);
    for (;;) {
        if (!is_atom(peek(r)))
            return fail(r, r->domain.n ? "domain: empty label" : "domain: empty");
        read_atom(r, &r->domain);
        if (!skip_cfws(r))
            return false;
        if (peek(r) != '.')
            return true;
        buf_byte(&r->domain, '.');
        r->i++;
        if (!skip_cfws(r))
            return false;
    }
}

/* "a"."b"@x: obsolete, and one quoted string in what we hand on. */
static struct str one_word(struct reader *r)
{
    struct str raw = buf_str(&r->local);
    char *p;
    size_t n = 0;

    if (!r->quoted || r->words == 1)
        return raw;
    p = arena_alloc(r->a, raw.n);
    for (size_t i = 0; i < raw.n; i++) {
        if (raw.p[i] == '"')
            continue;
        if (raw.p[i] == '\\' && i + 1 < raw.n)
            i++;
        p[n++] = raw.p[i];
    }
    return addr_quote(r->a, (struct str){ p, n });
}

/* What local and domain hold, checked by the one parser for addresses. */
static bool make_address(struct reader *r, bool qualified, struct str *out)
{
    struct str local = one_word(r), rest;
    struct addr checked;

    if (r->phrase)
        return fail(r, qualified ? "local part: white space outside quotes" : "address: a name without an address");
    *out = addr_join(r->a, local, qualified ? buf_str(&r->domain) : (struct str){ "", 0 });
    if (qualified)
        return addr_parse(*out, &checked, &r->fault);
    return addr_path(*out, false, &checked, &rest, &r->fault);
}

static bool skip_obs_route(struct reader *r)
{
    while (peek(r) == '@' || peek(r) == ',') {
        bool comma = peek(r) == ',';

        r->i++;
        if (!comma && !read_domain(r))
            return false;
        if (!skip_cfws(r))
            return false;
    }
    if (peek(r) != ':')
        return fail(r, "source route: no colon");
    r->i++;
    return true;
}

static bool read_angle(struct reader *r, struct str *out)
{
    bool qualified;

    r->i++;
    if (!skip_cfws(r) || (peek(r) == '@' && !skip_obs_route(r)) || !skip_cfws(r))
        return false;
    r->from = r->i;
    if (!read_words(r))
        return false;
    qualified = peek(r) == '@';
    if (qualified) {
        r->i++;
        if (!read_domain(r))
            return false;
    }
    if (!skip_cfws(r))
        return false;
    if (peek(r) != '>')
        return fail(r, "address: no closing >");
    r->spec = (struct str){ r->s.p + r->from, r->end - r->from };
    r->i++;
    return make_address(r, qualified, out);
}

/* One element: an address (*found), a group's beginning, or nothing at all. */
static bool read_item(struct reader *r, struct addr_item *item, bool *found)
{
    size_t from;

    *found = false;
    if (!skip_cfws(r))
        return false;
    from = r->item = r->i;
    r->spec = (struct str){ 0 };
    if (!read_words(r))
        return false;
    *item = (struct addr_item){ .display = { "", 0 }, .in_group = r->group };
    switch (peek(r)) {
    case '@':
        r->i++;
        *found = true;
        return read_domain(r) && make_address(r, true, &item->addr);
    case '<':
        item->display = str_trim((struct str){ r->s.p + from, r->i - from });
        *found = true;
        return read_angle(r, &item->addr);
    case ':':
        if (r->group || r->words == 0)
            return fail(r, "group: colon out of place");
        r->group = true;
        r->i++;
        return true;
    case ',': case ';': case -1:
        if (r->local.n == 0)
            return true;
        *found = true;
        return make_address(r, false, &item->addr);
    default:
        return fail(r, "address: character out of place");
    }
}

/* Steps over what may follow an element. */
static bool read_end(struct reader *r, bool group_began, struct addr_item *item)
{
    if (group_began)
        return true;
    item->spec = r->spec.p ? r->spec : (struct str){ r->s.p + r->item, r->end - r->item };
    if (!skip_cfws(r))
        return false;
    item->whole = str_trim((struct str){ r->s.p + r->item, r->i - r->item });
    if (peek(r) == ';') {
        if (!r->group)
            return fail(r, "group: ; without a beginning");
        r->group = false;
        r->i++;
        if (!skip_cfws(r))
            return false;
    }
    if (peek(r) == ',')
        r->i++;
    else if (peek(r) != -1 && peek(r) != ';')
        return fail(r, "address: text after an address");
    return true;
}

static void keep(struct arena *a, struct addr_item **items, size_t n, size_t *cap, const struct addr_item *item)
{
    if (n == *cap) {
        struct addr_item *more = arena_array(a, struct addr_item, *cap ? *cap * 2 : 4);

        if (n)
            memcpy(more, *items, n * sizeof *more);
        *items = more;
        *cap = *cap ? *cap * 2 : 4;
    }
    (*items)[n] = *item;
}

enum addr_list_end addr_list(struct arena *a, struct str text, size_t max,
                             struct addr_item **items, size_t *n, const char **reason)
{
    struct reader r = { .a = a, .s = text };
    struct addr_item item;
    size_t cap = 0;
    bool found, in_group;

    *items = NULL;
    *n = 0;
    while (r.i < text.n && !r.fault) {
        in_group = r.group;
        if (!read_item(&r, &item, &found))
            break;
        if (found && *n == max) {
            fail(&r, "list: too many addresses");
            break;
        }
        if (!read_end(&r, r.group && !in_group, &item))
            break;
        if (found)
            keep(a, items, (*n)++, &cap, &item);
    }
    if (!r.fault && r.group)
        r.fault = "group: no closing ;";
    buf_free(&r.local);
    buf_free(&r.domain);
    if (r.fault && reason)
        *reason = r.fault;
    return r.fault ? ADDR_LIST_SYNTAX : ADDR_LIST_OK;
}
