// SPDX-License-Identifier: Apache-2.0
/* The client by itself: which server it asks, and what it tells about the link. */
#include <criterion/criterion.h>

#define SIDE	4
#define CLASSES 6
#define PIXELS	(SIDE * SIDE * 3)
#include "cloud_fake.h"

#include "offload/client.h"
#include "meanet/session.h"
#include "base/clock.h"

#include <pthread.h>

static struct {
	pthread_mutex_t lock;
	pthread_cond_t wake;
	int answers, failures, right;
	uint64_t most_up;
} got = {.lock = PTHREAD_MUTEX_INITIALIZER, .wake = PTHREAD_COND_INITIALIZER};

static void on_answer(void *ctx, const struct mea_cloud_answer *a)
{
	int want = (int)(intptr_t)ctx % CLASSES;

	pthread_mutex_lock(&got.lock);
	got.answers++;
	got.failures += a->error != 0;
	got.most_up = a->bytes_up > got.most_up ? a->bytes_up : got.most_up;
	got.right += !a->error && a->logits[want] > 8;
	pthread_cond_signal(&got.wake);
	pthread_mutex_unlock(&got.lock);
}

static bool as_png;

static struct mea_cloud *client(const char *urls)
{
	struct mea_cloud_options o = {.urls = urls,
				      .model = "m",
				      .item = {MEA_U8, SIDE, SIDE, 3},
				      .classes = CLASSES,
				      .png = as_png};
	struct mea_cloud *c;

	cr_assert_eq(mea_cloud_open(&o, &c), 0, "%s", mea_errmsg());
	return c;
}

static void ask_many(struct mea_cloud *c, int n)
{
	for (int i = 0; i < n; i++) {
		uint8_t rgb[PIXELS] = {(uint8_t)(i % 250)};

		cr_assert_eq(mea_cloud_ask(c, rgb, mea_now_ms() + 20000, on_answer,
					   (void *)(intptr_t)(i % 250)),
			     0);
	}
	pthread_mutex_lock(&got.lock);
	while (got.answers < n)
		pthread_cond_wait(&got.wake, &got.lock);
	pthread_mutex_unlock(&got.lock);
}

TestSuite(client, .timeout = 60);

Test(client, answers_belong_to_their_questions)
{
	struct mea_cloud *c;
	struct cloud s;

	cloud_start(&s, NULL, NULL, 0);
	c = client(s.url);
	ask_many(c, 50);
	cr_expect(got.failures == 0 && got.right == 50, "%d failed, %d right", got.failures,
		  got.right);
	mea_cloud_close(c);
	cloud_stop(&s);
}

/* Images so small are shorter as they are. */
Test(client, a_png_that_is_longer_is_not_sent)
{
	struct mea_cloud *c;
	struct cloud s;

	cloud_start(&s, NULL, NULL, 0);
	as_png = true;
	c = client(s.url);
	ask_many(c, 20);
	cr_expect_eq(got.right, 20);
	cr_expect_leq(got.most_up, PIXELS + 300, "%d", (int)got.most_up);
	mea_cloud_close(c);
	cloud_stop(&s);
}

Test(client, the_link_is_measured_by_the_requests)
{
	struct mea_link l;
	struct mea_cloud *c;
	struct cloud s;

	fake_model.delay_ms = 20;
	cloud_start(&s, NULL, NULL, 0);
	c = client(s.url);
	mea_cloud_link(c, &l);
	cr_expect(l.rtt_ms == 0 && l.answer_ms == 0 && l.bytes_per_s == 0);
	ask_many(c, 10);
	mea_cloud_link(c, &l);
	cr_expect_geq(l.answer_ms, 20);
	cr_expect(l.rtt_ms > 0 && l.rtt_ms < l.answer_ms);
	cr_expect_gt(l.bytes_per_s, 0);
	mea_cloud_close(c);
	cloud_stop(&s);
}

static uint64_t answered_by(struct cloud *s)
{
	struct mea_served *m = mea_repository_find(s->repository, "m", NULL);
	struct mea_served_stats st;

	mea_served_stats(m, &st);
	mea_served_put(m);
	return st.success.count;
}

Test(client, the_least_busy_server_is_asked)
{
	struct cloud a, b;
	struct mea_cloud *c;
	char urls[160];

	fake_model.delay_ms = 5;
	cloud_start(&a, NULL, NULL, 0);
	cloud_start(&b, NULL, NULL, 0);
	snprintf(urls, sizeof(urls), "%s,%s", a.url, b.url);
	c = client(urls);
	ask_many(c, 40);
	cr_expect_eq(got.right, 40);
	/* All at once: one more here, one more there. */
	cr_expect(answered_by(&a) >= 15 && answered_by(&b) >= 15, "%d, %d", (int)answered_by(&a),
		  (int)answered_by(&b));
	mea_cloud_close(c);
	cloud_stop(&a);
	cloud_stop(&b);
}

Test(client, a_deadline_that_is_over_is_told_at_once)
{
	struct mea_cloud *c;
	struct cloud s;
	uint8_t rgb[PIXELS] = {0};

	cloud_start(&s, NULL, NULL, 0);
	c = client(s.url);
	cr_assert_eq(mea_cloud_ask(c, rgb, mea_now_ms() - 1, on_answer, NULL), 0);
	pthread_mutex_lock(&got.lock);
	while (!got.answers)
		pthread_cond_wait(&got.wake, &got.lock);
	pthread_mutex_unlock(&got.lock);
	cr_expect_eq(got.failures, 1);
	mea_cloud_close(c);
	cloud_stop(&s);
}
