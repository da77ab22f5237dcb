// SPDX-License-Identifier: Apache-2.0
/* The messages of vfio-user as bytes and descriptors. */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "cosim.h"
#include "vfio_internal.h"

#define TYPE_MASK     0xfu
#define FLAG_REPLY    1u
#define FLAG_NO_REPLY 0x10u
#define FLAG_ERROR    0x20u
#define STALL_S	      10 /* for the rest of a message, and for room for an answer */

void vfio_socket_init(struct vfio *v)
{
	const struct timeval stall = {.tv_sec = STALL_S};

	if (setsockopt(v->socket, SOL_SOCKET, SO_RCVTIMEO, &stall, sizeof(stall)) ||
	    setsockopt(v->socket, SOL_SOCKET, SO_SNDTIMEO, &stall, sizeof(stall)))
		cosim_die("vfio-user: %s", strerror(errno));
}

static void receive_rest(struct vfio *v, void *to, size_t size)
{
	for (char *p = to; size;) {
		ssize_t n = read(v->socket, p, size);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			cosim_die("vfio-user: message %u ends early: %s", v->h.command,
				  n ? strerror(errno) : "end of file");
		p += n, size -= (size_t)n;
	}
}

bool vfio_receive(struct vfio *v)
{
	union {
		struct cmsghdr align;
		char space[CMSG_SPACE(sizeof(v->fds))];
	} control;
	struct iovec iov = {&v->h, sizeof(v->h)};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control};
	ssize_t n;

	msg.msg_controllen = sizeof(control);
	do
		n = recvmsg(v->socket, &msg, MSG_CMSG_CLOEXEC);
	while (n < 0 && errno == EINTR);
	if (n <= 0)
		return false;
	v->n_fds = 0;
	for (struct cmsghdr *c = CMSG_FIRSTHDR(&msg); c; c = CMSG_NXTHDR(&msg, c)) {
		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		v->n_fds = (int)((c->cmsg_len - CMSG_LEN(0)) / sizeof(int));
		memcpy(v->fds, CMSG_DATA(c), (size_t)v->n_fds * sizeof(int));
	}
	receive_rest(v, (char *)&v->h + n, sizeof(v->h) - (size_t)n);
	if (v->h.flags & TYPE_MASK || v->h.size < sizeof(v->h) ||
	    v->h.size - sizeof(v->h) > sizeof(v->b))
		cosim_die("vfio-user: message %u of %u bytes, flags 0x%x: not understood",
			  v->h.command, v->h.size, v->h.flags);
	memset(&v->b, 0, sizeof(v->b));
	v->size = v->h.size - sizeof(v->h);
	receive_rest(v, &v->b, v->size);
	return true;
}

void vfio_reply(struct vfio *v, int error)
{
	struct vfio_header h = {.id = v->h.id, .command = v->h.command, .flags = FLAG_REPLY};
	struct iovec iov[2] = {{&h, sizeof(h)}, {&v->b, error ? 0 : v->size}};
	struct msghdr msg = {.msg_iov = iov, .msg_iovlen = 2};
	ssize_t n;

	if (v->h.flags & FLAG_NO_REPLY)
		return;
	h.size = (uint32_t)(sizeof(h) + iov[1].iov_len);
	h.flags |= error ? FLAG_ERROR : 0;
	h.error = (uint32_t)error;
	n = sendmsg(v->socket, &msg, MSG_NOSIGNAL);
	/* A peer that is gone shows at the next read. */
	if (n != (ssize_t)h.size && (n >= 0 || (errno != EPIPE && errno != ECONNRESET)))
		cosim_die("vfio-user: the peer takes no answers: %s",
			  n < 0 ? strerror(errno) : "socket full");
}
