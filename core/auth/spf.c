#include "auth/spf_inside.h"
#include "auth/spf_name.h"
#include "mail/domain.h"

/* What made expansions may come to in one check: a record can ask for much more. */
enum { WORK_MAX = 1 << 20, EXPLANATION_MAX = 1024 };

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

void spf_want_name(struct spf *s, enum stage stage, struct str name, uint16_t type)
{
    s->stage = stage;
    s->question = (struct question){ name, type };
    s->asking = true;
}

/* ---- ends */

static void finish(struct spf *s, enum spf_result r)
{
    s->answer.result = r;
    s->stage = DONE;
    s->asking = false;
}

void spf_fail(struct spf *s, enum spf_result r, const char *what, struct str about)
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

bool spf_count_void(struct spf *s)
{
    if (s->was_void || s->explaining)
        return true;
    s->was_void = true;
    if (++s->answer.voids <= SPF_VOID_MAX)
        return true;
    spf_fail(s, SPF_PERMERROR, "more than 2 terms found nothing in the DNS", spf_top(s)->term.text);
    return false;
}

static bool is_ascii(struct str s)
{
    for (size_t i = 0; i < s.n; i++)
        if ((unsigned char)s.p[i] >= 0x80)
            return false;
    return true;
}

/* ---- the explanation of a fail (section 6.2): whatever goes wrong, there is none */

static void explain_text(struct spf *s)
{
    struct str out = str_head(spf_expanded(s, s->text, SPF_MACRO_TEXT), EXPLANATION_MAX);

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
    spf_with_macros(s, s->text, explain_text);
}

static void explain_ask(struct spf *s)
{
    struct str name;

    if (spf_target(s, spf_top(s)->record.exp, 1, &name))
        spf_want_name(s, EXPLAIN, name, DNS_TXT);
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
    s->explaining = r == SPF_FAIL && spf_top(s)->record.exp.n;
    if (s->explaining)
        spf_with_macros(s, spf_top(s)->record.exp, explain_ask);
    else
        finish(s, r);
}

static void fetch(struct spf *s)
{
    spf_want_name(s, RECORD, spf_name_asked(s->arena, spf_top(s)->domain), DNS_TXT);
}

/* No record. Only the first domain may have none (sections 5.2 and 6.1). */
static void no_record(struct spf *s)
{
    if (s->depth || spf_top(s)->redirected)
        spf_fail(s, SPF_PERMERROR, "no SPF record", spf_top(s)->domain);
    else
        finish(s, SPF_NONE);
}

static void begin_record(struct spf *s, struct str text)
{
    struct frame *f = spf_top(s);
    struct why why;

    if (!spf_record_is(text)) {                 /* of one that was given */
        spf_fail(s, SPF_PERMERROR, "no SPF record", text);
        return;
    }
    if (spf_record_read(text, &f->record, &why) != ST_OK) {
        spf_fail(s, SPF_PERMERROR, why.text, (struct str){ 0 });
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
            spf_fail(s, SPF_PERMERROR, "more than one SPF record", spf_top(s)->domain);
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
    struct frame *f = spf_top(s);
    struct str domain;
    bool name = spf_target(s, f->record.redirect, 2, &domain);

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
    bool name = spf_target(s, spf_top(s)->term.spec, 2, &domain);

    s->depth++;
    *spf_top(s) = (struct frame){ .domain = domain };
    if (name)
        fetch(s);
    else
        no_record(s);
}

static void look(struct spf *s)
{
    enum spf_kind kind = spf_top(s)->term.kind;
    struct str name;

    if (!spf_target(s, spf_top(s)->term.spec, 1, &name))
        return;                         /* it cannot exist: no match */
    if (kind == SPF_A)
        spf_want_name(s, ADDRESS, name, spf_address_type(s));
    else
        spf_want_name(s, kind == SPF_MX ? MX : EXISTS, name, kind == SPF_MX ? DNS_MX : DNS_A);
}

static void by_name(struct spf *s)
{
    struct spf_term *t = &spf_top(s)->term;
    struct str name;

    if (!spf_target(s, t->spec, 1, &name))
        return;
    for (size_t i = 0; i < s->nvalid; i++) {
        if (domain_same(s->valid[i], name) || spf_name_below(s->valid[i], name)) {
            matched(s, *t);
            return;
        }
    }
}

static void by_network(struct spf *s)
{
    const struct spf_term *t = &spf_top(s)->term;

    if (t->ip.v == s->want.client.v && ip_in(s->want.client, t->ip, t->ip.v == IP_V4 ? t->bits4 : t->bits6))
        matched(s, *t);
}

/* False: the check is over. */
static bool count_term(struct spf *s, struct str term)
{
    s->was_void = false;
    if (++s->answer.terms <= SPF_TERMS_MAX)
        return true;
    spf_fail(s, SPF_PERMERROR, "more than 10 terms that ask the DNS", term);
    return false;
}

static void at_end(struct spf *s)
{
    struct frame *f = spf_top(s);
    struct spf_term none = { .qualifier = '?', .text = STR("default") };

    if (!f->record.redirect.p)
        matched(s, none);
    else if (count_term(s, STR("redirect")))
        spf_with_macros(s, f->record.redirect, redirect);
}

static void next_term(struct spf *s)
{
    struct frame *f = spf_top(s);
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
            spf_with_macros(s, t->spec, include);
        break;
    case SPF_PTR:
        if (count_term(s, t->text))
            spf_with_names(s, by_name);
        break;
    case SPF_A: case SPF_MX: case SPF_EXISTS:
        if (count_term(s, t->text))
            spf_with_macros(s, t->spec, look);
        break;
    }
}

/* ---- what mechanisms are told */

static void told_address(struct spf *s, const struct dns_answer *a)
{
    const struct spf_term *t = &spf_top(s)->term;

    if (s->stage == EXISTS ? a->status == ST_OK && a->n : spf_holds(s, a, t->bits4, t->bits6)) {
        matched(s, *t);
    } else if (s->stage == MX_ADDRESS) {
        s->at++;
        spf_next_mx(s);
    } else {
        s->stage = TERM;
    }
}

static void go_on(struct spf *s)
{
    while (!s->asking && s->stage != DONE) {
        if (s->work > WORK_MAX)
            spf_fail(s, SPF_PERMERROR, "its macros come to too much", spf_top(s)->domain);
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
    if (a->status == ST_NONE && s->stage != RECORD && s->stage != EXPLAIN && !spf_count_void(s))
        return;
    switch (s->stage) {
    case RECORD: told_record(s, a); break;
    case ADDRESS: case EXISTS: case MX_ADDRESS: told_address(s, a); break;
    case MX: spf_told_mx(s, a); break;
    case NAMES: spf_told_names(s, a); break;
    case NAME_ADDRESS: spf_told_name_address(s, a); break;
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
    s->macros.sender_domain = spf_name_bare(s->answer.domain);
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
    spf_top(s)->domain = s->macros.sender_domain;
    if (!w->client.v || !spf_name_valid(spf_top(s)->domain, 2))
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

/* A temperror: time is up. */
static void inquiry_give_up(void *ctx, const char *text)
{
    struct spf *s = ctx;

    if (s->stage != DONE)
        spf_fail(s, SPF_TEMPERROR, text, (struct str){ 0 });
}

static const struct question *inquiry_question(const void *s) { return spf_question(s); }
static void inquiry_tell(void *s, const struct dns_answer *a) { spf_tell(s, a); }

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
    *out = spf_expanded(s, text, SPF_MACRO_TEXT);
    return true;
}
