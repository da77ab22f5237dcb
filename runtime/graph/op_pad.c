// SPDX-License-Identifier: Apache-2.0
/* Pad: its list of pads, as input or attribute, and what it computes. */
#include <string.h>

#include "base/error.h"
#include "graph/onnx_io.h"
#include "graph/op.h"

int mea_read_pads(struct mea_attrs *a, const int64_t *list, size_t count)
{
	size_t rank = count / 2;

	for (size_t i = 0; i < count; i++) {
		size_t axis = i % (rank + !rank);

		if (list[i] < 0 || list[i] > MEA_SIDE_MAX)
			return mea_fail(MEA_EUNSUPPORTED, "%lld is not in 0 .. %d",
					(long long)list[i], MEA_SIDE_MAX);
		if (list[i] && (count != 8 || axis < 2))
			return mea_fail(MEA_EUNSUPPORTED,
					"only height and width of NCHW can be padded");
	}
	if (count == 8)
		for (int i = 0; i < 2; i++) {
			a->pad[i] = list[2 + i];
			a->pad[2 + i] = list[6 + i];
		}
	return 0;
}

/* Before opset 11 the pads are attributes. */
static int pad_read(const struct mea_onnx_reader *r, struct mea_node *n)
{
	if (r->opset < 11)
		return n->n_in == 1
			       ? 0
			       : mea_node_fail(r->g, n, MEA_EINVAL, "%d inputs, not 1", n->n_in);
	if (!mea_node_in(r->g, n, 1))
		return mea_node_fail(r->g, n, MEA_EINVAL, "input pads is missing");
	return 0;
}

/* Moves the inputs behind the first, which are constant once what they depend on is evaluated,
 * into the attributes. */
static int take_inputs(const struct mea_graph *g, struct mea_node *n)
{
	const struct mea_value *pads = mea_node_in(g, n, 1), *fill = mea_node_in(g, n, 2);
	struct mea_tensor t = mea_value_tensor(pads);
	size_t count = mea_shape_count(&t.shape);
	int64_t list[2 * MEA_RANK_MAX];
	int rc;

	if (!t.data || t.type != MEA_I64 || count > 2 * MEA_RANK_MAX || mea_node_in(g, n, 3))
		return mea_fail(MEA_EUNSUPPORTED,
				"pads are not constant, or given for some axes only");
	for (size_t i = 0; i < count; i++)
		list[i] = mea_tensor_int(&t, i);
	rc = mea_read_pads(&n->a, list, count);
	if (!rc && fill) {
		t = mea_value_tensor(fill);
		if (!t.data || t.type != MEA_F32 || mea_shape_count(&t.shape) != 1)
			return mea_fail(MEA_EUNSUPPORTED, "constant_value is not a constant float");
		n->a.fill = *(const float *)t.data;
	}
	n->n_in = 1;
	return rc;
}

static int pad_eval(const struct mea_call *c)
{
	const struct mea_tensor *x = c->in[0], *y = c->out;
	const int64_t *p = c->n->a.pad, *xd = x->shape.dim, *yd = y->shape.dim;
	size_t total = mea_shape_count(&y->shape);
	const float *from = x->data;
	float *to = y->data;

	if (x->shape.rank != 4) { /* then by nothing */
		memcpy(to, from, sizeof(*to) * total);
		return 0;
	}
	for (size_t i = 0; i < total; i++)
		to[i] = c->n->a.fill;
	for (int64_t plane = 0; plane < xd[0] * xd[1]; plane++)
		for (int64_t row = 0; row < xd[2]; row++, from += xd[3])
			memcpy(to + (plane * yd[2] + row + p[0]) * yd[3] + p[1], from,
			       sizeof(*from) * (size_t)xd[3]);
	return 0;
}

static int pad_shape(struct mea_shaping *s)
{
	const int64_t *pad = s->n->a.pad;
	int rc = s->n->n_in > 1 ? take_inputs(s->g, s->n) : 0;

	if (rc)
		return rc;
	for (int i = 0; i < 2; i++) {
		if ((pad[i] || pad[2 + i]) && s->out.rank != 4)
			return mea_fail(MEA_EINVAL, "pads for 4 dimensions, the input has %d",
					s->out.rank);
		if (s->out.rank == 4)
			s->out.dim[2 + i] += pad[i] + pad[2 + i];
	}
	return 0;
}

static const char *pad_unwritable(const struct mea_node *n)
{
	(void)n;
	return "padding that no Conv or AveragePool takes over";
}

MEA_OP(Pad, .in = {1, 4}, .since = 2, .types = MEA_FLOAT,
       .attrs = {MEA_ATTR("pads", ALL_PADS, pad, 0, MEA_SIDE_MAX),
		 MEA_ATTR("mode", CHOICE, mode, .unwritten = true, .choices = {"constant"}),
		 MEA_ATTR("value", FLOAT, fill)},
       .read = pad_read, .shape = pad_shape, .eval = pad_eval, .unwritable = pad_unwritable);
