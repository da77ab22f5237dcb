// SPDX-License-Identifier: Apache-2.0
/* What cannot be answered in time is not begun: neither by the client nor by the server. */
#include <criterion/criterion.h>

#define SIDE	4
#define CLASSES 6
#define PIXELS	(SIDE * SIDE * 3)
#include "cloud_fake.h"

#include "offload/client.h"
#include "meanet/session.h"
#include "base/clock.h"

#include <pthread.h>
#include <semaphore.h>

TestSuite(window, .timeout = 60);

/* --- the client ------------------------------------------------------------------------ */

static struct {
	pthread_mutex_t lock;
	pthread_cond_t wake;
	int answers, right, sent, full;
} got = {.lock = PTHREAD_MUTEX_INITIALIZER, .wake = PTHREAD_COND_INITIALIZER};

static void on_answer(void *ctx, const struct mea_cloud_answer *a)
{
	(void)ctx;
	pthread_mutex_lock(&got.lock);
	got.answers++;
	got.right += !a->error;
	got.sent += a->tries > 0;
	got.full += a->error && !strcmp(a->missed, "link is full");
	pthread_cond_signal(&got.wake);
	pthread_mutex_unlock(&got.lock);
}

/* Asks n images at once and waits until all are told of. */
static void ask(struct mea_cloud *c, int n, double deadline_ms)
{
	uint8_t rgb[PIXELS] = {1};

	pthread_mutex_lock(&got.lock);
	got.answers = got.right = got.sent = got.full = 0;
	pthread_mutex_unlock(&got.lock);
	for (int i = 0; i < n; i++)
		cr_assert_eq(mea_cloud_ask(c, rgb, mea_now_ms() + deadline_ms, on_answer, NULL), 0);
	pthread_mutex_lock(&got.lock);
	while (got.answers < n)
		pthread_cond_wait(&got.wake, &got.lock);
	pthread_mutex_unlock(&got.lock);
}

static struct mea_cloud *client(const char *url)
{
	struct mea_cloud_options o = {
		.urls = url, .model = "m", .item = {MEA_U8, SIDE, SIDE, 3}, .classes = CLASSES};
	struct mea_cloud *c;

	cr_assert_eq(mea_cloud_open(&o, &c), 0, "%s", mea_errmsg());
	return c;
}

Test(window, late_answers_close_it)
{
	struct mea_served_options m = model_options();
	struct mea_cloud *c;
	struct cloud s;

	fake_model.delay_ms = 400; /* longer than anybody waits */
	m.max_batch = model_threads = 1;
	cloud_start(&s, &m, NULL, 0);
	c = client(s.url);
	ask(c, 40, 200);
	cr_expect_eq(got.right, 0);
	cr_expect_leq(got.sent, 1, "%d of 40 were sent", got.sent);
	ask(c, 40, 200);
	cr_expect_leq(got.sent, 1, "%d of 40 were sent", got.sent);
	cr_expect_geq(got.full, 30, "%d were told that the link is full", got.full);
	mea_cloud_close(c);
	cloud_stop(&s);
}

Test(window, images_with_time_wait_for_their_turn)
{
	struct mea_served_options m = model_options();
	struct mea_cloud *c;
	struct cloud s;

	fake_model.delay_ms = 2;
	m.max_batch = model_threads = 1;
	cloud_start(&s, &m, NULL, 0);
	c = client(s.url);
	ask(c, 200, 30000);
	cr_expect_eq(got.right, 200, "%d right, %d full", got.right, got.full);
	mea_cloud_close(c);
	cloud_stop(&s);
}

/* --- the server ------------------------------------------------------------------------ */

static sem_t ended;

static void on_end(struct mea_served_request *job)
{
	(void)job;
	sem_post(&ended);
}

/* One item with so many ms left; its result. */
static int serve(struct mea_served *m, double left_ms)
{
	struct mea_served_request job = {
		.req = {.items = 1, .in = {calloc(1, PIXELS)}},
		.wait = {.deadline_ns = left_ms ? mea_now_ns() + (uint64_t)(left_ms * 1e6) : 0},
		.done = on_end};
	int rc = mea_served_submit(m, &job);

	if (!rc) {
		sem_wait(&ended);
		rc = job.rc;
		if (rc)
			mea_fail(rc, "%s", job.text);
	}
	for (int i = 0; i < MEA_IO_MAX; i++)
		free(job.out[i]);
	free(job.req.in[0]);
	return rc;
}

Test(window, the_server_computes_nothing_that_would_be_late)
{
	struct mea_served_options o = model_options();
	struct mea_served *m;
	struct mea_pool *pool;
	int runs, tries = 0;

	sem_init(&ended, 0, 0);
	o.max_batch = 1;
	fake_model.delay_ms = 50;
	cr_assert_eq(mea_pool_start(1, &mea_served_pool_ops, &pool), 0);
	cr_assert_eq(mea_served_open("m", "1", "/dev/null", &o, pool, &m), 0, "%s", mea_errmsg());
	for (int i = 0; i < 20; i++)
		cr_assert_eq(serve(m, 0), 0);
	runs = fake_model.runs;
	cr_assert_eq(serve(m, 20), MEA_ETIMEDOUT);
	cr_expect_eq(fake_model.runs, runs, "it was computed all the same");
	cr_expect(strstr(mea_errmsg(), "timeout"), "%s", mea_errmsg());
	cr_assert_eq(serve(m, 5000), 0, "with time enough: %s", mea_errmsg());
	/* The model got fast; that is found out although everybody has little time. */
	fake_model.delay_ms = 0;
	while (serve(m, 30) && tries < 1000)
		tries++;
	cr_expect_lt(tries, 1000, "the door stays shut");
	mea_served_put(m);
	mea_pool_stop(pool);
}
