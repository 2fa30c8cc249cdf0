/*
 * optrow - the rows behind options: what lua/gen makes of core/policy/api
 */
#ifndef POLICY_OPTROW_H
#define POLICY_OPTROW_H

#include "policy/policy.h"

struct option_row {
    struct opt_row row;
    enum phase phase;           /* a function of m runs in it */
    bool restart;               /* cannot change live */
    struct val def;
};

#endif
