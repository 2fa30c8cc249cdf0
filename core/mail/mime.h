/*
 * mime - the parts of a message (RFC 2045, 2046), found while its body streams by
 *
 * mime_begin takes the header of the message, mime_feed its body in pieces of any
 * size, mime_end says there is no more; then v holds every part, those of attached
 * messages included, each with what its header says and where its bytes are. Memory is
 * bounded by the constants below, not by the message; time is linear in it.
 *
 * A boundary is a whole line: "--", the boundary, maybe "--", maybe blanks. One of an
 * outer multipart ends everything inside it. Where readers of mail go different
 * ways, the part has an anomaly.
 *
 * Attached messages are read through their encoding, although RFC 2046 5.2.1 allows them
 * none but the trivial ones: mail readers open them.
 */
#ifndef MAIL_MIME_H
#define MAIL_MIME_H

#include "mail/header.h"
#include "mail/transfer.h"

enum {
    MIME_PARTS_MAX = 10000,          /* R3.7, as the depth */
    MIME_DEPTH_MAX = 100,           /* multiparts and messages in each other */
    MIME_ENCODED_MAX = 3,           /* encoded messages in each other */
    MIME_HEADER_MAX = 64 << 10,     /* of one part */
    MIME_VALUE_MAX = 1024,          /* what is kept of one value */
    MIME_TEXT_MAX = 1 << 20,        /* what is kept of all of them */
    MIME_BOUNDARY_MAX = 998,        /* RFC 2046 has 70 */
    MIME_LINE_MAX = 1100,           /* a line longer than this is no boundary */
    MIME_NAMES_MAX = 8
};

/* How bad; the first two are Exim's. */
enum mime_anomaly { MIME_SOUND, MIME_BROKEN_QP, MIME_BROKEN_BASE64, MIME_AMBIGUOUS };

struct mime_part {
    struct str type;                /* lower case, no parameters; p NULL: not said */
    struct str disposition, encoding;               /* likewise */
    struct str id, description;     /* as they are; description decoded */
    struct str charset, boundary;   /* as they are */
    struct str filename;            /* the likeliest of names */
    const struct str *names;        /* everything a reader may take for the file's name (R4.7) */
    size_t nnames;
    bool multipart;                 /* its type says so */
    bool coverletter;               /* Exim's: not behind the first part of a multipart/mixed */
    enum transfer_kind transfer;
    enum mime_anomaly anomaly;
    const char *anomaly_text;       /* of the worst */
    uint32_t message;               /* 0: the message itself; others are attached, in the order they begin */
    uint32_t index;                 /* in its message, from 0 */
    int32_t parent;                 /* -1: none */
    int32_t via;                    /* the encoded part its bytes are inside of; -1: the body itself */
    uint64_t from, to;              /* its raw content, in the body or in what `via` decodes to */
    uint64_t size;                  /* decoded; of a multipart: 0 */
};

struct mime_stream;
struct mime {
    struct mime_part *v;
    uint32_t n;
    uint32_t messages;              /* how many were attached */
    const char *limit;              /* the bound that was met, in words: there is more than v says */
    /* private */
    struct arena arena;
    uint32_t cap;
    struct mime_stream *stream;
};

void mime_begin(struct mime *m, const struct header *top);
void mime_feed(struct mime *m, struct str bytes);
void mime_end(struct mime *m);
void mime_free(struct mime *m);

/* For mime.c: what a header section says, into a part; texts in a. */
void mime_part_read(struct arena *a, const struct header *h, struct mime_part *p);
/* Keeps the worst, and of several the first. */
void mime_part_blame(struct mime_part *p, enum mime_anomaly level, const char *text);

/* ---- the content of one part, from the bytes of the body */
struct mime_reader {
    uint64_t from, to;              /* which bytes of the body are wanted, in order */
    /* private */
    struct { uint64_t skip, left; struct transfer transfer; struct buf out; } stage[MIME_ENCODED_MAX + 1];
    unsigned n;
};
/* decoded false: the content as it is in the message. */
void mime_reader_begin(struct mime_reader *r, const struct mime *m, uint32_t part, bool decoded);
void mime_reader_feed(struct mime_reader *r, struct str bytes, struct buf *out);
void mime_reader_end(struct mime_reader *r, struct buf *out);
void mime_reader_free(struct mime_reader *r);

#endif
