/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A model that is being served: a bounded queue, threads that take what waits there as
 * one batch, and counters. Models are shared by reference count, so that one that is
 * replaced lives until its last request is answered.
 */
#ifndef MEA_CLOUD_SERVED_H
#define MEA_CLOUD_SERVED_H

#include "infer.h"
#include "oip_server.h"

#define MEA_BATCH_MAX 64

struct mea_served_options {
	const struct mea_infer_ops *ops;
	int max_batch;	  /* items in one run, 1..MEA_BATCH_MAX */
	int max_delay_us; /* that a request may wait for others to join it */
	int queue;	  /* requests that may wait; more are refused */
	int threads;	  /* each with the model of its own */
};

/* A request under way. The caller fills req, deadline and done. */
struct mea_served;
struct mea_served_request {
	struct mea_oip_request req;
	uint64_t deadline_ns; /* of mea_now_ns(); 0: none */
	/* Called once from a thread of the model's when rc, text and out are set. */
	void (*done)(struct mea_served_request *request);

	void *out[MEA_IO_MAX]; /* by the model's signature; the request's until freed */
	int rc;		       /* 0 or a negative error with its sentence in text */
	char text[256];
	uint64_t queued_ns;
	struct mea_served_request *next;
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
	uint64_t rejected, expired; /* of fail: queue was full; deadline was over */
	struct mea_duration batch[MEA_BATCH_MAX + 1]; /* runs by number of items */
	int waiting;
};

/* Loads a model with one reference, the caller's. */
int mea_served_open(const char *name, const char *version, const char *path,
		    const struct mea_served_options *opt, struct mea_served **out);

struct mea_served *mea_served_get(struct mea_served *m);
/* Drops a reference; the last one waits for the threads to end. NULL is fine; not from
 * within done(). */
void mea_served_put(struct mea_served *m);

const char *mea_served_name(const struct mea_served *m);
const char *mea_served_version(const struct mea_served *m);
const char *mea_served_platform(const struct mea_served *m);
/* What computes the model, and why nothing faster does ("": nothing would). */
const char *mea_served_engine(const struct mea_served *m, const char **slow);
const struct mea_signature *mea_served_io(const struct mea_served *m);
int mea_served_max_items(const struct mea_served *m);

/* Queues a request, which stays the caller's, as does a reference to m until done().
 * MEA_EBUSY when the queue is full. */
int mea_served_submit(struct mea_served *m, struct mea_served_request *request);

/* Counts a request that failed before it was queued. */
void mea_served_count_failure(struct mea_served *m);

void mea_served_stats(struct mea_served *m, struct mea_served_stats *stats);

#endif
