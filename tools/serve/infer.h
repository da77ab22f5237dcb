/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How the server computes: an ONNX model behind one table of functions, so that
 * another library can take the place of the float executor.
 */
#ifndef MEA_SERVE_INFER_H
#define MEA_SERVE_INFER_H

#include "offload/signature.h"

struct mea_infer {
	const struct mea_infer_ops *ops;
	struct mea_signature io;
	int at_once;	    /* items that a run computes together; more go in parts */
	const char *engine; /* what computes it, in a word or two; static */
	char slow[200];	    /* why a faster engine does not; "": none would */
};

struct mea_infer_ops {
	const char *platform; /* as model metadata tells it, "<project>_<format>" */

	/* Loads an ONNX file for runs of up to max_batch items: its weights, once. */
	int (*open)(const char *path, int max_batch, struct mea_infer **out);
	void (*close)(struct mea_infer *m);

	/* What a run needs beside the weights: its maps. Contexts are freed before the model is
	 * closed; any thread may do so. */
	int (*context_new)(struct mea_infer *m, void **context);
	void (*context_free)(struct mea_infer *m, void *context);

	/* Runs n items (1 unless batched); in[] and out[] hold n items each, row-major. Any
	 * thread, one at a time in a context. */
	int (*run)(const struct mea_infer *m, void *context, int n, const void *const *in,
		   void *const *out);
};

/* runtime/graph's executor. */
extern const struct mea_infer_ops mea_infer_float;

#endif
