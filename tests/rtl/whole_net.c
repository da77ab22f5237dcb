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

#include "backend/accel/accel.h"
#include "graph/graph.h"
#include "graph/lower.h"
#include "lib/random_net.h"
#include "lib/side.h"

static int tests, failed;

static void check(bool ok, const char *what, double value, const char *unit)
{
	printf("%s %d - %s: %.3f%s\n", ok ? "ok" : "not ok", ++tests, what, value, unit);
	failed += !ok;
}

static void compare(const struct mea_qnet *net, struct side *accel, struct side *ref)
{
	for (int i = 0; i < net->n_outputs; i++) {
		const struct mea_qtensor *t = &net->tensors[net->outputs[i]];
		size_t distinct, differ = side_differ(net, i, accel, ref, &distinct);
		char text[160];

		/* An output of one value would prove little. */
		snprintf(text, sizeof(text), "%s: elements that differ of %zu (%zu values)",
			 t->name, random_elements(t), distinct);
		check(differ == 0 && distinct > 3, text, (double)differ, "");
	}
}

static struct mea_qnet *load(const char *path)
{
	struct mea_graph *g = NULL;
	struct mea_qnet *net = NULL;

	if (mea_graph_load(path, NULL, &g) < 0 || mea_qnet_from_graph(g, &net) < 0)
		side_die(path);
	mea_graph_free(g);
	return net;
}

int main(int argc, char **argv)
{
	struct side accel = {.ops = &mea_backend_accel}, ref = {.ops = &mea_backend_ref};
	double least = argc > 3 ? atof(argv[3]) : 0, off = argc > 4 ? atof(argv[4]) : 0;
	double limit = argc > 5 ? atof(argv[5]) : 0, util, error, planned;
	int8_t *input[SIDE_ENDS];
	struct mea_qnet *net;
	const struct mea_hw *hw;

	if (argc < 3) {
		fprintf(stderr, "usage: whole_net DEVICE MODEL.int8.onnx [UTILISATION [PLANNED "
				"[SECONDS]]]\n");
		return 2;
	}
	net = load(argv[2]);
	random_seed(1);
	side_inputs(net, input);
	side_run(&accel, argv[1], net, input);
	side_run(&ref, "", net, input);
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
	side_close(&accel);
	side_close(&ref);
	for (int i = 0; i < net->n_inputs; i++)
		free(input[i]);
	mea_qnet_free(net);
	return failed > 0;
}
