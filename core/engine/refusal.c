#include "engine/refusal.h"

#include "base/json.h"
#include "engine/explain.h"

enum { TEXT_MAX = 1000, COMMAND_MAX = 200 };

static void put(struct buf *out, const char *name, struct str text)
{
    if (text.n)
        json_member(out, name, str_head(text, TEXT_MAX));
}

static void put_limit(const struct settings *set, const struct refusal *r, struct buf *out, struct arena *a)
{
    struct str where;

    if (!r->option.n)
        return;
    where = policy_option_where(set->policy, r->option, a);
    json_name(out, "limit");
    buf_byte(out, '{');
    json_member(out, "option", r->option);
    json_member(out, "value", str_head(r->value, TEXT_MAX));
    json_member(out, "where", where.n ? where : STR("default"));
    buf_byte(out, '}');
}

/* What comes after AUTH is nobody's business. */
static struct str command_of(const struct conn *c)
{
    return str_starts_fold(c->command, STR("AUTH")) ? STR("AUTH") : str_head(c->command, COMMAND_MAX);
}

void refusal_explain(struct engine *e, const struct settings *set, const struct refusal *r, char id[EXPLAIN_ID])
{
    struct arena a = { 0 };
    struct buf out = { 0 };

    id[0] = '\0';
    if (!explain_wanted(e))
        return;
    json_member(&out, "phase", str_of(r->phase ? r->phase : "smtp"));
    json_member(&out, "verdict", str_of(r->verdict));
    put(&out, "reply", r->reply);
    put(&out, "error", r->error);
    put_limit(set, r, &out, &a);
    if (r->conn->client_ip.v)
        put(&out, "client", ip_text(&a, r->conn->client_ip));
    put(&out, "helo", r->conn->helo);
    put(&out, "command", command_of(r->conn));
    if (r->t && r->t->sender.p)
        json_member(&out, "sender", str_head(r->t->sender, TEXT_MAX));
    if (r->t && r->t->addr)
        put(&out, "recipient", r->t->addr->address);
    if (r->t)
        put(&out, "message_id", str_of(r->t->id.s));
    json_member_int(&out, "generation", policy_generation(set->policy));
    if (!explain_keep(e, buf_str(&out), id))
        id[0] = '\0';
    buf_free(&out);
    arena_free(&a);
}
