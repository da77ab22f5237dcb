// SPDX-License-Identifier: Apache-2.0
#include "train/nets.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "error.h"
#include "train/rng.h"

#define PURPOSE_INIT 1

/* A graph under construction; after the first failure every call does nothing. */
struct build {
	struct mea_graph *g;
	const struct mea_net_task *task;
	int rc;
	char prefix[48];
};

/* --- pieces ---------------------------------------------------------------------- */

static int value(struct build *b, const char *name)
{
	char text[80];
	struct mea_shape none = {0};
	int v = -1;

	if (b->rc)
		return -1;
	snprintf(text, sizeof(text), "%s%s", b->prefix, name);
	v = mea_graph_add_value(b->g, text, MEA_F32, &none);
	if (v < 0)
		b->rc = v;
	return v;
}

static int node(struct build *b, enum mea_op op, const char *name, const int *in, int n,
		const struct mea_attrs *a)
{
	int v = value(b, name), at;

	if (b->rc)
		return -1;
	at = mea_graph_add_node(b->g, op, b->g->values[v].name, in, n, v, a);
	if (at >= 0) {
		struct mea_value *out = &b->g->values[v];

		b->rc = mea_node_infer(b->g, &b->g->nodes[at], &out->type, &out->shape);
	} else {
		b->rc = at;
	}
	return v;
}

/* A constant of normal numbers around mean; sd 0: all of them mean. */
static int constant(struct build *b, const char *name, struct mea_shape s, double mean, double sd)
{
	size_t n = mea_shape_count(&s);
	struct mea_rng r;
	uint64_t where = 0;
	char text[80];
	float *data;
	int v;

	if (b->rc)
		return -1;
	snprintf(text, sizeof(text), "%s%s", b->prefix, name);
	for (const char *c = text; *c; c++)
		where = where * 131 + (unsigned char)*c;
	r = mea_rng_at(b->task->seed, PURPOSE_INIT, where, 0);
	data = malloc(n * sizeof(*data));
	if (!data) {
		b->rc = mea_fail(MEA_ENOMEM, "out of memory");
		return -1;
	}
	for (size_t i = 0; i < n; i++)
		data[i] = (float)(sd != 0 ? mean + sd * mea_rng_normal(&r) : mean);
	v = mea_graph_add_const(b->g, text, MEA_F32, &s, data);
	free(data);
	if (v < 0)
		b->rc = v;
	return v;
}

static int channels(const struct build *b, int v)
{
	return b->rc ? 1 : (int)b->g->values[v].shape.dim[1];
}

/* Weights normal with variance 2 / (outputs x taps) (He et al., ICCV 2015). */
static int conv(struct build *b, const char *name, int x, int oc, int k, int stride)
{
	struct mea_attrs a = mea_attrs_default(MEA_OP_Conv);
	struct mea_shape s = {4, {oc, channels(b, x), k, k}};
	char text[32];
	int in[2] = {x};

	a.kernel[0] = a.kernel[1] = k;
	a.stride[0] = a.stride[1] = stride;
	for (int i = 0; i < 4; i++)
		a.pad[i] = k / 2;
	snprintf(text, sizeof(text), "%s.weight", name);
	in[1] = constant(b, text, s, 0, sqrt(2.0 / (oc * k * k)));
	return node(b, MEA_OP_Conv, name, in, 2, &a);
}

static int norm(struct build *b, const char *name, int x)
{
	static const char *const names[] = {"weight", "bias", "mean", "var"};
	struct mea_shape s = {1, {channels(b, x)}};
	int in[5] = {x};

	for (int i = 0; i < 4; i++) {
		char text[32];

		snprintf(text, sizeof(text), "%s.%s", name, names[i]);
		in[i + 1] = constant(b, text, s, i == 0 || i == 3 ? 1 : 0, 0);
	}
	return node(b, MEA_OP_BatchNormalization, name, in, 5, NULL);
}

static int relu(struct build *b, const char *name, int x)
{
	return node(b, MEA_OP_Relu, name, &x, 1, NULL);
}

static int conv_norm_relu(struct build *b, const char *name, int x, int oc)
{
	char text[32];

	x = conv(b, name, x, oc, 3, 1);
	snprintf(text, sizeof(text), "%s.norm", name);
	x = norm(b, text, x);
	snprintf(text, sizeof(text), "%s.relu", name);
	return relu(b, text, x);
}

/* Two convolutions and a shortcut, which is a 1x1 convolution where shapes change. */
static int block(struct build *b, int x, int oc, int stride)
{
	int y = relu(b, "relu1", norm(b, "norm1", conv(b, "conv1", x, oc, 3, stride)));

	y = norm(b, "norm2", conv(b, "conv2", y, oc, 3, 1));
	if (stride != 1 || channels(b, x) != oc)
		x = norm(b, "short.norm", conv(b, "short", x, oc, 1, stride));
	return relu(b, "relu2", node(b, MEA_OP_Add, "add", (int[]){y, x}, 2, NULL));
}

static int group(struct build *b, const char *name, int x, int oc, int stride, int n)
{
	for (int i = 0; i < n; i++) {
		snprintf(b->prefix, sizeof(b->prefix), "%s.%d.", name, i);
		x = block(b, x, oc, i ? 1 : stride);
	}
	b->prefix[0] = 0;
	return x;
}

static int linear(struct build *b, const char *name, const char *out, int x, int m)
{
	struct mea_attrs a = mea_attrs_default(MEA_OP_Gemm);
	int in[3], flat = node(b, MEA_OP_Flatten, "flat", &x, 1, NULL);
	int k = channels(b, flat);
	char text[32];

	a.trans_b = true;
	in[0] = flat;
	snprintf(text, sizeof(text), "%s.weight", name);
	in[1] = constant(b, text, (struct mea_shape){2, {m, k}}, 0, sqrt(1.0 / (3.0 * k)));
	snprintf(text, sizeof(text), "%s.bias", name);
	in[2] = constant(b, text, (struct mea_shape){1, {m}}, 0, 0);
	return node(b, MEA_OP_Gemm, out, in, 3, &a);
}

static int pool(struct build *b, enum mea_op op, const char *name, int x, int k)
{
	struct mea_attrs a = mea_attrs_default(op);

	a.kernel[0] = a.kernel[1] = a.stride[0] = a.stride[1] = k;
	return node(b, op, name, &x, 1, &a);
}

static int input(struct build *b, const char *name, int c, int h, int w)
{
	struct mea_shape s = {4, {1, c, h, w}};
	int v = b->rc ? -1 : mea_graph_add_input(b->g, name, MEA_F32, &s);

	if (v < 0)
		b->rc = b->rc ? b->rc : v;
	else
		b->g->values[v].dynamic = true;
	return v;
}

static void output(struct build *b, int v)
{
	if (!b->rc)
		b->rc = mea_graph_add_output(b->g, v);
}

static int start(struct build *b, const char *name, const struct mea_net_task *task)
{
	*b = (struct build){.task = task};
	return b->rc = mea_graph_new(name, &b->g);
}

static int finish(struct build *b, struct mea_graph **out)
{
	if (!b->rc)
		b->rc = mea_graph_sort(b->g);
	if (!b->rc)
		b->rc = mea_graph_infer(b->g, 0);
	if (b->rc) {
		mea_graph_free(b->g);
		return b->rc;
	}
	*out = b->g;
	return 0;
}

/* --- ResNets ----------------------------------------------------------------------- */

/* "resnet32-a" is {5, 'a'}, "resnet56" {9, 0}. */
struct family {
	int blocks;
	char model;
};

static int parse(const char *name, struct family *f)
{
	char *end;
	long n;

	if (strncmp(name, "resnet", 6) || name[6] < '1' || name[6] > '9')
		return mea_fail(MEA_ENOENT, "%s: no network of that name", name);
	n = strtol(name + 6, &end, 10);
	if (n < 8 || n > 1202 || (n - 2) % 6)
		return mea_fail(MEA_ENOENT, "%s: ResNets have 6 n + 2 layers, 8 to 1202", name);
	*f = (struct family){(int)(n - 2) / 6, 0};
	if (!strcmp(end, "-a") || !strcmp(end, "-b"))
		f->model = end[1];
	else if (*end)
		return mea_fail(MEA_ENOENT, "%s: a ResNet's name ends in -a or -b, or there", name);
	return 0;
}

static int stem(struct build *b)
{
	return conv_norm_relu(b, "stem", input(b, "image", 3, b->task->height, b->task->width), 16);
}

static int named_split(const char *name, struct family *f)
{
	int rc = parse(name, f);

	if (!rc && !f->model)
		rc = mea_fail(MEA_ENOENT, "%s: a MEANet is %s-a or %s-b", name, name, name);
	return rc;
}

int mea_net_main(const char *name, const struct mea_net_task *task, struct mea_graph **out)
{
	struct family f;
	struct build b;
	int rc = named_split(name, &f), x, logits;

	if (!rc)
		rc = start(&b, name, task);
	if (rc)
		return rc;
	x = group(&b, "group1", stem(&b), 16, 1, f.blocks);
	x = group(&b, "group2", x, 32, 2, f.blocks);
	if (f.model == 'a') {
		logits = linear(&b, "exit", "logits", pool(&b, MEA_OP_AveragePool, "pool", x, 3),
				task->classes);
	} else {
		x = group(&b, "group3", x, 64, 2, f.blocks);
		logits = linear(&b, "exit", "logits",
				node(&b, MEA_OP_GlobalAveragePool, "pool", &x, 1, NULL),
				task->classes);
	}
	output(&b, logits);
	output(&b, x);
	return finish(&b, out);
}

int mea_net_extension(const char *name, const struct mea_net_task *task, struct mea_graph **out)
{
	struct family f;
	struct build b;
	int rc = named_split(name, &f), x, features, h = (task->height + 1) / 2,
	    w = (task->width + 1) / 2;

	if (!rc)
		rc = start(&b, name, task);
	if (rc)
		return rc;
	x = group(&b, "adaptive1", stem(&b), 16, 1, 1);
	x = group(&b, "adaptive2", x, 32, 2, 1);
	if (f.model == 'b') {
		x = group(&b, "adaptive3", x, 64, 2, 1);
		features = input(&b, "features", 64, (h + 1) / 2, (w + 1) / 2);
	} else {
		features = input(&b, "features", 32, h, w);
	}
	if (task->no_adaptive)
		x = features;
	else
		x = node(&b, task->concat ? MEA_OP_Concat : MEA_OP_Add, "join",
			 (int[]){features, x}, 2,
			 &(struct mea_attrs){.axis = 1, .dilation = {1, 1}});
	x = group(&b, "extension", x, 64, f.model == 'a' ? 2 : 1, f.model == 'a' ? f.blocks : 4);
	x = node(&b, MEA_OP_GlobalAveragePool, "pool", &x, 1, NULL);
	output(&b, linear(&b, "exit", "logits", x, task->hard));
	if (!b.rc)
		b.rc = mea_graph_prune(b.g);
	return finish(&b, out);
}

/* --- the cloud ----------------------------------------------------------------------- */

static int residual_pair(struct build *b, const char *first, const char *second, const char *sum,
			 int x)
{
	int y = conv_norm_relu(b, second, conv_norm_relu(b, first, x, channels(b, x)),
			       channels(b, x));

	return node(b, MEA_OP_Add, sum, (int[]){x, y}, 2, NULL);
}

static int resnet9(struct build *b)
{
	int x = conv_norm_relu(b, "stem", input(b, "image", 3, b->task->height, b->task->width),
			       64);

	x = pool(b, MEA_OP_MaxPool, "pool1", conv_norm_relu(b, "conv1", x, 128), 2);
	x = residual_pair(b, "pair1.a", "pair1.b", "pair1", x);
	x = pool(b, MEA_OP_MaxPool, "pool2", conv_norm_relu(b, "conv2", x, 256), 2);
	x = pool(b, MEA_OP_MaxPool, "pool3", conv_norm_relu(b, "conv3", x, 512), 2);
	return residual_pair(b, "pair3.a", "pair3.b", "pair3", x);
}

int mea_net_cloud(const char *name, const struct mea_net_task *task, struct mea_graph **out)
{
	struct family f = {0};
	struct build b;
	int rc = strcmp(name, "resnet9") ? parse(name, &f) : 0, x;

	if (!rc && f.model)
		rc = mea_fail(MEA_ENOENT, "%s: a split network; the cloud's is whole", name);
	if (!rc)
		rc = start(&b, name, task);
	if (rc)
		return rc;
	if (!f.blocks) {
		x = resnet9(&b);
	} else {
		x = group(&b, "group1", stem(&b), 16, 1, f.blocks);
		x = group(&b, "group2", x, 32, 2, f.blocks);
		x = group(&b, "group3", x, 64, 2, f.blocks);
	}
	x = node(&b, f.blocks ? MEA_OP_GlobalAveragePool : MEA_OP_GlobalMaxPool, "pool", &x, 1,
		 NULL);
	output(&b, linear(&b, "exit", "logits", x, task->classes));
	return finish(&b, out);
}
