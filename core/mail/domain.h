/*
 * domain - names of hosts and mail domains
 *
 * The A-label in lower case is the sole key for policy and DNS (R4.4).
 */
#ifndef MAIL_DOMAIN_H
#define MAIL_DOMAIN_H

#include "base/arena.h"
#include "base/str.h"

/* Whether two domains are one name: ASCII case and a final dot ignored. */
bool domain_same(struct str a, struct str b);

/* Letters, digits, inner hyphens and underscores, labels of 1-63, 255 in all.
 * (Underscores: the engine's general rule accepts them, as most of the world's
 * mail systems do.) A final dot is refused. reason, if not NULL, is a static text. */
bool domain_valid(struct str s, const char **reason);

/* The same with IDNA: UTF-8 labels must be valid under it, "xn--" labels must be
 * Punycode. What an address may have behind its '@'. */
bool domain_valid_idn(struct str s, const char **reason);

/* The A-label form in lower case (libidn2), or an empty str if it has none. */
struct str domain_alabel(struct arena *a, struct str s);

/* "[192.0.2.1]" or "[IPv6:2001:db8::1]". */
struct ip;
bool domain_literal(struct str s, struct ip *out);

#endif
