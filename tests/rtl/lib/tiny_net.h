/* SPDX-License-Identifier: Apache-2.0 */
/* The four reference networks of MLPerf Tiny, closed division, with random weights. */
#ifndef MEA_TEST_TINY_NET_H
#define MEA_TEST_TINY_NET_H

#include "graph/qnet.h"

#define TINY_NETS 4

struct tiny_net {
	const char *key, *name;
	struct mea_qnet *(*make)(void);
};

/* Image classification (ResNet8, 32x32x3), visual wake words (MobileNetV1 0.25, 96x96x3), keyword
 * spotting (DS-CNN, 49x10x1), anomaly detection (autoencoder, 640 values). */
extern const struct tiny_net tiny_nets[TINY_NETS];

#endif
