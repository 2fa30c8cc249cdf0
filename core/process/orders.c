/*
 * orders - control requests, as one worker carries them out
 *
 * The master relays a request to every worker; each answers for the messages
 * of its own shards. Status 1 with "none" says: no such message here. A message may lie in another shard than its
 * id names, so all are asked.
 */
#include <stdlib.h>
#include <unistd.h>

#include "base/json.h"
#include "process/worker.h"

struct order {
    struct orders *o;
    int64_t token;
};

static void answer(struct orders *o, int64_t token, int status, struct str word, struct str text)
{
    struct buf out = { 0 };

    buf_byte(&out, '{');
    json_member(&out, "is", word);
    if (text.n > 0)
        json_member(&out, "text", text);
    buf_byte(&out, '}');
    o->answer(o->ctx, token, status, buf_str(&out));
    buf_free(&out);
}

static void on_queue_done(void *ctx, enum status st, const struct why *why)
{
    struct order *order = ctx;
    struct str text = why ? str_of(why->text) : STR("");

    answer(order->o, order->token, st == ST_OK ? 0 : st == ST_AGAIN ? 2 : 1, str_of(status_name(st)), text);
    free(order);
}

static const struct { const char *name; enum queue_verb verb; } queue_verbs[] = {
    { "retry", QUEUE_RETRY }, { "freeze", QUEUE_FREEZE }, { "thaw", QUEUE_THAW },
    { "remove", QUEUE_REMOVE }, { "bounce", QUEUE_BOUNCE },
};

static bool queue_order(struct orders *o, int64_t token, struct str verb, struct str id, struct str by)
{
    for (size_t i = 0; i < sizeof queue_verbs / sizeof *queue_verbs; i++) {
        struct msg_id msg = { "" };
        struct order *order;

        if (!str_same(verb, str_of(queue_verbs[i].name)))
            continue;
        if (id.n != MSG_ID_LEN) {
            answer(o, token, 1, STR("none"), STR("no message id"));
            return true;
        }
        memcpy(msg.s, id.p, MSG_ID_LEN);
        if (!spool_owns(engine_spool(o->engine), msg)) {
            answer(o, token, 1, STR("none"), STR(""));
            return true;
        }
        order = malloc(sizeof *order);
        if (!order)
            die("out of memory: an order");
        *order = (struct order){ o, token };
        engine_queue(o->engine, queue_verbs[i].verb, msg, by, on_queue_done, order);
        return true;
    }
    return false;
}

static void move_order(struct orders *o, int64_t token, struct str id, struct str queue, struct str by)
{
    struct msg_id msg = { "" };
    struct order *order;

    if (id.n == MSG_ID_LEN)
        memcpy(msg.s, id.p, MSG_ID_LEN);
    if (id.n != MSG_ID_LEN || !spool_owns(engine_spool(o->engine), msg)) {
        answer(o, token, 1, STR("none"), id.n == MSG_ID_LEN ? STR("") : STR("no message id"));
        return;
    }
    order = malloc(sizeof *order);
    if (!order)
        die("out of memory: an order");
    *order = (struct order){ o, token };
    engine_queue_move(o->engine, msg, queue, by, on_queue_done, order);
}

static void status_order(struct orders *o, int64_t token)
{
    struct buf out = { 0 };

    buf_byte(&out, '{');
    json_member_int(&out, "worker", o->number);
    json_member_int(&out, "pid", getpid());
    json_member_int(&out, "generation", o->generation);
    json_member_int(&out, "loop_lag_us", loop_lag_us(engine_loop(o->engine)));
    json_name(&out, "engine");
    engine_status(o->engine, &out);
    buf_byte(&out, '}');
    o->answer(o->ctx, token, 0, buf_str(&out));
    buf_free(&out);
}

static void costs_order(struct orders *o, int64_t token)
{
    struct buf out = { 0 };

    buf_byte(&out, '{');
    json_member_int(&out, "worker", o->number);
    json_member_int(&out, "generation", o->generation);
    json_name(&out, "rules");
    engine_costs(o->engine, &out);
    buf_byte(&out, '}');
    o->answer(o->ctx, token, 0, buf_str(&out));
    buf_free(&out);
}

void orders_take(struct orders *o, int64_t token, struct str request)
{
    struct arena a = { 0 };
    struct str verb = { "", 0 }, id = { "", 0 }, by = { "", 0 }, domain = { "", 0 }, queue = { "", 0 };

    json_get(&a, request, "verb", &verb);
    json_get(&a, request, "id", &id);
    json_get(&a, request, "by", &by);
    json_get(&a, request, "domain", &domain);
    json_get(&a, request, "queue", &queue);
    if (str_same(verb, STR("status"))) {
        status_order(o, token);
    } else if (str_same(verb, STR("top"))) {
        costs_order(o, token);
    } else if (str_same(verb, STR("move"))) {
        move_order(o, token, id, queue, by);
    } else if (!queue_order(o, token, verb, id, by)) {
        bool known = true;

        if (str_same(verb, STR("hold")) || str_same(verb, STR("release")))
            engine_hold(o->engine, domain, str_same(verb, STR("hold")));
        else if (str_same(verb, STR("run")))
            engine_run_queue(o->engine, queue);
        else if (str_same(verb, STR("reopen")))
            engine_reopen_logs(o->engine);
        else
            known = false;
        answer(o, token, known ? 0 : 1, known ? STR("ok") : STR("never"), known ? STR("") : STR("unknown verb"));
    }
    arena_free(&a);
}
