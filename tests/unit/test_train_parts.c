// SPDX-License-Identifier: Apache-2.0
/* Losses, batches, splits, Algorithm 1's choices, schedules, SGD. */
#include "graph_build.h"

#include <math.h>

#include "meanet/exits.h"
#include "train/algorithm.h"
#include "train/dnnl.h"
#include "train/fit.h"
#include "train/loss.h"

/* --- losses ---------------------------------------------------------------------- */

#define N 3
#define K 7

static double loss_at(const float *z, const struct mea_goal *goal)
{
	float grad[N * K];

	return mea_loss(N, K, z, goal, 1, grad);
}

static void check_loss_gradient(const struct mea_goal *goal)
{
	float z[N * K], grad[N * K];

	for (int i = 0; i < N * K; i++)
		z[i] = frand(-2, 2);
	mea_loss(N, K, z, goal, 0.5f, grad);
	for (int i = 0; i < N * K; i++) {
		float keep = z[i];
		double up, h = 1.0 / 64;

		z[i] = keep + (float)h;
		up = loss_at(z, goal);
		z[i] = keep - (float)h;
		up = (up - loss_at(z, goal)) / (2 * h);
		z[i] = keep;
		cr_assert_float_eq((double)grad[i], up / 2, 1e-4, "%d: %g, not %g", i,
				   (double)grad[i], up / 2);
	}
}

Test(loss, gradients)
{
	float target[N * K], teacher[N * K];
	struct mea_goal goal = {.target = target, .share = 0.3f, .temperature = 3};

	srand(1);
	for (int i = 0; i < N; i++) {
		float sum = 0;

		for (int j = 0; j < K; j++)
			sum += target[i * K + j] = frand(0, 1);
		for (int j = 0; j < K; j++) {
			target[i * K + j] /= sum;
			teacher[i * K + j] = frand(-3, 3);
		}
	}
	check_loss_gradient(&goal);
	goal.teacher = teacher;
	check_loss_gradient(&goal);
}

Test(loss, known_values)
{
	float z[4] = {0, 0, 0, 0}, target[4] = {1, 0, 0, 0}, grad[4], teacher[4] = {5, 1, 2, 3};
	struct mea_goal goal = {.target = target};

	cr_assert_float_eq(mea_loss(1, 4, z, &goal, 1, grad), log(4), 1e-6);
	cr_assert_float_eq((double)grad[0], -0.75, 1e-6);
	cr_assert_float_eq((double)grad[1], 0.25, 1e-6);
	/* A pupil that says what the teacher says has nothing to learn of it. */
	goal = (struct mea_goal){target, teacher, 1, 4};
	cr_assert_float_eq(mea_loss(1, 4, teacher, &goal, 1, grad), 0, 1e-6);
	cr_assert_float_eq((double)grad[0], 0, 1e-6);
	/* Logits far apart neither overflow nor hide a NaN. */
	goal = (struct mea_goal){.target = target};
	z[0] = 1e4f;
	z[1] = -1e4f;
	cr_assert_float_eq(mea_loss(1, 4, z, &goal, 1, grad), 0, 1e-6);
	z[2] = NAN;
	cr_assert(isnan(mea_loss(1, 4, z, &goal, 1, grad)));
}

Test(loss, counts_first_of_equals)
{
	const float z[6] = {1, 3, 3, 2, 1, 0};
	const int label[2] = {1, 0}, other[2] = {2, 1};

	cr_assert_eq(mea_count_right(2, 3, z, label), 2);
	cr_assert_eq(mea_count_right(2, 3, z, other), 0);
}

/* --- data -------------------------------------------------------------------------- */

static struct mea_set *small_set(size_t n, int classes)
{
	struct mea_set *s = calloc(1, sizeof(*s));

	*s = (struct mea_set){.n = n, .width = 5, .height = 4, .classes = classes};
	s->rgb = malloc(n * 60);
	s->label = malloc(n * sizeof(int));
	s->names = calloc((size_t)classes, sizeof(*s->names));
	for (int c = 0; c < classes; c++)
		cr_assert(asprintf(&s->names[c], "class%d", c) > 0);
	for (size_t i = 0; i < n; i++)
		s->label[i] = (int)(i % (size_t)classes);
	for (size_t i = 0; i < n * 60; i++)
		s->rgb[i] = (uint8_t)(i * 7 + i / 60);
	return s;
}

Test(data, split)
{
	struct mea_set *s = small_set(105, 3);
	struct mea_pick kept, held, again, other;
	int seen[105] = {0}, same = 0;

	cr_assert_eq(mea_set_split(s, 5, &kept, &held), 0);
	cr_assert_eq(held.n, 10);
	cr_assert_eq(kept.n, 95);
	for (size_t i = 0; i < held.n; i++)
		seen[held.index[i]]++;
	for (size_t i = 0; i < kept.n; i++)
		seen[kept.index[i]]++;
	for (int i = 0; i < 105; i++)
		cr_assert_eq(seen[i], 1, "image %d", i);
	free(kept.index);
	cr_assert_eq(mea_set_split(s, 5, &kept, &again), 0);
	cr_assert_arr_eq(held.index, again.index, 10 * sizeof(uint32_t));
	free(kept.index);
	cr_assert_eq(mea_set_split(s, 6, &kept, &other), 0);
	for (int i = 0; i < 10; i++)
		same += held.index[i] == other.index[i];
	cr_assert_lt(same, 10);
	free(kept.index);
	free(held.index);
	free(again.index);
	free(other.index);
	mea_set_free(s);
}

Test(data, refuses_what_cannot_be_learned)
{
	struct mea_set *s = small_set(30, 3);
	struct mea_pick p;
	int map[3] = {0, -1, 1}, one[3] = {-1, 0, -1}, none_of_1[3] = {0, -1, 1};

	cr_assert_eq(mea_set_all(s, &p), 0);
	cr_assert_eq(mea_pick_check(&p, NULL), 0);
	mea_pick_keep(&p, map);
	cr_assert_eq(p.n, 20);
	cr_assert_eq(mea_pick_check(&p, none_of_1), 0);
	cr_assert_eq(mea_pick_check(&p, NULL), MEA_EINVAL);
	cr_assert(strstr(mea_errmsg(), "class 1 (class1) has no image"), "%s", mea_errmsg());
	cr_assert_eq(mea_pick_check(&p, one), MEA_EINVAL);
	free(p.index);
	cr_assert_eq(mea_set_all(s, &p), 0);
	cr_assert_eq(mea_pick_check(&p, one), MEA_EINVAL);
	cr_assert(strstr(mea_errmsg(), "fewer than two"), "%s", mea_errmsg());
	free(p.index);
	mea_set_free(s);
}

static void fill(const struct mea_set *s, const struct mea_pick *p, const struct mea_augment *a,
		 int epoch, size_t step, float smoothing, struct mea_batch *b)
{
	uint32_t order[40];

	mea_epoch_order(3, epoch, p->n, order);
	mea_batch_fill(b, p, order, NULL, smoothing, a, 3, epoch, step);
	(void)s;
}

Test(data, batches)
{
	struct mea_set *s = small_set(40, 4);
	struct mea_augment plain = {0},
			   all = {.pad = 2, .mirror = true, .cutout = 2, .fill = {9, 8, 7}};
	struct mea_batch a, b;
	struct mea_pick p;
	uint32_t order[40];
	int moved = 0;

	cr_assert_eq(mea_set_all(s, &p), 0);
	cr_assert_eq(mea_batch_new(s, 8, 4, &a), 0);
	cr_assert_eq(mea_batch_new(s, 8, 4, &b), 0);
	/* Without augmentation a batch is the images themselves. */
	fill(s, &p, &plain, 2, 3, 0.2f, &a);
	mea_epoch_order(3, 2, 40, order);
	for (int i = 0; i < 8; i++) {
		uint32_t image = order[24 + i];

		cr_assert_arr_eq(a.rgb + i * 60, s->rgb + image * 60, 60);
		cr_assert_eq(a.label[i], (int)(image % 4));
		for (int j = 0; j < 4; j++)
			cr_assert_float_eq((double)a.target[i * 4 + j],
					   j == a.label[i] ? 0.85 : 0.05, 1e-6);
	}
	/* The same place gives the same batch; another epoch another. */
	fill(s, &p, &all, 2, 3, 0, &a);
	fill(s, &p, &all, 2, 3, 0, &b);
	cr_assert_arr_eq(a.rgb, b.rgb, 8 * 60);
	fill(s, &p, &all, 4, 3, 0, &b);
	for (int i = 0; i < 8 * 60; i++)
		moved += a.rgb[i] != b.rgb[i];
	cr_assert_gt(moved, 100);
	mea_batch_free(&a);
	mea_batch_free(&b);
	free(p.index);
	mea_set_free(s);
}

/* Every pixel of a mixed batch, and every target, is between its two images'. */
Test(data, mixup)
{
	struct mea_set *s = small_set(40, 4);
	struct mea_augment plain = {0}, mixed = {.mixup = 0.8f};
	struct mea_batch a, b;
	struct mea_pick p;
	double share = -1;

	cr_assert_eq(mea_set_all(s, &p), 0);
	cr_assert_eq(mea_batch_new(s, 8, 4, &a), 0);
	cr_assert_eq(mea_batch_new(s, 8, 4, &b), 0);
	fill(s, &p, &plain, 0, 1, 0, &a);
	fill(s, &p, &mixed, 0, 1, 0, &b);
	for (int i = 0; i < 8; i++) {
		const float *t = a.target + i * 4, *u = a.target + (7 - i) * 4;

		for (int j = 0; j < 4; j++) {
			if (t[j] != u[j] && share < 0)
				share = (double)((b.target[i * 4 + j] - u[j]) / (t[j] - u[j]));
			cr_assert_float_eq((double)b.target[i * 4 + j],
					   share * (double)t[j] + (1 - share) * (double)u[j], 1e-5);
		}
		for (int j = 0; j < 60; j++)
			cr_assert_float_eq((double)b.rgb[i * 60 + j],
					   share * a.rgb[i * 60 + j] +
						   (1 - share) * a.rgb[(7 - i) * 60 + j],
					   0.51);
	}
	cr_assert(share >= 0.5 && share <= 1, "share %g", share);
	mea_batch_free(&a);
	mea_batch_free(&b);
	free(p.index);
	mea_set_free(s);
}

/* --- Algorithm 1 ----------------------------------------------------------------------- */

/* Four images of classes 0 1 2 0 and what is said of them: 0 1 0 0. Class 2 is never named. */
static const float said[4 * 3] = {4, 0, 0, 0, 3, 0, 2, 0, 1, 9, 0, 0};

Test(algorithm, precision_and_hard_classes)
{
	struct mea_set *s = small_set(4, 3);
	struct mea_pick p;
	double precision[3];
	const double ties[6] = {0.5, 0.2, 0.5, 0.2, 0.9, 0.5};
	int hard[6];

	cr_assert_eq(mea_set_all(s, &p), 0);
	mea_class_precision(&p, said, 3, precision);
	cr_assert_float_eq(precision[0], 2.0 / 3, 1e-12);
	cr_assert_float_eq(precision[1], 1, 1e-12);
	cr_assert_float_eq(precision[2], 0, 1e-12);
	mea_hard_classes(precision, 3, 2, hard);
	cr_assert_eq(hard[0], 0);
	cr_assert_eq(hard[1], 2);
	mea_hard_classes(ties, 6, 4, hard);
	cr_assert(hard[0] == 0 && hard[1] == 1 && hard[2] == 2 && hard[3] == 3);
	free(p.index);
	mea_set_free(s);
}

/* Each class is chosen as often as any other, and every choice has n different ones in order. */
Test(algorithm, random_classes)
{
	int count[7] = {0}, hard[3];

	for (uint64_t seed = 0; seed < 7000; seed++) {
		mea_random_classes(seed, 7, 3, hard);
		cr_assert(hard[0] >= 0 && hard[0] < hard[1] && hard[1] < hard[2] && hard[2] < 7);
		for (int i = 0; i < 3; i++)
			count[hard[i]]++;
	}
	/* 3000 each; the deviation of a count is 41. */
	for (int c = 0; c < 7; c++)
		cr_assert(count[c] > 2800 && count[c] < 3200, "class %d: %d", c, count[c]);
}

Test(algorithm, entropies)
{
	struct mea_set *s = small_set(4, 3);
	struct mea_pick p;
	double right, wrong, sum = 0;
	static const int correct[3] = {0, 1, 3};

	cr_assert_eq(mea_set_all(s, &p), 0);
	mea_mean_entropies(&p, said, 3, &right, &wrong);
	for (int i = 0; i < 3; i++)
		sum += (double)mea_opinion_of(said + correct[i] * 3, 3).entropy;
	cr_assert_float_eq(right, sum / 3, 1e-6);
	cr_assert_float_eq(wrong, (double)mea_opinion_of(said + 6, 3).entropy, 1e-6);
	p.n = 2;
	mea_mean_entropies(&p, said, 3, &right, &wrong);
	cr_assert(isnan(wrong));
	free(p.index);
	mea_set_free(s);
}

/* Labels drawn from softmax(z): then T = 1 fits, and T = 3 when all logits are three times that. */
Test(algorithm, temperature)
{
	struct mea_set *s = small_set(4000, 4);
	float *z = malloc(4000 * 4 * sizeof(*z));
	struct mea_pick p;

	srand(3);
	for (int i = 0; i < 4000; i++) {
		double sum = 0, u, at = 0;
		int label = 0;

		for (int j = 0; j < 4; j++)
			sum += exp((double)(z[i * 4 + j] = frand(-2, 2)));
		u = (double)frand(0, 1) * sum;
		for (int j = 0; j < 4 && at < u; j++) {
			at += exp((double)z[i * 4 + j]);
			label = j;
		}
		s->label[i] = label;
	}
	cr_assert_eq(mea_set_all(s, &p), 0);
	cr_assert_float_eq(mea_temperature(&p, z, 4, NULL), 1, 0.1);
	for (int i = 0; i < 4000 * 4; i++)
		z[i] *= 3;
	cr_assert_float_eq(mea_temperature(&p, z, 4, NULL), 3, 0.3);
	free(z);
	free(p.index);
	mea_set_free(s);
}

/* --- steps -------------------------------------------------------------------------------- */

Test(steps, schedules)
{
	float top = 0;

	for (int i = 0; i < 1000; i++) {
		float r = mea_schedule_rate(MEA_ONE_CYCLE, 2, i, 1000);

		cr_assert(r > 0 && r <= 2);
		top = r > top ? r : top;
	}
	cr_assert_float_eq((double)top, 2, 0.01);
	cr_assert_float_eq((double)mea_schedule_rate(MEA_ONE_CYCLE, 2, 999, 1000), 0, 0.01);
	cr_assert_float_eq((double)mea_schedule_rate(MEA_COSINE, 2, 0, 1000), 2, 0.01);
	cr_assert_float_eq((double)mea_schedule_rate(MEA_COSINE, 2, 499, 1000), 1, 0.01);
	for (int epoch = 0; epoch < 180; epoch++)
		cr_assert_float_eq((double)mea_schedule_rate(MEA_STEPS, 2, epoch, 180),
				   epoch < 60	 ? 2
				   : epoch < 120 ? 0.2
				   : epoch < 160 ? 0.02
						 : 0.002,
				   1e-6);
}

/* Two steps by hand: decay for the matrix and not for the bias. */
Test(steps, sgd)
{
	struct mea_sgd sgd = {0.1f, 0.9f, 0.5f};
	struct mea_graph *g = new_graph();
	struct mea_params *p;
	double w[2], v[2] = {0, 0};

	srand(1);
	finish(g, gemm(g, "fc", input(g, "x", shape_of(2, 1, 3)), 2, true));
	cr_assert_eq(mea_params_new(g, &p), 0);
	cr_assert_eq(mea_params_gradients(p), 0);
	cr_assert_eq(mea_params_momenta(p), 0);
	cr_assert_eq(p->n, 2);
	cr_assert(p->list[0].decay && !p->list[1].decay);
	for (int i = 0; i < 2; i++)
		w[i] = (double)p->list[i].data[0];
	for (int step = 0; step < 2; step++) {
		for (int i = 0; i < 2; i++) {
			double grad = 0.25 + step;

			p->list[i].grad[0] = (float)grad;
			grad += i == 0 ? 0.5 * w[i] : 0;
			v[i] = 0.9 * v[i] + grad;
			w[i] -= 0.1 * (grad + 0.9 * v[i]);
		}
		mea_sgd_step(p, &sgd);
	}
	for (int i = 0; i < 2; i++)
		cr_assert_float_eq((double)p->list[i].data[0], w[i], 1e-5);
	mea_params_free(p);
	mea_graph_free(g);
}
