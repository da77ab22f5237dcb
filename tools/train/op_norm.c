// SPDX-License-Identifier: Apache-2.0
/*
 * BatchNormalization with the Add and the Relu or Clip behind it.
 *
 * Forward, over the m = batch x pixels values of a channel: mean and variance
 * (biased) of x, y = gamma (x - mean) / sqrt(var + eps) + beta. Backward, with g the
 * gradient of y: dbeta = sum g, dgamma = sum g xhat, and
 * dx = gamma / sqrt(var + eps) (g - dbeta / m - xhat dgamma / m)
 * (Ioffe and Szegedy, ICML 2015). The running mean and variance take a tenth of each
 * batch's, the variance unbiased, as PyTorch has it. With a team m, the mean, the variance and
 * the sums in dx are those of all ranks' batches.
 */
#include "train/internal.h"

#include <math.h>
#include <stdlib.h>

#include "base/error.h"
#include "train/mem.h"

#define RUNNING 0.1f

enum { SCALE, OFFSET, MEAN, INV, KG, KX, K, ARRAYS }; /* INV: 1 / sqrt(var + eps) */

struct norm {
	float *a[ARRAYS]; /* c each */
	double *sum;	  /* 2 c */
	float *partial;	  /* blocks x 2 c */
};

enum { GAMMA = 1, BETA, RUN_MEAN, RUN_VAR };

static int norm_plan(struct mea_tnet *t, struct top *o)
{
	int g = tnet_out(t, o)->grad[0], rc;

	/* Alone, the input's gradient takes the place of the output's. */
	if (o->n_in == 1)
		return tnet_contribute(t, o, 0, g);
	/* Before an Add, the addend's is there first. */
	rc = tnet_contribute(t, o, 1, g);
	return rc ? rc : tnet_contribute(t, o, 0, -1);
}

static void norm_free(struct top *o)
{
	struct norm *s = o->state;

	for (int i = 0; i < ARRAYS; i++)
		free(s->a[i]);
	free(s->sum);
	mea_mem_free(s->partial);
	free(s);
}

static int norm_build(struct mea_tnet *t, struct top *o)
{
	const struct mea_map *m = &tnet_out(t, o)->map;
	struct norm *s = calloc(1, sizeof(*s));
	size_t c = (size_t)m->c;
	bool ok = s;

	for (int i = GAMMA; i <= RUN_VAR; i++)
		if (!tnet_param(t, o->node, i)) {
			free(s);
			return mea_fail(MEA_EUNSUPPORTED,
					"parameters that are computed cannot be trained");
		}
	if (!s)
		return mea_nomem();
	o->state = s;
	for (int i = 0; i < ARRAYS; i++)
		ok = (s->a[i] = calloc(c, sizeof(float))) && ok;
	s->sum = calloc(2 * c, sizeof(*s->sum));
	if (t->o.train)
		s->partial = mea_mem_new(MEA_MEM_MAPS, m->blocks * 2 * c * sizeof(float));
	return ok && s->sum && (s->partial || !t->o.train) ? 0 : mea_nomem();
}

/* scale and offset from a mean and a variance. */
static void set_affine(const struct mea_tnet *t, const struct top *o, int ch, double mean,
		       double var)
{
	struct norm *s = o->state;
	double inv = 1 / sqrt(var + (double)o->node->a.epsilon);
	double scale = tnet_param(t, o->node, GAMMA)->data[ch] * inv;

	s->a[MEAN][ch] = (float)mean;
	s->a[INV][ch] = (float)inv;
	s->a[SCALE][ch] = (float)scale;
	s->a[OFFSET][ch] = (float)(tnet_param(t, o->node, BETA)->data[ch] - mean * scale);
}

/* Values of a channel, on all ranks. */
static double count(const struct mea_tnet *t, const struct mea_map *m)
{
	return (double)(m->blocks * m->rows) * mea_team_ranks(t->o.team);
}

static int batch_statistics(struct mea_tnet *t, struct top *o, const struct mea_map *m)
{
	struct norm *s = o->state;
	float *mean = tnet_param(t, o->node, RUN_MEAN)->data;
	float *var = tnet_param(t, o->node, RUN_VAR)->data;
	double n = count(t, m);
	int rc;

	/* Sums around the running mean lose less than sums around zero. */
	mea_map_sums(m, tnet_in(t, o, 0)->ptr, mean, s->partial);
	mea_sum_partials(s->partial, m->blocks, 2 * m->c, s->sum);
	rc = mea_team_sum(t->o.team, 2 * (size_t)m->c, s->sum);
	for (int i = 0; i < m->c && !rc; i++) {
		double d = s->sum[i] / n, v = s->sum[m->c + i] / n - d * d;

		v = v < 0 ? 0 : v;
		set_affine(t, o, i, (double)mean[i] + d, v);
		mean[i] += RUNNING * (float)d;
		var[i] += RUNNING * ((float)(n > 1 ? v * n / (n - 1) : v) - var[i]);
	}
	return rc;
}

static int norm_refresh(struct mea_tnet *t, struct top *o)
{
	const float *mean = tnet_param(t, o->node, RUN_MEAN)->data;
	const float *var = tnet_param(t, o->node, RUN_VAR)->data;

	if (t->o.train)
		return 0;
	for (int i = 0; i < tnet_out(t, o)->map.c; i++)
		set_affine(t, o, i, mean[i], var[i]);
	return 0;
}

static int norm_forward(struct mea_tnet *t, struct top *o)
{
	struct norm *s = o->state;
	const struct tvalue *y = tnet_out(t, o);
	struct mea_affine a = {s->a[SCALE], s->a[OFFSET], o->lo, o->hi};
	int rc = t->o.train ? batch_statistics(t, o, &y->map) : 0;

	if (rc)
		return rc;
	mea_map_affine(&y->map, tnet_in(t, o, 0)->ptr, &a,
		       o->n_in == 2 ? tnet_in(t, o, 1)->ptr : NULL, y->ptr);
	return 0;
}

/* The parameters' gradients, and dx = kg g + kx x + k as the comment above has it. */
static int gradients(const struct mea_tnet *t, const struct top *o, const struct mea_map *m)
{
	struct norm *s = o->state;
	double n = count(t, m);
	int rc;

	mea_sum_partials(s->partial, m->blocks, 2 * m->c, s->sum);
	for (int i = 0; i < m->c && tnet_learns(t, o); i++) {
		tnet_param(t, o->node, GAMMA)->grad[i] = (float)(s->sum[m->c + i] * s->a[INV][i]);
		tnet_param(t, o->node, BETA)->grad[i] = (float)s->sum[i];
	}
	rc = mea_team_sum(t->o.team, 2 * (size_t)m->c, s->sum);
	for (int i = 0; i < m->c && !rc; i++) {
		double scale = s->a[SCALE][i], inv = s->a[INV][i];
		double db = s->sum[i], dg = s->sum[m->c + i] * inv;
		double kx = -scale * inv * dg / n;

		s->a[KG][i] = (float)scale;
		s->a[KX][i] = (float)kx;
		s->a[K][i] = (float)(-scale * db / n - kx * s->a[MEAN][i]);
	}
	return rc;
}

static int norm_backward(struct mea_tnet *t, struct top *o)
{
	struct norm *s = o->state;
	const struct tvalue *y = tnet_out(t, o), *x = tnet_in(t, o, 0);
	struct mea_affine a = {s->a[SCALE], s->a[OFFSET], o->lo, o->hi};
	bool add = o->n_in == 2;
	void *g = y->gptr[0], *g2 = y->n_grads == 2 ? y->gptr[1] : NULL;
	int rc;

	/* With an addend the masked gradient is what the addend gets. */
	mea_map_bn_sums(&y->map, x->ptr, &a, s->a[MEAN], g, g2, o->keep_out ? y->ptr : NULL,
			add ? g : NULL, s->partial);
	rc = gradients(t, o, &y->map);
	if (rc)
		return rc;
	if (o->gptr[0]) {
		mea_map_bn_input(&y->map, x->ptr, &a, !add, g, add ? NULL : g2, s->a[KG], s->a[KX],
				 s->a[K], o->gptr[0]);
		tnet_grad_done(t, o, 0);
	}
	if (add && o->gptr[1])
		tnet_grad_done(t, o, 1);
	return 0;
}

const struct top_ops top_norm = {
	.kind = TOP_NORM,
	.plan = norm_plan,
	.build = norm_build,
	.refresh = norm_refresh,
	.forward = norm_forward,
	.backward = norm_backward,
	.free = norm_free,
};
