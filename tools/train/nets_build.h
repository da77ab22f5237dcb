/* SPDX-License-Identifier: Apache-2.0 */
/* The pieces that nets*.c build networks of. Each returns the value that it computes;
 * the names of nodes and constants are those of the call behind the prefix. */
#ifndef MEA_TRAIN_NETS_BUILD_H
#define MEA_TRAIN_NETS_BUILD_H

#include "train/nets.h"

/* A graph under construction; after the first failure every call does nothing. */
struct build {
	struct mea_graph *g;
	const struct mea_net_task *task;
	int rc;
	char prefix[48];
};

int net_node(struct build *b, enum mea_op op, const char *name, const int *in, int n,
	     const struct mea_attrs *a);
int net_channels(const struct build *b, int v);

/* k x k, padded so that stride 1 keeps the size; without bias. Weights are normal with
 * variance 2 / (outputs of a group x taps) (He et al., ICCV 2015). */
int net_conv(struct build *b, const char *name, int x, int oc, int k, int stride);
int net_conv_groups(struct build *b, const char *name, int x, int oc, int k, int stride,
		    int groups);
/* Batch norm that does nothing yet. */
int net_norm(struct build *b, const char *name, int x);
int net_relu(struct build *b, const char *name, int x);
/* 3x3, stride 1. */
int net_conv_norm_relu(struct build *b, const char *name, int x, int oc);
/* Two convolutions and a shortcut, which is a 1x1 convolution where shapes change. */
int net_block(struct build *b, int x, int oc, int stride);
/* n such blocks, of which the first has the stride. */
int net_group(struct build *b, const char *name, int x, int oc, int stride, int n);
/* Flatten and Gemm to m outputs, the value out. */
int net_linear(struct build *b, const char *name, const char *out, int x, int m);
/* k x k windows side by side. */
int net_pool(struct build *b, enum mea_op op, const char *name, int x, int k);
int net_input(struct build *b, const char *name, int c, int h, int w);
void net_output(struct build *b, int v);

/* The first and the last call; finish gives the graph or the first error. */
int net_start(struct build *b, const char *name, const struct mea_net_task *task);
int net_finish(struct build *b, struct mea_graph **out);

/* nets_imagenet.c: as mea_net_main() and mea_net_extension(); MEA_ENOENT for a name
 * that is not theirs. */
int net_imagenet_main(const char *name, const struct mea_net_task *task, struct mea_graph **out);
int net_imagenet_extension(const char *name, const struct mea_net_task *task,
			   struct mea_graph **out);

#endif
