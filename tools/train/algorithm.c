// SPDX-License-Identifier: Apache-2.0
#include "train/algorithm.h"

#include <math.h>
#include <string.h>

#include "meanet/exits.h"
#include "train/rng.h"

#define PURPOSE_CLASSES 5

static int label_of(const struct mea_pick *p, size_t i)
{
	return p->set->label[p->index[i]];
}

void mea_class_precision(const struct mea_pick *p, const float *logits, int classes,
			 double *precision)
{
	for (int c = 0; c < classes; c++) {
		size_t named = 0, right = 0;

		for (size_t i = 0; i < p->n; i++) {
			const float *z = logits + i * (size_t)classes;

			if (mea_opinion_of(z, classes).label != c)
				continue;
			named++;
			right += label_of(p, i) == c;
		}
		precision[c] = named ? (double)right / (double)named : 0;
	}
}

void mea_hard_classes(const double *precision, int classes, int n, int *hard)
{
	int found = 0;

	for (int c = 0; c < classes && found < n; c++) {
		int lower = 0;

		/* Those that come first in the order by precision, then by number. */
		for (int d = 0; d < classes; d++)
			lower += d < c ? precision[d] <= precision[c] : precision[d] < precision[c];
		if (lower < n)
			hard[found++] = c;
	}
}

void mea_random_classes(uint64_t seed, int classes, int n, int *hard)
{
	struct mea_rng r = mea_rng_at(seed, PURPOSE_CLASSES, 0, 0);
	int found = 0;

	/* Of the classes left, each is as likely as any other. */
	for (int c = 0; c < classes && found < n; c++)
		if ((int)mea_rng_below(&r, (uint32_t)(classes - c)) < n - found)
			hard[found++] = c;
}

void mea_mean_entropies(const struct mea_pick *p, const float *logits, int classes, double *correct,
			double *wrong)
{
	double sum[2] = {0, 0};
	size_t n[2] = {0, 0};

	for (size_t i = 0; i < p->n; i++) {
		struct mea_opinion o = mea_opinion_of(logits + i * (size_t)classes, classes);
		bool right = o.label == label_of(p, i);

		sum[right] += (double)o.entropy;
		n[right]++;
	}
	*correct = n[1] ? sum[1] / (double)n[1] : NAN;
	*wrong = n[0] ? sum[0] / (double)n[0] : NAN;
}

/* Mean cross-entropy at temperature t. */
static double cost(const struct mea_pick *p, const float *logits, int k, const int *map, double t)
{
	double sum = 0;

	for (size_t i = 0; i < p->n; i++) {
		const float *z = logits + i * (size_t)k;
		int label = map ? map[label_of(p, i)] : label_of(p, i);
		double top = z[0], s = 0;

		if (label < 0)
			continue;
		for (int j = 1; j < k; j++)
			top = (double)z[j] > top ? (double)z[j] : top;
		for (int j = 0; j < k; j++)
			s += exp(((double)z[j] - top) / t);
		sum += log(s) - ((double)z[label] - top) / t;
	}
	return sum;
}

double mea_temperature(const struct mea_pick *p, const float *logits, int outputs, const int *map)
{
	/* The cost has one minimum in 1/T, so in log T; a search by thirds. */
	double lo = log(0.05), hi = log(20);
	bool any = false;

	for (size_t i = 0; i < p->n && !any; i++)
		any = !map || map[label_of(p, i)] >= 0;
	if (!any)
		return 1;
	for (int i = 0; i < 40; i++) {
		double a = lo + (hi - lo) / 3, b = hi - (hi - lo) / 3;

		if (cost(p, logits, outputs, map, exp(a)) < cost(p, logits, outputs, map, exp(b)))
			hi = b;
		else
			lo = a;
	}
	return exp((lo + hi) / 2);
}
