#include "auth/spf.h"

#include "auth/spf_macro.h"
#include "auth/spf_record.h"
#include "mail/domain.h"

/* What made expansions may come to in one check: a record can ask for much more. */
enum { WORK_MAX = 1 << 20, EXPLANATION_MAX = 1024, NAME_MAX_TEXT = 253 };

/* What the next answer is for. */
enum stage {
    RECORD,                     /* the TXT records of the domain */
    TERM,                       /* nothing: the next term is to be looked at */
    ADDRESS, EXISTS,            /* of a term's target */
    MX, MX_ADDRESS,
    NAMES, NAME_ADDRESS,        /* the validated names of the client (section 5.5) */
    EXPLAIN,                    /* the TXT record exp= names */
    DONE
};

struct frame {                  /* one check_host: the first, and one for each include under way */
    struct str domain;          /* <domain>: no final dot */
    struct spf_record record;
    struct str rest;            /* of its terms */
    struct spf_term term;       /* being looked at */
    bool redirected;
};

struct spf {
    struct arena *arena;
    struct spf_want want;
    struct spf_macros macros;
    size_t work;
    enum stage stage;
    struct question question;
    bool asking;
    struct frame frames[SPF_TERMS_MAX + 1];     /* each include is one of the terms */
    unsigned depth;
    bool was_void;              /* the term at work asked in vain */
    struct str names[SPF_NAMES_MAX];            /* MX hosts, or names the client claims */
    size_t nnames, at;
    bool more_names;            /* than may be looked at */
    struct str valid[SPF_NAMES_MAX];
    size_t nvalid;
    bool names_known, names_void;
    bool explaining;            /* the result is known: fail */
    void (*then)(struct spf *s);                /* once the names are known */
    struct str text;            /* the explanation, unexpanded */
    struct spf_answer answer;
};

static const char *const result_names[] = { "none", "neutral", "pass", "fail", "softfail", "temperror", "permerror" };

const char *spf_result_name(enum spf_result r)
{
    return result_names[r];
}

bool spf_result_find(struct str name, enum spf_result *out)
{
    for (unsigned i = 0; i < sizeof result_names / sizeof *result_names; i++)
        if (str_same(name, str_of(result_names[i]))) {
            *out = (enum spf_result)i;
            return true;
        }
    return false;
}

static struct frame *top(struct spf *s)
{
    return &s->frames[s->depth];
}

/* ---- names that can be asked for */

/* Labels of 1 to 63 bytes, none of them a control or 8-bit one, more than one label where
 * the name is to be a domain of mail (section 4.3). */
static bool is_name(struct str s, unsigned labels)
{
    struct str rest = s, label;
    unsigned n = 0;

    if (!s.n || s.n > NAME_MAX_TEXT)
        return false;
    for (; str_cut(&rest, '.', &label); n++) {
        if (!label.n || label.n > 63)
            return false;
        for (size_t i = 0; i < label.n; i++)
            if ((unsigned char)label.p[i] < 0x20 || (unsigned char)label.p[i] >= 0x7f)
                return false;
    }
    return s.p[s.n - 1] != '.' && n >= labels;
}

static struct str without_dot(struct str s)
{
    return s.n && s.p[s.n - 1] == '.' ? str_head(s, s.n - 1) : s;
}

/* Too long a name loses labels at its left (section 7.3). */
static struct str fitted(struct str s)
{
    size_t dot;

    while (s.n > NAME_MAX_TEXT) {
        dot = str_find(s, '.');
        s = str_from(s, dot == SIZE_MAX ? s.n : dot + 1);
    }
    return s;
}

/* As the DNS wants it: a backslash has another before it. */
static struct str asked_as(struct arena *a, struct str s)
{
    struct str out = { arena_alloc(a, 2 * s.n + 1), 0 };
    char *p = (char *)(uintptr_t)out.p;

    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] == '\\')
            p[out.n++] = '\\';
        p[out.n++] = s.p[i];
    }
    return out;
}

static void ask(struct spf *s, enum stage stage, struct str name, uint16_t type)
{
    s->stage = stage;
    s->question = (struct question){ name, type };
    s->asking = true;
}

static uint16_t address_type(const struct spf *s)
{
    return s->want.client.v == IP_V4 ? DNS_A : DNS_AAAA;
}

/* ---- ends */

static void finish(struct spf *s, enum spf_result r)
{
    s->answer.result = r;
    s->stage = DONE;
    s->asking = false;
}

static void error_end(struct spf *s, enum spf_result r, const char *what, struct str about)
{
    char shown[321];
    size_t n = str_escape(str_head(about, 80), shown, sizeof shown - 1);

    shown[n] = '\0';
    why_set(&s->answer.why, r == SPF_TEMPERROR ? ST_AGAIN : ST_NEVER, "%s%s%s", what, n ? ": " : "", shown);
    s->answer.mechanism = STR("");
    finish(s, r);
}

static void dns_end(struct spf *s, const struct dns_answer *a)
{
    s->answer.why = a->why;
    s->answer.mechanism = STR("");
    finish(s, SPF_TEMPERROR);
}

/* ---- macros */

static bool is_below(struct str name, struct str domain)
{
    return name.n > domain.n && name.p[name.n - domain.n - 1] == '.' && str_ends_fold(name, domain);
}

/* %{p}: the client's name; one in the domain is preferred (section 7.3). */
static struct str best_name(const struct spf *s, struct str domain)
{
    const struct str *below = NULL;

    for (size_t i = 0; i < s->nvalid; i++) {
        struct str v = s->valid[i];

        if (domain_same(v, domain))
            return v;
        if (!below && is_below(v, domain))
            below = &s->valid[i];
    }
    if (below)
        return *below;
    return s->nvalid ? s->valid[0] : STR("unknown");
}

static struct str expand(struct spf *s, struct str text, enum spf_macro_in in)
{
    char out[SPF_EXPANDED_MAX];

    s->macros.domain = top(s)->domain;
    s->macros.validated = s->names_known ? best_name(s, s->macros.domain) : STR("unknown");
    return arena_dup(s->arena, (struct str){ out, spf_macro_expand(text, in, &s->macros, out) });
}

static bool is_ascii(struct str s)
{
    for (size_t i = 0; i < s.n; i++)
        if ((unsigned char)s.p[i] >= 0x80)
            return false;
    return true;
}

/* The target of a term; false: no name that could be asked for. An 8-bit local part
 * makes none (RFC 8616 section 4). */
static bool target(struct spf *s, struct str spec, unsigned labels, struct str *out)
{
    if (!spec.n) {
        *out = top(s)->domain;
        return true;
    }
    *out = fitted(without_dot(expand(s, spec, SPF_MACRO_DOMAIN)));
    if (!is_name(*out, labels))
        return false;
    *out = asked_as(s->arena, *out);
    return true;
}

/* A term that asks in vain counts once, however many questions it asked (section 4.6.4).
 * False: the check is over. */
static bool count_void(struct spf *s)
{
    if (s->was_void || s->explaining)
        return true;
    s->was_void = true;
    if (++s->answer.voids <= SPF_VOID_MAX)
        return true;
    error_end(s, SPF_PERMERROR, "more than 2 terms found nothing in the DNS", top(s)->term.text);
    return false;
}

/* ---- the client's validated names */

static void next_name(struct spf *s)
{
    if (s->at < s->nnames) {
        ask(s, NAME_ADDRESS, s->names[s->at], address_type(s));
        return;
    }
    s->names_known = true;
    s->stage = TERM;
    s->then(s);
}

/* Calls then, at once where they are known already. */
static void with_names(struct spf *s, void (*then)(struct spf *s))
{
    s->then = then;
    if (s->names_known) {
        if (!s->names_void || count_void(s))
            then(s);
        return;
    }
    s->nnames = s->at = 0;
    ask(s, NAMES, dns_reverse_name(s->arena, s->want.client), DNS_PTR);
}

static void with_macros(struct spf *s, struct str text, void (*then)(struct spf *s))
{
    if (text.n && spf_macro_has_p(text))
        with_names(s, then);
    else
        then(s);
}

/* Of many names the first ten are looked at (section 4.6.4); a failure is no name. */
static void told_names(struct spf *s, const struct dns_answer *a)
{
    s->names_void = a->status == ST_NONE;
    for (size_t i = 0; a->status == ST_OK && i < a->n && s->nnames < SPF_NAMES_MAX; i++)
        if (a->rr[i].target.n)
            s->names[s->nnames++] = arena_dup(s->arena, a->rr[i].target);
    next_name(s);
}

static bool holds(const struct spf *s, const struct dns_answer *a, unsigned bits4, unsigned bits6)
{
    for (size_t i = 0; a->status == ST_OK && i < a->n; i++)
        if (a->rr[i].ip.v == s->want.client.v
            && ip_in(s->want.client, a->rr[i].ip, s->want.client.v == IP_V4 ? bits4 : bits6))
            return true;
    return false;
}

static void told_name_address(struct spf *s, const struct dns_answer *a)
{
    if (holds(s, a, 32, 128))
        s->valid[s->nvalid++] = s->names[s->at];
    s->at++;
    next_name(s);
}

/* ---- the explanation of a fail (section 6.2): whatever goes wrong, there is none */

static void explain_text(struct spf *s)
{
    struct str out = str_head(expand(s, s->text, SPF_MACRO_TEXT), EXPLANATION_MAX);

    /* It may be told to the client: printable ASCII only. */
    for (size_t i = 0; i < out.n; i++)
        if ((unsigned char)out.p[i] < 0x20 || (unsigned char)out.p[i] >= 0x7f)
            out = STR("");
    s->answer.explanation = out;
    finish(s, SPF_FAIL);
}

static void told_explanation(struct spf *s, const struct dns_answer *a)
{
    struct str end;

    finish(s, SPF_FAIL);
    if (a->status != ST_OK || a->n != 1 || a->rr[0].text.n > SPF_RECORD_MAX
        || !spf_macro_valid(a->rr[0].text, SPF_MACRO_TEXT, &end))
        return;
    s->text = arena_dup(s->arena, a->rr[0].text);
    with_macros(s, s->text, explain_text);
}

static void explain_ask(struct spf *s)
{
    struct str name;

    if (target(s, top(s)->record.exp, 1, &name))
        ask(s, EXPLAIN, name, DNS_TXT);
    else
        finish(s, SPF_FAIL);
}

/* ---- the result of one check_host */

static enum spf_result qualified(const struct spf_term *t)
{
    return t->qualifier == '+' ? SPF_PASS : t->qualifier == '-' ? SPF_FAIL : t->qualifier == '~' ? SPF_SOFTFAIL : SPF_NEUTRAL;
}

static void matched(struct spf *s, struct spf_term t)
{
    enum spf_result r = qualified(&t);

    /* An include matches if what it included passes, and only then (section 5.2). */
    for (; s->depth; s->depth--) {
        if (r != SPF_PASS) {
            s->depth--;
            s->stage = TERM;
            return;
        }
        t = s->frames[s->depth - 1].term;
        r = qualified(&t);
    }
    s->answer.mechanism = t.text;
    s->explaining = r == SPF_FAIL && top(s)->record.exp.n;
    if (s->explaining)
        with_macros(s, top(s)->record.exp, explain_ask);
    else
        finish(s, r);
}

static void fetch(struct spf *s)
{
    ask(s, RECORD, asked_as(s->arena, top(s)->domain), DNS_TXT);
}

/* No record. Only the first domain may have none (sections 5.2 and 6.1). */
static void no_record(struct spf *s)
{
    if (s->depth || top(s)->redirected)
        error_end(s, SPF_PERMERROR, "no SPF record", top(s)->domain);
    else
        finish(s, SPF_NONE);
}

static void begin_record(struct spf *s, struct str text)
{
    struct frame *f = top(s);
    struct why why;

    if (!spf_record_is(text)) {                 /* of one that was given */
        error_end(s, SPF_PERMERROR, "no SPF record", text);
        return;
    }
    if (spf_record_read(text, &f->record, &why) != ST_OK) {
        error_end(s, SPF_PERMERROR, why.text, (struct str){ 0 });
        return;
    }
    f->rest = f->record.terms;
    s->stage = TERM;
}

static void told_record(struct spf *s, const struct dns_answer *a)
{
    const struct dns_rr *found = NULL;

    for (size_t i = 0; a->status == ST_OK && i < a->n; i++) {
        if (!spf_record_is(a->rr[i].text))
            continue;
        if (found) {
            error_end(s, SPF_PERMERROR, "more than one SPF record", top(s)->domain);
            return;
        }
        found = &a->rr[i];
    }
    if (found)
        begin_record(s, arena_dup(s->arena, found->text));
    else
        no_record(s);
}

/* ---- terms */

static void redirect(struct spf *s)
{
    struct frame *f = top(s);
    struct str domain;
    bool name = target(s, f->record.redirect, 2, &domain);

    f->redirected = true;
    if (!name) {
        no_record(s);
        return;
    }
    f->domain = domain;
    f->record = (struct spf_record){ 0 };
    fetch(s);
}

static void include(struct spf *s)
{
    struct str domain;
    bool name = target(s, top(s)->term.spec, 2, &domain);

    s->depth++;
    *top(s) = (struct frame){ .domain = domain };
    if (name)
        fetch(s);
    else
        no_record(s);
}

static void look(struct spf *s)
{
    enum spf_kind kind = top(s)->term.kind;
    struct str name;

    if (!target(s, top(s)->term.spec, 1, &name))
        return;                         /* it cannot exist: no match */
    if (kind == SPF_A)
        ask(s, ADDRESS, name, address_type(s));
    else
        ask(s, kind == SPF_MX ? MX : EXISTS, name, kind == SPF_MX ? DNS_MX : DNS_A);
}

static void by_name(struct spf *s)
{
    struct spf_term *t = &top(s)->term;
    struct str name;

    if (!target(s, t->spec, 1, &name))
        return;
    for (size_t i = 0; i < s->nvalid; i++) {
        if (domain_same(s->valid[i], name) || is_below(s->valid[i], name)) {
            matched(s, *t);
            return;
        }
    }
}

static void by_network(struct spf *s)
{
    const struct spf_term *t = &top(s)->term;

    if (t->ip.v == s->want.client.v && ip_in(s->want.client, t->ip, t->ip.v == IP_V4 ? t->bits4 : t->bits6))
        matched(s, *t);
}

/* False: the check is over. */
static bool count_term(struct spf *s, struct str term)
{
    s->was_void = false;
    if (++s->answer.terms <= SPF_TERMS_MAX)
        return true;
    error_end(s, SPF_PERMERROR, "more than 10 terms that ask the DNS", term);
    return false;
}

static void at_end(struct spf *s)
{
    struct frame *f = top(s);
    struct spf_term none = { .qualifier = '?', .text = STR("default") };

    if (!f->record.redirect.p)
        matched(s, none);
    else if (count_term(s, STR("redirect")))
        with_macros(s, f->record.redirect, redirect);
}

static void next_term(struct spf *s)
{
    struct frame *f = top(s);
    struct spf_term *t = &f->term;

    if (spf_term_next(&f->rest, t, NULL) != ST_OK) {
        at_end(s);
        return;
    }
    switch (t->kind) {
    case SPF_REDIRECT: case SPF_EXP: case SPF_MODIFIER:
        break;
    case SPF_ALL:
        matched(s, *t);
        break;
    case SPF_IP4: case SPF_IP6:
        by_network(s);
        break;
    case SPF_INCLUDE:
        if (count_term(s, t->text))
            with_macros(s, t->spec, include);
        break;
    case SPF_PTR:
        if (count_term(s, t->text))
            with_names(s, by_name);
        break;
    case SPF_A: case SPF_MX: case SPF_EXISTS:
        if (count_term(s, t->text))
            with_macros(s, t->spec, look);
        break;
    }
}

/* ---- what mechanisms are told */

static void next_mx(struct spf *s)
{
    if (s->at < s->nnames)
        ask(s, MX_ADDRESS, s->names[s->at], address_type(s));
    else if (s->more_names)
        error_end(s, SPF_PERMERROR, "more than 10 MX hosts", top(s)->term.text);
    else
        s->stage = TERM;
}

/* The next host in the order of preference, hosts of one preference in the answer's; SIZE_MAX: none. */
static size_t mx_after(const struct dns_answer *a, size_t last)
{
    size_t best = SIZE_MAX;

    for (size_t i = 0; i < a->n; i++) {
        bool later = last == SIZE_MAX || a->rr[i].preference > a->rr[last].preference
            || (a->rr[i].preference == a->rr[last].preference && i > last);

        if (later && (best == SIZE_MAX || a->rr[i].preference < a->rr[best].preference))
            best = i;
    }
    return best;
}

/* Ten hosts are looked at; where the client is none of them and there are more, that is an
 * error (section 4.6.4). */
static void told_mx(struct spf *s, const struct dns_answer *a)
{
    s->nnames = s->at = 0;
    s->more_names = false;
    for (size_t i = SIZE_MAX; a->status == ST_OK && (i = mx_after(a, i)) != SIZE_MAX;) {
        if (!a->rr[i].target.n)                 /* "MX 0 .": none (RFC 7505) */
            continue;
        if (s->nnames == SPF_NAMES_MAX) {
            s->more_names = true;
            break;
        }
        s->names[s->nnames++] = arena_dup(s->arena, a->rr[i].target);
    }
    next_mx(s);
}

static void told_address(struct spf *s, const struct dns_answer *a)
{
    const struct spf_term *t = &top(s)->term;

    if (s->stage == EXISTS ? a->status == ST_OK && a->n : holds(s, a, t->bits4, t->bits6)) {
        matched(s, *t);
    } else if (s->stage == MX_ADDRESS) {
        s->at++;
        next_mx(s);
    } else {
        s->stage = TERM;
    }
}

static void go_on(struct spf *s)
{
    while (!s->asking && s->stage != DONE) {
        if (s->work > WORK_MAX)
            error_end(s, SPF_PERMERROR, "its macros come to too much", top(s)->domain);
        else
            next_term(s);
    }
}

void spf_tell(struct spf *s, const struct dns_answer *a)
{
    s->asking = false;
    if (a->status == ST_AGAIN && s->stage != NAMES && s->stage != NAME_ADDRESS && s->stage != EXPLAIN) {
        dns_end(s, a);
        return;
    }
    if (a->status == ST_NONE && s->stage != RECORD && s->stage != EXPLAIN && !count_void(s))
        return;
    switch (s->stage) {
    case RECORD: told_record(s, a); break;
    case ADDRESS: case EXISTS: case MX_ADDRESS: told_address(s, a); break;
    case MX: told_mx(s, a); break;
    case NAMES: told_names(s, a); break;
    case NAME_ADDRESS: told_name_address(s, a); break;
    case EXPLAIN: told_explanation(s, a); break;
    case TERM: case DONE: break;
    }
    go_on(s);
}

/* ---- from outside */

static void identify(struct spf *s, struct str sender)
{
    size_t at = str_rfind(sender, '@');
    struct str local = at == SIZE_MAX ? STR("") : str_head(sender, at);

    s->answer.helo = !sender.n;
    s->answer.domain = s->answer.helo ? s->want.helo : at == SIZE_MAX ? sender : str_from(sender, at + 1);
    s->macros.local = local.n ? local : STR("postmaster");
    s->macros.sender_domain = without_dot(s->answer.domain);
    if (!is_ascii(s->macros.sender_domain))
        s->macros.sender_domain = domain_alabel(s->arena, s->macros.sender_domain);
    s->macros.sender = arena_printf(s->arena, "%.*s@%.*s", STR_ARG(s->macros.local), STR_ARG(s->macros.sender_domain));
}

struct spf *spf_new(struct arena *a, const struct spf_want *w)
{
    struct spf *s = arena_new(a, struct spf);

    s->arena = a;
    s->want = *w;
    s->answer.mechanism = s->answer.explanation = STR("");
    s->macros = (struct spf_macros){ .helo = w->helo, .receiver = w->receiver.n ? w->receiver : STR("unknown"),
                                     .client = w->client, .now = w->now, .work = &s->work };
    identify(s, w->sender);
    top(s)->domain = s->macros.sender_domain;
    if (!w->client.v || !is_name(top(s)->domain, 2))
        finish(s, SPF_NONE);
    else if (w->record.p)
        begin_record(s, w->record);
    else
        fetch(s);
    go_on(s);
    return s;
}

const struct question *spf_question(const struct spf *s)
{
    return s->asking ? &s->question : NULL;
}

void spf_give_up(struct spf *s, const char *text)
{
    if (s->stage != DONE)
        error_end(s, SPF_TEMPERROR, text, (struct str){ 0 });
}

static const struct question *inquiry_question(const void *s) { return spf_question(s); }
static void inquiry_tell(void *s, const struct dns_answer *a) { spf_tell(s, a); }
static void inquiry_give_up(void *s, const char *text) { spf_give_up(s, text); }

const struct inquiry_kind spf_inquiry = { inquiry_question, inquiry_tell, inquiry_give_up };

const struct spf_answer *spf_answer(const struct spf *s)
{
    return &s->answer;
}

bool spf_expand(struct spf *s, struct str text, struct str *out)
{
    struct str end;

    *out = STR("");
    if (!spf_macro_valid(text, SPF_MACRO_TEXT, &end))
        return false;
    s->depth = 0;
    *out = expand(s, text, SPF_MACRO_TEXT);
    return true;
}
