// SPDX-License-Identifier: Apache-2.0
#include "prepared.h"

#include "backend/split/split.h"
#include "base/error.h"
#include "graph/tail.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct buffer_set {
	/* Without a copy where the backend allows it: image[1] and features[1] are
	 * then NULL and the extension reads main's buffers. */
	struct mea_buf *image[2], *features[2], *logits[2];
	struct mea_job *job;
	bool taken;
};

struct mea_prepared {
	const char *name;
	const struct mea_backend_ops *ops;
	const struct mea_model *model;
	struct mea_backend *backend;
	struct mea_exec *exec[2];
	struct buffer_set *sets;
	int n_sets;
	int8_t *bytes; /* as large as the largest tensor at an end of a network */
	struct mea_tail *tail[2];
};

static const struct mea_qnet *net_of(const struct mea_prepared *e, int net)
{
	return net == MEA_NET_MAIN ? e->model->main : e->model->extension;
}

static size_t tensor_size(const struct mea_qnet *net, int t)
{
	const struct mea_qtensor *q = &net->tensors[t];

	return (size_t)q->c * (size_t)q->h * (size_t)q->w;
}

/* --- opening --------------------------------------------------------------- */

static int alloc_scratch(struct mea_prepared *e)
{
	size_t most = 0;

	for (int n = 0; n < 2; n++) {
		const struct mea_qnet *net = net_of(e, n);
		int rc = net ? mea_tail_new(net, &e->tail[n]) : 0;

		if (rc)
			return rc;
		for (int i = 0; net && i < net->n_inputs; i++)
			if (tensor_size(net, net->inputs[i]) > most)
				most = tensor_size(net, net->inputs[i]);
		for (int i = 0; net && i < net->n_outputs; i++)
			if (tensor_size(net, net->outputs[i]) > most)
				most = tensor_size(net, net->outputs[i]);
	}
	e->bytes = malloc(most);
	return e->bytes ? 0 : mea_nomem();
}

static int alloc_set(struct mea_prepared *e, struct buffer_set *l)
{
	const struct mea_backend_ops *ops = e->ops;
	struct mea_exec *main = e->exec[0], *ext = e->exec[1];
	int rc = ops->buf_alloc(main, true, MEA_IN_IMAGE, &l->image[0]);

	if (!rc)
		rc = ops->buf_alloc(main, false, MEA_OUT_LOGITS, &l->logits[0]);
	if (!rc && main->net->n_outputs > 1)
		rc = ops->buf_alloc(main, false, MEA_OUT_FEATURES, &l->features[0]);
	if (rc || !ext)
		return rc;
	rc = ops->buf_alloc(ext, false, MEA_OUT_LOGITS, &l->logits[1]);
	if (!rc && !(e->model->same_image && ops->buf_fits(ext, true, MEA_IN_IMAGE, l->image[0])))
		rc = ops->buf_alloc(ext, true, MEA_IN_IMAGE, &l->image[1]);
	if (!rc && !ops->buf_fits(ext, true, MEA_IN_FEATURES, l->features[0]))
		rc = ops->buf_alloc(ext, true, MEA_IN_FEATURES, &l->features[1]);
	return rc;
}

/* Opens a backend and prepares the networks on it. */
static int prepare(struct mea_prepared *e, const struct mea_choice *choices, int n)
{
	const struct mea_qnet *nets[] = {e->model->main, e->model->extension};
	const char *names[] = {mea_net_name(MEA_NET_MAIN), mea_net_name(MEA_NET_EXTENSION)};
	int rc = mea_choices_prepare(choices, n, nets, names, e->model->extension ? 2 : 1,
				     &e->backend, e->exec, &e->name);

	if (!rc)
		e->ops = e->backend->ops;
	return rc;
}

int mea_prepared_open(const struct mea_choice *choices, int n, const struct mea_model *m,
		      int n_sets, struct mea_prepared **out)
{
	const struct mea_backend_ops *ops = choices[0].ops;
	struct mea_prepared *e = calloc(1, sizeof(*e));
	int rc;

	*out = NULL;
	if (!e)
		return mea_nomem();
	e->name = ops->name;
	e->ops = ops;
	e->model = m;
	rc = alloc_scratch(e);
	if (!rc)
		rc = prepare(e, choices, n);
	if (!rc) {
		e->sets = calloc((size_t)n_sets, sizeof(*e->sets));
		e->n_sets = e->sets ? n_sets : 0;
		if (!e->sets)
			rc = mea_nomem();
	}
	for (int i = 0; i < e->n_sets && !rc; i++)
		rc = alloc_set(e, &e->sets[i]);
	if (rc) {
		mea_fail_in(rc, "backend %s", ops->name);
		mea_prepared_close(e);
		return rc;
	}
	*out = e;
	return 0;
}

static void free_set(struct mea_prepared *e, struct buffer_set *l)
{
	struct mea_buf *bufs[] = {l->image[0],	  l->image[1],	l->features[0],
				  l->features[1], l->logits[0], l->logits[1]};

	for (size_t i = 0; i < sizeof(bufs) / sizeof(bufs[0]); i++)
		if (bufs[i])
			e->ops->buf_free(bufs[i]);
}

void mea_prepared_close(struct mea_prepared *e)
{
	struct mea_run_stats unused;
	bool hung = false;

	if (!e)
		return;
	for (int i = 0; i < e->n_sets; i++) {
		struct buffer_set *l = &e->sets[i];

		if (l->job && e->ops->wait(l->job, 0, &unused) == MEA_ETIMEDOUT)
			hung = true;
		else
			free_set(e, l);
	}
	for (int n = 0; n < 2 && !hung; n++)
		if (e->exec[n])
			e->ops->release(e->exec[n]);
	if (e->backend && !hung)
		e->ops->close(e->backend);
	free(e->sets);
	free(e->bytes);
	mea_tail_free(e->tail[0]);
	mea_tail_free(e->tail[1]);
	free(e);
}

const char *mea_prepared_name(const struct mea_prepared *e)
{
	return e->name;
}

const char *mea_prepared_where(const struct mea_prepared *e, enum mea_net net, int layer)
{
	return mea_split_where(e->exec[net], layer);
}

/* --- use ---------------------------------------------------------------------- */

int mea_prepared_take(struct mea_prepared *e)
{
	for (int i = 0; i < e->n_sets; i++) {
		if (!e->sets[i].taken) {
			e->sets[i].taken = true;
			return i;
		}
	}
	return -1;
}

void mea_prepared_give(struct mea_prepared *e, int set)
{
	e->sets[set].taken = false;
}

int mea_prepared_taken(const struct mea_prepared *e)
{
	int n = 0;

	for (int i = 0; i < e->n_sets; i++)
		n += e->sets[i].taken;
	return n;
}

int mea_prepared_load(struct mea_prepared *e, int set, const uint8_t *rgb)
{
	const struct mea_model *m = e->model;
	struct buffer_set *l = &e->sets[set];
	size_t n = (size_t)m->bundle->width * (size_t)m->bundle->height;
	int rc;

	mea_preprocess(&m->pre_main, rgb, n, e->bytes);
	rc = e->ops->buf_write(l->image[0], e->bytes);
	if (rc || !l->image[1])
		return rc;
	mea_preprocess(&m->pre_extension, rgb, n, e->bytes);
	return e->ops->buf_write(l->image[1], e->bytes);
}

/* Carries the features over where the two networks cannot share a buffer. */
static int copy_features(struct mea_prepared *e, struct buffer_set *l)
{
	int rc;

	if (!l->features[1])
		return 0;
	rc = e->ops->buf_read(l->features[0], e->bytes);
	return rc ? rc : e->ops->buf_write(l->features[1], e->bytes);
}

int mea_prepared_start(struct mea_prepared *e, int set, enum mea_net net)
{
	struct buffer_set *l = &e->sets[set];
	struct mea_buf *in[2] = {l->image[0], l->features[0]};
	struct mea_buf *out[2] = {l->logits[0], l->features[0]};
	int rc;

	if (net == MEA_NET_EXTENSION) {
		rc = copy_features(e, l);
		if (rc)
			return rc;
		if (l->image[1])
			in[0] = l->image[1];
		if (l->features[1])
			in[1] = l->features[1];
		out[0] = l->logits[1];
	}
	return e->ops->submit(e->exec[net], in, out, &l->job);
}

int mea_prepared_wait_fd(struct mea_prepared *e, int set)
{
	return e->ops->wait_fd(e->sets[set].job);
}

int mea_prepared_wait(struct mea_prepared *e, int set, int timeout_ms, struct mea_run_stats *stats)
{
	struct buffer_set *l = &e->sets[set];
	int rc = e->ops->wait(l->job, timeout_ms, stats);

	if (rc != MEA_ETIMEDOUT)
		l->job = NULL;
	return rc;
}

int mea_prepared_logits(struct mea_prepared *e, int set, enum mea_net net, const float **logits)
{
	int rc = e->ops->buf_read(e->sets[set].logits[net], e->bytes);

	return rc ? rc : mea_tail_run(e->tail[net], e->bytes, logits);
}

int mea_prepared_features(struct mea_prepared *e, int set, int8_t *out)
{
	return e->ops->buf_read(e->sets[set].features[0], out);
}
