// SPDX-License-Identifier: Apache-2.0
/*
 * Networks that others measure too on the simulated accelerator, bit for bit as the integer
 * reference has them, and what they took.
 *
 *   known_nets DEVICE tiny|mobile|control|NETWORK [CLOCK_MHZ]      100 MHz
 *
 * tiny: the four of MLPerf Tiny; mobile: four of torchvision at 224 x 224; control: a policy; or
 * one by its key. The comments of the TAP are a table: network, MMAC, cycles, those that the
 * planner expected, those that it takes at most on the device's bus, the array's utilisation,
 * inferences a second at that clock.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backend/accel/accel.h"
#include "lib/known_net.h"
#include "lib/random_net.h"
#include "lib/side.h"

#define SIM_LATENCY 40 /* of a simulated device whose name says none */

/* On the bus of a simulated device, whose latency is in its name. */
static uint64_t bound_of(const struct mea_exec *e, const char *device)
{
	const char *latency = strstr(device, "latency=");
	struct mea_bus bus = {.latency = latency ? (uint32_t)atoi(latency + 8) : SIM_LATENCY};
	uint64_t cycles, scrub;

	return mea_accel_bound(e, &bus, &cycles, &scrub) ? 0 : cycles;
}

static bool run(const struct known_net *t, const char *device, double clock_mhz)
{
	struct side accel = {.ops = &mea_backend_accel}, ref = {.ops = &mea_backend_ref};
	const struct mea_cost *c = &accel.stats.cost;
	int8_t *input[SIDE_ENDS] = {NULL};
	size_t differ, values;
	struct mea_qnet *net;
	uint64_t bound;

	random_seed(5);
	net = t->make();
	side_inputs(net, input);
	side_run(&accel, device, net, input);
	side_run(&ref, "", net, input);
	differ = side_differ(net, 0, &accel, &ref, &values);
	bound = bound_of(accel.e, device);
	printf("# %-38s %7.3f %8llu %8llu %8llu %6.1f %8.0f\n", t->name, (double)c->macs / 1e6,
	       (unsigned long long)c->cycles, (unsigned long long)mea_accel_plan(accel.e)->cycles,
	       (unsigned long long)bound, 100 * (double)c->macs / (double)c->peak_macs,
	       clock_mhz * 1e6 / (double)c->cycles);
	side_close(&accel);
	side_close(&ref);
	for (int i = 0; i < SIDE_ENDS; i++)
		free(input[i]);
	mea_qnet_free(net);
	/* An output of one value would prove little. */
	return !differ && values > 1 && c->cycles <= bound;
}

/* The networks of that name among n of a set, all of them if it is the set's; returns their number.
 */
static int run_set(const struct known_net *nets, int n, const char *set, char **argv,
		   double clock_mhz, int count, int *failed)
{
	for (int i = 0; i < n; i++) {
		bool ok;

		if (strcmp(argv[2], set) && strcmp(argv[2], nets[i].key))
			continue;
		ok = run(&nets[i], argv[1], clock_mhz);
		printf("%s %d - %s equals ref, within its bound\n", ok ? "ok" : "not ok", ++count,
		       nets[i].key);
		fflush(stdout);
		*failed += !ok;
	}
	return count;
}

int main(int argc, char **argv)
{
	double clock_mhz = argc > 3 ? atof(argv[3]) : 100;
	int failed = 0, count;

	if (argc < 3 || !(clock_mhz > 0)) {
		fputs("usage: known_nets DEVICE tiny|mobile|control|NETWORK [CLOCK_MHZ]\n", stderr);
		return 2;
	}
	printf("# %-38s %7s %8s %8s %8s %6s %8s\n", argv[1], "MMAC", "cycles", "planned", "at most",
	       "array %", "inf/s");
	count = run_set(tiny_nets, TINY_NETS, "tiny", argv, clock_mhz, 0, &failed);
	count = run_set(control_nets, CONTROL_NETS, "control", argv, clock_mhz, count, &failed);
	count = run_set(mobile_nets, MOBILE_NETS, "mobile", argv, clock_mhz, count, &failed);
	printf("1..%d\n", count);
	return failed > 0 || !count;
}
