// SPDX-License-Identifier: Apache-2.0
/*
 * The networks of MLPerf Tiny on the simulated accelerator, bit for bit as the integer reference
 * has them, and what they took.
 *
 *   tiny_nets DEVICE [CLOCK_MHZ]      100 MHz
 *
 * The comments of the TAP are a table: network, MMAC, cycles, those that the planner expected,
 * the array's utilisation, inferences a second at that clock.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backend/accel/accel.h"
#include "lib/random_net.h"
#include "lib/side.h"
#include "lib/tiny_net.h"

static bool run(const struct tiny_net *t, const char *device, double clock_mhz)
{
	struct side accel = {.ops = &mea_backend_accel}, ref = {.ops = &mea_backend_ref};
	const struct mea_cost *c = &accel.stats.cost;
	int8_t *input[SIDE_ENDS] = {NULL};
	size_t differ, values;
	struct mea_qnet *net;

	random_seed(5);
	net = t->make();
	side_inputs(net, input);
	side_run(&accel, device, net, input);
	side_run(&ref, "", net, input);
	differ = side_differ(net, 0, &accel, &ref, &values);
	printf("# %-38s %7.3f %8llu %8llu %6.1f %8.0f\n", t->name, (double)c->macs / 1e6,
	       (unsigned long long)c->cycles, (unsigned long long)mea_accel_plan(accel.e)->cycles,
	       100 * (double)c->macs / (double)c->peak_macs, clock_mhz * 1e6 / (double)c->cycles);
	side_close(&accel);
	side_close(&ref);
	for (int i = 0; i < SIDE_ENDS; i++)
		free(input[i]);
	mea_qnet_free(net);
	/* An output of one value would prove little. */
	return !differ && values > 1;
}

int main(int argc, char **argv)
{
	double clock_mhz = argc > 2 ? atof(argv[2]) : 100;
	int failed = 0;

	if (argc < 2 || !(clock_mhz > 0)) {
		fputs("usage: tiny_nets DEVICE [CLOCK_MHZ]\n", stderr);
		return 2;
	}
	printf("# %-38s %7s %8s %8s %6s %8s\n", argv[1], "MMAC", "cycles", "planned", "array %",
	       "inf/s");
	for (int i = 0; i < TINY_NETS; i++) {
		bool ok = run(&tiny_nets[i], argv[1], clock_mhz);

		printf("%s %d - %s equals ref\n", ok ? "ok" : "not ok", i + 1, tiny_nets[i].key);
		failed += !ok;
	}
	printf("1..%d\n", TINY_NETS);
	return failed > 0;
}
