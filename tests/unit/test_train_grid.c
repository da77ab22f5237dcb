// SPDX-License-Identifier: Apache-2.0
/* Matrices that are trained as integers: rounding, widths, memory, and what runs in the end. */
#include "train_rig.h"

#include "quantize/quantize.h"
#include "train/grid.h"
#include "train/mem.h"

#define DRAWS 1000000

/* --- rounding ---------------------------------------------------------------------------- */

/* A matrix of n zeros, 8 bits wide, of unit 1. */
static struct mea_param zeros(size_t n)
{
	struct mea_grid *g = calloc(1, sizeof(*g));

	*g = (struct mea_grid){.bits = 8, .q8 = mea_mem_new(MEA_MEM_WEIGHTS, n)};
	return (struct mea_param){.name = (char *)"w", .n = n, .rank = 4, .grid = g};
}

static void all(float *x, size_t n, float value)
{
	for (size_t i = 0; i < n; i++)
		x[i] = value;
}

/* Sum of q after one step of a million zeros by u. */
static double moved(float u, const struct mea_grid_options *o, int64_t step)
{
	struct mea_sgd s = {.rate = 1};
	struct mea_param q = zeros(DRAWS);
	float *grad = malloc(DRAWS * sizeof(*grad));
	double sum = 0;

	all(grad, DRAWS, u);
	cr_assert_eq(mea_grid_step(&q, 0, grad, &s, 1, o, step), 0);
	for (size_t i = 0; i < DRAWS; i++) {
		cr_assert(abs(q.grid->q8[i] + (int)floorf(u + 0.5f)) <= 1);
		sum += q.grid->q8[i];
	}
	free(grad);
	mea_grid_free(q.grid);
	return sum;
}

/* In the mean a weight moves by u, whatever part of a unit u is: a million draws within 4 sigma. */
Test(grid, rounding_is_unbiased)
{
	static const float u[] = {0.3f, -0.3f, 0.01f, 0.0001f, 0.5f, 1.75f, -2.999f};
	struct mea_grid_options o = {.weights = MEA_WEIGHTS_INT8, .seed = 3};

	for (size_t i = 0; i < sizeof(u) / sizeof(u[0]); i++) {
		double p = (double)u[i] - floor((double)u[i]);
		double sigma = sqrt(DRAWS * p * (1 - p));
		double sum = moved(u[i], &o, (int64_t)i);

		cr_assert(fabs(sum + DRAWS * (double)u[i]) <= 4 * sigma, "%g: %g, 4 sigma %g",
			  (double)u[i], sum, 4 * sigma);
	}
}

Test(grid, nearest_loses_small_steps)
{
	struct mea_grid_options o = {.weights = MEA_WEIGHTS_INT8, .nearest = true};

	cr_assert_eq(moved(0.49f, &o, 0), 0);
	cr_assert_eq(moved(0.51f, &o, 0), -DRAWS);
}

/* Another step, layer or seed draws otherwise; the same place the same. */
Test(grid, draws_are_by_place)
{
	int64_t step[] = {7, 7, 8, 7, 7};
	int layer[] = {2, 2, 2, 3, 2};
	uint64_t seed[] = {1, 1, 1, 1, 2};
	struct mea_sgd s = {.rate = 1};
	struct mea_param q[5];
	float grad[1000];

	all(grad, 1000, 0.5f);
	for (int i = 0; i < 5; i++) {
		struct mea_grid_options o = {.weights = MEA_WEIGHTS_INT8, .seed = seed[i]};

		q[i] = zeros(1000);
		cr_assert_eq(mea_grid_step(&q[i], layer[i], grad, &s, 1, &o, step[i]), 0);
		cr_assert_eq(i < 2, !memcmp(q[i].grid->q8, q[0].grid->q8, 1000), "%d", i);
	}
	for (int i = 0; i < 5; i++)
		mea_grid_free(q[i].grid);
}

/* --- widths ------------------------------------------------------------------------------ */

/* Steps until the width is looked at. */
static void look(struct mea_param *q, float grad, float rate, const struct mea_grid_options *o)
{
	float *g = malloc(q->n * sizeof(*g));
	struct mea_sgd s = {.rate = rate};

	all(g, q->n, grad);
	for (int64_t i = 0; i < MEA_GRID_LOOK; i++)
		cr_assert_eq(mea_grid_step(q, 0, g, &s, 1, o, i), 0);
	free(g);
}

/* Rate 0 changes no weight, and the highest rate counts for the width: the values stay, exactly. */
Test(grid, widths)
{
	struct mea_grid_options o = {.weights = MEA_WEIGHTS_AUTO, .most = 12};
	struct mea_param q = zeros(100);
	float before[100], after[100];

	for (int i = 0; i < 100; i++)
		q.grid->q8[i] = (int8_t)(i - 50);
	mea_grid_expand(&q, before);
	look(&q, 0.006f, 0, &o);
	/* 0.006 units a step: two bits make it 0.024, over 0.02. */
	cr_assert_eq(q.grid->bits, 10);
	cr_assert_eq(q.grid->exponent, -2);
	mea_grid_expand(&q, after);
	cr_assert_arr_eq(before, after, sizeof(before));
	look(&q, 1e-6f, 0, &o);
	cr_assert_eq(q.grid->bits, 12, "not more than asked for");
	mea_grid_expand(&q, after);
	cr_assert_arr_eq(before, after, sizeof(before));
	look(&q, 100, 0, &o);
	cr_assert_eq(q.grid->bits, 11);
	mea_grid_free(q.grid);
	/* What stands at the bound: the range grows. */
	o.weights = MEA_WEIGHTS_INT8;
	q = zeros(100);
	q.grid->q8[3] = 127;
	look(&q, 0, 0, &o);
	cr_assert_eq(q.grid->bits, 8);
	cr_assert_eq(q.grid->exponent, 1);
	cr_assert_eq(q.grid->q8[3], 64);
	mea_grid_free(q.grid);
}

/* --- a training --------------------------------------------------------------------------- */

static void as_integers(struct rig *r, enum mea_weights weights)
{
	open_rig(r, false);
	r->recipe.epochs = 8;
	r->recipe.augment = (struct mea_augment){0};
	r->recipe.grid = (struct mea_grid_options){.weights = weights, .most = 16, .seed = 5};
}

Test(grid, learns)
{
	struct rig r;

	for (int w = MEA_WEIGHTS_INT8; w <= MEA_WEIGHTS_AUTO; w++) {
		as_integers(&r, (enum mea_weights)w);
		cr_assert_eq(run(&r), 0, "%s", mea_errmsg());
		cr_assert_gt(r.last_accuracy, 0.95, "%d: accuracy %g", w, r.last_accuracy);
		close_rig(&r);
	}
}

/* Stopped after any step and taken up by fresh weights: the same bits. */
Test(grid, resumes_bit_for_bit)
{
	struct rig r;
	float *want;
	size_t bytes;

	as_integers(&r, MEA_WEIGHTS_AUTO);
	r.recipe.epochs = 3;
	cr_assert_eq(run(&r), 0, "%s", mea_errmsg());
	bytes = r.net.params->elements * sizeof(float);
	want = malloc(bytes);
	memcpy(want, r.net.params->block, bytes);
	for (int at = 1; at < 12; at += 3) {
		unlink(r.path);
		fresh_net(&r);
		r.stop_after = at;
		cr_assert_eq(run(&r), 1);
		fresh_net(&r);
		r.stop_after = 0;
		cr_assert_eq(run(&r), 0, "%s", mea_errmsg());
		cr_assert_eq(r.steps, 12 - at);
		cr_assert_arr_eq(r.net.params->block, want, bytes, "stopped after %d", at);
	}
	free(want);
	close_rig(&r);
}

/* Counted: a byte a weight, two of momentum, and the floats of one matrix at a time. */
Test(grid, no_float_copy)
{
	size_t start = mea_mem_read().all, n = 0, vectors, largest = 0;
	const struct mea_mem *m;
	struct rig r;

	as_integers(&r, MEA_WEIGHTS_INT8);
	r.fit.checkpoint = NULL;
	r.recipe.epochs = 1;
	for (int i = 0; i < r.net.params->n; i++) {
		const struct mea_param *q = &r.net.params->list[i];

		n += q->rank > 1 ? q->n : 0;
		largest = q->n > largest ? q->n : largest;
	}
	vectors = (r.net.params->elements - n) * sizeof(float);
	m = &r.fit.memory;
	cr_assert_eq(run(&r), 0, "%s", mea_errmsg());
	cr_assert_leq(m->most[MEA_MEM_WEIGHTS], n + vectors + 64 * 20);
	cr_assert_leq(m->most[MEA_MEM_MOMENTA], 2 * n + vectors + 64 * 20);
	cr_assert_leq(m->most[MEA_MEM_GRADIENTS], largest * sizeof(float) + vectors + 64 * 2);
	cr_assert_leq(m->most[MEA_MEM_COPIES], 3 * largest * sizeof(float));
	cr_assert_leq(m->most[MEA_MEM_FILES], vectors + 1024);
	/* Floats again, in both places. */
	for (int i = 0; i < r.net.params->n; i++) {
		const struct mea_param *q = &r.net.params->list[i];

		cr_assert(q->data && !q->grid);
		cr_assert_arr_eq(q->data, r.net.graph->values[q->value].data, q->n * sizeof(float));
	}
	close_rig(&r);
	cr_assert_eq(mea_mem_read().all, start, "not all was freed");
}

/* --- what runs ------------------------------------------------------------------------------ */

static int next_example(void *ctx, float *const *in)
{
	int *left = ctx;

	for (int i = 0; i < SIDE * SIDE * 3; i++)
		in[0][i] = (float)(i % 17) / 8 - 1;
	return (*left)-- > 0;
}

static int largest_of(const int8_t *q, size_t n)
{
	int top = 0;

	for (size_t i = 0; i < n; i++)
		top = abs(q[i]) > top ? abs(q[i]) : top;
	return top;
}

/* Row by row, v are whole multiples, or halves and so on, of the floats in w. */
static void same_direction(const struct mea_param *p, size_t rows, const int8_t *v)
{
	size_t row = p->n / rows;

	for (size_t r = 0; r < rows; r++) {
		const float *w = p->data + r * row;
		int top = largest_of(v + r * row, row);
		double peak = 0, sign = 0;

		for (size_t i = 0; i < row; i++)
			if (fabs((double)w[i]) > fabs(peak))
				peak = (double)w[i];
		for (size_t i = 0; i < row && sign == 0; i++)
			if (fabs((double)w[i]) == fabs(peak))
				sign = (w[i] > 0) == (v[r * row + i] > 0) ? 1 : -1;
		for (size_t i = 0; i < row && top; i++)
			cr_assert_float_eq(v[r * row + i], sign * top * (double)w[i] / fabs(peak),
					   1e-6, "%s, row %zu: %d", p->name, r, v[r * row + i]);
	}
}

/* The integers of the int8 network are those that were trained, but for a factor of each row. */
Test(grid, what_was_trained_is_what_runs)
{
	struct mea_graph *q;
	int left = 2, at = 0;
	struct rig r;

	as_integers(&r, MEA_WEIGHTS_INT8);
	r.recipe.epochs = 3;
	cr_assert_eq(run(&r), 0, "%s", mea_errmsg());
	cr_assert_eq(mea_quantize(r.net.graph, next_example, &left, NULL, &q), 0, "%s",
		     mea_errmsg());
	for (int i = 0; i < q->n_nodes; i++) {
		const struct mea_node *n = &q->nodes[i];
		const struct mea_value *v = mea_node_in(q, n, 0);

		if (n->op != MEA_OP_DequantizeLinear || !v->data || v->shape.rank < 2)
			continue;
		while (r.net.params->list[at].rank < 2)
			at++;
		cr_assert_eq(mea_shape_count(&v->shape), r.net.params->list[at].n);
		same_direction(&r.net.params->list[at++], (size_t)v->shape.dim[0], v->data);
	}
	cr_assert_geq(at, 8, "%d", at);
	mea_graph_free(q);
	close_rig(&r);
}
