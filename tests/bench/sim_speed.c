// SPDX-License-Identifier: Apache-2.0
/*
 * How fast the Verilated accelerator simulates: whole inferences of an int8 model
 * on one thread, in kHz of its clock and in useful MAC per second of wall time.
 *
 *   sim_speed MODEL.int8.onnx [DEVICE [ROUNDS]]
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backend/accel/accel.h"
#include "base/error.h"
#include "graph/graph.h"
#include "graph/lower.h"

#define MAX_ROUNDS 100

static int fail(void)
{
	fprintf(stderr, "sim_speed: %s\n", mea_errmsg());
	return 1;
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

struct bench {
	struct mea_backend *b;
	struct mea_qnet *net;
	struct mea_exec *e;
	struct mea_buf *in[MEA_PLAN_MAX_IO], *out[MEA_PLAN_MAX_IO];
};

static int set_up(struct bench *x, const char *model, const char *device)
{
	struct mea_graph *g = NULL;
	int rc = mea_graph_load(model, NULL, &g);

	if (rc == 0)
		rc = mea_qnet_from_graph(g, &x->net);
	mea_graph_free(g);
	if (rc == 0)
		rc = mea_backend_accel.open(device, &x->b);
	if (rc == 0)
		rc = mea_backend_accel.prepare(x->b, x->net, &x->e);
	for (int i = 0; rc == 0 && i < x->net->n_inputs; i++)
		rc = mea_backend_accel.buf_alloc(x->e, true, i, &x->in[i]);
	for (int i = 0; rc == 0 && i < x->net->n_outputs; i++)
		rc = mea_backend_accel.buf_alloc(x->e, false, i, &x->out[i]);
	for (int i = 0; rc == 0 && i < x->net->n_inputs; i++) {
		const struct mea_qtensor *t = &x->net->tensors[x->net->inputs[i]];
		size_t n = (size_t)t->c * t->h * t->w;
		int8_t *image = malloc(n);

		/* Values do not change the cycles; random ones toggle the logic. */
		for (size_t k = 0; image && k < n; k++)
			image[k] = (int8_t)rand();
		rc = image ? mea_backend_accel.buf_write(x->in[i], image) : MEA_ENOMEM;
		free(image);
	}
	return rc;
}

static void tear_down(struct bench *x)
{
	for (int i = 0; i < MEA_PLAN_MAX_IO; i++) {
		mea_backend_accel.buf_free(x->in[i]);
		mea_backend_accel.buf_free(x->out[i]);
	}
	if (x->e)
		mea_backend_accel.release(x->e);
	if (x->b)
		mea_backend_accel.close(x->b);
	mea_qnet_free(x->net);
}

int main(int argc, char **argv)
{
	const char *device = argc > 2 ? argv[2] : "sim:16x16";
	int rounds = argc > 3 ? atoi(argv[3]) : 9;
	struct bench x = {0};
	struct mea_run_stats st = {0};
	double khz[MAX_ROUNDS];
	int rc;

	if (argc < 2 || rounds < 1 || rounds > MAX_ROUNDS) {
		fprintf(stderr, "usage: sim_speed MODEL.int8.onnx [DEVICE [ROUNDS 1..%d]]\n",
			MAX_ROUNDS);
		return 2;
	}
	rc = set_up(&x, argv[1], device);
	/* The first round warms the caches and does not count. */
	for (int i = -1; rc == 0 && i < rounds; i++) {
		struct mea_job *job;

		rc = mea_backend_accel.submit(x.e, x.in, x.out, &job);
		if (rc == 0)
			rc = mea_backend_accel.wait(job, -1, &st);
		if (rc == 0 && i >= 0)
			khz[i] = (double)st.cost.cycles / st.cost.ms;
	}
	if (rc == 0) {
		qsort(khz, (size_t)rounds, sizeof(*khz), by_value);
		printf("%s, %s, one thread, %d rounds of %llu cycles:\n"
		       "  median %.0f kHz (least %.0f, most %.0f), %.1f million useful MAC/s, "
		       "utilisation %.2f %%\n"
		       "  published: Gemmini 16x16 under Verilator 34 to 120 kHz with 8 threads\n",
		       argv[1], device, rounds, (unsigned long long)st.cost.cycles, khz[rounds / 2],
		       khz[0], khz[rounds - 1],
		       khz[rounds / 2] * 1e-3 * (double)st.cost.macs / (double)st.cost.cycles,
		       100.0 * (double)st.cost.macs / (double)st.cost.peak_macs);
	}
	tear_down(&x);
	return rc == 0 ? 0 : fail();
}
