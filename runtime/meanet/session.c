// SPDX-License-Identifier: Apache-2.0
/* The public interface of a session, and its queues. */
#include "session.h"

#include "base/clock.h"
#include "base/error.h"
#include "base/event.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define QUEUE_DEFAULT 64
#define QUEUE_MAX     65536
#define JOBS_MAX      64
#define DEADLINE_MS   500
#define DEADLINE_MAX  3600000
/* Images at the cloud at once, each with buffers of its own on the device: a link of 50 ms
 * then carries 160 images/s. */
#define AWAY_MAX 8

const char *mea_exit_name(enum mea_exit exit)
{
	static const char *const names[MEA_EXITS] = {"main", "extension", "cloud"};

	return (unsigned)exit < MEA_EXITS ? names[exit] : "unknown";
}

const char *mea_why_text(enum mea_why why)
{
	static const char *const texts[] = {
#define TEXT(name, text) text,
		MEA_WHY_MAP(TEXT)
#undef TEXT
	};

	return (unsigned)why < sizeof(texts) / sizeof(texts[0]) ? texts[why] : "unknown";
}

void mea_fifo_push(struct fifo *f, struct task *t)
{
	t->next = NULL;
	if (f->head)
		f->tail->next = t;
	else
		f->head = t;
	f->tail = t;
}

void mea_fifo_push_front(struct fifo *f, struct task *t)
{
	t->next = f->head;
	if (!f->head)
		f->tail = t;
	f->head = t;
}

struct task *mea_fifo_pop(struct fifo *f)
{
	struct task *t = f->head;

	if (t)
		f->head = t->next;
	return t;
}

/* --- opening ----------------------------------------------------------------- */

static int check_options(const struct mea_options *o, int *queue, int *jobs)
{
	*queue = o->queue ? o->queue : QUEUE_DEFAULT;
	*jobs = o->jobs ? o->jobs : MEA_JOBS_DEFAULT;
	if (*queue < 1 || *queue > QUEUE_MAX)
		return mea_fail(MEA_EINVAL, "options.queue: %d is not in 1..%d", *queue, QUEUE_MAX);
	if (*jobs < 1 || *jobs > JOBS_MAX)
		return mea_fail(MEA_EINVAL, "options.jobs: %d is not in 1..%d", *jobs, JOBS_MAX);
	if (o->deadline_ms < 0 || o->deadline_ms > DEADLINE_MAX)
		return mea_fail(MEA_EINVAL, "options.deadline_ms: %d is not in 0..%d",
				o->deadline_ms, DEADLINE_MAX);
	if (o->threshold && !(*o->threshold >= 0))
		return mea_fail(MEA_EINVAL, "options.threshold: %g is no entropy", *o->threshold);
	return 0;
}

static int make_tasks(struct mea_session *s)
{
	size_t size = (size_t)s->model->bundle->width * (size_t)s->model->bundle->height * 3;
	/* An image that was answered in time may still be worked on; it then holds a buffer set. */
	int n = s->queue + s->sets;

	s->tasks = calloc((size_t)n, sizeof(*s->tasks));
	s->sent = calloc((size_t)n, sizeof(struct task *));
	s->running = calloc((size_t)s->sets, sizeof(struct task *));
	s->freed = calloc((size_t)s->sets, sizeof(*s->freed));
	if (!s->tasks || !s->sent || !s->running || !s->freed)
		return mea_nomem();
	for (; s->n_tasks < n; s->n_tasks++) {
		struct task *t = &s->tasks[s->n_tasks];

		t->session = s;
		t->rgb = malloc(size);
		if (!t->rgb)
			return mea_nomem();
		mea_fifo_push(&s->free, t);
	}
	return 0;
}

/* The first backend that takes the model; the rest open when they are needed. */
static int open_first(struct mea_session *s)
{
	for (int i = 0; i < s->n_entries; i++) {
		if (mea_entry_ready(s, i))
			return 0;
		if (s->choices[i].required)
			return mea_fail_in(MEA_ENODEV, "%s", s->model->bundle->dir);
	}
	if (s->n_entries > 1)
		return mea_fail_in(MEA_ENODEV, "no backend of the list takes %s; the last one",
				   s->model->bundle->dir);
	return mea_fail_in(MEA_ENODEV, "%s", s->model->bundle->dir);
}

static int start_threads(struct mea_session *s)
{
	pthread_mutexattr_t inherit;
	int err = 0;

	/* The watcher must not wait for a thread that has the lock but no processor. */
	pthread_mutexattr_init(&inherit);
	pthread_mutexattr_setprotocol(&inherit, PTHREAD_PRIO_INHERIT);
	pthread_mutex_init(&s->lock, &inherit);
	pthread_mutexattr_destroy(&inherit);
	mea_cond_init(&s->done);
	s->work_event = mea_event_new();
	s->watch_event = mea_event_new();
	err = s->work_event < 0 || s->watch_event < 0 ? errno : 0;
	if (!err)
		s->thread_runs = !(err = pthread_create(&s->thread, NULL, mea_schedule, s));
	if (!err && s->cloud)
		s->watcher_runs = !(err = pthread_create(&s->watcher, NULL, mea_watch, s));
	return err ? mea_fail(MEA_ENOMEM, "cannot start a thread: %s", strerror(err)) : 0;
}

static int open_cloud(struct mea_session *s, const struct mea_options *o)
{
	const struct mea_bundle *b = s->model->bundle;
	const struct mea_qnet *main = s->model->main;
	const struct mea_qtensor *f = &main->tensors[main->outputs[MEA_OUT_FEATURES]];
	struct mea_cloud_options c = {.urls = o->cloud,
				      .model = b->name,
				      .ca = o->cloud_ca,
				      .cert = o->cloud_cert,
				      .key = o->cloud_key,
				      .item = {MEA_U8, b->height, b->width, 3},
				      .classes = b->n_classes,
				      .png = o->cloud_png,
				      .note = o->note,
				      .note_ctx = o->note_ctx};

	if (!o->cloud)
		return 0;
	if (o->cloud_png && o->cloud_features)
		return mea_fail(MEA_EINVAL, "options.cloud_png: features are no image");
	if (o->cloud_features) {
		if (main->n_outputs <= MEA_OUT_FEATURES)
			return mea_fail(MEA_EINVAL, "%s: main has no features to send", b->dir);
		c.item = (struct mea_oip_item){MEA_I8, f->h, f->w, f->c};
		s->features = malloc(mea_oip_item_bytes(&c.item));
		if (!s->features)
			return mea_nomem();
	}
	return mea_cloud_open(&c, &s->cloud);
}

int mea_session_open(struct mea_model *m, const struct mea_choice *choices, int n,
		     const struct mea_options *opt, struct mea_session **out)
{
	struct mea_session *s = calloc(1, sizeof(*s));
	int rc;

	*out = NULL;
	if (!s) {
		mea_model_free(m);
		return mea_nomem();
	}
	s->model = m;
	s->work_event = s->watch_event = -1;
	s->note = opt->note;
	s->note_ctx = opt->note_ctx;
	s->n_entries = n;
	for (int i = 0; i < n; i++) {
		s->choices[i] = choices[i];
		s->entries[i].number = i;
	}
	rc = check_options(opt, &s->queue, &s->jobs);
	s->sets = s->jobs + (opt->cloud ? AWAY_MAX : 0);
	s->deadline_ms = opt->deadline_ms ? opt->deadline_ms : DEADLINE_MS;
	if (opt->threshold)
		m->bundle->threshold = *opt->threshold;
	s->published = mea_publish(m->bundle->name, &s->published_fd);
	if (!rc)
		rc = make_tasks(s);
	if (!rc)
		rc = open_first(s);
	if (!rc)
		rc = open_cloud(s, opt);
	if (!rc)
		rc = start_threads(s);
	if (rc) {
		mea_close(s);
		return rc;
	}
	*out = s;
	return 0;
}

int mea_open(const char *bundle, const struct mea_options *opt, struct mea_session **out)
{
	struct mea_options o = MEA_OPTIONS_INIT;
	struct mea_choice choices[MEA_CHOICES_MAX];
	struct mea_model *m;
	int n, rc;

	*out = NULL;
	/* A caller built against an older header has a shorter struct; a newer one
	 * may ask for what this library does not know. */
	if (opt && (opt->size < sizeof(size_t) || opt->size > sizeof(o)))
		return mea_fail(MEA_EINVAL, "options.size: %zu; use MEA_OPTIONS_INIT", opt->size);
	if (opt)
		memcpy(&o, opt, opt->size);
	n = mea_choices_parse(o.backends, o.device, choices);
	if (n < 0)
		return n;
	rc = mea_model_load(bundle, &m);
	return rc ? rc : mea_session_open(m, choices, n, &o, out);
}

void mea_close(struct mea_session *s)
{
	if (!s)
		return;
	if (s->thread_runs) {
		pthread_mutex_lock(&s->lock);
		s->stop = true;
		mea_event_set(s->work_event);
		mea_event_set(s->watch_event);
		pthread_mutex_unlock(&s->lock);
		pthread_join(s->thread, NULL);
		if (s->watcher_runs)
			pthread_join(s->watcher, NULL);
	}
	/* What is still away comes back now, into lists that nobody reads. */
	mea_cloud_close(s->cloud);
	if (s->thread_runs) {
		pthread_cond_destroy(&s->done);
		pthread_mutex_destroy(&s->lock);
	}
	if (s->work_event >= 0)
		close(s->work_event);
	if (s->watch_event >= 0)
		close(s->watch_event);
	for (int i = 0; i < s->n_entries; i++)
		mea_prepared_close(s->entries[i].prepared);
	for (int i = 0; i < s->n_tasks; i++)
		free(s->tasks[i].rgb);
	free(s->tasks);
	free(s->sent);
	free(s->running);
	free(s->freed);
	free(s->features);
	mea_unpublish(s->published, s->published_fd);
	mea_model_free(s->model);
	free(s);
}

/* --- looking ------------------------------------------------------------------- */

void mea_input_size(const struct mea_session *s, int *width, int *height)
{
	*width = s->model->bundle->width;
	*height = s->model->bundle->height;
}

int mea_class_count(const struct mea_session *s)
{
	return s->model->bundle->n_classes;
}

const char *mea_class_name(const struct mea_session *s, int label)
{
	const struct mea_bundle *b = s->model->bundle;

	return label >= 0 && label < b->n_classes ? b->classes[label] : NULL;
}

void mea_session_hear(struct mea_session *s,
		      void (*heard)(void *ctx, uint64_t tag, enum mea_net net, int label),
		      void *ctx)
{
	s->heard = heard;
	s->heard_ctx = ctx;
}

void mea_link_figures(struct mea_session *s, struct mea_link *link)
{
	memset(link, 0, sizeof(*link));
	if (s->cloud)
		mea_cloud_link(s->cloud, link);
}

void mea_stats(struct mea_session *s, struct mea_exit_stats stats[MEA_EXITS])
{
	pthread_mutex_lock(&s->lock);
	memcpy(stats, s->stats, sizeof(s->stats));
	pthread_mutex_unlock(&s->lock);
}

/* --- images in, results out ----------------------------------------------------- */

int mea_submit(struct mea_session *s, const uint8_t *rgb, uint64_t tag)
{
	const struct mea_bundle *b = s->model->bundle;
	struct task *t = NULL;
	uint8_t *copy;

	pthread_mutex_lock(&s->lock);
	if (s->under_way < s->queue)
		t = mea_fifo_pop(&s->free);
	s->under_way += t != NULL;
	pthread_mutex_unlock(&s->lock);
	if (!t)
		return mea_fail(MEA_EBUSY, "the queue of %d images is full; collect results first",
				s->queue);
	copy = t->rgb;
	*t = (struct task){.session = s, .rgb = copy, .set = -1, .r = {.tag = tag}};
	memcpy(copy, rgb, (size_t)b->width * (size_t)b->height * 3);
	t->submitted = mea_now_ms();
	pthread_mutex_lock(&s->lock);
	mea_fifo_push(&s->waiting, t);
	mea_event_set(s->work_event);
	pthread_mutex_unlock(&s->lock);
	return 0;
}

/* Waits for a finished image with the lock held. */
static int await(struct mea_session *s, int timeout_ms)
{
	struct timespec until = mea_timespec(mea_now_ms() + timeout_ms);

	while (!s->finished.head) {
		if (!s->under_way)
			return mea_fail(MEA_ENOENT, "no image is under way");
		if (timeout_ms < 0)
			pthread_cond_wait(&s->done, &s->lock);
		else if (pthread_cond_timedwait(&s->done, &s->lock, &until) == ETIMEDOUT &&
			 !s->finished.head)
			return mea_fail(MEA_ETIMEDOUT, "no image was finished within %d ms",
					timeout_ms);
	}
	return 0;
}

int mea_collect(struct mea_session *s, int timeout_ms, struct mea_result *result)
{
	struct task *t;
	int rc;

	pthread_mutex_lock(&s->lock);
	rc = await(s, timeout_ms);
	if (!rc) {
		t = mea_fifo_pop(&s->finished);
		*result = t->answer;
		s->under_way--;
		/* Another thread may wait for a result that now never comes. */
		if (!s->under_way)
			pthread_cond_broadcast(&s->done);
		t->collected = true;
		mea_task_settle(s, t);
	}
	pthread_mutex_unlock(&s->lock);
	return rc;
}

int mea_classify(struct mea_session *s, const uint8_t *rgb, struct mea_result *result)
{
	bool busy;
	int rc;

	pthread_mutex_lock(&s->lock);
	busy = s->under_way > 0;
	pthread_mutex_unlock(&s->lock);
	if (busy)
		return mea_fail(MEA_EBUSY, "other images are under way; collect their results");
	rc = mea_submit(s, rgb, 0);
	if (!rc)
		rc = mea_collect(s, -1, result);
	if (!rc && result->error)
		rc = mea_fail(result->error, "%s", result->text);
	return rc;
}
