// SPDX-License-Identifier: Apache-2.0
/*
 * foreign KIND IN OUT: writes the ONNX model IN, which mea wrote, as other programs would have:
 *
 *   external   the constants in OUT.data
 *   nhwc       the image with its channels last, and a Transpose behind it
 *   uint8      the image as uint8, and a Cast behind it
 *   free       height and width of the image open
 *   map        the logits as 1xNx1x1
 *   float      the first output before its QuantizeLinear
 *   gray       the image of one channel, and a Concat of three behind it
 *   Softmax, LogSoftmax, Sigmoid, ...    that operation behind the first output
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "onnx/onnx.pb-c.h"

static void *zeroed(size_t size)
{
	void *p = calloc(1, size);

	if (!p)
		exit(1);
	return p;
}

/* The message that field describes, as protobuf-c initialises it. */
#define NEW(type, init, name)                                                                      \
	type *name = zeroed(sizeof(*name));                                                        \
	init(name)

static int external(Onnx__GraphProto *g, const char *out)
{
	const char *base = strrchr(out, '/') ? strrchr(out, '/') + 1 : out;
	char path[1024], text[2][24], name[1024];
	FILE *f;
	long at = 0;

	snprintf(path, sizeof(path), "%s.data", out);
	snprintf(name, sizeof(name), "%s.data", base);
	f = fopen(path, "wb");
	if (!f)
		return 1;
	for (size_t i = 0; i < g->n_initializer; i++) {
		Onnx__TensorProto *t = g->initializer[i];
		const char *pairs[3][2] = {
			{"location", name}, {"offset", text[0]}, {"length", text[1]}};

		if (!t->raw_data.len)
			continue;
		snprintf(text[0], sizeof(text[0]), "%ld", at);
		snprintf(text[1], sizeof(text[1]), "%zu", t->raw_data.len);
		at += (long)fwrite(t->raw_data.data, 1, t->raw_data.len, f);
		t->external_data = zeroed(3 * sizeof(*t->external_data));
		for (t->n_external_data = 0; t->n_external_data < 3; t->n_external_data++) {
			NEW(Onnx__StringStringEntryProto, onnx__string_string_entry_proto__init, e);

			e->key = strdup(pairs[t->n_external_data][0]);
			e->value = strdup(pairs[t->n_external_data][1]);
			t->external_data[t->n_external_data] = e;
		}
		t->has_raw_data = 0;
		t->has_data_location = 1;
		t->data_location = ONNX__TENSOR_PROTO__DATA_LOCATION__EXTERNAL;
	}
	return fclose(f) != 0;
}

/* A node that computes value to from value from, appended to the graph. */
static Onnx__NodeProto *append(Onnx__GraphProto *g, const char *op, const char *from,
			       const char *to)
{
	NEW(Onnx__NodeProto, onnx__node_proto__init, n);

	n->op_type = strdup(op);
	n->input = zeroed(sizeof(*n->input));
	n->output = zeroed(sizeof(*n->output));
	n->input[0] = strdup(from);
	n->output[0] = strdup(to);
	n->n_input = n->n_output = 1;
	g->node = realloc(g->node, (g->n_node + 1) * sizeof(*g->node));
	if (!g->node)
		exit(1);
	g->node[g->n_node++] = n;
	return n;
}

static Onnx__AttributeProto *attribute(Onnx__NodeProto *n, const char *name, int type)
{
	NEW(Onnx__AttributeProto, onnx__attribute_proto__init, a);

	a->name = strdup(name);
	a->has_type = 1;
	a->type = (Onnx__AttributeProto__AttributeType)type;
	n->attribute = zeroed(sizeof(*n->attribute));
	n->attribute[n->n_attribute++] = a;
	return a;
}

/* A node between the image and all that reads it. */
static Onnx__NodeProto *behind_input(Onnx__GraphProto *g, const char *op)
{
	const char *image = g->input[0]->name;

	for (size_t i = 0; i < g->n_node; i++)
		for (size_t j = 0; j < g->node[i]->n_input; j++)
			if (!strcmp(g->node[i]->input[j], image))
				g->node[i]->input[j] = strdup("image_taken");
	return append(g, op, image, "image_taken");
}

static int nhwc(Onnx__GraphProto *g)
{
	static const int64_t perm[] = {0, 3, 1, 2};
	Onnx__TensorShapeProto *s = g->input[0]->type->tensor_type->shape;
	Onnx__TensorShapeProto__Dimension *c = s->dim[1];
	Onnx__AttributeProto *a = attribute(behind_input(g, "Transpose"), "perm",
					    ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INTS);

	a->n_ints = 4;
	a->ints = zeroed(sizeof(perm));
	memcpy(a->ints, perm, sizeof(perm));
	s->dim[1] = s->dim[2];
	s->dim[2] = s->dim[3];
	s->dim[3] = c;
	return 0;
}

static int uint8(Onnx__GraphProto *g)
{
	Onnx__AttributeProto *a = attribute(behind_input(g, "Cast"), "to",
					    ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INT);

	a->has_i = 1;
	a->i = ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT;
	g->input[0]->type->tensor_type->elem_type = ONNX__TENSOR_PROTO__DATA_TYPE__UINT8;
	return 0;
}

/* Three times the one channel, as networks for RGB are fed. */
static int gray(Onnx__GraphProto *g)
{
	Onnx__NodeProto *n = behind_input(g, "Concat");
	Onnx__AttributeProto *a = attribute(n, "axis", ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INT);

	a->has_i = 1;
	a->i = 1;
	n->input = realloc(n->input, 3 * sizeof(*n->input));
	n->input[1] = n->input[2] = n->input[0];
	n->n_input = 3;
	g->input[0]->type->tensor_type->shape->dim[1]->dim_value = 1;
	return 0;
}

/* The logits behind an Unsqueeze whose axes are a constant. */
static int map(Onnx__GraphProto *g)
{
	Onnx__NodeProto *n = append(g, "Unsqueeze", g->output[0]->name, "answer");
	NEW(Onnx__TensorProto, onnx__tensor_proto__init, t);

	n->input = realloc(n->input, 2 * sizeof(*n->input));
	n->input[1] = t->name = strdup("map_axes");
	n->n_input = 2;
	t->n_dims = 1;
	t->dims = zeroed(sizeof(*t->dims));
	t->dims[0] = t->n_int64_data = 2;
	t->has_data_type = 1;
	t->data_type = ONNX__TENSOR_PROTO__DATA_TYPE__INT64;
	t->int64_data = zeroed(2 * sizeof(*t->int64_data));
	t->int64_data[0] = 2;
	t->int64_data[1] = 3;
	g->initializer = realloc(g->initializer, (g->n_initializer + 1) * sizeof(*g->initializer));
	g->initializer[g->n_initializer++] = t;
	g->output[0]->name = n->output[0];
	g->output[0]->type->tensor_type->shape->n_dim = 0;
	return 0;
}

static int open_sides(Onnx__GraphProto *g)
{
	Onnx__TensorShapeProto *s = g->input[0]->type->tensor_type->shape;

	for (size_t i = 2; i < 4; i++) {
		s->dim[i]->value_case = ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_PARAM;
		s->dim[i]->dim_param = strdup(i == 2 ? "height" : "width");
	}
	return 0;
}

static const Onnx__NodeProto *producer(const Onnx__GraphProto *g, const char *value)
{
	for (size_t i = 0; i < g->n_node; i++)
		if (!strcmp(g->node[i]->output[0], value))
			return g->node[i];
	return NULL;
}

static int float_end(Onnx__GraphProto *g)
{
	const Onnx__NodeProto *dq = producer(g, g->output[0]->name);
	const Onnx__NodeProto *q = dq ? producer(g, dq->input[0]) : NULL;

	if (!q || strcmp(q->op_type, "QuantizeLinear"))
		return 1;
	g->output[0]->name = strdup(q->input[0]);
	return 0;
}

static int edit(Onnx__GraphProto *g, const char *kind, const char *out)
{
	if (!strcmp(kind, "external"))
		return external(g, out);
	if (!strcmp(kind, "nhwc"))
		return nhwc(g);
	if (!strcmp(kind, "uint8"))
		return uint8(g);
	if (!strcmp(kind, "free"))
		return open_sides(g);
	if (!strcmp(kind, "map"))
		return map(g);
	if (!strcmp(kind, "float"))
		return float_end(g);
	if (!strcmp(kind, "gray"))
		return gray(g);
	append(g, kind, g->output[0]->name, "answer");
	g->output[0]->name = strdup("answer");
	return 0;
}

int main(int argc, char **argv)
{
	static uint8_t data[8 << 20];
	FILE *f = argc == 4 ? fopen(argv[2], "rb") : NULL;
	size_t size = f ? fread(data, 1, sizeof(data), f) : 0;
	Onnx__ModelProto *m = onnx__model_proto__unpack(NULL, size, data);

	if (!f || !m || !m->graph || edit(m->graph, argv[1], argv[3])) {
		fputs("usage: foreign KIND IN OUT\n", stderr);
		return 2;
	}
	fclose(f);
	size = onnx__model_proto__pack(m, data);
	f = fopen(argv[3], "wb");
	return !f || fwrite(data, 1, size, f) != size || fclose(f);
}
