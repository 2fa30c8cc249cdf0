/*
 * spf_name - the names SPF asks for
 */
#ifndef AUTH_SPF_NAME_H
#define AUTH_SPF_NAME_H

#include "base/arena.h"
#include "base/str.h"

/* Labels of 1 to 63 bytes, none of them a control or 8-bit one, `labels` of them at least: more than one where the
 * name is to be a domain of mail (RFC 7208 section 4.3). */
bool spf_name_valid(struct str s, unsigned labels);
/* Without a final dot. */
struct str spf_name_bare(struct str s);
/* Too long a name loses labels at its left (section 7.3). */
struct str spf_name_fit(struct str s);
/* As dns_ask wants it: a backslash has another before it. */
struct str spf_name_asked(struct arena *a, struct str s);
bool spf_name_below(struct str name, struct str domain);

#endif
