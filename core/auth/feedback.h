/*
 * feedback - an aggregate report as RFC 7489 has it: its XML and its mail
 *
 * Pure: what is in it comes from the caller, and the same gives the same bytes. Every
 * value is escaped.
 */
#ifndef AUTH_FEEDBACK_H
#define AUTH_FEEDBACK_H

#include "auth/finding.h"
#include "base/buf.h"

struct feedback_row {
    struct str text;            /* of a finding */
    uint64_t count;
};

struct feedback {
    struct str org, email, contact;     /* contact: "" for none */
    struct str submitter;               /* our host name */
    struct str domain;
    int64_t begin, end;                 /* wall seconds; end is the last second of it */
    const struct finding_policy *policy;
    const struct feedback_row *rows;
    size_t nrows;
    uint64_t left_out;                  /* messages beyond those rows */
};

struct str feedback_id(struct arena *a, const struct feedback *f);              /* unique@submitter */
/* receiver "!" domain "!" begin "!" end "!" unique ".xml" (section 7.2.1.1, without .gz) */
struct str feedback_file(struct arena *a, const struct feedback *f);

void feedback_xml(const struct feedback *f, struct buf *out);
/* The mail that carries it; gz is the XML under gzip. Lines end in LF. */
void feedback_mail(const struct feedback *f, struct str to, struct str gz, int64_t now, struct buf *out);
/* The one that says it is too large for who asked (section 7.2.2). */
void feedback_too_large(const struct feedback *f, struct str to, uint64_t size, int64_t now, struct buf *out);

#endif
