// SPDX-License-Identifier: Apache-2.0
#include "serve/infer_dnnl.h"

#include <malloc.h>
#include <omp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "train/export.h"
#include "train/net.h"

/* Nets for 1, 2, ... images at once. */
#define AT_ONCE_MAX 8
/* Maps of a context. More images at once gain nothing when their maps leave the caches, and every
 * thread has a context. */
#define MAPS_MAX (2u << 20)

struct dnnl_infer {
	struct mea_infer base;
	struct mea_infer *plain; /* when oneDNN does not take the model: the float executor */
	struct mea_tmodel m;
	struct mea_tnet *net[AT_ONCE_MAX + 1]; /* by images */
	size_t pixels;
};

/* A thread's twins of the nets. They share the maps of the largest one. */
struct dnnl_context {
	struct mea_tnet *net[AT_ONCE_MAX + 1];
	float *image;
};

static void free_nets(struct mea_tnet *net[AT_ONCE_MAX + 1])
{
	/* The largest one lends to the others. */
	for (int n = 1; n <= AT_ONCE_MAX; n++) {
		mea_tnet_free(net[n]);
		net[n] = NULL;
	}
}

static void dnnl_close(struct mea_infer *base)
{
	struct dnnl_infer *d = (struct dnnl_infer *)base;

	if (!d)
		return;
	if (d->plain)
		d->plain->ops->close(d->plain);
	free_nets(d->net);
	mea_tmodel_free(&d->m);
	free(d);
}

static int make_net(struct dnnl_infer *d, int n, const struct mea_tnet *like)
{
	struct mea_tnet_options o = {.batch = n, .like = like};
	struct mea_map in, out;
	int rc = mea_tnet_new(d->m.graph, d->m.params, &o, &d->net[n]);

	if (rc)
		return rc;
	in = mea_tnet_input(d->net[n], 0);
	out = mea_tnet_output(d->net[n], 0);
	if (in.bf16 || out.bf16 || in.rows != d->pixels ||
	    mea_map_bytes(&out) != d->base.io.out[0].bytes * (size_t)n)
		return mea_fail(MEA_EUNSUPPORTED, "%s: other shapes than logits of an image",
				d->m.graph->source);
	return 0;
}

/* The net of one image tells how many fit; the largest one has the weights. */
static int make_nets(struct dnnl_infer *d, int max_batch)
{
	int rc = make_net(d, 1, NULL), most = 1;

	if (rc)
		return rc;
	while (most < max_batch && most < AT_ONCE_MAX &&
	       mea_tnet_bytes(d->net[1]) * (size_t)(most + 1) <= MAPS_MAX)
		most++;
	d->base.at_once = most;
	if (most == 1)
		return 0;
	mea_tnet_free(d->net[1]);
	d->net[1] = NULL;
	rc = make_net(d, most, NULL);
	for (int n = 1; n < most && !rc; n++)
		rc = make_net(d, n, d->net[most]);
	return rc;
}

/* The nets have their own copies of what they need. */
static void drop_constants(struct mea_tmodel *m)
{
	for (int i = 0; i < m->params->n; i++) {
		struct mea_value *v = &m->graph->values[m->params->list[i].value];

		free(v->data);
		v->data = NULL;
	}
}

/* Bytes in, rows of pixels, as bundles have it; logits out. */
static bool is_cloud_model(const struct mea_signature *io)
{
	return io->n_in == 1 && io->n_out == 1 && io->batched && io->in[0].type == MEA_U8 &&
	       io->in[0].shape.rank == 4 && io->in[0].shape.dim[3] == 3 &&
	       io->out[0].type == MEA_F32 && io->out[0].shape.rank == 2;
}

static int try_dnnl(struct dnnl_infer *d, const char *path, int max_batch)
{
	static const float zero[3] = {0, 0, 0}, one[3] = {1, 1, 1};
	int threads = omp_get_max_threads(), rc;

	if (!is_cloud_model(&d->base.io))
		return mea_fail(MEA_EUNSUPPORTED, "%s: is no cloud model of a bundle", path);
	d->pixels = d->base.io.in[0].bytes / 3;
	rc = mea_tmodel_read(path, zero, one, &d->m);
	if (rc)
		return rc;
	/* The server has threads of its own. oneDNN makes kernels for as many as OpenMP has. */
	omp_set_num_threads(1);
	rc = make_nets(d, max_batch);
	omp_set_num_threads(threads);
	if (rc)
		return rc;
	drop_constants(&d->m);
	return 0;
}

static int dnnl_open(const char *path, int max_batch, struct mea_infer **out)
{
	struct dnnl_infer *d = calloc(1, sizeof(*d));
	int rc;

	*out = NULL;
	if (!d)
		return mea_nomem();
	/* The executor knows the signature, and stands by. */
	rc = mea_infer_float.open(path, max_batch, &d->plain);
	if (rc) {
		free(d);
		return rc;
	}
	d->base.ops = &mea_infer_dnnl;
	d->base.io = d->plain->io;
	*out = &d->base;
	if (try_dnnl(d, path, max_batch)) {
		snprintf(d->base.slow, sizeof(d->base.slow), "%s", mea_errmsg());
		d->base.engine = d->plain->engine;
		d->base.at_once = d->plain->at_once;
		free_nets(d->net);
		mea_tmodel_free(&d->m);
		return 0;
	}
	d->plain->ops->close(d->plain);
	d->plain = NULL;
	d->base.engine = "oneDNN";
	/* Reading the file and ordering the weights took twice what stays. */
	malloc_trim(0);
	return 0;
}

static void dnnl_context_free(struct mea_infer *base, void *context)
{
	struct dnnl_infer *d = (struct dnnl_infer *)base;
	struct dnnl_context *l = context;

	if (d->plain) {
		d->plain->ops->context_free(d->plain, context);
		return;
	}
	if (!l)
		return;
	free_nets(l->net);
	free(l->image);
	free(l);
}

static int dnnl_context_new(struct mea_infer *base, void **context)
{
	struct dnnl_infer *d = (struct dnnl_infer *)base;
	int most = base->at_once, rc = 0;
	struct dnnl_context *l;

	*context = NULL;
	if (d->plain)
		return d->plain->ops->context_new(d->plain, context);
	l = calloc(1, sizeof(*l));
	if (!l)
		return mea_nomem();
	l->image = malloc(sizeof(float) * 3 * d->pixels * (size_t)most);
	if (!l->image)
		rc = mea_nomem();
	for (int n = most; n >= 1 && !rc; n--) {
		rc = mea_tnet_twin(d->net[n], n < most ? l->net[most] : NULL, &l->net[n]);
		if (!rc)
			mea_tnet_set_input(l->net[n], 0, l->image);
	}
	if (rc) {
		dnnl_context_free(base, l);
		return rc;
	}
	*context = l;
	return 0;
}

static int run_twin(const struct dnnl_infer *d, struct dnnl_context *l, int n, const uint8_t *rgb,
		    void *logits)
{
	int rc;

	mea_batch_normalise(rgb, (size_t)n * d->pixels, d->m.mean, d->m.std, false, l->image);
	rc = mea_tnet_forward(l->net[n]);
	if (!rc)
		memcpy(logits, mea_tnet_output_data(l->net[n], 0),
		       (size_t)n * d->base.io.out[0].bytes);
	return rc;
}

static int dnnl_run(const struct mea_infer *base, void *context, int n, const void *const *in,
		    void *const *out)
{
	const struct dnnl_infer *d = (const struct dnnl_infer *)base;
	int rc = 0;

	if (d->plain)
		return d->plain->ops->run(d->plain, context, n, in, out);
	/* The server has threads of its own; a context is for one of them. */
	omp_set_num_threads(1);
	for (int k = 0; k < n && !rc;) {
		int part = n - k < base->at_once ? n - k : base->at_once;

		rc = run_twin(d, context, part,
			      (const uint8_t *)in[0] + (size_t)k * base->io.in[0].bytes,
			      (char *)out[0] + (size_t)k * base->io.out[0].bytes);
		k += part;
	}
	return rc;
}

const struct mea_infer_ops mea_infer_dnnl = {
	.platform = "onnx_onnxv1",
	.open = dnnl_open,
	.close = dnnl_close,
	.context_new = dnnl_context_new,
	.context_free = dnnl_context_free,
	.run = dnnl_run,
};
