/* SPDX-License-Identifier: Apache-2.0 */
/* The loop that clocks the device, and serves the guest and the side channel. */
#ifndef MEA_COSIM_LOOP_H
#define MEA_COSIM_LOOP_H

#include <stddef.h>

#include "link.h"

#define LOOP_CLIENTS 8 /* of the side channel */

/* The side channel's sockets. */
struct side {
	int listener;
	struct client {
		int fd;
		char line[256];
		size_t len;
	} client[LOOP_CLIENTS];
	int n;
};

struct cosim {
	struct device dev;
	struct pci pci;
	struct side side;
	const struct link *link;
	void *guest; /* of link */
};

/* Returns when the guest is gone. */
void loop_run(struct cosim *c);

#endif
