// SPDX-License-Identifier: Apache-2.0
/*
 * Images at the cloud. Each has an answer from the moment it is sent: main's, then, when the cloud
 * takes its time, the extension's, then the cloud's. What is best when its time is over is
 * given, by a thread that does nothing else: it waits for no backend and no network.
 */
#include "session.h"

#include "meanet/exits.h"
#include "base/clock.h"
#include "base/cost.h"
#include "base/event.h"

#include <math.h>
#include <sched.h>
#include <stdio.h>

/* The extension is run beside the question after this part of the deadline at the earliest,
 * since mostly it is in vain, and after that part at the latest. */
#define STANDBY_FROM 0.25
#define STANDBY_BY   0.5
/* The answer is given so long before the deadline, for what a thread needs to wake, */
#define SLACK_MS 5
/* and more where threads are seen to wake later; at most this part of the deadline. */
#define SLACK_PART 0.25
/* The client's own limit is that much earlier, so that it tells of bytes in time. */
#define LEAD_MS 2
/* An extension's time is at most about so many times main's. */
#define FIRST_GUESS 4

void mea_task_settle(struct mea_session *s, struct task *t)
{
	if (t->away || t->wanted || t->working)
		return;
	if (t->sent && t->set >= 0) {
		s->freed[s->n_freed].prepared = s->entries[t->entry].prepared;
		s->freed[s->n_freed++].set = t->set;
		t->set = -1;
		mea_event_set(s->work_event);
	}
	if (t->collected)
		mea_fifo_push(&s->free, t);
}

void mea_session_give_freed(struct mea_session *s)
{
	struct freed f;

	for (;;) {
		pthread_mutex_lock(&s->lock);
		if (!s->n_freed) {
			pthread_mutex_unlock(&s->lock);
			return;
		}
		f = s->freed[--s->n_freed];
		pthread_mutex_unlock(&s->lock);
		mea_prepared_give(f.prepared, f.set);
	}
}

/* --- the answer ---------------------------------------------------------------------------- */

/* Gives the answer that there is; the lock is held, as in all of this section. */
static void answer(struct mea_session *s, struct task *t)
{
	int i = 0;

	while (s->sent[i] != t)
		i++;
	s->sent[i] = s->sent[--s->n_sent];
	s->n_wanted -= t->wanted;
	t->wanted = false;
	mea_task_finish(s, t);
}

static void want_extension(struct mea_session *s, struct task *t)
{
	if (t->wanted || t->working || t->ready)
		return;
	t->wanted = true;
	t->called = mea_now_ms();
	s->n_wanted++;
	mea_event_set(s->work_event);
}

static void take_answer(struct mea_session *s, struct task *t, const struct mea_cloud_answer *a,
			const struct mea_opinion *o)
{
	struct mea_result *r = &t->answer;

	if (a->error) {
		r->cloud_missed = a->missed;
		snprintf(r->cloud_text, sizeof(r->cloud_text), "%s", a->text);
	} else {
		mea_after_cloud(o, r);
	}
	if (a->error && t->hard && !t->ready)
		want_extension(s, t);
	else
		answer(s, t);
}

/* In the cloud client's thread. */
static void come_back(void *ctx, const struct mea_cloud_answer *a)
{
	struct task *t = ctx;
	struct mea_session *s = t->session;
	struct mea_cost c = {.ms = a->ms, .bytes_up = a->bytes_up, .bytes_down = a->bytes_down};
	struct mea_opinion o = {0};

	if (!a->error)
		o = mea_opinion_of(a->logits, s->model->bundle->n_classes);
	pthread_mutex_lock(&s->lock);
	s->n_away--;
	t->away = false;
	if (t->answered) {
		mea_cost_add(&s->stats[t->answer.exit].cost, &c);
	} else {
		t->answer.cost[MEA_EXIT_CLOUD] = c;
		take_answer(s, t, a, &o);
	}
	mea_task_settle(s, t);
	pthread_mutex_unlock(&s->lock);
}

/* --- the extension ------------------------------------------------------------------------- */

struct task *mea_session_wanted(struct mea_session *s)
{
	struct task *t = NULL;

	pthread_mutex_lock(&s->lock);
	for (int i = 0; i < s->n_sent && !t; i++)
		if (s->sent[i]->wanted)
			t = s->sent[i];
	if (t) {
		t->wanted = false;
		t->working = true;
		s->n_wanted--;
	}
	pthread_mutex_unlock(&s->lock);
	return t;
}

/* At once when it grows, slowly when it shrinks. */
static void learn(double *most, double ms)
{
	*most = ms > *most ? ms : 0.95 * *most + 0.05 * ms;
}

/* What the edge found out beside the question. */
static void take_extension(struct mea_session *s, struct task *t)
{
	struct mea_result *r = &t->answer;

	learn(&s->extension_ms, mea_now_ms() - t->called);
	if (t->answered) {
		mea_cost_add(&s->stats[r->exit].cost, &t->r.cost[MEA_EXIT_EXTENSION]);
		return;
	}
	r->cost[MEA_EXIT_EXTENSION] = t->r.cost[MEA_EXIT_EXTENSION];
	r->exit = t->r.exit;
	r->why = t->r.why;
	r->label = t->r.label;
	r->confidence = t->r.confidence;
}

void mea_task_extended(struct mea_session *s, struct task *t, bool failed)
{
	pthread_mutex_lock(&s->lock);
	t->working = false;
	t->ready = true;
	if (!failed) {
		take_extension(s, t);
	} else if (!t->answered) {
		t->answer.fallback_from = t->r.fallback_from;
		snprintf(t->answer.text, sizeof(t->answer.text), "%s", t->r.text);
	}
	if (!t->answered && !t->away)
		answer(s, t);
	mea_task_settle(s, t);
	pthread_mutex_unlock(&s->lock);
}

/* --- sending ------------------------------------------------------------------------------- */

/* When the image is answered at the latest, and when the edge starts to work on it for that.
 * Should the cloud fail, it does so for all images there at once, and their extensions run in
 * turn. The lock is held. */
static void set_times(const struct mea_session *s, struct task *t)
{
	double d = s->deadline_ms, one = s->extension_ms, at;

	/* Of the first image only main's time is known. */
	if (!(one > 0))
		one = FIRST_GUESS * t->r.cost[MEA_EXIT_MAIN].ms;
	t->due = t->asked + d - fmin(SLACK_MS + 1.5 * s->late_ms, SLACK_PART * d);
	at = t->due - one * (2 + s->n_away) - t->asked;
	t->standby = t->asked + fmin(fmax(at, STANDBY_FROM * d), STANDBY_BY * d);
}

int mea_task_send(struct mea_session *s, struct task *t)
{
	const void *item = s->features ? (const void *)s->features : t->rgb;
	int rc = s->features
			 ? mea_prepared_features(s->entries[t->entry].prepared, t->set, s->features)
			 : 0;
	struct mea_cloud_answer failed = {.error = MEA_ENOMEM, .missed = "out of memory"};
	double due;
	bool wake;

	if (rc)
		return rc;
	pthread_mutex_lock(&s->lock);
	t->asked = mea_now_ms();
	t->sent = t->away = true;
	s->n_away++;
	set_times(s, t);
	t->answer = t->r;
	t->hard = s->model->bundle->hard_index[t->r.label] >= 0;
	if (t->hard)
		t->answer.why = MEA_WHY_NO_EXTENSION;
	s->sent[s->n_sent++] = t;
	wake = t->standby < s->watch_ms;
	due = t->due;
	pthread_mutex_unlock(&s->lock);
	if (wake)
		mea_event_set(s->watch_event);
	/* Not under the lock, for which the watcher must never wait long. */
	if (mea_cloud_ask(s->cloud, item, due - LEAD_MS, come_back, t))
		come_back(t, &failed);
	return 0;
}

/* --- the watcher --------------------------------------------------------------------------- */

/* Its time is over. */
static void give_what_there_is(struct mea_session *s, struct task *t)
{
	struct mea_result *r = &t->answer;

	if (t->away) {
		r->cloud_missed = "late";
		snprintf(r->cloud_text, sizeof(r->cloud_text), "no answer within the deadline");
	}
	answer(s, t);
	mea_task_settle(s, t);
}

/* Does what is due for an image; returns when the next thing is, 0: it is answered. */
static double look_after(struct mea_session *s, struct task *t, double now)
{
	bool standby = t->hard && !t->wanted && !t->working && !t->ready;

	if (now >= t->due) {
		give_what_there_is(s, t);
		return 0;
	}
	if (!standby)
		return t->due;
	if (now < t->standby)
		return t->standby;
	want_extension(s, t);
	return t->due;
}

/* Does what is due; returns when the next thing is, INFINITY: never. */
static double look_after_all(struct mea_session *s)
{
	double now = mea_now_ms(), next = INFINITY;

	for (int i = 0; i < s->n_sent;) {
		double t = look_after(s, s->sent[i], now);

		/* Else it is answered, and another is in its place. */
		if (t > 0)
			i++;
		if (t > 0 && t < next)
			next = t;
	}
	return next;
}

void *mea_watch(void *session)
{
	struct sched_param first = {.sched_priority = sched_get_priority_min(SCHED_FIFO)};
	struct mea_session *s = session;

	/* Before all that computes, where the system lets us (CAP_SYS_NICE, RLIMIT_RTPRIO): a few
	 * microseconds an image hurt nobody, and then a busy machine is not late either. */
	pthread_setschedparam(pthread_self(), SCHED_FIFO, &first);
	pthread_mutex_lock(&s->lock);
	while (!s->stop) {
		double next = s->watch_ms = look_after_all(s), now;

		pthread_mutex_unlock(&s->lock);
		/* Not a condition variable, as these hide a lock that knows no priorities. */
		mea_event_wait(s->watch_event, -1, next - mea_now_ms());
		pthread_mutex_lock(&s->lock);
		now = mea_now_ms();
		if (now > next)
			learn(&s->late_ms, now - next);
	}
	pthread_mutex_unlock(&s->lock);
	return NULL;
}
