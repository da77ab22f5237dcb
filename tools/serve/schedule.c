// SPDX-License-Identifier: Apache-2.0
#include "serve/schedule.h"

#include <math.h>
#include <stddef.h>
#include <string.h>

/* The weight of the latest measurement, and how far one may lie off: a machine that stalled once is
 * no slow model. */
#define LATEST 0.1
#define FAR    4.0
/* Deviations that an estimate has over the mean: more would turn away what a machine that is not
 * full could try, fewer would compute more that is late after all. */
#define SPREADS 1.0
/* What the ways of request and answer take beside what is measured, and a way out before any is
 * measured: the first one tells little. */
#define MARGIN_NS    800000u
#define FIRST_WAY_NS 100000u
/* Where a request without a deadline stands among the others. */
#define PATIENCE_NS 1000000000u
/* What a connection got counts 1/e after so long. */
#define MEMORY_NS 2e9
/* Where nothing is computed, nothing is measured: an estimate that keeps all out must shrink. */
#define SHRINK 0.99

/* --- cost --------------------------------------------------------------------------- */

/* A value and its mean deviation. */
struct estimate {
	double mean, spread;
};

static struct estimate estimate(const struct mea_run_cost *c, int items)
{
	int below = items, above = items;
	double share;

	while (below > 0 && !(c->mean[below] > 0))
		below--;
	share = below > 0 ? (double)items / below : 0;
	if (below > 0)
		return (struct estimate){c->mean[below] * share, c->spread[below] * share};
	/* A larger batch takes no less. */
	while (above <= MEA_BATCH_MAX && !(c->mean[above] > 0))
		above++;
	if (above > MEA_BATCH_MAX)
		return (struct estimate){0, 0};
	return (struct estimate){c->mean[above], c->spread[above]};
}

double mea_run_cost_of(const struct mea_run_cost *c, int items)
{
	struct estimate e = estimate(c, items);

	return e.mean + SPREADS * e.spread;
}

static void learn(double *mean, double *spread, double x)
{
	if (!(*mean > 0)) {
		*mean = x;
		return;
	}
	x = fmin(x, FAR * *mean);
	*spread += LATEST * (fabs(x - *mean) - *spread);
	*mean += LATEST * (x - *mean);
}

static void shrink(struct mea_schedule *s, struct mea_run_cost *c)
{
	s->way_mean *= SHRINK;
	s->way_spread *= SHRINK;
	for (int i = 1; i <= MEA_BATCH_MAX; i++) {
		c->mean[i] *= SHRINK;
		c->spread[i] *= SHRINK;
	}
}

/* --- usage -------------------------------------------------------------------------  */

static double got(const struct mea_queued *w, uint64_t now)
{
	const struct mea_usage *t = w->usage;

	return t && t->got > 0 ? t->got * exp(-((double)now - (double)t->at_ns) / MEMORY_NS) : 0;
}

static void count_usage(struct mea_queued *w, uint64_t now)
{
	if (!w->usage)
		return;
	w->usage->got = got(w, now) + w->items;
	w->usage->at_ns = now;
}

/* --- the queue ---------------------------------------------------------------------- */

void mea_schedule_init(struct mea_schedule *s, int threads)
{
	memset(s, 0, sizeof(*s));
	s->threads = threads;
	s->way_mean = FIRST_WAY_NS;
}

static void insert(struct mea_schedule *s, struct mea_queued *w)
{
	struct mea_queued **at = &s->head;

	while (*at && (*at)->due_ns <= w->due_ns)
		at = &(*at)->next;
	w->next = *at;
	*at = w;
	w->queue->waiting++;
	w->queue->items += w->items;
	s->deadlines += w->deadline_ns != 0;
}

/* Takes *at out of the queue. */
static struct mea_queued *pull(struct mea_schedule *s, struct mea_queued **at)
{
	struct mea_queued *w = *at;

	*at = w->next;
	w->next = NULL;
	w->queue->waiting--;
	w->queue->items -= w->items;
	s->deadlines -= w->deadline_ns != 0;
	return w;
}

static void take_out(struct mea_schedule *s, struct mea_queued *w)
{
	struct mea_queued **at = &s->head;

	while (*at != w)
		at = &(*at)->next;
	pull(s, at);
}

/* What the ways of a request and its answer may take: the way in is not seen, and taken for as long
 * as the way out. */
static double margin(const struct mea_schedule *s)
{
	return MARGIN_NS + 2 * (s->way_mean + SPREADS * s->way_spread);
}

/* By how much w is late if its batch ends then; 0: it is not. */
static uint64_t lateness(const struct mea_schedule *s, const struct mea_queued *w, double end)
{
	double late = end + margin(s) - (double)w->deadline_ns;

	return w->deadline_ns && late > 0 ? (uint64_t)late + 1 : 0;
}

/* --- batches ------------------------------------------------------------------------ */

/* A batch while it grows from its first request, the one that is due first. */
struct batch {
	const struct mea_model_queue *queue;
	double start, margin;
	int items, most; /* most: so that idle threads get their share */
	uint64_t deadline_ns;
	bool closed; /* no more items would be in time */
};

static struct batch batch_of(const struct mea_schedule *s, const struct mea_queued *first,
			     double start, int idle, int waiting)
{
	int most = idle > 1 ? (waiting + idle - 1) / idle : waiting;

	if (most > first->queue->max_batch)
		most = first->queue->max_batch;
	return (struct batch){.queue = first->queue,
			      .start = start,
			      .margin = margin(s),
			      .items = first->items,
			      .most = most,
			      .deadline_ns = first->deadline_ns};
}

/* Lets w join, if all are then still in time. */
static bool join(struct batch *b, const struct mea_queued *w)
{
	int items = b->items + w->items;
	uint64_t deadline = b->deadline_ns;

	if (w->queue != b->queue || items > b->most)
		return false;
	if (w->deadline_ns && (!deadline || w->deadline_ns < deadline))
		deadline = w->deadline_ns;
	if (deadline &&
	    b->start + mea_run_cost_of(&b->queue->cost, items) + b->margin > (double)deadline) {
		b->closed = true;
		return false;
	}
	b->items = items;
	b->deadline_ns = deadline;
	return true;
}

/* --- the plan ----------------------------------------------------------------------- */

/* Threads' ends of work while a plan is made. */
struct plan {
	double free[MEA_THREADS_MAX];
	int n;
};

static void plan_from(const struct mea_schedule *s, uint64_t now, struct plan *p)
{
	p->n = s->threads;
	for (int i = 0; i < p->n; i++)
		p->free[i] = (double)(s->busy_ns[i] > now ? s->busy_ns[i] : now);
	for (struct mea_queued *w = s->head; w; w = w->next) {
		w->planned = false;
		w->queue->planned = 0;
	}
}

/* The thread that is free first; *idle: how many are then. */
static double *first_free(struct plan *p, int *idle)
{
	double *first = &p->free[0];

	for (int i = 1; i < p->n; i++)
		if (p->free[i] < *first)
			first = &p->free[i];
	*idle = 0;
	for (int i = 0; i < p->n; i++)
		*idle += p->free[i] <= *first;
	return first;
}

/* Goes through all that wait as mea_schedule_take() will. Returns the first that would be late, by
 * *late_ns; NULL: none. */
static struct mea_queued *first_late(struct mea_schedule *s, uint64_t now, uint64_t *late_ns)
{
	struct plan p;

	plan_from(s, now, &p);
	for (struct mea_queued *w = s->head; w; w = w->next) {
		struct batch b;
		double *thread;
		int idle;

		if (w->planned)
			continue;
		thread = first_free(&p, &idle);
		b = batch_of(s, w, *thread, idle, w->queue->items - w->queue->planned);
		for (struct mea_queued *o = w->next; o && b.items < b.most && !b.closed;
		     o = o->next)
			if (!o->planned)
				o->planned = join(&b, o);
		w->queue->planned += b.items;
		*late_ns = lateness(s, w, *thread + mea_run_cost_of(&w->queue->cost, b.items));
		if (*late_ns)
			return w;
		/* Deviations of those before it even out. */
		*thread += estimate(&w->queue->cost, b.items).mean;
	}
	return NULL;
}

/* Of those of `queue` (NULL: of all) up to `last` (NULL: all), the one whose connection got most of
 * late; w where it is no less. */
static struct mea_queued *richest(const struct mea_schedule *s, const struct mea_model_queue *queue,
				  const struct mea_queued *last, struct mea_queued *w, uint64_t now)
{
	struct mea_queued *most = NULL;
	bool among = false;
	double best = -1;

	for (struct mea_queued *o = s->head; o; o = o->next) {
		double has = got(o, now);

		among |= o == w;
		if ((!queue || o->queue == queue) && has >= best) {
			best = has;
			most = o;
		}
		if (o == last)
			break;
	}
	return among && got(w, now) >= best ? w : most;
}

static void refuse(struct mea_schedule *s, struct mea_queued *w, enum mea_fate fate,
		   uint64_t missing_ns, struct mea_queued **refused)
{
	take_out(s, w);
	w->fate = fate;
	w->missing_ns = missing_ns;
	w->next = *refused;
	*refused = w;
}

static bool idles(const struct mea_schedule *s, uint64_t now)
{
	for (int i = 0; i < s->threads; i++)
		if (s->busy_ns[i] > now)
			return false;
	return true;
}

struct mea_queued *mea_schedule_enter(struct mea_schedule *s, struct mea_queued *w, uint64_t now)
{
	struct mea_queued *refused = NULL, *late;
	uint64_t late_ns;

	w->fate = MEA_ADMITTED;
	w->missing_ns = 0;
	w->due_ns = w->deadline_ns ? w->deadline_ns : w->arrived_ns + PATIENCE_NS;
	insert(s, w);
	if (w->queue->waiting > w->queue->room)
		refuse(s, richest(s, w->queue, NULL, w, now), MEA_FULL, 0, &refused);
	while (s->deadlines && w->fate == MEA_ADMITTED && (late = first_late(s, now, &late_ns))) {
		struct mea_queued *out = richest(s, NULL, late, w, now);

		/* Nothing but its own time keeps it out: that may have become shorter. */
		if (out == w && s->head == w && !w->next && idles(s, now))
			shrink(s, &w->queue->cost);
		refuse(s, out, out == late ? MEA_LATE : MEA_YIELDS, late_ns, &refused);
	}
	return refused;
}

/* --- taking ------------------------------------------------------------------------- */

/* Takes out what no longer makes sense, from *at on; true: *at is another now. */
static bool drop(struct mea_schedule *s, struct mea_queued **at, uint64_t now,
		 struct mea_queued **refused)
{
	struct mea_queued *w = *at;
	double cost = mea_run_cost_of(&w->queue->cost, w->items);
	uint64_t late = lateness(s, w, (double)now + cost);

	if (w->gone && w->gone(w))
		w->fate = MEA_GONE;
	else if (w->deadline_ns && now >= w->deadline_ns)
		w->fate = MEA_PAST;
	else if (late)
		w->fate = MEA_LATE;
	else
		return false;
	pull(s, at);
	w->missing_ns = late;
	w->next = *refused;
	*refused = w;
	return true;
}

/* Whether a batch from w on should wait for company, and until when. */
static bool awaits_company(const struct mea_schedule *s, const struct mea_queued *w, uint64_t now,
			   uint64_t *until)
{
	uint64_t cost =
		(uint64_t)(mea_run_cost_of(&w->queue->cost, w->queue->max_batch) + margin(s));

	*until = w->arrived_ns + w->queue->delay_ns;
	if (w->deadline_ns && w->deadline_ns < *until + cost)
		*until = w->deadline_ns > cost ? w->deadline_ns - cost : 0;
	return w->queue->items < w->queue->max_batch && now < *until;
}

/* Takes the batch that starts with *at. */
static struct mea_queued *take_batch(struct mea_schedule *s, struct mea_queued **at, uint64_t now,
				     struct mea_queued **refused, int *items)
{
	struct mea_queued *first = *at, **end = &first->next;
	int idle = 0;
	struct batch b;

	for (int i = 0; i < s->threads; i++)
		idle += s->busy_ns[i] <= now;
	b = batch_of(s, first, (double)now, idle, first->queue->items);
	pull(s, at);
	while (b.items < b.most && !b.closed && *at) {
		struct mea_queued *w = *at;

		if (w->queue == b.queue && drop(s, at, now, refused))
			continue;
		if (join(&b, w)) {
			*end = pull(s, at);
			end = &w->next;
		} else {
			at = &w->next;
		}
	}
	*items = b.items;
	return first;
}

struct mea_queued *mea_schedule_take(struct mea_schedule *s, int thread, uint64_t now,
				     struct mea_queued **refused, uint64_t *wake_ns)
{
	struct mea_queued **at = &s->head, *first;
	uint64_t until;
	int items;

	*refused = NULL;
	*wake_ns = 0;
	s->busy_ns[thread] = 0;
	s->passes++;
	while (*at) {
		struct mea_model_queue *queue = (*at)->queue;

		if (queue->pass != s->passes && drop(s, at, now, refused))
			continue;
		if (queue->pass == s->passes || awaits_company(s, *at, now, &until)) {
			if (queue->pass != s->passes && (!*wake_ns || until < *wake_ns))
				*wake_ns = until;
			queue->pass = s->passes;
			at = &(*at)->next;
			continue;
		}
		first = take_batch(s, at, now, refused, &items);
		s->busy_ns[thread] = now + (uint64_t)estimate(&queue->cost, items).mean + 1;
		for (struct mea_queued *w = first; w; w = w->next)
			count_usage(w, now);
		return first;
	}
	return NULL;
}

void mea_schedule_done(struct mea_schedule *s, int thread, struct mea_model_queue *queue, int items,
		       uint64_t took_ns)
{
	s->busy_ns[thread] = 0;
	if (took_ns && items <= MEA_BATCH_MAX)
		learn(&queue->cost.mean[items], &queue->cost.spread[items], (double)took_ns);
}

void mea_schedule_way(struct mea_schedule *s, uint64_t took_ns)
{
	learn(&s->way_mean, &s->way_spread, (double)took_ns);
}
