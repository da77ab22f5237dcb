// SPDX-License-Identifier: Apache-2.0
/* Forward passes over many images. */
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "train/fit.h"
#include "train/mem.h"

#define BATCH 100 /* at most */

struct stage {
	struct mea_tmodel *m;
	struct mea_tnet *t;
	void *image;
	float *out; /* NULL: not wanted */
	size_t k;
};

static int stage_open(struct stage *s, const struct mea_set *set, const struct mea_tnet_options *o)
{
	struct mea_map in;
	int rc;

	if (!s->m)
		return 0;
	rc = mea_tnet_new(s->m->graph, s->m->params, o, &s->t);
	if (rc)
		return rc;
	in = mea_tnet_input(s->t, 0);
	if (in.c != 3 || in.rows != (size_t)set->width * (size_t)set->height)
		return mea_fail(MEA_EINVAL, "%s: its input is no image of 3 x %d x %d",
				s->m->graph->source, set->height, set->width);
	s->k = (size_t)mea_tnet_output(s->t, 0).c;
	s->image = mea_mem_new(MEA_MEM_IMAGES, mea_map_bytes(&in));
	if (!s->image)
		return mea_nomem();
	mea_tnet_set_input(s->t, 0, s->image);
	return 0;
}

static int stage_run(struct stage *s, const uint8_t *rgb, size_t pixels, bool bf16, size_t first,
		     size_t n)
{
	int rc;

	if (!s->t)
		return 0;
	mea_batch_normalise(rgb, pixels, s->m->mean, s->m->std, bf16, s->image);
	rc = mea_tnet_forward(s->t);
	if (!rc && s->out)
		memcpy(s->out + first * s->k, mea_tnet_output_data(s->t, 0),
		       n * s->k * sizeof(float));
	return rc;
}

int mea_predict(struct mea_tmodel *front, struct mea_tmodel *net, const struct mea_pick *p,
		const struct mea_recipe *recipe, float *front_logits, float *net_logits)
{
	const struct mea_set *set = p->set;
	size_t bytes = (size_t)set->width * (size_t)set->height * 3;
	struct stage a = {.m = front, .out = front_logits}, b = {.m = net, .out = net_logits};
	struct mea_tnet_options o = {
		.batch = recipe && recipe->batch < BATCH ? recipe->batch : BATCH,
		.bf16 = recipe && recipe->bf16,
	};
	size_t batch = (size_t)o.batch;
	uint8_t *rgb = mea_mem_new(MEA_MEM_IMAGES, batch * bytes);
	int rc = rgb ? stage_open(&a, set, &o) : mea_nomem();

	if (!rc)
		rc = stage_open(&b, set, &o);
	if (!rc && a.t && b.t)
		mea_tnet_set_input(b.t, 1, mea_tnet_output_data(a.t, 1));
	for (size_t i = 0; i < p->n && !rc; i += batch) {
		size_t n = p->n - i < batch ? p->n - i : batch;

		for (size_t j = 0; j < n; j++)
			memcpy(rgb + j * bytes, set->rgb + p->index[i + j] * bytes, bytes);
		rc = stage_run(&a, rgb, batch * bytes / 3, o.bf16, i, n);
		if (!rc)
			rc = stage_run(&b, rgb, batch * bytes / 3, o.bf16, i, n);
	}
	mea_tnet_free(a.t);
	mea_tnet_free(b.t);
	mea_mem_free(a.image);
	mea_mem_free(b.image);
	mea_mem_free(rgb);
	return rc;
}
