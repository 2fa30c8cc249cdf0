#include "engine/tell.h"

#include "base/clock.h"
#include "engine/letter.h"
#include "mail/addr.h"

enum { TOLD_MAX = 50, SHOWN_MAX = 50 };

/* Exim divides this list by commas; a table has one address an item. */
static size_t addresses(const struct settings *set, struct arena *a, struct str *out)
{
    const struct val *v = setting_val(set, SET_freeze_tell);
    size_t n = 0;

    for (size_t i = 0; v && v->type == VAL_LIST && i < v->u.list.n; i++) {
        struct str rest = v->u.list.v[i], one;

        while (n < TOLD_MAX && str_cut(&rest, ',', &one)) {
            one = str_trim(one);
            if (one.n)
                out[n++] = str_find(one, '@') == SIZE_MAX ? addr_join(a, one, set->qualify_domain) : one;
        }
    }
    return n;
}

static void write_letter(struct buf *out, const struct settings *set, const struct txn *t, const struct str *to, size_t nto, struct str why)
{
    struct arena a = { 0 };

    buf_addf(out, "Date: %.*s\nTo: ", STR_ARG(clock_rfc5322(&a, clock_wall())));
    for (size_t i = 0; i < nto; i++)
        buf_addf(out, "%s%.*s", i ? ",\n " : "", STR_ARG(to[i]));
    buf_addf(out, "\nSubject: Message %s has been frozen\nAuto-Submitted: auto-generated\n\n", t->id.s);
    buf_addf(out, "Message %s has been frozen", t->id.s);
    if (why.n)
        buf_addf(out, " (%.*s)", STR_ARG(why));
    buf_addf(out, " on %.*s.\nThe sender is <%.*s>.\n\n", STR_ARG(set->hostname), STR_ARG(t->sender));
    buf_add(out, STR("The following address(es) have yet to be delivered:\n\n"));
    for (uint32_t i = 0, shown = 0; i < t->nrcpts && shown < SHOWN_MAX; i++) {
        const struct rcpt *r = &t->rcpts[i];

        if (r->state != RCPT_PENDING)
            continue;
        buf_addf(out, "  %.*s%s%.*s\n", STR_ARG(r->addr), r->last_error.n ? ": " : "", STR_ARG(r->last_error));
        shown++;
    }
    arena_free(&a);
}

void tell_frozen(struct engine *e, struct settings *set, const struct txn *t, struct str why)
{
    struct str to[TOLD_MAX];
    struct arena a = { 0 };
    struct buf text = { 0 };
    /* Telling about a report could go round for ever. */
    size_t n = t->sender.n ? addresses(set, &a, to) : 0;

    if (n) {
        write_letter(&text, set, t, to, n, why);
        letter_send(&(struct letter_want){ .e = e, .set = set, .cause = str_of(t->id.s), .to = to, .nto = n, .message = buf_str(&text) }, NULL, NULL);
    }
    buf_free(&text);
    arena_free(&a);
}
