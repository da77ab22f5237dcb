/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Post-training quantisation: a float graph and example inputs become a QDQ graph
 * that any ONNX runtime can run, with int8 activations (scale and zero point per
 * tensor), symmetric int8 weights (scale per output channel) and int32 biases.
 */
#ifndef MEA_QUANTIZE_H
#define MEA_QUANTIZE_H

#include <math.h>

#include "graph/graph.h"

enum mea_calib_method {
	MEA_CALIB_MSE,
	MEA_CALIB_PERCENTILE,
	MEA_CALIB_MINMAX,
};

/* Scale and zero point of one tensor: real = scale * (q - zero_point). */
struct mea_qparams {
	const char *name; /* of the value in the float graph */
	float scale;
	int zero_point; /* of int8 */
};

struct mea_quantize_options {
	enum mea_calib_method method;
	double percentile;		 /* for that method; 0: 99.99 */
	const struct mea_qparams *fixed; /* tensors whose parameters are given */
	int n_fixed;
};

/*
 * Fills in[i], the elements of graph input i (float, the input's shape), with the
 * next example. Returns 1, or 0 after the last one, or a negative error.
 */
typedef int (*mea_next_input)(void *ctx, float *const *in);

/*
 * Quantises g. opt may be NULL (the default method, nothing fixed). Inputs and
 * outputs stay float and keep their names. MEA_EUNSUPPORTED, naming the node, for what has no
 * integer form here, before the first example is asked for; MEA_EINVAL when there are no examples,
 * when a tensor becomes infinite, or when a fixed name is no quantised tensor.
 */
int mea_quantize(const struct mea_graph *g, mea_next_input next, void *ctx,
		 const struct mea_quantize_options *opt, struct mea_graph **out);

/*
 * The parameters of a tensor of a QDQ graph: those of the DequantizeLinear that
 * computes it, or else of the QuantizeLinear that reads it. uint8 zero
 * points are shifted to int8. p->name is set to name. MEA_ENOENT when the tensor
 * does not exist or is not quantised.
 */
int mea_graph_qparams(const struct mea_graph *g, const char *name, struct mea_qparams *p);

/* x as int8: QuantizeLinear of one element. NaN becomes -128. */
static inline int8_t mea_quantize_f32(float x, float scale, int zero_point)
{
	float v = nearbyintf(x / scale) + (float)zero_point;

	return (int8_t)(v >= -128 ? v <= 127 ? (int)v : 127 : -128);
}

#endif
