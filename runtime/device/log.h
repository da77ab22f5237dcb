/* SPDX-License-Identifier: Apache-2.0 */
/* What the engines of a simulated device did in its last job. */
#ifndef MEA_DEVICE_LOG_H
#define MEA_DEVICE_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MEA_QUEUES 4 /* load, compute, store, depthwise */

/* A command; cycles are of the job, from 0. */
struct mea_log_command {
	uint32_t queue, index; /* index: in the job */
	uint32_t begin, end;   /* taken by its engine; complete. end 0: never */
	/* Cycles in which the depthwise unit's multipliers worked, since its command before. */
	uint32_t dw_cycles;
};

/* From begin on, cycles belong to a class, as COUNTER in isa.def numbers them. */
struct mea_log_spell {
	uint32_t class, begin;
};

/* A zeroed one is a valid start. */
struct mea_device_log {
	struct mea_log_command *command; /* in the order of begin; owned */
	struct mea_log_spell *spell;	 /* owned */
	size_t n_commands, n_spells;
	bool incomplete;	 /* memory ran out */
	size_t next[MEA_QUEUES]; /* of each queue, where to look for the one that ends next */
	uint32_t dw_cycles;	 /* until the last depthwise command's end */
};

/* What mea_sim_engines() calls, with the log as arg. */
struct mea_sim_notice;
void mea_device_log_take(void *log, const struct mea_sim_notice *n);

/* Frees what the log holds. */
void mea_device_log_free(struct mea_device_log *log);

#endif
