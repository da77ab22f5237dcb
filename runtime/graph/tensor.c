// SPDX-License-Identifier: Apache-2.0
#include "graph/tensor.h"

#include <stdio.h>

#include "base/error.h"

static const struct {
	const char *name;
	size_t size;
} types[] = {
	[MEA_F32] = {"float32", 4}, [MEA_U8] = {"uint8", 1},  [MEA_I8] = {"int8", 1},
	[MEA_I32] = {"int32", 4},   [MEA_I64] = {"int64", 8}, [MEA_BOOL] = {"bool", 1},
};

size_t mea_dtype_size(enum mea_dtype type)
{
	return types[type].size;
}

const char *mea_dtype_name(enum mea_dtype type)
{
	return types[type].name;
}

size_t mea_shape_count(const struct mea_shape *s)
{
	size_t n = 1;

	for (int i = 0; i < s->rank; i++)
		n *= (size_t)s->dim[i];
	return n;
}

int mea_shape_bytes(const struct mea_shape *s, enum mea_dtype type, uint64_t limit, size_t *bytes)
{
	uint64_t n = mea_dtype_size(type);
	char text[96];

	if (s->rank < 0 || s->rank > MEA_RANK_MAX)
		return mea_fail(MEA_EUNSUPPORTED, "%d dimensions (at most %d)", s->rank,
				MEA_RANK_MAX);
	for (int i = 0; i < s->rank; i++)
		if (s->dim[i] < 0 || (uint64_t)s->dim[i] > limit)
			return mea_fail(MEA_EINVAL, "dimension %d is %lld, out of range", i,
					(long long)s->dim[i]);
	for (int i = 0; i < s->rank; i++) {
		if (s->dim[i] == 0) {
			*bytes = 0;
			return 0;
		}
	}
	for (int i = 0; i < s->rank; i++) {
		if ((uint64_t)s->dim[i] > limit / n)
			return mea_fail(MEA_EINVAL, "shape %s takes more than %llu MiB",
					mea_shape_text(s, text, sizeof(text)),
					(unsigned long long)(limit >> 20));
		n *= (uint64_t)s->dim[i];
	}
	*bytes = n;
	return 0;
}

bool mea_shape_equal(const struct mea_shape *a, const struct mea_shape *b)
{
	if (a->rank != b->rank)
		return false;
	for (int i = 0; i < a->rank; i++)
		if (a->dim[i] != b->dim[i])
			return false;
	return true;
}

const char *mea_shape_text(const struct mea_shape *s, char *text, size_t size)
{
	size_t at = 0;

	if (s->rank == 0)
		snprintf(text, size, "scalar");
	for (int i = 0; i < s->rank && at < size; i++)
		at += (size_t)snprintf(text + at, size - at, "%s%lld", i ? "x" : "",
				       (long long)s->dim[i]);
	return text;
}

int64_t mea_tensor_int(const struct mea_tensor *t, size_t i)
{
	switch (t->type) {
	case MEA_U8:
	case MEA_BOOL:
		return ((const uint8_t *)t->data)[i];
	case MEA_I8:
		return ((const int8_t *)t->data)[i];
	case MEA_I32:
		return ((const int32_t *)t->data)[i];
	case MEA_I64:
		return ((const int64_t *)t->data)[i];
	case MEA_F32:
		break;
	}
	return 0;
}
