/* SPDX-License-Identifier: Apache-2.0 */
/* Which tensors of a float graph are quantised, and with which parameters. */
#ifndef MEA_QUANT_SPEC_H
#define MEA_QUANT_SPEC_H

#include "quantize/quantize.h"

/* What is specified for a value of the graph. */
struct mea_quant_value {
	bool quantised; /* has scale and zero point in the result */
	int group;	/* a value nearer to the representative of those that share them */
	/* Valid at representatives. */
	float scale;
	int zero_point;
	bool fixed;
	/* Elements outside lo .. hi count as these. addend >= 0: the value's only use is value +
	 * that one, and lo .. hi are bounds of the sum. */
	int addend;
	float lo, hi;
};

struct mea_quant_spec {
	const struct mea_graph *g; /* simplified; borrowed */
	struct mea_quant_value *v; /* per value of g */
};

/* Decides which values are quantised and which share their parameters. Fails on
 * operations without an int8 form. */
int mea_quant_spec_new(const struct mea_graph *g, struct mea_quant_spec **out);
void mea_quant_spec_free(struct mea_quant_spec *p);

/* Runs the examples through g and sets every group's parameters. */
int mea_quant_calibrate(struct mea_quant_spec *p, mea_next_input next, void *ctx,
			const struct mea_quantize_options *opt);

/* The representative of value's group. */
int mea_quant_group(const struct mea_quant_spec *p, int value);

#endif
