/*
 * ops - the two ways to keep a spool behind one interface
 *
 * spool.h is what others see; a spool on disk (disk.c), one in memory
 * (memory.c) and one looked at from outside (peek.c) answer it. Each puts
 * these structs first in its own.
 */
#ifndef SPOOL_OPS_H
#define SPOOL_OPS_H

#include "spool/spool.h"

enum { SUMMARY_MAX = 200 };

struct spool_ops {
    void (*close)(struct spool *sp);
    enum status (*take)(struct spool *sp, unsigned shard, struct why *why);
    void (*set_home)(struct spool *sp, unsigned shard, bool home);
    void (*release)(struct spool *sp, unsigned shard);
    enum status (*remove_shard)(struct spool *sp, unsigned shard, struct why *why);
    enum status (*draft)(struct spool *sp, struct draft **out, struct why *why);
    void (*commit)(struct spool *sp, struct draft *d, const struct spool_entry *e, spool_done *done, void *ctx);
    void (*update)(struct spool *sp, struct msg_id id, const struct spool_state *s, spool_done *done, void *ctx);
    enum status (*load)(struct spool *sp, struct msg_id id, struct arena *a, struct spool_msg *out, struct why *why);
    size_t (*due)(struct spool *sp, int64_t now, size_t max, bool (*busy)(void *ctx, struct msg_id id),
                  void (*row)(void *ctx, const struct spool_row *r), void *ctx);
    int64_t (*next_due)(struct spool *sp);
    size_t (*list)(struct spool *sp, struct msg_id after, size_t max,
                   void (*row)(void *ctx, const struct spool_row *r), void *ctx);
    bool (*row_get)(struct spool *sp, struct msg_id id, struct spool_row *out, struct arena *a);
    uint64_t (*count)(struct spool *sp);
    void (*move)(struct spool *sp, struct msg_id id, spool_done *done, void *ctx);
    size_t (*list_of)(struct spool *sp, unsigned shard, struct msg_id after, size_t max,
                      void (*row)(void *ctx, const struct spool_row *r), void *ctx);
    bool (*owns)(struct spool *sp, struct msg_id id);
    bool (*has_room)(struct spool *sp, uint64_t size);
    bool (*behind)(struct spool *sp);
    void (*note)(struct spool *sp, struct msg_id id, bool on);
    void (*stats)(const struct spool *sp, struct spool_stats *out);
};

struct draft_ops {
    enum status (*add)(struct draft *d, struct str bytes, struct why *why);
    uint64_t (*size)(const struct draft *d);
    size_t (*peek)(struct draft *d, uint64_t offset, char *out, size_t n);
    bool (*ready)(struct draft *d);
    void (*drop)(struct draft *d);
};

struct spool { const struct spool_ops *ops; };
struct draft { const struct draft_ops *ops; struct msg_id id; };
struct spool_body {
    ssize_t (*read)(struct spool_body *b, uint64_t offset, char *out, size_t n);
    void (*close)(struct spool_body *b);
};

#endif
