// SPDX-License-Identifier: Apache-2.0
/*
 * Whole inferences of int8 models on the simulated accelerator, every output compared
 * with the integer reference bit for bit; and what they took, held against limits.
 *
 *   whole_net DEVICE MODEL.int8.onnx [UTILISATION [PLANNED [SECONDS]]]
 *
 * UTILISATION: of the array, in percent, at least; PLANNED: how far the planner's cycles may
 * be off, in percent; SECONDS: processor time of the inference, at most. 0 or nothing:
 * only told.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "backend/accel/accel.h"
#include "base/error.h"
#include "graph/graph.h"
#include "graph/lower.h"
#include "lib/random_net.h"

static int tests, failed;

static void check(bool ok, const char *what, double value, const char *unit)
{
	printf("%s %d - %s: %.3f%s\n", ok ? "ok" : "not ok", ++tests, what, value, unit);
	failed += !ok;
}

static int die(const char *what)
{
	printf("Bail out! %s: %s\n", what, mea_errmsg());
	exit(1);
}

/* An exec on a backend with its buffers, run once. */
struct side {
	const struct mea_backend_ops *ops;
	struct mea_backend *b;
	struct mea_exec *e;
	struct mea_buf *in[4], *out[4];
	struct mea_run_stats stats;
	double seconds;
};

static double processor_seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static void run(struct side *s, const char *device, const struct mea_qnet *net,
		int8_t *const *input)
{
	struct mea_job *job;
	double start;

	if (s->ops->open(device, &s->b) < 0 || s->ops->prepare(s->b, net, &s->e) < 0)
		die(device);
	for (int i = 0; i < net->n_inputs; i++)
		if (s->ops->buf_alloc(s->e, true, i, &s->in[i]) < 0 ||
		    s->ops->buf_write(s->in[i], input[i]) < 0)
			die("input");
	for (int i = 0; i < net->n_outputs; i++)
		if (s->ops->buf_alloc(s->e, false, i, &s->out[i]) < 0)
			die("output");
	start = processor_seconds();
	if (s->ops->submit(s->e, s->in, s->out, &job) < 0 || s->ops->wait(job, -1, &s->stats) < 0)
		die("job");
	s->seconds = processor_seconds() - start;
}

static void close_side(struct side *s)
{
	for (int i = 0; i < 4; i++) {
		s->ops->buf_free(s->in[i]);
		s->ops->buf_free(s->out[i]);
	}
	s->ops->release(s->e);
	s->ops->close(s->b);
}

static void compare(const struct mea_qnet *net, struct side *accel, struct side *ref)
{
	for (int i = 0; i < net->n_outputs; i++) {
		const struct mea_qtensor *t = &net->tensors[net->outputs[i]];
		size_t n = random_elements(t), differ = 0, distinct = 0;
		int8_t *a = random_alloc(n), *b = random_alloc(n);
		bool seen[256] = {false};
		char text[160];

		if (accel->ops->buf_read(accel->out[i], a) < 0 ||
		    ref->ops->buf_read(ref->out[i], b) < 0)
			die("output");
		for (size_t k = 0; k < n; k++) {
			differ += a[k] != b[k];
			distinct += !seen[(uint8_t)b[k]];
			seen[(uint8_t)b[k]] = true;
		}
		/* An output of one value would prove little. */
		snprintf(text, sizeof(text), "%s: elements that differ of %zu (%zu values)",
			 t->name, n, distinct);
		check(differ == 0 && distinct > 3, text, (double)differ, "");
		free(a);
		free(b);
	}
}

static struct mea_qnet *load(const char *path)
{
	struct mea_graph *g = NULL;
	struct mea_qnet *net = NULL;

	if (mea_graph_load(path, NULL, &g) < 0 || mea_qnet_from_graph(g, &net) < 0)
		die(path);
	mea_graph_free(g);
	return net;
}

int main(int argc, char **argv)
{
	struct side accel = {.ops = &mea_backend_accel}, ref = {.ops = &mea_backend_ref};
	double least = argc > 3 ? atof(argv[3]) : 0, off = argc > 4 ? atof(argv[4]) : 0;
	double limit = argc > 5 ? atof(argv[5]) : 0, util, error, planned;
	int8_t *input[4];
	struct mea_qnet *net;
	const struct mea_hw *hw;

	if (argc < 3) {
		fprintf(stderr, "usage: whole_net DEVICE MODEL.int8.onnx [UTILISATION [PLANNED "
				"[SECONDS]]]\n");
		return 2;
	}
	net = load(argv[2]);
	random_seed(1);
	for (int i = 0; i < net->n_inputs; i++) {
		size_t n = random_elements(&net->tensors[net->inputs[i]]);

		input[i] = random_alloc(n);
		for (size_t k = 0; k < n; k++)
			input[i][k] = (int8_t)random_bits();
	}
	run(&accel, argv[1], net, input);
	run(&ref, "", net, input);
	printf("# %s on %s\n", argv[2], argv[1]);
	compare(net, &accel, &ref);
	hw = mea_accel_hw(accel.e);
	planned = (double)mea_accel_plan(accel.e)->cycles;
	util = 100 * (double)accel.stats.cost.macs / (double)accel.stats.cost.peak_macs;
	error = 100 * (planned / (double)accel.stats.cost.cycles - 1);
	printf("# %.3f MMAC, %llu cycles, planned %.0f, bytes read %llu, written %llu\n",
	       (double)accel.stats.cost.macs / 1e6, (unsigned long long)accel.stats.cost.cycles,
	       planned, (unsigned long long)accel.stats.bytes_read,
	       (unsigned long long)accel.stats.bytes_written);
	check(util >= least, "of the array's peak", util, " %");
	printf("# of all multipliers %.3f %%\n", util / (1 + (double)hw->dw_taps / hw->rows));
	check(!off || fabs(error) <= off, "planned, against the RTL", error, " %");
	check(!limit || accel.seconds <= limit, "processor time", accel.seconds, " s");
	printf("1..%d\n", tests);
	close_side(&accel);
	close_side(&ref);
	for (int i = 0; i < net->n_inputs; i++)
		free(input[i]);
	mea_qnet_free(net);
	return failed > 0;
}
