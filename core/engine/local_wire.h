/*
 * local_wire - what a worker and the local process say to each other
 *
 * The order is one packet with a descriptor; over that the message comes in
 * pieces, each with its length before it, and a piece of length 0 says it is
 * whole (an end without it means the worker died: nothing is delivered). Then
 * one result goes back.
 */
#ifndef ENGINE_LOCAL_WIRE_H
#define ENGINE_LOCAL_WIRE_H

#include <stdint.h>

#include "base/why.h"

enum { LOCAL_MAGIC = 0x70676c31, LOCAL_TEXT_MAX = 8192, LOCAL_PIECE_MAX = 1 << 20 };

enum { LOCAL_DIRECTORY = 1, LOCAL_MAILDIR = 2, LOCAL_CREATE = 4, LOCAL_MUST_EXIST = 8, LOCAL_OWNER = 16,
       LOCAL_GROUP = 32, LOCAL_NARROWER = 64, LOCAL_LOCKFILE = 128, LOCAL_FCNTL = 256 };

/* Then the texts, one behind the other: user, root, rest, hostname, file_name, tag. */
enum { LOCAL_TEXTS = 6 };
struct local_order {
    uint32_t magic, flags;
    uint32_t mode, directory_mode, lockfile_mode;
    int32_t lock_retries;
    int64_t lock_interval, lock_fcntl_timeout, lockfile_timeout;
    int64_t wall_us, timeout_ms;
    uint64_t serial;
    uint32_t length[LOCAL_TEXTS];
};

struct local_result {
    uint32_t magic;
    uint32_t status;            /* enum status */
    uint64_t written;
    char text[WHY_MAX];
};

#endif
