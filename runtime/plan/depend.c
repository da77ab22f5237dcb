// SPDX-License-Identifier: Apache-2.0
/*
 * Who must wait for whom: each item says which words of a memory it reads or
 * writes, and waits for the items of other queues that conflict. Items of one queue
 * complete in order and need no token; a compute command that reads what its
 * predecessor writes has its GAP, a depthwise one its flag.
 */
#include "plan/internal.h"

#include <stdlib.h>

#include "base/array.h"
#include "base/error.h"

static bool overlap(const struct access *a, int64_t base, int64_t size)
{
	return a->base < base + size && base < a->base + a->size;
}

static bool covered(const struct access *a, int64_t base, int64_t size)
{
	return a->base >= base && a->base + a->size <= base + size;
}

/* As mea_depend(), within one region. */
static int depend_region(struct depend *all, struct queues *qs, const struct access *item)
{
	int64_t base = item->base, size = item->size, region = base / all->region;
	int queue = item->queue, kept = 0, n = all->list[region % DEPEND_LISTS].n, rc;
	struct access **list = &all->list[region % DEPEND_LISTS].access;

	for (int i = 0; i < n; i++) {
		const struct access *a = &(*list)[i];

		if (overlap(a, base, size) && (item->write || a->write)) {
			if (a->queue != queue)
				mea_queue_sync(qs, a->queue, a->item, queue, item->item);
			else if (queue == Q_DEPTHWISE && a->write && !item->write)
				mea_put(qs->q[queue].item[item->item].cmd, MEA_F_CONV_GAP, 1);
		}
		/* Whoever conflicts with what is covered conflicts with this item, which
		 * completes later. */
		if (covered(a, base, size) && (item->write || (a->queue == queue && !a->write)))
			continue;
		(*list)[kept++] = *a;
	}
	all->list[region % DEPEND_LISTS].n = kept;
	rc = mea_grow(list, (size_t)kept, 1, sizeof(**list));
	if (rc)
		return rc;
	(*list)[all->list[region % DEPEND_LISTS].n++] = *item;
	return 0;
}

int mea_depend(struct depend *d, struct queues *qs, int queue, int item, int64_t base, int64_t size,
	       bool write)
{
	int64_t end = base + size;
	int rc = 0;

	while (rc == 0 && base < end) {
		int64_t next = (base / d->region + 1) * d->region;
		struct access a = {queue, item, base, (next < end ? next : end) - base, write};

		rc = depend_region(d, qs, &a);
		base = next;
	}
	return rc;
}

void mea_depend_free(struct depend *d)
{
	for (int i = 0; i < DEPEND_LISTS; i++)
		free(d->list[i].access);
}
