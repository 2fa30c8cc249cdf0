#include "cli/expectation.h"

#include "base/log.h"
#include "cli/reader.h"

/* seen: what there is, for the diff of an expectation that does not hold. */
struct look { struct world *world; struct arena *arena; struct str text, via; uint64_t n, frozen; bool found; struct buf *seen, *failure; };

static void look_log(void *ctx, enum log_file f, struct str line)
{
    struct look *l = ctx;

    if (f == LOG_MAIN || f == LOG_PANIC)
        l->found = l->found || str_find_str(line, l->text) != SIZE_MAX;
}

static void look_rejectlog(void *ctx, enum log_file f, struct str line)
{
    struct look *l = ctx;

    if (f == LOG_REJECT)
        l->found = l->found || str_find_str(line, l->text) != SIZE_MAX;
}

static void look_delivery(void *ctx, const struct world_delivery *d)
{
    struct look *l = ctx;

    l->n++;
    buf_addf(l->seen, "expect: delivered %.*s via %.*s\n", STR_ARG(d->recipient), STR_ARG(d->transport));
    if (str_same(d->recipient, l->text) && (l->via.n == 0 || str_same(d->transport, l->via)))
        l->found = true;
}

static void look_delivered_text(void *ctx, const struct world_delivery *d)
{
    struct look *l = ctx;

    l->found = l->found || str_find_str(d->message, l->text) != SIZE_MAX;
}

static void look_row(void *ctx, const struct world_row *r)
{
    struct look *l = ctx;
    struct str text;

    l->n++;
    l->frozen += (r->flags & SPOOL_FROZEN) != 0;
    if (l->text.n > 0 && world_ops.message(l->world, r->id, l->arena, &text))
        l->found = l->found || str_find_str(text, l->text) != SIZE_MAX;
}

static bool expect_queue(struct str arg, struct look *l)
{
    uint64_t n;

    world_ops.each_row(l->world, look_row, l);
    buf_addf(l->seen, "expect: queue %llu\n", (unsigned long long)l->n);
    return reader_number(arg, &n) && n == l->n;
}

static bool expect_frozen(struct str arg, struct look *l)
{
    uint64_t n;

    world_ops.each_row(l->world, look_row, l);
    buf_addf(l->seen, "expect: frozen %llu\n", (unsigned long long)l->frozen);
    return reader_number(arg, &n) && n == l->frozen;
}

static bool expect_delivered(struct str arg, struct look *l)
{
    uint64_t n;

    if (reader_number(arg, &n)) {
        world_ops.each_delivery(l->world, look_delivery, l);
        buf_clear(l->seen);
        buf_addf(l->seen, "expect: delivered %llu\n", (unsigned long long)l->n);
        return n == l->n;
    }
    l->text = reader_word(&arg);
    if (str_same(reader_word(&arg), STR("via")))
        l->via = arg;
    world_ops.each_delivery(l->world, look_delivery, l);
    return l->found;
}

static bool expect_log(struct str arg, struct look *l)
{
    l->text = arg;
    world_ops.each_log(l->world, look_log, l);
    return l->found;
}

static bool expect_rejectlog(struct str arg, struct look *l)
{
    l->text = arg;
    world_ops.each_log(l->world, look_rejectlog, l);
    return l->found;
}

/* In what was delivered, or in what is still kept. */
static bool expect_message(struct str arg, struct look *l)
{
    l->text = arg;
    world_ops.each_delivery(l->world, look_delivered_text, l);
    world_ops.each_row(l->world, look_row, l);
    return l->found;
}

static bool expect_peer(struct str arg, struct look *l)
{
    struct str at = reader_word(&arg), what = reader_word(&arg), heard = { 0 }, line;
    unsigned connections = 0;
    uint64_t n;

    if (!world_ops.peer_heard(l->world, at, l->arena, &heard, &connections))
        {
        buf_addf(l->failure, "there is no peer at %.*s", STR_ARG(at));
        return false;
    }
    if (str_same(what, STR("connections"))) {
        buf_addf(l->seen, "expect: peer %.*s connections %u\n", STR_ARG(at), connections);
        return reader_number(arg, &n) && n == connections;
    }
    for (struct str text = str_trim(heard); str_cut(&text, '\n', &line);)
        buf_addf(l->seen, "%.*s\n", STR_ARG(str_trim(line)));
    return str_same(what, STR("heard")) && str_find_str(heard, arg) != SIZE_MAX;
}

static const struct {
    struct str name;
    bool (*fn)(struct str arg, struct look *l);
} expectations[] = {
    { STR_INIT("queue"), expect_queue }, { STR_INIT("frozen"), expect_frozen },
    { STR_INIT("delivered"), expect_delivered }, { STR_INIT("log"), expect_log }, { STR_INIT("rejectlog"), expect_rejectlog },
    { STR_INIT("message"), expect_message }, { STR_INIT("peer"), expect_peer },
};

/* As the expectation would have been written that this line meets. */
static void print_log(void *ctx, enum log_file f, struct str line)
{
    static const char *const name[LOG_FILES] = { "log", "rejectlog", "log", NULL };

    if (name[f])
        buf_addf(ctx, "expect: %s %.*s\n", name[f], STR_ARG(line));
}

bool expectation_met(struct world *w, struct arena *a, struct str text, struct buf *seen, struct buf *failure)
{
    struct str rest = text, kind = reader_word(&rest);
    bool claim = !str_same(kind, STR("not"));
    struct look l = { .world = w, .arena = a, .seen = seen, .failure = failure };

    if (!claim)
        kind = reader_word(&rest);
    for (size_t i = 0; i < sizeof expectations / sizeof *expectations; i++) {
        if (!str_same(kind, expectations[i].name))
            continue;
        if (expectations[i].fn(rest, &l) == claim && failure->n == 0) {
            buf_clear(seen);
            return true;
        }
        world_ops.each_log(w, print_log, seen);
        if (seen->n == 0)
            buf_add(seen, STR("(nothing was logged)"));
        return false;
    }
    buf_addf(failure, "there is no expectation \"%.*s\"", STR_ARG(kind));
    return false;
}
