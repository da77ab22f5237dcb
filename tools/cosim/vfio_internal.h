/* SPDX-License-Identifier: Apache-2.0 */
/* Shared by vfio.c (what the messages do) and vfio_socket.c only. */
#ifndef MEA_COSIM_VFIO_INTERNAL_H
#define MEA_COSIM_VFIO_INTERNAL_H

#include "link.h"
#include "vfio_dma.h"

#define DATA_MAX 4096u /* bytes of an access */
#define BODY_MAX (DATA_MAX + 16)
#define FDS_MAX	 8

struct vfio_header {
	uint16_t id, command;
	uint32_t size, flags, error;
};

union vfio_body {
	uint8_t bytes[BODY_MAX];
	struct {
		uint16_t major, minor;
		char capabilities[BODY_MAX - 4];
	} version;
	struct {
		uint32_t argsz, flags;
		uint64_t offset, addr, size;
	} map;
	struct {
		uint32_t argsz, flags;
		uint64_t addr, size;
	} unmap;
	struct {
		uint32_t argsz, flags, regions, irqs;
	} info;
	struct {
		uint32_t argsz, flags, index, cap;
		uint64_t size, offset;
	} region;
	struct {
		uint32_t argsz, flags, index, count;
	} irq;
	struct {
		uint32_t argsz, flags, index, start, count;
	} set;
	struct {
		uint64_t offset;
		uint32_t region, count;
		uint8_t data[DATA_MAX];
	} access;
};

struct vfio {
	int socket, msi; /* msi: its eventfd, or -1 */
	bool gone;
	struct pci *pci;
	struct vfio_dma dma;
	/* The message in work. */
	struct vfio_header h;
	union vfio_body b;
	size_t size; /* of the body; of the answer's once it was handled */
	int fds[FDS_MAX], n_fds;
};

/* Limits how long the socket may stall. */
void vfio_socket_init(struct vfio *v);

/* Receives one message, whose descriptors come with its first byte; the process ends for
 * one that makes no sense or stops in between. False: the peer is gone. */
bool vfio_receive(struct vfio *v);

/* Answers the message with v->size bytes of v->b or, unless it is 0, an error number. */
void vfio_reply(struct vfio *v, int error);

#endif
