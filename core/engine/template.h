/*
 * template - a site's own words for reports (bounce_message_file, warn_message_file)
 *
 * Items divided by lines of four asterisks, as in Exim's files: fields of the
 * header, what stands before the addresses, what stands behind them. A missing or
 * empty item is what the engine says. Names such as $bounce_recipient stand for
 * values; there is no other expansion. Files are read when a generation is made.
 */
#ifndef ENGINE_TEMPLATE_H
#define ENGINE_TEMPLATE_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/str.h"
#include "base/why.h"

enum { TEMPLATE_HEADER, TEMPLATE_BEFORE, TEMPLATE_AFTER, TEMPLATE_ITEMS };
struct template { struct buf text; struct str item[TEMPLATE_ITEMS]; };
struct template_name { struct str name, value; };

enum status template_read(struct template *t, struct str path, struct why *why);
void template_free(struct template *t);
/* Lines end in CRLF. Values lose their control bytes. */
struct str template_fill(struct arena *a, struct str item, const struct template_name *names, size_t n);

#endif
