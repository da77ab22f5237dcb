// SPDX-License-Identifier: Apache-2.0
/*
 * Activations. Each is computed in double and rounded to float once, so that C libraries whose
 * functions differ in the last bit of a double almost never give another float.
 */
#include <math.h>

#include "graph/op.h"

/* The row of an operation whose element of the result is value, from element x and attributes a. */
#define ACTIVATION(name, opset, value, ...)                                                        \
	static int name##_eval(const struct mea_call *c)                                           \
	{                                                                                          \
		const struct mea_attrs *a __attribute__((unused)) = &c->n->a;                      \
		const float *from = c->in[0]->data;                                                \
		float *to = c->out->data;                                                          \
                                                                                                   \
		for (size_t i = 0; i < mea_shape_count(&c->out->shape); i++) {                     \
			double x = (double)from[i];                                                \
                                                                                                   \
			to[i] = (float)(value);                                                    \
		}                                                                                  \
		return 0;                                                                          \
	}                                                                                          \
	MEA_OP(name, .in = {1, 1}, .since = opset, .types = MEA_FLOAT, .eval = name##_eval,        \
	       .attrs = {__VA_ARGS__}, .quant = MEA_QUANT_TABLE, .lower = mea_lower_table)

#define ALPHA(left) MEA_ATTR("alpha", FLOAT, alpha, .otherwise = left)
#define BETA(left)  MEA_ATTR("beta", FLOAT, beta, .otherwise = left)

static double unit(double x)
{
	return x < 0 ? 0 : x > 1 ? 1 : x;
}

static double softplus(double x)
{
	return x > 0 ? x + log1p(exp(-x)) : log1p(exp(x));
}

static double gelu(bool by_tanh, double x)
{
	if (by_tanh)
		return 0.5 * x * (1 + tanh(M_2_SQRTPI * M_SQRT1_2 * (x + 0.044715 * x * x * x)));
	return 0.5 * x * (1 + erf(x * M_SQRT1_2));
}

ACTIVATION(Sigmoid, 6, 1 / (1 + exp(-x)), {0});
ACTIVATION(HardSigmoid, 6, unit((double)a->beta + x * (double)a->alpha), ALPHA(0.2), BETA(0.5));
ACTIVATION(HardSwish, 14, unit(x / 6 + 0.5) * x, {0});
ACTIVATION(Tanh, 6, tanh(x), {0});
ACTIVATION(LeakyRelu, 6, x < 0 ? (double)a->alpha * x : x, ALPHA(0.01));
ACTIVATION(Elu, 6, x < 0 ? (double)a->alpha * expm1(x) : x, ALPHA(1));
ACTIVATION(Gelu, 20, gelu(a->mode, x),
	   MEA_ATTR("approximate", CHOICE, mode, .choices = {"none", "tanh"}));
ACTIVATION(Softplus, 1, softplus(x), {0});
ACTIVATION(Ceil, 6, ceil(x), {0});
ACTIVATION(Floor, 6, floor(x), {0});
ACTIVATION(Mish, 18, tanh(softplus(x)) * x, {0});

void mea_activation_ends(const struct mea_node *n, float *lo, float *hi)
{
	const struct mea_attrs *a = &n->a;

	*lo = -INFINITY;
	*hi = INFINITY;
	switch (n->op) {
	case MEA_OP_HardSwish:
		*lo = -3;
		break;
	case MEA_OP_HardSigmoid:
		if (a->alpha > 0) {
			*lo = -a->beta / a->alpha;
			*hi = (1 - a->beta) / a->alpha;
		}
		break;
	case MEA_OP_Sigmoid:
		*hi = 8;
		*lo = -8;
		break;
	case MEA_OP_Tanh:
		*hi = 4;
		*lo = -4;
		break;
	case MEA_OP_Gelu:
		*lo = -4;
		break;
	case MEA_OP_Elu:
	case MEA_OP_Softplus:
	case MEA_OP_Mish:
		*lo = -8;
		break;
	default:
		break;
	}
}
