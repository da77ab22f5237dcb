// SPDX-License-Identifier: Apache-2.0
#include "cpu_bench.h"

#include <stdio.h>
#include <stdlib.h>

#include "backend/opencl/opencl.h"
#include "base/error.h"

#define SHIFT 37 /* from one image to the next in the random bytes */

struct ours {
	struct mea_backend *b;
	int n_nets, batch;
	struct mea_exec *exec[NETS_MAX];
	struct mea_buf **in[NETS_MAX], **out[NETS_MAX]; /* 4 an image */
	struct mea_job **jobs;
};

static void ours_close(void *ctx)
{
	struct ours *o = ctx;

	for (int n = 0; n < o->n_nets; n++) {
		for (int i = 0; i < 4 * o->batch; i++) {
			mea_opencl_buf_free(o->in[n][i]);
			mea_opencl_buf_free(o->out[n][i]);
		}
		free(o->in[n]);
		free(o->out[n]);
		mea_opencl_release(o->exec[n]);
	}
	o->b->ops->close(o->b);
	free(o->jobs);
	free(o);
}

static int ours_run(void *ctx, int times, double *us)
{
	struct ours *o = ctx;
	int rc = 0;

	for (int t = 0; t < times && !rc; t++) {
		double start = now_us();

		for (int n = 0; n < o->n_nets; n++) {
			for (int i = 0; i < o->batch && !rc; i++)
				rc = mea_opencl_submit(o->exec[n], o->in[n] + 4 * i,
						       o->out[n] + 4 * i, &o->jobs[i]);
			for (int i = 0; i < o->batch && !rc; i++)
				rc = mea_opencl_wait(o->jobs[i], -1, NULL);
		}
		us[t] = now_us() - start;
	}
	return rc;
}

/* Buffers of all images; random bytes, as an image is neither zero nor constant. */
static int buffers(struct ours *o, int n, const struct mea_qnet *net)
{
	size_t most = 0;
	int8_t *bytes;
	int rc = 0;

	for (int k = 0; k < net->n_inputs; k++) {
		const struct mea_qtensor *t = &net->tensors[net->inputs[k]];
		size_t size = (size_t)t->c * t->h * t->w;

		most = size > most ? size : most;
	}
	most += (size_t)SHIFT * o->batch;
	bytes = malloc(most);
	for (size_t i = 0; i < most; i++)
		bytes[i] = (int8_t)rand();
	o->in[n] = calloc(4 * (size_t)o->batch, sizeof(*o->in[n]));
	o->out[n] = calloc(4 * (size_t)o->batch, sizeof(*o->out[n]));
	for (int i = 0; i < o->batch && !rc; i++) {
		for (int k = 0; k < net->n_inputs && !rc; k++) {
			rc = mea_opencl_buf_alloc(o->exec[n], true, k, &o->in[n][4 * i + k]);
			if (!rc)
				rc = mea_opencl_buf_write(o->in[n][4 * i + k], bytes + i * SHIFT);
		}
		for (int k = 0; k < net->n_outputs && !rc; k++)
			rc = mea_opencl_buf_alloc(o->exec[n], false, k, &o->out[n][4 * i + k]);
	}
	free(bytes);
	return rc;
}

int ours_open(const struct work *w, int threads, int batch, struct contender *c)
{
	struct ours *o = calloc(1, sizeof(*o));
	char device[32];
	int rc;

	snprintf(device, sizeof(device), "threads=%d", threads);
	rc = mea_backend_opencl.open(device, &o->b);
	if (rc) {
		free(o);
		return rc;
	}
	o->batch = batch;
	o->jobs = calloc((size_t)batch, sizeof(*o->jobs));
	for (; o->n_nets < w->n_nets && !rc; o->n_nets++) {
		rc = mea_opencl_prepare(o->b, w->nets[o->n_nets], &o->exec[o->n_nets]);
		if (!rc)
			rc = buffers(o, o->n_nets, w->nets[o->n_nets]);
	}
	*c = (struct contender){"mea opencl", o, ours_run, ours_close};
	return rc;
}
