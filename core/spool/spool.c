#include "spool/spool.h"

#include "spool/ops.h"

void spool_close(struct spool *sp)
{
    if (sp)
        sp->ops->close(sp);
}

enum status spool_take(struct spool *sp, unsigned shard, struct why *why)
{
    return sp->ops->take(sp, shard, why);
}

void spool_set_home(struct spool *sp, unsigned shard, bool home)
{
    sp->ops->set_home(sp, shard, home);
}

void spool_release(struct spool *sp, unsigned shard)
{
    sp->ops->release(sp, shard);
}

enum status spool_remove_shard(struct spool *sp, unsigned shard, struct why *why)
{
    return sp->ops->remove_shard(sp, shard, why);
}

enum status spool_draft(struct spool *sp, struct draft **out, struct why *why)
{
    *out = NULL;
    return sp->ops->draft(sp, out, why);
}

struct msg_id draft_id(const struct draft *d)
{
    return d->id;
}

enum status draft_add(struct draft *d, struct str body_bytes, struct why *why)
{
    return d->ops->add(d, body_bytes, why);
}

uint64_t draft_size(const struct draft *d)
{
    return d->ops->size(d);
}

size_t draft_peek(struct draft *d, uint64_t offset, char *out, size_t n)
{
    return d->ops->peek(d, offset, out, n);
}

bool draft_ready(struct draft *d)
{
    return d->ops->ready(d);
}

void draft_drop(struct draft *d)
{
    if (d)
        d->ops->drop(d);
}

void spool_commit(struct spool *sp, struct draft *d, const struct spool_entry *e, spool_done *done, void *ctx)
{
    sp->ops->commit(sp, d, e, done, ctx);
}

void spool_update(struct spool *sp, struct msg_id id, const struct spool_state *s, spool_done *done, void *ctx)
{
    sp->ops->update(sp, id, s, done, ctx);
}

enum status spool_load(struct spool *sp, struct msg_id id, struct arena *a, struct spool_msg *out, struct why *why)
{
    *out = (struct spool_msg){ .body = NULL };
    return sp->ops->load(sp, id, a, out, why);
}

ssize_t spool_body_read(struct spool_body *b, uint64_t offset, char *out, size_t n)
{
    return b->read(b, offset, out, n);
}

void spool_body_close(struct spool_body *b)
{
    if (b)
        b->close(b);
}

size_t spool_due(struct spool *sp, int64_t now, size_t max, bool (*busy)(void *ctx, struct msg_id id),
                 void (*row)(void *ctx, const struct spool_row *r), void *ctx)
{
    return sp->ops->due(sp, now, max, busy, row, ctx);
}

int64_t spool_next_due(struct spool *sp)
{
    return sp->ops->next_due(sp);
}

size_t spool_list(struct spool *sp, struct msg_id after, size_t max,
                  void (*row)(void *ctx, const struct spool_row *r), void *ctx)
{
    return sp->ops->list(sp, after, max, row, ctx);
}

void spool_move(struct spool *sp, struct msg_id id, spool_done *done, void *ctx)
{
    sp->ops->move(sp, id, done, ctx);
}

size_t spool_list_of(struct spool *sp, unsigned shard, struct msg_id after, size_t max,
                     void (*row)(void *ctx, const struct spool_row *r), void *ctx)
{
    return sp->ops->list_of(sp, shard, after, max, row, ctx);
}

bool spool_row_get(struct spool *sp, struct msg_id id, struct spool_row *out, struct arena *a)
{
    return sp->ops->row_get(sp, id, out, a);
}

uint64_t spool_count(struct spool *sp)
{
    return sp->ops->count(sp);
}

bool spool_owns(struct spool *sp, struct msg_id id)
{
    return sp->ops->owns(sp, id);
}

bool spool_has_room(struct spool *sp, uint64_t size)
{
    return sp->ops->has_room(sp, size);
}

bool spool_behind(struct spool *sp)
{
    return sp->ops->behind(sp);
}

void spool_note_active(struct spool *sp, struct msg_id id)
{
    sp->ops->note(sp, id, true);
}

void spool_note_clear(struct spool *sp, struct msg_id id)
{
    sp->ops->note(sp, id, false);
}

void spool_stats(const struct spool *sp, struct spool_stats *out)
{
    *out = (struct spool_stats){ 0 };
    sp->ops->stats(sp, out);
}
