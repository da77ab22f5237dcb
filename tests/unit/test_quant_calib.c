// SPDX-License-Identifier: Apache-2.0
#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>

#include "quantize/calib.h"
#include "mea.h"

static double uniform(void)
{
	return (rand() + 0.5) / (RAND_MAX + 1.0);
}

static float gauss(void)
{
	return (float)(sqrt(-2 * log(uniform())) * cos(6.283185307179586 * uniform()));
}

/* Mean squared error of quantising x with these parameters. */
static double error_of(const float *x, int n, float scale, int zero)
{
	double sum = 0;

	for (int i = 0; i < n; i++) {
		double e = (double)scale * (mea_quantize_f32(x[i], scale, zero) - zero) - x[i];

		sum += e * e;
	}
	return sum / n;
}

static struct mea_hist *hist_of(const float *x, int n, int step)
{
	struct mea_hist *h = calloc(1, sizeof(*h));

	for (int i = 0; i < n; i += step)
		cr_assert_eq(mea_hist_add(h, x + i, (size_t)(n - i < step ? n - i : step)), 0);
	return h;
}

Test(quant_calib, min_max_covers_exactly_what_was_seen)
{
	const float x[] = {-1.5f, 0.25f, 0, 3.6f};
	struct mea_hist *h = hist_of(x, 4, 1);
	float scale;
	int zero;

	mea_hist_params(h, MEA_CALIB_MINMAX, 0, &scale, &zero);
	cr_assert_float_eq(scale, 5.1f / 255, 1e-7);
	cr_assert_eq(zero, -53);
	cr_assert_eq(mea_quantize_f32(0, scale, zero), zero);
	cr_assert_eq(mea_quantize_f32(3.6f, scale, zero), 127);
	cr_assert_eq(mea_quantize_f32(-1.5f, scale, zero), -128);
	cr_assert_eq(mea_quantize_f32(NAN, scale, zero), -128);
	free(h);
}

Test(quant_calib, one_sided_values_use_all_codes)
{
	float x[1000], scale;
	struct mea_hist *h;
	int zero;

	srand(1);
	for (int i = 0; i < 1000; i++)
		x[i] = (float)uniform();
	h = hist_of(x, 1000, 10);
	for (int m = MEA_CALIB_MSE; m <= MEA_CALIB_MINMAX; m++) {
		mea_hist_params(h, (enum mea_calib_method)m, 99.99, &scale, &zero);
		cr_assert_eq(zero, -128);
		cr_assert(scale > 0.9f / 255 && scale <= 1.001f / 255);
	}
	free(h);
}

Test(quant_calib, mse_beats_min_max_when_there_are_outliers)
{
	enum { N = 40000 };
	float *x = malloc(sizeof(*x) * N), s[3];
	struct mea_hist *h;
	int z[3];

	srand(2);
	for (int i = 0; i < N; i++)
		x[i] = i % 8000 ? gauss() : 40 * gauss();
	h = hist_of(x, N, 100);
	for (int m = 0; m < 3; m++)
		mea_hist_params(h, (enum mea_calib_method)m, 99.9, &s[m], &z[m]);
	cr_assert_lt(error_of(x, N, s[MEA_CALIB_MSE], z[MEA_CALIB_MSE]),
		     error_of(x, N, s[MEA_CALIB_MINMAX], z[MEA_CALIB_MINMAX]));
	cr_assert_lt(s[MEA_CALIB_PERCENTILE], s[MEA_CALIB_MINMAX] / 4);
	/* Nearby scales are no better than the one found. */
	for (double f = 0.8; f < 1.3; f += 0.1)
		cr_assert_gt(error_of(x, N, (float)(s[0] * f), z[0]),
			     0.98 * error_of(x, N, s[0], z[0]));
	free(x);
	free(h);
}

Test(quant_calib, the_range_grows_without_losing_values)
{
	const float x[] = {0.001f, -0.002f, 0.5f, 7, -900, 3e4f, 0, 0};
	struct mea_hist *h = hist_of(x, 8, 1), *once = hist_of(x, 8, 8);
	uint64_t n = 0, total = 0;

	for (int i = 0; i < MEA_HIST_BINS; i++) {
		n += h->bin[i];
		total += once->bin[i];
		cr_assert_eq(h->bin[i], once->bin[i], "bin %d", i);
	}
	cr_assert(n == 6 && total == 6 && h->zeros == 2);
	cr_assert(h->min == -900 && h->max == 3e4f);
	mea_hist_merge(h, once);
	cr_assert(h->zeros == 4);
	free(h);
	free(once);
}

Test(quant_calib, nothing_and_infinity)
{
	const float bad[] = {1, INFINITY}, zeros[4] = {0};
	struct mea_hist *h = calloc(1, sizeof(*h));
	float scale;
	int zero;

	cr_assert_eq(mea_hist_add(h, zeros, 4), 0);
	for (int m = 0; m < 3; m++) {
		mea_hist_params(h, (enum mea_calib_method)m, 99.9, &scale, &zero);
		cr_assert(scale == 1 && zero == 0);
	}
	cr_assert_eq(mea_hist_add(h, bad, 2), MEA_EINVAL);
	free(h);
}
