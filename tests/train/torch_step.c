// SPDX-License-Identifier: Apache-2.0
/*
 * Whole training steps of ResNet32 A and B against PyTorch's: how far every parameter and running
 * statistic moved. torch_step.py is the other side. Prints TAP; skips without Debian's
 * python3-torch.
 *
 * In float32, Relus whose input is nearly 0 switch with rounding, in 31 layers one after the other,
 * so that PyTorch in float32 is about 3e-3 away from itself in float64. The reference is float64;
 * here may be 1e-4 away from it, or where PyTorch in float32 is farther, 1.5 times as far.
 */
#include <math.h>
#include <omp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "mea.h"
#include "train/loss.h"
#include "train/net.h"
#include "train/nets.h"
#include "train/rng.h"

#define BATCH	  16
#define CLASSES	  10
#define STEPS	  2
#define TOLERANCE 1e-4
#define SLACK	  1.5

static const struct mea_sgd sgd = {0.001f, 0.9f, 5e-4f};
static char dir[] = "/tmp/mea-torch-XXXXXX";
static int test;

static void ok(bool good, const char *what, const char *detail)
{
	printf("%sok %d - %s%s%s\n", good ? "" : "not ", ++test, what, *detail ? ": " : "", detail);
}

static FILE *open_file(const char *name, const char *end, const char *mode)
{
	char path[256];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s%s", dir, name, end);
	f = fopen(path, mode);
	if (!f) {
		printf("Bail out! %s cannot be opened\n", path);
		exit(1);
	}
	return f;
}

static void put(const char *name, const float *data, size_t n)
{
	FILE *f = open_file(name, ".f32", "wb");

	if (fwrite(data, sizeof(*data), n, f) != n)
		exit(1);
	fclose(f);
}

static void describe(const struct mea_graph *g, const struct mea_params *p)
{
	FILE *f = open_file("net", ".txt", "w");

	fprintf(f, "recipe %d %d %d %.9g %.9g %.9g\n", BATCH, CLASSES, STEPS, (double)sgd.rate,
		(double)sgd.momentum, (double)sgd.decay);
	for (int i = 0; i < p->n; i++) {
		const struct mea_value *v = &g->values[p->list[i].value];

		fprintf(f, "param %s %s", v->name, p->list[i].running ? "running" : "trained");
		for (int d = 0; d < v->shape.rank; d++)
			fprintf(f, " %d", (int)v->shape.dim[d]);
		fputc('\n', f);
		put(v->name, p->list[i].data, p->list[i].n);
	}
	for (int i = 0; i < g->n_nodes; i++) {
		const struct mea_node *n = &g->nodes[i];

		fprintf(f, "node %s %s %d", mea_op_name(n->op), g->values[n->out].name, n->n_in);
		for (int j = 0; j < n->n_in; j++)
			fprintf(f, " %s", g->values[n->in[j]].name);
		fprintf(f, " %d %d %d\n", (int)n->a.stride[0], (int)n->a.pad[0],
			(int)n->a.kernel[0]);
	}
	fprintf(f, "output %s\n", g->values[g->outputs[0]].name);
	fclose(f);
}

/* An image in NHWC for here, in NCHW for the other side. */
static float *image(void)
{
	float *here = malloc(BATCH * 3072 * sizeof(*here));
	float *there = malloc(BATCH * 3072 * sizeof(*there));
	struct mea_rng r = mea_rng_at(7, 0, 0, 0);

	for (int b = 0; b < BATCH; b++)
		for (int c = 0; c < 3; c++)
			for (int p = 0; p < 1024; p++) {
				float v = (float)mea_rng_normal(&r);

				there[(b * 3 + c) * 1024 + p] = v;
				here[(b * 1024 + p) * 3 + c] = v;
			}
	put("image", there, BATCH * 3072);
	free(there);
	return here;
}

static int train(struct mea_graph *g, struct mea_params *p, const float *x)
{
	struct mea_tnet_options o = {.batch = BATCH, .train = true, .output_grad = {true}};
	float target[BATCH * CLASSES] = {0};
	struct mea_goal goal = {.target = target};
	struct mea_tnet *t;
	int rc = mea_tnet_new(g, p, &o, &t);

	if (rc)
		return rc;
	for (int i = 0; i < BATCH; i++)
		target[i * CLASSES + i % CLASSES] = 1;
	mea_tnet_set_input(t, 0, x);
	for (int s = 0; s < STEPS && !rc; s++) {
		rc = mea_tnet_forward(t);
		mea_loss(BATCH, CLASSES, mea_tnet_output_data(t, 0), &goal, 1,
			 mea_tnet_output_grad(t, 0));
		if (!rc)
			rc = mea_tnet_backward(t);
		mea_sgd_step(p, &sgd);
		if (!rc)
			rc = mea_tnet_refresh(t);
	}
	mea_tnet_free(t);
	return rc;
}

/* Distance of both from the reference, over what the reference moved from before. */
struct distance {
	double ours, theirs;
};

static struct distance distance(const struct mea_param *q, const float *before)
{
	double ours = 0, theirs = 0, moved = 0;
	float *there = malloc(2 * q->n * sizeof(*there)), *low = there + q->n;
	FILE *f = open_file(q->name, ".torch64", "rb"), *g = open_file(q->name, ".torch32", "rb");

	if (fread(there, sizeof(*there), q->n, f) != q->n ||
	    fread(low, sizeof(*low), q->n, g) != q->n)
		exit(1);
	fclose(f);
	fclose(g);
	for (size_t j = 0; j < q->n; j++) {
		ours += pow((double)q->data[j] - (double)there[j], 2);
		theirs += pow((double)low[j] - (double)there[j], 2);
		moved += pow((double)there[j] - (double)before[j], 2);
	}
	free(there);
	return (struct distance){sqrt(ours / moved), sqrt(theirs / moved)};
}

static void compare(const struct mea_params *p, const float *start, const char *net)
{
	struct distance worst = {0, 0};
	const char *where = "";
	char text[200];

	for (int i = 0; i < p->n; i++) {
		const struct mea_param *q = &p->list[i];
		struct distance d = distance(q, start + (q->data - p->block));

		if (d.ours > worst.ours)
			where = q->name;
		worst.ours = fmax(worst.ours, d.ours);
		worst.theirs = fmax(worst.theirs, d.theirs);
	}
	snprintf(text, sizeof(text), "%s: %.2g from float64 at most (%s), PyTorch's float32 %.2g",
		 net, worst.ours, where, worst.theirs);
	ok(worst.ours <= fmax(TOLERANCE, SLACK * worst.theirs), "steps as PyTorch's", text);
}

static void one(const char *net)
{
	struct mea_net_task task = {.width = 32, .height = 32, .classes = CLASSES, .seed = 3};
	struct mea_params *p = NULL;
	struct mea_graph *g = NULL;
	char command[300];
	float *x, *start;
	int rc = mea_net_main(net, &task, &g);

	if (!rc)
		rc = mea_params_new(g, &p);
	if (rc) {
		ok(false, net, mea_errmsg());
		return;
	}
	x = image();
	describe(g, p);
	start = malloc(p->elements * sizeof(*start));
	memcpy(start, p->block, p->elements * sizeof(*start));
	snprintf(command, sizeof(command), "/usr/bin/python3 tests/train/torch_step.py %s >&2",
		 dir);
	rc = train(g, p, x);
	if (rc)
		ok(false, net, mea_errmsg());
	else if (system(command))
		ok(false, net, "torch_step.py failed");
	else
		compare(p, start, net);
	free(x);
	free(start);
	mea_params_free(p);
	mea_graph_free(g);
}

int main(void)
{
	char clean[64];

	if (system("/usr/bin/python3 -c 'import torch, numpy' 2>/dev/null")) {
		printf("ok 1 - steps as PyTorch's # SKIP no python3-torch\n1..1\n");
		return 0;
	}
	if (!mkdtemp(dir))
		return 1;
	omp_set_num_threads(1);
	one("resnet32-a");
	one("resnet32-b");
	printf("1..%d\n", test);
	snprintf(clean, sizeof(clean), "rm -r %s", dir);
	return system(clean) != 0;
}
