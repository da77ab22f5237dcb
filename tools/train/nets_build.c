// SPDX-License-Identifier: Apache-2.0
#include "train/nets_build.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "train/rng.h"

#define PURPOSE_INIT 1

int net_node(struct build *b, enum mea_op op, const char *name, const int *in, int n,
	     const struct mea_attrs *a)
{
	char text[80];
	int v;

	if (b->rc)
		return -1;
	snprintf(text, sizeof(text), "%s%s", b->prefix, name);
	v = mea_graph_append(b->g, op, text, in, n, a);
	if (v < 0)
		b->rc = v;
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
		b->rc = mea_nomem();
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

int net_channels(const struct build *b, int v)
{
	return b->rc ? 1 : (int)b->g->values[v].shape.dim[1];
}

int net_conv(struct build *b, const char *name, int x, int oc, int k, int stride)
{
	return net_conv_groups(b, name, x, oc, k, stride, 1);
}

int net_conv_groups(struct build *b, const char *name, int x, int oc, int k, int stride, int groups)
{
	struct mea_attrs a = mea_attrs_default(MEA_OP_Conv);
	struct mea_shape s = {4, {oc, net_channels(b, x) / groups, k, k}};
	char text[32];
	int in[2] = {x};

	a.group = groups;
	a.kernel[0] = a.kernel[1] = k;
	a.stride[0] = a.stride[1] = stride;
	for (int i = 0; i < 4; i++)
		a.pad[i] = k / 2;
	snprintf(text, sizeof(text), "%s.weight", name);
	in[1] = constant(b, text, s, 0, sqrt(2.0 * groups / (oc * k * k)));
	return net_node(b, MEA_OP_Conv, name, in, 2, &a);
}

int net_norm(struct build *b, const char *name, int x)
{
	static const char *const names[] = {"weight", "bias", "mean", "var"};
	struct mea_shape s = {1, {net_channels(b, x)}};
	int in[5] = {x};

	for (int i = 0; i < 4; i++) {
		char text[32];

		snprintf(text, sizeof(text), "%s.%s", name, names[i]);
		in[i + 1] = constant(b, text, s, i == 0 || i == 3 ? 1 : 0, 0);
	}
	return net_node(b, MEA_OP_BatchNormalization, name, in, 5, NULL);
}

int net_relu(struct build *b, const char *name, int x)
{
	return net_node(b, MEA_OP_Relu, name, &x, 1, NULL);
}

int net_conv_norm_relu(struct build *b, const char *name, int x, int oc)
{
	char text[32];

	x = net_conv(b, name, x, oc, 3, 1);
	snprintf(text, sizeof(text), "%s.norm", name);
	x = net_norm(b, text, x);
	snprintf(text, sizeof(text), "%s.relu", name);
	return net_relu(b, text, x);
}

int net_block(struct build *b, int x, int oc, int stride)
{
	int y = net_relu(b, "relu1", net_norm(b, "norm1", net_conv(b, "conv1", x, oc, 3, stride)));

	y = net_norm(b, "norm2", net_conv(b, "conv2", y, oc, 3, 1));
	if (stride != 1 || net_channels(b, x) != oc)
		x = net_norm(b, "short.norm", net_conv(b, "short", x, oc, 1, stride));
	return net_relu(b, "relu2", net_node(b, MEA_OP_Add, "add", (int[]){y, x}, 2, NULL));
}

int net_group(struct build *b, const char *name, int x, int oc, int stride, int n)
{
	for (int i = 0; i < n; i++) {
		snprintf(b->prefix, sizeof(b->prefix), "%s.%d.", name, i);
		x = net_block(b, x, oc, i ? 1 : stride);
	}
	b->prefix[0] = 0;
	return x;
}

int net_linear(struct build *b, const char *name, const char *out, int x, int m)
{
	struct mea_attrs a = mea_attrs_default(MEA_OP_Gemm);
	int in[3], flat = net_node(b, MEA_OP_Flatten, "flat", &x, 1, NULL);
	int k = net_channels(b, flat);
	char text[32];

	a.trans_b = true;
	in[0] = flat;
	snprintf(text, sizeof(text), "%s.weight", name);
	in[1] = constant(b, text, (struct mea_shape){2, {m, k}}, 0, sqrt(1.0 / (3.0 * k)));
	snprintf(text, sizeof(text), "%s.bias", name);
	in[2] = constant(b, text, (struct mea_shape){1, {m}}, 0, 0);
	return net_node(b, MEA_OP_Gemm, out, in, 3, &a);
}

int net_pool(struct build *b, enum mea_op op, const char *name, int x, int k)
{
	struct mea_attrs a = mea_attrs_default(op);

	a.kernel[0] = a.kernel[1] = a.stride[0] = a.stride[1] = k;
	return net_node(b, op, name, &x, 1, &a);
}

int net_input(struct build *b, const char *name, int c, int h, int w)
{
	struct mea_shape s = {4, {1, c, h, w}};
	int v = b->rc ? -1 : mea_graph_add_input(b->g, name, MEA_F32, &s);

	if (v < 0)
		b->rc = b->rc ? b->rc : v;
	else
		b->g->values[v].dynamic = true;
	return v;
}

void net_output(struct build *b, int v)
{
	if (!b->rc)
		b->rc = mea_graph_add_output(b->g, v);
}

int net_start(struct build *b, const char *name, const struct mea_net_task *task)
{
	*b = (struct build){.task = task};
	return b->rc = mea_graph_new(name, &b->g);
}

int net_finish(struct build *b, struct mea_graph **out)
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
