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

int mea_depend(struct depend *d, struct queues *qs, int queue, int item, int64_t base, int64_t size,
	       bool write)
{
	int kept = 0, rc;

	if (size <= 0)
		return 0;
	for (int i = 0; i < d->n; i++) {
		const struct access *a = &d->access[i];

		if (overlap(a, base, size) && (write || a->write)) {
			if (a->queue != queue)
				mea_queue_sync(qs, a->queue, a->item, queue, item);
			else if (queue == Q_DEPTHWISE && a->write && !write)
				mea_put(qs->q[queue].item[item].cmd, MEA_F_CONV_GAP, 1);
		}
		/* Whoever conflicts with what is covered conflicts with this item, which
		 * completes later. */
		if (covered(a, base, size) && (write || (a->queue == queue && !a->write)))
			continue;
		d->access[kept++] = *a;
	}
	d->n = kept;
	rc = mea_grow(&d->access, (size_t)d->n, 1, sizeof(*d->access));
	if (rc)
		return rc;
	d->access[d->n++] = (struct access){queue, item, base, size, write};
	return 0;
}

void mea_depend_free(struct depend *d)
{
	free(d->access);
}
