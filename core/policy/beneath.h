/*
 * beneath - open a file that a rule names
 *
 * A path may bear the mark "/./" of path(): what follows it is opened beneath
 * what precedes it, and no link is followed on the way (R7.3). Without the mark
 * the same holds for what stands below the directory `below`, if that is given.
 */
#ifndef POLICY_BENEATH_H
#define POLICY_BENEATH_H

/* A descriptor, or -1 with errno. flags are open's; O_CLOEXEC and O_NONBLOCK are
 * added, so that a FIFO cannot hold us. */
int beneath_open(const char *path, const char *below, int flags);

#endif
