// SPDX-License-Identifier: Apache-2.0
/* The table of operations, and what is the same for all rows. */
#include "graph/op.h"

#include <string.h>

#include "base/error.h"
#include "graph/eval.h"

static const struct {
	const char *name;
	const struct mea_op_row *row;
} ops[MEA_OP_COUNT] = {
#define ROW(name) [MEA_OP_##name] = {#name, &mea_op_row_##name},
	MEA_OP_MAP(ROW)};

const struct mea_op_row *mea_op_row(enum mea_op op)
{
	return ops[op].row;
}

const char *mea_op_name(enum mea_op op)
{
	return (unsigned)op < MEA_OP_COUNT ? ops[op].name : "?";
}

enum mea_op mea_op_find(const char *name)
{
	int i = 0;

	while (i < MEA_OP_COUNT && strcmp(ops[i].name, name))
		i++;
	return (enum mea_op)i;
}

struct mea_attrs mea_attrs_default(enum mea_op op)
{
	struct mea_attrs a = {.n_axes = -1};

	for (const struct mea_attr *r = ops[op].row->attrs; r->name; r++) {
		void *to = (char *)&a + r->at;

		if (r->kind == MEA_ATTR_FLOAT)
			*(float *)to = (float)r->otherwise;
		else if (r->kind == MEA_ATTR_DTYPE)
			a.to = (enum mea_dtype)(-1); /* none */
		else if (r->kind == MEA_ATTR_BOOL)
			*(bool *)to = r->otherwise != 0;
		else if (r->kind == MEA_ATTR_INT || r->kind == MEA_ATTR_PAIR)
			*(int64_t *)to = (int64_t)r->otherwise;
		if (r->kind == MEA_ATTR_PAIR)
			((int64_t *)to)[1] = (int64_t)r->otherwise;
	}
	return a;
}

/* --- shapes ---------------------------------------------------------------- */

int mea_want_rank(const struct mea_value *v, int lo, int hi)
{
	char text[96];

	if (v->shape.rank < lo || v->shape.rank > hi)
		return mea_fail(MEA_EUNSUPPORTED,
				"input %s is %s; %d to %d dimensions are supported", v->name,
				mea_shape_text(&v->shape, text, sizeof(text)), lo, hi);
	return 0;
}

int mea_want_type(const struct mea_value *v, unsigned types)
{
	if (!(types >> v->type & 1))
		return mea_fail(MEA_EUNSUPPORTED, "input %s of type %s is not supported", v->name,
				mea_dtype_name(v->type));
	return 0;
}

int mea_axis(int64_t axis, int rank)
{
	if (axis < -rank || axis >= rank)
		return mea_fail(MEA_EINVAL, "axis %lld is outside %d dimensions", (long long)axis,
				rank);
	return (int)(axis < 0 ? axis + rank : axis);
}

bool mea_broadcast(const struct mea_shape *a, const struct mea_shape *b, struct mea_shape *out)
{
	struct mea_shape s = {.rank = a->rank > b->rank ? a->rank : b->rank};

	for (int i = 1; i <= s.rank; i++) {
		int64_t da = i <= a->rank ? a->dim[a->rank - i] : 1;
		int64_t db = i <= b->rank ? b->dim[b->rank - i] : 1;

		if (da != db && da != 1 && db != 1)
			return false;
		s.dim[s.rank - i] = da == 1 ? db : da;
	}
	*out = s;
	return true;
}

int mea_node_infer(const struct mea_graph *g, struct mea_node *n, enum mea_dtype *type,
		   struct mea_shape *shape)
{
	const struct mea_op_row *row = ops[n->op].row;
	struct mea_shaping s = {.g = g, .n = n, .x = mea_node_in(g, n, 0)};
	int rc = 0;

	for (int i = 0; !rc && row->rank[1] && i < row->in[0]; i++)
		rc = mea_want_rank(mea_node_in(g, n, i), row->rank[0], row->rank[1]);
	for (int i = 0; !rc && row->types && i < row->in[0]; i++)
		rc = mea_want_type(mea_node_in(g, n, i), row->types);
	if (rc)
		return rc;
	s.type = s.x->type;
	s.out = s.x->shape;
	rc = row->shape ? row->shape(&s) : 0;
	*type = s.type;
	*shape = s.out;
	return rc;
}

/* --- execution ------------------------------------------------------------- */

uint64_t mea_node_work(const struct mea_graph *g, const struct mea_node *n)
{
	const struct mea_op_row *row = ops[n->op].row;
	uint64_t work = mea_shape_count(&g->values[n->out].shape), each;

	if (!row->steps)
		return work + mea_shape_count(&mea_node_in(g, n, 0)->shape);
	each = row->steps(g, n);
	return each && work > UINT64_MAX / each ? UINT64_MAX : work * each;
}

uint64_t mea_node_macs(const struct mea_graph *g, const struct mea_node *n)
{
	return ops[n->op].row->multiplies ? mea_node_work(g, n) : 0;
}

int mea_eval_node(const struct mea_node *n, const struct mea_tensor *const *in,
		  const struct mea_tensor *out)
{
	return ops[n->op].row->eval(&(struct mea_call){n, in, out});
}
