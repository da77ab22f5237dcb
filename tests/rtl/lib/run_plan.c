// SPDX-License-Identifier: Apache-2.0
#include "run_plan.h"

#include "base/error.h"
#include "random_net.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WAIT_MS 120000

static void die(const char *what)
{
	fprintf(stderr, "%s: %s\n", what, mea_errmsg());
	exit(1);
}

static struct mea_bo *new_bo(struct mea_device *d, size_t size)
{
	struct mea_bo *bo;

	if (d->ops->bo_create(d, size, &bo) < 0)
		die("buffer");
	return bo;
}

int run_plan(struct mea_device *d, const struct mea_plan *p, const struct mea_qnet *n, int8_t **v,
	     uint32_t *record)
{
	struct mea_bo *bo[MEA_SLOTS] = {0};
	struct mea_submit s = {0};
	struct mea_fence *f;
	struct pollfd ended = {.events = POLLIN};
	int rc, bad = 0;

	bo[MEA_SLOT_CMD] = new_bo(d, (size_t)p->n_cmd * MEA_CMD_BYTES);
	memcpy(bo[MEA_SLOT_CMD]->map, p->cmd, (size_t)p->n_cmd * MEA_CMD_BYTES);
	bo[MEA_SLOT_WGT] = new_bo(d, p->weight_bytes);
	memcpy(bo[MEA_SLOT_WGT]->map, p->weights, p->weight_bytes);
	for (int i = 0; i < p->n_in; i++) {
		bo[MEA_SLOT_IN + i] = new_bo(d, p->in[i].bytes);
		mea_layout_write(&p->in[i], v[n->inputs[i]], bo[MEA_SLOT_IN + i]->map);
	}
	for (int i = 0; i < p->n_out; i++) {
		bo[MEA_SLOT_OUT + i] = new_bo(d, p->out[i].bytes);
		memset(bo[MEA_SLOT_OUT + i]->map, 0xa5, p->out[i].bytes);
	}
	if (p->scratch_bytes)
		bo[MEA_SLOT_SCRATCH] = new_bo(d, p->scratch_bytes);
	bo[MEA_SLOT_RECORD] = new_bo(d, MEA_RECORD_BYTES);
	for (int i = 0; i < (int)MEA_SLOTS; i++)
		if (bo[i])
			s.slot[i] = (struct mea_slot){bo[i], 0, bo[i]->size, i < MEA_SLOT_RECORD,
						      i >= MEA_SLOT_OUT};
	s.cmd_count = (uint32_t)p->n_cmd;
	s.budget = p->budget;
	s.record = true;
	s.record_slot = MEA_SLOT_RECORD;
	if (d->ops->submit(d, &s, &f) < 0)
		die("submit");
	ended.fd = d->ops->wait_fd(f);
	if (ended.fd >= 0)
		poll(&ended, 1, WAIT_MS);
	rc = d->ops->wait(f, 0);
	if (rc < 0) {
		printf("# job: %s\n", mea_errmsg());
		bad = 1;
	}
	memcpy(record, bo[MEA_SLOT_RECORD]->map, MEA_RECORD_BYTES);
	for (int i = 0; i < p->n_out && !bad; i++) {
		const struct mea_qtensor *t = &n->tensors[n->outputs[i]];
		int8_t *got = random_alloc(random_elements(t));

		mea_layout_read(&p->out[i], bo[MEA_SLOT_OUT + i]->map, got);
		for (size_t k = 0; v[n->outputs[i]] && k < random_elements(t) && !bad; k++)
			if (got[k] != v[n->outputs[i]][k]) {
				printf("# output %d (%dx%dx%d) differs at y %zu x %zu c %zu: "
				       "%d, reference %d\n",
				       i, t->c, t->h, t->w, k / t->c / t->w, k / t->c % t->w,
				       k % t->c, got[k], v[n->outputs[i]][k]);
				bad = 1;
			}
		free(got);
	}
	for (int i = 0; i < (int)MEA_SLOTS; i++)
		d->ops->bo_destroy(bo[i]);
	return bad;
}
