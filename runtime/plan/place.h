/* SPDX-License-Identifier: Apache-2.0 */
/* Shared by the files that decide what lies where: place.c, units.c, strips.c. */
#ifndef MEA_PLAN_PLACE_H
#define MEA_PLAN_PLACE_H

#include "plan/emit.h"

/* --- units.c --- */
/* Divides the net into e->unit, whose insides are marked in e->place. 0 or MEA_ENOMEM. */
int mea_find_units(struct emit *e);

/* Makes unit i, if it is fused, units of one layer each; false if it is not. */
bool mea_split_unit(struct emit *e, int i);

/* --- strips.c --- */
/* Gives u the height of its strips and its buffers, in what e->spad has free: the height with
 * the least cost, which is set for a fused unit. False, without buffers, if no height fits. */
bool mea_place_strips(struct emit *e, struct unit *u, long *cost);

/* Gives u's buffers back to e->spad. */
void mea_free_buffers(struct emit *e, struct unit *u);

/* Words of tensor t, whole. */
int mea_words_of(const struct emit *e, int t);

#endif
