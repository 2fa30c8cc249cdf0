/*
 * expectation - what a transcript's "expect:" line claims of its world
 */
#ifndef CLI_EXPECTATION_H
#define CLI_EXPECTATION_H

#include "base/arena.h"
#include "base/buf.h"
#include "world/world.h"

/* text: "queue 1", "not log unexpected". False: it does not hold, and seen gets
 * what there is instead, a line each as the expectation would have been
 * written; failure gets a sentence if the text itself cannot be understood. */
bool expectation_met(struct world *w, struct arena *a, struct str text, struct buf *seen, struct buf *failure);

#endif
