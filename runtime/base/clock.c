// SPDX-License-Identifier: Apache-2.0
#include "base/clock.h"

uint64_t mea_now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

double mea_now_ms(void)
{
	return (double)mea_now_ns() * 1e-6;
}

void mea_cond_init(pthread_cond_t *cond)
{
	pthread_condattr_t attr;

	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(cond, &attr);
	pthread_condattr_destroy(&attr);
}

struct timespec mea_timespec(double at_ms)
{
	uint64_t ns = at_ms > 0 ? (uint64_t)(at_ms * 1e6) : 0;

	return (struct timespec){(time_t)(ns / 1000000000u), (long)(ns % 1000000000u)};
}
