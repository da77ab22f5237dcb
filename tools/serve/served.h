/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A model that is being served: its weights, a context for each thread of the pool, and counters.
 * Models are shared by reference count, so that one that is replaced lives until its last request
 * is answered.
 */
#ifndef MEA_CLOUD_SERVED_H
#define MEA_CLOUD_SERVED_H

#include "infer.h"
#include "oip_server.h"
#include "pool.h"

struct mea_served_options {
	const struct mea_infer_ops *ops;
	int max_batch;	  /* items in one run, 1..MEA_BATCH_MAX */
	int max_delay_us; /* that a request may wait for others to join it */
	int queue;	  /* requests that may wait; more are refused */
};

/* A request under way. The caller fills req, done, and wait's deadline_ns, turn and gone. */
struct mea_served;
struct mea_served_request {
	struct mea_queued wait; /* first; its times are mea_now_ns()'s */
	struct mea_oip_request req;
	struct mea_served *model;
	/* Called once from any thread when rc, text and out are set. */
	void (*done)(struct mea_served_request *request);

	void *out[MEA_IO_MAX]; /* by the model's signature; the request's until freed */
	int rc;		       /* 0 or a negative error with its sentence in text */
	char text[256];
	uint64_t begun_ns; /* when it was computed, or refused, */
	uint64_t ended_ns; /* and when that was over */
};

/* Frees req and out; a zeroed request is fine. */
void mea_served_request_free(struct mea_served_request *request);

struct mea_duration {
	uint64_t count, ns;
};

struct mea_served_stats {
	uint64_t last_ms; /* of the last request, since the epoch; 0: none yet */
	uint64_t inferences, executions;
	struct mea_duration success, fail, queue, compute;
	/* Of fail: there was no room or time; the deadline would be or was over; the client was
	 * gone. */
	uint64_t rejected, expired, abandoned;
	struct mea_duration batch[MEA_BATCH_MAX + 1]; /* runs by number of items */
	int waiting;
};

/* What a pool of threads needs to run models. */
extern const struct mea_pool_ops mea_served_pool_ops;

/* Loads a model with one reference, the caller's. pool, of mea_served_pool_ops, outlives it. */
int mea_served_open(const char *name, const char *version, const char *path,
		    const struct mea_served_options *opt, struct mea_pool *pool,
		    struct mea_served **out);

struct mea_served *mea_served_get(struct mea_served *m);
/* Drops a reference; the last one frees it. NULL is fine. */
void mea_served_put(struct mea_served *m);

const char *mea_served_name(const struct mea_served *m);
const char *mea_served_version(const struct mea_served *m);
const char *mea_served_platform(const struct mea_served *m);
/* What computes the model, and why nothing faster does ("": nothing would). */
const char *mea_served_engine(const struct mea_served *m, const char **slow);
const struct mea_signature *mea_served_io(const struct mea_served *m);
int mea_served_max_items(const struct mea_served *m);

/* Hands a request to the pool. It stays the caller's, as does a reference to m until done().
 * MEA_EBUSY when others have the room or the time, MEA_ETIMEDOUT when it would be late; wait then
 * has fate and missing_ns, and done() is not called. */
int mea_served_submit(struct mea_served *m, struct mea_served_request *request);

/* The answer to a computed request is being sent: how long it took until here is learnt. */
void mea_served_answered(struct mea_served *m, const struct mea_served_request *request);

/* Counts a request that failed before it was queued. */
void mea_served_count_failure(struct mea_served *m);

void mea_served_stats(struct mea_served *m, struct mea_served_stats *stats);

#endif
