/* SPDX-License-Identifier: Apache-2.0 */
/* The threads that compute, for all models of a server, as mea_schedule decides. */
#ifndef MEA_SERVE_POOL_H
#define MEA_SERVE_POOL_H

#include "serve/schedule.h"

struct mea_pool_ops {
	/* Computes a batch, linked by next, in context `thread`; returns the ns that the run took,
	 * 0 if it failed. The requests stay until ended() is called with them. */
	uint64_t (*compute)(struct mea_model_queue *queue, int thread, struct mea_queued *batch);
	/* Called without a lock, with each request that compute() was given or that was refused
	 * after it had come in. It may be freed then. */
	void (*ended)(struct mea_queued *w);
};

struct mea_pool;

/* threads: 1 .. MEA_THREADS_MAX; ops is borrowed. */
int mea_pool_start(int threads, const struct mea_pool_ops *ops, struct mea_pool **out);
/* Nothing may wait any more. NULL is fine. */
void mea_pool_stop(struct mea_pool *p);

int mea_pool_threads(const struct mea_pool *p);

/* Lets a request in, or refuses it, as its fate then says: only MEA_ADMITTED ones are the pool's.
 * Another one may be refused in its place. */
enum mea_fate mea_pool_enter(struct mea_pool *p, struct mea_queued *w);

/* An answer left so many ns after its batch was computed. */
void mea_pool_way(struct mea_pool *p, uint64_t took_ns);

/* Requests of a queue that wait now. */
int mea_pool_waiting(struct mea_pool *p, const struct mea_model_queue *queue);

#endif
