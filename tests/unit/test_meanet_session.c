// SPDX-License-Identifier: Apache-2.0
/*
 * Sessions on a small random MEANet: backend ref gives the truth, and backend
 * "fake", which computes with ref but delays, fails, hangs and refuses as told,
 * stands for a device.
 */
#include <criterion/criterion.h>

#include "error.h"
#include "meanet/exits.h"
#include "meanet/session.h"

#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define SIDE	4
#define CLASSES 6
#define HARD	3
#define PIXELS	(SIDE * SIDE * 3)

static uint32_t seed = 1;

static uint32_t rnd(void)
{
	return (seed = seed * 1664525 + 1013904223) >> 8;
}

/* --- a MEANet by hand -------------------------------------------------------- */

static struct mea_qnet *new_net(int tensors, int layers)
{
	struct mea_qnet *n = calloc(1, sizeof(*n));

	n->tensors = calloc((size_t)tensors, sizeof(*n->tensors));
	n->layers = calloc((size_t)layers, sizeof(*n->layers));
	n->n_tensors = tensors;
	n->n_layers = layers;
	return n;
}

static void tensor(struct mea_qnet *n, int i, const char *name, int c, int side)
{
	n->tensors[i] = (struct mea_qtensor){strdup(name), c, side, side, 0.05f, -3};
}

/* A convolution with a k x k kernel and no padding, random weights. */
static void conv(struct mea_qnet *n, int i, int in, int out, int k)
{
	struct mea_qlayer *l = &n->layers[i];
	int oc = n->tensors[out].c, size = oc * k * k * n->tensors[in].c;
	char name[16];

	snprintf(name, sizeof(name), "conv%d", i);
	*l = (struct mea_qlayer){.op = MEA_Q_CONV,
				 .name = strdup(name),
				 .in = in,
				 .in2 = -1,
				 .out = out,
				 .kh = k,
				 .kw = k,
				 .stride_h = 1,
				 .stride_w = 1,
				 .groups = 1,
				 .mid_zero = -3,
				 .mid_lo = -128,
				 .mid_hi = 127,
				 .lo = -128,
				 .hi = 127};
	l->weights = malloc((size_t)size);
	l->bias = calloc((size_t)oc, sizeof(*l->bias));
	l->mult = calloc((size_t)oc, sizeof(*l->mult));
	l->shift = calloc((size_t)oc, sizeof(*l->shift));
	for (int j = 0; j < size; j++)
		l->weights[j] = (int8_t)(rnd() % 255 - 127);
	for (int j = 0; j < oc; j++)
		mea_requant_from_scale(1.0 / 300, &l->mult[j], &l->shift[j]);
}

static void concat(struct mea_qnet *n, int i, int a, int b, int out)
{
	n->layers[i] = (struct mea_qlayer){.op = MEA_Q_CONCAT,
					   .name = strdup("join"),
					   .in = a,
					   .in2 = b,
					   .out = out,
					   .kh = 1,
					   .kw = 1,
					   .stride_h = 1,
					   .stride_w = 1,
					   .groups = 1,
					   .mid_lo = -128,
					   .mid_hi = 127,
					   .lo = -128,
					   .hi = 127};
}

static struct mea_model *new_model(void)
{
	struct mea_model *m = calloc(1, sizeof(*m));
	struct mea_bundle *b = m->bundle = calloc(1, sizeof(*b));

	seed = 1;
	b->dir = strdup("by hand");
	b->n_classes = CLASSES;
	b->classes = calloc(CLASSES, sizeof(*b->classes));
	b->hard_index = calloc(CLASSES, sizeof(*b->hard_index));
	b->hard = calloc(HARD, sizeof(*b->hard));
	b->n_hard = HARD;
	b->width = b->height = SIDE;
	b->threshold = 1;
	for (int i = 0; i < 3; i++) {
		b->mean[i] = 0.5f;
		b->std[i] = 0.25f;
		b->hard[i] = 5 - i;
	}
	for (int i = 0; i < CLASSES; i++) {
		b->classes[i] = "class";
		b->hard_index[i] = i > 2 ? 5 - i : -1;
	}

	m->main = new_net(3, 2);
	tensor(m->main, 0, "image", 3, SIDE);
	tensor(m->main, 1, "features", 2, SIDE);
	tensor(m->main, 2, "logits", CLASSES, 1);
	conv(m->main, 0, 0, 1, 1);
	conv(m->main, 1, 1, 2, SIDE);
	m->main->n_inputs = 1;
	m->main->outputs[0] = 2;
	m->main->outputs[1] = 1;
	m->main->n_outputs = 2;

	m->extension = new_net(4, 2);
	tensor(m->extension, 0, "image", 3, SIDE);
	tensor(m->extension, 1, "features", 2, SIDE);
	tensor(m->extension, 2, "both", 5, SIDE);
	tensor(m->extension, 3, "logits", HARD, 1);
	concat(m->extension, 0, 0, 1, 2);
	conv(m->extension, 1, 2, 3, SIDE);
	m->extension->inputs[1] = 1;
	m->extension->n_inputs = 2;
	m->extension->outputs[0] = 3;
	m->extension->n_outputs = 1;
	cr_assert_eq(mea_model_link(m), 0, "%s", mea_errmsg());
	return m;
}

static void image(uint32_t i, uint8_t rgb[PIXELS])
{
	seed = i * 7919 + 3;
	for (int p = 0; p < PIXELS; p++)
		rgb[p] = (uint8_t)rnd();
}

/* --- the truth, without any of the session's code ------------------------------- */

static const float *run(const struct mea_qnet *n, const int8_t *a, const int8_t *b,
			int8_t *features, struct mea_exec *e, float *logits)
{
	const struct mea_backend_ops *ops = e->ops;
	struct mea_buf *in[2] = {NULL}, *out[2] = {NULL};
	struct mea_run_stats st;
	struct mea_job *job;
	int8_t bytes[16];

	for (int i = 0; i < n->n_inputs; i++) {
		ops->buf_alloc(e, true, i, &in[i]);
		ops->buf_write(in[i], i ? b : a);
	}
	for (int i = 0; i < n->n_outputs; i++)
		ops->buf_alloc(e, false, i, &out[i]);
	cr_assert_eq(ops->submit(e, in, out, &job), 0);
	cr_assert_eq(ops->wait(job, -1, &st), 0);
	ops->buf_read(out[0], bytes);
	if (out[1])
		ops->buf_read(out[1], features);
	for (int i = 0; i < n->tensors[n->outputs[0]].c; i++)
		logits[i] = 0.05f * (float)(bytes[i] + 3);
	for (int i = 0; i < 2; i++) {
		if (in[i])
			ops->buf_free(in[i]);
		if (out[i])
			ops->buf_free(out[i]);
	}
	return logits;
}

static struct mea_result truth(const struct mea_model *m, struct mea_exec *main,
			       struct mea_exec *ext, const uint8_t *rgb)
{
	int8_t q[PIXELS], features[SIDE * SIDE * 2];
	float logits[CLASSES];
	struct mea_result r = {0};
	struct mea_opinion o;

	mea_preprocess(&m->pre_main, rgb, SIDE * SIDE, q);
	o = mea_opinion_of(run(m->main, q, NULL, features, main, logits), CLASSES);
	if (mea_after_main(m->bundle, &o, "not configured", &r) == MEA_STEP_EXTENSION) {
		o = mea_opinion_of(run(m->extension, q, features, NULL, ext, logits), HARD);
		mea_after_extension(m->bundle, &o, &r);
	}
	return r;
}

#define IMAGES 300
static struct mea_result truths[IMAGES];

static void learn_truths(void)
{
	struct mea_model *m = new_model();
	struct mea_backend *b;
	struct mea_exec *main, *ext;
	uint8_t rgb[PIXELS];
	int used[MEA_EXITS] = {0};

	cr_assert_eq(mea_backend_ref.open("", &b), 0);
	cr_assert_eq(mea_backend_ref.prepare(b, m->main, &main), 0, "%s", mea_errmsg());
	cr_assert_eq(mea_backend_ref.prepare(b, m->extension, &ext), 0, "%s", mea_errmsg());
	for (uint32_t i = 0; i < IMAGES; i++) {
		image(i, rgb);
		truths[i] = truth(m, main, ext, rgb);
		used[truths[i].exit]++;
	}
	/* The test is worth something only if both exits are used. */
	cr_assert(used[0] > 20 && used[1] > 20, "%d, %d", used[0], used[1]);
	mea_backend_ref.release(main);
	mea_backend_ref.release(ext);
	mea_backend_ref.close(b);
	mea_model_free(m);
}

/* --- backend fake ------------------------------------------------------------------ */

static struct {
	int delay_ms;	 /* a job's time */
	int at_once;	 /* jobs it takes; 0: any number */
	int fail_every;	 /* jobs that end in `error`, 1: all */
	int fail_submit; /* submissions that fail */
	int error;
	int hang_at;	 /* the job that never ends, from 1 */
	bool no_sharing; /* buffers fit nowhere else */
	const char *refuse;
	int open_error;

	int jobs, under_way, most, overlaps, writes;
	struct mea_exec *busy[8];
} fake;

struct fake_job {
	struct mea_job base, *inner;
	struct mea_exec *exec;
	double ready;
	int number;
	bool hangs;
};

extern const struct mea_backend_ops fake_ops;

static int fake_open(const char *device, struct mea_backend **out)
{
	int rc = fake.open_error ? mea_fail(fake.open_error, "no such device '%s'", device)
				 : mea_backend_ref.open("", out);

	if (!rc)
		(*out)->ops = &fake_ops;
	return rc;
}

static const char *fake_refuses(struct mea_backend *b, const struct mea_qnet *net,
				const struct mea_qlayer *l)
{
	(void)b;
	(void)net;
	return fake.refuse && !strcmp(l->name, fake.refuse) ? "too strange" : NULL;
}

static bool fake_fits(struct mea_exec *e, bool input, int index, const struct mea_buf *buf)
{
	return !fake.no_sharing && mea_backend_ref.buf_fits(e, input, index, buf);
}

static int fake_write(struct mea_buf *buf, const int8_t *nhwc)
{
	fake.writes++;
	return mea_backend_ref.buf_write(buf, nhwc);
}

static int fake_submit(struct mea_exec *e, struct mea_buf *const *in, struct mea_buf *const *out,
		       struct mea_job **job)
{
	struct fake_job *j;
	int rc;

	if (fake.at_once && fake.under_way >= fake.at_once)
		return mea_fail(MEA_EBUSY, "busy");
	fake.jobs++;
	if (fake.fail_submit && fake.jobs % fake.fail_submit == 0)
		return mea_fail(fake.error, "planted at submit");
	j = calloc(1, sizeof(*j));
	rc = mea_backend_ref.submit(e, in, out, &j->inner);
	cr_assert_eq(rc, 0, "%s", mea_errmsg());
	j->base.ops = &fake_ops;
	j->exec = e;
	j->ready = mea_now_ms() + fake.delay_ms;
	j->number = fake.jobs;
	j->hangs = fake.jobs == fake.hang_at;
	for (int i = 0; i < fake.under_way; i++)
		fake.overlaps += fake.busy[i] != e;
	fake.busy[fake.under_way++] = e;
	if (fake.under_way > fake.most)
		fake.most = fake.under_way;
	*job = &j->base;
	return 0;
}

static void sleep_ms(double ms)
{
	struct timespec t = {0, (long)(ms * 1e6)};

	nanosleep(&t, NULL);
}

static int fake_wait(struct mea_job *job, int timeout_ms, struct mea_run_stats *st)
{
	struct fake_job *j = (struct fake_job *)job;
	double left = j->ready - mea_now_ms();
	int rc = 0, at = 0;

	if (j->hangs && timeout_ms)
		return mea_fail(MEA_ETIMEDOUT, "the device hangs");
	if (timeout_ms >= 0 && left > timeout_ms) {
		sleep_ms(timeout_ms);
		return mea_fail(MEA_ETIMEDOUT, "not yet");
	}
	if (left > 0)
		sleep_ms(left);
	mea_backend_ref.wait(j->inner, -1, st);
	st->cycles = 100;
	st->peak_macs = 200;
	if (fake.fail_every && j->number % fake.fail_every == 0)
		rc = mea_fail(fake.error, "planted in job %d", j->number);
	while (fake.busy[at] != j->exec)
		at++;
	fake.busy[at] = fake.busy[--fake.under_way];
	free(j);
	return rc;
}

static void fake_release(struct mea_exec *e)
{
	mea_backend_ref.release(e);
}

static void fake_close(struct mea_backend *b)
{
	mea_backend_ref.close(b);
}

static int fake_prepare(struct mea_backend *b, const struct mea_qnet *n, struct mea_exec **e)
{
	return mea_backend_ref.prepare(b, n, e);
}

static int fake_alloc(struct mea_exec *e, bool input, int index, struct mea_buf **out)
{
	return mea_backend_ref.buf_alloc(e, input, index, out);
}

static void fake_free(struct mea_buf *b)
{
	mea_backend_ref.buf_free(b);
}

static int fake_read(struct mea_buf *b, int8_t *nhwc)
{
	return mea_backend_ref.buf_read(b, nhwc);
}

const struct mea_backend_ops fake_ops = {
	.name = "fake",
	.open = fake_open,
	.close = fake_close,
	.refuses = fake_refuses,
	.prepare = fake_prepare,
	.release = fake_release,
	.buf_alloc = fake_alloc,
	.buf_free = fake_free,
	.buf_fits = fake_fits,
	.buf_write = fake_write,
	.buf_read = fake_read,
	.submit = fake_submit,
	.wait = fake_wait,
};

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
	struct mea_choice c[2] = {{&fake_ops, "dev"}, {&mea_backend_ref, ""}};
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

Test(session, a_backend_that_refuses_is_passed_over)
{
	struct mea_session *s;

	fake.refuse = "join";
	cr_assert_eq(open_on(true, 8, 2, &s), 0);
	run_all(s, 20);
	cr_expect_eq(fake.jobs, 0);
	cr_expect(strstr(notes, "backend fake: extension: layer join: too strange"), "%s", notes);
	mea_close(s);

	cr_expect_eq(open_on(false, 8, 2, &s), MEA_ENODEV);
	cr_expect(strstr(mea_errmsg(), "layer join: too strange"), "%s", mea_errmsg());
	cr_expect_null(s);
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
