/*
 * load - the system's load average
 *
 * The seam for it: where the clock is not real, neither is the load. It is 0
 * there, unless load_fake says otherwise.
 */
#ifndef BASE_LOAD_H
#define BASE_LOAD_H

double load_average(void);      /* over the last minute; 0 if the system does not say */
void load_fake(double load);

#endif
