/* SPDX-License-Identifier: Apache-2.0 */
/* Shared by vhost.c (queues) and vhost_msg.c (messages) only. */
#ifndef MEA_COSIM_VHOST_INTERNAL_H
#define MEA_COSIM_VHOST_INTERNAL_H

#include "vhost.h"

struct vring_desc;
struct vring_avail;
struct vring_used;

struct region {
	uint64_t addr, size;
	uint8_t *host;
};

struct queue {
	unsigned num;
	uint16_t next_avail;
	struct vring_desc *desc;
	struct vring_avail *avail;
	struct vring_used *used;
	int kick, call;
	bool enabled;
	unsigned untold; /* given back since the last call */
	bool owed;	 /* a call in band */
};

struct vhost {
	int socket, backend_fd;
	const struct vhost_ops *ops;
	void *arg;
	struct region region[VHOST_REGIONS];
	int n_regions;
	struct queue queue[VHOST_QUEUES];
	bool quiet; /* the guest was asked not to kick */
	/* Handles what the guest sends elsewhere; set where kicks and calls are messages. */
	bool (*meanwhile)(void *arg, int fd);
};

void *vhost_host(struct vhost *v, uint64_t addr, uint64_t size);
void vhost_drop_memory(struct vhost *v);
/* Calls queue i by a message, and waits until the guest has taken it. */
void vhost_call_in_band(struct vhost *v, int i);

#endif
