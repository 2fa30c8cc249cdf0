/*
 * secret - a file with a private key, read only where nobody but us can
 *
 * Its mode is 0400, 0440, 0600 or 0640, it belongs to the user the process is or to
 * root, and a group that may read it is the process's own, another one it was put
 * into (Debian's ssl-cert), or root's, whose members have better ways to our keys.
 * Anything wider is refused and not only told of: a key that others could read is theirs.
 */
#ifndef TLS_SECRET_H
#define TLS_SECRET_H

#include "base/file.h"

/* The whole file, behind what is in out, and which one it was. ST_AGAIN: it cannot be read, is
 * larger than most, or others can read it; out is then as it was. */
enum status secret_read(struct str path, size_t most, struct buf *out, struct file_identity *id, struct why *why);

/* Frees what held a secret, and leaves nothing of it in memory. */
void secret_wipe(struct buf *b);

#endif
