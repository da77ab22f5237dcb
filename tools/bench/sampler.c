// SPDX-License-Identifier: Apache-2.0
#include "sampler.h"

#include "base/clock.h"
#include "base/error.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct mea_sampler {
	struct mea_meters *meters;
	double period;
	pthread_t thread;
	pthread_mutex_t lock; /* of the rest and of the meters */
	pthread_cond_t wake;
	bool runs, window, stop;
};

static void *sample(void *arg)
{
	struct mea_sampler *s = arg;
	struct timespec t;
	long ns = (long)(s->period * 1e9);

	pthread_mutex_lock(&s->lock);
	while (!s->stop) {
		if (!s->window) {
			pthread_cond_wait(&s->wake, &s->lock);
			continue;
		}
		mea_meters_sample(s->meters, mea_now_ms() * 1e-3);
		t = mea_timespec(mea_now_ms() + (double)ns * 1e-6);
		pthread_cond_timedwait(&s->wake, &s->lock, &t);
	}
	pthread_mutex_unlock(&s->lock);
	return NULL;
}

int mea_sampler_open(struct mea_meters *m, struct mea_sampler **out)
{
	struct mea_sampler *s = calloc(1, sizeof(*s));
	int err;

	*out = NULL;
	if (!s)
		return mea_nomem();
	s->meters = m;
	s->period = mea_meters_period(m);
	pthread_mutex_init(&s->lock, NULL);
	mea_cond_init(&s->wake);
	err = m->n ? pthread_create(&s->thread, NULL, sample, s) : 0;
	s->runs = m->n && !err;
	if (err) {
		mea_sampler_close(s);
		return mea_fail(MEA_ENOMEM, "cannot start a thread: %s", strerror(err));
	}
	*out = s;
	return 0;
}

void mea_sampler_close(struct mea_sampler *s)
{
	if (!s)
		return;
	pthread_mutex_lock(&s->lock);
	s->stop = true;
	pthread_cond_signal(&s->wake);
	pthread_mutex_unlock(&s->lock);
	if (s->runs)
		pthread_join(s->thread, NULL);
	pthread_cond_destroy(&s->wake);
	pthread_mutex_destroy(&s->lock);
	free(s);
}

void mea_sampler_begin(struct mea_sampler *s)
{
	pthread_mutex_lock(&s->lock);
	mea_meters_begin(s->meters, mea_now_ms() * 1e-3);
	s->window = true;
	pthread_cond_signal(&s->wake);
	pthread_mutex_unlock(&s->lock);
}

void mea_sampler_end(struct mea_sampler *s)
{
	pthread_mutex_lock(&s->lock);
	mea_meters_end(s->meters, mea_now_ms() * 1e-3);
	s->window = false;
	pthread_mutex_unlock(&s->lock);
}

double mea_sampler_cpu_ms(struct mea_sampler *s)
{
	struct timespec t;
	clockid_t clock;

	if (!s->runs || pthread_getcpuclockid(s->thread, &clock) || clock_gettime(clock, &t))
		return 0;
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec * 1e-6;
}
