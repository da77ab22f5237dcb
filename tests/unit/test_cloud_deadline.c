// SPDX-License-Identifier: Apache-2.0
/* What is answered when the time of an image at the cloud is over, and what the edge does for it
 * meanwhile. */
#include <criterion/criterion.h>

#include "fake_backend.h"
#include "small_meanet.h"

#include "cloud_fake.h"
#include "cloud_faulty.h"

#define DEADLINE_MS 400

static struct faulty bad;

static struct mea_session *open_with(const char *urls)
{
	static const double threshold = 0; /* all images are complex */
	struct mea_choice c = {.ops = &fake_ops};
	struct mea_options o = MEA_OPTIONS_INIT;
	struct mea_model *m = new_model();
	struct mea_session *s;

	m->bundle->name = "m";
	o.cloud = urls;
	o.deadline_ms = DEADLINE_MS;
	o.threshold = &threshold;
	o.queue = 4;
	cr_assert_eq(mea_session_open(m, &c, 1, &o, &s), 0, "%s", mea_errmsg());
	return s;
}

/* An image whose class, says main, is hard, or is not. */
static uint32_t an_image(bool hard)
{
	uint32_t i = 0;

	while ((truths[i].why == MEA_WHY_EASY) == hard)
		i++;
	return i;
}

static struct mea_result classify(struct mea_session *s, uint32_t i)
{
	struct mea_result r;
	uint8_t rgb[PIXELS];

	image(i, rgb);
	cr_assert_eq(mea_classify(s, rgb, &r), 0, "%s", mea_errmsg());
	return r;
}

TestSuite(deadline, .init = learn_truths, .timeout = 60);

Test(deadline, a_quick_cloud_costs_the_edge_nothing)
{
	struct mea_session *s;
	struct mea_result r;
	struct cloud c;

	cloud_start(&c, NULL, NULL, 0);
	s = open_with(c.url);
	/* The first may find a cold machine. */
	classify(s, an_image(true));
	r = classify(s, an_image(true));
	cr_expect_eq(r.exit, MEA_EXIT_CLOUD);
	cr_expect_eq(r.cost[MEA_EXIT_EXTENSION].macs, 0);
	mea_close(s);
	cloud_stop(&c);
}

Test(deadline, a_slow_cloud_counts_and_so_does_the_extension)
{
	struct mea_session *s;
	struct mea_result r;
	struct cloud c;

	fake_model.delay_ms = DEADLINE_MS * 6 / 10;
	cloud_start(&c, NULL, NULL, 0);
	s = open_with(c.url);
	r = classify(s, an_image(true));
	cr_expect_eq(r.exit, MEA_EXIT_CLOUD);
	cr_expect_eq(r.why, MEA_WHY_COMPLEX);
	cr_expect_gt(r.cost[MEA_EXIT_EXTENSION].macs, 0, "it ran beside the question");
	r = classify(s, an_image(false));
	cr_expect_eq(r.exit, MEA_EXIT_CLOUD);
	cr_expect_eq(r.cost[MEA_EXIT_EXTENSION].macs, 0, "an easy class needs none");
	mea_close(s);
	cloud_stop(&c);
}

Test(deadline, the_extensions_answer_is_ready_when_the_cloud_is_silent)
{
	struct mea_session *s;
	struct mea_result r;
	uint32_t i = an_image(true);

	fake.delay_ms = DEADLINE_MS / 8;
	cr_assert(faulty_start(&bad, FAULT_SILENT));
	s = open_with(bad.url);
	r = classify(s, i);
	cr_expect(r.label == truths[i].label && r.why == truths[i].why, "%s", mea_why_text(r.why));
	cr_expect_str_eq(r.cloud_missed, "late");
	cr_expect(r.cloud_ms > DEADLINE_MS * 0.7, "%g ms", r.cloud_ms);
	mea_close(s);
	faulty_stop(&bad);
}

Test(deadline, main_answers_when_the_extension_is_too_slow)
{
	struct mea_session *s;
	struct mea_result r;
	struct mea_exit_stats st[MEA_EXITS];

	cr_assert(faulty_start(&bad, FAULT_SILENT));
	s = open_with(bad.url);
	fake.delay_ms = DEADLINE_MS * 2;
	r = classify(s, an_image(true));
	cr_expect(r.exit == MEA_EXIT_MAIN && r.why == MEA_WHY_NO_EXTENSION, "%s",
		  mea_why_text(r.why));
	/* The extension alone takes twice the deadline. */
	cr_expect(r.cloud_ms < DEADLINE_MS * 1.5, "%g ms", r.cloud_ms);
	cr_expect_eq(r.cost[MEA_EXIT_EXTENSION].macs, 0);
	/* What it did in vain is not forgotten: it ends while the session waits for it. */
	for (int n = 0; n < 100; n++) {
		mea_stats(s, st);
		if (st[MEA_EXIT_MAIN].cost.macs > r.cost[MEA_EXIT_MAIN].macs)
			break;
		usleep(100000);
	}
	cr_expect_gt(st[MEA_EXIT_MAIN].cost.macs, r.cost[MEA_EXIT_MAIN].macs);
	mea_close(s);
	faulty_stop(&bad);
}

Test(deadline, main_answers_when_the_extension_fails)
{
	struct mea_session *s;
	struct mea_result r;

	fake.error = MEA_EDEVICE;
	/* Main is the first job, the extension the second. */
	fake.fail_every = 2;
	cr_assert(faulty_start(&bad, FAULT_503));
	s = open_with(bad.url);
	r = classify(s, an_image(true));
	cr_expect(r.exit == MEA_EXIT_MAIN && r.why == MEA_WHY_NO_EXTENSION, "%s",
		  mea_why_text(r.why));
	cr_expect_str_eq(r.cloud_missed, "busy");
	cr_expect_str_eq(r.fallback_from, "fake");
	cr_expect(strstr(r.text, "planted in job 2"), "%s", r.text);
	mea_close(s);
	faulty_stop(&bad);
}

Test(deadline, images_that_are_late_do_not_fill_the_queue)
{
	struct mea_session *s;
	struct mea_result r;
	uint8_t rgb[PIXELS];

	cr_assert(faulty_start(&bad, FAULT_SILENT));
	s = open_with(bad.url);
	fake.delay_ms = DEADLINE_MS * 2;
	image(an_image(true), rgb);
	for (uint64_t n = 0; n < 8; n++) {
		while (mea_submit(s, rgb, n) == MEA_EBUSY)
			cr_assert_eq(mea_collect(s, 20000, &r), 0, "%s", mea_errmsg());
	}
	while (mea_collect(s, 20000, &r) == 0)
		cr_expect_eq(r.error, 0, "%s", r.text);
	mea_close(s);
	faulty_stop(&bad);
}
