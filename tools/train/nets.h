/* SPDX-License-Identifier: Apache-2.0 */
/* The networks that training starts from: graphs with random weights. */
#ifndef MEA_TRAIN_NETS_H
#define MEA_TRAIN_NETS_H

#include "graph/graph.h"

struct mea_net_task {
	int width, height;
	int classes;	  /* outputs of main or of the cloud's network */
	int hard;	  /* outputs of the extension */
	bool concat;	  /* the extension joins features by concatenation instead of sum */
	bool no_adaptive; /* control: the extension sees main's features alone */
	uint64_t seed;
};

/*
 * main of a MEANet: image -> logits, features. Names are resnetN-a and resnetN-b, N =
 * 6 n + 2 (He et al., CVPR 2016, section 4.2), split as in Long et al., ICDCS 2021,
 * figure 4; resnet18-b and mobilenetv2-b, which are of ImageNet's shape; the latter lets its
 * first two strides out on images below 64 x 64, whose last map would else be one pixel.
 * MEA_ENOENT for another name.
 */
int mea_net_main(const char *name, const struct mea_net_task *task, struct mea_graph **out);

/* The adaptive and extension blocks to main of that name: image, features -> logits over
 * the hard classes. */
int mea_net_extension(const char *name, const struct mea_net_task *task, struct mea_graph **out);

/*
 * A network for the cloud: image -> logits. resnet9 (eight convolutions of 64 to 512
 * channels, two residual pairs) and resnetN.
 */
int mea_net_cloud(const char *name, const struct mea_net_task *task, struct mea_graph **out);

#endif
