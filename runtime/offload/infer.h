/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How the server computes: an ONNX model behind one table of functions, so that
 * another library can take the place of the float executor.
 */
#ifndef MEA_CLOUD_INFER_H
#define MEA_CLOUD_INFER_H

#include "graph/tensor.h"

#define MEA_IO_MAX 8

/* An input or output of a model. */
struct mea_io {
	char name[128];
	enum mea_dtype type;
	struct mea_shape shape; /* of one item: the first dimension is 1 when batched */
	bool batched;		/* the first dimension counts items and is free */
	size_t bytes;		/* of one item */
};

struct mea_signature {
	int n_in, n_out;
	struct mea_io in[MEA_IO_MAX], out[MEA_IO_MAX];
	bool batched; /* all inputs and outputs are, so requests may be joined */
};

struct mea_infer {
	const struct mea_infer_ops *ops;
	struct mea_signature io;
};

struct mea_infer_ops {
	const char *platform; /* as model metadata tells it, "<project>_<format>" */

	/* Loads an ONNX file for runs of up to max_batch items. */
	int (*open)(const char *path, int max_batch, struct mea_infer **out);
	void (*close)(struct mea_infer *m);

	/* Runs n items (1 unless batched); in[] and out[] hold n items each, row-major.
	 * One thread at a time. */
	int (*run)(struct mea_infer *m, int n, const void *const *in, void *const *out);
};

/* runtime/graph's executor. */
extern const struct mea_infer_ops mea_infer_float;

#endif
