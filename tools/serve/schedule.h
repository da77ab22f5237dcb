/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which requests are computed, together with which, and which are refused. The law is goodput: what
 * enters is answered before its deadline, as far as measured times tell, and what cannot be does
 * not take others' time. Only decisions are here: no clock, no thread, no model. The caller says
 * what time it is, in ns from any start, and holds one lock around all calls.
 *
 * Order is earliest deadline first, which meets all deadlines if any order does (Liu and Layland,
 * J. ACM 20, 1973; for one thread and batches of one).
 */
#ifndef MEA_SERVE_SCHEDULE_H
#define MEA_SERVE_SCHEDULE_H

#include <stdbool.h>
#include <stdint.h>

#define MEA_BATCH_MAX	64
#define MEA_THREADS_MAX 256

/* What a batch of n items takes, in ns: mean and mean deviation, the latest counting most; 0: not
 * measured yet. */
struct mea_run_cost {
	double mean[MEA_BATCH_MAX + 1], spread[MEA_BATCH_MAX + 1];
};

/* A model's requests. The caller fills the first part; the rest starts as zeros. */
struct mea_model_queue {
	int max_batch;	   /* items of a batch */
	int room;	   /* requests that may wait */
	uint64_t delay_ns; /* that a request may wait for others to join it */

	struct mea_run_cost cost;
	int waiting, items; /* now: requests, and items of them */
	int planned;	    /* items, while a plan is made */
	uint64_t pass;	    /* the last look in which it waited for company */
};

/* What a connection got of late: items, each counting less as time goes by. Zeros: nothing. */
struct mea_usage {
	double got;
	uint64_t at_ns;
};

enum mea_fate {
	MEA_ADMITTED,
	MEA_FULL,   /* as many requests wait as may; others got less of late */
	MEA_LATE,   /* it would be late by missing_ns */
	MEA_PAST,   /* its deadline has passed */
	MEA_YIELDS, /* there is no time for all, and others got less of late */
	MEA_GONE,   /* nobody waits for it any more */
};

/* A request; the caller fills the first part and keeps it until it is given back. */
struct mea_queued {
	struct mea_model_queue *queue;
	struct mea_usage *usage; /* of its connection; NULL: of none */
	int items;
	uint64_t arrived_ns, deadline_ns;	  /* 0: no deadline */
	bool (*gone)(const struct mea_queued *w); /* whether nobody waits for it; may be NULL */

	enum mea_fate fate;
	uint64_t missing_ns; /* with a refusal: when there would be time */
	uint64_t due_ns;
	bool planned;
	struct mea_queued *next;
};

struct mea_schedule {
	int threads;
	uint64_t busy_ns[MEA_THREADS_MAX]; /* until when each computes, about; 0: it idles */
	struct mea_queued *head;	   /* by due_ns */
	int deadlines;			   /* of those that wait */
	uint64_t passes;
	double way_mean, way_spread; /* ns from a computed batch to an answer being sent */
};

/* threads: 1 .. MEA_THREADS_MAX. */
void mea_schedule_init(struct mea_schedule *s, int threads);

/*
 * Lets w in, if all that wait can then still be answered in time. If not, the one that goes is of
 * the connection that got most of late; w itself where that is the same. Returns the refused ones,
 * linked by next, with fate and missing_ns, mostly none or w.
 */
struct mea_queued *mea_schedule_enter(struct mea_schedule *s, struct mea_queued *w, uint64_t now);

/*
 * What an idle thread computes next: requests of one queue, linked by next, such that all of them
 * make their deadlines; NULL: nothing. *refused gets those that are past or gone. *wake_ns: when to
 * ask again although nothing came, 0: never.
 */
struct mea_queued *mea_schedule_take(struct mea_schedule *s, int thread, uint64_t now,
				     struct mea_queued **refused, uint64_t *wake_ns);

/* Thread `thread` is done with a batch of so many items, which took so long; took_ns 0: it failed,
 * and tells nothing. */
void mea_schedule_done(struct mea_schedule *s, int thread, struct mea_model_queue *queue, int items,
		       uint64_t took_ns);

/* An answer was on its way to the client's connection for so long, as on a busy machine. */
void mea_schedule_way(struct mea_schedule *s, uint64_t took_ns);

/* What a batch may be expected to take at most, in ns; 0: nothing was measured. */
double mea_run_cost_of(const struct mea_run_cost *c, int items);

#endif
