/*
 * spf_check - one SPF check over a resolver, with a limit in time
 *
 * The machine of spf.h, asked and told. After SPF_SECONDS it ends as a
 * temperror (RFC 7208 section 4.6.4).
 */
#ifndef AUTH_SPF_CHECK_H
#define AUTH_SPF_CHECK_H

#include "auth/spf.h"
#include "net/loop.h"

struct spf_check;
/* The machine is done and may be asked for its answer and for texts; it is gone after the call. */
typedef void spf_done(void *ctx, struct spf *s);
/* What w holds is copied. done may run before this returns: NULL is returned then.
 * It runs once, unless the check is cancelled. */
struct spf_check *spf_check_begin(struct loop *l, struct dns *d, const struct spf_want *w, spf_done *done, void *ctx);
void spf_check_cancel(struct spf_check *c);

#endif
