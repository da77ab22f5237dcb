// SPDX-License-Identifier: Apache-2.0
/*
 * Tables: what QuantizeLinear(operation(DequantizeLinear(q))) gives for each of the 256 q, by the
 * float executor.
 */
#include "graph/lower_int.h"

#include <math.h>
#include <stdlib.h>

#include "base/error.h"
#include "graph/eval.h"
#include "graph/op.h"

#define CODES 256

int mea_lower_table(struct mea_lower *l, const struct mea_closing *c)
{
	const struct mea_shape line = {1, {CODES}};
	float v[CODES], y[CODES];
	struct mea_tensor in = {MEA_F32, line, v}, out = {MEA_F32, line, y};
	const struct mea_qtensor *x, *to;
	struct mea_view view;
	int rc = mea_lower_input(l, c->core, 0, &view), i;
	int8_t *table;

	if (!rc && view.flat)
		rc = mea_node_fail(l->g, c->core, MEA_EUNSUPPORTED, "its input is flattened");
	if (rc)
		return rc;
	i = mea_lower_layer(l, MEA_Q_TABLE, c->core->name, view.tensor, c->out);
	if (i < 0)
		return i;
	table = l->net->layers[i].weights = malloc(CODES);
	if (!table)
		return mea_fail(MEA_ENOMEM, "%s: out of memory", l->g->source);
	x = &l->net->tensors[view.tensor];
	to = &l->net->tensors[c->out];
	for (int k = 0; k < CODES; k++)
		v[k] = (float)((int8_t)k - x->zero_point) * x->scale;
	rc = mea_eval_node(c->core, (const struct mea_tensor *[]){&in}, &out);
	for (int k = 0; !rc && k < CODES; k++) {
		float q = nearbyintf(y[k] / to->scale) + (float)to->zero_point;

		/* Written so that NaN takes the low end. */
		table[k] = (int8_t)(q >= (float)c->lo ? q <= (float)c->hi ? (int)q : c->hi : c->lo);
	}
	return rc;
}
