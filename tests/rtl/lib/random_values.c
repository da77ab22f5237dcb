// SPDX-License-Identifier: Apache-2.0
#include "random_net.h"

#include "random_parts.h"

#include <stdio.h>
#include <stdlib.h>

#include "backend/ref/ref.h"

size_t random_elements(const struct mea_qtensor *t)
{
	return (size_t)t->c * t->h * t->w;
}

int8_t **random_values(const struct mea_qnet *n)
{
	int8_t **v = random_alloc(sizeof(*v) * (size_t)n->n_tensors);

	for (int t = 0; t < n->n_tensors; t++)
		v[t] = random_alloc(random_elements(&n->tensors[t]));
	for (int i = 0; i < n->n_inputs; i++)
		for (size_t k = 0; k < random_elements(&n->tensors[n->inputs[i]]); k++)
			v[n->inputs[i]][k] = (int8_t)random_bits();
	for (int i = 0; i < n->n_layers; i++) {
		const struct mea_qlayer *l = &n->layers[i];

		if (mea_ref_layer(n, l, v[l->in], l->in2 < 0 ? NULL : v[l->in2], v[l->out]) < 0)
			random_die("reference");
	}
	return v;
}

void random_values_free(const struct mea_qnet *n, int8_t **values)
{
	for (int t = 0; t < n->n_tensors; t++)
		free(values[t]);
	free(values);
}

void random_describe(const struct mea_qnet *n)
{
	for (int i = 0; i < n->n_layers; i++) {
		const struct mea_qlayer *l = &n->layers[i];
		const struct mea_qtensor *a = &n->tensors[l->in], *b = &n->tensors[l->out];

		printf("#   layer %d: op %d, %dx%dx%d -> %dx%dx%d, kernel %dx%d, stride %dx%d, "
		       "pad t%d l%d b%d r%d, residual %d, groups %d\n",
		       i, l->op, a->c, a->h, a->w, b->c, b->h, b->w, l->kh, l->kw, l->stride_h,
		       l->stride_w, l->pad_t, l->pad_l, l->pad_b, l->pad_r, l->in2, l->groups);
	}
}
