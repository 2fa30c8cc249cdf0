/*
 * trust - who may say that mail comes from somebody else (trusted_users, trusted_groups)
 *
 * Names are looked up when a generation is made, since that may take time;
 * afterwards it is numbers. A name that is not known trusts nobody, and is logged.
 */
#ifndef ENGINE_TRUST_H
#define ENGINE_TRUST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/val.h"

struct trust { int64_t *uids, *gids; size_t nuids, ngids; };

void trust_read(struct trust *t, const struct val *users, const struct val *groups);    /* NULL: none */
bool trust_has(const struct trust *t, int64_t uid, int64_t gid);
void trust_free(struct trust *t);

#endif
