// SPDX-License-Identifier: Apache-2.0
#include "serve/readers.h"

#include "base/error.h"
#include "serve/exchange.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

struct mea_readers {
	void (*read)(struct mea_exchange *x);
	pthread_t thread;
	pthread_mutex_t lock; /* guards all below */
	pthread_cond_t work;
	struct mea_exchange *head, **tail;
	bool stop;
};

static void *work(void *arg)
{
	struct mea_readers *r = arg;

	pthread_mutex_lock(&r->lock);
	for (;;) {
		struct mea_exchange *x = r->head;

		if (!x && r->stop)
			break;
		if (!x) {
			pthread_cond_wait(&r->work, &r->lock);
			continue;
		}
		r->head = x->next;
		if (!r->head)
			r->tail = &r->head;
		pthread_mutex_unlock(&r->lock);
		r->read(x);
		pthread_mutex_lock(&r->lock);
	}
	pthread_mutex_unlock(&r->lock);
	return NULL;
}

int mea_readers_start(void (*read)(struct mea_exchange *x), struct mea_readers **out)
{
	struct mea_readers *r = calloc(1, sizeof(*r));
	int err;

	*out = NULL;
	if (!r)
		return mea_nomem();
	r->read = read;
	r->tail = &r->head;
	pthread_mutex_init(&r->lock, NULL);
	pthread_cond_init(&r->work, NULL);
	err = pthread_create(&r->thread, NULL, work, r);
	if (err) {
		free(r);
		return mea_fail(MEA_ENOMEM, "cannot start a thread: %s", strerror(err));
	}
	*out = r;
	return 0;
}

void mea_readers_stop(struct mea_readers *r)
{
	if (!r)
		return;
	pthread_mutex_lock(&r->lock);
	r->stop = true;
	pthread_cond_signal(&r->work);
	pthread_mutex_unlock(&r->lock);
	pthread_join(r->thread, NULL);
	pthread_mutex_destroy(&r->lock);
	pthread_cond_destroy(&r->work);
	free(r);
}

void mea_readers_add(struct mea_readers *r, struct mea_exchange *x)
{
	x->next = NULL;
	pthread_mutex_lock(&r->lock);
	*r->tail = x;
	r->tail = &x->next;
	pthread_cond_signal(&r->work);
	pthread_mutex_unlock(&r->lock);
}
