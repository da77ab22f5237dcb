/* SPDX-License-Identifier: Apache-2.0 */
/* The link of cosim_guest.h that User-Mode Linux has: vhost-user and two virtqueues. */
#ifndef MEA_TEST_COSIM_VHOST_H
#define MEA_TEST_COSIM_VHOST_H

#include <linux/virtio_ring.h>
#include <poll.h>
#include <sys/eventfd.h>

#include "cosim_guest.h"

#define LINK_OPTIONS NULL

#define GUEST_NUM    16u

static struct {
	int kick[2], call[2][2];
	uint16_t avail[2], used[2];
} rings;

static struct vring_desc *ring_desc(int q)
{
	return (void *)(g.mem + 0x2000 * q);
}

static struct vring_avail *ring_avail(int q)
{
	return (void *)(g.mem + 0x2000 * q + 0x800);
}

static struct vring_used *ring_used(int q)
{
	return (void *)(g.mem + 0x2000 * q + 0x1000);
}

/* Sends a vhost-user message that asks for an answer, and returns the answer. */
static inline uint64_t guest_message(uint32_t request, const void *payload, uint32_t size, int fd)
{
	uint32_t head[3] = {request, 1 | 8, size}, answer[5] = {0};
	struct iovec iov[2] = {{head, sizeof(head)}, {(void *)(uintptr_t)payload, size}};
	union {
		struct cmsghdr align;
		char space[CMSG_SPACE(sizeof(int))];
	} control = {0};
	struct msghdr m = {.msg_iov = iov, .msg_iovlen = 2};
	uint64_t value = ~0ull;

	if (fd >= 0) {
		m.msg_control = &control;
		m.msg_controllen = sizeof(control);
		CMSG_FIRSTHDR(&m)->cmsg_level = SOL_SOCKET;
		CMSG_FIRSTHDR(&m)->cmsg_type = SCM_RIGHTS;
		CMSG_FIRSTHDR(&m)->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(CMSG_FIRSTHDR(&m)), &fd, sizeof(fd));
	}
	if (sendmsg(g.sock, &m, MSG_NOSIGNAL) < 0 ||
	    recv(g.sock, answer, sizeof(answer), MSG_WAITALL) != sizeof(answer))
		return value;
	memcpy(&value, answer + 3, sizeof(value));
	return value;
}

/* False when the other side takes too long, or is gone. */
static inline bool wait_used(int q)
{
	char nothing;

	for (int ms = 0; ms < WAIT_MS * 10; ms++) {
		if (__atomic_load_n(&ring_used(q)->idx, __ATOMIC_ACQUIRE) != rings.used[q]) {
			rings.used[q]++;
			return true;
		}
		if (recv(g.sock, &nothing, 1, MSG_DONTWAIT | MSG_PEEK) == 0)
			return false;
		if (ms > 10)
			usleep(100);
	}
	return false;
}

static inline void make_available(int q, uint16_t head)
{
	const uint64_t one = 1;

	ring_avail(q)->ring[rings.avail[q] % GUEST_NUM] = head;
	__atomic_store_n(&ring_avail(q)->idx, ++rings.avail[q], __ATOMIC_RELEASE);
	if (write(rings.kick[q], &one, sizeof(one)) < 0)
		abort();
}

static bool guest_request(uint8_t op, uint64_t addr, const void *out, uint32_t size, void *in)
{
	struct virtio_pcidev_msg m = {.op = op, .addr = addr, .size = size};
	uint8_t *buf = g.mem + 0x8000;

	memcpy(buf, &m, sizeof(m));
	if (out)
		memcpy(buf + sizeof(m), out, size);
	ring_desc(0)[0] = (struct vring_desc){.addr = GUEST_BASE + 0x8000,
					      .len = sizeof(m) + (out ? size : 0),
					      .flags = in ? VRING_DESC_F_NEXT : 0,
					      .next = 1};
	ring_desc(0)[1] = (struct vring_desc){
		.addr = GUEST_BASE + 0xc000, .len = size, .flags = VRING_DESC_F_WRITE};
	make_available(0, 0);
	if (!wait_used(0))
		return false;
	if (in)
		memcpy(in, g.mem + 0xc000, size);
	return true;
}

/* Gives the buffer back. */
static int guest_irq(int ms)
{
	struct pollfd p = {.fd = rings.call[1][0], .events = POLLIN};
	struct virtio_pcidev_msg m;
	uint64_t count;
	uint16_t head, data;

	if (__atomic_load_n(&ring_used(1)->idx, __ATOMIC_ACQUIRE) == rings.used[1] &&
	    poll(&p, 1, ms) <= 0)
		return -1;
	if (poll(&p, 1, ms) > 0 && read(p.fd, &count, sizeof(count)) < 0)
		return -1;
	if (ring_used(1)->idx == rings.used[1])
		return -1;
	head = (uint16_t)ring_used(1)->ring[rings.used[1]++ % GUEST_NUM].id;
	memcpy(&m, g.mem + 0x9000 + head * 32, sizeof(m));
	memcpy(&data, g.mem + 0x9000 + head * 32 + sizeof(m), sizeof(data));
	make_available(1, head);
	return m.op == VIRTIO_PCIDEV_OP_MSI && m.size == 2 && m.addr == 0xa0000 ? data : -2;
}

static inline void set_up_queue(uint32_t q)
{
	uint32_t state[2] = {q, GUEST_NUM};
	struct {
		uint32_t index, flags;
		uint64_t desc, used, avail, log;
	} a = {q, 0, GUEST_BASE + 0x2000 * q, 0, 0, ~0ull};
	uint64_t index = q;

	a.avail = a.desc + 0x800;
	a.used = a.desc + 0x1000;
	rings.kick[q] = eventfd(0, EFD_CLOEXEC);
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, rings.call[q]))
		abort();
	guest_message(13, &index, 8, rings.call[q][1]);
	guest_message(8, state, 8, -1);
	state[1] = 0;
	guest_message(10, state, 8, -1);
	guest_message(9, &a, sizeof(a), -1);
	guest_message(12, &index, 8, rings.kick[q]);
	state[1] = 1;
	guest_message(18, state, 8, -1);
}

static int link_up(void)
{
	struct {
		uint32_t num, padding;
		uint64_t addr, size, user_addr, offset;
	} table = {1, 0, GUEST_BASE, GUEST_SIZE, GUEST_BASE, 0};
	uint64_t protocol = 1 << 3 | 1 << 5;
	uint64_t features = 1ull << 32 | 1 << 30;

	memset(&rings, 0, sizeof(rings));
	guest_message(3, NULL, 0, -1);
	if ((guest_message(1, NULL, 0, -1) & features) != features ||
	    guest_message(15, NULL, 0, -1) != protocol || guest_message(16, &protocol, 8, -1) ||
	    guest_message(2, &features, 8, -1) || guest_message(5, &table, sizeof(table), g.memfd))
		return -1;
	set_up_queue(0);
	set_up_queue(1);
	for (uint16_t i = 0; i < 10; i++) {
		ring_desc(1)[i] = (struct vring_desc){.addr = GUEST_BASE + 0x9000 + i * 32,
						      .len = 20,
						      .flags = VRING_DESC_F_WRITE};
		make_available(1, i);
	}
	return 0;
}

static void link_down(void)
{
	for (int q = 0; q < 2; q++) {
		close(rings.kick[q]);
		close(rings.call[q][0]);
		close(rings.call[q][1]);
	}
}

#endif
