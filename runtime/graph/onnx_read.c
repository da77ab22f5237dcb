// SPDX-License-Identifier: Apache-2.0
/* ONNX in: a ModelProto becomes a graph, or a sentence that says why not. */
#include "graph/onnx_io.h"

#include <errno.h>
#include <sys/stat.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"

#define OPSET_MIN 1
/* Since 21 the operations got more types and attributes, which are refused by name. */
#define OPSET_MAX  28
#define NAME_BYTES 1024
#define GIB	   (UINT64_C(1) << 30)

/* What is wrong with a name, or NULL. */
static const char *bad_name(const char *name)
{
	if (strlen(name) > NAME_BYTES)
		return "has more than 1024 bytes";
	for (const char *c = name; *c; c++)
		if ((unsigned char)*c < 32 || *c == 127)
			return "has a control character";
	return NULL;
}

int mea_onnx_name(const struct mea_onnx_reader *r, const char *name)
{
	const char *why = bad_name(name);

	return why ? mea_fail(MEA_EINVAL, "%s: a name %s", r->g->source, why) : 0;
}

static int read_opset(struct mea_onnx_reader *r)
{
	const Onnx__ModelProto *m = r->model;

	for (size_t i = 0; i < m->n_opset_import; i++) {
		const char *domain = m->opset_import[i]->domain;

		if (!domain || !*domain || !strcmp(domain, "ai.onnx"))
			r->opset = m->opset_import[i]->version;
	}
	if (!r->opset)
		return mea_fail(MEA_EINVAL, "%s: opset_import names no standard opset",
				r->g->source);
	if (r->opset < OPSET_MIN || r->opset > OPSET_MAX)
		return mea_fail(MEA_EUNSUPPORTED, "%s: opset %lld is not in %d .. %d", r->g->source,
				(long long)r->opset, OPSET_MIN, OPSET_MAX);
	return 0;
}

/* Puts the first node that reads tensor name in front of the message, if there is one. */
static void name_reader(const struct mea_onnx_reader *r, int rc, const char *name)
{
	const Onnx__GraphProto *p = r->model->graph;

	for (size_t i = 0; i < p->n_node; i++) {
		const Onnx__NodeProto *n = p->node[i];
		const char *own = n->name && *n->name ? n->name : n->n_output ? n->output[0] : "";

		for (size_t k = 0; k < n->n_input; k++) {
			if (strcmp(n->input[k], name) || bad_name(own))
				continue;
			mea_fail_in(rc, "node %.100s", own);
			return;
		}
	}
}

int mea_onnx_constant(struct mea_onnx_reader *r, const char *name, const Onnx__TensorProto *p)
{
	struct mea_graph *g = r->g;
	struct mea_tensor t;
	int rc = mea_onnx_name(r, name), v;

	if (rc)
		return rc;
	rc = mea_onnx_tensor(p, r->path, r->tensor_budget, &t);
	if (rc) {
		mea_fail_in(rc, "tensor %.100s", name);
		/* A type that mea lacks is the node's fault, a broken tensor its own. */
		if (rc == MEA_EUNSUPPORTED)
			name_reader(r, rc, name);
		return mea_fail_in(rc, "%s", g->source);
	}
	v = mea_graph_add_value(g, name, t.type, &t.shape);
	if (v < 0) {
		free(t.data);
		return v;
	}
	r->tensor_budget -= mea_shape_count(&t.shape) * mea_dtype_size(t.type);
	g->external |= mea_onnx_is_external(p);
	g->values[v].data = t.data;
	return 0;
}

static int read_constants(struct mea_onnx_reader *r)
{
	const Onnx__GraphProto *p = r->model->graph;

	if (p->n_sparse_initializer)
		return mea_fail(MEA_EUNSUPPORTED, "%s: sparse_initializer is not supported",
				r->g->source);
	for (size_t i = 0; i < p->n_initializer; i++) {
		const char *name = p->initializer[i]->name;
		int rc = mea_onnx_constant(r, name ? name : "", p->initializer[i]);

		if (rc)
			return rc;
	}
	return 0;
}

/* Value of a symbolic dimension from the options, or -1. */
static int64_t named_dim(const struct mea_onnx_reader *r, const char *name)
{
	for (int i = 0; name && r->opt && i < r->opt->n_dims; i++)
		if (!strcmp(r->opt->dims[i].name, name))
			return r->opt->dims[i].value;
	return -1;
}

static int64_t fixed_dim(const Onnx__TensorShapeProto *p, size_t i)
{
	const Onnx__TensorShapeProto__Dimension *d = p->dim[i];

	return d->value_case == ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_VALUE ? d->dim_value
										     : -1;
}

/* Value of dimension i of the image from the options, or -1. */
static int64_t image_dim(const struct mea_onnx_reader *r, const Onnx__TensorShapeProto *p, size_t i)
{
	const int64_t *chw = r->opt ? r->opt->image : NULL;
	bool last;

	if (!chw || !chw[0] || r->g->n_inputs || p->n_dim != 4 || !i)
		return -1;
	last = fixed_dim(p, 3) == chw[0] && fixed_dim(p, 1) != chw[0];
	return chw[last ? i % 3 : i - 1];
}

static int read_shape(const struct mea_onnx_reader *r, const Onnx__TensorShapeProto *p,
		      struct mea_shape *shape, bool *dynamic)
{
	if (!p)
		return mea_fail(MEA_EUNSUPPORTED, "its shape is missing");
	if (p->n_dim > MEA_RANK_MAX)
		return mea_fail(MEA_EUNSUPPORTED, "shape has %zu dimensions (at most %d)", p->n_dim,
				MEA_RANK_MAX);
	shape->rank = (int)p->n_dim;
	for (size_t i = 0; i < p->n_dim; i++) {
		const Onnx__TensorShapeProto__Dimension *d = p->dim[i];
		const char *symbol = NULL;
		int64_t v = fixed_dim(p, i), image = image_dim(r, p, i);

		if (d->value_case == ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_PARAM)
			symbol = d->dim_param;
		if (v > 0 && image > 0 && v != image)
			return mea_fail(MEA_EINVAL, "dimension %zu is %lld in the file, not %lld",
					i, (long long)v, (long long)image);
		if (v <= 0)
			v = image;
		if (v <= 0)
			v = named_dim(r, symbol);
		if (v <= 0 && i == 0) {
			*dynamic = true;
			v = 1;
		}
		if (v <= 0)
			return mea_fail(MEA_EUNSUPPORTED, "dimension %zu (%.60s) has no value%s", i,
					symbol ? symbol : "unnamed",
					p->n_dim == 4 ? "; `mea bundle` and `mea quantize` take "
							"--input CxHxW"
						      : "");
		shape->dim[i] = v;
	}
	return 0;
}

static int read_input(struct mea_onnx_reader *r, const Onnx__ValueInfoProto *p)
{
	const char *name = p->name ? p->name : "";
	const Onnx__TypeProto__Tensor *t = NULL;
	struct mea_shape shape;
	bool dynamic = false;
	size_t bytes;
	int rc = mea_onnx_name(r, name), type = -1, v = mea_graph_find(r->g, name);

	/* Before IR version 4 every initialiser was listed as an input too. */
	if (rc || (v >= 0 && r->g->values[v].data))
		return rc;
	if (p->type && p->type->value_case == ONNX__TYPE_PROTO__VALUE_TENSOR_TYPE)
		t = p->type->tensor_type;
	if (t)
		type = mea_onnx_dtype(t->elem_type);
	if (type < 0)
		rc = mea_fail(MEA_EUNSUPPORTED, "its type is not supported");
	if (!rc)
		rc = read_shape(r, t->shape, &shape, &dynamic);
	if (!rc)
		rc = mea_shape_bytes(&shape, (enum mea_dtype)type, GIB, &bytes);
	if (rc) {
		mea_fail_in(rc, "input %.100s", name);
		return mea_fail_in(rc, "%s", r->g->source);
	}
	v = mea_graph_add_input(r->g, name, (enum mea_dtype)type, &shape);
	if (v >= 0)
		r->g->values[v].dynamic = dynamic;
	return v < 0 ? v : 0;
}

static int read_outputs(struct mea_onnx_reader *r)
{
	const Onnx__GraphProto *p = r->model->graph;

	if (!p->n_output)
		return mea_fail(MEA_EINVAL, "%s: the graph has no output", r->g->source);
	for (size_t i = 0; i < p->n_output; i++) {
		const char *name = p->output[i]->name ? p->output[i]->name : "";
		int v = mea_graph_find(r->g, name), rc = mea_onnx_name(r, name);

		if (!rc && v < 0)
			rc = mea_fail(MEA_EINVAL, "%s: output %.100s is not computed by any node",
				      r->g->source, name);
		if (!rc)
			rc = mea_graph_add_output(r->g, v);
		if (rc)
			return rc;
	}
	return 0;
}

static int read_model(struct mea_onnx_reader *r)
{
	const Onnx__GraphProto *p = r->model->graph;
	int rc;

	if (!p)
		return mea_fail(MEA_EINVAL, "%s: not a valid ONNX file: it has no graph",
				r->g->source);
	if (r->model->n_functions)
		return mea_fail(MEA_EUNSUPPORTED, "%s: local functions are not supported",
				r->g->source);
	rc = read_opset(r);
	if (!rc)
		rc = read_constants(r);
	for (size_t i = 0; !rc && i < p->n_input; i++)
		rc = read_input(r, p->input[i]);
	for (size_t i = 0; !rc && i < p->n_node; i++)
		rc = mea_onnx_declare(r, p->node[i]);
	for (size_t i = 0; !rc && i < p->n_node; i++)
		rc = mea_onnx_node(r, p->node[i]);
	if (!rc)
		rc = read_outputs(r);
	if (!rc)
		rc = mea_graph_sort(r->g);
	if (!rc)
		rc = mea_graph_infer(r->g, r->opt ? r->opt->max_tensor_bytes : 0);
	if (!rc)
		rc = mea_graph_prune(r->g);
	return rc;
}

/* path: of the file that data is from, or NULL. */
static int parse(const void *data, size_t size, const char *source, const char *path,
		 const struct mea_load_options *opt, struct mea_graph **out)
{
	struct mea_onnx_reader r = {.opt = opt, .path = path, .tensor_budget = GIB};
	Onnx__ModelProto *model;
	int rc;

	if (opt && opt->max_tensor_bytes)
		r.tensor_budget = opt->max_tensor_bytes;
	/* Unpacked, the constants stand once in the message and once in the graph. */
	rc = mea_onnx_scan(&onnx__model_proto__descriptor, data, size, r.tensor_budget * 2);
	if (rc)
		return mea_fail_in(rc, "%s", source);
	model = onnx__model_proto__unpack(NULL, size, data);
	if (!model)
		return mea_fail(MEA_EINVAL, "%s: not a valid ONNX file", source);
	r.model = model;
	rc = mea_graph_new(source, &r.g);
	if (!rc)
		rc = read_model(&r);
	onnx__model_proto__free_unpacked(model, NULL);
	if (rc) {
		mea_graph_free(r.g);
		return rc;
	}
	*out = r.g;
	return 0;
}

int mea_graph_parse(const void *data, size_t size, const char *source,
		    const struct mea_load_options *opt, struct mea_graph **out)
{
	return parse(data, size, source, NULL, opt, out);
}

/* The whole file at once; the caller frees *data. */
static int read_file(const char *path, uint64_t limit, void **data, size_t *size)
{
	FILE *f = fopen(path, "rb");
	char *buf = NULL;
	struct stat st;
	int rc = 0;

	if (!f)
		return mea_fail(errno == ENOENT ? MEA_ENOENT : MEA_EIO, "%s: %s", path,
				strerror(errno));
	if (fstat(fileno(f), &st) || !S_ISREG(st.st_mode)) {
		rc = mea_fail(MEA_EIO, "%s: not a regular file", path);
		goto out;
	}
	if ((uint64_t)st.st_size > limit) {
		rc = mea_fail(MEA_EINVAL, "%s: %lld bytes are more than a model may have", path,
			      (long long)st.st_size);
		goto out;
	}
	buf = malloc((size_t)st.st_size + 1);
	if (!buf) {
		rc = mea_nomem();
		goto out;
	}
	if (fread(buf, 1, (size_t)st.st_size, f) != (size_t)st.st_size) {
		rc = mea_fail(MEA_EIO, "%s: could not be read to its end", path);
		goto out;
	}
	*data = buf;
	*size = (size_t)st.st_size;
	buf = NULL;
out:
	fclose(f);
	free(buf);
	return rc;
}

int mea_graph_load(const char *path, const struct mea_load_options *opt, struct mea_graph **out)
{
	void *data = NULL;
	size_t size = 0;
	int rc = read_file(path, opt && opt->max_file_bytes ? opt->max_file_bytes : GIB, &data,
			   &size);

	if (rc)
		return rc;
	rc = parse(data, size, path, opt && opt->one_file ? NULL : path, opt, out);
	free(data);
	return rc;
}
