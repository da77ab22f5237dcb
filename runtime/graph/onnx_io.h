/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the ONNX reader and writer share. */
#ifndef MEA_ONNX_IO_H
#define MEA_ONNX_IO_H

#include "graph/graph.h"
#include "onnx/onnx.pb-c.h"

/*
 * Walks a serialised message before protobuf-c unpacks it: well-formed to the
 * last byte, nested at most 32 deep (protobuf-c recurses), and at most budget
 * bytes once unpacked. Fails with a sentence that gives the byte offset.
 */
int mea_onnx_scan(const ProtobufCMessageDescriptor *desc, const void *data, size_t size,
		  uint64_t budget);

/* The element type of ONNX code (TensorProto.DataType); -1 when mea has none. */
int mea_onnx_dtype(int code);
/* And back. */
int mea_onnx_dtype_code(enum mea_dtype type);

/*
 * Decodes p into *t, whose data the caller frees. At most limit bytes. model: the path of the file
 * that p is from, beside which external data lies; NULL: external data is refused. The
 * message names the field at fault but not the tensor.
 */
int mea_onnx_tensor(const Onnx__TensorProto *p, const char *model, uint64_t limit,
		    struct mea_tensor *t);
/* Whether p's elements are in a file of their own. */
bool mea_onnx_is_external(const Onnx__TensorProto *p);
/* Reads p's elements, which take size bytes, from their file below the folder of model. */
int mea_onnx_external(const Onnx__TensorProto *p, const char *model, void *to, size_t size);

/* The same from a serialised TensorProto, as ONNX keeps test data in files. */
int mea_tensor_parse(const void *data, size_t size, struct mea_tensor *t);

/*
 * Reads the attributes of a node into n->a, where others keep their value. An attribute
 * that mea does not know or cannot honour is an error, never ignored.
 */
int mea_onnx_attrs(const struct mea_graph *g, struct mea_node *n, const Onnx__NodeProto *p);

struct mea_onnx_reader {
	struct mea_graph *g;
	const Onnx__ModelProto *model;
	const struct mea_load_options *opt; /* may be NULL */
	const char *path; /* beside which external data lies; NULL: it is refused */
	int64_t opset;
	uint64_t tensor_budget; /* bytes that constants may still take */
};

/* Names go into messages and terminals: no control characters, no megabytes. */
int mea_onnx_name(const struct mea_onnx_reader *r, const char *name);
/* Adds a tensor of the file as the constant name. */
int mea_onnx_constant(struct mea_onnx_reader *r, const char *name, const Onnx__TensorProto *p);

/* A node is read in two passes, as nodes may stand in any order: the first gives
 * its outputs their names (and makes a Constant a value), the second resolves
 * inputs and attributes. */
int mea_onnx_declare(struct mea_onnx_reader *r, const Onnx__NodeProto *p);
int mea_onnx_node(struct mea_onnx_reader *r, const Onnx__NodeProto *p);

/* An operation on integers, which is read as a float one between DequantizeLinear and
 * QuantizeLinear; NULL when the name is of none. */
const struct mea_integer_op *mea_onnx_integer_op(const char *name);
/* The second pass over a node p of kind q. */
int mea_onnx_integer_node(struct mea_onnx_reader *r, const Onnx__NodeProto *p,
			  const struct mea_integer_op *q);

#endif
