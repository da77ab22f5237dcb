// SPDX-License-Identifier: Apache-2.0
#include "serve/served.h"

#include "base/clock.h"
#include "base/error.h"

#include <pthread.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* What a thread of the pool runs the model with: a context, and room for a batch. */
struct workspace {
	void *context;
	void *in[MEA_IO_MAX], *out[MEA_IO_MAX];
};

struct mea_served {
	char *name, *version;
	struct mea_served_options opt;
	struct mea_pool *pool;
	struct mea_infer *infer;
	struct workspace *workspaces; /* by thread */
	int refs;		      /* atomic */

	struct mea_model_queue queue; /* the pool's */
	pthread_mutex_t lock;	      /* guards stats */
	struct mea_served_stats stats;
};

static struct mea_served_request *request_of(struct mea_queued *w)
{
	return (struct mea_served_request *)w;
}

const char *mea_served_name(const struct mea_served *m)
{
	return m->name;
}

const char *mea_served_version(const struct mea_served *m)
{
	return m->version;
}

const char *mea_served_platform(const struct mea_served *m)
{
	return m->opt.ops->platform;
}

const char *mea_served_engine(const struct mea_served *m, const char **slow)
{
	*slow = m->infer->slow;
	return m->infer->engine;
}

const struct mea_signature *mea_served_io(const struct mea_served *m)
{
	return &m->infer->io;
}

int mea_served_max_items(const struct mea_served *m)
{
	return mea_served_io(m)->batched ? m->opt.max_batch : 1;
}

void mea_served_request_free(struct mea_served_request *request)
{
	mea_oip_request_free(&request->req);
	for (int i = 0; i < MEA_IO_MAX; i++) {
		free(request->out[i]);
		request->out[i] = NULL;
	}
}

/* --- fates ------------------------------------------------------------------------- */

static void add(struct mea_duration *d, uint64_t ns)
{
	d->count++;
	d->ns += ns;
}

/* The error and its sentence of a request that was refused. */
static int refusal(const struct mea_served *m, const struct mea_queued *w)
{
	double ms = (double)w->missing_ns * 1e-6;

	switch (w->fate) {
	case MEA_FULL:
		return mea_fail(MEA_EBUSY, "%s: %d requests wait already", m->name, m->opt.queue);
	case MEA_YIELDS:
		return mea_fail(MEA_EBUSY,
				"%s: there is no time for all requests, %.1f ms are missing, and "
				"others got fewer answers of late",
				m->name, ms);
	case MEA_PAST:
		return mea_fail(MEA_ETIMEDOUT, "the request's timeout ran out in the queue");
	case MEA_GONE:
		return mea_fail(MEA_EIO, "the client is gone");
	default:
		return mea_fail(MEA_ETIMEDOUT,
				"the request's timeout leaves no time to compute it: %.1f ms are "
				"missing",
				ms);
	}
}

/* Counts a request that ends with rc. */
static void count(struct mea_served *m, const struct mea_served_request *r, uint64_t now)
{
	const struct mea_queued *w = &r->wait;

	pthread_mutex_lock(&m->lock);
	m->stats.last_ms = (uint64_t)time(NULL) * 1000;
	add(r->rc ? &m->stats.fail : &m->stats.success, now - w->arrived_ns);
	add(&m->stats.queue, r->begun_ns - w->arrived_ns);
	m->stats.inferences += r->rc ? 0 : (uint64_t)r->req.items;
	m->stats.rejected += w->fate == MEA_FULL || w->fate == MEA_YIELDS;
	m->stats.expired += w->fate == MEA_LATE || w->fate == MEA_PAST;
	m->stats.abandoned += w->fate == MEA_GONE;
	pthread_mutex_unlock(&m->lock);
}

int mea_served_submit(struct mea_served *m, struct mea_served_request *request)
{
	struct mea_queued *w = &request->wait;
	enum mea_fate fate;

	w->queue = &m->queue;
	w->items = request->req.items;
	w->arrived_ns = mea_now_ns();
	request->model = m;
	fate = mea_pool_enter(m->pool, w);
	if (fate == MEA_ADMITTED)
		return 0;
	request->rc = refusal(m, w);
	request->begun_ns = w->arrived_ns;
	count(m, request, w->arrived_ns);
	return request->rc;
}

static void ended(struct mea_queued *w)
{
	struct mea_served_request *r = request_of(w);
	uint64_t now = mea_now_ns();

	if (w->fate != MEA_ADMITTED) {
		r->rc = refusal(r->model, w);
		r->begun_ns = now;
		snprintf(r->text, sizeof(r->text), "%s", mea_errmsg());
	}
	r->ended_ns = now;
	count(r->model, r, now);
	r->done(r);
}

void mea_served_answered(struct mea_served *m, const struct mea_served_request *request)
{
	mea_pool_way(m->pool, mea_now_ns() - request->ended_ns);
}

void mea_served_count_failure(struct mea_served *m)
{
	pthread_mutex_lock(&m->lock);
	add(&m->stats.fail, 0);
	pthread_mutex_unlock(&m->lock);
}

void mea_served_stats(struct mea_served *m, struct mea_served_stats *stats)
{
	int waiting = mea_pool_waiting(m->pool, &m->queue);

	pthread_mutex_lock(&m->lock);
	*stats = m->stats;
	pthread_mutex_unlock(&m->lock);
	stats->waiting = waiting;
}

/* --- computing --------------------------------------------------------------------- */

/* Joins the requests' inputs in the workspace's room; a request alone goes as it is. */
static void gather(const struct mea_served *m, const struct workspace *workspace,
		   struct mea_queued *list, const void **in)
{
	const struct mea_signature *io = &m->infer->io;

	for (int i = 0; i < io->n_in; i++) {
		char *to = workspace->in[i];

		in[i] = list->next ? workspace->in[i] : request_of(list)->req.in[i];
		for (struct mea_queued *w = list; list->next && w; w = w->next) {
			size_t bytes = io->in[i].bytes * (size_t)w->items;

			memcpy(to, request_of(w)->req.in[i], bytes);
			to += bytes;
		}
	}
}

/* Gives a request its part of the batch's outputs, from item `at` on. */
static int scatter(const struct mea_served *m, const struct workspace *workspace,
		   struct mea_served_request *request, int at)
{
	const struct mea_signature *io = &m->infer->io;

	for (int i = 0; i < io->n_out; i++) {
		size_t bytes = io->out[i].bytes * (size_t)request->req.items;

		request->out[i] = malloc(bytes + !bytes);
		if (!request->out[i])
			return mea_nomem();
		memcpy(request->out[i], (char *)workspace->out[i] + io->out[i].bytes * (size_t)at,
		       bytes);
	}
	return 0;
}

/* Runs the n requests from list on and sets their results. Returns the ns; 0: it failed. */
static uint64_t run(struct mea_served *m, struct workspace *workspace, struct mea_queued *list)
{
	const void *in[MEA_IO_MAX];
	uint64_t begun = mea_now_ns(), took;
	int items = 0, at = 0, rc;

	for (const struct mea_queued *w = list; w; w = w->next)
		items += w->items;
	gather(m, workspace, list, in);
	rc = m->infer->ops->run(m->infer, workspace->context, items, in, workspace->out);
	took = mea_now_ns() - begun;
	pthread_mutex_lock(&m->lock);
	m->stats.executions += rc == 0;
	add(&m->stats.compute, took);
	add(&m->stats.batch[items], took);
	pthread_mutex_unlock(&m->lock);
	for (struct mea_queued *w = list; w; w = w->next) {
		struct mea_served_request *r = request_of(w);

		r->begun_ns = begun;
		r->rc = rc ? rc : scatter(m, workspace, r, at);
		if (r->rc)
			snprintf(r->text, sizeof(r->text), "%s", mea_errmsg());
		at += w->items;
	}
	return rc ? 0 : took + !took;
}

/* When a batch fails, each of its requests is computed alone, so that a bad item costs its own
 * answer only. */
static uint64_t compute(struct mea_model_queue *queue, int thread, struct mea_queued *batch)
{
	struct mea_served *m =
		(struct mea_served *)((char *)queue - offsetof(struct mea_served, queue));
	uint64_t took = run(m, &m->workspaces[thread], batch);

	for (struct mea_queued *w = batch; !took && batch->next && w; w = w->next) {
		struct mea_queued *next = w->next;

		w->next = NULL;
		run(m, &m->workspaces[thread], w);
		w->next = next;
	}
	return took;
}

const struct mea_pool_ops mea_served_pool_ops = {.compute = compute, .ended = ended};

/* --- life ---------------------------------------------------------------------------- */

static int make_workspace(struct mea_served *m, struct workspace *workspace)
{
	size_t n = (size_t)m->opt.max_batch;
	const struct mea_signature *io = &m->infer->io;
	int rc = m->infer->ops->context_new(m->infer, &workspace->context);

	if (rc)
		return rc;
	for (int k = 0; k < MEA_IO_MAX; k++) {
		if (k < io->n_in)
			workspace->in[k] = malloc(io->in[k].bytes * n + 1);
		if (k < io->n_out)
			workspace->out[k] = malloc(io->out[k].bytes * n + 1);
		if ((k < io->n_in && !workspace->in[k]) || (k < io->n_out && !workspace->out[k]))
			return mea_nomem();
	}
	return 0;
}

static void destroy(struct mea_served *m)
{
	for (int i = 0; m->workspaces && i < mea_pool_threads(m->pool); i++) {
		struct workspace *workspace = &m->workspaces[i];

		if (workspace->context)
			m->infer->ops->context_free(m->infer, workspace->context);
		for (int k = 0; k < MEA_IO_MAX; k++) {
			free(workspace->in[k]);
			free(workspace->out[k]);
		}
	}
	if (m->infer)
		m->infer->ops->close(m->infer);
	pthread_mutex_destroy(&m->lock);
	free(m->workspaces);
	free(m->name);
	free(m->version);
	free(m);
}

/* The limits of its requests. */
static struct mea_model_queue queue_of(const struct mea_served *m)
{
	int most = mea_served_max_items(m);

	return (struct mea_model_queue){.max_batch = m->infer->at_once < most ? m->infer->at_once
									      : most,
					.room = m->opt.queue,
					.delay_ns = (uint64_t)m->opt.max_delay_us * 1000};
}

int mea_served_open(const char *name, const char *version, const char *path,
		    const struct mea_served_options *opt, struct mea_pool *pool,
		    struct mea_served **out)
{
	struct mea_served *m = calloc(1, sizeof(*m));
	int threads = mea_pool_threads(pool), rc = 0;

	*out = NULL;
	if (!m)
		return mea_nomem();
	m->opt = *opt;
	m->pool = pool;
	m->refs = 1;
	pthread_mutex_init(&m->lock, NULL);
	m->name = strdup(name);
	m->version = strdup(version);
	m->workspaces = calloc((size_t)threads, sizeof(*m->workspaces));
	if (!m->name || !m->version || !m->workspaces)
		rc = mea_nomem();
	if (!rc)
		rc = opt->ops->open(path, opt->max_batch, &m->infer);
	for (int i = 0; i < threads && !rc; i++)
		rc = make_workspace(m, &m->workspaces[i]);
	if (rc) {
		destroy(m);
		return rc;
	}
	m->queue = queue_of(m);
	*out = m;
	return 0;
}

struct mea_served *mea_served_get(struct mea_served *m)
{
	__atomic_add_fetch(&m->refs, 1, __ATOMIC_RELAXED);
	return m;
}

void mea_served_put(struct mea_served *m)
{
	if (m && __atomic_sub_fetch(&m->refs, 1, __ATOMIC_ACQ_REL) == 0)
		destroy(m);
}
