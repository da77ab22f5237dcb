// SPDX-License-Identifier: Apache-2.0
/* ONNX out, float or QDQ alike. */
#include "graph/onnx_wire.h"

#include <errno.h>
#include <search.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/error.h"
#include "graph/op.h"

#define OPSET	 13	/* and a later one only for an operation that is not in it */
#define PART_MAX (1200) /* a name that is made from a node's */

/* Whether the batch may stay open: some input had it so, and no Reshape has the
 * number one in its place. */
static bool open_batch(const struct mea_graph *g)
{
	bool open = false;

	for (int i = 0; i < g->n_inputs; i++)
		open |= g->values[g->inputs[i]].dynamic;
	for (int i = 0; open && i < g->n_nodes; i++)
		open = g->nodes[i].op != MEA_OP_Reshape;
	return open;
}

static void put_value_info(struct mea_wire *w, const char *field, const struct mea_value *v,
			   bool dynamic)
{
	mea_wire_open(w, field);
	mea_wire_string(w, "name", v->name);
	mea_wire_open(w, "type");
	mea_wire_open(w, "tensor_type");
	mea_wire_int(w, "elem_type", mea_onnx_dtype_code(v->type));
	mea_wire_open(w, "shape");
	for (int i = 0; i < v->shape.rank; i++) {
		mea_wire_open(w, "dim");
		if (dynamic && i == 0 && v->shape.dim[0] == 1)
			mea_wire_string(w, "dim_param", "batch");
		else
			mea_wire_int(w, "dim_value", v->shape.dim[i]);
		mea_wire_close(w);
	}
	mea_wire_close(w);
	mea_wire_close(w);
	mea_wire_close(w);
	mea_wire_close(w);
}

static void put_tensor(struct mea_wire *w, const char *name, const struct mea_tensor *t)
{
	mea_wire_open(w, "initializer");
	for (int i = 0; i < t->shape.rank; i++)
		mea_wire_int(w, "dims", t->shape.dim[i]);
	mea_wire_int(w, "data_type", mea_onnx_dtype_code(t->type));
	mea_wire_string(w, "name", name);
	mea_wire_bytes(w, "raw_data", t->data,
		       mea_shape_count(&t->shape) * mea_dtype_size(t->type));
	mea_wire_close(w);
}

/* Name of a constant that a node needs beside those of the graph. */
static void extra_name(const struct mea_graph *g, const struct mea_node *n, const char *what,
		       char name[PART_MAX])
{
	const char *base = g->values[n->out].name;

	snprintf(name, PART_MAX, "%s_%s", base, what);
	for (int i = 2; mea_graph_find(g, name) >= 0; i++)
		snprintf(name, PART_MAX, "%s_%s_%d", base, what, i);
}

/* What is an attribute of the graph but an input of opset. pass 0 writes the
 * constants, pass 1 names them as the node's inputs. */
static void put_extra(struct mea_wire *w, const struct mea_graph *g, const struct mea_node *n,
		      int opset, int pass)
{
	char name[PART_MAX];

	for (const struct mea_attr *r = mea_op_row(n->op)->attrs; r->name && n->n_in == 1; r++) {
		bool axes = r->kind == MEA_ATTR_AXES, none;
		/* The table is const, and so is what is written. */
		void *from = (char *)(uintptr_t)&n->a + r->at;
		struct mea_tensor t = {axes ? MEA_I64 : MEA_F32, {axes, {n->a.n_axes}}, from};

		if (!r->input_since || opset < r->input_since)
			continue;
		none = axes ? n->a.n_axes < 0 : *(float *)from == (float)r->otherwise;
		extra_name(g, n, r->name, name);
		if (pass == 0 && !none)
			put_tensor(w, name, &t);
		else if (pass == 1 && !(axes && none))
			mea_wire_string(w, "input", none ? "" : name);
	}
}

static int by_text(const void *a, const void *b)
{
	return strcmp(a, b);
}

/* The name to write node n under: its own, or its own with a number where a node before has it,
 * since some readers refuse two nodes of one name. used: the names so far, a tree of tsearch().
 * The text belongs to the tree; NULL: out of memory. */
static const char *node_name(const struct mea_node *n, void **used)
{
	size_t room = strlen(n->name) + 16;
	char *text = malloc(room), **at;

	if (!text)
		return NULL;
	strcpy(text, n->name);
	for (int i = 2; tfind(text, used, by_text); i++)
		snprintf(text, room, "%s_%d", n->name, i);
	at = tsearch(text, used, by_text);
	if (!at)
		free(text);
	return at ? *at : NULL;
}

static void put_node(struct mea_wire *w, const struct mea_graph *g, const struct mea_node *n,
		     int opset, const char *name)
{
	mea_wire_open(w, "node");
	for (int i = 0; i < n->n_in; i++)
		mea_wire_string(w, "input", n->in[i] < 0 ? "" : g->values[n->in[i]].name);
	put_extra(w, g, n, opset, 1);
	mea_wire_string(w, "output", g->values[n->out].name);
	mea_wire_string(w, "name", name);
	mea_wire_string(w, "op_type", mea_op_name(n->op));
	mea_onnx_put_attrs(w, n, opset);
	mea_wire_close(w);
}

static void put_graph(struct mea_wire *w, const struct mea_graph *g, int opset)
{
	bool open = open_batch(g);
	void *used = NULL;

	mea_wire_open(w, "graph");
	for (int i = 0; i < g->n_nodes && !w->failed; i++) {
		const char *name = node_name(&g->nodes[i], &used);

		w->failed |= !name;
		if (name)
			put_node(w, g, &g->nodes[i], opset, name);
	}
	tdestroy(used, free);
	mea_wire_string(w, "name", "mea");
	for (int i = 0; i < g->n_nodes; i++)
		put_extra(w, g, &g->nodes[i], opset, 0);
	for (int i = 0; i < g->n_values; i++) {
		struct mea_tensor t = mea_value_tensor(&g->values[i]);

		if (t.data)
			put_tensor(w, g->values[i].name, &t);
	}
	for (int i = 0; i < g->n_inputs; i++) {
		const struct mea_value *v = &g->values[g->inputs[i]];

		put_value_info(w, "input", v, open && v->dynamic);
	}
	for (int i = 0; i < g->n_outputs; i++)
		put_value_info(w, "output", &g->values[g->outputs[i]], open);
	mea_wire_close(w);
}

/* The opset to write g in, or an error for what no opset says. */
static int choose_opset(const struct mea_graph *g)
{
	int opset = OPSET;

	for (int i = 0; i < g->n_nodes; i++) {
		const struct mea_node *n = &g->nodes[i];
		const struct mea_op_row *row = mea_op_row(n->op);
		const char *what = row->unwritable ? row->unwritable(n) : NULL;

		if (what)
			return mea_node_fail(g, n, MEA_EUNSUPPORTED, "%s cannot be written", what);
		opset = row->since > opset ? row->since : opset;
	}
	return opset;
}

int mea_graph_pack(const struct mea_graph *g, void **data, size_t *size)
{
	struct mea_wire w = {0};
	int opset = choose_opset(g);

	if (opset < 0)
		return opset;
	mea_wire_begin(&w, &onnx__model_proto__descriptor);
	mea_wire_int(&w, "ir_version", opset < 15 ? 7 : opset < 19 ? 8 : 9);
	mea_wire_string(&w, "producer_name", "mea");
	put_graph(&w, g, opset);
	mea_wire_open(&w, "opset_import");
	mea_wire_string(&w, "domain", "");
	mea_wire_int(&w, "version", opset);
	mea_wire_close(&w);
	if (w.failed) {
		free(w.data);
		return mea_nomem();
	}
	*data = w.data;
	*size = w.size;
	return 0;
}

/* Writes all of data to a new file at path and puts it onto the disk. */
static int write_file(const char *path, const void *data, size_t size)
{
	FILE *f = fopen(path, "wb");
	bool ok;

	if (!f)
		return mea_fail(MEA_EIO, "%s: %s", path, strerror(errno));
	ok = fwrite(data, 1, size, f) == size;
	if (fclose(f) || !ok) {
		mea_fail(MEA_EIO, "%s: %s", path, strerror(errno));
		remove(path);
		return MEA_EIO;
	}
	return 0;
}

int mea_graph_write(const struct mea_graph *g, const char *path)
{
	size_t size, room = strlen(path) + 8;
	char *part = malloc(room);
	void *data = NULL;
	struct stat st;
	int rc;

	if (!part)
		return mea_nomem();
	/* A device, such as /dev/null, would be replaced by a file. */
	if (!stat(path, &st) && !S_ISREG(st.st_mode))
		rc = mea_fail(MEA_EINVAL, "%s: is no regular file", path);
	else
		rc = mea_graph_pack(g, &data, &size);
	if (rc)
		goto out;
	/* Beside the target, so that the rename stays within one file system. */
	snprintf(part, room, "%s.part", path);
	rc = write_file(part, data, size);
	if (!rc && rename(part, path)) {
		rc = mea_fail(MEA_EIO, "%s: %s", path, strerror(errno));
		remove(part);
	}
out:
	free(data);
	free(part);
	return rc;
}
