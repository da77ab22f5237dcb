// SPDX-License-Identifier: Apache-2.0
#include "publish.h"

#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

struct mea_published *mea_publish(const char *bundle, int *fd)
{
	struct mea_published *p = MAP_FAILED;

	*fd = memfd_create("mea-session", MFD_CLOEXEC);
	if (*fd >= 0 && !ftruncate(*fd, sizeof(*p)))
		p = mmap(NULL, sizeof(*p), PROT_READ | PROT_WRITE, MAP_SHARED, *fd, 0);
	if (p == MAP_FAILED) {
		if (*fd >= 0)
			close(*fd);
		return NULL;
	}
	snprintf(p->bundle, sizeof(p->bundle), "%s", bundle);
	p->magic = MEA_PUBLISHED_MAGIC;
	return p;
}

void mea_unpublish(struct mea_published *p, int fd)
{
	if (!p)
		return;
	munmap(p, sizeof(*p));
	close(fd);
}

void mea_publish_add(struct mea_published *p, const struct mea_result *r)
{
	if (!p)
		return;
	if (r->error) {
		atomic_fetch_add_explicit(&p->failed, 1, memory_order_relaxed);
		return;
	}
	atomic_fetch_add_explicit(&p->images[r->exit], 1, memory_order_relaxed);
	for (int i = 0; i < MEA_EXITS; i++) {
		const struct mea_cost *c = &r->cost[i];

		atomic_fetch_add_explicit(&p->macs, c->macs, memory_order_relaxed);
		atomic_fetch_add_explicit(&p->cycles, c->cycles, memory_order_relaxed);
		atomic_fetch_add_explicit(&p->bytes_up, c->bytes_up, memory_order_relaxed);
		atomic_fetch_add_explicit(&p->bytes_down, c->bytes_down, memory_order_relaxed);
	}
}
