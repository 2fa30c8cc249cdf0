#include "auth/spf_text.h"

#include "base/buf.h"

/* Text of others, as visible ASCII. */
static struct str visible(struct arena *a, struct str s)
{
    char *p = arena_alloc(a, 4 * s.n + 1);
    struct str out = { p, str_escape(s, p, 4 * s.n) };

    for (size_t i = 0; i < out.n; i++)
        if ((unsigned char)p[i] >= 0x7f)
            p[i] = '?';
    return out;
}

static struct str sentence(struct arena *a, struct str domain, struct str ip, const struct spf_answer *r)
{
    struct str why = visible(a, str_of(r->why.text));

    switch (r->result) {
    case SPF_PASS:
        return arena_printf(a, "domain of %.*s designates %.*s as permitted sender", STR_ARG(domain), STR_ARG(ip));
    case SPF_FAIL:
        return arena_printf(a, "domain of %.*s does not designate %.*s as permitted sender", STR_ARG(domain), STR_ARG(ip));
    case SPF_SOFTFAIL:
        return arena_printf(a, "transitioning domain of %.*s does not designate %.*s as permitted sender", STR_ARG(domain),
                            STR_ARG(ip));
    case SPF_NEUTRAL:
        return arena_printf(a, "%.*s is neither permitted nor denied by domain of %.*s", STR_ARG(ip), STR_ARG(domain));
    case SPF_NONE:
        return arena_printf(a, "domain of %.*s does not provide an SPF record", STR_ARG(domain));
    case SPF_TEMPERROR:
        return arena_printf(a, "temporary error in processing of domain of %.*s: %.*s", STR_ARG(domain), STR_ARG(why));
    case SPF_PERMERROR:
        break;
    }
    return arena_printf(a, "permanent error in processing of domain of %.*s: %.*s", STR_ARG(domain), STR_ARG(why));
}

struct str spf_comment(struct arena *a, const struct spf_want *w, const struct spf_answer *r)
{
    struct str said = sentence(a, visible(a, r->domain), ip_text(a, w->client), r);

    return arena_printf(a, "%.*s: %.*s", STR_ARG(w->receiver), STR_ARG(said));
}

static bool is_atom(struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];

        if (!((ascii_lower(c) >= 'a' && ascii_lower(c) <= 'z') || (c >= '0' && c <= '9') || (c && strchr("!#$%&'*+-/=?^_`{|}~", c))
              || (c == '.' && i > 0 && i + 1 < s.n && s.p[i - 1] != '.')))
            return false;
    }
    return s.n > 0;
}

static void put_escaped(struct buf *out, struct str s, const char *special)
{
    for (size_t i = 0; i < s.n; i++) {
        if (strchr(special, s.p[i]))
            buf_byte(out, '\\');
        buf_byte(out, s.p[i]);
    }
}

/* key=value; where the value is a dot-atom or a quoted string. */
static void put_pair(struct buf *out, struct arena *a, const char *key, struct str value)
{
    value = visible(a, value);
    buf_addf(out, " %s=", key);
    if (is_atom(value)) {
        buf_add(out, value);
    } else {
        buf_byte(out, '"');
        put_escaped(out, value, "\"\\");
        buf_byte(out, '"');
    }
    buf_byte(out, ';');
}

struct str spf_received(struct arena *a, const struct spf_want *w, const struct spf_answer *r)
{
    struct buf out = { 0 };
    struct str made;

    buf_addf(&out, "%s: %s (", w->record.p ? "X-SPF-Guess" : "Received-SPF", spf_result_name(r->result));
    put_escaped(&out, visible(a, spf_comment(a, w, r)), "()\\");
    buf_addf(&out, ")");
    put_pair(&out, a, "client-ip", ip_text(a, w->client));
    if (!r->helo)
        put_pair(&out, a, "envelope-from", w->sender);
    put_pair(&out, a, "helo", w->helo);
    if (w->receiver.n)
        put_pair(&out, a, "receiver", w->receiver);
    put_pair(&out, a, "identity", r->helo ? STR("helo") : STR("mailfrom"));
    if (r->mechanism.n)
        put_pair(&out, a, "mechanism", r->mechanism);
    else if (r->why.text[0] && r->result >= SPF_TEMPERROR)
        put_pair(&out, a, "problem", str_of(r->why.text));
    buf_cut(&out, out.n - 1);
    made = arena_dup(a, buf_str(&out));
    buf_free(&out);
    return made;
}
