// SPDX-License-Identifier: Apache-2.0
/* Node attributes, as the operations' rows describe them. */
#include "graph/op.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "graph/onnx_wire.h"

static const Onnx__AttributeProto__AttributeType wanted[] = {
	[MEA_ATTR_INT] = ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INT,
	[MEA_ATTR_BOOL] = ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INT,
	[MEA_ATTR_FLOAT] = ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__FLOAT,
	[MEA_ATTR_PAIR] = ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INTS,
	[MEA_ATTR_PADS] = ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INTS,
	[MEA_ATTR_AXES] = ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INTS,
	[MEA_ATTR_CHOICE] = ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__STRING,
	[MEA_ATTR_ALL_PADS] = ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INTS,
	[MEA_ATTR_DTYPE] = ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INT,
	[MEA_ATTR_SCALAR] = ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__TENSOR,
	[MEA_ATTR_FIXED] = ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INT,
};

/* One integer of an attribute, within the row's bounds. */
static int in_bounds(const struct mea_attr *r, int64_t v)
{
	if (v < r->lo || v > r->hi)
		return mea_fail(MEA_EINVAL, "%lld is not in %lld .. %lld", (long long)v,
				(long long)r->lo, (long long)r->hi);
	return 0;
}

static int set_list(const struct mea_attr *r, const Onnx__AttributeProto *p, struct mea_attrs *a)
{
	int64_t *to = (int64_t *)((char *)a + r->at);
	size_t want = r->kind == MEA_ATTR_PAIR ? 2 : r->kind == MEA_ATTR_PADS ? 4 : p->n_ints;

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
	if (r->kind == MEA_ATTR_AXES)
		a->n_axes = (int)p->n_ints;
	return 0;
}

static int set_choice(const struct mea_attr *r, const Onnx__AttributeProto *p, int *to)
{
	for (*to = 0; r->choices[*to]; ++*to)
		if (p->s.len == strlen(r->choices[*to]) &&
		    !memcmp(p->s.data, r->choices[*to], p->s.len))
			return 0;
	return mea_fail(MEA_EUNSUPPORTED, "\"%.*s\" is not supported",
			p->s.len < 40 ? (int)p->s.len : 40, (const char *)p->s.data);
}

static int set_scalar(const Onnx__AttributeProto *p, struct mea_attrs *a)
{
	struct mea_tensor t = {0};
	int rc = p->t ? mea_onnx_tensor(p->t, NULL, 64, &t) : mea_fail(MEA_EINVAL, "no tensor");

	if (!rc && mea_shape_count(&t.shape) != 1)
		rc = mea_fail(MEA_EINVAL, "a tensor of other than one element");
	if (!rc) {
		a->to = t.type;
		a->start = mea_tensor_int(&t, 0);
		a->fill = t.type == MEA_F32 ? *(const float *)t.data : 0;
	}
	free(t.data);
	return rc;
}

static int set(const struct mea_attr *r, const Onnx__AttributeProto *p, struct mea_attrs *a)
{
	void *to = (char *)a + r->at;
	int type;

	switch (r->kind) {
	case MEA_ATTR_INT:
		*(int64_t *)to = p->i;
		return in_bounds(r, p->i);
	case MEA_ATTR_BOOL:
		*(bool *)to = p->i != 0;
		return p->i >> 1 ? mea_fail(MEA_EINVAL, "%lld is not in 0 .. 1", (long long)p->i)
				 : 0;
	case MEA_ATTR_FLOAT:
		*(float *)to = p->f;
		if (!isfinite(p->f))
			return mea_fail(MEA_EINVAL, "%g is not finite", (double)p->f);
		return 0;
	case MEA_ATTR_PAIR:
	case MEA_ATTR_PADS:
	case MEA_ATTR_AXES:
		return set_list(r, p, a);
	case MEA_ATTR_CHOICE:
		return set_choice(r, p, to);
	case MEA_ATTR_ALL_PADS:
		return mea_read_pads(a, p->ints, p->n_ints);
	case MEA_ATTR_DTYPE:
		type = p->i < 0 || p->i > INT_MAX ? -1 : mea_onnx_dtype((int)p->i);
		if (type < 0)
			return mea_fail(MEA_EUNSUPPORTED, "data type %lld is not supported",
					(long long)p->i);
		a->to = (enum mea_dtype)type;
		return 0;
	case MEA_ATTR_SCALAR:
		return set_scalar(p, a);
	case MEA_ATTR_FIXED:
		if (p->i != r->lo)
			return mea_fail(MEA_EUNSUPPORTED, "only %lld is supported, not %lld",
					(long long)r->lo, (long long)p->i);
		return 0;
	case MEA_ATTR_IGNORE:
		break;
	}
	return 0;
}

static const struct mea_attr *find(enum mea_op op, const char *name)
{
	const struct mea_attr *r = mea_op_row(op)->attrs;

	while (r->name && strcmp(r->name, name))
		r++;
	return r->name ? r : NULL;
}

int mea_onnx_attrs(const struct mea_graph *g, struct mea_node *n, const Onnx__NodeProto *p)
{
	for (size_t i = 0; i < p->n_attribute; i++) {
		const Onnx__AttributeProto *attr = p->attribute[i];
		const char *name = attr->name ? attr->name : "";
		const struct mea_attr *r = find(n->op, name);
		int rc;

		if (!r)
			return mea_node_fail(g, n, MEA_EUNSUPPORTED,
					     "attribute %.60s is not supported", name);
		if (r->kind == MEA_ATTR_IGNORE)
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
	}
	return 0;
}

static void put_ints(struct mea_wire *w, const int64_t *v, int n)
{
	for (int i = 0; i < n; i++)
		mea_wire_int(w, "ints", v[i]);
}

static void put_attr(struct mea_wire *w, const struct mea_attr *r, const struct mea_attrs *a)
{
	const void *from = (const char *)a + r->at;

	mea_wire_open(w, "attribute");
	mea_wire_string(w, "name", r->name);
	if (r->kind == MEA_ATTR_INT)
		mea_wire_int(w, "i", *(const int64_t *)from);
	else if (r->kind == MEA_ATTR_BOOL)
		mea_wire_int(w, "i", *(const bool *)from);
	else if (r->kind == MEA_ATTR_DTYPE)
		mea_wire_int(w, "i", mea_onnx_dtype_code(a->to));
	else if (r->kind == MEA_ATTR_FLOAT)
		mea_wire_float(w, "f", *(const float *)from);
	else if (r->kind == MEA_ATTR_CHOICE)
		mea_wire_string(w, "s", r->choices[*(const int *)from]);
	else
		put_ints(w, from,
			 r->kind == MEA_ATTR_PAIR   ? 2
			 : r->kind == MEA_ATTR_PADS ? 4
						    : a->n_axes);
	mea_wire_int(w, "type", wanted[r->kind]);
	mea_wire_close(w);
}

void mea_onnx_put_attrs(struct mea_wire *w, const struct mea_node *n, int opset)
{
	for (const struct mea_attr *r = mea_op_row(n->op)->attrs; r->name; r++) {
		if (r->kind == MEA_ATTR_FIXED || r->kind == MEA_ATTR_IGNORE || r->unwritten ||
		    (r->input_since && opset >= r->input_since) ||
		    (r->kind == MEA_ATTR_AXES && n->a.n_axes < 0))
			continue;
		put_attr(w, r, &n->a);
	}
}
