/*
 * data - message content as DATA sends it, made plain
 *
 * Takes dot-stuffing away and finds the end, which is CR LF . CR LF and nothing
 * else (R3.1). What it says depends on the bytes, not on how they were cut.
 */
#ifndef SMTP_DATA_H
#define SMTP_DATA_H

#include "base/str.h"

enum data_at { DATA_LINE_START, DATA_TEXT, DATA_CR, DATA_DOT, DATA_DOT_CR };

/* Zeroed to begin with. */
struct data {
    uint8_t at;             /* enum data_at */
    bool lf_ok;             /* a bare LF becomes CRLF; it still ends nothing */
    bool bare;              /* there was a bare CR, or a bare LF that may not be */
    uint64_t line;          /* octets of the line under way, without its end */
    uint64_t max_line;
};

/* Decodes from in; content goes to sink in runs. Returns how much was used:
 * all of it, or up to and including the end, and then *end is true. */
size_t data_read(struct data *d, struct str in, bool *end, void (*sink)(void *ctx, struct str run), void *ctx);

#endif
