// SPDX-License-Identifier: Apache-2.0
/* Algorithm 2 with a cloud: every image comes back once, right and in time, whatever the cloud
 * does. Limits of time are generous, as the machine may be busy; tests/cloud has the strict ones.
 */
#include <criterion/criterion.h>

#include "small_meanet.h"

#include "cloud_fake.h"
#include "cloud_faulty.h"
#include "meanet/session.h"

#define DEADLINE_MS 250
#define LONG_MS	    3000 /* for what must be in time on a busy machine too */
/* A busy machine may be late by so much. */
#define GRACE_MS 750

static double threshold;
static struct faulty bad;

static void tell(const char *text, void *ctx)
{
	(void)ctx;
	fprintf(stderr, "# %s\n", text);
}

static int deadline_ms = DEADLINE_MS; /* each test has a process of its own */

static int open_with(const char *urls, struct mea_session **s)
{
	struct mea_choice c = {.ops = &mea_backend_ref};
	struct mea_options o = MEA_OPTIONS_INIT;
	struct mea_model *m = new_model();

	m->bundle->name = "m";
	o.cloud = urls;
	o.deadline_ms = deadline_ms;
	o.threshold = &threshold;
	o.queue = 32;
	o.note = tell;
	return mea_session_open(m, &c, 1, &o, s);
}

struct tally {
	int cloud, missed, complex, late; /* late: from the cloud after a quarter of the deadline */
	double worst_ms;
};

/* One result against what main and extension say. */
static void judge(const struct mea_result *r, struct tally *t)
{
	const struct mea_result *edge = &truths[r->tag];
	uint8_t rgb[PIXELS];

	image((uint32_t)r->tag, rgb);
	cr_assert_eq(r->error, 0, "%s", r->text);
	cr_assert_eq(r->entropy, edge->entropy);
	cr_assert_eq(r->complex, (double)edge->entropy > threshold);
	t->complex += r->complex;
	if (r->exit == MEA_EXIT_CLOUD) {
		cr_assert(r->complex && r->why == MEA_WHY_COMPLEX && !r->cloud_missed);
		cr_assert(r->cost[MEA_EXIT_CLOUD].bytes_up > PIXELS &&
			  r->cost[MEA_EXIT_CLOUD].bytes_down > 0);
		t->cloud++;
		t->late += r->cloud_ms > deadline_ms / 4.0;
	} else if (r->why == MEA_WHY_NO_EXTENSION) {
		/* A busy machine may not come to it; never before the time is nearly over. */
		cr_assert(r->cloud_missed && r->cloud_ms > 0.7 * deadline_ms);
		t->missed++;
	} else {
		cr_assert_eq(!r->complex, !r->cloud_missed);
		cr_assert(r->label == edge->label && r->exit == edge->exit);
		t->missed += r->cloud_missed != NULL;
	}
	if (r->cloud_ms > t->worst_ms)
		t->worst_ms = r->cloud_ms;
}

static struct tally run_images(struct mea_session *s, int n)
{
	struct tally t = {0};
	uint8_t rgb[PIXELS];
	int sent = 0;

	for (int got = 0; got < n;) {
		struct mea_result r;

		if (sent < n) {
			image((uint32_t)sent, rgb);
			if (mea_submit(s, rgb, (uint64_t)sent) == 0) {
				sent++;
				continue;
			}
		}
		cr_assert_eq(mea_collect(s, 20000, &r), 0, "%s", mea_errmsg());
		judge(&r, &t);
		got++;
	}
	cr_expect_leq(t.worst_ms, deadline_ms + GRACE_MS);
	return t;
}

static int by_size(const void *a, const void *b)
{
	float x = *(const float *)a, y = *(const float *)b;

	return x < y ? -1 : x > y;
}

/* A threshold that a third of the images exceed. */
static void prepare(void)
{
	float entropies[IMAGES];

	learn_truths();
	for (int i = 0; i < IMAGES; i++)
		entropies[i] = truths[i].entropy;
	qsort(entropies, IMAGES, sizeof(*entropies), by_size);
	threshold = (double)entropies[IMAGES * 2 / 3];
}

TestSuite(cloud_session, .init = prepare, .timeout = 60);

Test(cloud_session, complex_images_are_answered_by_the_cloud)
{
	struct mea_exit_stats st[MEA_EXITS];
	struct mea_session *s;
	struct mea_result r;
	struct cloud c;
	struct tally t;
	uint8_t rgb[PIXELS];
	int missed;

	cloud_start(&c, NULL, NULL, 0);
	cr_assert_eq(open_with(c.url, &s), 0, "%s", mea_errmsg());
	t = run_images(s, IMAGES);
	cr_expect(t.complex > 50 && t.complex < IMAGES - 50, "%d", t.complex);
	cr_expect_geq(t.cloud, t.complex * 9 / 10, "%d of %d", t.cloud, t.complex);
	mea_stats(s, st);
	cr_expect_eq(st[MEA_EXIT_CLOUD].images, (uint64_t)t.cloud);
	cr_expect_geq(st[MEA_EXIT_CLOUD].cost.bytes_up, (uint64_t)t.cloud * PIXELS);
	for (uint32_t i = missed = 0; i < 50; i++) {
		image(i, rgb);
		cr_assert_eq(mea_classify(s, rgb, &r), 0);
		if (r.exit == MEA_EXIT_CLOUD)
			cr_assert_eq(r.label, cloud_label(rgb));
		missed += r.cloud_missed != NULL;
	}
	cr_expect_leq(missed, 5);
	mea_close(s);
	cloud_stop(&c);
}

Test(cloud_session, threshold_decides_the_share)
{
	struct mea_session *s;
	struct cloud c;

	cloud_start(&c, NULL, NULL, 0);
	threshold = 0;
	cr_assert_eq(open_with(c.url, &s), 0, "%s", mea_errmsg());
	cr_expect_geq(run_images(s, 60).cloud, 50);
	mea_close(s);
	threshold = 10;
	cr_assert_eq(open_with(c.url, &s), 0, "%s", mea_errmsg());
	cr_expect_eq(run_images(s, 60).complex, 0);
	mea_close(s);
	cloud_stop(&c);
}

/* Runs images against a server with a fault; none is lost, the edge answers the complex ones. */
static struct tally with_fault(enum fault fault, int n)
{
	struct mea_session *s;
	struct tally t;

	cr_assert(faulty_start(&bad, fault));
	cr_assert_eq(open_with(bad.url, &s), 0, "%s", mea_errmsg());
	t = run_images(s, n);
	mea_close(s);
	faulty_stop(&bad);
	return t;
}

Test(cloud_session, a_cloud_that_answers_nonsense)
{
	static const enum fault faults[] = {FAULT_GARBAGE, FAULT_TRUNCATED, FAULT_SHAPE,
					    FAULT_NO_JSON, FAULT_500,	    FAULT_CLOSE};

	for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++) {
		struct tally t = with_fault(faults[i], 100);

		cr_expect(t.cloud == 0 && t.missed == t.complex && t.complex > 20, "fault %d: %d",
			  faults[i], t.cloud);
	}
}

Test(cloud_session, a_cloud_that_is_busy_is_left_alone)
{
	struct tally t = with_fault(FAULT_503, IMAGES);

	cr_expect(t.cloud == 0 && t.missed == t.complex);
	/* Two tries an image would be that many without a breaker. */
	cr_expect_lt(bad.infers, t.complex, "%d", bad.infers);
}

Test(cloud_session, a_cloud_that_is_silent)
{
	struct tally t = with_fault(FAULT_SILENT, 100);

	cr_expect(t.cloud == 0 && t.missed == t.complex);
}

/* The next image from `from` on that is complex, or is not. */
static uint32_t next_image(bool complex, uint32_t from)
{
	while (((double)truths[from].entropy > threshold) != complex)
		from++;
	return from;
}

Test(cloud_session, the_edge_works_while_images_are_away)
{
	struct mea_session *s;
	struct mea_result r;
	uint8_t rgb[PIXELS];
	uint32_t i = next_image(true, 0);

	cr_assert(faulty_start(&bad, FAULT_SILENT));
	cr_assert_eq(open_with(bad.url, &s), 0, "%s", mea_errmsg());
	image(i, rgb);
	cr_assert_eq(mea_submit(s, rgb, i), 0);
	i = 0;
	for (int n = 0; n < 10; n++, i++) {
		i = next_image(false, i);
		image(i, rgb);
		cr_assert_eq(mea_submit(s, rgb, i), 0);
	}
	/* The first one is silent for its whole deadline: it comes last. */
	for (int n = 0; n <= 10; n++) {
		cr_assert_eq(mea_collect(s, 20000, &r), 0, "%s", mea_errmsg());
		cr_expect_eq(r.complex, n == 10, "result %d", n);
	}
	cr_expect_str_eq(r.cloud_missed, "late");
	cr_expect_geq(r.cloud_ms, DEADLINE_MS * 0.45);
	mea_close(s);
	faulty_stop(&bad);
}

Test(cloud_session, a_server_that_knows_the_long_form_only)
{
	struct tally t = with_fault(FAULT_400_RAW, 100);

	cr_expect_geq(t.cloud, t.complex - 5, "%d of %d", t.cloud, t.complex);
}

Test(cloud_session, nobody_there)
{
	struct mea_session *s;
	struct mea_result r;
	uint8_t rgb[PIXELS];
	struct tally t;

	threshold = 0;
	cr_assert_eq(open_with("http://127.0.0.1:1", &s), 0, "%s", mea_errmsg());
	t = run_images(s, 100);
	cr_expect(t.cloud == 0 && t.missed == t.complex && t.complex == 100);
	image(0, rgb);
	cr_assert_eq(mea_classify(s, rgb, &r), 0);
	cr_assert_not_null(r.cloud_missed);
	cr_expect_str_eq(r.cloud_missed, "not reachable");
	mea_close(s);
}

Test(cloud_session, comes_back_when_the_cloud_does)
{
	struct mea_session *s;
	struct tally t;

	cr_assert(faulty_start(&bad, FAULT_CLOSE));
	cr_assert_eq(open_with(bad.url, &s), 0, "%s", mea_errmsg());
	t = run_images(s, 100);
	cr_expect_eq(t.cloud, 0);
	bad.fault = FAULT_NONE;
	for (int i = 0; i < 100 && !t.cloud; i++) {
		usleep(100000);
		t = run_images(s, 40);
	}
	cr_expect_gt(t.cloud, 0);
	mea_close(s);
	faulty_stop(&bad);
}

Test(cloud_session, another_server_takes_over)
{
	struct mea_session *s;
	struct cloud good;
	char urls[160];
	struct tally t;

	cr_assert(faulty_start(&bad, FAULT_503));
	cloud_start(&good, NULL, NULL, 0);
	snprintf(urls, sizeof(urls), "%s,%s", bad.url, good.url);
	cr_assert_eq(open_with(urls, &s), 0, "%s", mea_errmsg());
	t = run_images(s, 200);
	cr_expect_geq(t.cloud, t.complex * 9 / 10, "%d of %d", t.cloud, t.complex);
	mea_close(s);
	cloud_stop(&good);
	faulty_stop(&bad);
}

Test(cloud_session, a_second_try_saves_a_dead_connection)
{
	struct mea_session *s;
	struct cloud good;
	char urls[160];
	struct tally t;

	cr_assert(faulty_start(&bad, FAULT_SILENT));
	cloud_start(&good, NULL, NULL, 0);
	snprintf(urls, sizeof(urls), "%s,%s", bad.url, good.url);
	deadline_ms = LONG_MS;
	cr_assert_eq(open_with(urls, &s), 0, "%s", mea_errmsg());
	t = run_images(s, 100);
	/* What the silent server took was answered by the other one, after a wait. */
	cr_expect_geq(t.late, 1);
	cr_expect_geq(t.cloud, t.complex - 1, "%d of %d", t.cloud, t.complex);
	mea_close(s);
	cloud_stop(&good);
	faulty_stop(&bad);
}

Test(cloud_session, a_wrong_model_is_an_error_at_once)
{
	struct mea_session *s;
	struct cloud c;
	char url[160];

	cloud_start(&c, NULL, NULL, 0);
	snprintf(url, sizeof(url), "%s/v2/models/other", c.url);
	cr_expect_eq(open_with(url, &s), MEA_EINVAL);
	cr_expect(strstr(mea_errmsg(), "has no /v2/models/other"), "%s", mea_errmsg());
	cr_expect_null(s);
	cloud_stop(&c);
}

Test(cloud_session, addresses)
{
	static const char *const wrong[] = {"",
					    ",",
					    "ftp://x",
					    "http://x/y",
					    "http://[",
					    "http://x:99999",
					    "file:///etc/x",
					    "http://x/v2/models/"};
	struct mea_session *s;

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		cr_expect_eq(open_with(wrong[i], &s), MEA_EINVAL, "'%s'", wrong[i]);
		cr_expect(strstr(mea_errmsg(), "cloud:"), "%s", mea_errmsg());
	}
}

Test(cloud_session, close_with_images_away)
{
	struct mea_session *s;
	uint8_t rgb[PIXELS];

	threshold = 0;
	cr_assert(faulty_start(&bad, FAULT_SILENT));
	cr_assert_eq(open_with(bad.url, &s), 0, "%s", mea_errmsg());
	image(0, rgb);
	for (uint64_t i = 0; i < 20; i++)
		cr_assert_eq(mea_submit(s, rgb, i), 0);
	usleep(50000);
	mea_close(s);
	faulty_stop(&bad);
}
