// SPDX-License-Identifier: Apache-2.0
/* Backend "ref": mea_ref_layer() behind the interface of backend.h. */
#include "backend/backend.h"
#include "backend/ref/ref.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/error.h"

struct ref_exec {
	struct mea_exec base;
	int8_t **scratch; /* per tensor; NULL for the network's ends */
	uint64_t macs;
};

struct ref_buf {
	struct mea_buf base;
	size_t size;
	int8_t data[];
};

struct ref_job {
	struct mea_job base;
	struct mea_run_stats stats;
};

static size_t tensor_size(const struct mea_qtensor *t)
{
	return (size_t)t->c * t->h * t->w;
}

static int ref_open(const char *device, struct mea_backend **out)
{
	if (device && *device)
		return mea_fail(MEA_EINVAL, "backend ref has no device \"%s\"", device);
	*out = malloc(sizeof(**out));
	if (!*out)
		return mea_nomem();
	(*out)->ops = &mea_backend_ref;
	return 0;
}

static void ref_close(struct mea_backend *b)
{
	free(b);
}

static void ref_describe(struct mea_backend *b, char *text, size_t size)
{
	(void)b;
	snprintf(text, size, "ref: plain C on this CPU, the definition of the arithmetic");
}

static const char *ref_refuses(struct mea_backend *b, const struct mea_qnet *net,
			       const struct mea_qlayer *l)
{
	(void)b;
	(void)net;
	(void)l;
	return NULL;
}

static void ref_release(struct mea_exec *base)
{
	struct ref_exec *e = (struct ref_exec *)base;

	if (!e)
		return;
	for (int i = 0; e->scratch && i < base->net->n_tensors; i++)
		free(e->scratch[i]);
	free(e->scratch);
	free(e);
}

static bool is_end(const struct mea_qnet *net, int tensor)
{
	for (int i = 0; i < net->n_inputs; i++)
		if (net->inputs[i] == tensor)
			return true;
	for (int i = 0; i < net->n_outputs; i++)
		if (net->outputs[i] == tensor)
			return true;
	return false;
}

static int ref_prepare(struct mea_backend *b, const struct mea_qnet *net, struct mea_exec **out)
{
	struct ref_exec *e;
	int rc = mea_qnet_check(net);

	if (rc)
		return rc;
	e = calloc(1, sizeof(*e));
	if (!e)
		return mea_nomem();
	e->base = (struct mea_exec){.ops = b->ops, .net = net};
	e->scratch = calloc(net->n_tensors, sizeof(*e->scratch));
	if (!e->scratch)
		goto nomem;
	for (int i = 0; i < net->n_tensors; i++) {
		if (is_end(net, i))
			continue;
		e->scratch[i] = malloc(tensor_size(&net->tensors[i]));
		if (!e->scratch[i])
			goto nomem;
	}
	for (int i = 0; i < net->n_layers; i++)
		e->macs += mea_qlayer_macs(net, &net->layers[i]);
	*out = &e->base;
	return 0;
nomem:
	ref_release(&e->base);
	return mea_nomem();
}

/* The tensor at one end of the network, or NULL when index is out of range. */
static const struct mea_qtensor *end_tensor(const struct mea_qnet *net, bool input, int index)
{
	if (index < 0 || index >= (input ? net->n_inputs : net->n_outputs))
		return NULL;
	return &net->tensors[input ? net->inputs[index] : net->outputs[index]];
}

static int ref_buf_alloc(struct mea_exec *e, bool input, int index, struct mea_buf **out)
{
	const struct mea_qtensor *t = end_tensor(e->net, input, index);
	struct ref_buf *buf;

	if (!t)
		return mea_fail(MEA_EINVAL, "the network has no %s %d", input ? "input" : "output",
				index);
	buf = calloc(1, sizeof(*buf) + tensor_size(t));
	if (!buf)
		return mea_nomem();
	buf->base = (struct mea_buf){.ops = e->ops, .c = t->c, .h = t->h, .w = t->w};
	buf->size = tensor_size(t);
	*out = &buf->base;
	return 0;
}

static void ref_buf_free(struct mea_buf *buf)
{
	free(buf);
}

static bool ref_buf_fits(struct mea_exec *e, bool input, int index, const struct mea_buf *buf)
{
	const struct mea_qtensor *t = end_tensor(e->net, input, index);

	return t && buf->ops == e->ops && buf->c == t->c && buf->h == t->h && buf->w == t->w;
}

static int ref_buf_write(struct mea_buf *base, const int8_t *nhwc)
{
	struct ref_buf *buf = (struct ref_buf *)base;

	memcpy(buf->data, nhwc, buf->size);
	return 0;
}

static int ref_buf_read(struct mea_buf *base, int8_t *nhwc)
{
	const struct ref_buf *buf = (const struct ref_buf *)base;

	memcpy(nhwc, buf->data, buf->size);
	return 0;
}

static int8_t *data_of(struct mea_buf *buf)
{
	return ((struct ref_buf *)buf)->data;
}

/* Where each tensor lives in this run: scratch, or the caller's buffers. */
static int place(struct ref_exec *e, struct mea_buf *const *in, struct mea_buf *const *out,
		 int8_t **at)
{
	const struct mea_qnet *net = e->base.net;

	memcpy(at, e->scratch, sizeof(*at) * net->n_tensors);
	for (int i = 0; i < net->n_outputs; i++) {
		if (!ref_buf_fits(&e->base, false, i, out[i]))
			return mea_fail(MEA_EINVAL, "the buffer of output %d does not fit", i);
		at[net->outputs[i]] = data_of(out[i]);
	}
	for (int i = 0; i < net->n_inputs; i++) {
		if (!ref_buf_fits(&e->base, true, i, in[i]))
			return mea_fail(MEA_EINVAL, "the buffer of input %d does not fit", i);
		for (int j = 0; j < net->n_outputs; j++)
			if (in[i] == out[j])
				return mea_fail(MEA_EINVAL, "input %d and output %d are one buffer",
						i, j);
		at[net->inputs[i]] = data_of(in[i]);
	}
	return 0;
}

static int compute(const struct ref_exec *e, int8_t **at)
{
	const struct mea_qnet *net = e->base.net;

	for (int i = 0; i < net->n_layers; i++) {
		const struct mea_qlayer *l = &net->layers[i];
		int rc = mea_ref_layer(net, l, at[l->in], l->in2 >= 0 ? at[l->in2] : NULL,
				       at[l->out]);

		if (rc)
			return rc;
	}
	return 0;
}

/* Computes at once; the job only carries the figures to wait(). */
static int ref_submit(struct mea_exec *base, struct mea_buf *const *in, struct mea_buf *const *out,
		      struct mea_job **job)
{
	struct ref_exec *e = (struct ref_exec *)base;
	struct ref_job *j = calloc(1, sizeof(*j));
	int8_t **at = calloc(base->net->n_tensors, sizeof(*at));
	double start = mea_now_ms();
	int rc;

	if (!j || !at) {
		rc = mea_nomem();
		goto out;
	}
	rc = place(e, in, out, at);
	if (!rc)
		rc = compute(e, at);
	if (rc)
		goto out;
	j->base.ops = base->ops;
	j->stats.cost.macs = e->macs;
	j->stats.cost.ms = mea_now_ms() - start;
	*job = &j->base;
	j = NULL;
out:
	free(at);
	free(j);
	return rc;
}

static int ref_wait_fd(struct mea_job *job)
{
	(void)job;
	return -1;
}

static int ref_wait(struct mea_job *job, int timeout_ms, struct mea_run_stats *stats)
{
	(void)timeout_ms;
	if (stats)
		*stats = ((struct ref_job *)job)->stats;
	free(job);
	return 0;
}

const struct mea_backend_ops mea_backend_ref = {
	.name = "ref",
	.open = ref_open,
	.close = ref_close,
	.describe = ref_describe,
	.refuses = ref_refuses,
	.prepare = ref_prepare,
	.release = ref_release,
	.buf_alloc = ref_buf_alloc,
	.buf_free = ref_buf_free,
	.buf_fits = ref_buf_fits,
	.buf_write = ref_buf_write,
	.buf_read = ref_buf_read,
	.submit = ref_submit,
	.wait_fd = ref_wait_fd,
	.wait = ref_wait,
};
