// SPDX-License-Identifier: Apache-2.0
#include "serve/infer_int8.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "graph/tensor.h"
#include "mea.h"
#include "serve/infer_dnnl.h"

/* One thread a context: the server's threads are the parallelism. */
#define BACKENDS "opencl:threads=1,ref"

struct int8_infer {
	struct mea_infer base;
	char *path;
};

/* An input or output of a context, in the network's order: height x width x channels. */
struct end {
	struct mea_network_tensor t;
	size_t n;
	int8_t *values;
};

struct context {
	struct mea_network *net;
	struct end in[MEA_IO_MAX], out[MEA_IO_MAX];
};

static void note(const char *text, void *infer)
{
	struct mea_infer *m = infer;

	if (m)
		snprintf(m->slow, sizeof(m->slow), "%s", text);
}

static void int8_context_free(struct mea_infer *m, void *context)
{
	struct context *l = context;

	(void)m;
	if (!l)
		return;
	mea_network_close(l->net);
	for (int i = 0; i < MEA_IO_MAX; i++) {
		free(l->in[i].values);
		free(l->out[i].values);
	}
	free(l);
}

/* Whether io is what the network's tensor is from outside. */
static bool fits(const struct mea_io *io, const struct mea_network_tensor *t)
{
	const struct mea_shape *s = &io->shape;
	bool map = s->rank == 4 && s->dim[2] == t->height && s->dim[3] == t->width;
	bool vector = s->rank == 2 && t->height == 1 && t->width == 1;

	return (io->type == MEA_F32 || io->type == MEA_I8) && (map || vector) && s->dim[0] == 1 &&
	       s->dim[1] == t->channels;
}

static int make_end(const struct mea_io *io, struct end *e)
{
	if (!fits(io, &e->t))
		return mea_fail(MEA_EUNSUPPORTED,
				"%s: is no float32 or int8 map N x C x H x W or vector N x C",
				io->name);
	e->n = (size_t)e->t.height * (size_t)e->t.width * (size_t)e->t.channels;
	e->values = malloc(e->n + !e->n);
	return e->values ? 0 : mea_nomem();
}

/* notes: whose slow is told why a backend does not answer; may be NULL. */
static int make_context(const struct int8_infer *d, struct mea_infer *notes, struct context **out)
{
	struct mea_options o = MEA_OPTIONS_INIT;
	const struct mea_signature *io = &d->base.io;
	struct context *l = calloc(1, sizeof(*l));
	int rc;

	*out = NULL;
	if (!l)
		return mea_nomem();
	o.backends = BACKENDS;
	o.note = note;
	o.note_ctx = notes;
	rc = mea_network_open(d->path, &o, &l->net);
	for (int i = 0; i < io->n_in && !rc; i++) {
		rc = mea_network_input(l->net, i, &l->in[i].t);
		rc = rc ? rc : make_end(&io->in[i], &l->in[i]);
	}
	for (int i = 0; i < io->n_out && !rc; i++) {
		rc = mea_network_output(l->net, i, &l->out[i].t);
		rc = rc ? rc : make_end(&io->out[i], &l->out[i]);
	}
	if (rc) {
		int8_context_free(NULL, l);
		return rc;
	}
	*out = l;
	return 0;
}

static int int8_context_new(struct mea_infer *m, void **context)
{
	struct context *l;
	int rc = make_context((const struct int8_infer *)m, NULL, &l);

	*context = l;
	return rc;
}

static void int8_close(struct mea_infer *m)
{
	struct int8_infer *d = (struct int8_infer *)m;

	if (!d)
		return;
	free(d->path);
	free(d);
}

/* What the file takes and gives from outside. */
static int read_signature(const char *path, struct mea_signature *io)
{
	struct mea_graph *g = NULL;
	int rc = mea_graph_load(path, NULL, &g);

	if (!rc)
		rc = mea_signature_of(g, io);
	mea_graph_free(g);
	return rc;
}

/* A trial context shows that the network runs, and on what. */
static int int8_open(const char *path, int max_batch, struct mea_infer **out)
{
	struct int8_infer *d = calloc(1, sizeof(*d));
	struct context *l = NULL;
	int rc;

	(void)max_batch;
	*out = NULL;
	if (!d)
		return mea_nomem();
	d->base.ops = &mea_infer_int8;
	d->base.at_once = 1;
	d->path = strdup(path);
	rc = d->path ? read_signature(path, &d->base.io) : mea_nomem();
	if (!rc)
		rc = make_context(d, &d->base, &l);
	if (rc) {
		int8_close(&d->base);
		return rc;
	}
	d->base.engine = !strcmp(mea_network_backend(l->net), "opencl") ? "int8, OpenCL"
									: "int8, plain C";
	int8_context_free(&d->base, l);
	*out = &d->base;
	return 0;
}

/* To even, saturating, as QuantizeLinear; a NaN is zero. */
static int8_t quantised(float v, const struct mea_network_tensor *t)
{
	float q = nearbyintf(v / t->scale) + (float)t->zero_point;

	return (int8_t)(isnan(v) ? (float)t->zero_point : fmaxf(-128, fminf(q, 127)));
}

/* An item from ONNX's order, channels first. */
static void take(struct end *e, enum mea_dtype type, const void *data)
{
	size_t area = (size_t)e->t.height * (size_t)e->t.width, c = (size_t)e->t.channels;

	for (size_t i = 0; i < e->n; i++)
		e->values[i % area * c + i / area] =
			type == MEA_I8 ? ((const int8_t *)data)[i]
				       : quantised(((const float *)data)[i], &e->t);
}

static void give(const struct end *e, enum mea_dtype type, void *data)
{
	size_t area = (size_t)e->t.height * (size_t)e->t.width, c = (size_t)e->t.channels;

	for (size_t i = 0; i < e->n; i++) {
		int8_t q = e->values[i % area * c + i / area];

		if (type == MEA_I8)
			((int8_t *)data)[i] = q;
		else
			((float *)data)[i] = e->t.scale * (float)(q - e->t.zero_point);
	}
}

static int int8_run(const struct mea_infer *m, void *context, int n, const void *const *in,
		    void *const *out)
{
	const struct mea_signature *io = &m->io;
	struct context *l = context;
	const int8_t *from[MEA_IO_MAX];
	int8_t *to[MEA_IO_MAX];
	int rc = 0;

	for (int k = 0; k < n && !rc; k++) {
		for (int i = 0; i < io->n_in; i++) {
			take(&l->in[i], io->in[i].type,
			     (const char *)in[i] + (size_t)k * io->in[i].bytes);
			from[i] = l->in[i].values;
		}
		for (int i = 0; i < io->n_out; i++)
			to[i] = l->out[i].values;
		rc = mea_network_run(l->net, from, to, NULL);
		for (int i = 0; i < io->n_out && !rc; i++)
			give(&l->out[i], io->out[i].type,
			     (char *)out[i] + (size_t)k * io->out[i].bytes);
	}
	return rc;
}

const struct mea_infer_ops mea_infer_int8 = {
	.platform = "onnx_onnxv1",
	.open = int8_open,
	.close = int8_close,
	.context_new = int8_context_new,
	.context_free = int8_context_free,
	.run = int8_run,
};

/* --- the choice ------------------------------------------------------------------------ */

static bool is_quantised(const char *path)
{
	struct mea_graph *g = NULL;
	bool found = false;

	if (!mea_graph_load(path, NULL, &g))
		for (int i = 0; i < g->n_nodes && !found; i++)
			found = g->nodes[i].op == MEA_OP_QuantizeLinear;
	mea_graph_free(g);
	return found;
}

static int any_open(const char *path, int max_batch, struct mea_infer **out)
{
	bool int8 = is_quantised(path);
	char why[200] = "";
	int rc;

	if (int8 && !mea_infer_int8.open(path, max_batch, out))
		return 0;
	if (int8)
		snprintf(why, sizeof(why), "%s", mea_errmsg());
	rc = mea_infer_dnnl.open(path, max_batch, out);
	if (!rc && int8)
		snprintf((*out)->slow, sizeof((*out)->slow), "%s", why);
	return rc;
}

const struct mea_infer_ops mea_infer_any = {.platform = "onnx_onnxv1", .open = any_open};
