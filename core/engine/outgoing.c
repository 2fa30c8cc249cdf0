/*
 * outgoing - header and addresses of a message as an attempt sends them
 */
#include "engine/attempt.h"

#include "base/clock.h"
#include "mail/addr.h"

static void add_edit(struct arena *a, struct header_edit ***end, struct header_edit e)
{
    struct header_edit *h = arena_new(a, struct header_edit);

    *h = e;
    h->next = NULL;
    **end = h;
    *end = &h->next;
}

static void transport_edits(struct attempt *a, struct header_edit ***end)
{
    struct arena *ar = &a->w->arena;
    struct str rest = a->tr.headers_remove, word, wire;
    const char *reason;

    for (size_t i = 0; i < rest.n; i++)
        if (rest.p[i] == '\n')
            ((char *)(uintptr_t)rest.p)[i] = ':';
    while (str_cut(&rest, ':', &word))
        if ((word = str_trim(word)).n)
            add_edit(ar, end, (struct header_edit){ .remove = true, .text = word });
    for (rest = a->tr.headers_add; str_cut(&rest, '\n', &word);)
        if (str_trim(word).n && header_make(ar, str_trim(word), &wire, &reason))
            add_edit(ar, end, (struct header_edit){ .place = HEADER_AT_END, .text = wire });
}

/* As the addresses came, each once; folded, so that no line grows too long. */
static void envelope_to(const struct attempt *a, struct buf *out)
{
    buf_add(out, STR("Envelope-to: "));
    for (const struct item *it = a->items; it; it = it->peer) {
        bool before = false;

        for (const struct item *o = a->items; o != it && !before; o = o->peer)
            before = o->rcpt == it->rcpt;
        if (before)
            continue;
        buf_addf(out, "%s%.*s", it == a->items ? "" : ",\r\n\t", STR_ARG(a->w->t->rcpts[it->rcpt].addr));
    }
    buf_add(out, STR("\r\n"));
}

static void trace_fields(struct attempt *a, struct str sender, struct buf *out)
{
    struct arena *ar = &a->w->arena;

    if (a->tr.return_path_add)
        buf_addf(out, "Return-path: <%.*s>\r\n", STR_ARG(sender));
    if (a->tr.envelope_to_add)
        envelope_to(a, out);
    if (a->tr.delivery_date_add)
        buf_addf(out, "Delivery-date: %.*s\r\n", STR_ARG(clock_rfc5322(ar, clock_wall())));
}

void attempt_header(struct attempt *a)
{
    struct arena *ar = &a->w->arena;
    struct header_edit *edits = NULL, **end = &edits;
    struct buf trace = { 0 };

    for (const struct header_edit *e = a->items->edits; e; e = e->next)
        add_edit(ar, &end, *e);
    transport_edits(a, &end);
    trace_fields(a, a->msg.sender, &trace);
    if (!edits && trace.n == 0) {
        a->header = a->w->msg.header;
        return;
    }
    header_apply(a->w->msg.header, edits, buf_str(&trace), &a->header_room);
    a->header = buf_str(&a->header_room);
    buf_free(&trace);
}

struct str attempt_return_path(const struct attempt *a)
{
    if (a->tr.return_path.p)
        return str_same(a->tr.return_path, STR("<>")) ? STR("") : a->tr.return_path;
    return txn_return_path(a->w->t, &a->items->at);
}

struct str attempt_rcpt(struct attempt *a, const struct item *it)
{
    const struct at_address *at = &it->at;

    if ((at->prefix.n == 0 && at->suffix.n == 0) || a->tr.include_affixes)
        return at->address;
    return addr_join(&a->w->arena, addr_quote(&a->w->arena, at->local_part_as_is), at->domain);
}
