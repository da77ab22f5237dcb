/* SPDX-License-Identifier: Apache-2.0 */
/* Typed dense tensors: what constants, executor values and test data are. */
#ifndef MEA_TENSOR_H
#define MEA_TENSOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MEA_RANK_MAX 8

enum mea_dtype {
	MEA_F32,
	MEA_U8,
	MEA_I8,
	MEA_I32,
	MEA_I64,
	MEA_BOOL, /* a byte, 0 or 1 */
};

struct mea_shape {
	int rank;
	int64_t dim[MEA_RANK_MAX]; /* row-major, outermost first */
};

struct mea_tensor {
	enum mea_dtype type;
	struct mea_shape shape;
	void *data; /* elements, row-major; who owns it is said where it is used */
};

size_t mea_dtype_size(enum mea_dtype type);
const char *mea_dtype_name(enum mea_dtype type);

/* Product of the dimensions (1 for a scalar). For shapes that passed
 * mea_shape_bytes(). */
size_t mea_shape_count(const struct mea_shape *s);

/* Bytes of a tensor. Fails on a negative dimension, on a rank over
 * MEA_RANK_MAX and on more than limit bytes; limit must be under 2^62. */
int mea_shape_bytes(const struct mea_shape *s, enum mea_dtype type, uint64_t limit, size_t *bytes);

bool mea_shape_equal(const struct mea_shape *a, const struct mea_shape *b);

/* "1x3x32x32" into text; returns text. */
const char *mea_shape_text(const struct mea_shape *s, char *text, size_t size);

/* Element i of an integer tensor (any type but MEA_F32). */
int64_t mea_tensor_int(const struct mea_tensor *t, size_t i);

#endif
