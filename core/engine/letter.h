/*
 * letter - a message the engine writes itself: autoreplies, warnings
 *
 * From the null sender, unless it is told another, so that nothing answers it; kept like everybody's
 * mail, and only then said to be sent.
 */
#ifndef ENGINE_LETTER_H
#define ENGINE_LETTER_H

#include "engine/parts.h"

struct letter_want {
    struct engine *e;
    struct settings *set;
    struct str cause;               /* the message it is about */
    struct str sender;              /* empty: the null sender */
    const struct str *to; size_t nto;
    struct str message;             /* header section, empty line, body; LF or CRLF lines. From: is added if there is none */
};

struct letter;
typedef void letter_done(void *ctx, enum status st, const struct why *why);
/* For policy_env: rules have a report sent. */
void letter_for_rules(void *engine, const struct txn *t, struct str sender, struct str to, struct str message);
/* Copies what it is given. done (may be NULL) may run before this returns; then NULL is returned. */
struct letter *letter_send(const struct letter_want *w, letter_done *done, void *ctx);
void letter_forget(struct letter *l);       /* done is not called; it may be sent all the same */

#endif
