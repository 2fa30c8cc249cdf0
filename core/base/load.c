#include "base/load.h"

#include <stdlib.h>

#include "base/clock.h"

/* One a process, as the clock. */
static double pretended;

double load_average(void)
{
    double load;

    if (clock_is_fake())
        return pretended;
    return getloadavg(&load, 1) == 1 ? load : 0;
}

void load_fake(double load)
{
    pretended = load;
}
