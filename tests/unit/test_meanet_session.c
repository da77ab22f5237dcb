// SPDX-License-Identifier: Apache-2.0
/* Sessions: every image comes back once and equal to the truth, whatever the
 * backend does. */
#include <criterion/criterion.h>

#include "base/clock.h"
#include "base/error.h"
#include "fake_backend.h"
#include "meanet/session.h"
#include "small_meanet.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- helpers of the tests -------------------------------------------------------------- */

static char notes[2048];

static void keep_note(const char *text, void *ctx)
{
	(void)ctx;
	snprintf(notes + strlen(notes), sizeof(notes) - strlen(notes), "%s\n", text);
}

/* A session on fake, followed by ref when with_ref. */
static int open_on(bool with_ref, int queue, int jobs, struct mea_session **s)
{
	struct mea_choice c[2] = {{&fake_ops, "dev", false}, {&mea_backend_ref, "", false}};
	struct mea_options o = MEA_OPTIONS_INIT;

	o.queue = queue;
	o.jobs = jobs;
	o.note = keep_note;
	return mea_session_open(new_model(), c, with_ref ? 2 : 1, &o, s);
}

static bool same(const struct mea_result *a, const struct mea_result *b)
{
	return a->label == b->label && a->exit == b->exit && a->why == b->why &&
	       a->confidence == b->confidence && a->entropy == b->entropy &&
	       a->complex == b->complex;
}

/* Runs n images through s; each must come back once, equal to the truth. Returns
 * how many came by fallback. */
static int run_all(struct mea_session *s, int n)
{
	bool seen[IMAGES] = {false};
	uint8_t rgb[PIXELS];
	int sent = 0, fallbacks = 0;

	for (int got = 0; got < n;) {
		struct mea_result r;
		int rc = MEA_EBUSY;

		if (sent < n) {
			image((uint32_t)sent, rgb);
			rc = mea_submit(s, rgb, (uint64_t)sent);
			cr_assert(rc == 0 || rc == MEA_EBUSY);
			sent += rc == 0;
		}
		if (rc == 0)
			continue;
		cr_assert_eq(mea_collect(s, 20000, &r), 0, "%s", mea_errmsg());
		cr_assert(!seen[r.tag]);
		seen[r.tag] = true;
		got++;
		cr_assert_eq(r.error, 0, "%s", r.text);
		cr_assert(same(&r, &truths[r.tag]), "image %d", (int)r.tag);
		if (r.fallback_from) {
			fallbacks++;
			cr_assert_str_eq(r.fallback_from, "fake");
			cr_assert_str_eq(r.backend, "ref");
			cr_assert_eq(r.cost[0].cycles, 0, "the failed run is not billed");
		}
	}
	return fallbacks;
}

TestSuite(session, .init = learn_truths, .timeout = 60);

/* --- the tests ----------------------------------------------------------------------- */

Test(session, equals_the_truth_in_any_depth)
{
	static const int depth[][2] = {{1, 1}, {2, 2}, {8, 2}, {64, 5}, {3, 8}};

	for (size_t i = 0; i < sizeof(depth) / sizeof(depth[0]); i++) {
		struct mea_session *s;

		cr_assert_eq(open_on(false, depth[i][0], depth[i][1], &s), 0, "%s", mea_errmsg());
		cr_expect_eq(run_all(s, IMAGES), 0);
		mea_close(s);
	}
}

static int said[IMAGES][2];

static void hear(void *ctx, uint64_t tag, enum mea_net net, int label)
{
	*(int *)ctx += 1;
	said[tag][net] = label;
}

/* Whichever answer counts, and when the first backend fails on some images. */
Test(session, tells_what_each_network_says)
{
	for (int failing = 0; failing < 2; failing++) {
		struct mea_session *s;
		int heard = 0, other = 0;

		fake.fail_every = failing ? 7 : 0;
		fake.error = MEA_EDEVICE;
		memset(said, -1, sizeof(said));
		cr_assert_eq(open_on(true, 8, 2, &s), 0, "%s", mea_errmsg());
		mea_session_hear(s, hear, &heard);
		run_all(s, IMAGES);
		mea_close(s);
		for (int i = 0; i < IMAGES; i++) {
			cr_assert_eq(said[i][0], truths_said[i][0], "main, image %d", i);
			cr_assert_eq(said[i][1], truths_said[i][1], "extension, image %d", i);
			other += said[i][1] >= 0 && said[i][1] != said[i][0];
		}
		cr_expect_gt(other, 5, "the networks differ");
		cr_expect_geq(heard, IMAGES);
	}
}

Test(session, main_and_extension_overlap_up_to_jobs)
{
	struct mea_session *s;

	fake.delay_ms = 2;
	cr_assert_eq(open_on(false, 16, 2, &s), 0);
	run_all(s, 60);
	cr_expect_eq(fake.most, 2);
	cr_expect_gt(fake.overlaps, 5);
	mea_close(s);
}

Test(session, statistics)
{
	struct mea_exit_stats st[MEA_EXITS];
	struct mea_session *s;
	uint64_t main = 0, ext = 0;

	cr_assert_eq(open_on(false, 8, 2, &s), 0);
	run_all(s, IMAGES);
	mea_stats(s, st);
	for (int i = 0; i < IMAGES; i++) {
		main += truths[i].exit == MEA_EXIT_MAIN;
		ext += truths[i].exit == MEA_EXIT_EXTENSION;
	}
	cr_expect_eq(st[0].images, main);
	cr_expect_eq(st[1].images, ext);
	cr_expect_eq(st[2].images, 0);
	cr_expect_eq(st[0].cost.cycles, 100 * main);
	cr_expect_eq(st[1].cost.cycles, 200 * ext);
	cr_expect_eq(st[1].cost.peak_macs, 400 * ext);
	/* 3x2 pointwise on 16 pixels, 32x6; then 80x3. */
	cr_expect_eq(st[0].cost.macs, main * (96 + 192));
	cr_expect_eq(st[1].cost.macs, ext * (96 + 192 + 240));
	mea_close(s);
}

Test(session, features_go_over_without_a_copy_where_they_can)
{
	struct mea_session *s;
	int extensions = 0;

	for (int i = 0; i < 50; i++)
		extensions += truths[i].exit == MEA_EXIT_EXTENSION;
	cr_assert_eq(open_on(false, 4, 2, &s), 0);
	run_all(s, 50);
	cr_expect_eq(fake.writes, 50, "one image each");
	mea_close(s);
	fake.writes = 0;
	fake.no_sharing = true;
	cr_assert_eq(open_on(false, 4, 2, &s), 0);
	run_all(s, 50);
	cr_expect_eq(fake.writes, 100 + extensions);
	mea_close(s);
}

Test(session, networks_that_quantise_the_image_differently)
{
	struct mea_session *s;

	main_image_scale = 0.08f;
	learn_truths();
	cr_assert_eq(open_on(false, 8, 2, &s), 0);
	run_all(s, IMAGES);
	mea_close(s);
}

Test(session, a_later_image_starts_beside_one_under_way)
{
	struct mea_session *s;
	struct mea_result r;
	uint8_t rgb[PIXELS];

	fake.delay_ms = 200;
	cr_assert_eq(open_on(false, 8, 2, &s), 0);
	image(0, rgb);
	cr_assert_eq(mea_submit(s, rgb, 0), 0);
	sleep_ms(40);
	cr_assert_eq(mea_submit(s, rgb, 1), 0);
	sleep_ms(80);
	cr_expect_eq(fake.under_way, 2);
	cr_assert_eq(mea_collect(s, -1, &r), 0);
	/* One that ended, and at most one that began to wait anew for the other. */
	cr_expect_leq(fake.waits, 2, "%d waits: somebody polls", fake.waits);
	mea_close(s);
}

Test(session, a_backend_that_takes_one_job_at_a_time)
{
	struct mea_session *s;

	fake.at_once = 1;
	cr_assert_eq(open_on(false, 8, 4, &s), 0);
	run_all(s, 100);
	cr_expect_eq(fake.most, 1);
	mea_close(s);
}

Test(session, queue_limits_and_time_limits)
{
	struct mea_session *s;
	struct mea_result r;
	uint8_t rgb[PIXELS];
	double start;

	fake.delay_ms = 150;
	cr_assert_eq(open_on(false, 2, 1, &s), 0);
	cr_expect_eq(mea_collect(s, 0, &r), MEA_ENOENT);
	cr_expect_eq(mea_collect(s, -1, &r), MEA_ENOENT);
	image(0, rgb);
	cr_assert_eq(mea_submit(s, rgb, 0), 0);
	cr_assert_eq(mea_submit(s, rgb, 1), 0);
	cr_expect_eq(mea_submit(s, rgb, 2), MEA_EBUSY);
	cr_expect(strstr(mea_errmsg(), "queue of 2"));
	cr_expect_eq(mea_classify(s, rgb, &r), MEA_EBUSY);
	start = mea_now_ms();
	cr_expect_eq(mea_collect(s, 30, &r), MEA_ETIMEDOUT);
	cr_expect(mea_now_ms() - start >= 29 && mea_now_ms() - start < 120);
	cr_assert_eq(mea_collect(s, -1, &r), 0);
	cr_assert_eq(mea_collect(s, -1, &r), 0);
	cr_expect_eq(mea_collect(s, -1, &r), MEA_ENOENT);
	cr_expect_geq(r.latency_ms, 299);
	mea_close(s);
}

Test(session, classify)
{
	struct mea_session *s;
	struct mea_result r;
	uint8_t rgb[PIXELS];

	cr_assert_eq(open_on(true, 0, 0, &s), 0);
	for (uint32_t i = 0; i < 20; i++) {
		image(i, rgb);
		cr_assert_eq(mea_classify(s, rgb, &r), 0);
		cr_assert(same(&r, &truths[i]));
	}
	cr_expect_eq(mea_class_count(s), CLASSES);
	cr_expect_str_eq(mea_class_name(s, 5), "class");
	cr_expect_null(mea_class_name(s, 6));
	cr_expect_null(mea_class_name(s, -1));
	mea_close(s);
}

Test(session, a_failed_job_is_answered_by_the_next_backend)
{
	struct mea_session *s;
	int n;

	fake.fail_every = 7;
	fake.error = MEA_EDEVICE;
	cr_assert_eq(open_on(true, 8, 2, &s), 0);
	n = run_all(s, IMAGES);
	cr_expect(n > IMAGES / 10 && n < IMAGES / 2, "%d", n);
	cr_expect_str_eq(notes, "");
	mea_close(s);
}

Test(session, a_failed_submit_too)
{
	struct mea_session *s;

	fake.fail_submit = 5;
	fake.error = MEA_EIO;
	cr_assert_eq(open_on(true, 8, 3, &s), 0);
	cr_expect_gt(run_all(s, IMAGES), 20);
	mea_close(s);
}

Test(session, a_backend_that_always_fails_is_given_up)
{
	struct mea_session *s;

	fake.fail_every = 1;
	fake.error = MEA_EDEVICE;
	cr_assert_eq(open_on(true, 8, 2, &s), 0);
	run_all(s, IMAGES);
	cr_expect_leq(fake.jobs, 4);
	cr_expect(strstr(notes, "backend fake is given up: planted in job"), "%s", notes);
	mea_close(s);
}

/* Fails, rests, is tried in vain, rests twice as long, is tried again and works. */
Test(session, a_backend_in_quarantine_is_tried_again)
{
	struct mea_session *s;
	struct mea_result r;
	uint8_t rgb[PIXELS];
	int failed;

	fake.fail_every = 1;
	fake.error = MEA_EDEVICE;
	cr_assert_eq(open_on(true, 8, 1, &s), 0);
	s->entries[0].pause_ms = 100;
	cr_expect_eq(run_all(s, 20), 20, "each image has its reason");
	cr_expect_eq(fake.jobs, 3);
	image(0, rgb);
	cr_assert_eq(mea_classify(s, rgb, &r), 0);
	cr_expect(strstr(r.text, "fake: in quarantine: planted in job 3"), "%s", r.text);
	sleep_ms(130);
	cr_assert_eq(mea_classify(s, rgb, &r), 0);
	cr_expect_eq(fake.jobs, 4, "one try");
	cr_expect(strstr(r.text, "fake: planted in job 4"), "%s", r.text);
	sleep_ms(130);
	failed = fake.jobs;
	cr_assert_eq(mea_classify(s, rgb, &r), 0);
	cr_expect_eq(fake.jobs, failed, "twice as long");
	fake.fail_every = 0;
	sleep_ms(130);
	cr_assert_eq(mea_classify(s, rgb, &r), 0);
	cr_expect_null(r.fallback_from);
	cr_expect_str_eq(r.backend, "fake");
	cr_expect(strstr(notes, "backend fake works again"), "%s", notes);
	cr_expect_eq(run_all(s, 20), 0);
	mea_close(s);
}

Test(session, a_device_that_returns_is_opened_anew)
{
	struct mea_session *s;

	fake.fail_every = 5;
	fake.error = MEA_ENODEV;
	cr_assert_eq(open_on(true, 8, 2, &s), 0);
	s->entries[0].pause_ms = 50;
	cr_expect_gt(run_all(s, 30), 20);
	fake.fail_every = 0;
	fake.open_error = MEA_ENODEV;
	sleep_ms(60);
	cr_expect_eq(run_all(s, 10), 10, "still away");
	fake.open_error = 0;
	sleep_ms(110);
	cr_expect_eq(run_all(s, 30), 0);
	cr_expect(strstr(notes, "works again"), "%s", notes);
	mea_close(s);
}

Test(session, a_device_that_is_gone_is_not_asked_again)
{
	struct mea_session *s;

	fake.fail_every = 40;
	fake.error = MEA_ENODEV;
	cr_assert_eq(open_on(true, 8, 1, &s), 0);
	run_all(s, IMAGES);
	cr_expect_eq(fake.jobs, 40);
	mea_close(s);
}

Test(session, a_hung_device_loses_no_image)
{
	struct mea_session *s;

	/* The job ends at last when the session closes, so nothing leaks here. */
	fake.hang_at = 30;
	cr_assert_eq(open_on(true, 8, 2, &s), 0);
	run_all(s, IMAGES);
	cr_expect(strstr(notes, "given up: the device hangs"), "%s", notes);
	mea_close(s);
}

Test(session, without_another_backend_the_failure_is_the_result)
{
	struct mea_session *s;
	struct mea_result r;
	uint8_t rgb[PIXELS];

	fake.fail_every = 1;
	fake.error = MEA_EDEVICE;
	cr_assert_eq(open_on(false, 8, 2, &s), 0);
	image(0, rgb);
	for (uint64_t i = 0; i < 8; i++)
		cr_assert_eq(mea_submit(s, rgb, i + 100), 0);
	for (int i = 0; i < 8; i++) {
		cr_assert_eq(mea_collect(s, 10000, &r), 0);
		cr_expect(r.error == MEA_EDEVICE || r.error == MEA_ENODEV);
		cr_expect(r.why == MEA_WHY_NO_ANSWER && r.tag >= 100 && r.text[0]);
	}
	cr_expect(mea_classify(s, rgb, &r) < 0);
	cr_expect(mea_errmsg()[0]);
	mea_close(s);
}

Test(session, close_with_images_under_way)
{
	struct mea_session *s;
	uint8_t rgb[PIXELS];

	fake.delay_ms = 20;
	cr_assert_eq(open_on(true, 32, 2, &s), 0);
	image(0, rgb);
	for (uint64_t i = 0; i < 32; i++)
		cr_assert_eq(mea_submit(s, rgb, i), 0);
	sleep_ms(30);
	mea_close(s);
	cr_expect_lt(fake.jobs, 12);
	mea_close(NULL);
}

Test(session, a_backend_that_refuses_a_layer_is_helped)
{
	struct mea_session *s;

	fake.refuse = "join";
	cr_assert_eq(open_on(true, 8, 2, &s), 0);
	run_all(s, 20);
	cr_expect_gt(fake.jobs, 20, "main and the rest of the extension are its own: %d",
		     fake.jobs);
	cr_expect(strstr(notes, "backend fake has the help of ref: extension: layer join: "
				"too strange"),
		  "%s", notes);
	mea_close(s);

	/* Alone it is of no use. */
	cr_expect_eq(open_on(false, 8, 2, &s), MEA_ENODEV);
	cr_expect(strstr(mea_errmsg(), "layer join: too strange"), "%s", mea_errmsg());
	cr_expect_null(s);
}

/* The part that the helper computes may fail, too, and so may the other. */
Test(session, a_helped_backend_that_fails)
{
	struct mea_session *s;

	fake.refuse = "join";
	fake.fail_every = 7;
	fake.error = MEA_EDEVICE;
	cr_assert_eq(open_on(true, 8, 2, &s), 0);
	cr_expect_gt(run_all(s, 30), 0);
	mea_close(s);
}

Test(session, a_device_that_is_not_there)
{
	struct mea_session *s;

	fake.open_error = MEA_ENODEV;
	cr_assert_eq(open_on(true, 8, 2, &s), 0);
	run_all(s, 20);
	cr_expect(strstr(notes, "backend fake: no such device 'dev'"), "%s", notes);
	mea_close(s);
}

Test(session, options_are_checked)
{
	struct mea_options o = MEA_OPTIONS_INIT;
	struct mea_session *s;

	cr_expect_eq(open_on(true, -1, 2, &s), MEA_EINVAL);
	cr_expect(strstr(mea_errmsg(), "options.queue"));
	cr_expect_eq(open_on(true, 1, 65, &s), MEA_EINVAL);
	cr_expect(strstr(mea_errmsg(), "options.jobs"));
	o.size = 1000;
	cr_expect_eq(mea_open("x", &o, &s), MEA_EINVAL);
	cr_expect_eq(mea_open("/nonexistent", NULL, &s), MEA_ENOENT);
	cr_expect(strstr(mea_errmsg(), "/nonexistent/bundle.json"));
}

/* --- several threads at once -------------------------------------------------------------- */

static struct mea_session *shared;
static int collected;

static void *submitter(void *arg)
{
	uint8_t rgb[PIXELS];

	for (uint32_t i = (uint32_t)(size_t)arg; i < IMAGES; i += 3) {
		image(i, rgb);
		while (mea_submit(shared, rgb, i) == MEA_EBUSY)
			sleep_ms(0.1);
	}
	return NULL;
}

static void *collector(void *arg)
{
	struct mea_result r;

	(void)arg;
	while (__atomic_load_n(&collected, __ATOMIC_SEQ_CST) < IMAGES) {
		if (mea_collect(shared, 20, &r) != 0)
			continue;
		cr_assert(same(&r, &truths[r.tag]));
		__atomic_add_fetch(&collected, 1, __ATOMIC_SEQ_CST);
	}
	return NULL;
}

Test(session, threads)
{
	pthread_t t[5];

	cr_assert_eq(open_on(true, 5, 2, &shared), 0);
	/* image() has a common seed: only one thread draws. */
	pthread_create(&t[0], NULL, collector, NULL);
	pthread_create(&t[1], NULL, collector, NULL);
	for (size_t i = 0; i < 3; i++)
		submitter((void *)i);
	pthread_join(t[0], NULL);
	pthread_join(t[1], NULL);
	mea_close(shared);
}

/* --- a model whose parts do not fit ------------------------------------------------------- */

Test(model, parts_that_do_not_fit)
{
	struct mea_model *m = new_model();

	m->bundle->n_hard = 2;
	cr_expect_eq(mea_model_link(m), MEA_EINVAL);
	cr_expect(strstr(mea_errmsg(), "by hand: extension: output 0 (logits) is 3 x 1 x 1"), "%s",
		  mea_errmsg());
	m->bundle->n_hard = 3;
	m->bundle->n_classes = 7;
	cr_expect_eq(mea_model_link(m), MEA_EINVAL);
	cr_expect(strstr(mea_errmsg(), "there are 7 classes"));
	m->bundle->n_classes = 6;
	m->bundle->width = 5;
	cr_expect_eq(mea_model_link(m), MEA_EINVAL);
	cr_expect(strstr(mea_errmsg(), "main: input 0 (image) is 3 x 4 x 4"));
	m->bundle->width = 4;
	m->extension->tensors[1].scale = 0.06f;
	cr_expect_eq(mea_model_link(m), MEA_EINVAL);
	cr_expect(strstr(mea_errmsg(), "quantise both together"), "%s", mea_errmsg());
	m->extension->tensors[1].scale = 0.05f;
	m->extension->tensors[1].zero_point = 4;
	cr_expect_eq(mea_model_link(m), MEA_EINVAL);
	m->extension->tensors[1].zero_point = -3;
	m->main->tensors[1].c = 9;
	cr_expect_eq(mea_model_link(m), MEA_EINVAL);
	cr_expect(strstr(mea_errmsg(), "main's features (features) are 9 x 4 x 4"), "%s",
		  mea_errmsg());
	m->main->tensors[1].c = 2;
	m->main->n_outputs = 1;
	cr_expect_eq(mea_model_link(m), MEA_EINVAL);
	cr_expect(strstr(mea_errmsg(), "main: has 1 outputs; it needs 2"), "%s", mea_errmsg());
	m->main->n_outputs = 2;
	m->extension->n_inputs = 1;
	cr_expect_eq(mea_model_link(m), MEA_EINVAL);
	m->extension->n_inputs = 2;
	m->extension->tensors[0].scale = 0.1f;
	cr_expect_eq(mea_model_link(m), 0);
	cr_expect(!m->same_image);
	mea_model_free(m);
}
