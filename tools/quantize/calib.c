// SPDX-License-Identifier: Apache-2.0
#include "quantize/calib.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"

#define HALF  (MEA_HIST_BINS / 2)
#define STEPS 128 /* candidates for each end of the range */

/* Makes the bins twice as wide, until they cover +-reach. */
static void widen(struct mea_hist *h, double reach)
{
	if (h->reach == 0) {
		h->reach = exp2(ceil(log2(reach)));
		return;
	}
	while (h->reach < reach) {
		for (int i = 0; i < HALF / 2; i++) {
			h->bin[HALF + i] = h->bin[HALF + 2 * i] + h->bin[HALF + 2 * i + 1];
			h->bin[HALF - 1 - i] = h->bin[HALF - 1 - 2 * i] + h->bin[HALF - 2 - 2 * i];
		}
		memset(h->bin, 0, sizeof(h->bin[0]) * HALF / 2);
		memset(h->bin + HALF + HALF / 2, 0, sizeof(h->bin[0]) * HALF / 2);
		h->reach *= 2;
	}
}

static int bin_of(const struct mea_hist *h, double x)
{
	int i = (int)floor(x / h->reach * HALF) + HALF;

	return i < 0 ? 0 : i >= MEA_HIST_BINS ? MEA_HIST_BINS - 1 : i;
}

static double centre(const struct mea_hist *h, int i)
{
	return (i - HALF + 0.5) * h->reach / HALF;
}

int mea_hist_add(struct mea_hist *h, const float *x, size_t n)
{
	float lo = 0, hi = 0;
	bool finite = true;

	for (size_t i = 0; i < n; i++) {
		finite &= isfinite(x[i]) != 0;
		lo = x[i] < lo ? x[i] : lo;
		hi = x[i] > hi ? x[i] : hi;
	}
	if (!finite)
		return mea_fail(MEA_EINVAL, "a value is not finite");
	h->min = lo < h->min ? lo : h->min;
	h->max = hi > h->max ? hi : h->max;
	if (-lo > h->reach || hi > h->reach)
		widen(h, -lo > hi ? -lo : hi);
	for (size_t i = 0; i < n; i++) {
		if (x[i] == 0)
			h->zeros++;
		else
			h->bin[bin_of(h, x[i])]++;
	}
	return 0;
}

void mea_hist_merge(struct mea_hist *h, const struct mea_hist *from)
{
	h->zeros += from->zeros;
	if (from->reach == 0)
		return;
	if (from->reach > h->reach)
		widen(h, from->reach);
	for (int i = 0; i < MEA_HIST_BINS; i++)
		h->bin[bin_of(h, centre(from, i))] += from->bin[i];
	h->min = from->min < h->min ? from->min : h->min;
	h->max = from->max > h->max ? from->max : h->max;
}

/* Sums over the bins below each: how many values, their sum, and of squares. */
struct moments {
	double n[MEA_HIST_BINS + 1], x[MEA_HIST_BINS + 1], xx[MEA_HIST_BINS + 1];
};

static void sum_up(const struct mea_hist *h, struct moments *m)
{
	m->n[0] = m->x[0] = m->xx[0] = 0;
	for (int i = 0; i < MEA_HIST_BINS; i++) {
		double n = (double)h->bin[i], c = centre(h, i);

		m->n[i + 1] = m->n[i] + n;
		m->x[i + 1] = m->x[i] + n * c;
		m->xx[i + 1] = m->xx[i] + n * c * c;
	}
}

/* Sum of (x - end)^2 over the bins from .. to. */
static double clipped(const struct moments *m, int from, int to, double end)
{
	double n = m->n[to] - m->n[from], x = m->x[to] - m->x[from];

	return m->xx[to] - m->xx[from] - 2 * end * x + end * end * n;
}

static double error_of(const struct mea_hist *h, const struct moments *m, double lo, double hi)
{
	int first = bin_of(h, lo), last = bin_of(h, hi);
	double step = (hi - lo) / 255;

	return clipped(m, 0, first, lo) + clipped(m, last + 1, MEA_HIST_BINS, hi) +
	       (m->n[last + 1] - m->n[first]) * step * step / 12;
}

static int best_mse(const struct mea_hist *h, double *lo, double *hi)
{
	struct moments *m = malloc(sizeof(*m));
	double best = INFINITY;

	if (!m)
		return -1;
	sum_up(h, m);
	for (int i = h->min < 0 ? 1 : STEPS; i <= STEPS; i++) {
		for (int j = h->max > 0 ? 1 : STEPS; j <= STEPS; j++) {
			double a = h->min * i / STEPS, b = h->max * j / STEPS;
			double e = error_of(h, m, a, b);

			if (e < best) {
				best = e;
				*lo = a;
				*hi = b;
			}
		}
	}
	free(m);
	return 0;
}

/* Takes bins from whichever end reaches further until cut values are gone. */
static void percentile_range(const struct mea_hist *h, double percentile, double *lo, double *hi)
{
	int first = bin_of(h, h->min), last = bin_of(h, h->max);
	double total = (double)h->zeros, cut;

	for (int i = 0; i < MEA_HIST_BINS; i++)
		total += (double)h->bin[i];
	cut = total * (100 - percentile) / 100;
	while (first < last) {
		bool low = -centre(h, first) > centre(h, last);
		double n = (double)h->bin[low ? first : last];

		if (n > cut)
			break;
		cut -= n;
		if (low)
			first++;
		else
			last--;
	}
	*lo = fmax(h->min, fmin(0, centre(h, first) - h->reach / MEA_HIST_BINS));
	*hi = fmin(h->max, fmax(0, centre(h, last) + h->reach / MEA_HIST_BINS));
}

void mea_hist_params(const struct mea_hist *h, enum mea_calib_method method, double percentile,
		     float *scale, int *zero_point)
{
	double lo = h->min, hi = h->max, zero;

	if (method == MEA_CALIB_PERCENTILE && h->reach > 0)
		percentile_range(h, percentile, &lo, &hi);
	/* Without memory for the search, the whole range is a valid answer. */
	if (method == MEA_CALIB_MSE && h->reach > 0 && best_mse(h, &lo, &hi)) {
		lo = h->min;
		hi = h->max;
	}
	*scale = (float)((hi - lo) / 255);
	if (!(*scale >= 1e-30f)) { /* all zero, or so close that it does not matter */
		*scale = 1;
		*zero_point = 0;
		return;
	}
	zero = nearbyint(-128 - lo / *scale);
	*zero_point = (int)(zero < -128 ? -128 : zero > 127 ? 127 : zero);
}
