/*
 * world_lua - specs written in Lua, against a hermetic engine
 *
 * `perigee test` runs *_spec.lua files with busted in a Lua state of their
 * own: no sandbox, it is the tester's program and not a rule. What a spec sees
 * is `require "perigee.world"` (lua/spec/world.lua), a thin dress over the
 * functions of struct world_ops, which engine/world.c fills. It stands in this
 * room only because no other may include lua.h.
 */
#ifndef POLICY_WORLD_LUA_H
#define POLICY_WORLD_LUA_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/log.h"
#include "base/str.h"
#include "base/why.h"

struct world;
struct world_session;

/* What a world is made of. Text is copied. */
struct world_config {
    bool hermetic;              /* clock, chance, names and peers are ours; false: the real ones, nothing is kept */
    bool deliver;               /* false: accept only */
    const char *rules_dir;      /* a directory, or */
    const char *const *files;   /* files in the order given, or neither */
    size_t nfiles;
    struct str lua;             /* one more rule file, as text; p NULL: none */
    const char *lua_name;       /* what problems call it */
    const char *zone_file;
    struct str zone;            /* zone as text; p NULL: none */
    int64_t now_us;             /* 0: 2026-01-01T00:00:00Z */
    uint64_t seed;
};

struct world_delivery { struct str id, recipient, transport, host, file, message; };
struct world_row { struct str id, sender, recipients, queue; uint32_t pending, flags; uint64_t size; int64_t received, next_try; };

struct world_ops {
    /* NULL: *why says what is wrong, one problem a line. */
    struct world *(*open)(const struct world_config *c, struct buf *why);
    void (*close)(struct world *w);
    /* What `perigee check` says of them, a line or more each; true: no errors. */
    bool (*check)(const struct world_config *c, struct buf *out);
    /* A new generation in place of the one that serves; false with *why. */
    bool (*reload)(struct world *w, const struct world_config *c, struct buf *why);
    void (*advance)(struct world *w, int64_t ms);
    int64_t (*now)(struct world *w);                                    /* wall microseconds */

    /* client: "ip" or "ip:port"; port: ours, 0 is 25. NULL: no address. */
    struct world_session *(*session)(struct world *w, struct str client, uint16_t port);
    /* What the client's handshake shall come to, fact by fact: ver, cipher, cipher_std, bits, sni, peerdn, peercert (PEM), verified,
     * ocsp, resumption; "fails": why it fails. */
    bool (*tls)(struct world_session *s, struct str fact, struct str value, struct why *why);
    /* A pipe has no turns to wait for: what comes early is no fault. */
    void (*any_time)(struct world_session *s);
    void (*send)(struct world_session *s, struct str bytes);
    /* The next whole reply, its lines joined by CRLF, waiting up to a minute of the world's time. False: none. */
    bool (*reply)(struct world_session *s, struct arena *a, struct str *out);
    /* Lets time pass only as far as a rule's answer is being waited for. */
    void (*finish)(struct world_session *s);
    bool (*pending)(struct world_session *s);                           /* is there a reply nobody took? */
    bool (*over)(struct world_session *s);
    void (*hang_up)(struct world_session *s);                           /* the client goes away; frees s */

    void (*each_log)(struct world *w, void (*fn)(void *ctx, enum log_file f, struct str line), void *ctx);
    void (*each_delivery)(struct world *w, void (*fn)(void *ctx, const struct world_delivery *d), void *ctx);
    void (*each_row)(struct world *w, void (*fn)(void *ctx, const struct world_row *r), void *ctx);
    /* retry, freeze, thaw, remove, bounce; hold, release (id is then a domain); run (id is then a named queue, or empty). */
    bool (*queue)(struct world *w, struct str verb, struct str id, struct str *why, struct arena *a);
    /* The kept message: header, empty line, body. */
    bool (*message)(struct world *w, struct str id, struct arena *a, struct str *out);
    /* A message from a local program; *text is the id or why not. */
    enum status (*submit)(struct world *w, bool trusted, struct str sender, const struct str *rcpts, size_t n, struct str message,
                          struct arena *a, struct str *text);
    /* An expression in a phase, with the client's and envelope's facts; JSON. */
    enum status (*eval)(struct world *w, struct str phase, struct str client, struct str sender, struct str code,
                        struct arena *a, struct str *text);
    /* A scripted server at "ip[:port]": verb and what it answers; see world/peer.h. False: *why says which word is none. */
    bool (*peer)(struct world *w, struct str at, struct str verb, struct str reply, struct why *why);
    /* What was said to the peer at that address, every connection, line by line. */
    bool (*peer_heard)(struct world *w, struct str at, struct arena *a, struct str *out, unsigned *connections);
    /* What lookup.KIND answers from here on: ST_OK with the value, ST_NONE, ST_AGAIN with the reason. An empty file
     * or key is any. */
    void (*answer)(struct world *w, struct str kind, struct str file, struct str key, enum status st, struct str value);
};

/* One case's end, from Lua or from a transcript. */
enum spec_end { SPEC_PASSED, SPEC_FAILED, SPEC_SKIPPED };
struct spec_sink {
    void (*result)(void *ctx, enum spec_end end, struct str title, struct str file, int line, struct str message);
    void *ctx;
};

/* Runs the files (and *_spec.lua of directories) with busted. False: it could
 * not be run at all; *why says it. filter NULL: every case. */
bool world_specs(const struct world_ops *ops, const char *const *paths, size_t n, const char *filter,
                 const struct spec_sink *sink, struct buf *why);

/* "LuaJIT 2.1.0-beta3" */
const char *world_lua_version(void);

#endif
