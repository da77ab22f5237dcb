// SPDX-License-Identifier: Apache-2.0
/*
 * The session's thread. It keeps up to s->jobs images at work; main of one and
 * extension of another are both under way on the backend, which runs them one
 * after the other or at once, as it can. A backend is used by this thread only.
 */
#include "session.h"

#include "base/clock.h"
#include "base/cost.h"
#include "base/error.h"
#include "base/event.h"
#include "meanet/exits.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

/* A job this old is waited for with the backend's own limit. */
#define PATIENCE_MS 1000

/* --- the end of an image ---------------------------------------------------- */

static void forget_running(struct mea_session *s, const struct task *t)
{
	int n = 0;

	for (int i = 0; i < s->n_running; i++)
		if (s->running[i] != t)
			s->running[n++] = s->running[i];
	s->n_running = n;
}

void mea_task_finish(struct mea_session *s, struct task *t)
{
	struct mea_result *r = &t->answer;
	struct mea_exit_stats *sum = &s->stats[r->exit];
	double now = mea_now_ms();

	r->latency_ms = now - t->submitted;
	r->service_ms = t->begun_main > 0 ? now - t->begun_main : 0;
	r->cloud_ms = t->asked > 0 ? now - t->asked : 0;
	if (!r->error) {
		sum->images++;
		sum->latency_ms += r->latency_ms;
		for (int i = 0; i < MEA_EXITS; i++)
			mea_cost_add(&sum->cost, &r->cost[i]);
	}
	mea_publish_add(s->published, r);
	t->answered = true;
	mea_fifo_push(&s->finished, t);
	pthread_cond_broadcast(&s->done);
}

/* An image that was never sent ends with what the edge says. */
static void finish_here(struct mea_session *s, struct task *t)
{
	pthread_mutex_lock(&s->lock);
	t->answer = t->r;
	mea_task_finish(s, t);
	pthread_mutex_unlock(&s->lock);
}

static void finish_without_answer(struct mea_session *s, struct task *t, int error)
{
	uint64_t tag = t->r.tag;

	memset(&t->r, 0, sizeof(t->r));
	t->r.tag = tag;
	t->r.error = error;
	t->r.why = MEA_WHY_NO_ANSWER;
	snprintf(t->r.text, sizeof(t->r.text), "%s", mea_errmsg());
	finish_here(s, t);
}

/* --- failure and the next backend ------------------------------------------ */

/*
 * The image's job failed with error (and mea_errmsg()): it starts again on the
 * next backend, from the image, since its features may be lost with the device. An image
 * that was sent has no time for that: main's answer stands in for the extension's.
 */
static void fall_back(struct mea_session *s, struct task *t, int error)
{
	struct entry *u = &s->entries[t->entry];
	const char *name = s->choices[t->entry].ops->name;
	bool hung = t->started && error == MEA_ETIMEDOUT;

	if (!t->r.fallback_from)
		t->r.fallback_from = name;
	snprintf(t->r.text, sizeof(t->r.text), "%s: %s", name, mea_errmsg());
	mea_entry_failed(s, t->entry, hung, error);
	if (!hung)
		mea_prepared_give(u->prepared, t->set);
	t->set = -1;
	t->started = false;
	forget_running(s, t);
	if (t->sent) {
		mea_task_extended(s, t, true);
		return;
	}
	t->entry++;
	pthread_mutex_lock(&s->lock);
	mea_fifo_push_front(&s->waiting, t);
	pthread_mutex_unlock(&s->lock);
}

/* --- the course of an image -------------------------------------------------- */

static int start_job(struct mea_session *s, struct task *t)
{
	int rc = mea_prepared_start(s->entries[t->entry].prepared, t->set, t->net);

	t->started = rc == 0;
	t->begun = mea_now_ms();
	return rc;
}

/* Begins an image; false when no backend can take it just now. */
static bool begin(struct mea_session *s, struct task *t)
{
	struct mea_prepared *e;
	int rc;

	for (; t->entry < s->n_entries && !mea_entry_ready(s, t->entry); t->entry++)
		mea_entry_excuse(s, t->entry, &t->r);
	if (t->entry == s->n_entries) {
		if (t->r.fallback_from)
			mea_fail(MEA_EDEVICE, "every backend failed; %s", t->r.text);
		else
			mea_fail(MEA_ENODEV, "no backend is left");
		finish_without_answer(s, t, t->r.fallback_from ? MEA_EDEVICE : MEA_ENODEV);
		return true;
	}
	e = s->entries[t->entry].prepared;
	t->set = mea_prepared_take(e);
	/* Another image, at work or at the cloud, will give one back. */
	if (t->set < 0)
		return false;
	if (!(t->begun_main > 0))
		t->begun_main = mea_now_ms();
	t->net = MEA_NET_MAIN;
	t->r.backend = mea_prepared_name(e);
	memset(t->r.cost, 0, sizeof(t->r.cost));
	rc = mea_prepared_load(e, t->set, t->rgb);
	if (!rc)
		rc = start_job(s, t);
	if (rc == MEA_EBUSY && s->n_running) {
		mea_prepared_give(e, t->set);
		return false;
	}
	if (rc)
		fall_back(s, t, rc);
	else
		s->running[s->n_running++] = t;
	return true;
}

static void fill(struct mea_session *s)
{
	while (s->n_running < s->jobs) {
		struct task *t;

		pthread_mutex_lock(&s->lock);
		t = s->stop ? NULL : mea_fifo_pop(&s->waiting);
		pthread_mutex_unlock(&s->lock);
		if (!t)
			return;
		if (!begin(s, t)) {
			pthread_mutex_lock(&s->lock);
			mea_fifo_push_front(&s->waiting, t);
			pthread_mutex_unlock(&s->lock);
			return;
		}
	}
}

/* The extension is to run next; it waits its turn at the end of the line. */
static void queue_extension(struct mea_session *s, struct task *t)
{
	forget_running(s, t);
	s->running[s->n_running++] = t;
	t->net = MEA_NET_EXTENSION;
	t->started = false;
}

/* Main has ended: true when the image goes on, to the cloud or the extension. */
static bool go_on(struct mea_session *s, struct task *t, const struct mea_opinion *o)
{
	const char *missed = s->cloud ? mea_cloud_missed(s->cloud) : "not configured";
	enum mea_step step = mea_after_main(s->model->bundle, o, missed, &t->r);

	if (step == MEA_STEP_CLOUD) {
		forget_running(s, t);
		if (!mea_task_send(s, t))
			return true;
		step = mea_after_main(s->model->bundle, o, "not reachable", &t->r);
	}
	if (step == MEA_STEP_EXTENSION)
		queue_extension(s, t);
	return step == MEA_STEP_EXTENSION;
}

static void tell(const struct mea_session *s, const struct task *t, int label)
{
	if (s->heard)
		s->heard(s->heard_ctx, t->r.tag, t->net, label);
}

/* A network has ended: what follows from its logits. */
static int advance(struct mea_session *s, struct task *t)
{
	const struct mea_bundle *b = s->model->bundle;
	struct entry *u = &s->entries[t->entry];
	struct mea_opinion o;
	const float *logits;
	int rc = mea_prepared_logits(u->prepared, t->set, t->net, &logits);

	if (rc)
		return rc;
	if (t->net == MEA_NET_MAIN) {
		o = mea_opinion_of(logits, b->n_classes);
		tell(s, t, o.label);
		if (go_on(s, t, &o))
			return 0;
	} else {
		o = mea_opinion_of(logits, b->n_hard);
		tell(s, t, b->hard[o.label]);
		mea_after_extension(b, &o, &t->r);
	}
	forget_running(s, t);
	if (t->sent) {
		mea_task_extended(s, t, false);
		return 0;
	}
	mea_prepared_give(u->prepared, t->set);
	finish_here(s, t);
	return 0;
}

/* The extension that is to start next: of an image that was sent, by its limit, before others. */
static struct task *next_ready(const struct mea_session *s)
{
	struct task *best = NULL;

	for (int i = 0; i < s->n_running; i++) {
		struct task *t = s->running[i];

		if (t->started)
			continue;
		if (!best || (t->sent && (!best->sent || t->due < best->due)))
			best = t;
	}
	return best;
}

/* Starts extensions, as many as may be under way; fails one that finds the backend busy
 * while nothing is. */
static void start_ready(struct mea_session *s)
{
	int under_way = 0;
	struct task *t;

	for (int i = 0; i < s->n_running; i++)
		under_way += s->running[i]->started;
	while (under_way < s->jobs && (t = next_ready(s))) {
		int rc = start_job(s, t);

		if (rc == MEA_EBUSY && under_way)
			return;
		under_way += rc == 0;
		if (rc)
			fall_back(s, t, rc);
	}
}

/* Waits for the oldest job, or for other work, and moves the job's image on. */
static void step(struct mea_session *s)
{
	struct mea_run_stats st = {0};
	struct task *t = NULL;
	double age;
	int rc, fd, limit = -1;

	for (int i = 0; i < s->n_running && !t; i++)
		if (s->running[i]->started)
			t = s->running[i];
	if (!t)
		return;
	age = mea_now_ms() - t->begun;
	if ((s->n_running < s->jobs || s->cloud) && age < PATIENCE_MS) {
		fd = mea_prepared_wait_fd(s->entries[t->entry].prepared, t->set);
		if (fd >= 0 && !mea_event_wait(s->work_event, fd, PATIENCE_MS - age))
			return;
		if (fd >= 0)
			limit = 0;
	}
	rc = mea_prepared_wait(s->entries[t->entry].prepared, t->set, limit, &st);
	if (rc == MEA_ETIMEDOUT && limit >= 0)
		return;
	if (!rc) {
		t->r.cost[t->net] = st.cost;
		mea_entry_worked(s, t->entry);
		rc = advance(s, t);
	}
	if (rc)
		fall_back(s, t, rc);
}

/* Extensions of images that were sent go beyond the limit of images at work. */
static void take_wanted(struct mea_session *s)
{
	struct task *t;

	while ((t = mea_session_wanted(s)))
		queue_extension(s, t);
}

/* Whether there is nothing to do but wait; the lock is held. */
static bool idle(const struct mea_session *s)
{
	if (s->stop || s->n_running || s->n_wanted || s->n_freed)
		return false;
	return !s->waiting.head || s->n_away == s->sets;
}

void *mea_schedule(void *session)
{
	struct mea_session *s = session;
	bool stop, rest;

	for (;;) {
		pthread_mutex_lock(&s->lock);
		rest = idle(s);
		stop = s->stop;
		pthread_mutex_unlock(&s->lock);
		if (stop && !s->n_running)
			return NULL;
		if (rest) {
			mea_event_wait(s->work_event, -1, INFINITY);
			continue;
		}
		mea_session_give_freed(s);
		take_wanted(s);
		start_ready(s);
		fill(s);
		step(s);
	}
}
