// SPDX-License-Identifier: Apache-2.0
/*
 * The messages of vhost-user that User-Mode Linux sends, in the order of its
 * set-up: owner, features, protocol features, request channel, memory, and per
 * queue its size, place, and eventfds. Anything else is answered as an error.
 */
#include "vhost_internal.h"

#include <errno.h>
#include <linux/virtio_config.h>
#include <linux/virtio_ring.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "cosim.h"

enum {
	GET_FEATURES = 1,
	SET_FEATURES = 2,
	SET_OWNER = 3,
	SET_MEM_TABLE = 5,
	SET_VRING_NUM = 8,
	SET_VRING_ADDR = 9,
	SET_VRING_BASE = 10,
	SET_VRING_KICK = 12,
	SET_VRING_CALL = 13,
	GET_PROTOCOL_FEATURES = 15,
	SET_PROTOCOL_FEATURES = 16,
	SET_VRING_ENABLE = 18,
	SET_BACKEND_REQ_FD = 21,
	VRING_KICK = 35,
	BACKEND_VRING_CALL = 4, /* on the request channel */
};

#define PROTOCOL_VERSION 1u
#define FLAG_REPLY	 4u
#define FLAG_NEED_REPLY	 8u
#define FEATURES	 (1ull << VIRTIO_F_VERSION_1 | 1ull << 30) /* 30: protocol features */
/* REPLY_ACK, and the request channel: its end of file tells the guest that we are gone. */
#define PROTOCOL_FEATURES (1ull << 3 | 1ull << 5)
#define IN_BAND		  (1ull << 14)
#define QUEUE_MAX	  32768u
#define NO_FD		  0x100u

struct header {
	uint32_t request, flags, size;
};

union payload {
	uint64_t u64;
	struct {
		uint32_t index, num;
	} state;
	struct {
		uint32_t index, flags;
		uint64_t desc, used, avail, log;
	} addr;
	struct {
		uint32_t num, padding;
		struct {
			uint64_t addr, size, user_addr, mmap_offset;
		} region[VHOST_REGIONS];
	} memory;
};

struct message {
	struct header h;
	union payload p;
	int fds[VHOST_REGIONS];
	int n_fds;
};

/* --- the socket ---------------------------------------------------------------- */

static bool receive_rest(int fd, void *to, size_t size)
{
	for (char *p = to; size;) {
		ssize_t n = read(fd, p, size);

		if (n <= 0 && !(n < 0 && errno == EINTR))
			return false;
		if (n > 0)
			p += n, size -= (size_t)n;
	}
	return true;
}

/* The descriptors come with the first bytes. */
static bool receive(int fd, struct message *m)
{
	union {
		struct cmsghdr align;
		char space[CMSG_SPACE(sizeof(m->fds))];
	} control;
	struct iovec iov = {&m->h, sizeof(m->h)};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control};
	ssize_t n;

	memset(m, 0, sizeof(*m));
	msg.msg_controllen = sizeof(control);
	do
		n = recvmsg(fd, &msg, MSG_CMSG_CLOEXEC);
	while (n < 0 && errno == EINTR);
	if (n <= 0)
		return false;
	for (struct cmsghdr *c = CMSG_FIRSTHDR(&msg); c; c = CMSG_NXTHDR(&msg, c)) {
		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		m->n_fds = (int)((c->cmsg_len - CMSG_LEN(0)) / sizeof(int));
		memcpy(m->fds, CMSG_DATA(c), (size_t)m->n_fds * sizeof(int));
	}
	if (!receive_rest(fd, (char *)&m->h + n, sizeof(m->h) - (size_t)n))
		return false;
	if ((m->h.flags & 3) != PROTOCOL_VERSION || m->h.size > sizeof(m->p))
		cosim_die("vhost-user: message %u of %u bytes, flags 0x%x: not understood",
			  m->h.request, m->h.size, m->h.flags);
	return receive_rest(fd, &m->p, m->h.size);
}

static uint64_t protocol_features(const struct vhost *v)
{
	return PROTOCOL_FEATURES | (v->meanwhile ? IN_BAND : 0);
}

static void reply(struct vhost *v, const struct message *m, uint64_t value)
{
	struct {
		struct header h;
		uint32_t value[2]; /* behind twelve bytes, so not aligned to eight */
	} r = {{m->h.request, PROTOCOL_VERSION | FLAG_REPLY, sizeof(value)}, {0, 0}};

	memcpy(r.value, &value, sizeof(value));
	/* A guest that is gone shows at the next read. */
	if (send(v->socket, &r, sizeof(r), MSG_NOSIGNAL) != sizeof(r))
		cosim_note("vhost-user: reply: %s", strerror(errno));
}

/* --- what they do --------------------------------------------------------------- */

static bool set_memory(struct vhost *v, struct message *m)
{
	unsigned n = m->p.memory.num;

	if (n > VHOST_REGIONS || n != (unsigned)m->n_fds)
		return false;
	vhost_drop_memory(v);
	for (unsigned i = 0; i < n; i++) {
		struct region *r = &v->region[i];

		/* The guest's addresses of queues are looked up like any other. */
		if (m->p.memory.region[i].addr != m->p.memory.region[i].user_addr)
			return false;
		r->addr = m->p.memory.region[i].addr;
		r->size = m->p.memory.region[i].size;
		r->host = mmap(NULL, r->size, PROT_READ | PROT_WRITE, MAP_SHARED, m->fds[i],
			       (off_t)m->p.memory.region[i].mmap_offset);
		if (r->host == MAP_FAILED)
			cosim_die("guest memory: %s", strerror(errno));
		v->n_regions++;
		v->ops->memory(v->arg, r->addr, r->host, r->size);
	}
	return true;
}

static struct queue *queue_of(struct vhost *v, uint64_t index)
{
	return index < VHOST_QUEUES ? &v->queue[index] : NULL;
}

static bool set_num(struct queue *q, uint32_t num)
{
	if (!q || !num || num > QUEUE_MAX || (num & (num - 1)))
		return false;
	q->num = num;
	return true;
}

static bool set_addr(struct vhost *v, struct queue *q, const struct message *m)
{
	if (!q || !q->num)
		return false;
	q->desc = vhost_host(v, m->p.addr.desc, q->num * sizeof(*q->desc));
	q->used = vhost_host(v, m->p.addr.used, sizeof(*q->used) + q->num * sizeof(*q->used->ring));
	q->avail = vhost_host(v, m->p.addr.avail,
			      sizeof(*q->avail) + q->num * sizeof(*q->avail->ring));
	return true;
}

static bool set_fd(int *fd, struct message *m)
{
	if (m->p.u64 & NO_FD || m->n_fds != 1)
		return false;
	if (*fd >= 0)
		close(*fd);
	*fd = m->fds[0];
	m->n_fds = 0; /* taken */
	return true;
}

static bool handle(struct vhost *v, struct message *m)
{
	struct queue *by_state = queue_of(v, m->p.state.index);
	struct queue *by_u64 = queue_of(v, m->p.u64 & 0xff);

	switch (m->h.request) {
	case SET_OWNER:
		return true;
	case SET_FEATURES:
		return !(m->p.u64 & ~FEATURES);
	case SET_PROTOCOL_FEATURES:
		return !(m->p.u64 & ~protocol_features(v));
	case SET_BACKEND_REQ_FD:
		return set_fd(&v->backend_fd, m);
	case SET_MEM_TABLE:
		return set_memory(v, m);
	case SET_VRING_NUM:
		return set_num(by_state, m->p.state.num);
	case SET_VRING_BASE:
		if (by_state)
			by_state->next_avail = (uint16_t)m->p.state.num;
		return by_state != NULL;
	case SET_VRING_ADDR:
		return set_addr(v, by_state, m);
	case SET_VRING_KICK:
		return by_u64 && set_fd(&by_u64->kick, m);
	case SET_VRING_CALL:
		return by_u64 && set_fd(&by_u64->call, m);
	case SET_VRING_ENABLE:
		if (by_state)
			by_state->enabled = m->p.state.num != 0;
		return by_state != NULL;
	case VRING_KICK:
		vhost_serve(v);
		return by_state != NULL;
	default:
		return false;
	}
}

void vhost_call_in_band(struct vhost *v, int i)
{
	struct {
		struct header h;
		uint32_t index, num;
	} call = {{BACKEND_VRING_CALL, PROTOCOL_VERSION | FLAG_NEED_REPLY, 2 * sizeof(uint32_t)},
		  (uint32_t)i,
		  0};
	struct message answer;

	/* A guest that is gone shows at the next read of its socket. */
	if (v->backend_fd >= 0 &&
	    send(v->backend_fd, &call, sizeof(call), MSG_NOSIGNAL) == sizeof(call) &&
	    v->meanwhile(v->arg, v->backend_fd))
		receive(v->backend_fd, &answer);
}

bool vhost_message(struct vhost *v)
{
	struct message m;

	if (!receive(v->socket, &m))
		return false;
	if (m.h.request == GET_FEATURES) {
		reply(v, &m, FEATURES);
	} else if (m.h.request == GET_PROTOCOL_FEATURES) {
		reply(v, &m, protocol_features(v));
	} else {
		bool ok = handle(v, &m);

		if (!ok)
			cosim_note("vhost-user: message %u refused", m.h.request);
		if (m.h.flags & FLAG_NEED_REPLY)
			reply(v, &m, !ok);
	}
	for (int i = 0; i < m.n_fds; i++)
		close(m.fds[i]);
	return true;
}
