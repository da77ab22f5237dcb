// SPDX-License-Identifier: Apache-2.0
/* The server's oneDNN engine against the float executor. */
#include <criterion/criterion.h>

#include "base/error.h"
#include "mea.h"
#include "serve/infer_dnnl.h"
#include "serve/infer_int8.h"

#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define GLYPHS	"models/glyphs/cloud.onnx"
#define BYTES	3072
#define CLASSES 36
#define IMAGES	19

static float largest_difference(const float *a, const float *b, size_t n)
{
	float worst = 0;

	for (size_t i = 0; i < n; i++)
		worst = fmaxf(worst, fabsf(a[i] - b[i]));
	return worst;
}

static struct mea_infer *open_model(const struct mea_infer_ops *ops, const char *path,
				    void **context)
{
	struct mea_infer *m;

	cr_assert_eq(ops->open(path, 8, &m), 0, "%s", mea_errmsg());
	cr_assert_eq(m->ops->context_new(m, context), 0, "%s", mea_errmsg());
	return m;
}

static void fill(uint8_t *rgb, size_t n)
{
	uint32_t seed = 1;

	for (size_t i = 0; i < n; i++)
		rgb[i] = (uint8_t)((seed = seed * 1664525 + 1013904223) >> 24);
}

Test(infer, dnnl_gives_the_executors_logits_in_any_batch)
{
	static uint8_t rgb[IMAGES * BYTES];
	static float want[IMAGES * CLASSES], got[IMAGES * CLASSES];
	const void *in[1] = {rgb};
	void *out[1] = {want}, *slow, *quick;
	struct mea_infer *plain = open_model(&mea_infer_float, GLYPHS, &slow);
	struct mea_infer *fast = open_model(&mea_infer_dnnl, GLYPHS, &quick);

	fill(rgb, sizeof(rgb));
	cr_assert_eq(plain->ops->run(plain, slow, IMAGES, in, out), 0);
	cr_expect_gt(fast->at_once, 1, "%d images of glyphs at once", fast->at_once);
	out[0] = got;
	for (int n = 1; n <= IMAGES; n++) {
		memset(got, 0, sizeof(got));
		cr_assert_eq(fast->ops->run(fast, quick, n, in, out), 0, "%s", mea_errmsg());
		cr_expect_lt(largest_difference(want, got, (size_t)n * CLASSES), 1e-3f, "%d", n);
	}
	/* Sums in another order: it was not the executor that answered. */
	cr_expect_gt(largest_difference(want, got, IMAGES * CLASSES), 0);
	plain->ops->context_free(plain, slow);
	fast->ops->context_free(fast, quick);
	plain->ops->close(plain);
	fast->ops->close(fast);
}

/* An answer does not depend on what else is computed with it. */
static void check_bits(const char *path, size_t classes)
{
	static uint8_t rgb[8 * BYTES];
	static float alone[8 * 100], together[8 * 100];
	const void *in[1];
	void *out[1], *context;
	struct mea_infer *m = open_model(&mea_infer_dnnl, path, &context);

	fill(rgb, sizeof(rgb));
	for (size_t i = 0; i < 8; i++) {
		in[0] = rgb + i * BYTES;
		out[0] = alone + i * classes;
		cr_assert_eq(m->ops->run(m, context, 1, in, out), 0);
	}
	in[0] = rgb;
	out[0] = together;
	for (int n = 2; n <= 8; n++) {
		cr_assert_eq(m->ops->run(m, context, n, in, out), 0);
		cr_expect_eq(memcmp(alone, together, (size_t)n * classes * sizeof(float)), 0,
			     "%s, %d at once", path, n);
	}
	m->ops->context_free(m, context);
	m->ops->close(m);
}

Test(infer, bits_do_not_depend_on_the_batch)
{
	check_bits(GLYPHS, CLASSES);
	check_bits("models/cifar100-resnet32-a/cloud.onnx", 100);
}

/* --- contexts ------------------------------------------------------------------------------ */

#define CONTEXTS 16

struct runner {
	pthread_t thread;
	struct mea_infer *m;
	void *context;
	const uint8_t *rgb;
	int n, rc;
	float logits[8 * CLASSES];
};

static void *run(void *arg)
{
	struct runner *r = arg;
	const void *in[1] = {r->rgb};
	void *out[1] = {r->logits};

	for (int k = 0; k < 5 && !r->rc; k++)
		r->rc = r->m->ops->run(r->m, r->context, r->n, in, out);
	return NULL;
}

Test(infer, contexts_run_at_once_and_give_the_same_bits)
{
	static uint8_t rgb[8 * BYTES];
	static struct runner r[CONTEXTS];
	const void *in[1] = {rgb};
	static float want[8 * CLASSES];
	void *out[1] = {want};
	struct mea_infer *m = open_model(&mea_infer_dnnl, GLYPHS, &r[0].context);

	fill(rgb, sizeof(rgb));
	for (int i = 1; i < CONTEXTS; i++)
		cr_assert_eq(m->ops->context_new(m, &r[i].context), 0, "%s", mea_errmsg());
	for (int i = 0; i < CONTEXTS; i++) {
		r[i].m = m;
		r[i].rgb = rgb;
		r[i].n = 1 + i % 8;
		pthread_create(&r[i].thread, NULL, run, &r[i]);
	}
	for (int i = 0; i < CONTEXTS; i++)
		pthread_join(r[i].thread, NULL);
	for (int i = 0; i < CONTEXTS; i++) {
		cr_assert_eq(r[i].rc, 0);
		cr_assert_eq(m->ops->run(m, r[0].context, r[i].n, in, out), 0);
		cr_expect_eq(memcmp(want, r[i].logits, sizeof(float) * CLASSES * (size_t)r[i].n), 0,
			     "context %d", i);
	}
	for (int i = 0; i < CONTEXTS; i++)
		m->ops->context_free(m, r[i].context);
	m->ops->close(m);
}

static long resident_kb(void)
{
	FILE *f = fopen("/proc/self/status", "r");
	char line[200];
	long kb = 0;

	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "VmRSS: %ld", &kb) == 1)
			break;
	if (f)
		fclose(f);
	cr_assert_gt(kb, 0);
	return kb;
}

/* A sanitizer keeps what was freed. */
#ifdef __SANITIZE_ADDRESS__
#define SANITIZED true
#else
#define SANITIZED false
#endif

/* Sixteen workers of a model of 26 MB: 16 copies of its weights were 2.5 GB. */
Test(infer, contexts_share_the_weights)
{
	static uint8_t rgb[8 * BYTES];
	static float logits[8 * 100];
	const void *in[1] = {rgb};
	void *out[1] = {logits}, *context[CONTEXTS];
	struct mea_infer *m =
		open_model(&mea_infer_dnnl, "models/cifar100-resnet32-a/cloud.onnx", &context[0]);
	long one, all;

	cr_assert_str_eq(m->engine, "oneDNN");
	cr_assert_eq(m->ops->run(m, context[0], 8, in, out), 0);
	one = resident_kb();
	for (int i = 1; i < CONTEXTS; i++) {
		cr_assert_eq(m->ops->context_new(m, &context[i]), 0, "%s", mea_errmsg());
		cr_assert_eq(m->ops->run(m, context[i], 8, in, out), 0);
	}
	all = resident_kb();
	cr_expect(SANITIZED || all < one * 3 / 2, "one context %ld kB, %d contexts %ld kB", one,
		  CONTEXTS, all);
	for (int i = 0; i < CONTEXTS; i++)
		m->ops->context_free(m, context[i]);
	m->ops->close(m);
}

Test(infer, what_dnnl_does_not_take_is_served_all_the_same)
{
	static float image[BYTES], logits[CLASSES], features[1 << 16];
	const void *in[1] = {image};
	void *out[2] = {logits, features}, *context;
	struct mea_infer *m = open_model(&mea_infer_dnnl, "models/glyphs/main.onnx", &context);

	cr_assert_leq(m->io.out[1].bytes, sizeof(features));
	cr_expect_eq(m->at_once, 1);
	cr_expect_eq(m->ops->run(m, context, 1, in, out), 0, "%s", mea_errmsg());
	m->ops->context_free(m, context);
	m->ops->close(m);
	cr_expect(mea_infer_dnnl.open("models/glyphs/bundle.json", 8, &m) < 0);
}

/* --- int8 -------------------------------------------------------------------------------- */

#define INT8 "models/glyphs/main.int8.onnx"

/* The server's floats are those of backend ref's bytes. */
Test(infer, int8_gives_the_bits_of_ref)
{
	static float image[2 * BYTES], got[2][1 << 16];
	static int8_t bytes[BYTES], want[2][1 << 16];
	struct mea_options o = MEA_OPTIONS_INIT;
	struct mea_network_tensor t[2], x;
	const int8_t *from[1] = {bytes};
	int8_t *to[2] = {want[0], want[1]};
	const void *in[1] = {image};
	void *out[2] = {got[0], got[1]}, *context;
	struct mea_infer *m = open_model(&mea_infer_any, INT8, &context);
	struct mea_network *ref;

	cr_assert_eq(strncmp(m->engine, "int8", 4), 0, "%s", m->engine);
	o.backends = "ref";
	cr_assert_eq(mea_network_open(INT8, &o, &ref), 0, "%s", mea_errmsg());
	cr_assert_eq(mea_network_input(ref, 0, &x), 0);
	for (int i = 0; i < m->io.n_out; i++)
		cr_assert_eq(mea_network_output(ref, i, &t[i]), 0);
	for (int i = 0; i < 2 * BYTES; i++)
		image[i] = (float)((i * 7919) % 601 - 300) / 100;
	cr_assert_eq(m->ops->run(m, context, 2, in, out), 0, "%s", mea_errmsg());
	for (int k = 0; k < 2; k++) {
		for (int i = 0; i < BYTES; i++) {
			float q = nearbyintf(image[k * BYTES + i] / x.scale) + (float)x.zero_point;

			bytes[i % 1024 * 3 + i / 1024] = (int8_t)fmaxf(-128, fminf(q, 127));
		}
		cr_assert_eq(mea_network_run(ref, from, to, NULL), 0);
		for (int i = 0; i < m->io.n_out; i++) {
			int area = t[i].height * t[i].width, n = area * t[i].channels, bad = 0;

			for (int j = 0; j < n; j++)
				bad += got[i][k * n + j] !=
				       t[i].scale * (float)(want[i][j % area * t[i].channels +
								    j / area] -
							    t[i].zero_point);
			cr_expect_eq(bad, 0, "item %d, output %d: %d of %d differ", k, i, bad, n);
		}
	}
	mea_network_close(ref);
	m->ops->context_free(m, context);
	m->ops->close(m);
}
