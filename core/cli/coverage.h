/*
 * coverage - what specs saw of the rules, as text, HTML and lcov
 *
 * Into a directory: coverage.txt (what is printed, too), index.html with a page
 * a file, and lcov.info with statements and routers as branches: answered, and
 * passed on.
 */
#ifndef CLI_COVERAGE_H
#define CLI_COVERAGE_H

#include "base/buf.h"
#include "base/why.h"
#include "policy/cover.h"

/* The directory is made if it is not there. summary: a line a file, and the total. */
enum status coverage_write(struct cover *c, const char *dir, struct buf *summary, struct why *why);

#endif
