/* SPDX-License-Identifier: Apache-2.0 */
/* Runs a plan on a device and compares. */
#ifndef MEA_TEST_RUN_PLAN_H
#define MEA_TEST_RUN_PLAN_H

#include "device/device.h"
#include "graph/qnet.h"
#include "plan/plan.h"

/*
 * Runs p, a plan of n, on inputs values[n->inputs[...]]; record gets its MEA_RECORD_BYTES. Returns
 * 0 if all outputs are those of values (values of outputs NULL: they are not compared), else prints
 * why as TAP comments. Ends the program when there is no memory.
 */
int run_plan(struct mea_device *d, const struct mea_plan *p, const struct mea_qnet *n,
	     int8_t **values, uint32_t *record);

#endif
