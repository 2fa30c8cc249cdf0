/*
 * rig - a policy made from text, on a loop, for specs
 */
#ifndef SPEC_POLICY_RIG_H
#define SPEC_POLICY_RIG_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "mail/addr.h"
#include "policy/host.h"

#define RIG_ZONE \
    "9.113.0.203.in-addr.arpa. 60 IN PTR client.example.\n" \
    "client.example. 60 IN A 203.0.113.9\n" \
    "7.113.0.203.in-addr.arpa. SERVFAIL\n"

struct rig {
    struct loop *loop;
    struct hints *hints;
    struct dns *dns;
    struct pool *pool;
    struct policy_env env;
    struct policy *policy;
    struct problems problems;
    struct conn conn;
    struct txn *txn;
    struct at_address at;
    /* the last answer */
    int answers;
    enum status st;
    enum verb verb;
    bool by_default, error;
    char text[2048], log[2048];
    struct buf out;
};

static inline struct snapshot rig_snapshot(const char *text)
{
    struct snapshot s = { .dir = "rules" };

    s.files = arena_array(&s.arena, struct snapshot_file, 1);
    s.files[0].name = STR("10-spec.lua");
    s.files[0].bytes = arena_dup(&s.arena, str_of(text));
    s.n = 1;
    return s;
}

static inline enum status rig_load(struct rig *r, const char *text, uint32_t generation, struct policy **out)
{
    struct snapshot s = rig_snapshot(text);
    enum status st;

    problems_free(&r->problems);
    st = policy_load(&r->env, &s, generation, out, &r->problems);
    snapshot_free(&s);
    return st;
}

/* Lines of the logs are kept out of the specs' output. */
static inline void rig_quiet(void *ctx, enum log_file f, struct str line)
{
    (void)ctx;
    (void)f;
    (void)line;
}

static inline void rig_open(struct rig *r, const char *text)
{
    memset(r, 0, sizeof *r);
    log_to(rig_quiet, NULL);
    r->loop = loop_new();
    r->hints = hints_memory();
    dns_open(r->loop, &(struct dns_config){ .zone_text = STR(RIG_ZONE) }, &r->dns, NULL);
    r->pool = pool_new(r->loop, 0);
    r->env.dns = r->dns;
    r->env.pool = r->pool;
    r->env.loop = r->loop;
    r->env.hints = r->hints;
    r->env.hermetic = true;
    r->env.spool_dir = "/nonexistent";
    conn_init(&r->conn);
    r->conn.smtp = true;
    ip_parse(STR("203.0.113.9"), &r->conn.client_ip);
    r->conn.client_port = 4711;
    r->txn = txn_new(&r->conn);
    r->txn->sender = arena_dup(&r->txn->arena, STR("a@there.example"));
    txn_at(r->txn, arena_dup(&r->txn->arena, STR("b@example.org")), &r->at);
    r->txn->addr = &r->at;
    if (rig_load(r, text, 1, &r->policy) != ST_OK) {
        for (size_t i = 0; i < r->problems.n; i++)
            print_error("%.*s:%d: %.*s\n", STR_ARG(r->problems.v[i].file), r->problems.v[i].line, STR_ARG(r->problems.v[i].text));
        fail_msg("the rules do not load");
    }
}

static inline void rig_close(struct rig *r)
{
    policy_release(r->policy);
    problems_free(&r->problems);
    txn_free(r->txn);
    conn_free(&r->conn);
    buf_free(&r->out);
    hints_close(r->hints);
    dns_close(r->dns);
    pool_free(r->pool);
    loop_free(r->loop);
}

static inline void rig_answered(void *ctx, enum status st, const struct val *v, const struct why *why)
{
    struct rig *r = ctx;

    (void)v;
    r->answers++;
    r->st = st;
    snprintf(r->text, sizeof r->text, "%s", why ? why->text : "");
}

/* The value of an expression as text; its reason if it failed. */
static inline const char *rig_expr(struct rig *r, enum phase ph, const char *code)
{
    buf_clear(&r->out);
    policy_expr(r->policy, r->txn, ph, str_of(code), false, &r->out, rig_answered, r);
    if (r->st == ST_OK)
        snprintf(r->text, sizeof r->text, "%.*s", STR_ARG(str_trim(buf_str(&r->out))));
    return r->text;
}

static inline void rig_verdict(void *ctx, const struct verdict *v)
{
    struct rig *r = ctx;

    r->answers++;
    r->verb = v->verb;
    r->by_default = v->by_default;
    r->error = v->error;
    snprintf(r->text, sizeof r->text, "%.*s", STR_ARG(v->message));
    snprintf(r->log, sizeof r->log, "%.*s", STR_ARG(v->log_message));
}

static inline struct eval *rig_acl(struct rig *r, enum phase ph)
{
    return policy_acl(r->policy, ph, r->txn, rig_verdict, r);
}

#endif
