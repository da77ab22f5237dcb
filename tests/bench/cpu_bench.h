/* SPDX-License-Identifier: Apache-2.0 */
/* make bench-cpu: what its files share. */
#ifndef MEA_CPU_BENCH_H
#define MEA_CPU_BENCH_H

#include <stdbool.h>

#include "graph/qnet.h"

#define NETS_MAX 2

/* Networks that run one after the other, as main and extension do. */
struct work {
	const char *name;
	const struct mea_qnet *nets[NETS_MAX];
	int n_nets;
	const char *onnx[NETS_MAX]; /* the same as files; NULL where there are none */
};

/* One way to do that work. */
struct contender {
	const char *name;
	void *ctx; /* NULL: not in this race */
	int (*run)(void *ctx, int times, double *us);
	void (*close)(void *ctx);
};

double now_us(void);
double *grow(int n);

/* The OpenCL backend of mea. */
int ours_open(const struct work *w, int threads, int batch, struct contender *c);

/* oneDNN with the same layers: int8 with ReLU and sums fused, or float. */
int onednn_open(const struct work *w, int threads, int batch, bool int8, struct contender *c);

/* ONNX Runtime in a Python process of its own, which times itself. c->ctx stays NULL
 * where there is no such Python or the work has no files. */
int ort_open(const struct work *w, int threads, int batch, struct contender *c);

/* Thirty 3x3 convolutions: ten each of 16 channels at 32x32, 32 at 16x16, 64 at 8x8. */
struct mea_qnet *conv_set(void);

/* Inverted bottlenecks of MobileNetV2 at 224x224, one at each of four resolutions. */
struct mea_qnet *mobilenet_set(void);

/* One convolution ic -> oc on a square map. */
struct mea_qnet *one_conv(int ic, int oc, int side, int k, int groups);

#endif
