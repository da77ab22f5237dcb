/* SPDX-License-Identifier: Apache-2.0 */
/* ONNX models field by field, for tests of what no writer of mea writes. */
#ifndef MEA_TEST_WIRE_BUILD_H
#define MEA_TEST_WIRE_BUILD_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "graph/onnx_wire.h"

#define FLOAT 1
#define INT16 5
#define INT64 7
#define INT4  22
#define HALF  10

#define BUILD static __attribute__((unused))

/* A model under construction: what every test needs is there from the start. */
BUILD struct mea_wire begin(int64_t opset)
{
	struct mea_wire w = {0};

	mea_wire_begin(&w, &onnx__model_proto__descriptor);
	mea_wire_int(&w, "ir_version", 7);
	mea_wire_open(&w, "opset_import");
	mea_wire_int(&w, "version", opset);
	mea_wire_close(&w);
	mea_wire_open(&w, "graph");
	mea_wire_string(&w, "name", "g");
	return w;
}

BUILD void info(struct mea_wire *w, const char *field, const char *name, int n, const int64_t *dim)
{
	mea_wire_open(w, field);
	mea_wire_string(w, "name", name);
	mea_wire_open(w, "type");
	mea_wire_open(w, "tensor_type");
	mea_wire_int(w, "elem_type", FLOAT);
	mea_wire_open(w, "shape");
	for (int i = 0; i < n; i++) {
		mea_wire_open(w, "dim");
		if (dim[i])
			mea_wire_int(w, "dim_value", dim[i]);
		else
			mea_wire_string(w, "dim_param", "n");
		mea_wire_close(w);
	}
	mea_wire_close(w);
	mea_wire_close(w);
	mea_wire_close(w);
	mea_wire_close(w);
}

#define DIMS(...)                                                                                  \
	(int)(sizeof((int64_t[]){__VA_ARGS__}) / sizeof(int64_t)), (int64_t[])                     \
	{                                                                                          \
		__VA_ARGS__                                                                        \
	}

/* An initialiser with size bytes of raw_data. */
BUILD void weights(struct mea_wire *w, const char *name, int type, size_t size, int n,
		   const int64_t *dim)
{
	void *raw = calloc(size + 1, 1);

	mea_wire_open(w, "initializer");
	for (int i = 0; i < n; i++)
		mea_wire_int(w, "dims", dim[i]);
	mea_wire_int(w, "data_type", type);
	mea_wire_string(w, "name", name);
	mea_wire_bytes(w, "raw_data", raw, size);
	mea_wire_close(w);
	free(raw);
}

/* Opens a node; in is a list of names separated by spaces. */
BUILD void open_node(struct mea_wire *w, const char *op, const char *name, const char *in,
		     const char *out)
{
	char copy[128], *save, *p;

	mea_wire_open(w, "node");
	snprintf(copy, sizeof(copy), "%s", in);
	for (p = strtok_r(copy, " ", &save); p; p = strtok_r(NULL, " ", &save))
		mea_wire_string(w, "input", p);
	mea_wire_string(w, "output", out);
	mea_wire_string(w, "name", name);
	mea_wire_string(w, "op_type", op);
}

BUILD void simple_node(struct mea_wire *w, const char *op, const char *name, const char *in,
		       const char *out)
{
	open_node(w, op, name, in, out);
	mea_wire_close(w);
}

BUILD void ints(struct mea_wire *w, const char *name, int n, const int64_t *v)
{
	mea_wire_open(w, "attribute");
	mea_wire_string(w, "name", name);
	for (int i = 0; i < n; i++)
		mea_wire_int(w, "ints", v[i]);
	mea_wire_int(w, "type", 7);
	mea_wire_close(w);
}

#endif
