/* What an ACL tried, as lines for people: each step under the one that led to it,
 * with what it read below. */
#include "base/json.h"
#include "engine/explain.h"

enum { DEPTH_MAX = 40, WHAT_WIDTH = 52 };

static struct str get(struct arena *a, struct str object, const char *name)
{
    struct str v = { "", 0 };

    json_get(a, object, name, &v);
    return v;
}

static void put_time(struct buf *out, struct str object, const char *name)
{
    int64_t us = 0;

    json_get_int(object, name, &us);
    buf_addf(out, "%lld.%03lld ms", (long long)(us / 1000), (long long)(us % 1000));
}

static void indent(struct buf *out, unsigned depth)
{
    buf_addf(out, "%*s", (int)(2 * depth), "");
}

/* A value as JSON gives it: texts in quotes, so that blanks at their ends are seen. */
static void put_value(struct buf *out, struct str object, const char *name)
{
    struct arena a = { 0 };
    struct str key, value, rest = object;

    while (json_next_member(&a, &rest, &key, &value))
        if (str_same(key, str_of(name))) {
            /* A decoded text cannot be told from a number or a list; its first byte in the object can. */
            struct buf quoted = { 0 };

            json_text(&quoted, value);
            if (str_find_str(object, arena_printf(&a, "\"%s\":%.*s", name, STR_ARG(buf_str(&quoted)))) != SIZE_MAX)
                buf_add(out, buf_str(&quoted));
            else
                buf_add(out, value);
            buf_free(&quoted);
            break;
        }
    arena_free(&a);
}

static void put_read(struct arena *a, struct buf *out, struct str read, unsigned depth)
{
    int64_t us = 0;

    indent(out, depth);
    buf_add(out, get(a, read, "name"));
    if (get(a, read, "of").n) {
        buf_byte(out, '(');
        put_value(out, read, "of");
        buf_byte(out, ')');
    }
    buf_add(out, STR(" = "));
    put_value(out, read, "value");
    if (json_get_int(read, "us", &us) && us > 0) {
        buf_add(out, STR("   "));
        put_time(out, read, "us");
    }
    buf_byte(out, '\n');
}

static void put_nodes(struct arena *a, struct buf *out, struct str nodes, unsigned depth);

static void put_node(struct arena *a, struct buf *out, struct str node, unsigned depth)
{
    struct str reads = get(a, node, "reads"), tried = get(a, node, "tried"), where = get(a, node, "where");
    struct str result = get(a, node, "result"), read;
    size_t from = out->n;

    indent(out, depth);
    if (where.n)
        buf_addf(out, "%.*s  ", STR_ARG(where));
    buf_add(out, get(a, node, "what"));
    if (result.n) {
        size_t width = out->n - from;

        buf_addf(out, "%*s  %-7.*s ", width < WHAT_WIDTH ? (int)(WHAT_WIDTH - width) : 0, "", STR_ARG(result));
        put_time(out, node, "us");
    }
    buf_byte(out, '\n');
    while (json_next(a, &reads, &read))
        put_read(a, out, read, depth + 2);
    if (tried.n)
        put_nodes(a, out, tried, depth + 1);
}

static void put_nodes(struct arena *a, struct buf *out, struct str nodes, unsigned depth)
{
    struct str node;

    while (depth < DEPTH_MAX && json_next(a, &nodes, &node))
        put_node(a, out, node, depth);
}

static void put_line(struct arena *a, struct buf *out, struct str object, const char *name, const char *title)
{
    struct str v = get(a, object, name);

    if (v.n)
        buf_addf(out, "%-10s %.*s\n", title, STR_ARG(v));
}

/* The limit that was met, and where it is set. */
static void put_limit(struct arena *a, struct buf *out, struct str object)
{
    struct str limit = get(a, object, "limit");

    if (limit.n)
        buf_addf(out, "limit      %.*s = %.*s, %.*s\n", STR_ARG(get(a, limit, "option")), STR_ARG(get(a, limit, "value")),
                 STR_ARG(get(a, limit, "where")));
}

void explain_text(struct str object, struct buf *out)
{
    struct arena a = { 0 };
    struct str lost = get(&a, object, "lost");

    buf_addf(out, "%.*s  %.*s: %.*s", STR_ARG(get(&a, object, "time")), STR_ARG(get(&a, object, "phase")),
             STR_ARG(get(&a, object, "verdict")));
    buf_add(out, STR("   "));
    put_time(out, object, "us");
    buf_byte(out, '\n');
    put_line(&a, out, object, "reply", "reply");
    put_line(&a, out, object, "log", "log");
    put_line(&a, out, object, "error", "error");
    put_limit(&a, out, object);
    put_line(&a, out, object, "client", "client");
    put_line(&a, out, object, "helo", "helo");
    put_line(&a, out, object, "sender", "sender");
    put_line(&a, out, object, "command", "command");
    put_line(&a, out, object, "recipient", "recipient");
    put_line(&a, out, object, "original", "original");
    put_line(&a, out, object, "message_id", "message");
    put_nodes(&a, out, get(&a, object, "tree"), 0);
    if (lost.n)
        buf_addf(out, "%.*s more steps were not kept\n", STR_ARG(lost));
    arena_free(&a);
}
