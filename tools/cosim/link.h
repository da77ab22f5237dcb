/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What connects the PCI function to its guest: vhost-user for User-Mode Linux (uml.c),
 * vfio-user for QEMU (vfio.c).
 */
#ifndef MEA_COSIM_LINK_H
#define MEA_COSIM_LINK_H

#include <stdbool.h>

#include "pci.h"

#define LINK_FDS 4

struct link {
	/* Takes the connected socket, and sets p->message and p->link. Never NULL: the
	 * process ends instead. */
	void *(*open)(int socket, struct pci *p);
	void (*close)(void *link);
	/* At most LINK_FDS descriptors to poll for reading, returns how many. */
	int (*fds)(const void *link, int *fds);
	/* Answers all that waits, without sleeping; returns how many. */
	int (*serve)(void *link);
	/* Whether a descriptor must show what comes: true before a sleep. */
	void (*want_wake)(void *link, bool want);
	/* Handles what woke the process; ready: the first descriptor, the socket, has
	 * something. False: the guest is gone. */
	bool (*woken)(void *link, bool ready);
};

extern const struct link uml_link, vfio_link;

#endif
