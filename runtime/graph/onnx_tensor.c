// SPDX-License-Identifier: Apache-2.0
/* TensorProto to tensor: four encodings of the same numbers. */
#include "graph/onnx_io.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "raw_data is little endian; mea reads it in place"
#endif

#define GIB (UINT64_C(1) << 30)

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
	/* Read as float32, never written. */
	{MEA_F32, ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT16},
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

bool mea_onnx_is_external(const Onnx__TensorProto *p)
{
	return p->n_external_data ||
	       (p->has_data_location &&
		p->data_location == ONNX__TENSOR_PROTO__DATA_LOCATION__EXTERNAL);
}

static bool is_half(const Onnx__TensorProto *p)
{
	return p->data_type == ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT16;
}

/* The value of a float16 with these bits. */
static float from_half(uint16_t bits)
{
	int exponent = bits >> 10 & 31;
	float fraction = (float)(bits & 1023), v;

	if (exponent == 31)
		v = fraction > 0 ? NAN : INFINITY;
	else
		v = exponent ? ldexpf(fraction + 1024, exponent - 25) : ldexpf(fraction, -24);
	return bits >> 15 ? -v : v;
}

static int fill_int32(const Onnx__TensorProto *p, struct mea_tensor *t, size_t n)
{
	if (p->n_int32_data != n)
		return mea_fail(MEA_EINVAL, "int32_data has %zu elements, the shape %zu",
				p->n_int32_data, n);
	for (size_t i = 0; i < n; i++) {
		int32_t v = p->int32_data[i];

		/* A float16 stands here by its bits. */
		if (t->type == MEA_I32)
			((int32_t *)t->data)[i] = v;
		else if (t->type == MEA_I8 && v >= -128 && v <= 127)
			((int8_t *)t->data)[i] = (int8_t)v;
		else if (t->type == MEA_U8 && v >= 0 && v <= 255)
			((uint8_t *)t->data)[i] = (uint8_t)v;
		else if (t->type == MEA_BOOL)
			((uint8_t *)t->data)[i] = v != 0;
		else if (t->type == MEA_F32 && v >= 0 && v <= UINT16_MAX)
			((float *)t->data)[i] = from_half((uint16_t)v);
		else
			return mea_fail(MEA_EINVAL, "int32_data[%zu] = %d is outside %s", i, v,
					mea_dtype_name(t->type));
	}
	return 0;
}

/* From n elements as raw_data and files keep them. */
static void fill_raw(const Onnx__TensorProto *p, const void *raw, struct mea_tensor *t, size_t n)
{
	size_t bytes = n * mea_dtype_size(t->type);

	if (is_half(p))
		for (size_t i = 0; i < n; i++)
			((float *)t->data)[i] = from_half(((const uint16_t *)raw)[i]);
	else if (bytes)
		memcpy(t->data, raw, bytes);
	for (size_t i = 0; t->type == MEA_BOOL && i < n; i++)
		((uint8_t *)t->data)[i] = ((uint8_t *)t->data)[i] != 0;
}

static int fill_external(const Onnx__TensorProto *p, const char *model, struct mea_tensor *t,
			 size_t n, size_t bytes)
{
	void *raw = malloc(bytes + !bytes);
	int rc = raw ? mea_onnx_external(p, model, raw, bytes) : mea_nomem();

	if (!rc)
		fill_raw(p, raw, t, n);
	free(raw);
	return rc;
}

static int fill(const Onnx__TensorProto *p, const char *model, struct mea_tensor *t, size_t n)
{
	size_t bytes = n * mea_dtype_size(t->type), stored = is_half(p) ? n * 2 : bytes;

	if (mea_onnx_is_external(p))
		return fill_external(p, model, t, n, stored);
	if (p->has_raw_data && (p->raw_data.len || !n)) {
		if (p->raw_data.len != stored)
			return mea_fail(MEA_EINVAL, "raw_data has %zu bytes, the shape takes %zu",
					p->raw_data.len, stored);
		fill_raw(p, p->raw_data.data, t, n);
		return 0;
	}
	if (t->type == MEA_F32 && !is_half(p)) {
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

/* What ONNX calls an element type; types of 4 bits are younger than the schema. */
static const char *type_name(int code)
{
	const ProtobufCEnumValue *v = protobuf_c_enum_descriptor_get_value(
		&onnx__tensor_proto__data_type__descriptor, code);

	return v ? v->name : code == 21 ? "UINT4" : code == 22 ? "INT4" : "?";
}

int mea_onnx_tensor(const Onnx__TensorProto *p, const char *model, uint64_t limit,
		    struct mea_tensor *t)
{
	int type = mea_onnx_dtype(p->data_type), rc;
	size_t bytes;

	memset(t, 0, sizeof(*t));
	if (type < 0)
		return mea_fail(MEA_EUNSUPPORTED, "data_type %d (%s) is not supported",
				p->data_type, type_name(p->data_type));
	if (p->segment)
		return mea_fail(MEA_EUNSUPPORTED, "segment is not supported");
	if (p->n_dims > MEA_RANK_MAX)
		return mea_fail(MEA_EUNSUPPORTED, "dims has %zu entries (at most %d)", p->n_dims,
				MEA_RANK_MAX);
	t->type = (enum mea_dtype)type;
	t->shape.rank = (int)p->n_dims;
	for (size_t i = 0; i < p->n_dims; i++)
		t->shape.dim[i] = p->dims[i];
	rc = mea_shape_bytes(&t->shape, t->type, GIB, &bytes);
	if (!rc && bytes > limit)
		rc = mea_fail(MEA_EINVAL, "all constants up to here take too much memory");
	if (rc)
		return rc;
	t->data = malloc(bytes + !bytes);
	if (!t->data)
		return mea_nomem();
	rc = fill(p, model, t, mea_shape_count(&t->shape));
	if (rc) {
		free(t->data);
		t->data = NULL;
	}
	return rc;
}

int mea_tensor_parse(const void *data, size_t size, struct mea_tensor *t)
{
	Onnx__TensorProto *p;
	int rc = mea_onnx_scan(&onnx__tensor_proto__descriptor, data, size, GIB);

	if (rc)
		return rc;
	p = onnx__tensor_proto__unpack(NULL, size, data);
	if (!p)
		return mea_fail(MEA_EINVAL, "not a valid ONNX tensor");
	rc = mea_onnx_tensor(p, NULL, GIB, t);
	onnx__tensor_proto__free_unpacked(p, NULL);
	return rc;
}
