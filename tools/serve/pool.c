// SPDX-License-Identifier: Apache-2.0
#include "serve/pool.h"

#include "base/clock.h"
#include "base/error.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

struct worker {
	struct mea_pool *pool;
	int at;
	pthread_t thread;
};

struct mea_pool {
	const struct mea_pool_ops *ops;
	int threads, running;
	struct worker *workers;

	pthread_mutex_t lock; /* guards all below, queues and usage */
	pthread_cond_t work;
	struct mea_schedule schedule;
	bool stop;
};

static void end_all(const struct mea_pool *p, struct mea_queued *list)
{
	while (list) {
		struct mea_queued *next = list->next;

		p->ops->ended(list);
		list = next;
	}
}

static void compute(struct mea_pool *p, int at, struct mea_queued *batch)
{
	struct mea_model_queue *queue = batch->queue;
	uint64_t took;
	int items = 0;

	for (const struct mea_queued *w = batch; w; w = w->next)
		items += w->items;
	took = p->ops->compute(queue, at, batch);
	pthread_mutex_lock(&p->lock);
	mea_schedule_done(&p->schedule, at, queue, items, took);
	pthread_mutex_unlock(&p->lock);
	end_all(p, batch);
}

/* Until something comes, or that time; 0: without limit. The lock is held. */
static void rest(struct mea_pool *p, uint64_t until)
{
	struct timespec t = mea_timespec((double)until * 1e-6);

	if (until)
		pthread_cond_timedwait(&p->work, &p->lock, &t);
	else
		pthread_cond_wait(&p->work, &p->lock);
}

static void *work(void *arg)
{
	struct worker *k = arg;
	struct mea_pool *p = k->pool;

	pthread_mutex_lock(&p->lock);
	for (;;) {
		struct mea_queued *batch, *refused;
		uint64_t until;

		batch = mea_schedule_take(&p->schedule, k->at, mea_now_ns(), &refused, &until);
		if (!batch && !refused) {
			if (p->stop)
				break;
			rest(p, until);
			continue;
		}
		pthread_mutex_unlock(&p->lock);
		end_all(p, refused);
		if (batch)
			compute(p, k->at, batch);
		pthread_mutex_lock(&p->lock);
	}
	pthread_mutex_unlock(&p->lock);
	return NULL;
}

int mea_pool_start(int threads, const struct mea_pool_ops *ops, struct mea_pool **out)
{
	struct mea_pool *p = calloc(1, sizeof(*p));
	int err = 0;

	*out = NULL;
	if (!p)
		return mea_nomem();
	p->ops = ops;
	p->threads = threads;
	p->workers = calloc((size_t)threads, sizeof(*p->workers));
	pthread_mutex_init(&p->lock, NULL);
	mea_cond_init(&p->work);
	mea_schedule_init(&p->schedule, threads);
	for (int i = 0; p->workers && i < threads && !err; i++) {
		p->workers[i] = (struct worker){p, i, 0};
		err = pthread_create(&p->workers[i].thread, NULL, work, &p->workers[i]);
		p->running += !err;
	}
	if (!p->workers || err) {
		mea_pool_stop(p);
		return err ? mea_fail(MEA_ENOMEM, "cannot start a thread: %s", strerror(err))
			   : mea_nomem();
	}
	*out = p;
	return 0;
}

void mea_pool_stop(struct mea_pool *p)
{
	if (!p)
		return;
	pthread_mutex_lock(&p->lock);
	p->stop = true;
	pthread_cond_broadcast(&p->work);
	pthread_mutex_unlock(&p->lock);
	for (int i = 0; i < p->running; i++)
		pthread_join(p->workers[i].thread, NULL);
	pthread_mutex_destroy(&p->lock);
	pthread_cond_destroy(&p->work);
	free(p->workers);
	free(p);
}

int mea_pool_threads(const struct mea_pool *p)
{
	return p->threads;
}

enum mea_fate mea_pool_enter(struct mea_pool *p, struct mea_queued *w)
{
	struct mea_queued *refused, *others = NULL, *next;
	enum mea_fate fate;

	pthread_mutex_lock(&p->lock);
	refused = mea_schedule_enter(&p->schedule, w, mea_now_ns());
	/* Once the lock is open it may be computed and gone. */
	fate = w->fate;
	if (fate == MEA_ADMITTED)
		pthread_cond_signal(&p->work);
	pthread_mutex_unlock(&p->lock);
	for (; refused; refused = next) {
		next = refused->next;
		if (refused != w) {
			refused->next = others;
			others = refused;
		}
	}
	end_all(p, others);
	return fate;
}

void mea_pool_way(struct mea_pool *p, uint64_t took_ns)
{
	pthread_mutex_lock(&p->lock);
	mea_schedule_way(&p->schedule, took_ns);
	pthread_mutex_unlock(&p->lock);
}

int mea_pool_waiting(struct mea_pool *p, const struct mea_model_queue *queue)
{
	int n;

	pthread_mutex_lock(&p->lock);
	n = queue->waiting;
	pthread_mutex_unlock(&p->lock);
	return n;
}
