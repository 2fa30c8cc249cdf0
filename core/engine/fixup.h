/*
 * fixup - what is put right in a message on its way into the spool
 *
 * Trace fields that belong to final delivery are removed from everybody's
 * mail; missing Date, Message-ID, From and a true Sender are added to
 * submissions only: a relay leaves content alone (R1.4).
 */
#ifndef ENGINE_FIXUP_H
#define ENGINE_FIXUP_H

#include "engine/settings.h"

/* Will a Message-ID be made? For the options that say how. */
bool fixup_makes_id(const struct txn *t);

/* id_domain, id_text: for a Message-ID, may be empty; what may not stand there becomes a hyphen. Appends to t->edits, so that all of it is applied together with what rules
 * asked for (R8.6). *id_made says whether a Message-ID was made. */
void fixup(const struct settings *set, struct txn *t, bool trusted, struct str id_domain, struct str id_text, bool *id_made);

#endif
