/* SPDX-License-Identifier: Apache-2.0 */
/* What `mea top` finds in /proc. */
#ifndef MEA_TOOL_TOP_H
#define MEA_TOOL_TOP_H

#include <stdbool.h>
#include <stdint.h>

#include "mea.h"

/* A session of libmea (its counters) or an open file of the driver (its fdinfo). */
struct client {
	int pid;
	char command[32];
	bool driver;
	char name[64]; /* the bundle, or the device's node */
	uint64_t id;   /* of the session's memory, or the driver's client */
	uint64_t images[MEA_EXITS], failed, macs, cycles, bytes_up, bytes_down;
	uint64_t busy_ns, jobs, memory, max_hz; /* of the driver; max_hz 0: not known */
};

/* Everything that this user may see; *list is the caller's to free. Returns how many, or a
 * negative error. */
int top_scan(const char *procfs, struct client **list);

#endif
