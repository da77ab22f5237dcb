/* SPDX-License-Identifier: Apache-2.0 */
/* Sums of what networks cost; the figures stand in mea.h. */
#ifndef MEA_COST_H
#define MEA_COST_H

#include "mea.h"

/* Adds every figure of c to sum. */
void mea_cost_add(struct mea_cost *sum, const struct mea_cost *c);

#endif
