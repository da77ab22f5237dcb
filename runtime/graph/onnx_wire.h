/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writing protobuf messages straight into bytes. Fields are named as in
 * onnx.proto, whose generated descriptors give number and type. Errors stick:
 * the writer goes on and the end tells.
 */
#ifndef MEA_ONNX_WIRE_H
#define MEA_ONNX_WIRE_H

#include "graph/onnx_io.h"

#define MEA_WIRE_DEPTH 12

struct mea_wire {
	uint8_t *data; /* the caller frees it */
	size_t size;
	bool failed; /* out of memory, or a field that the message does not have */
	int depth;   /* of the message being written; 0 is the outermost */
	struct {
		const ProtobufCMessageDescriptor *desc;
		size_t start; /* of its content */
	} open[MEA_WIRE_DEPTH];
};

/* Starts the outermost message in a zeroed w. */
void mea_wire_begin(struct mea_wire *w, const ProtobufCMessageDescriptor *desc);
/* Starts and ends a submessage of the message being written. */
void mea_wire_open(struct mea_wire *w, const char *field);
void mea_wire_close(struct mea_wire *w);

void mea_wire_int(struct mea_wire *w, const char *field, int64_t v);
void mea_wire_float(struct mea_wire *w, const char *field, float v);
void mea_wire_bytes(struct mea_wire *w, const char *field, const void *data, size_t size);
void mea_wire_string(struct mea_wire *w, const char *field, const char *text);

/* The attributes of a node as opset has them, as fields of a NodeProto. */
void mea_onnx_put_attrs(struct mea_wire *w, const struct mea_node *n, int opset);

#endif
