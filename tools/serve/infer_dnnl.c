// SPDX-License-Identifier: Apache-2.0
#include "serve/infer_dnnl.h"

#include <omp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "train/export.h"
#include "train/net.h"

/* Nets of one image and of a whole batch; what is between goes one by one. */
enum { ONE, ALL, SIZES };

struct dnnl_infer {
	struct mea_infer base;
	struct mea_infer *plain; /* when oneDNN does not take the model: the float executor */
	struct mea_tmodel m;
	struct mea_tnet *net[SIZES];
	float *image[SIZES];
	int batch[SIZES];
	size_t pixels;
};

static void dnnl_close(struct mea_infer *base)
{
	struct dnnl_infer *d = (struct dnnl_infer *)base;

	if (!d)
		return;
	if (d->plain)
		d->plain->ops->close(d->plain);
	for (int i = 0; i < SIZES; i++) {
		mea_tnet_free(d->net[i]);
		free(d->image[i]);
	}
	mea_tmodel_free(&d->m);
	free(d);
}

static int make_net(struct dnnl_infer *d, int which, int batch)
{
	struct mea_tnet_options o = {.batch = batch};
	struct mea_map in, out;
	int rc = mea_tnet_new(d->m.graph, d->m.params, &o, &d->net[which]);

	if (rc)
		return rc;
	in = mea_tnet_input(d->net[which], 0);
	out = mea_tnet_output(d->net[which], 0);
	if (in.bf16 || out.bf16 || in.rows != d->pixels ||
	    mea_map_bytes(&out) != d->base.io.out[0].bytes * (size_t)batch)
		return mea_fail(MEA_EUNSUPPORTED, "%s: other shapes than logits of an image",
				d->m.graph->source);
	d->image[which] = malloc(mea_map_bytes(&in));
	if (!d->image[which])
		return mea_nomem();
	mea_tnet_set_input(d->net[which], 0, d->image[which]);
	d->batch[which] = batch;
	return 0;
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
	int rc;

	if (!is_cloud_model(&d->base.io))
		return mea_fail(MEA_EUNSUPPORTED, "%s: is no cloud model of a bundle", path);
	d->pixels = d->base.io.in[0].bytes / 3;
	rc = mea_tmodel_read(path, zero, one, &d->m);
	if (!rc)
		rc = make_net(d, ONE, 1);
	if (!rc && max_batch > 1)
		rc = make_net(d, ALL, max_batch);
	return rc;
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
		mea_tnet_free(d->net[ONE]);
		d->net[ONE] = NULL;
		return 0;
	}
	d->plain->ops->close(d->plain);
	d->plain = NULL;
	d->base.engine = "oneDNN";
	return 0;
}

static int run_some(struct dnnl_infer *d, int which, const uint8_t *rgb, void *logits)
{
	size_t n = (size_t)d->batch[which];
	int rc;

	mea_batch_normalise(rgb, n * d->pixels, d->m.mean, d->m.std, false, d->image[which]);
	rc = mea_tnet_forward(d->net[which]);
	if (!rc)
		memcpy(logits, mea_tnet_output_data(d->net[which], 0), n * d->base.io.out[0].bytes);
	return rc;
}

static int dnnl_run(struct mea_infer *base, int n, const void *const *in, void *const *out)
{
	struct dnnl_infer *d = (struct dnnl_infer *)base;
	int rc = 0;

	if (d->plain)
		return d->plain->ops->run(d->plain, n, in, out);
	/* The server has threads of its own; each is for one model. */
	omp_set_num_threads(1);
	for (int k = 0; k < n && !rc;) {
		int which = d->net[ALL] && n - k >= d->batch[ALL] ? ALL : ONE;

		rc = run_some(d, which, (const uint8_t *)in[0] + (size_t)k * base->io.in[0].bytes,
			      (char *)out[0] + (size_t)k * base->io.out[0].bytes);
		k += d->batch[which];
	}
	return rc;
}

const struct mea_infer_ops mea_infer_dnnl = {
	.platform = "onnx_onnxv1",
	.open = dnnl_open,
	.close = dnnl_close,
	.run = dnnl_run,
};
