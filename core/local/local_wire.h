/*
 * local_wire - what a worker and the local process say to each other
 *
 * The order is one packet with a descriptor, or two where a program's output
 * goes to a file, or where it talks over a socket (then there is no message); over the first the message comes in pieces, each with its
 * length before it, and a piece of length 0 says it is whole (an end without it
 * means the worker died: nothing is delivered). An autoreply's files come with
 * no message. Then one result goes back, and behind it what a program printed
 * or a file holds.
 */
#ifndef LOCAL_LOCAL_WIRE_H
#define LOCAL_LOCAL_WIRE_H

#include <stdint.h>

#include "base/why.h"
#include "local/appendfile.h"

enum { LOCAL_MAGIC = 0x70676c32, LOCAL_TEXT_MAX = 65536, LOCAL_PIECE_MAX = 1 << 20, LOCAL_OUTPUT_MAX = 1 << 20 };

/* What is asked for: a message into a mailbox, or through a program; an autoreply's files before its reply, and after it. */
enum local_kind { LOCAL_FILE, LOCAL_PROGRAM, LOCAL_LOOK, LOCAL_KEEP };

/* among the flags */
enum { LOCAL_INITGROUPS = 1 << 30, LOCAL_TALK = 1 << 29, LOCAL_OPTIONAL = 1 << 28 };

enum local_flag {
#define X(name) LOCAL_F_##name,
    APPENDFILE_FLAGS(X)
#undef X
    LOCAL_FLAGS             /* fewer than 28 */
};
enum local_number {
    LOCAL_N_timeout_ms,
#define X(name) LOCAL_N_##name,
    APPENDFILE_NUMBERS(X)
#undef X
    LOCAL_FILE_NUMBERS,
    /* of a program */
    LOCAL_N_umask = LOCAL_N_timeout_ms + 1, LOCAL_N_output_max, LOCAL_N_file_max,
    /* of an autoreply's files */
    LOCAL_N_notes_mode = LOCAL_N_timeout_ms + 1, LOCAL_N_once_size, LOCAL_N_now,
    LOCAL_NUMBERS = LOCAL_FILE_NUMBERS
};
/* Texts, one behind the other. argv and env: each string ended by NUL; in all
 * others there is none. */
enum local_text {
    LOCAL_T_user, LOCAL_T_group,
#define X(name) LOCAL_T_##name,
    APPENDFILE_TEXTS(X)
#undef X
    LOCAL_TEXTS,
    /* of a program */
    LOCAL_T_directory = LOCAL_T_group + 1, LOCAL_T_argv, LOCAL_T_env,
    /* of an autoreply's files */
    LOCAL_T_once = LOCAL_T_group + 1, LOCAL_T_file, LOCAL_T_log, LOCAL_T_key, LOCAL_T_line
};

struct local_order {
    uint32_t magic, kind, flags;
    uint32_t length[LOCAL_TEXTS];
    int64_t number[LOCAL_NUMBERS];
};

enum { LOCAL_R_FULL = 1, LOCAL_R_WARN = 2, LOCAL_R_LATE = 4, LOCAL_R_TOO_MUCH = 8 };
struct local_result {
    uint32_t magic;
    uint32_t status;            /* enum status */
    uint32_t flags, format;
    int32_t err, exit_status, signal;
    uint32_t output;            /* bytes that follow */
    int64_t unread_s;           /* LOCAL_LOOK: when the name was seen */
    uint64_t written;
    char text[WHY_MAX];
};

#endif
