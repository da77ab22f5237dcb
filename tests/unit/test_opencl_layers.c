// SPDX-License-Identifier: Apache-2.0
/*
 * Backend opencl against the integer reference, bit for bit, in every way of
 * multiplying that this CPU has: random networks, and every tensor of the shipped
 * bundles. All tests are skipped where there is no OpenCL CPU device.
 */
#include <criterion/criterion.h>

#include "backend/opencl/opencl.h"
#include "backend/ref/ref.h"
#include "base/error.h"
#include "graph/lower.h"
#include "meanet/model.h"
#include "../rtl/lib/random_net.h"

#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define RANDOM_LAYERS 5000
#define JOBS	      40

static struct mea_backend *backend;

/* The device with a variant; skips the test where one of the two is not here. */
static void open_variant(enum mea_cl_variant variant)
{
	int rc = mea_opencl_open("", variant, &backend);

	if (rc == MEA_ENODEV)
		cr_skip_test("%s", mea_errmsg());
	cr_assert_eq(rc, 0, "%s", mea_errmsg());
	if (mea_cl_variant_below(variant) != variant)
		cr_skip_test("this CPU has no %s", mea_cl_variant_name(variant));
	cr_assert_eq(((struct mea_opencl *)backend)->d.variant, variant, "%s fails its self-test",
		     mea_cl_variant_name(variant));
}

/* --- one network ------------------------------------------------------------------ */

struct run {
	struct mea_exec *e;
	struct mea_buf *in[4], *out[4];
};

static void set_up(struct run *r, const struct mea_qnet *n, int8_t **values)
{
	const struct mea_backend_ops *ops = backend->ops;

	memset(r, 0, sizeof(*r));
	cr_assert_eq(ops->prepare(backend, n, &r->e), 0, "%s", mea_errmsg());
	for (int i = 0; i < n->n_inputs; i++) {
		cr_assert_eq(ops->buf_alloc(r->e, true, i, &r->in[i]), 0, "%s", mea_errmsg());
		cr_assert_eq(ops->buf_write(r->in[i], values[n->inputs[i]]), 0);
	}
	for (int i = 0; i < n->n_outputs; i++)
		cr_assert_eq(ops->buf_alloc(r->e, false, i, &r->out[i]), 0, "%s", mea_errmsg());
}

static void tear_down(struct run *r)
{
	for (int i = 0; i < 4; i++) {
		backend->ops->buf_free(r->in[i]);
		backend->ops->buf_free(r->out[i]);
	}
	backend->ops->release(r->e);
}

static void finish_job(struct mea_exec *e, struct mea_buf **in, struct mea_buf **out)
{
	struct mea_job *job;

	cr_assert_eq(backend->ops->submit(e, in, out, &job), 0, "%s", mea_errmsg());
	cr_assert_eq(backend->ops->wait(job, -1, NULL), 0, "%s", mea_errmsg());
}

/* Index of the first output that differs from values, -1 for none. */
static int compare(const struct run *r, const struct mea_qnet *n, int8_t **values)
{
	for (int i = 0; i < n->n_outputs; i++) {
		size_t size = random_elements(&n->tensors[n->outputs[i]]);
		int8_t *got = random_alloc(size);
		int bad;

		cr_assert_eq(backend->ops->buf_read(r->out[i], got), 0);
		bad = memcmp(got, values[n->outputs[i]], size);
		free(got);
		if (bad)
			return i;
	}
	return -1;
}

static int random_networks(uint64_t seed, int layers)
{
	int tested = 0;

	for (; tested < layers; seed++) {
		struct mea_qnet *n;
		struct run r;
		int8_t **v;
		int bad;

		random_seed(seed);
		n = random_net(true);
		v = random_values(n);
		set_up(&r, n, v);
		finish_job(r.e, r.in, r.out);
		bad = compare(&r, n, v);
		if (bad >= 0)
			random_describe(n);
		cr_assert_eq(bad, -1, "seed %d: output %d differs", (int)seed, bad);
		tested += n->n_layers;
		tear_down(&r);
		random_values_free(n, v);
		mea_qnet_free(n);
	}
	return tested;
}

static void random_test(enum mea_cl_variant variant)
{
	int n;

	open_variant(variant);
	n = random_networks(1 + (uint64_t)variant * 1000000, RANDOM_LAYERS);
	printf("# count: %d random layers by %s equal the reference bit for bit\n", n,
	       mea_cl_variant_name(variant));
	backend->ops->close(backend);
}

TestSuite(opencl, .timeout = 600);

Test(opencl, random_layers_plain)
{
	random_test(MEA_CL_PLAIN);
}

Test(opencl, random_layers_vnni)
{
	random_test(MEA_CL_VNNI);
}

Test(opencl, random_layers_amx)
{
	random_test(MEA_CL_AMX);
}

/* --- the shipped bundles ------------------------------------------------------------- */

/* All tensors that layers compute, four at a time as the outputs of one run. */
static int every_tensor(const struct mea_qnet *net)
{
	int8_t **v = random_values(net);
	int tested = 0;

	for (int i = 0; i < net->n_layers; i += 4) {
		struct mea_qnet n = *net;
		struct run r;

		n.n_outputs = 0;
		for (int k = i; k < net->n_layers && k < i + 4; k++)
			n.outputs[n.n_outputs++] = net->layers[k].out;
		set_up(&r, &n, v);
		finish_job(r.e, r.in, r.out);
		cr_assert_eq(compare(&r, &n, v), -1, "layers %s and the next three",
			     net->layers[i].name);
		tested += n.n_outputs;
		tear_down(&r);
	}
	random_values_free(net, v);
	return tested;
}

static void bundles_test(enum mea_cl_variant variant)
{
	static const char *const bundles[] = {"models/glyphs", "models/cifar100-resnet32-a"};
	int tested = 0;

	open_variant(variant);
	random_seed(7);
	for (size_t i = 0; i < sizeof(bundles) / sizeof(bundles[0]); i++) {
		struct mea_model *m;

		cr_assert_eq(mea_model_load(bundles[i], &m), 0, "%s", mea_errmsg());
		for (int round = 0; round < 3; round++)
			tested += every_tensor(m->main) + every_tensor(m->extension);
		mea_model_free(m);
	}
	printf("# count: %d tensors of the bundles by %s equal the reference\n", tested,
	       mea_cl_variant_name(variant));
	backend->ops->close(backend);
}

Test(opencl, bundles_plain)
{
	bundles_test(MEA_CL_PLAIN);
}

Test(opencl, bundles_vnni)
{
	bundles_test(MEA_CL_VNNI);
}

Test(opencl, bundles_amx)
{
	bundles_test(MEA_CL_AMX);
}

/* --- the interface ---------------------------------------------------------------------- */

Test(opencl, many_jobs_at_once)
{
	struct mea_buf *in[JOBS], *out[JOBS][2];
	struct mea_job *job[JOBS];
	struct mea_model *m;
	struct mea_exec *e;
	int8_t **v[JOBS];

	open_variant(mea_cl_variant_below(MEA_CL_AMX));
	cr_assert_eq(mea_model_load("models/glyphs", &m), 0, "%s", mea_errmsg());
	cr_assert_eq(backend->ops->prepare(backend, m->main, &e), 0, "%s", mea_errmsg());
	random_seed(3);
	for (int i = 0; i < JOBS; i++) {
		v[i] = random_values(m->main);
		cr_assert_eq(backend->ops->buf_alloc(e, true, 0, &in[i]), 0);
		cr_assert_eq(backend->ops->buf_write(in[i], v[i][m->main->inputs[0]]), 0);
		for (int k = 0; k < 2; k++)
			cr_assert_eq(backend->ops->buf_alloc(e, false, k, &out[i][k]), 0);
		cr_assert_eq(backend->ops->submit(e, &in[i], out[i], &job[i]), 0, "%s",
			     mea_errmsg());
	}
	for (int i = JOBS - 1; i >= 0; i--) {
		struct mea_run_stats st;
		struct run r = {.out = {out[i][0], out[i][1]}};

		struct pollfd p = {backend->ops->wait_fd(job[i]), POLLIN, 0};

		cr_assert(p.fd < 0 || poll(&p, 1, 20000) == 1);
		cr_assert_eq(backend->ops->wait(job[i], 0, &st), 0, "%s", mea_errmsg());
		cr_expect(st.cost.ms > 0 && st.cost.macs > 1000000 && !st.cost.cycles);
		cr_expect_eq(compare(&r, m->main, v[i]), -1);
		random_values_free(m->main, v[i]);
		backend->ops->buf_free(in[i]);
		backend->ops->buf_free(out[i][0]);
		backend->ops->buf_free(out[i][1]);
	}
	backend->ops->release(e);
	backend->ops->close(backend);
	mea_model_free(m);
}

Test(opencl, main_and_extension_share_their_buffers)
{
	struct mea_exec *main, *ext;
	struct mea_buf *image, *features;
	struct mea_model *m;

	open_variant(mea_cl_variant_below(MEA_CL_AMX));
	cr_assert_eq(mea_model_load("models/cifar100-resnet32-a", &m), 0, "%s", mea_errmsg());
	cr_assert_eq(backend->ops->prepare(backend, m->main, &main), 0);
	cr_assert_eq(backend->ops->prepare(backend, m->extension, &ext), 0);
	cr_assert_eq(backend->ops->buf_alloc(main, true, MEA_IN_IMAGE, &image), 0);
	cr_assert_eq(backend->ops->buf_alloc(main, false, MEA_OUT_FEATURES, &features), 0);
	cr_expect(backend->ops->buf_fits(ext, true, MEA_IN_IMAGE, image));
	cr_expect(backend->ops->buf_fits(ext, true, MEA_IN_FEATURES, features));
	cr_expect(!backend->ops->buf_fits(ext, true, MEA_IN_FEATURES, image));
	cr_expect_eq(backend->ops->buf_alloc(main, true, 1, &image), MEA_EINVAL);
	backend->ops->buf_free(image);
	backend->ops->buf_free(features);
	backend->ops->release(main);
	backend->ops->release(ext);
	backend->ops->close(backend);
	mea_model_free(m);
}

Test(opencl, one_buffer_for_two_ends_is_refused)
{
	struct mea_buf *same[2];
	struct mea_job *job;
	struct mea_qnet *n;
	struct run r;
	int8_t **v;

	open_variant(mea_cl_variant_below(MEA_CL_AMX));
	random_seed(12);
	n = random_net(false);
	n->outputs[0] = n->layers[n->n_layers - 1].out;
	n->outputs[1] = n->layers[0].out;
	n->n_outputs = 2;
	v = random_values(n);
	set_up(&r, n, v);
	finish_job(r.e, r.in, r.out);
	cr_expect_eq(compare(&r, n, v), -1);
	same[0] = same[1] = r.out[0];
	cr_expect_eq(backend->ops->submit(r.e, same, r.out, &job), MEA_EINVAL);
	tear_down(&r);
	random_values_free(n, v);
	mea_qnet_free(n);
	backend->ops->close(backend);
}

Test(opencl, device_names_and_threads)
{
	static const char *const bad[] = {"threads=0", "threads=-1", "threads=x",
					  "threads=", "threads=99999999999"};
	struct mea_cl_wish w;
	char text[300];

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		cr_expect_eq(mea_backend_opencl.open(bad[i], &backend), MEA_EINVAL, "%s", bad[i]);
		cr_expect(strstr(mea_errmsg(), "threads: '"), "%s", mea_errmsg());
	}
	setenv("MEA_THREADS", "3", 1);
	cr_expect_eq(mea_cl_wish_parse("some+threads=2", &w), 0);
	cr_expect(w.threads == 2 && !strcmp(w.name, "some"));
	cr_expect_eq(mea_cl_wish_parse("", &w), 0);
	cr_expect_eq(w.threads, 3);
	setenv("MEA_THREADS", "many", 1);
	cr_expect_eq(mea_cl_wish_parse("", &w), MEA_EINVAL);
	cr_expect(strstr(mea_errmsg(), "MEA_THREADS: 'many'"), "%s", mea_errmsg());
	unsetenv("MEA_THREADS");
	open_variant(mea_cl_variant_below(MEA_CL_AMX));
	backend->ops->close(backend);
	cr_expect_eq(mea_backend_opencl.open("no such thing", &backend), MEA_ENODEV);
	cr_expect(strstr(mea_errmsg(), "no such thing"), "%s", mea_errmsg());
	cr_assert_eq(mea_backend_opencl.open("threads=1", &backend), 0, "%s", mea_errmsg());
	backend->ops->describe(backend, text, sizeof(text));
	cr_expect(strstr(text, ": 1 thread, dot products by "), "%s", text);
	backend->ops->close(backend);
}

static double seconds_of(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* pocl has a device for that; where there is none, a part of the other one does it. */
Test(opencl, one_thread_is_the_callers)
{
	double all, own;
	struct mea_model *m;
	struct mea_cl_device *d;
	struct run r;
	int8_t **v;
	int rc;

	rc = mea_backend_opencl.open("threads=1", &backend);
	if (rc == MEA_ENODEV)
		cr_skip_test("%s", mea_errmsg());
	cr_assert_eq(rc, 0, "%s", mea_errmsg());
	d = &((struct mea_opencl *)backend)->d;
	cr_expect_eq(d->threads, 1);
	cr_expect_null(getenv("POCL_DEVICES"));
	cr_assert_eq(mea_model_load("models/cifar100-resnet32-a", &m), 0, "%s", mea_errmsg());
	random_seed(5);
	v = random_values(m->main);
	set_up(&r, m->main, v);
	finish_job(r.e, r.in, r.out);
	all = -seconds_of(CLOCK_PROCESS_CPUTIME_ID);
	own = -seconds_of(CLOCK_THREAD_CPUTIME_ID);
	for (int i = 0; i < JOBS; i++)
		finish_job(r.e, r.in, r.out);
	own += seconds_of(CLOCK_THREAD_CPUTIME_ID);
	all += seconds_of(CLOCK_PROCESS_CPUTIME_ID);
	if (strcasestr(d->platform, "pocl"))
		cr_expect_gt(own, 0.8 * all, "%s: %g of %g s", d->name, own, all);
	cr_expect_eq(compare(&r, m->main, v), -1);
	tear_down(&r);
	random_values_free(m->main, v);
	mea_model_free(m);
	backend->ops->close(backend);

	/* Who wants all threads gets them afterwards. */
	cr_assert_eq(mea_backend_opencl.open("", &backend), 0, "%s", mea_errmsg());
	d = &((struct mea_opencl *)backend)->d;
	if (sysconf(_SC_NPROCESSORS_ONLN) > 1)
		cr_expect_gt(d->threads, 1, "%s", d->name);
	backend->ops->close(backend);
}

/* A thread with a backend of its own, as a session has. */
struct user {
	pthread_t thread;
	int rc;
	char why[200];
};

static void *use(void *arg)
{
	struct user *u = arg;
	struct mea_backend *b;

	/* Opening runs the self-test, a network of every kind of layer. */
	for (int i = 0; i < 20 && !u->rc; i++) {
		u->rc = mea_backend_opencl.open("threads=1", &b);
		if (u->rc)
			snprintf(u->why, sizeof(u->why), "%s", mea_errmsg());
		else
			b->ops->close(b);
	}
	return NULL;
}

/* The driver starts in all of them at once; then they share its device. */
Test(opencl, threads_with_backends_of_their_own)
{
	struct user users[4] = {{0}};
	int without = 0;

	for (int i = 0; i < 4; i++)
		cr_assert_eq(pthread_create(&users[i].thread, NULL, use, &users[i]), 0);
	for (int i = 0; i < 4; i++) {
		pthread_join(users[i].thread, NULL);
		without += users[i].rc == MEA_ENODEV;
	}
	if (without == 4)
		cr_skip_test("%s", users[0].why);
	for (int i = 0; i < 4; i++)
		cr_expect_eq(users[i].rc, 0, "thread %d: %s", i, users[i].why);
}
