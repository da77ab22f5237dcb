/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What follows "sim:" in a device's name: "CONFIG,latency=N,stall=PERCENT,seed=N,trace=FILE" and,
 * to break the device from job N on, "fault=N", "hang=N" or "vanish=N".
 */
#ifndef MEA_SIM_SPEC_H
#define MEA_SIM_SPEC_H

#include "sim/mea_sim.h"

/* How the device breaks: slots close, jobs never start, the device goes. */
enum mea_sim_fate { MEA_SIM_FINE, MEA_SIM_FAULT, MEA_SIM_HANG, MEA_SIM_VANISH, MEA_SIM_FATES };

struct mea_sim_spec {
	const char *config;
	struct mea_sim_options opt;
	enum mea_sim_fate fate;
	uint64_t fate_at; /* the job, from 1 */
};

/* Reads text, which it changes and to which *out points; what is left out stays as it is there.
 * MEA_EINVAL names the option. */
int mea_sim_spec_parse(char *text, struct mea_sim_spec *out);

#endif
