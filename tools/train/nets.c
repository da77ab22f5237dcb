// SPDX-License-Identifier: Apache-2.0
/* ResNets for small images, and the registry of names. */
#include "train/nets.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "train/nets_build.h"

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
	return net_conv_norm_relu(b, "stem",
				  net_input(b, "image", 3, b->task->height, b->task->width), 16);
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
	int rc = net_imagenet_main(name, task, out), x, logits;

	if (rc != MEA_ENOENT)
		return rc;
	rc = named_split(name, &f);
	if (!rc)
		rc = net_start(&b, name, task);
	if (rc)
		return rc;
	x = net_group(&b, "group1", stem(&b), 16, 1, f.blocks);
	x = net_group(&b, "group2", x, 32, 2, f.blocks);
	if (f.model == 'a') {
		logits = net_linear(&b, "exit", "logits",
				    net_pool(&b, MEA_OP_AveragePool, "pool", x, 3), task->classes);
	} else {
		x = net_group(&b, "group3", x, 64, 2, f.blocks);
		logits = net_linear(&b, "exit", "logits",
				    net_node(&b, MEA_OP_GlobalAveragePool, "pool", &x, 1, NULL),
				    task->classes);
	}
	net_output(&b, logits);
	net_output(&b, x);
	return net_finish(&b, out);
}

int mea_net_extension(const char *name, const struct mea_net_task *task, struct mea_graph **out)
{
	struct family f;
	struct build b;
	int rc = net_imagenet_extension(name, task, out), x, features;
	int h = (task->height + 1) / 2, w = (task->width + 1) / 2;

	if (rc != MEA_ENOENT)
		return rc;
	rc = named_split(name, &f);
	if (!rc)
		rc = net_start(&b, name, task);
	if (rc)
		return rc;
	x = net_group(&b, "adaptive1", stem(&b), 16, 1, 1);
	x = net_group(&b, "adaptive2", x, 32, 2, 1);
	if (f.model == 'b') {
		x = net_group(&b, "adaptive3", x, 64, 2, 1);
		features = net_input(&b, "features", 64, (h + 1) / 2, (w + 1) / 2);
	} else {
		features = net_input(&b, "features", 32, h, w);
	}
	if (task->no_adaptive)
		x = features;
	else
		x = net_node(&b, task->concat ? MEA_OP_Concat : MEA_OP_Add, "join",
			     (int[]){features, x}, 2,
			     &(struct mea_attrs){.axis = 1, .dilation = {1, 1}});
	x = net_group(&b, "extension", x, 64, f.model == 'a' ? 2 : 1,
		      f.model == 'a' ? f.blocks : 4);
	x = net_node(&b, MEA_OP_GlobalAveragePool, "pool", &x, 1, NULL);
	net_output(&b, net_linear(&b, "exit", "logits", x, task->hard));
	if (!b.rc)
		b.rc = mea_graph_prune(b.g);
	return net_finish(&b, out);
}

/* --- the cloud ----------------------------------------------------------------------- */

static int residual_pair(struct build *b, const char *first, const char *second, const char *sum,
			 int x)
{
	int y = net_conv_norm_relu(b, second, net_conv_norm_relu(b, first, x, net_channels(b, x)),
				   net_channels(b, x));

	return net_node(b, MEA_OP_Add, sum, (int[]){x, y}, 2, NULL);
}

static int resnet9(struct build *b)
{
	int x = net_conv_norm_relu(b, "stem",
				   net_input(b, "image", 3, b->task->height, b->task->width), 64);

	x = net_pool(b, MEA_OP_MaxPool, "pool1", net_conv_norm_relu(b, "conv1", x, 128), 2);
	x = residual_pair(b, "pair1.a", "pair1.b", "pair1", x);
	x = net_pool(b, MEA_OP_MaxPool, "pool2", net_conv_norm_relu(b, "conv2", x, 256), 2);
	x = net_pool(b, MEA_OP_MaxPool, "pool3", net_conv_norm_relu(b, "conv3", x, 512), 2);
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
		rc = net_start(&b, name, task);
	if (rc)
		return rc;
	if (!f.blocks) {
		x = resnet9(&b);
	} else {
		x = net_group(&b, "group1", stem(&b), 16, 1, f.blocks);
		x = net_group(&b, "group2", x, 32, 2, f.blocks);
		x = net_group(&b, "group3", x, 64, 2, f.blocks);
	}
	x = net_node(&b, f.blocks ? MEA_OP_GlobalAveragePool : MEA_OP_GlobalMaxPool, "pool", &x, 1,
		     NULL);
	net_output(&b, net_linear(&b, "exit", "logits", x, task->classes));
	return net_finish(&b, out);
}
