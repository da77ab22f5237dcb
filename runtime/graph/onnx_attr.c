// SPDX-License-Identifier: Apache-2.0
/* Node attributes, by one table: which operation has which, and its bounds. */
#include "graph/onnx_wire.h"

#include <limits.h>
#include <math.h>
#include <string.h>

#include "base/error.h"

#define SIDE_MAX   65536 /* strides, dilations, pads */
#define KERNEL_MAX 32767
#define AXIS_MAX   64 /* any valid axis is within; shape inference says which */

enum kind {
	INT,	  /* int64_t within lo .. hi */
	BOOL,	  /* bool from 0 or 1 */
	FLOAT,	  /* any finite number */
	PAIR,	  /* two int64_t, y and x */
	PADS,	  /* begin y, begin x, end y, end x */
	AXES,	  /* axes[], n_axes */
	AUTO_PAD, /* a string */
	ALL_PADS, /* begin of every axis, end of every axis */
	CONSTANT, /* a string: the one way of Pad that mea has */
	DTYPE,
	FIXED,	/* the only value that mea honours is lo */
	IGNORE, /* has no influence on what mea computes */
};

#define OP(name)  (UINT64_C(1) << MEA_OP_##name)
#define AT(field) offsetof(struct mea_attrs, field)
#define POOLS	  (OP(MaxPool) | OP(AveragePool))
#define WINDOWS	  (OP(Conv) | POOLS)
#define WITH_AXIS                                                                                  \
	(OP(Flatten) | OP(Concat) | OP(Gather) | OP(Softmax) | OP(QuantizeLinear) |                \
	 OP(DequantizeLinear))

static const struct row {
	const char *name;
	uint64_t ops;
	enum kind kind;
	size_t at;
	int64_t lo, hi;
} rows[] = {
	{"kernel_shape", WINDOWS, PAIR, AT(kernel), 1, KERNEL_MAX},
	{"strides", WINDOWS, PAIR, AT(stride), 1, SIDE_MAX},
	{"dilations", WINDOWS, PAIR, AT(dilation), 1, SIDE_MAX},
	{"pads", WINDOWS, PADS, AT(pad), 0, SIDE_MAX},
	{"pads", OP(Pad), ALL_PADS, AT(pad), 0, SIDE_MAX},
	{"mode", OP(Pad), CONSTANT, 0, 0, 0},
	{"value", OP(Pad), FLOAT, AT(fill), 0, 0},
	{"auto_pad", WINDOWS, AUTO_PAD, AT(auto_pad), 0, 0},
	{"group", OP(Conv), INT, AT(group), 1, INT_MAX},
	{"ceil_mode", POOLS, BOOL, AT(ceil_mode), 0, 1},
	{"storage_order", OP(MaxPool), IGNORE, 0, 0, 0},
	{"count_include_pad", OP(AveragePool), BOOL, AT(count_include_pad), 0, 1},
	{"alpha", OP(Gemm), FLOAT, AT(alpha), 0, 0},
	{"beta", OP(Gemm), FLOAT, AT(beta), 0, 0},
	{"transA", OP(Gemm), BOOL, AT(trans_a), 0, 1},
	{"transB", OP(Gemm), BOOL, AT(trans_b), 0, 1},
	{"epsilon", OP(BatchNormalization), FLOAT, AT(epsilon), 0, 0},
	{"momentum", OP(BatchNormalization), IGNORE, 0, 0, 0},
	{"training_mode", OP(BatchNormalization), FIXED, 0, 0, 0},
	{"spatial", OP(BatchNormalization), FIXED, 0, 1, 0},
	{"min", OP(Clip), FLOAT, AT(lo), 0, 0},
	{"max", OP(Clip), FLOAT, AT(hi), 0, 0},
	{"axis", WITH_AXIS, INT, AT(axis), -AXIS_MAX, AXIS_MAX},
	{"axes", OP(ReduceMean) | OP(Squeeze) | OP(Unsqueeze), AXES, AT(axes), -AXIS_MAX, AXIS_MAX},
	{"perm", OP(Transpose), AXES, AT(axes), 0, AXIS_MAX},
	{"keepdims", OP(ReduceMean), BOOL, AT(keepdims), 0, 1},
	{"noop_with_empty_axes", OP(ReduceMean), BOOL, AT(noop_empty_axes), 0, 1},
	{"allowzero", OP(Reshape), BOOL, AT(allow_zero), 0, 1},
	{"start", OP(Shape), INT, AT(start), INT64_MIN, INT64_MAX},
	{"end", OP(Shape), INT, AT(end), INT64_MIN, INT64_MAX},
	{"to", OP(Cast), DTYPE, AT(to), 0, 0},
	{"ratio", OP(Dropout), IGNORE, 0, 0, 0},
	{"seed", OP(Dropout), IGNORE, 0, 0, 0},
	{"saturate", OP(QuantizeLinear) | OP(Cast), IGNORE, 0, 0, 0},
	{"block_size", OP(QuantizeLinear) | OP(DequantizeLinear), FIXED, 0, 0, 0},
};

static const Onnx__AttributeProto__AttributeType wanted[] = {
	[INT] = ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INT,
	[BOOL] = ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INT,
	[FLOAT] = ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__FLOAT,
	[PAIR] = ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INTS,
	[PADS] = ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INTS,
	[AXES] = ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INTS,
	[AUTO_PAD] = ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__STRING,
	[ALL_PADS] = ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INTS,
	[CONSTANT] = ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__STRING,
	[DTYPE] = ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INT,
	[FIXED] = ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INT,
};

/* One integer of an attribute, within the row's bounds. */
static int in_bounds(const struct row *r, int64_t v)
{
	if (v < r->lo || v > r->hi)
		return mea_fail(MEA_EINVAL, "%lld is not in %lld .. %lld", (long long)v,
				(long long)r->lo, (long long)r->hi);
	return 0;
}

static int set_list(const struct row *r, const Onnx__AttributeProto *p, struct mea_attrs *a)
{
	int64_t *to = (int64_t *)((char *)a + r->at);
	size_t want = r->kind == PAIR ? 2 : r->kind == PADS ? 4 : p->n_ints;

	if (p->n_ints != want)
		return mea_fail(MEA_EUNSUPPORTED, "%zu entries, not %zu: only 2-D is supported",
				p->n_ints, want);
	if (p->n_ints > MEA_RANK_MAX)
		return mea_fail(MEA_EINVAL, "%zu entries (at most %d)", p->n_ints, MEA_RANK_MAX);
	for (size_t i = 0; i < p->n_ints; i++) {
		int rc = in_bounds(r, p->ints[i]);

		if (rc)
			return rc;
		to[i] = p->ints[i];
	}
	if (r->kind == AXES)
		a->n_axes = (int)p->n_ints;
	return 0;
}

static int set_auto_pad(const Onnx__AttributeProto *p, struct mea_attrs *a)
{
	static const char *const names[] = {
		[MEA_PAD_NOTSET] = "NOTSET",
		[MEA_PAD_SAME_UPPER] = "SAME_UPPER",
		[MEA_PAD_SAME_LOWER] = "SAME_LOWER",
		[MEA_PAD_VALID] = "VALID",
	};

	for (int i = 0; i < 4; i++) {
		if (p->s.len == strlen(names[i]) && !memcmp(p->s.data, names[i], p->s.len)) {
			a->auto_pad = (enum mea_auto_pad)i;
			return 0;
		}
	}
	return mea_fail(MEA_EINVAL, "unknown way to pad");
}

int mea_onnx_pads(struct mea_attrs *a, const int64_t *list, size_t count)
{
	size_t rank = count / 2;

	for (size_t i = 0; i < count; i++) {
		size_t axis = i % (rank + !rank);

		if (list[i] < 0 || list[i] > SIDE_MAX)
			return mea_fail(MEA_EUNSUPPORTED, "%lld is not in 0 .. %d",
					(long long)list[i], SIDE_MAX);
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

static int set(const struct row *r, const Onnx__AttributeProto *p, struct mea_attrs *a)
{
	void *to = (char *)a + r->at;
	int type;

	switch (r->kind) {
	case INT:
		*(int64_t *)to = p->i;
		return in_bounds(r, p->i);
	case BOOL:
		*(bool *)to = p->i != 0;
		return in_bounds(r, p->i);
	case FLOAT:
		*(float *)to = p->f;
		if (!isfinite(p->f))
			return mea_fail(MEA_EINVAL, "%g is not finite", (double)p->f);
		return 0;
	case PAIR:
	case PADS:
	case AXES:
		return set_list(r, p, a);
	case AUTO_PAD:
		return set_auto_pad(p, a);
	case ALL_PADS:
		return mea_onnx_pads(a, p->ints, p->n_ints);
	case CONSTANT:
		if (p->s.len != strlen("constant") || memcmp(p->s.data, "constant", p->s.len))
			return mea_fail(MEA_EUNSUPPORTED, "only \"constant\" is supported");
		return 0;
	case DTYPE:
		type = p->i < 0 || p->i > INT_MAX ? -1 : mea_onnx_dtype((int)p->i);
		if (type < 0)
			return mea_fail(MEA_EUNSUPPORTED, "data type %lld is not supported",
					(long long)p->i);
		a->to = (enum mea_dtype)type;
		return 0;
	case FIXED:
		if (p->i != r->lo)
			return mea_fail(MEA_EUNSUPPORTED, "only %lld is supported, not %lld",
					(long long)r->lo, (long long)p->i);
		return 0;
	case IGNORE:
		break;
	}
	return 0;
}

static const struct row *find(enum mea_op op, const char *name)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if ((rows[i].ops & UINT64_C(1) << op) && !strcmp(rows[i].name, name))
			return &rows[i];
	return NULL;
}

int mea_onnx_attrs(const struct mea_graph *g, struct mea_node *n, const Onnx__NodeProto *p,
		   int64_t opset)
{
	bool has_to = false;

	n->a = mea_attrs_default(n->op);
	if (n->op == MEA_OP_Softmax && opset < 13) {
		n->a.axis = 1;
		n->a.coerce_2d = true;
	}
	for (size_t i = 0; i < p->n_attribute; i++) {
		const Onnx__AttributeProto *attr = p->attribute[i];
		const char *name = attr->name ? attr->name : "";
		const struct row *r = find(n->op, name);
		int rc;

		if (!r)
			return mea_node_fail(g, n, MEA_EUNSUPPORTED,
					     "attribute %.60s is not supported", name);
		if (r->kind == IGNORE)
			continue;
		if (attr->has_type && attr->type != wanted[r->kind])
			return mea_node_fail(g, n, MEA_EINVAL, "attribute %s has type %d, not %d",
					     name, (int)attr->type, (int)wanted[r->kind]);
		rc = set(r, attr, &n->a);
		if (rc) {
			mea_fail_in(rc, "attribute %s", name);
			return mea_fail_in(rc, "%s: node %.100s (%s)", g->source, n->name,
					   mea_op_name(n->op));
		}
		has_to |= r->kind == DTYPE;
	}
	if (n->op == MEA_OP_Cast && !has_to)
		return mea_node_fail(g, n, MEA_EINVAL, "attribute to is missing");
	return 0;
}

/* Rows that opset 13 expresses otherwise (inputs) or not at all. */
static bool written(const struct row *r, enum mea_op op)
{
	if (r->kind == FIXED || r->kind == IGNORE || op == MEA_OP_Clip || op == MEA_OP_Shape ||
	    op == MEA_OP_Squeeze || op == MEA_OP_Unsqueeze)
		return false;
	if (op == MEA_OP_AveragePool && r->at == AT(dilation))
		return false;
	return r->at != AT(noop_empty_axes) && r->at != AT(allow_zero);
}

static void put_ints(struct mea_wire *w, const int64_t *v, int n)
{
	for (int i = 0; i < n; i++)
		mea_wire_int(w, "ints", v[i]);
}

static void put_attr(struct mea_wire *w, const struct row *r, const struct mea_attrs *a)
{
	const void *from = (const char *)a + r->at;

	mea_wire_open(w, "attribute");
	mea_wire_string(w, "name", r->name);
	if (r->kind == INT)
		mea_wire_int(w, "i", *(const int64_t *)from);
	else if (r->kind == BOOL)
		mea_wire_int(w, "i", *(const bool *)from);
	else if (r->kind == DTYPE)
		mea_wire_int(w, "i", mea_onnx_dtype_code(a->to));
	else if (r->kind == FLOAT)
		mea_wire_float(w, "f", *(const float *)from);
	else
		put_ints(w, from, r->kind == PAIR ? 2 : r->kind == PADS ? 4 : a->n_axes);
	mea_wire_int(w, "type", wanted[r->kind]);
	mea_wire_close(w);
}

void mea_onnx_put_attrs(struct mea_wire *w, const struct mea_node *n)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct row *r = &rows[i];

		if (!(r->ops & UINT64_C(1) << n->op) || !written(r, n->op))
			continue;
		/* Shape inference turned auto_pad into pads. */
		if (r->kind == AUTO_PAD || (r->kind == AXES && n->a.n_axes < 0))
			continue;
		put_attr(w, r, &n->a);
	}
}
