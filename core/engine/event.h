/*
 * event - tell rules what happened, or ask them before it does (F24)
 *
 * An "after" event runs once its fact is in the log; it changes nothing, waits
 * at most 5 s, and there are 100 places for those that wait. A "before" event
 * holds its step at most 5 s; time-out or error is no objection, but of tls:cert.
 */
#ifndef ENGINE_EVENT_H
#define ENGINE_EVENT_H

#include "engine/parts.h"

/* What an event reads: a shallow copy of a transaction with an address and a
 * host of its own, and a reference to what the copy points into. */
struct event_view {
    struct txn t;
    struct at_address at;
    struct at_host host;
    void *owner;
    void (*release)(void *owner);
};
/* at and host may be NULL. Takes over one reference to owner. */
struct event_view *event_view(const struct txn *t, const struct at_address *at, const struct at_host *host,
                              void *owner, void (*release)(void *owner));
/* With a copy of its own, of what the spool would keep of the transaction: for an "after" event
 * about one that may end first. at and host may be NULL. NULL: it could not be copied. */
struct event_view *event_view_apart(const struct txn *t, const struct at_address *at, const struct at_host *host);
/* From here on it is about that host. */
void event_view_host(struct event_view *v, const struct at_host *host);
/* Of a session: with a copy of its own of what is known of the client. */
struct event_view *event_view_session(const struct conn *c);
void event_view_free(struct event_view *v);

/* Whether anybody listens: ask first, since making a view costs something. */
bool event_wanted(const struct settings *set, const char *name, struct str transport);

/* Takes the view. */
void event_after(struct engine *e, struct settings *set, const char *name, struct event_view *v,
                 struct str data, int defer_errno);

/* About a session that may be over before the event is. */
void event_session(struct engine *e, struct settings *set, const char *name, const struct conn *c, struct str data);

/* dns:fail, for whoever asked (a policy_asker); for dns_on_fail. */
void event_dns_failed(void *engine, void *asker, const char *reason, struct str name, uint16_t type);

/* Takes the view. objection is empty where there is none; it is valid in the
 * call only. done may run before this returns; then NULL is returned. */
struct event_run;
typedef void event_answer(void *ctx, struct str objection);
struct event_run *event_before(struct engine *e, struct settings *set, const char *name, struct event_view *v,
                               struct str data, event_answer *done, void *ctx);
void event_cancel(struct event_run *r);

void events_new(struct engine *e);
void events_free(struct engine *e);
bool events_idle(const struct engine *e);

#endif
