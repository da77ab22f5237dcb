/* SPDX-License-Identifier: Apache-2.0 */
/* Networks that others measure too, with random weights. */
#ifndef MEA_TEST_KNOWN_NET_H
#define MEA_TEST_KNOWN_NET_H

#include "graph/qnet.h"

#define TINY_NETS    4
#define MOBILE_NETS  4
#define CONTROL_NETS 1

struct known_net {
	const char *key, *name;
	struct mea_qnet *(*make)(void);
};

/* MLPerf Tiny, closed division: image classification (ResNet8, 32x32x3), visual wake words
 * (MobileNetV1 0.25, 96x96x3), keyword spotting (DS-CNN, 49x10x1), anomaly detection (autoencoder,
 * 640 values). */
extern const struct known_net tiny_nets[TINY_NETS];

/* Networks of control loops: the policy of the Fermilab Booster's study, 6 values in and 25 out. */
extern const struct known_net control_nets[CONTROL_NETS];

/* Networks of torchvision for phones at 224 x 224, whose activations are tables, or whose
 * convolutions are in groups, or whose channels are shuffled. */
extern const struct known_net mobile_nets[MOBILE_NETS];

#endif
