/* SPDX-License-Identifier: Apache-2.0 */
/* Arrays that grow, and sorted figures. */
#ifndef MEA_ARRAY_H
#define MEA_ARRAY_H

#include <stddef.h>

/*
 * Makes room for more elements of size bytes behind the n that *array holds; array points to the
 * array's pointer, which starts as NULL and which free() frees. The room is the power of two from
 * n on, so only an array that grows by this function alone may be given. What is new is not set.
 * MEA_ENOMEM leaves the array as it is.
 */
int mea_grow(void *array, size_t n, size_t more, size_t size);

/* Sorts the n values, and returns the smallest that a share p of them does not exceed: NAN for
 * none. */
double mea_percentile(double *values, size_t n, double p);

#endif
