// SPDX-License-Identifier: Apache-2.0
#include "train/export.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"

int mea_tmodel_cool(struct mea_tmodel *m, double t)
{
	const struct mea_graph *g = m->graph;
	int p = g->values[g->outputs[0]].producer;
	const struct mea_node *n = p < 0 ? NULL : &g->nodes[p];

	if (!n || n->op != MEA_OP_Gemm)
		return mea_fail(MEA_EUNSUPPORTED, "%s: output %s is not computed by a Gemm",
				g->source, g->values[g->outputs[0]].name);
	for (int i = 1; i < n->n_in; i++) {
		int q = n->in[i] < 0 ? -1 : mea_params_find(m->params, n->in[i]);

		for (size_t j = 0; q >= 0 && j < m->params->list[q].n; j++)
			m->params->list[q].data[j] /= (float)t;
	}
	return 0;
}

/* --- an input of bytes ------------------------------------------------------------ */

/* A new node's output; its shape follows from its inputs. */
static int append(struct mea_graph *g, enum mea_op op, const char *name, const int *in, int n_in,
		  int out, const struct mea_attrs *a)
{
	struct mea_shape none = {0};
	int v = out >= 0 ? out : mea_graph_add_value(g, name, MEA_F32, &none), at;

	if (v < 0)
		return v;
	at = mea_graph_add_node(g, op, NULL, in, n_in, v, a);
	return at < 0 ? at : v;
}

/* pixel -> (pixel / 255 - mean) / std as one product and one sum. */
static int affine_consts(struct mea_graph *g, const struct mea_tmodel *m, int *mul, int *add)
{
	struct mea_shape s = {4, {1, 3, 1, 1}};
	float a[3], b[3];

	for (int c = 0; c < 3; c++) {
		a[c] = (float)(1 / (255.0 * (double)m->std[c]));
		b[c] = (float)(-(double)m->mean[c] / (double)m->std[c]);
	}
	*mul = mea_graph_add_const(g, "pixel_scale", MEA_F32, &s, a);
	*add = mea_graph_add_const(g, "pixel_offset", MEA_F32, &s, b);
	return *mul < 0 ? *mul : *add < 0 ? *add : 0;
}

static int take_bytes(struct mea_graph *g, const struct mea_tmodel *m)
{
	int x = g->inputs[0], mul = -1, add = -1, rc, v;
	struct mea_shape s = g->values[x].shape;
	struct mea_attrs cast = mea_attrs_default(MEA_OP_Cast),
			 perm = mea_attrs_default(MEA_OP_Transpose);

	free(g->values[x].name);
	g->values[x].name = strdup("normalised");
	if (!g->values[x].name)
		return mea_nomem();
	rc = mea_graph_reindex(g);
	if (!rc)
		rc = affine_consts(g, m, &mul, &add);
	if (rc)
		return rc;
	s = (struct mea_shape){4, {1, s.dim[2], s.dim[3], 3}};
	v = mea_graph_add_input(g, "image", MEA_U8, &s);
	if (v < 0)
		return v;
	g->values[v].dynamic = g->values[x].dynamic;
	/* It takes the old input's place, which becomes what the nodes compute. */
	g->inputs[0] = v;
	g->n_inputs--;
	perm.n_axes = 4;
	for (int i = 0; i < 4; i++)
		perm.axes[i] = (int[]){0, 3, 1, 2}[i];
	cast.to = MEA_F32;
	v = append(g, MEA_OP_Transpose, "planes", &v, 1, -1, &perm);
	if (v >= 0)
		v = append(g, MEA_OP_Cast, "floats", &v, 1, -1, &cast);
	if (v >= 0)
		v = append(g, MEA_OP_Mul, "scaled", (int[]){v, mul}, 2, -1, NULL);
	if (v >= 0)
		v = append(g, MEA_OP_Add, "normalised", (int[]){v, add}, 2, x, NULL);
	rc = v < 0 ? v : mea_graph_sort(g);
	return rc ? rc : mea_graph_infer(g, 0);
}

int mea_tmodel_write(const struct mea_tmodel *m, bool bytes, const char *path)
{
	struct mea_graph *g;
	int rc = mea_graph_clone(m->graph, &g);

	if (rc)
		return rc;
	mea_params_store(m->params, g);
	if (bytes)
		rc = take_bytes(g, m);
	if (!rc)
		rc = mea_graph_write(g, path);
	mea_graph_free(g);
	return rc;
}

/* --- reading -------------------------------------------------------------------------- */

/* Three factors or addends of a Mul or an Add behind bytes; false: not as written here. */
static bool three(const struct mea_graph *g, int value, enum mea_op op, int *from, float out[3])
{
	int p = g->values[value].producer;
	const struct mea_node *n = p < 0 ? NULL : &g->nodes[p];
	const struct mea_value *c = n && n->op == op ? mea_node_in(g, n, 1) : NULL;
	size_t count = c && c->data && c->type == MEA_F32 ? mea_shape_count(&c->shape) : 0;

	if (count != 3)
		return false;
	memcpy(out, c->data, 3 * sizeof(*out));
	*from = n->in[0];
	return true;
}

/* The value that Mul and Add make of the bytes becomes the input. */
static int drop_bytes(struct mea_graph *g, struct mea_tmodel *m)
{
	float a[3], b[3];
	int x = -1, v = -1, rc;

	for (int i = 0; i < g->n_nodes && x < 0; i++)
		if (g->nodes[i].op == MEA_OP_Conv)
			x = g->nodes[i].in[0];
	if (x < 0 || !three(g, x, MEA_OP_Add, &v, b) || !three(g, v, MEA_OP_Mul, &v, a))
		return mea_fail(MEA_EUNSUPPORTED,
				"%s: its bytes are not normalised by one Mul and one Add before "
				"the first Conv",
				g->source);
	for (int c = 0; c < 3; c++) {
		m->std[c] = 1 / (255 * a[c]);
		m->mean[c] = -b[c] * m->std[c];
	}
	v = mea_graph_add_input(g, "normalised_image", MEA_F32, &g->values[x].shape);
	if (v < 0)
		return v;
	g->values[v].dynamic = g->values[g->inputs[0]].dynamic;
	mea_graph_replace(g, x, v);
	/* The nodes go first; then nothing needs the bytes. */
	rc = mea_graph_prune(g);
	if (rc)
		return rc;
	g->inputs[0] = g->inputs[1];
	g->n_inputs = 1;
	return mea_graph_prune(g);
}

int mea_tmodel_read(const char *path, const float mean[3], const float std[3], struct mea_tmodel *m)
{
	struct mea_graph *g;
	int rc = mea_graph_load(path, NULL, &g);

	if (rc)
		return rc;
	*m = (struct mea_tmodel){0};
	memcpy(m->mean, mean, sizeof(m->mean));
	memcpy(m->std, std, sizeof(m->std));
	if (g->n_inputs && g->values[g->inputs[0]].type == MEA_U8)
		rc = drop_bytes(g, m);
	m->graph = g;
	if (!rc)
		rc = mea_params_new(g, &m->params);
	if (rc)
		mea_tmodel_free(m);
	return rc;
}

/* --- the bundle -------------------------------------------------------------------------- */

int mea_tmodel_enter(const struct mea_tmodel *m, struct mea_bundle_edit *e, enum mea_net net)
{
	const char *path;
	int rc = mea_bundle_edit_path(e, net, MEA_FLOAT, &path);

	if (!rc)
		rc = mea_tmodel_write(m, net == MEA_NET_CLOUD, path);
	return rc ? rc : mea_bundle_edit_enter(e, net, MEA_FLOAT);
}
