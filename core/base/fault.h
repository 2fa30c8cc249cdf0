/*
 * fault - make the n-th call fail, or die at a named place (R2.11)
 *
 * FAULT(kind) is false in a product build at no cost. In a test build
 * (-DPERIGEE_FAULTS) the environment says which use fails:
 *     PERIGEE_FAULT=write:17[:ENOSPC]     the 17th write fails, once
 *     PERIGEE_FAULT=write:17+             the 17th and all later ones
 *     PERIGEE_FAULT=open:3,flush:1:EIO    several, by commas
 *     PERIGEE_CRASH=keep.flushed:3        _exit(137) at the third passage
 * A call that may fail is written  if (FAULT(WRITE) || write(...) < 0);
 * FAULT sets errno. Crash points stand where a crash is interesting.
 */
#ifndef BASE_FAULT_H
#define BASE_FAULT_H

#include <stdbool.h>

enum fault_kind {
    FAULT_OPEN, FAULT_WRITE, FAULT_FLUSH, FAULT_READ, FAULT_RENAME, FAULT_UNLINK,
    FAULT_LMDB, FAULT_ALLOC, FAULT_SOCKET, FAULT_CONNECT, FAULT_SEND, FAULT_RECV,
    FAULT_DNS, FAULT_FORK, FAULT_HELPER, FAULT_LOG, FAULT_KINDS
};

bool fault_hit(enum fault_kind k);
void fault_crash(const char *point);

#ifdef PERIGEE_FAULTS
#define FAULT(k) fault_hit(FAULT_##k)
#define CRASH_POINT(name) fault_crash(name)
#else
#define FAULT(k) false
#define CRASH_POINT(name) ((void)0)
#endif

#endif
