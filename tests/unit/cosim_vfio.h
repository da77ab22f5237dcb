/* SPDX-License-Identifier: Apache-2.0 */
/* The link of cosim_guest.h that QEMU has: vfio-user, an eventfd as MSI, memory in a file. */
#ifndef MEA_TEST_COSIM_VFIO_H
#define MEA_TEST_COSIM_VFIO_H

#include <linux/vfio.h>
#include <poll.h>
#include <sys/eventfd.h>

#include "cosim_guest.h"

#define LINK_OPTIONS ((const char *const[]){"--vfio-user", NULL})

enum {
	VERSION = 1,
	DMA_MAP,
	DMA_UNMAP,
	GET_INFO,
	REGION_INFO,
	IRQ_INFO = 7,
	SET_IRQS,
	READ,
	WRITE
};
#define DEVICE_RESET 13
#define PAGE	     4096u

static int msi = -1;

/*
 * Sends a message, with a descriptor unless fd is -1; its answer's body replaces body, which
 * has room for size bytes. Returns the answer's error number, or -1 for none.
 */
static inline int vfio_message(uint16_t command, void *body, uint32_t size, int fd)
{
	struct {
		uint16_t id, command;
		uint32_t size, flags, error;
	} h = {7, command, (uint32_t)sizeof(h) + size, 0, 0}, answer;
	struct iovec iov[2] = {{&h, sizeof(h)}, {body, size}};
	union {
		struct cmsghdr align;
		char space[CMSG_SPACE(sizeof(int))];
	} control = {0};
	struct msghdr m = {.msg_iov = iov, .msg_iovlen = 2};
	char rest[512];

	if (fd >= 0) {
		m.msg_control = &control;
		m.msg_controllen = sizeof(control);
		CMSG_FIRSTHDR(&m)->cmsg_level = SOL_SOCKET;
		CMSG_FIRSTHDR(&m)->cmsg_type = SCM_RIGHTS;
		CMSG_FIRSTHDR(&m)->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(CMSG_FIRSTHDR(&m)), &fd, sizeof(fd));
	}
	if (sendmsg(g.sock, &m, MSG_NOSIGNAL) < 0 ||
	    recv(g.sock, &answer, sizeof(answer), MSG_WAITALL) != sizeof(answer) ||
	    answer.id != 7 || answer.command != command || !(answer.flags & 1))
		return -1;
	answer.size -= (uint32_t)sizeof(answer);
	/* (To receive nothing would wait for something.) */
	if (answer.size > sizeof(rest) ||
	    (answer.size && recv(g.sock, rest, answer.size, MSG_WAITALL) != answer.size))
		return -1;
	memcpy(body, rest, answer.size < size ? answer.size : size);
	return (int)answer.error;
}

/* Maps or unmaps: the error number of the answer. */
static inline int dma_map(uint64_t offset, uint64_t addr, uint64_t size, uint32_t flags)
{
	struct {
		uint32_t argsz, flags;
		uint64_t offset, addr, size;
	} map = {sizeof(map), flags, offset, addr, size};

	return vfio_message(DMA_MAP, &map, sizeof(map), g.memfd);
}

static inline int dma_unmap(uint64_t addr, uint64_t size, uint32_t flags)
{
	struct {
		uint32_t argsz, flags;
		uint64_t addr, size;
	} unmap = {sizeof(unmap), flags, addr, size};

	return vfio_message(DMA_UNMAP, &unmap, sizeof(unmap), -1);
}

static inline int set_irqs(uint32_t index, uint32_t flags, uint32_t count, int fd)
{
	uint32_t set[5] = {sizeof(set), flags, index, 0, count};

	return vfio_message(SET_IRQS, set, sizeof(set), fd);
}

/* An access to a region; its error number, -1 for no answer. */
static inline int region(bool write, uint32_t index, uint64_t offset, void *data, uint32_t count)
{
	struct {
		uint64_t offset;
		uint32_t region, count;
		uint8_t data[256];
	} a = {offset, index, count, {0}};
	int rc;

	if (write)
		memcpy(a.data, data, count);
	rc = vfio_message(write ? WRITE : READ, &a, 16 + count, -1);
	if (!rc && !write)
		memcpy(data, a.data, count);
	return rc;
}

static bool guest_request(uint8_t op, uint64_t addr, const void *out, uint32_t size, void *in)
{
	bool config = op == VIRTIO_PCIDEV_OP_CFG_READ || op == VIRTIO_PCIDEV_OP_CFG_WRITE;
	uint32_t index = config ? VFIO_PCI_CONFIG_REGION_INDEX : VFIO_PCI_BAR0_REGION_INDEX;
	uint8_t data[256];
	int rc;

	if (out)
		memcpy(data, out, size);
	rc = region(out != NULL, index, addr, data, size);
	if (in)
		/* A client asks for nothing beyond a region; the bus would give these. */
		memset(in, config ? 0 : 0xff, size);
	if (in && !rc)
		memcpy(in, data, size);
	return rc >= 0;
}

static int guest_irq(int ms)
{
	struct pollfd p = {.fd = msi, .events = POLLIN};
	uint64_t count;

	if (poll(&p, 1, ms) <= 0 || read(msi, &count, sizeof(count)) != sizeof(count))
		return -1;
	return MSI_DATA;
}

static int link_up(void)
{
	char version[] = "\0\0\1\0{\"capabilities\":{}}";

	/* Each read takes one of several messages. */
	msi = eventfd(0, EFD_CLOEXEC | EFD_SEMAPHORE);
	return vfio_message(VERSION, version, sizeof(version), -1) ||
	       dma_map(0, GUEST_BASE, GUEST_SIZE,
		       VFIO_DMA_MAP_FLAG_READ | VFIO_DMA_MAP_FLAG_WRITE) ||
	       set_irqs(VFIO_PCI_MSI_IRQ_INDEX,
			VFIO_IRQ_SET_DATA_EVENTFD | VFIO_IRQ_SET_ACTION_TRIGGER, 1, msi);
}

static void link_down(void)
{
	close(msi);
}

#endif
