/* SPDX-License-Identifier: Apache-2.0 */
/* The side channel: lines that plant faults and ask for counters; README.md lists them. */
#ifndef MEA_COSIM_COMMAND_H
#define MEA_COSIM_COMMAND_H

#include <stddef.h>

#include "device.h"

/* Runs one line; reply gets one line without its end: "ok", "ok ..." or "error: ...". */
void command_run(struct device *d, const char *line, char *reply, size_t size);

#endif
