// SPDX-License-Identifier: Apache-2.0
/* TensorProto to tensor: four encodings of the same numbers. */
#include "graph/onnx_io.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "raw_data is little endian; mea reads it in place"
#endif

static const struct {
	enum mea_dtype type;
	int code;
} codes[] = {
	{MEA_F32, ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT},
	{MEA_U8, ONNX__TENSOR_PROTO__DATA_TYPE__UINT8},
	{MEA_I8, ONNX__TENSOR_PROTO__DATA_TYPE__INT8},
	{MEA_I32, ONNX__TENSOR_PROTO__DATA_TYPE__INT32},
	{MEA_I64, ONNX__TENSOR_PROTO__DATA_TYPE__INT64},
	{MEA_BOOL, ONNX__TENSOR_PROTO__DATA_TYPE__BOOL},
};

int mea_onnx_dtype(int code)
{
	for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++)
		if (codes[i].code == code)
			return codes[i].type;
	return -1;
}

int mea_onnx_dtype_code(enum mea_dtype type)
{
	return codes[type].code; /* in the order of enum mea_dtype */
}

static int fill_int32(const Onnx__TensorProto *p, struct mea_tensor *t, size_t n)
{
	if (p->n_int32_data != n)
		return mea_fail(MEA_EINVAL, "int32_data has %zu elements, the shape %zu",
				p->n_int32_data, n);
	for (size_t i = 0; i < n; i++) {
		int32_t v = p->int32_data[i];

		if (t->type == MEA_I32)
			((int32_t *)t->data)[i] = v;
		else if (t->type == MEA_I8 && v >= -128 && v <= 127)
			((int8_t *)t->data)[i] = (int8_t)v;
		else if (t->type == MEA_U8 && v >= 0 && v <= 255)
			((uint8_t *)t->data)[i] = (uint8_t)v;
		else if (t->type == MEA_BOOL)
			((uint8_t *)t->data)[i] = v != 0;
		else
			return mea_fail(MEA_EINVAL, "int32_data[%zu] = %d is outside %s", i, v,
					mea_dtype_name(t->type));
	}
	return 0;
}

static int fill(const Onnx__TensorProto *p, struct mea_tensor *t, size_t n, size_t bytes)
{
	if (p->has_raw_data && (p->raw_data.len || !n)) {
		if (p->raw_data.len != bytes)
			return mea_fail(MEA_EINVAL, "raw_data has %zu bytes, the shape takes %zu",
					p->raw_data.len, bytes);
		if (bytes)
			memcpy(t->data, p->raw_data.data, bytes);
		for (size_t i = 0; t->type == MEA_BOOL && i < n; i++)
			((uint8_t *)t->data)[i] = ((uint8_t *)t->data)[i] != 0;
		return 0;
	}
	if (t->type == MEA_F32) {
		if (p->n_float_data != n)
			return mea_fail(MEA_EINVAL, "float_data has %zu elements, the shape %zu",
					p->n_float_data, n);
		if (bytes)
			memcpy(t->data, p->float_data, bytes);
		return 0;
	}
	if (t->type == MEA_I64) {
		if (p->n_int64_data != n)
			return mea_fail(MEA_EINVAL, "int64_data has %zu elements, the shape %zu",
					p->n_int64_data, n);
		if (bytes)
			memcpy(t->data, p->int64_data, bytes);
		return 0;
	}
	return fill_int32(p, t, n);
}

int mea_onnx_tensor(const Onnx__TensorProto *p, uint64_t limit, struct mea_tensor *t)
{
	int type = mea_onnx_dtype(p->data_type), rc;
	size_t bytes;

	memset(t, 0, sizeof(*t));
	if (type < 0)
		return mea_fail(MEA_EUNSUPPORTED, "data_type %d is not supported", p->data_type);
	if ((p->has_data_location &&
	     p->data_location == ONNX__TENSOR_PROTO__DATA_LOCATION__EXTERNAL) ||
	    p->n_external_data)
		return mea_fail(MEA_EUNSUPPORTED,
				"external_data is not supported; save the model in one file");
	if (p->segment)
		return mea_fail(MEA_EUNSUPPORTED, "segment is not supported");
	if (p->n_dims > MEA_RANK_MAX)
		return mea_fail(MEA_EUNSUPPORTED, "dims has %zu entries (at most %d)", p->n_dims,
				MEA_RANK_MAX);
	t->type = (enum mea_dtype)type;
	t->shape.rank = (int)p->n_dims;
	for (size_t i = 0; i < p->n_dims; i++)
		t->shape.dim[i] = p->dims[i];
	rc = mea_shape_bytes(&t->shape, t->type, limit, &bytes);
	if (rc)
		return rc;
	t->data = malloc(bytes + !bytes);
	if (!t->data)
		return mea_nomem();
	rc = fill(p, t, mea_shape_count(&t->shape), bytes);
	if (rc) {
		free(t->data);
		t->data = NULL;
	}
	return rc;
}

int mea_tensor_parse(const void *data, size_t size, struct mea_tensor *t)
{
	Onnx__TensorProto *p;
	int rc = mea_onnx_scan(&onnx__tensor_proto__descriptor, data, size, UINT64_C(1) << 30);

	if (rc)
		return rc;
	p = onnx__tensor_proto__unpack(NULL, size, data);
	if (!p)
		return mea_fail(MEA_EINVAL, "not a valid ONNX tensor");
	rc = mea_onnx_tensor(p, UINT64_C(1) << 30, t);
	onnx__tensor_proto__free_unpacked(p, NULL);
	return rc;
}
