/* SPDX-License-Identifier: Apache-2.0 */
/* A thread that samples meters while somebody else works. */
#ifndef MEA_ENERGY_SAMPLER_H
#define MEA_ENERGY_SAMPLER_H

#include "meter.h"

struct mea_sampler;

/* Starts the thread for m (borrowed); without meters there is none, and all calls are fine. */
int mea_sampler_open(struct mea_meters *m, struct mea_sampler **out);
void mea_sampler_close(struct mea_sampler *s);

/* A window. After its end the meters are the caller's to read until the next begin. */
void mea_sampler_begin(struct mea_sampler *s);
void mea_sampler_end(struct mea_sampler *s);

/* CPU time in ms that the thread has used so far. */
double mea_sampler_cpu_ms(struct mea_sampler *s);

#endif
