// SPDX-License-Identifier: Apache-2.0
/* Memory and queues; the messages that set them up are in vhost_msg.c. */
#include "vhost_internal.h"

#include <errno.h>
#include <linux/virtio_ring.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "cosim.h"

struct vhost *vhost_new(int socket, const struct vhost_ops *ops, void *arg)
{
	struct vhost *v = calloc(1, sizeof(*v));

	if (!v)
		cosim_die("out of memory");
	v->socket = socket;
	v->backend_fd = -1;
	v->ops = ops;
	v->arg = arg;
	for (int i = 0; i < VHOST_QUEUES; i++)
		v->queue[i].kick = v->queue[i].call = -1;
	return v;
}

void vhost_drop_memory(struct vhost *v)
{
	for (int i = 0; i < v->n_regions; i++) {
		v->ops->memory(v->arg, v->region[i].addr, NULL, v->region[i].size);
		munmap(v->region[i].host, v->region[i].size);
	}
	v->n_regions = 0;
	for (int i = 0; i < VHOST_QUEUES; i++) {
		v->queue[i].desc = NULL;
		v->queue[i].avail = NULL;
		v->queue[i].used = NULL;
	}
	v->quiet = false;
}

void vhost_free(struct vhost *v)
{
	if (!v)
		return;
	vhost_drop_memory(v);
	for (int i = 0; i < VHOST_QUEUES; i++) {
		if (v->queue[i].kick >= 0)
			close(v->queue[i].kick);
		if (v->queue[i].call >= 0)
			close(v->queue[i].call);
	}
	if (v->backend_fd >= 0)
		close(v->backend_fd);
	close(v->socket);
	free(v);
}

int vhost_fds(const struct vhost *v, int fds[VHOST_FDS])
{
	fds[0] = v->socket;
	for (int i = 0; i < VHOST_QUEUES; i++)
		fds[1 + i] = v->queue[i].kick;
	return VHOST_FDS;
}

/* The host's view of guest memory. A queue that points elsewhere is the guest
 * kernel's bug, or its memory is damaged: nothing sensible can follow. */
void *vhost_host(struct vhost *v, uint64_t addr, uint64_t size)
{
	for (int i = 0; i < v->n_regions; i++) {
		const struct region *r = &v->region[i];

		if (addr >= r->addr && size <= r->size && addr - r->addr <= r->size - size)
			return r->host + (addr - r->addr);
	}
	cosim_abort("virtqueue: %llu bytes at 0x%llx are not in the guest's shared memory",
		    (unsigned long long)size, (unsigned long long)addr);
}

/* --- queues ------------------------------------------------------------------ */

static bool ready(const struct queue *q)
{
	return q->enabled && q->avail;
}

static bool waiting(const struct queue *q)
{
	return ready(q) && __atomic_load_n(&q->avail->idx, __ATOMIC_ACQUIRE) != q->next_avail;
}

/* One chain: what the guest sends, copied together, and the one buffer it lends. */
struct chain {
	uint16_t head;
	uint8_t out[VHOST_REQUEST_MAX];
	size_t out_size;
	uint8_t *in;
	size_t in_size;
};

static void take(struct vhost *v, struct queue *q, struct chain *c)
{
	unsigned index = q->avail->ring[q->next_avail % q->num], links = 0;

	c->head = (uint16_t)index;
	c->out_size = c->in_size = 0;
	c->in = NULL;
	q->next_avail++;
	for (;;) {
		const struct vring_desc *d;

		if (index >= q->num || ++links > q->num)
			cosim_abort("virtqueue: descriptor %u of %u, link %u", index, q->num,
				    links);
		d = &q->desc[index];
		if (d->flags & VRING_DESC_F_INDIRECT)
			cosim_abort("virtqueue: indirect descriptor, which was not offered");
		if (d->flags & VRING_DESC_F_WRITE) {
			if (c->in)
				cosim_abort("virtqueue: two buffers to write in one request");
			c->in = vhost_host(v, d->addr, d->len);
			c->in_size = d->len;
		} else {
			if (d->len > sizeof(c->out) - c->out_size)
				cosim_abort("virtqueue: request of over %zu bytes", sizeof(c->out));
			memcpy(c->out + c->out_size, vhost_host(v, d->addr, d->len), d->len);
			c->out_size += d->len;
		}
		if (!(d->flags & VRING_DESC_F_NEXT))
			return;
		index = d->next;
	}
}

static void give_back(struct queue *q, uint16_t head, size_t written)
{
	struct vring_used_elem *e = &q->used->ring[q->used->idx % q->num];

	e->id = head;
	e->len = (uint32_t)written;
	__atomic_store_n(&q->used->idx, (uint16_t)(q->used->idx + 1), __ATOMIC_RELEASE);
	q->untold++;
}

/* An unread pipe that is full already says what one more call would. */
static void call(struct queue *q)
{
	const uint64_t one = 1;

	q->untold = 0;
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (q->avail->flags & VRING_AVAIL_F_NO_INTERRUPT)
		return;
	q->owed = q->call < 0;
	if (!q->owed && write(q->call, &one, sizeof(one)) < 0 && errno != EAGAIN && errno != EPIPE)
		cosim_note("call: %s", strerror(errno));
}

void vhost_in_band(struct vhost *v, bool (*meanwhile)(void *arg, int fd))
{
	v->meanwhile = meanwhile;
}

bool vhost_owes(const struct vhost *v)
{
	return v->queue[0].owed || v->queue[1].owed;
}

void vhost_deliver(struct vhost *v)
{
	for (int i = 0; i < VHOST_QUEUES; i++)
		if (v->queue[i].owed) {
			v->queue[i].owed = false;
			vhost_call_in_band(v, i);
		}
}

int vhost_serve(struct vhost *v)
{
	struct queue *q = &v->queue[0];
	static struct chain c;
	int n = 0;

	while (waiting(q)) {
		size_t size;

		take(v, q, &c);
		size = v->ops->request(v->arg, c.out, c.out_size, c.in, c.in_size);
		give_back(q, c.head, size);
		/* Who reads a register sleeps, where time is the host's. */
		if (c.in && !v->meanwhile)
			call(q);
		n++;
	}
	return n;
}

bool vhost_event(struct vhost *v, const void *data, size_t size)
{
	struct queue *q = &v->queue[1];
	static struct chain c;

	if (!waiting(q))
		return false;
	take(v, q, &c);
	if (c.in_size < size)
		cosim_abort("virtqueue: interrupt buffer of %zu bytes", c.in_size);
	memcpy(c.in, data, size);
	give_back(q, c.head, size);
	call(q);
	return true;
}

void vhost_want_kick(struct vhost *v, bool want)
{
	struct queue *q = &v->queue[0];

	if (!ready(q) || v->quiet == !want)
		return;
	v->quiet = !want;
	__atomic_store_n(&q->used->flags, want ? 0 : VRING_USED_F_NO_NOTIFY, __ATOMIC_SEQ_CST);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
}

void vhost_kicked(struct vhost *v)
{
	for (int i = 0; i < VHOST_QUEUES; i++) {
		struct pollfd p = {.fd = v->queue[i].kick, .events = POLLIN};
		uint64_t count;

		if (p.fd >= 0 && poll(&p, 1, 0) > 0 && read(p.fd, &count, sizeof(count)) < 0)
			cosim_note("kick: %s", strerror(errno));
	}
}

unsigned vhost_untold(const struct vhost *v)
{
	return v->queue[0].untold;
}

void vhost_tell(struct vhost *v)
{
	if (v->queue[0].untold && ready(&v->queue[0]))
		call(&v->queue[0]);
}
