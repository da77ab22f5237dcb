// SPDX-License-Identifier: Apache-2.0
/*
 * Random networks of one to three layers, planned and run on the Verilated
 * accelerator under random bus latency and back-pressure, compared bit for bit
 * with the integer reference on every output tensor. Half of them are planned
 * for a smaller scratchpad or weight memory than the device has, so that strips,
 * halos and reloads are tested with small maps.
 *
 *   random_layers CONFIG COUNT [SEED [large|sizes]]
 *
 * large: maps of up to 126 columns, most of the layers inverted residuals. sizes: blocks of
 * ResNet18 and of MobileNetV2 on images of 8 to 640 pixels a side; every size is planned or
 * refused with a reason, and some of up to 97 pixels are run, then random ones up to COUNT layers.
 *
 * A failure prints the seed of the network; give it as SEED with COUNT 1.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "device/device.h"
#include "base/error.h"
#include "lib/random_net.h"
#include "lib/run_plan.h"

/* Networks between two openings of the device with new bus behaviour. */
#define PER_DEVICE 50

static int die(const char *what)
{
	fprintf(stderr, "random_layers: %s: %s\n", what, mea_errmsg());
	exit(1);
}

static void shrink(struct mea_hw *hw)
{
	/* The smaller memories lie at the start of the device's. */
	if (random_range(0, 1)) {
		hw->act_words = 1 << random_range(8, 11);
		hw->act_banks = 4;
	}
	if (random_range(0, 1))
		hw->wgt_words = 1 << random_range(8, 10);
	if (random_range(0, 1))
		hw->acc_depth = 1 << random_range(5, 8);
}

enum { SMALL, LARGE, SIZES };
#define SIDE_MIN 8
#define SIDE_MAX 640

/* Sides around what steps of strides, words and images make of them; each with both networks,
 * so the first twice as many seeds. */
static const int sides[] = {8, 9, 17, 31, 33, 64, 97};

static struct mea_qnet *sized_net(uint64_t seed)
{
	uint64_t i = (seed - 1) / 2;
	int side = i < sizeof(sides) / sizeof(sides[0]) ? sides[i]
							: SIDE_MIN + (int)(seed * 7 % 90);

	return random_sized_net(side, seed % 2);
}

static struct mea_qnet *make_net(int kind, uint64_t seed)
{
	return kind == LARGE   ? random_large_net()
	       : kind == SIZES ? sized_net(seed)
			       : random_net(false);
}

/* Plans every size; returns how many are refused, or -1 if one is for no reason. */
static int plan_sizes(const struct mea_device *d, bool resnet)
{
	char last[200] = "";
	int refused = 0;

	for (int size = SIDE_MIN; size <= SIDE_MAX; size++) {
		struct mea_plan *p = NULL;
		struct mea_qnet *n;
		int rc;

		random_seed((uint64_t)size);
		n = random_sized_net(size, resnet);
		rc = mea_plan_make(&d->hw, n, false, &p);
		mea_plan_free(p);
		mea_qnet_free(n);
		if (rc < 0 && (rc != MEA_EUNSUPPORTED || !strstr(mea_errmsg(), "layer")))
			return -1;
		refused += rc < 0;
		if (rc < 0 && strcmp(last, mea_errmsg())) {
			snprintf(last, sizeof(last), "%s", mea_errmsg());
			printf("# %s from %d: %s\n", resnet ? "ResNet" : "MobileNetV2", size, last);
		}
	}
	return refused;
}

/* Tables come on top of the networks that are counted. */
static int count_layers(const struct mea_qnet *n)
{
	int count = 0;

	for (int i = 0; i < n->n_layers; i++)
		count += n->layers[i].op != MEA_Q_TABLE;
	return count;
}

/* Returns the layers tested, 0 if the planner refused, -1 for a mismatch. */
static int one(struct mea_device *d, uint64_t seed, int kind)
{
	struct mea_qnet *n;
	struct mea_plan *p = NULL;
	struct mea_hw hw = d->hw;
	uint32_t record[MEA_RECORD_BYTES / 4];
	int8_t **v;
	int rc, layers;
	uint64_t sum = 0;

	random_seed(seed);
	n = make_net(kind, seed);
	layers = count_layers(n);
	if (kind != SIZES && random_range(0, 1))
		shrink(&hw);
	v = random_values(n);
	rc = mea_plan_make(&hw, n, false, &p);
	if (rc == MEA_EUNSUPPORTED) {
		layers = 0;
	} else if (rc < 0) {
		die("plan");
	} else {
		if (run_plan(d, p, n, v, record)) {
			printf("# seed %llu: act %d wgt %d acc %d words\n",
			       (unsigned long long)seed, hw.act_words, hw.wgt_words, hw.acc_depth);
			random_describe(n);
			layers = -1;
		}
		for (int i = 0; i < (int)MEA_CLASSES && layers > 0; i++)
			sum += record[MEA_REC_COUNTERS + i];
		if (layers > 0 && sum != record[MEA_REC_CYCLES]) {
			printf("# seed %llu: stall classes sum to %llu of %u cycles\n",
			       (unsigned long long)seed, (unsigned long long)sum,
			       record[MEA_REC_CYCLES]);
			layers = -1;
		}
	}
	mea_plan_free(p);
	random_values_free(n, v);
	mea_qnet_free(n);
	return layers;
}

int main(int argc, char **argv)
{
	const char *config = argc > 1 ? argv[1] : "16x16";
	long count = argc > 2 ? atol(argv[2]) : 100, tested = 0, refused = 0;
	uint64_t seed = argc > 3 ? strtoull(argv[3], NULL, 0) : 1;
	const char *name = argc > 4 ? argv[4] : "";
	int kind = !strcmp(name, "large") ? LARGE : !strcmp(name, "sizes") ? SIZES : SMALL;
	struct mea_device *d = NULL;
	int bad = 0;

	for (long i = 0; tested < count && !bad; i++, seed++) {
		char spec[96];
		int n;

		if (i % PER_DEVICE == 0) {
			if (d)
				d->ops->close(d);
			random_seed(seed ^ 0xabcdef);
			snprintf(spec, sizeof(spec), "sim:%s,latency=%d,stall=%d,seed=%llu", config,
				 random_range(1, 120), random_range(0, 2) ? random_range(0, 60) : 0,
				 (unsigned long long)seed);
			if (mea_device_open(spec, &d) < 0)
				die(spec);
		}
		n = one(d, seed, kind);
		if (n < 0) {
			printf("# device %s\n", spec);
			bad = 1;
		}
		tested += n > 0 ? n : 0;
		refused += n == 0;
	}
	printf("%s 1 - random %s%slayers %s: %ld equal to the reference bit for bit, %ld networks "
	       "refused by the planner\n",
	       bad ? "not ok" : "ok", name, *name ? " " : "", config, tested, refused);
	for (int resnet = 0; resnet < 2 && kind == SIZES && d; resnet++) {
		int sizes = plan_sizes(d, resnet);

		printf("%s %d - %s %s, images of %d to %d pixels a side: %d refused, each for a "
		       "layer and a reason\n",
		       sizes < 0 ? "not ok" : "ok", 2 + resnet, config,
		       resnet ? "ResNet" : "MobileNetV2", SIDE_MIN, SIDE_MAX, sizes);
		bad |= sizes < 0;
	}
	if (d)
		d->ops->close(d);
	return bad;
}
