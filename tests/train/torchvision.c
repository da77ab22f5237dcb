// SPDX-License-Identifier: Apache-2.0
/*
 * models/import-torchvision.py on checkpoints of torchvision's own networks with random weights:
 * its main.onnx answers what torchvision does. Prints TAP; skips without Debian's
 * python3-torchvision.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "graph/eval.h"
#include "mea.h"

#define SIZE "64"
#define FAR  1e-4 /* of the largest value: both compute in float32, in other orders */

static char dir[] = "/tmp/mea-torchvision-XXXXXX";
static int tests, failed;

static void ok(bool good, const char *net, const char *what)
{
	printf("%sok %d - %s: %s\n", good ? "" : "not ", ++tests, net, what);
	failed += !good;
}

/* A line for the shell, with $DIR and $NET. */
static int command(const char *line, const char *net)
{
	setenv("DIR", dir, 1);
	setenv("NET", net, 1);
	return system(line);
}

static float *read_floats(const char *net, const char *ending, size_t *n)
{
	char path[256];
	float *data = NULL;
	long bytes;
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s.%s", dir, net, ending);
	f = fopen(path, "rb");
	if (!f || fseek(f, 0, SEEK_END) || (bytes = ftell(f)) < 0 || fseek(f, 0, SEEK_SET)) {
		fprintf(stderr, "torchvision: %s\n", path);
		exit(1);
	}
	*n = (size_t)bytes / sizeof(*data);
	data = malloc((size_t)bytes + 1);
	if (!data || fread(data, sizeof(*data), *n, f) != *n) {
		fprintf(stderr, "torchvision: %s: cannot be read\n", path);
		exit(1);
	}
	fclose(f);
	return data;
}

/* The largest difference between the outputs of g and want over the largest value; -1 if their
 * sizes differ. */
static double distance(const struct mea_graph *g, struct mea_eval *e, const float *want, size_t n)
{
	double worst = 0, largest = 0;
	size_t at = 0;

	for (int i = 0; i < g->n_outputs; i++) {
		struct mea_tensor t = mea_eval_value(e, g->outputs[i]);
		size_t count = mea_shape_count(&t.shape);

		for (size_t k = 0; k < count && at < n; k++, at++) {
			worst = fmax(worst,
				     fabs((double)((const float *)t.data)[k] - (double)want[at]));
			largest = fmax(largest, fabs((double)want[at]));
		}
		if (at > n || (i == g->n_outputs - 1 && at != n))
			return -1;
	}
	return worst / largest;
}

static void compare(const char *net)
{
	size_t n_in, n_out;
	float *in = read_floats(net, "in", &n_in), *out = read_floats(net, "out", &n_out);
	struct mea_graph *g = NULL;
	struct mea_eval *e = NULL;
	char path[256];
	double far = -1;

	snprintf(path, sizeof(path), "%s/%s/main.onnx", dir, net);
	if (mea_graph_load(path, NULL, &g) || mea_eval_new(g, &e) ||
	    mea_eval_run(e, (const void *[]){in}))
		printf("# %s\n", mea_errmsg());
	else
		far = distance(g, e, out, n_out);
	printf("# %s: %zu inputs, %zu outputs, largest difference %.2g of the largest value\n", net,
	       n_in, n_out, far);
	ok(far >= 0 && far < FAR, net, "logits and features are torchvision's");
	mea_eval_free(e);
	mea_graph_free(g);
	free(in);
	free(out);
}

int main(void)
{
	static const char *const nets[] = {"resnet18", "mobilenet_v2"};

	if (system("/usr/bin/python3 -c 'import torchvision, onnx' 2>/dev/null")) {
		printf("ok 1 - torchvision's checkpoints # SKIP no python3-torchvision\n1..1\n");
		return 0;
	}
	if (!mkdtemp(dir) ||
	    command("/usr/bin/python3 tests/train/torchvision_ref.py $DIR " SIZE, "")) {
		printf("Bail out! torchvision_ref.py failed\n");
		return 1;
	}
	for (int i = 0; i < 2; i++) {
		bool made = !command("models/import-torchvision.py $NET $DIR/$NET.pth --size " SIZE
				     " --out $DIR/$NET >/dev/null",
				     nets[i]);

		ok(made, nets[i], "main.onnx is made");
		if (made)
			compare(nets[i]);
	}
	ok(!command("models/import-torchvision.py $NET $DIR/mobilenet_v2.pth --out $DIR/no 2>&1 | "
		    "grep -q 'mobilenet_v2.pth: has no fc.weight'",
		    nets[0]),
	   nets[0], "another network's checkpoint is refused by name");
	ok(!command("models/import-torchvision.py $NET $DIR/$NET.in --out $DIR/no 2>&1 | "
		    "grep -q 'resnet18.in: no checkpoint'",
		    nets[0]),
	   nets[0], "what is no checkpoint is refused by name");
	printf("1..%d\n", tests);
	if (!failed)
		command("rm -r $DIR", "");
	return failed > 0;
}
