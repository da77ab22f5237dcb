// SPDX-License-Identifier: Apache-2.0
/* The server's decisions on simulated time: nothing here waits or measures. */
#include <criterion/criterion.h>

#include "serve/schedule.h"

#include <math.h>
#include <stddef.h>
#include <string.h>

#define MS 1000000u

TestSuite(schedule, .timeout = 60);

/* --- single decisions -------------------------------------------------------------------- */

/* A queue where a batch of n items is known to take so many ms. */
static struct mea_model_queue queue_of(int max_batch, double first_ms, double each_ms)
{
	struct mea_model_queue l = {.max_batch = max_batch, .room = 1000};

	for (int n = 1; n <= max_batch && first_ms > 0; n++)
		l.cost.mean[n] = (first_ms + each_ms * (n - 1)) * MS;
	return l;
}

static struct mea_queued request(struct mea_model_queue *l, int items, uint64_t arrived_ms,
				 uint64_t deadline_ms)
{
	return (struct mea_queued){.queue = l,
				   .items = items,
				   .arrived_ns = arrived_ms * MS,
				   .deadline_ns = deadline_ms * MS};
}

static struct mea_queued *take(struct mea_schedule *s, int thread, uint64_t ms)
{
	struct mea_queued *refused, *batch;
	uint64_t wake;

	batch = mea_schedule_take(s, thread, ms * MS, &refused, &wake);
	cr_assert_null(refused);
	return batch;
}

Test(schedule, earliest_deadline_first)
{
	struct mea_model_queue l = queue_of(1, 10, 0);
	struct mea_queued a = request(&l, 1, 0, 300), b = request(&l, 1, 0, 100),
			  c = request(&l, 1, 0, 200), none = request(&l, 1, 0, 0);
	struct mea_schedule s;

	mea_schedule_init(&s, 1);
	cr_assert_null(mea_schedule_enter(&s, &a, 0));
	cr_assert_null(mea_schedule_enter(&s, &none, 0));
	cr_assert_null(mea_schedule_enter(&s, &b, 0));
	cr_assert_null(mea_schedule_enter(&s, &c, 0));
	cr_expect_eq(take(&s, 0, 0), &b);
	cr_expect_eq(take(&s, 0, 10), &c);
	cr_expect_eq(take(&s, 0, 20), &a);
	cr_expect_eq(take(&s, 0, 30), &none);
	cr_expect_null(take(&s, 0, 40));
}

Test(schedule, a_batch_grows_while_all_of_it_make_their_deadlines)
{
	struct mea_model_queue l = queue_of(8, 10, 10);
	struct mea_queued w[8];
	struct mea_queued *batch;
	struct mea_schedule s;
	int n = 0;

	mea_schedule_init(&s, 1);
	for (int i = 0; i < 8; i++) {
		w[i] = request(&l, 1, 0, 35 + 20 * (uint64_t)i);
		cr_assert_null(mea_schedule_enter(&s, &w[i], 0), "%d", i);
	}
	/* Four would take 40 ms, and the first has 35. */
	for (batch = take(&s, 0, 0); batch; batch = batch->next)
		cr_expect_eq(batch, &w[n++]);
	cr_expect_eq(n, 3);
}

Test(schedule, idle_threads_share_what_waits)
{
	struct mea_model_queue l = queue_of(8, 10, 10);
	struct mea_queued w[4];
	struct mea_schedule s;

	mea_schedule_init(&s, 2);
	for (int i = 0; i < 4; i++) {
		w[i] = request(&l, 1, 0, 0);
		cr_assert_null(mea_schedule_enter(&s, &w[i], 0));
	}
	cr_expect_eq(take(&s, 0, 0), &w[0]);
	cr_expect_eq(w[0].next, &w[1]);
	cr_expect_null(w[1].next);
	cr_expect_eq(take(&s, 1, 0), &w[2]);
	cr_expect_eq(w[2].next, &w[3]);
}

Test(schedule, the_door_says_how_much_time_is_missing)
{
	struct mea_model_queue l = queue_of(1, 10, 0);
	struct mea_queued w[6], late = request(&l, 1, 0, 40), tight = request(&l, 1, 0, 100);
	struct mea_schedule s;

	mea_schedule_init(&s, 2);
	for (int i = 0; i < 6; i++) {
		w[i] = request(&l, 1, 0, 36);
		cr_assert_null(mea_schedule_enter(&s, &w[i], 0), "%d", i);
	}
	/* Six of 10 ms on two threads are done after 30 ms, this one after 40, plus its way of 1.
	 */
	cr_expect_eq(mea_schedule_enter(&s, &late, 0), &late);
	cr_expect_eq(late.fate, MEA_LATE);
	cr_expect_eq(late.missing_ns, MS + 1, "%lu", late.missing_ns);
	cr_expect_null(mea_schedule_enter(&s, &tight, 0));
	cr_expect_eq(l.waiting, 7);
}

/* One that is due earlier would push out others who were let in. */
Test(schedule, who_is_in_stays_in)
{
	struct mea_model_queue l = queue_of(1, 10, 0);
	struct mea_queued w[3], early = request(&l, 1, 0, 15);
	struct mea_schedule s;

	mea_schedule_init(&s, 1);
	for (int i = 0; i < 3; i++) {
		w[i] = request(&l, 1, 0, 32);
		cr_assert_null(mea_schedule_enter(&s, &w[i], 0), "%d", i);
	}
	cr_expect_eq(mea_schedule_enter(&s, &early, 0), &early);
	cr_expect_eq(early.fate, MEA_YIELDS);
}

Test(schedule, who_got_most_of_late_goes)
{
	struct mea_model_queue l = queue_of(1, 10, 0);
	struct mea_usage rich = {5, 0}, poor = {1, 0}, new = {0};
	struct mea_queued a = request(&l, 1, 0, 25), b = request(&l, 1, 0, 26),
			  c = request(&l, 1, 0, 27);
	struct mea_schedule s;

	a.usage = &rich;
	b.usage = &poor;
	c.usage = &new;
	mea_schedule_init(&s, 1);
	cr_assert_null(mea_schedule_enter(&s, &a, 0));
	cr_assert_null(mea_schedule_enter(&s, &b, 0));
	cr_expect_eq(mea_schedule_enter(&s, &c, 0), &a);
	cr_expect_eq(a.fate, MEA_YIELDS);
	cr_expect_eq(take(&s, 0, 0), &b);
	cr_expect_float_eq(poor.got, 2, 1e-9);
	/* A queue that is full as well. */
	l.room = 1;
	b = request(&l, 1, 0, 0);
	b.usage = &rich;
	cr_expect_eq(mea_schedule_enter(&s, &b, 0), &b);
	cr_expect_eq(b.fate, MEA_FULL);
}

static bool is_gone(const struct mea_queued *w)
{
	return w->items == 2;
}

Test(schedule, what_nobody_waits_for_is_not_computed)
{
	struct mea_model_queue l = queue_of(8, 0, 0);
	struct mea_queued a = request(&l, 1, 0, 10), b = request(&l, 2, 0, 0),
			  c = request(&l, 1, 0, 0), *refused;
	struct mea_schedule s;
	uint64_t wake;

	a.gone = b.gone = c.gone = is_gone;
	mea_schedule_init(&s, 1);
	cr_assert_null(mea_schedule_enter(&s, &a, 0));
	cr_assert_null(mea_schedule_enter(&s, &b, 0));
	cr_assert_null(mea_schedule_enter(&s, &c, 0));
	cr_expect_eq(mea_schedule_take(&s, 0, 20 * MS, &refused, &wake), &c);
	cr_expect_eq(refused, &b);
	cr_expect_eq(b.fate, MEA_GONE);
	cr_expect_eq(b.next, &a);
	cr_expect_eq(a.fate, MEA_PAST);
	cr_expect_null(a.next);
}

Test(schedule, company_is_waited_for_as_long_as_deadlines_allow)
{
	struct mea_model_queue l = queue_of(4, 10, 0), other = queue_of(4, 10, 0);
	struct mea_queued a = request(&l, 1, 0, 0), b = request(&l, 1, 5, 60),
			  c = request(&other, 1, 5, 0), *refused;
	struct mea_schedule s;
	uint64_t wake;

	l.delay_ns = 100 * MS;
	mea_schedule_init(&s, 1);
	cr_assert_null(mea_schedule_enter(&s, &a, 0));
	cr_expect_null(mea_schedule_take(&s, 0, 0, &refused, &wake));
	cr_expect_eq(wake, 100 * MS);
	/* Another model's requests go on. */
	cr_assert_null(mea_schedule_enter(&s, &c, 5 * MS));
	cr_expect_eq(mea_schedule_take(&s, 0, 5 * MS, &refused, &wake), &c);
	/* It has 60 ms, of which computing takes 10 and the way 1. */
	cr_assert_null(mea_schedule_enter(&s, &b, 6 * MS));
	cr_expect_null(mea_schedule_take(&s, 0, 6 * MS, &refused, &wake));
	cr_expect_eq(wake, 49 * MS, "%lu", wake);
	cr_expect_eq(mea_schedule_take(&s, 0, 49 * MS, &refused, &wake), &b);
	cr_expect_eq(b.next, &a);
}

Test(schedule, a_stall_is_no_slow_model)
{
	struct mea_model_queue l = queue_of(1, 0, 0);
	struct mea_schedule s;

	mea_schedule_init(&s, 1);
	cr_expect_eq(mea_run_cost_of(&l.cost, 1), 0);
	for (int i = 0; i < 100; i++)
		mea_schedule_done(&s, 0, &l, 1, 10 * MS);
	mea_schedule_done(&s, 0, &l, 1, 2000 * MS);
	cr_expect_lt(mea_run_cost_of(&l.cost, 1), 20 * MS);
	for (int i = 0; i < 100; i++)
		mea_schedule_done(&s, 0, &l, 1, 30 * MS);
	cr_expect_float_eq(l.cost.mean[1], 30 * MS, MS);
	/* Sizes that were not measured, from the next below and the next above. */
	l = queue_of(8, 0, 0);
	l.cost.mean[2] = 20 * MS;
	cr_expect_float_eq(mea_run_cost_of(&l.cost, 3), 30 * MS, 1);
	cr_expect_float_eq(mea_run_cost_of(&l.cost, 1), 20 * MS, 1);
}

Test(schedule, a_long_way_to_the_client_takes_time_too)
{
	struct mea_model_queue l = queue_of(1, 10, 0);
	struct mea_queued a = request(&l, 1, 0, 40), b = request(&l, 1, 0, 40);
	struct mea_schedule s;
	int tries = 0;

	mea_schedule_init(&s, 1);
	cr_assert_null(mea_schedule_enter(&s, &a, 0));
	cr_expect_eq(take(&s, 0, 0), &a);
	mea_schedule_done(&s, 0, &l, 1, 10 * MS);
	/* Answers leave 20 ms late, and requests come as late as that. */
	for (int i = 0; i < 60; i++)
		mea_schedule_way(&s, 20 * MS);
	cr_expect_eq(mea_schedule_enter(&s, &b, 0), &b);
	cr_expect_eq(b.fate, MEA_LATE);
	/* Where nothing is let in, nothing is measured: that is tried again. */
	while (mea_schedule_enter(&s, &b, 0) && tries < 100)
		tries++;
	cr_expect_lt(tries, 100);
}

/* --- loads ------------------------------------------------------------------------------ */

#define CONNECTIONS 64
#define THREADS	    4
#define SECONDS	    60

/* Clients ask at random times, each when it has its answer. */
struct client {
	struct mea_queued w;
	struct mea_usage usage;
	double next_ms, mean_ms; /* its next question; between two of them */
	bool waits;
	int good, late, refused;
};

struct world {
	struct mea_schedule s;
	struct mea_model_queue queue;
	struct client c[CONNECTIONS];
	double first_ms, each_ms, timeout_ms, free_ms[THREADS];
	struct mea_queued *batch[THREADS];
	int threads, size[THREADS];
	double took_ms[THREADS];
	uint32_t seed;
};

static double uniform(struct world *x)
{
	x->seed = x->seed * 1664525 + 1013904223;
	return ((x->seed >> 8) + 0.5) / (1 << 24);
}

static struct client *client_of(struct mea_queued *w)
{
	return (struct client *)((char *)w - offsetof(struct client, w));
}

static void answer(struct world *x, struct mea_queued *w, double now, bool computed)
{
	struct client *c = client_of(w);

	c->waits = false;
	c->next_ms = fmax(c->next_ms, now);
	if (!computed)
		c->refused++;
	else if (now * MS <= (double)w->deadline_ns)
		c->good++;
	else
		c->late++;
	(void)x;
}

static void refused(struct world *x, struct mea_queued *list, double now)
{
	while (list) {
		struct mea_queued *next = list->next;

		answer(x, list, now, false);
		list = next;
	}
}

static void ask(struct world *x, struct client *c, double now)
{
	uint64_t ns = (uint64_t)(now * MS);

	c->w = (struct mea_queued){.queue = &x->queue,
				   .usage = &c->usage,
				   .items = 1,
				   .arrived_ns = ns,
				   .deadline_ns = ns + (uint64_t)(x->timeout_ms * MS)};
	c->waits = true;
	c->next_ms -= c->mean_ms * log(uniform(x));
	refused(x, mea_schedule_enter(&x->s, &c->w, ns), now);
}

static void end_batch(struct world *x, int k)
{
	struct mea_queued *w = x->batch[k], *next;

	x->batch[k] = NULL;
	mea_schedule_done(&x->s, k, &x->queue, x->size[k], (uint64_t)(x->took_ms[k] * MS));
	for (; w; w = next) {
		next = w->next;
		answer(x, w, x->free_ms[k], true);
	}
}

static void start_batches(struct world *x, double now)
{
	for (int k = 0; k < x->threads; k++) {
		struct mea_queued *out;
		uint64_t wake;

		if (x->batch[k])
			continue;
		x->batch[k] = mea_schedule_take(&x->s, k, (uint64_t)(now * MS), &out, &wake);
		refused(x, out, now);
		x->size[k] = 0;
		for (struct mea_queued *w = x->batch[k]; w; w = w->next)
			x->size[k]++;
		/* Other work there: a tenth less or more, one batch in a hundred twice. */
		x->took_ms[k] = (x->first_ms + x->each_ms * (x->size[k] - 1)) *
				(0.9 + 0.2 * uniform(x) + (uniform(x) < 0.01));
		x->free_ms[k] = now + x->took_ms[k];
	}
}

static void simulate(struct world *x)
{
	double now = 0;

	while (now < SECONDS * 1e3) {
		struct client *c = NULL;
		int k = -1;

		for (int i = 0; i < CONNECTIONS; i++)
			if (!x->c[i].waits && x->c[i].mean_ms > 0 &&
			    (!c || x->c[i].next_ms < c->next_ms))
				c = &x->c[i];
		for (int i = 0; i < x->threads; i++)
			if (x->batch[i] && (k < 0 || x->free_ms[i] < x->free_ms[k]))
				k = i;
		if (k >= 0 && (!c || x->free_ms[k] <= c->next_ms)) {
			now = x->free_ms[k];
			end_batch(x, k);
		} else {
			cr_assert_not_null(c, "nobody asks and nothing is computed");
			now = fmax(now, c->next_ms);
			ask(x, c, now);
		}
		start_batches(x, now);
	}
}

/* Answers a second that the threads can give at most. */
static double capacity(const struct world *x)
{
	int n = x->queue.max_batch;

	return 1e3 * n * x->threads / (x->first_ms + x->each_ms * (n - 1));
}

/* Questions at `load` times the capacity, the first `greedy` connections asking ten times as often
 * as the others. */
static void set_up(struct world *x, int threads, int max_batch, double first_ms, double each_ms,
		   double timeout_ms, double load, int greedy)
{
	double rate;

	memset(x, 0, sizeof(*x));
	x->queue = (struct mea_model_queue){.max_batch = max_batch, .room = 256};
	x->first_ms = first_ms;
	x->each_ms = each_ms;
	x->timeout_ms = timeout_ms;
	x->threads = threads;
	x->seed = 7;
	mea_schedule_init(&x->s, threads);
	rate = load * capacity(x) / 1e3 / (CONNECTIONS + 9.0 * greedy);
	for (int i = 0; i < CONNECTIONS; i++) {
		x->c[i].mean_ms = 1 / rate / (i < greedy ? 10 : 1);
		x->c[i].next_ms = x->c[i].mean_ms * uniform(x);
	}
}

static void good_of(const struct world *x, int from, int to, double *sum, int *least, int *most)
{
	*sum = 0;
	*least = INT32_MAX;
	*most = 0;
	for (int i = from; i < to; i++) {
		*sum += x->c[i].good;
		*least = x->c[i].good < *least ? x->c[i].good : *least;
		*most = x->c[i].good > *most ? x->c[i].good : *most;
	}
}

static const double loads[] = {0.5, 1, 2, 5, 10, 50};

static void check_goodput(int threads, int max_batch, double first_ms, double each_ms,
			  double timeout_ms)
{
	static struct world x;

	for (size_t i = 0; i < sizeof(loads) / sizeof(*loads); i++) {
		double sum, want, late = 0;
		int least, most;

		set_up(&x, threads, max_batch, first_ms, each_ms, timeout_ms, loads[i], 0);
		simulate(&x);
		good_of(&x, 0, CONNECTIONS, &sum, &least, &most);
		for (int k = 0; k < CONNECTIONS; k++)
			late += x.c[k].late;
		want = capacity(&x) * fmin(loads[i], 1) * SECONDS;
		cr_log_info("%d threads, batch %d, load %g: %.3f of it, late %.4f, %d to %d",
			    threads, max_batch, loads[i], sum / want, late / sum, least, most);
		cr_expect_gt(sum, 0.9 * want, "%d threads, batch %d, load %g: %.3f", threads,
			     max_batch, loads[i], sum / want);
		cr_expect_lt(late, 0.02 * sum, "load %g: %g late of %g", loads[i], late, sum);
		if (loads[i] > 1.5)
			cr_expect_lt(most, 1.3 * least, "load %g: %d to %d", loads[i], least, most);
	}
}

Test(schedule, goodput_at_any_load_on_one_thread)
{
	check_goodput(1, 1, 10, 0, 100);
}

Test(schedule, goodput_at_any_load_on_threads)
{
	check_goodput(THREADS, 1, 10, 0, 100);
}

Test(schedule, goodput_at_any_load_in_batches)
{
	check_goodput(2, 8, 10, 5, 200);
}

/* Eight connections ask ten times as often: they get no more for it. */
Test(schedule, overload_is_shared_by_connection)
{
	static struct world x;

	for (size_t i = 2; i < sizeof(loads) / sizeof(*loads); i++) {
		double sum, rest;
		int least, most, low, high;

		set_up(&x, 2, 1, 10, 0, 100, loads[i] * 4, 8);
		simulate(&x);
		good_of(&x, 0, 8, &sum, &least, &most);
		good_of(&x, 8, CONNECTIONS, &rest, &low, &high);
		cr_log_info("load %g: greedy %d to %d, others %d to %d", loads[i] * 4, least, most,
			    low, high);
		cr_expect_gt(sum + rest, 0.9 * SECONDS * capacity(&x));
		cr_expect_lt(most, 1.3 * low, "load %g: greedy %d to %d, others %d to %d",
			     loads[i] * 4, least, most, low, high);
	}
}
