// SPDX-License-Identifier: Apache-2.0
/*
 * Channels of a tensor, picked by a Gather. A convolution reads them in place, with weights of zero
 * for the other channels. For any other reader, a 1x1 convolution of zeros and ones copies them
 * exactly.
 */
#include "graph/lower_int.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/error.h"

void mea_lower_free_picks(struct mea_lower *l)
{
	while (l->picks) {
		struct mea_pick *next = l->picks->next;

		free(l->picks);
		l->picks = next;
	}
}

int mea_lower_gather(struct mea_lower *l, const struct mea_node *n)
{
	const struct mea_value *index = mea_node_in(l->g, n, 1);
	struct mea_mapping x = l->mapping[n->in[0]];
	int64_t rank = mea_node_in(l->g, n, 0)->shape.rank;
	int channels = x.pick ? x.pick->n : l->net->tensors[x.tensor].c, count;
	struct mea_tensor t = mea_value_tensor(index);
	struct mea_pick *p;

	if (!t.data || t.shape.rank != 1 || (n->a.axis != 1 && n->a.axis + rank != 1) || x.flat)
		return mea_node_fail(l->g, n, MEA_EUNSUPPORTED,
				     "only a Gather of constant channels has an integer form");
	count = (int)t.shape.dim[0];
	p = malloc(sizeof(*p) + sizeof(p->channel[0]) * (size_t)count);
	if (!p)
		return mea_nomem();
	p->next = l->picks;
	p->name = n->name;
	p->tensor = -1;
	p->n = count;
	l->picks = p;
	for (int i = 0; i < count; i++) {
		int64_t c = mea_tensor_int(&t, (size_t)i);

		c += c < 0 ? channels : 0;
		if (c < 0 || c >= channels)
			return mea_node_fail(l->g, n, MEA_EINVAL, "channel %lld is not there",
					     (long long)c);
		p->channel[i] = x.pick ? x.pick->channel[c] : (int)c;
	}
	l->mapping[n->out] = (struct mea_mapping){x.tensor, false, p};
	return 0;
}

/* Sets the weights of a 1x1 convolution that copies channels of in. */
static int set_copy(struct mea_qlayer *q, const struct mea_pick *p, const struct mea_qtensor *in)
{
	int rc = mea_lower_requants(q, p->n);

	q->weights = calloc((size_t)p->n * (size_t)in->c, 1);
	if (rc || !q->weights)
		return mea_nomem();
	q->fillers = in->c;
	for (int i = 0; i < p->n; i++) {
		q->weights[(size_t)i * (size_t)in->c + (size_t)p->channel[i]] = 1;
		q->bias[i] = -in->zero_point;
		rc = mea_requant_from_scale(1, &q->mult[i], &q->shift[i]);
	}
	return rc;
}

int mea_lower_whole(struct mea_lower *l, struct mea_mapping *m)
{
	const struct mea_qtensor *in = &l->net->tensors[m->tensor];
	char name[1200];
	int rc = 0;

	if (!m->pick)
		return m->tensor;
	if (m->pick->tensor < 0) {
		snprintf(name, sizeof(name), "%.1100s, channels", in->name);
		m->pick->tensor = rc = mea_lower_tensor(l, name, m->pick->n, in->h, in->w,
							in->scale, in->zero_point);
		if (rc >= 0)
			rc = mea_lower_layer(l, MEA_Q_CONV, m->pick->name, m->tensor,
					     m->pick->tensor);
		if (rc >= 0)
			rc = set_copy(&l->net->layers[rc], m->pick, &l->net->tensors[m->tensor]);
		if (rc < 0)
			return rc;
	}
	*m = (struct mea_mapping){m->pick->tensor, m->flat, NULL};
	return m->tensor;
}
