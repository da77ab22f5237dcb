/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The one clock: monotonic, so that whoever sets the machine's time changes nothing. Times are
 * milliseconds of it in a double, which holds microseconds for centuries.
 */
#ifndef MEA_CLOCK_H
#define MEA_CLOCK_H

#include <pthread.h>
#include <stdint.h>
#include <time.h>

double mea_now_ms(void);
uint64_t mea_now_ns(void);

/* A condition whose waits end at times of this clock. */
void mea_cond_init(pthread_cond_t *cond);
/* The time at_ms, as pthread_cond_timedwait() takes it. */
struct timespec mea_timespec(double at_ms);

#endif
