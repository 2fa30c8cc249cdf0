/*
 * zone - a zone file as the whole world of names
 *
 * What hermetic worlds ask instead of the network (design section 5). Answers
 * are those a resolver would give: CNAME and DNAME followed, wildcards as in
 * RFC 4592, "no such name" kept apart from "no such record".
 */
#ifndef DNS_ZONE_H
#define DNS_ZONE_H

#include "dns/dname.h"
#include "dns/dns.h"

struct zone;

/* file is its name in errors. ST_OK, or ST_NEVER with "file:line: why". */
enum status zone_open(struct str text, const char *file, struct zone **out, struct why *why);
enum status zone_open_file(const char *path, struct zone **out, struct why *why);
void zone_free(struct zone *z);

/* Texts are in the arena. False: the zone says TIMEOUT; out then holds what is
 * to be said once the time has passed. */
bool zone_answer(const struct zone *z, struct arena *a, const struct dname *name, uint16_t type,
                 struct dns_answer *out);

#endif
