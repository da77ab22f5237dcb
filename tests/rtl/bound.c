// SPDX-License-Identifier: Apache-2.0
/*
 * The planner's bound against the RTL: no command is complete later than its bound, no job takes
 * longer, and cycles do not depend on data.
 *
 *   bound CONFIG COUNT [SEED [large]]    random networks, each on a random bus
 *   bound CONFIG COUNT FILE.onnx         an int8 network: COUNT images on one bus, and COUNT / 10
 *                                        other buses
 *
 * Buses have latencies of 10 to 400 cycles and stalls of 0 to 50 %.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "device/log.h"
#include "graph/lower.h"
#include "lib/random_net.h"
#include "lib/run_plan.h"
#include "mea_isa.h"

/* Every so many networks, the same one is run on other data. */
#define DATA_EVERY 10

static const char *config;

static int die(const char *what)
{
	fprintf(stderr, "bound: %s: %s\n", what, mea_errmsg());
	exit(1);
}

struct run {
	const struct mea_qnet *net;
	int8_t **values;
	int latency, stall;
	uint64_t seed;
	bool whole;	 /* plan for all of the device's memories */
	uint32_t cycles; /* out: of the job */
	double share;	 /* out: of its bound */
};

/* Smaller memories make other plans. Banks stay what they are, for the bound has to know them. */
static void shrink(struct mea_hw *hw)
{
	if (random_range(0, 1))
		hw->wgt_words = 1 << random_range(8, 10);
	if (random_range(0, 1))
		hw->acc_depth = 1 << random_range(5, 8);
}

static int compare(const struct mea_bound *b, const struct mea_device_log *log, struct run *r)
{
	int bad = 0;

	r->share = (double)r->cycles / (double)b->cycles;
	if (r->share > 1) {
		printf("# %u cycles, the bound is %llu\n", r->cycles,
		       (unsigned long long)b->cycles);
		bad = 1;
	}
	if (log->incomplete || (int)log->n_commands != b->n) {
		printf("# %zu of %d commands are in the log\n", log->n_commands, b->n);
		bad = 1;
	}
	for (size_t i = 0; i < log->n_commands && !bad; i++) {
		const struct mea_log_command *c = &log->command[i];

		if (c->end <= b->end[c->index] && c->begin <= b->start[c->index])
			continue;
		printf("# command %u of queue %u: %u to %u, the bound is %llu to %llu\n", c->index,
		       c->queue, c->begin, c->end, (unsigned long long)b->start[c->index],
		       (unsigned long long)b->end[c->index]);
		bad = 1;
	}
	return bad;
}

/* 0: as bounded; 1: not; -1: the planner refuses the network. */
static int run(struct run *r)
{
	struct mea_bus bus = {(uint32_t)r->latency, r->stall / 100.0};
	uint32_t record[MEA_RECORD_BYTES / 4];
	struct mea_device_log log = {0};
	struct mea_device *d;
	struct mea_bound bound = {0};
	struct mea_plan *p = NULL;
	struct mea_hw hw;
	char spec[96];
	int rc;

	snprintf(spec, sizeof(spec), "sim:%s,latency=%d,stall=%d,seed=%llu", config, r->latency,
		 r->stall, (unsigned long long)r->seed);
	if (mea_device_open(spec, &d))
		die(spec);
	hw = d->hw;
	random_seed(r->seed);
	if (!r->whole)
		shrink(&hw);
	rc = mea_plan_make(&hw, r->net, false, &p);
	if (!rc)
		rc = mea_plan_bound(&hw, r->net, &bus, &bound);
	if (rc && rc != MEA_EUNSUPPORTED)
		die("plan");
	if (!rc) {
		d->ops->log(d, &log);
		rc = run_plan(d, p, r->net, r->values, record);
		d->ops->log(d, NULL);
		r->cycles = record[MEA_REC_CYCLES];
		if (compare(&bound, &log, r) || rc) {
			printf("# device %s\n", spec);
			rc = 1;
		}
	}
	mea_device_log_free(&log);
	mea_bound_free(&bound);
	mea_plan_free(p);
	d->ops->close(d);
	return rc == MEA_EUNSUPPORTED ? -1 : rc;
}

/* The same network and bus with other inputs: all zeros, extremes, stripes, other random ones. */
static int other_data(struct run r)
{
	enum { ZEROS, HIGHEST, LOWEST, STRIPES, RANDOM, KINDS };
	uint32_t cycles = r.cycles;
	int8_t **v = random_alloc(sizeof(*v) * (size_t)r.net->n_tensors);
	int bad = 0;

	for (int i = 0; i < r.net->n_inputs; i++)
		v[r.net->inputs[i]] =
			random_alloc(random_elements(&r.net->tensors[r.net->inputs[i]]));
	r.values = v;
	for (int kind = 0; kind < KINDS && !bad; kind++) {
		for (int i = 0; i < r.net->n_inputs; i++) {
			int in = r.net->inputs[i];

			for (size_t k = 0; k < random_elements(&r.net->tensors[in]); k++)
				v[in][k] = (int8_t)(kind == ZEROS     ? 0
						    : kind == HIGHEST ? 127
						    : kind == LOWEST  ? -128
						    : kind == STRIPES ? k % 2 ? 127 : -128
								      : (int)random_bits());
		}
		bad = run(&r);
		if (!bad && r.cycles != cycles) {
			printf("# data %d: %u cycles instead of %u\n", kind, r.cycles, cycles);
			bad = 1;
		}
	}
	for (int i = 0; i < r.net->n_inputs; i++)
		free(v[r.net->inputs[i]]);
	free(v);
	return bad;
}

static struct run random_bus(uint64_t seed)
{
	random_seed(seed ^ 0xb0bd);
	return (struct run){.seed = seed,
			    .latency = random_range(10, 400),
			    .stall = random_range(0, 2) ? random_range(1, 50) : 0};
}

static void tell(const char *what, long runs, long refused, double worst, int bad)
{
	printf("%s 1 - random %s on %s: %ld runs within their bound, %.1f %% of it at most, %ld "
	       "refused by the planner\n",
	       bad ? "not ok" : "ok", what, config, runs, 100 * worst, refused);
}

static int random_networks(long count, uint64_t seed, bool large)
{
	long runs = 0, refused = 0;
	double worst = 0;
	int bad = 0;

	for (; runs < count && !bad; seed++) {
		struct run r = random_bus(seed);
		struct mea_qnet *n;
		int rc;

		random_seed(seed);
		n = large ? random_large_net() : random_net(false);
		r.net = n;
		r.values = random_values(n);
		rc = run(&r);
		refused += rc < 0;
		runs += rc == 0;
		if (!rc && r.share > worst)
			worst = r.share;
		bad = rc > 0 || (!rc && seed % DATA_EVERY == 0 && other_data(r));
		if (bad) {
			printf("# seed %llu\n", (unsigned long long)seed);
			random_describe(n);
		}
		random_values_free(n, r.values);
		mea_qnet_free(n);
	}
	tell(large ? "large networks" : "networks", runs, refused, worst, bad);
	return bad;
}

/* The first run says how many cycles an image takes; all images then take as many. */
static int model(long count, const char *path)
{
	struct run r = {.latency = 100, .stall = 20, .seed = 1, .whole = true};
	struct mea_graph *g;
	struct mea_qnet *n;
	double worst = 0;
	uint32_t cycles = 0;
	int bad = 0;

	if (mea_graph_load(path, NULL, &g) || mea_qnet_from_graph(g, &n))
		die(path);
	r.net = n;
	for (long i = 0; i < count + count / 10 && !bad; i++) {
		if (i >= count) {
			struct run bus = random_bus((uint64_t)i);

			r.latency = bus.latency;
			r.stall = bus.stall;
			r.seed = bus.seed;
		}
		random_seed((uint64_t)i + 1);
		r.values = random_values(n);
		bad = run(&r) != 0;
		cycles = i ? cycles : r.cycles;
		if (!bad && i < count && r.cycles != cycles) {
			printf("# image %ld: %u cycles instead of %u\n", i, r.cycles, cycles);
			bad = 1;
		}
		worst = r.share > worst ? r.share : worst;
		random_values_free(n, r.values);
	}
	r.values = NULL;
	r.latency = 100;
	r.stall = 20;
	r.seed = 1;
	r.cycles = cycles;
	bad = bad || other_data(r);
	tell(path, count + count / 10, 0, worst, bad);
	mea_qnet_free(n);
	mea_graph_free(g);
	return bad;
}

int main(int argc, char **argv)
{
	const char *what = argc > 3 ? argv[3] : "1";

	if (argc < 3) {
		fputs("usage: bound CONFIG COUNT [SEED [large]] | CONFIG COUNT FILE.onnx\n",
		      stderr);
		return 2;
	}
	config = argv[1];
	if (strstr(what, ".onnx"))
		return model(atol(argv[2]), what);
	return random_networks(atol(argv[2]), strtoull(what, NULL, 0), argc > 4);
}
