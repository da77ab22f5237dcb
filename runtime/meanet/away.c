// SPDX-License-Identifier: Apache-2.0
/*
 * Images at the cloud. One keeps its lane, and with it its features, so that the extension
 * can answer at once when the cloud does not. What comes back does so in the cloud client's
 * thread; only what needs a backend goes through the session's.
 */
#include "session.h"

#include "meanet/exits.h"

#include <stdio.h>

/* Of the deadline, at least this part is the cloud's however slow the edge is. */
#define CLOUD_PART 0.5
/* Time that waking threads takes. */
#define SLACK_MS 5
/* An extension's time is at most about so many times main's. */
#define FIRST_GUESS 4

/* The image needs its lane no more. */
static void free_lane(struct mea_session *s, const struct task *t)
{
	s->freed[s->n_freed].engine = s->units[t->unit].engine;
	s->freed[s->n_freed++].lane = t->lane;
	pthread_cond_signal(&s->work);
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
		mea_engine_give(f.engine, f.lane);
	}
}

static bool is_hard(const struct mea_session *s, const struct task *t)
{
	return s->model->bundle->hard_index[t->r.label] >= 0;
}

static void come_back(void *ctx, const struct mea_cloud_answer *a)
{
	struct task *t = ctx;
	struct mea_session *s = t->session;
	struct mea_cost *c = &t->r.cost[MEA_EXIT_CLOUD];
	struct mea_opinion o;
	bool extend;

	c->ms = a->ms;
	c->bytes_up = a->bytes_up;
	c->bytes_down = a->bytes_down;
	if (a->error) {
		t->r.cloud_missed = a->missed;
		snprintf(t->r.cloud_text, sizeof(t->r.cloud_text), "%s", a->text);
	} else {
		o = mea_opinion_of(a->logits, s->model->bundle->n_classes);
		mea_after_cloud(&o, &t->r);
	}
	extend = a->error && is_hard(s, t);
	pthread_mutex_lock(&s->lock);
	s->n_away--;
	if (extend) {
		mea_fifo_push(&s->returned, t);
		pthread_cond_signal(&s->work);
	} else {
		free_lane(s, t);
	}
	pthread_mutex_unlock(&s->lock);
	if (!extend)
		mea_task_finish(s, t);
}

/*
 * The longest that the cloud may take: what the edge's own answer needs is kept back. When the
 * cloud fails it fails for all n_away images at once; their extensions then run in turn, and an
 * extension's time counts the job before it as well.
 */
static double patience(const struct mea_session *s, const struct task *t, int n_away)
{
	double keep = SLACK_MS, one = s->extension_ms;

	/* Of the first image only main's time is known. */
	if (!(one > 0))
		one = FIRST_GUESS * t->r.cost[MEA_EXIT_MAIN].ms;
	if (is_hard(s, t))
		keep += one * (1 + n_away / 2.0);
	return s->deadline_ms - keep > CLOUD_PART * s->deadline_ms ? s->deadline_ms - keep
								   : CLOUD_PART * s->deadline_ms;
}

int mea_task_send(struct mea_session *s, struct task *t)
{
	const void *item = s->features ? (const void *)s->features : t->rgb;
	int rc = s->features ? mea_engine_features(s->units[t->unit].engine, t->lane, s->features)
			     : 0;
	int n_away;

	if (rc)
		return rc;
	t->asked = mea_now_ms();
	pthread_mutex_lock(&s->lock);
	n_away = ++s->n_away;
	pthread_mutex_unlock(&s->lock);
	rc = mea_cloud_ask(s->cloud, item, t->asked + patience(s, t, n_away), come_back, t);
	if (rc) {
		pthread_mutex_lock(&s->lock);
		s->n_away--;
		pthread_mutex_unlock(&s->lock);
		t->asked = 0;
	}
	return rc;
}
