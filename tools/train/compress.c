// SPDX-License-Identifier: Apache-2.0
#include "train/compress.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "train/mem.h"
#include "train/packet.h"

struct mea_compress {
	struct mea_compress_options o;
	struct mea_params *p;
	struct mea_team *team;
	float *residue; /* beside p's gradients */
	float *room;	/* elements of the largest tensor */
	uint8_t *packet, *packets;
	size_t most; /* bytes of a packet */
	size_t *bytes;
	struct mea_packet_tensor *tensors; /* what is sent */
	int n_tensors;
	struct mea_compress_sent sent;
};

static bool is_sent(const struct mea_param *q)
{
	return !q->running && !q->fixed;
}

static void list_tensors(struct mea_compress *c, size_t *largest)
{
	for (int i = 0; i < c->p->n; i++) {
		const struct mea_param *q = &c->p->list[i];

		if (!is_sent(q))
			continue;
		c->tensors[c->n_tensors++] = (struct mea_packet_tensor){q->n, q->rank < 2, q->grad};
		c->most += mea_packet_room(q->n, q->rank < 2);
		*largest = q->n > *largest ? q->n : *largest;
	}
}

int mea_compress_new(const struct mea_compress_options *o, struct mea_params *p,
		     struct mea_team *team, struct mea_compress **out)
{
	size_t ranks = (size_t)mea_team_ranks(team), largest = 0;
	struct mea_compress *c = calloc(1, sizeof(*c));

	*out = NULL;
	if (!c)
		return mea_nomem();
	*c = (struct mea_compress){.o = *o, .p = p, .team = team};
	c->tensors = calloc((size_t)p->n + 1, sizeof(*c->tensors));
	c->bytes = calloc(ranks, sizeof(*c->bytes));
	if (c->tensors)
		list_tensors(c, &largest);
	c->residue = mea_mem_new(MEA_MEM_RESIDUES, mea_params_trained(p) * sizeof(float));
	c->room = mea_mem_new(MEA_MEM_RESIDUES, largest * sizeof(float));
	c->packet = mea_mem_new(MEA_MEM_RESIDUES, c->most);
	c->packets = mea_mem_new(MEA_MEM_RESIDUES, ranks * c->most);
	if (!c->tensors || !c->bytes || !c->residue || !c->room || !c->packet || !c->packets) {
		mea_compress_free(c);
		return mea_nomem();
	}
	*out = c;
	return 0;
}

void mea_compress_free(struct mea_compress *c)
{
	if (!c)
		return;
	free(c->tensors);
	free(c->bytes);
	mea_mem_free(c->residue);
	mea_mem_free(c->room);
	mea_mem_free(c->packet);
	mea_mem_free(c->packets);
	free(c);
}

float *mea_compress_residues(struct mea_compress *c)
{
	return c->residue;
}

struct mea_compress_sent mea_compress_sent(const struct mea_compress *c)
{
	return c->sent;
}

/* --- choosing ------------------------------------------------------------------------- */

static float largest(const float *x, size_t n)
{
	float m = 0;

	for (size_t i = 0; i < n; i++)
		m = fabsf(x[i]) > m ? fabsf(x[i]) : m;
	return m;
}

/* The mean over bins that have anything: empty ones tell no magnitude. */
static float mean_of_bins(const float *owed, size_t n, size_t bin)
{
	double sum = 0;
	size_t bins = 0;

	for (size_t i = 0; i < n; i += bin) {
		float m = largest(owed + i, n - i < bin ? n - i : bin);

		sum += (double)m;
		bins += m > 0;
	}
	return bins ? (float)(sum / (double)bins) : 0;
}

/* Sends element i. */
static void send(struct mea_packet_writer *w, size_t i, float magnitude, float *owed)
{
	bool negative = owed[i] < 0;

	mea_packet_entry(w, i, negative);
	owed[i] -= negative ? -magnitude : magnitude;
}

/* owed is the residue with the gradient in it, and becomes the residue that is left. */
static uint8_t *adacomp(const struct mea_compress_options *o, size_t bin, size_t n,
			const float *grad, float *owed, uint8_t *at)
{
	float magnitude = mean_of_bins(owed, n, bin);
	struct mea_packet_writer w = mea_packet_begin(at, magnitude);

	for (size_t first = 0; first < n; first += bin) {
		size_t end = n - first < bin ? n : first + bin;
		float m = largest(owed + first, end - first);

		for (size_t i = first; i < end && m > 0; i++)
			if (fabsf(owed[i] + (o->factor - 1) * grad[i]) >= m)
				send(&w, i, magnitude, owed);
	}
	return mea_packet_end(&w);
}

static int falling(const void *a, const void *b)
{
	float x = *(const float *)a, y = *(const float *)b;

	return (x < y) - (x > y);
}

static uint8_t *topk(const struct mea_compress_options *o, size_t n, float *room, float *owed,
		     uint8_t *at)
{
	size_t k = (size_t)ceil((double)o->rate * (double)n), above = 0;
	struct mea_packet_writer w;
	float least, magnitude;
	double sum = 0;

	for (size_t i = 0; i < n; i++)
		room[i] = fabsf(owed[i]);
	qsort(room, n, sizeof(*room), falling);
	least = room[k - 1];
	for (size_t i = 0; i < k; i++) {
		sum += (double)room[i];
		above += room[i] > least;
	}
	magnitude = (float)(sum / (double)k);
	w = mea_packet_begin(at, magnitude);
	/* Of equals the first ones; nothing of zeros. */
	k -= above;
	for (size_t i = 0; i < n && sum > 0; i++) {
		float size = fabsf(owed[i]);
		bool equal = size == least && size > 0 && k > 0;

		k -= equal;
		if (size > least || equal)
			send(&w, i, magnitude, owed);
	}
	return mea_packet_end(&w);
}

/* --- packets ---------------------------------------------------------------------------- */

/* Lets owed, the residue, be what is owed now. */
static int owe(const struct mea_param *q, float *owed)
{
	bool finite = true;

	for (size_t i = 0; i < q->n; i++) {
		owed[i] += q->grad[i];
		finite = finite && isfinite(owed[i]);
	}
	return finite ? 0
		      : mea_fail(MEA_EINVAL,
				 "%s: its gradient is not a number; a lower learning rate may help",
				 q->name);
}

static uint8_t *pack_one(struct mea_compress *c, const struct mea_param *q, float *owed,
			 uint8_t *at)
{
	size_t bin = (size_t)(q->rank > 2 ? c->o.conv : c->o.fc);

	if (q->rank < 2)
		return mea_packet_dense(at, q->n, q->grad);
	return c->o.kind == MEA_COMPRESS_TOPK ? topk(&c->o, q->n, c->room, owed, at)
					      : adacomp(&c->o, bin, q->n, q->grad, owed, at);
}

static void count(struct mea_compress_sent *s, const struct mea_param *q, size_t bytes)
{
	*(q->rank > 2 ? &s->conv : q->rank == 2 ? &s->fc : &s->other) += (double)bytes;
	*(q->rank > 2	 ? &s->conv_whole
	  : q->rank == 2 ? &s->fc_whole
			 : &s->other_whole) += (double)(q->n * sizeof(float));
}

int mea_compress_pack(struct mea_compress *c, const uint8_t **packet, size_t *bytes)
{
	uint8_t *at = c->packet;

	for (int i = 0; i < c->p->n; i++) {
		const struct mea_param *q = &c->p->list[i];
		uint8_t *start = at;
		float *owed;

		if (!is_sent(q))
			continue;
		owed = c->residue + (q->grad - c->p->grads);
		if (q->rank > 1) {
			int rc = owe(q, owed);

			if (rc)
				return rc;
		}
		at = pack_one(c, q, owed, at);
		count(&c->sent, q, (size_t)(at - start));
	}
	c->sent.steps++;
	*packet = c->packet;
	*bytes = (size_t)(at - c->packet);
	return 0;
}

int mea_compress_unpack(struct mea_compress *c, const uint8_t *packets, const size_t *bytes,
			int ranks)
{
	memset(c->p->grads, 0, mea_params_trained(c->p) * sizeof(float));
	for (int r = 0; r < ranks; r++) {
		int rc = mea_packet_add(c->tensors, c->n_tensors, packets, bytes[r]);

		if (rc)
			return mea_fail_in(rc, "rank %d", r);
		packets += bytes[r];
	}
	return 0;
}

int mea_compress_sum(struct mea_compress *c)
{
	const uint8_t *mine;
	size_t bytes;
	int rc = mea_compress_pack(c, &mine, &bytes);

	if (!rc)
		rc = mea_team_gather(c->team, bytes, mine, c->bytes, c->packets,
				     (size_t)mea_team_ranks(c->team) * c->most);
	return rc ? rc : mea_compress_unpack(c, c->packets, c->bytes, mea_team_ranks(c->team));
}
