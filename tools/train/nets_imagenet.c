// SPDX-License-Identifier: Apache-2.0
/*
 * Main, adaptive and extension blocks in the shapes of ImageNet: ResNet18 (He et al.,
 * CVPR 2016, table 1) and MobileNetV2 (Sandler et al., CVPR 2018, table 2), model B of
 * Long et al., ICDCS 2021. Features are the last maps of 512 and of 320 channels; the
 * adaptive block of MobileNetV2 is the same list of stages without expansion.
 */
#include "train/nets_build.h"

#include <stdio.h>
#include <string.h>

#include "base/error.h"

/* Images below this side go through MobileNetV2 with two strides less. */
#define SMALL_SIDE 64

static int image(struct build *b)
{
	return net_input(b, "image", 3, b->task->height, b->task->width);
}

static int halved(int n, int times)
{
	while (times--)
		n = (n + 1) / 2;
	return n;
}

static int join(struct build *b, int features, int x)
{
	return net_node(b, b->task->concat ? MEA_OP_Concat : MEA_OP_Add, "join",
			(int[]){features, x}, 2,
			&(struct mea_attrs){.axis = 1, .dilation = {1, 1}});
}

static int exit_of(struct build *b, int x, int outputs)
{
	return net_linear(b, "exit", "logits",
			  net_node(b, MEA_OP_GlobalAveragePool, "pool", &x, 1, NULL), outputs);
}

/* --- ResNet18 ---------------------------------------------------------------------- */

static int resnet_stem(struct build *b)
{
	struct mea_attrs a = mea_attrs_default(MEA_OP_MaxPool);
	int x = net_conv(b, "stem", image(b), 64, 7, 2);

	x = net_relu(b, "stem.relu", net_norm(b, "stem.norm", x));
	a.kernel[0] = a.kernel[1] = 3;
	a.stride[0] = a.stride[1] = 2;
	for (int i = 0; i < 4; i++)
		a.pad[i] = 1;
	return net_node(b, MEA_OP_MaxPool, "stem.pool", &x, 1, &a);
}

static void resnet_main(struct build *b)
{
	int x = net_group(b, "group1", resnet_stem(b), 64, 1, 2);

	x = net_group(b, "group2", x, 128, 2, 2);
	x = net_group(b, "group3", x, 256, 2, 2);
	x = net_group(b, "group4", x, 512, 2, 2);
	net_output(b, exit_of(b, x, b->task->classes));
	net_output(b, x);
}

static void resnet_extension(struct build *b)
{
	int x = net_group(b, "adaptive1", resnet_stem(b), 64, 1, 1);
	int features = net_input(b, "features", 512, halved(b->task->height, 5),
				 halved(b->task->width, 5));

	x = net_group(b, "adaptive2", x, 128, 2, 1);
	x = net_group(b, "adaptive3", x, 256, 2, 1);
	x = net_group(b, "adaptive4", x, 512, 2, 1);
	x = b->task->no_adaptive ? features : join(b, features, x);
	net_output(b, exit_of(b, net_group(b, "extension", x, 512, 1, 4), b->task->hard));
}

/* --- MobileNetV2 --------------------------------------------------------------------- */

static int relu6(struct build *b, const char *name, int x)
{
	char text[96];
	float bound[2] = {0, 6};
	int in[3] = {x};

	for (int i = 0; i < 2 && !b->rc; i++) {
		snprintf(text, sizeof(text), "%s%s.%s", b->prefix, name, i ? "max" : "min");
		in[i + 1] =
			mea_graph_add_const(b->g, text, MEA_F32, &(struct mea_shape){0}, &bound[i]);
		if (in[i + 1] < 0)
			b->rc = in[i + 1];
	}
	return net_node(b, MEA_OP_Clip, name, in, 3, NULL);
}

static int conv_norm6(struct build *b, const char *name, int x, int oc, int k, int stride,
		      int groups)
{
	char text[2][32];

	snprintf(text[0], sizeof(text[0]), "%s.norm", name);
	snprintf(text[1], sizeof(text[1]), "%s.relu6", name);
	x = net_conv_groups(b, name, x, oc, k, stride, groups);
	return relu6(b, text[1], net_norm(b, text[0], x));
}

static int inverted_residual(struct build *b, int x, int oc, int stride, int expansion)
{
	int ic = net_channels(b, x), c = ic * expansion, y = x;

	if (expansion != 1)
		y = conv_norm6(b, "expand", y, c, 1, 1, 1);
	y = conv_norm6(b, "depthwise", y, c, 3, stride, c);
	y = net_norm(b, "project.norm", net_conv(b, "project", y, oc, 1, 1));
	return stride == 1 && ic == oc ? net_node(b, MEA_OP_Add, "add", (int[]){y, x}, 2, NULL) : y;
}

/* Stem and the seven stages; expansion 0 means that of the paper. */
static int mobile_stages(struct build *b, const char *name, int expansion)
{
	static const struct {
		int expansion, channels, blocks, stride;
	} stage[] = {{1, 16, 1, 1}, {6, 24, 2, 2},  {6, 32, 3, 2}, {6, 64, 4, 2},
		     {6, 96, 3, 1}, {6, 160, 3, 2}, {6, 320, 1, 1}};
	bool small = b->task->height < SMALL_SIDE && b->task->width < SMALL_SIDE;
	int x = conv_norm6(b, "stem", image(b), 32, 3, small ? 1 : 2, 1);

	for (int s = 0; s < 7; s++)
		for (int i = 0; i < stage[s].blocks; i++) {
			int stride = i || (small && s == 1) ? 1 : stage[s].stride;

			snprintf(b->prefix, sizeof(b->prefix), "%s%d.%d.", name, s + 1, i);
			x = inverted_residual(b, x, stage[s].channels, stride,
					      expansion ? expansion : stage[s].expansion);
		}
	b->prefix[0] = 0;
	return x;
}

static int mobile_exit(struct build *b, int x, int outputs)
{
	return exit_of(b, conv_norm6(b, "last", x, 1280, 1, 1, 1), outputs);
}

static void mobile_main(struct build *b)
{
	int x = mobile_stages(b, "stage", 0);

	net_output(b, mobile_exit(b, x, b->task->classes));
	net_output(b, x);
}

static void mobile_extension(struct build *b)
{
	bool small = b->task->height < SMALL_SIDE && b->task->width < SMALL_SIDE;
	int x = mobile_stages(b, "adaptive", 1);
	int features = net_input(b, "features", 320, halved(b->task->height, small ? 3 : 5),
				 halved(b->task->width, small ? 3 : 5));

	x = b->task->no_adaptive ? features : join(b, features, x);
	snprintf(b->prefix, sizeof(b->prefix), "extension.0.");
	x = inverted_residual(b, x, 320, 1, 1);
	snprintf(b->prefix, sizeof(b->prefix), "extension.1.");
	x = inverted_residual(b, x, 320, 1, 3);
	b->prefix[0] = 0;
	net_output(b, mobile_exit(b, x, b->task->hard));
}

/* --- by name ------------------------------------------------------------------------- */

static int build(const char *name, bool extension, const struct mea_net_task *task,
		 struct mea_graph **out)
{
	static const struct {
		const char *name;
		void (*main)(struct build *b), (*extension)(struct build *b);
	} nets[] = {{"resnet18-b", resnet_main, resnet_extension},
		    {"mobilenetv2-b", mobile_main, mobile_extension}};

	for (int i = 0; i < 2; i++) {
		struct build b;
		int rc;

		if (strcmp(name, nets[i].name))
			continue;
		rc = net_start(&b, name, task);
		if (rc)
			return rc;
		(extension ? nets[i].extension : nets[i].main)(&b);
		if (!b.rc && extension)
			b.rc = mea_graph_prune(b.g);
		return net_finish(&b, out);
	}
	return MEA_ENOENT;
}

int net_imagenet_main(const char *name, const struct mea_net_task *task, struct mea_graph **out)
{
	return build(name, false, task, out);
}

int net_imagenet_extension(const char *name, const struct mea_net_task *task,
			   struct mea_graph **out)
{
	return build(name, true, task, out);
}
