/*
 * oracle - libspf2 and libopendmarc, in a process of their own
 *
 * Both libraries have a history of memory errors (R5.2), so perigee-oracle runs
 * them with no files, no network and little memory, and nothing of ours in its
 * address space. It is told what the DNS says: it names what is missing, we ask
 * our resolver, and it runs again. Its death, its silence or nonsense from it is
 * "could not be found out" for whoever asked, and a line in the log; it is started
 * again after a pause that grows.
 */
#ifndef AUTH_ORACLE_H
#define AUTH_ORACLE_H

#include "auth/oracle_wire.h"
#include "base/why.h"
#include "dns/dns.h"
#include "net/loop.h"

struct oracle;
struct oracle_ask;

/* path NULL: the one that was built or installed with this program. It is started when it is asked first. */
struct oracle *oracle_new(struct loop *l, const char *path);
void oracle_free(struct oracle *o);         /* asks under way never end */

/* ST_OK: rest are the fields behind "result", valid in the call. */
typedef void oracle_done(void *ctx, enum status st, struct str rest, const struct why *why);
/* fields: what is asked (oracle_wire.h), copied. done runs later, once, unless it is cancelled. */
struct oracle_ask *oracle_ask(struct oracle *o, struct dns *d, struct str fields, oracle_done *done, void *ctx);
void oracle_cancel(struct oracle_ask *a);       /* NULL: there is none */

#endif
