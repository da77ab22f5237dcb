// SPDX-License-Identifier: Apache-2.0
#include "train/loss.h"

#include <math.h>

#include "train/kernels.h"

/* p = softmax(z / t); returns log of the sum, so that log p = z / t - it. */
static double softmax(int k, const float *z, double t, float *p)
{
	double top = z[0], sum;

	for (int j = 1; j < k; j++)
		top = z[j] > top || isnan(z[j]) ? z[j] : top;
	sum = p[0] = expf((float)((z[0] - top) / t));
	for (int j = 1; j < k; j++) {
		p[j] = expf((float)((z[j] - top) / t));
		sum += p[j];
	}
	for (int j = 0; j < k; j++)
		p[j] = (float)(p[j] / sum);
	return top / t + log(sum);
}

/* Cross-entropy of a row; grad = share (sum(target) p - target). */
static double row_loss(int k, const float *z, const float *target, float share, float *grad)
{
	double norm = softmax(k, z, 1, grad), loss = 0;
	float sum = 0;

	for (int j = 0; j < k; j++)
		sum += target[j];
	for (int j = 0; j < k; j++) {
		loss -= target[j] * (z[j] - norm);
		grad[j] = share * (sum * grad[j] - target[j]);
	}
	return share * loss;
}

/* share T^2 KL(q || p) of a row; grad += share T (p - q). q and p are room for k. */
static double row_distil(int k, const float *z, const struct mea_goal *g, const float *teacher,
			 float *q, float *p, float *grad)
{
	double t = g->temperature, nz = softmax(k, z, t, p), nq = softmax(k, teacher, t, q);
	double loss = 0;

	for (int j = 0; j < k; j++) {
		loss += q[j] * ((teacher[j] / t - nq) - (z[j] / t - nz));
		grad[j] += (float)(g->share * t * (p[j] - q[j]));
	}
	return g->share * t * t * loss;
}

double mea_loss(int n, int k, const float *logits, const struct mea_goal *goal, float weight,
		float *grad)
{
	double loss = 0;

	for (int i = 0; i < n; i++) {
		size_t at = (size_t)i * (size_t)k;
		float *g = grad + at, q[MEA_CHANNELS_MAX], p[MEA_CHANNELS_MAX];

		loss += row_loss(k, logits + at, goal->target + at,
				 goal->teacher ? 1 - goal->share : 1, g);
		if (goal->teacher)
			loss += row_distil(k, logits + at, goal, goal->teacher + at, q, p, g);
		for (int j = 0; j < k; j++)
			g[j] *= weight / (float)n;
	}
	return loss / n;
}

size_t mea_count_right(int n, int k, const float *logits, const int *label)
{
	size_t right = 0;

	for (int i = 0; i < n; i++) {
		const float *z = logits + (size_t)i * (size_t)k;
		int best = 0;

		for (int j = 1; j < k; j++)
			if (z[j] > z[best])
				best = j;
		right += best == label[i];
	}
	return right;
}
