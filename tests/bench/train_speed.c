// SPDX-License-Identifier: Apache-2.0
/*
 * Training steps per second on random images: forward, loss, backward, SGD. Prints images per
 * second of wall time and of CPU time, the median step of each.
 *
 *   train_speed NET f32|bf16 [BATCH [THREADS [STEPS]]]
 */
#include <omp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "mea.h"
#include "train/dnnl.h"
#include "train/loss.h"
#include "train/net.h"
#include "train/nets.h"
#include "train/rng.h"

#define CLASSES 100
#define WARM	3
#define MAX	1000

static double seconds(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double median(double *v, int n)
{
	qsort(v, (size_t)n, sizeof(*v), by_value);
	return v[n / 2];
}

struct bench {
	struct mea_graph *g;
	struct mea_params *p;
	struct mea_tnet *t;
	void *image;
	float *target;
	int batch;
};

static int set_up(struct bench *b, const char *net, bool bf16)
{
	struct mea_net_task task = {.width = 32, .height = 32, .classes = CLASSES, .seed = 1};
	struct mea_tnet_options o = {
		.batch = b->batch, .train = true, .bf16 = bf16, .output_grad = {true}};
	int rc = strchr(net, '-') ? mea_net_main(net, &task, &b->g)
				  : mea_net_cloud(net, &task, &b->g);
	struct mea_rng r = mea_rng_at(1, 0, 0, 0);
	size_t n = (size_t)b->batch * 3072;

	if (!rc)
		rc = mea_params_new(b->g, &b->p);
	if (!rc)
		rc = mea_params_momenta(b->p);
	if (!rc)
		rc = mea_tnet_new(b->g, b->p, &o, &b->t);
	if (rc)
		return rc;
	b->image = malloc(n * sizeof(float));
	b->target = calloc((size_t)b->batch * CLASSES, sizeof(float));
	if (!b->image || !b->target)
		return MEA_ENOMEM;
	for (size_t i = 0; i < n; i++) {
		float v = (float)mea_rng_normal(&r);

		if (bf16)
			((uint16_t *)b->image)[i] = mea_bf16(v);
		else
			((float *)b->image)[i] = v;
	}
	for (int i = 0; i < b->batch; i++)
		b->target[i * CLASSES + i % CLASSES] = 1;
	mea_tnet_set_input(b->t, 0, b->image);
	return 0;
}

static int step(struct bench *b)
{
	struct mea_sgd sgd = {0.01f, 0.9f, 5e-4f};
	struct mea_goal goal = {.target = b->target};
	int rc = mea_tnet_forward(b->t);

	if (rc)
		return rc;
	mea_loss(b->batch, CLASSES, mea_tnet_output_data(b->t, 0), &goal, 1,
		 mea_tnet_output_grad(b->t, 0));
	rc = mea_tnet_backward(b->t);
	if (rc)
		return rc;
	mea_sgd_step(b->p, &sgd);
	return mea_tnet_refresh(b->t);
}

int main(int argc, char **argv)
{
	const char *net = argc > 1 ? argv[1] : "resnet32-b";
	bool bf16 = argc > 2 && !strcmp(argv[2], "bf16");
	struct bench b = {.batch = argc > 3 ? atoi(argv[3]) : 128};
	int steps = argc > 5 ? atoi(argv[5]) : 20, rc;
	static double wall[MAX], cpu[MAX];
	char profile[256];

	if (b.batch < 1 || steps < 1 || steps > MAX) {
		fprintf(stderr, "train_speed: BATCH from 1, STEPS from 1 to %d\n", MAX);
		return 2;
	}
	omp_set_num_threads(argc > 4 ? atoi(argv[4]) : 2);
	rc = set_up(&b, net, bf16);
	for (int i = -WARM; i < steps && !rc; i++) {
		double w = seconds(CLOCK_MONOTONIC), c = seconds(CLOCK_PROCESS_CPUTIME_ID);

		rc = step(&b);
		if (i < 0)
			continue;
		wall[i] = seconds(CLOCK_MONOTONIC) - w;
		cpu[i] = seconds(CLOCK_PROCESS_CPUTIME_ID) - c;
	}
	if (rc) {
		fprintf(stderr, "train_speed: %s\n", mea_errmsg());
		return 1;
	}
	mea_tnet_profile(b.t, profile, sizeof(profile));
	printf("%.0f %.0f images/s (wall, CPU); %s %s, batch %d, %d threads, %s, %.0f MB; %s\n",
	       b.batch / median(wall, steps), b.batch / median(cpu, steps), net,
	       bf16 ? "bf16" : "f32", b.batch, omp_get_max_threads(), mea_dnnl_isa(),
	       (double)mea_tnet_bytes(b.t) / 1e6, profile);
	mea_tnet_free(b.t);
	mea_params_free(b.p);
	mea_graph_free(b.g);
	free(b.image);
	free(b.target);
	return 0;
}
