// SPDX-License-Identifier: Apache-2.0
#include "base/array.h"

#include "base/error.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static size_t room(size_t n)
{
	size_t r = n > 0;

	while (r && r < n)
		r *= 2;
	return r;
}

int mea_grow(void *array, size_t n, size_t more, size_t size)
{
	size_t want = room(n + more);
	void *p;

	if (n + more < n || (n + more && !want) || want > SIZE_MAX / size)
		return mea_nomem();
	if (want == room(n))
		return 0;
	memcpy(&p, array, sizeof(p));
	p = realloc(p, want * size);
	if (!p)
		return mea_nomem();
	memcpy(array, &p, sizeof(p));
	return 0;
}

static int by_size(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

double mea_percentile(double *values, size_t n, double p)
{
	size_t rank = (size_t)ceil(p * (double)n);

	if (!n)
		return NAN;
	qsort(values, n, sizeof(*values), by_size);
	return values[rank ? rank - 1 : 0];
}
