#include "engine/space.h"

#include <unistd.h>

#include "base/clock.h"
#include "base/load.h"

bool engine_has_room(struct engine *e, const struct settings *set, int64_t size, struct why *why)
{
    int64_t free_space = setting_int(set, SET_check_spool_space, 0);
    int64_t wanted = size > 0 && setting_bool(set, SET_smtp_check_spool_space, true) ? size : 0;

    if (free_space < 0)
        free_space = 0;
    if (wanted + free_space == 0 || spool_has_room(e->spool, (uint64_t)wanted + (uint64_t)free_space))
        return true;
    why_set(why, ST_AGAIN, "not enough space in the spool: %lld bytes for the message, %lld to stay free",
            (long long)wanted, (long long)free_space);
    return false;
}

/* A site's own files: looked for once a second, not once a message. */
static bool has_queue_file(struct engine *e, const struct settings *set, struct why *why)
{
    const struct val *v = setting_val(set, SET_queue_only_file);
    int64_t now = clock_mono_ms();
    char path[4096];

    if (!v || v->type != VAL_LIST)
        return false;
    why_set(why, ST_AGAIN, "a file of queue_only_file is there");
    if (e->queue_file_ms && now - e->queue_file_ms < 1000)
        return e->queue_file;
    e->queue_file = false;
    e->queue_file_ms = now ? now : 1;
    for (size_t i = 0; i < v->u.list.n && !e->queue_file; i++) {
        struct str name = v->u.list.v[i];

        if (name.n && name.n < sizeof path) {
            memcpy(path, name.p, name.n);
            path[name.n] = '\0';
            e->queue_file = access(path, F_OK) == 0;
        }
    }
    return e->queue_file;
}

static bool is_loaded(const struct settings *set, struct conn *c, struct why *why)
{
    double most = setting_num(set, SET_queue_only_load, -1), load = most >= 0 ? load_average() : 0;
    bool over = most >= 0 && load > most;

    why_set(why, ST_AGAIN, "load average %.2f", load);
    if (over && setting_bool(set, SET_queue_only_load_latch, true))
        c->queue_latched = true;
    return over || c->queue_latched;
}

static bool has_brought_many(const struct settings *set, const struct conn *c, struct why *why)
{
    int64_t most = setting_int(set, SET_smtp_accept_queue_per_connection, 0);

    why_set(why, ST_AGAIN, "more than %lld messages received in one connection", (long long)most);
    return c->smtp && most > 0 && c->kept > most;
}

static bool is_one_of_many(const struct settings *set, const struct conn *c, struct why *why)
{
    int64_t most = setting_int(set, SET_smtp_accept_queue, 0);

    why_set(why, ST_AGAIN, "too many connections (%u, max %lld)", c->count_at_start, (long long)most);
    return c->smtp && most > 0 && c->count_at_start > most;
}

bool engine_queues_only(struct engine *e, const struct settings *set, struct txn *t, struct why *why)
{
    struct conn *c = t->conn;

    if (t->sender.n == 0 && !c->smtp)
        return false;               /* our own reports */
    c->kept++;
    return is_one_of_many(set, c, why) || has_brought_many(set, c, why) || is_loaded(set, c, why) || has_queue_file(e, set, why);
}
