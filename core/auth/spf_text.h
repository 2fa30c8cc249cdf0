/*
 * spf_text - what is said of an SPF check, in headers, logs and replies
 */
#ifndef AUTH_SPF_TEXT_H
#define AUTH_SPF_TEXT_H

#include "auth/spf.h"

/* "mx.example.org: domain of example.net designates 192.0.2.1 as permitted sender" */
struct str spf_comment(struct arena *a, const struct spf_want *w, const struct spf_answer *r);
/* The whole field, unfolded, without line end (RFC 7208 section 9.1): Received-SPF:, or X-SPF-Guess:
 * where the record was a guess. Nothing a client or the DNS said can end it or begin another. */
struct str spf_received(struct arena *a, const struct spf_want *w, const struct spf_answer *r);

#endif
