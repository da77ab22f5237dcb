// SPDX-License-Identifier: Apache-2.0
#include "serve/served.h"

#include "base/clock.h"
#include "base/error.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* One thread's model and room for a batch. */
struct worker {
	struct mea_served *m;
	struct mea_infer *infer;
	void *in[MEA_IO_MAX], *out[MEA_IO_MAX];
	pthread_t thread;
	bool runs;
};

struct mea_served {
	char *name, *version;
	struct mea_served_options opt;
	struct worker *workers;
	int refs; /* atomic */

	pthread_mutex_t lock; /* guards all below */
	pthread_cond_t work;
	struct mea_served_request *head, *tail;
	struct mea_served_stats stats;
	double item_ns; /* what an item of a batch takes, about */
	bool stop;
};

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
	*slow = m->workers[0].infer->slow;
	return m->workers[0].infer->engine;
}

const struct mea_signature *mea_served_io(const struct mea_served *m)
{
	return &m->workers[0].infer->io;
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

/* --- the queue --------------------------------------------------------------------- */

static void add(struct mea_duration *d, uint64_t ns)
{
	d->count++;
	d->ns += ns;
}

int mea_served_submit(struct mea_served *m, struct mea_served_request *request)
{
	int rc = 0;

	request->next = NULL;
	request->queued_ns = mea_now_ns();
	pthread_mutex_lock(&m->lock);
	if (m->stats.waiting >= m->opt.queue) {
		m->stats.rejected++;
		add(&m->stats.fail, 0);
		rc = MEA_EBUSY;
	} else {
		if (m->head)
			m->tail->next = request;
		else
			m->head = request;
		m->tail = request;
		m->stats.waiting++;
		pthread_cond_signal(&m->work);
	}
	pthread_mutex_unlock(&m->lock);
	return rc ? mea_fail(rc, "%s: %d requests wait already", m->name, m->opt.queue) : 0;
}

void mea_served_count_failure(struct mea_served *m)
{
	pthread_mutex_lock(&m->lock);
	add(&m->stats.fail, 0);
	pthread_mutex_unlock(&m->lock);
}

void mea_served_stats(struct mea_served *m, struct mea_served_stats *stats)
{
	pthread_mutex_lock(&m->lock);
	*stats = m->stats;
	pthread_mutex_unlock(&m->lock);
}

/* Takes the first request off the queue; the lock is held. */
static struct mea_served_request *pop(struct mea_served *m)
{
	struct mea_served_request *request = m->head;

	m->head = request->next;
	m->stats.waiting--;
	return request;
}

static int waiting_items(const struct mea_served *m)
{
	int n = 0;

	for (const struct mea_served_request *j = m->head; j; j = j->next)
		n += j->req.items;
	return n;
}

/* Gives others time to join the first request, unless the batch is full anyway. */
static void await_company(struct mea_served *m)
{
	uint64_t until = m->head->queued_ns + (uint64_t)m->opt.max_delay_us * 1000;
	struct timespec t = mea_timespec((double)until * 1e-6);

	while (!m->stop && m->head && waiting_items(m) < m->opt.max_batch)
		if (pthread_cond_timedwait(&m->work, &m->lock, &t) == ETIMEDOUT)
			return;
}

/* Waits for work and takes up to max_batch items of it; NULL at the end. */
static struct mea_served_request *take_batch(struct mea_served *m)
{
	struct mea_served_request *first = NULL, **end = &first;
	int items = 0;

	pthread_mutex_lock(&m->lock);
	do {
		while (!m->stop && !m->head)
			pthread_cond_wait(&m->work, &m->lock);
		if (m->head && m->opt.max_delay_us)
			await_company(m);
	} while (!m->stop && !m->head);
	while (m->head && (!first || items + m->head->req.items <= m->opt.max_batch)) {
		struct mea_served_request *request = pop(m);

		items += request->req.items;
		*end = request;
		end = &request->next;
		*end = NULL;
		if (!mea_served_io(m)->batched)
			break;
	}
	pthread_mutex_unlock(&m->lock);
	return first;
}

/* --- computing --------------------------------------------------------------------- */

static void finish(struct mea_served *m, struct mea_served_request *request, int rc, uint64_t begun)
{
	uint64_t now = mea_now_ns();

	request->rc = rc;
	if (rc)
		snprintf(request->text, sizeof(request->text), "%s", mea_errmsg());
	pthread_mutex_lock(&m->lock);
	m->stats.last_ms = (uint64_t)time(NULL) * 1000;
	add(rc ? &m->stats.fail : &m->stats.success, now - request->queued_ns);
	add(&m->stats.queue, begun - request->queued_ns);
	m->stats.inferences += rc ? 0 : (uint64_t)request->req.items;
	m->stats.expired += rc == MEA_ETIMEDOUT;
	pthread_mutex_unlock(&m->lock);
	request->done(request);
}

/* Batches take longer than the mean now and then, and the answer has a way to go. */
#define MARGIN	  1.3
#define MARGIN_NS 1e6

/* Why a request of a batch of so many items is not computed; NULL when it makes its deadline. */
static const char *hopeless(struct mea_served *m, const struct mea_served_request *request,
			    int items, uint64_t now)
{
	double ends = (double)now + MARGIN_NS;

	if (!request->deadline_ns)
		return NULL;
	if (now >= request->deadline_ns)
		return "the request's timeout ran out in the queue";
	pthread_mutex_lock(&m->lock);
	ends += MARGIN * items * m->item_ns;
	/* Where nothing is computed, nothing is measured: the estimate must not stay for ever. */
	if (ends >= (double)request->deadline_ns)
		m->item_ns *= 0.99;
	pthread_mutex_unlock(&m->lock);
	return ends < (double)request->deadline_ns
		       ? NULL
		       : "the request's timeout leaves no time to compute it";
}

/* Ends the requests that would be late: nobody waits for their answers, and others do. Returns the
 * rest. */
static struct mea_served_request *drop_hopeless(struct mea_served *m,
						struct mea_served_request *list)
{
	struct mea_served_request *rest = NULL, **end = &rest;
	uint64_t now = mea_now_ns();
	int items = 0;

	for (const struct mea_served_request *j = list; j; j = j->next)
		items += j->req.items;
	while (list) {
		struct mea_served_request *request = list;
		const char *why = hopeless(m, request, items, now);

		list = request->next;
		if (why) {
			items -= request->req.items;
			finish(m, request, mea_fail(MEA_ETIMEDOUT, "%s", why), now);
			continue;
		}
		*end = request;
		end = &request->next;
		*end = NULL;
	}
	return rest;
}

/* Joins the requests' inputs in the worker's buffers; a request alone goes as it is. */
static void gather(struct worker *w, const struct mea_served_request *list, const void **in)
{
	const struct mea_signature *io = &w->infer->io;

	for (int i = 0; i < io->n_in; i++) {
		char *to = w->in[i];

		in[i] = list->next ? w->in[i] : list->req.in[i];
		for (const struct mea_served_request *j = list; list->next && j; j = j->next) {
			size_t bytes = io->in[i].bytes * (size_t)j->req.items;

			memcpy(to, j->req.in[i], bytes);
			to += bytes;
		}
	}
}

/* Gives a request its part of the batch's outputs, from item `at` on. */
static int scatter(struct worker *w, struct mea_served_request *request, int at)
{
	const struct mea_signature *io = &w->infer->io;

	for (int i = 0; i < io->n_out; i++) {
		size_t bytes = io->out[i].bytes * (size_t)request->req.items;

		request->out[i] = malloc(bytes + !bytes);
		if (!request->out[i])
			return mea_nomem();
		memcpy(request->out[i], (char *)w->out[i] + io->out[i].bytes * (size_t)at, bytes);
	}
	return 0;
}

/* Computes a batch. When it fails, each of its requests is computed alone, so that a bad item costs
 * its own answer only. */
static void compute(struct worker *w, struct mea_served_request *list)
{
	struct mea_served *m = w->m;
	const void *in[MEA_IO_MAX];
	uint64_t begun = mea_now_ns(), took;
	int items = 0, at = 0, rc;
	bool alone;

	for (const struct mea_served_request *j = list; j; j = j->next)
		items += j->req.items;
	gather(w, list, in);
	rc = m->opt.ops->run(w->infer, items, in, w->out);
	pthread_mutex_lock(&m->lock);
	took = mea_now_ns() - begun;
	m->stats.executions += rc == 0;
	add(&m->stats.compute, took);
	add(&m->stats.batch[items], took);
	if (!rc)
		m->item_ns += 0.1 * ((double)took / items - m->item_ns);
	pthread_mutex_unlock(&m->lock);
	alone = rc && list->next;
	while (list) {
		struct mea_served_request *request = list;
		int n = request->req.items;

		list = request->next;
		request->next = NULL;
		if (alone)
			compute(w, request);
		else
			finish(m, request, rc ? rc : scatter(w, request, at), begun);
		at += n;
	}
}

static void *work(void *arg)
{
	struct worker *w = arg;
	struct mea_served_request *list;

	while ((list = take_batch(w->m))) {
		list = drop_hopeless(w->m, list);
		if (list)
			compute(w, list);
	}
	return NULL;
}

/* --- life ---------------------------------------------------------------------------- */

static int start_worker(struct mea_served *m, struct worker *w, const char *path)
{
	size_t n = (size_t)m->opt.max_batch;
	const struct mea_signature *io;
	int rc = m->opt.ops->open(path, m->opt.max_batch, &w->infer);

	if (rc)
		return rc;
	w->m = m;
	io = &w->infer->io;
	for (int k = 0; k < MEA_IO_MAX; k++) {
		if (k < io->n_in)
			w->in[k] = malloc(io->in[k].bytes * n + 1);
		if (k < io->n_out)
			w->out[k] = malloc(io->out[k].bytes * n + 1);
		if ((k < io->n_in && !w->in[k]) || (k < io->n_out && !w->out[k]))
			return mea_nomem();
	}
	rc = pthread_create(&w->thread, NULL, work, w);
	if (rc)
		return mea_fail(MEA_ENOMEM, "cannot start a thread: %s", strerror(rc));
	w->runs = true;
	return 0;
}

static void destroy(struct mea_served *m)
{
	pthread_mutex_lock(&m->lock);
	m->stop = true;
	pthread_cond_broadcast(&m->work);
	pthread_mutex_unlock(&m->lock);
	for (int i = 0; m->workers && i < m->opt.threads; i++) {
		struct worker *w = &m->workers[i];

		if (w->runs)
			pthread_join(w->thread, NULL);
		if (w->infer)
			m->opt.ops->close(w->infer);
		for (int k = 0; k < MEA_IO_MAX; k++) {
			free(w->in[k]);
			free(w->out[k]);
		}
	}
	pthread_mutex_destroy(&m->lock);
	pthread_cond_destroy(&m->work);
	free(m->workers);
	free(m->name);
	free(m->version);
	free(m);
}

int mea_served_open(const char *name, const char *version, const char *path,
		    const struct mea_served_options *opt, struct mea_served **out)
{
	struct mea_served *m = calloc(1, sizeof(*m));
	int rc = 0;

	*out = NULL;
	if (!m)
		return mea_nomem();
	m->opt = *opt;
	m->refs = 1;
	pthread_mutex_init(&m->lock, NULL);
	mea_cond_init(&m->work);
	m->name = strdup(name);
	m->version = strdup(version);
	m->workers = calloc((size_t)opt->threads, sizeof(*m->workers));
	if (!m->name || !m->version || !m->workers)
		rc = mea_nomem();
	for (int i = 0; i < opt->threads && !rc; i++)
		rc = start_worker(m, &m->workers[i], path);
	if (rc) {
		destroy(m);
		return rc;
	}
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
