// SPDX-License-Identifier: Apache-2.0
/* Types, shapes and tensors in JSON. */
#include "offload/oip.h"

#include "base/error.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static const struct {
	enum mea_dtype type;
	const char *name;
	int64_t min, max; /* what an element may be; floats: unused */
} types[] = {
	{MEA_F32, "FP32", 0, 0},
	{MEA_U8, "UINT8", 0, UINT8_MAX},
	{MEA_I8, "INT8", INT8_MIN, INT8_MAX},
	{MEA_I32, "INT32", INT32_MIN, INT32_MAX},
	{MEA_I64, "INT64", INT64_MIN, INT64_MAX},
	{MEA_BOOL, "BOOL", 0, 1},
};

#define N_TYPES (sizeof(types) / sizeof(types[0]))

const char *mea_oip_type_name(enum mea_dtype type)
{
	for (size_t i = 0; i < N_TYPES; i++)
		if (types[i].type == type)
			return types[i].name;
	return NULL;
}

int mea_oip_type_find(const char *name)
{
	for (size_t i = 0; name && i < N_TYPES; i++)
		if (!strcmp(types[i].name, name))
			return (int)types[i].type;
	return -1;
}

long long mea_oip_length(const char *text)
{
	char *end;
	long long v;

	if (!text || *text < '0' || *text > '9')
		return -1;
	errno = 0;
	v = strtoll(text, &end, 10);
	return errno || *end ? -1 : v;
}

json_t *mea_oip_json(const void *data, size_t size, const char *what)
{
	json_error_t err;
	json_t *o = json_loadb(data, size, JSON_REJECT_DUPLICATES, &err);

	if (!o)
		mea_fail(MEA_EINVAL, "%s: not JSON: %s (line %d, column %d)", what, err.text,
			 err.line, err.column);
	return o;
}

int mea_oip_shape(const json_t *list, const char *tensor, int64_t min, struct mea_shape *s)
{
	size_t n = json_array_size(list);

	if (!json_is_array(list) || n < 1 || n > MEA_RANK_MAX)
		return mea_fail(MEA_EINVAL, "%s: shape must be a list of 1 to %d dimensions",
				tensor, MEA_RANK_MAX);
	s->rank = (int)n;
	for (size_t i = 0; i < n; i++) {
		const json_t *d = json_array_get(list, i);

		s->dim[i] = json_integer_value(d);
		if (!json_is_integer(d) || s->dim[i] < min)
			return mea_fail(MEA_EINVAL,
					"%s: shape: dimension %zu must be a whole number of at "
					"least %lld",
					tensor, i, (long long)min);
	}
	return 0;
}

/* --- elements ------------------------------------------------------------------ */

struct reader {
	const char *tensor;
	enum mea_dtype type;
	int64_t min, max;
	size_t count, done;
	unsigned char *out;
};

static int read_element(struct reader *r, const json_t *v)
{
	size_t size = mea_dtype_size(r->type);
	unsigned char *to = r->out + r->done * size;
	int64_t i;
	float f;

	if (r->type == MEA_F32 && json_is_number(v)) {
		f = (float)json_number_value(v);
		memcpy(to, &f, sizeof(f));
	} else if (r->type == MEA_BOOL && json_is_boolean(v)) {
		*to = json_is_true(v);
	} else if (r->type != MEA_F32 && json_is_integer(v)) {
		i = json_integer_value(v);
		if (i < r->min || i > r->max)
			return mea_fail(MEA_EINVAL, "%s: data: element %zu does not fit %s",
					r->tensor, r->done, mea_oip_type_name(r->type));
		/* Two's complement, little-endian: the low bytes are the number. */
		memcpy(to, &i, size);
	} else {
		return mea_fail(MEA_EINVAL, "%s: data: element %zu is no %s", r->tensor, r->done,
				mea_oip_type_name(r->type));
	}
	r->done++;
	return 0;
}

static int read_list(struct reader *r, const json_t *list, int depth)
{
	size_t i;
	json_t *v;

	if (depth > MEA_OIP_DEPTH)
		return mea_fail(MEA_EINVAL, "%s: data: lists are nested more than %d deep",
				r->tensor, MEA_OIP_DEPTH);
	json_array_foreach(list, i, v)
	{
		int rc;

		if (!json_is_array(v) && r->done == r->count)
			return mea_fail(MEA_EINVAL,
					"%s: data: has more than the shape's %zu "
					"elements",
					r->tensor, r->count);
		rc = json_is_array(v) ? read_list(r, v, depth + 1) : read_element(r, v);
		if (rc)
			return rc;
	}
	return 0;
}

int mea_oip_data_read(const json_t *data, const char *tensor, enum mea_dtype type, size_t count,
		      void *out)
{
	struct reader r = {.tensor = tensor, .type = type, .count = count, .out = out};
	int rc;

	for (size_t i = 0; i < N_TYPES; i++)
		if (types[i].type == type) {
			r.min = types[i].min;
			r.max = types[i].max;
		}
	if (!json_is_array(data))
		return mea_fail(MEA_EINVAL, "%s: data must be a list", tensor);
	rc = read_list(&r, data, 1);
	if (!rc && r.done != count)
		return mea_fail(MEA_EINVAL, "%s: data: has %zu elements, the shape %zu", tensor,
				r.done, count);
	return rc;
}

json_t *mea_oip_data_write(enum mea_dtype type, size_t count, const void *in)
{
	struct mea_tensor t = {type, {1, {(int64_t)count}}, (void *)(uintptr_t)in};
	json_t *list = json_array();

	for (size_t i = 0; list && i < count; i++) {
		json_t *v;

		if (type == MEA_F32) {
			double f = (double)((const float *)in)[i];

			v = isfinite(f) ? json_real(f) : json_null();
		} else if (type == MEA_BOOL) {
			v = json_boolean(((const uint8_t *)in)[i]);
		} else {
			v = json_integer(mea_tensor_int(&t, i));
		}
		if (json_array_append_new(list, v)) {
			json_decref(list);
			list = NULL;
		}
	}
	return list;
}

json_t *mea_oip_metadata(const char *name, const char *platform, const struct mea_signature *io,
			 json_t *versions)
{
	json_t *ends[2] = {json_array(), json_array()};

	for (int k = 0; k < 2; k++)
		for (int i = 0; i < (k ? io->n_out : io->n_in); i++) {
			const struct mea_io *e = k ? &io->out[i] : &io->in[i];
			json_t *shape = json_array();

			for (int d = 0; d < e->shape.rank; d++)
				json_array_append_new(
					shape,
					json_integer(!d && e->batched ? -1 : e->shape.dim[d]));
			json_array_append_new(
				ends[k], json_pack("{s:s, s:s, s:o}", "name", e->name, "datatype",
						   mea_oip_type_name(e->type), "shape", shape));
		}
	return json_pack("{s:s, s:o*, s:s, s:o, s:o}", "name", name, "versions", versions,
			 "platform", platform, "inputs", ends[0], "outputs", ends[1]);
}
