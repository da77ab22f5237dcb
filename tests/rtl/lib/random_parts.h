/* SPDX-License-Identifier: Apache-2.0 */
/* What random_net.c has for other makers of networks. n has room for the tensors and layers. */
#ifndef MEA_TEST_RANDOM_PARTS_H
#define MEA_TEST_RANDOM_PARTS_H

#include "graph/qnet.h"

/* A tensor with a random zero point; its number. */
int random_tensor(struct mea_qnet *n, int c, int h, int w);

/* A 1x1 convolution that reads tensor in, without output, weights and parameters; then the clamp
 * of a layer that has its output. */
struct mea_qlayer *random_new_layer(struct mea_qnet *n, int in);
void random_finish(struct mea_qnet *n, struct mea_qlayer *l);

/* Biases, multipliers and shifts of n channels that add up fan_in: results use the range. */
void random_params(struct mea_qlayer *l, int n, int fan_in);

/* Adds tensor in2 (-1: a new input of this shape) to the layer's result. */
void random_residual(struct mea_qnet *n, struct mea_qlayer *l, int c, int h, int w, int in2);

int random_out_dim(int in, int k, int s, int p0, int p1);

/* A kernel of up to max_k a side, a stride and padding that fit the map. */
void random_window(struct mea_qlayer *l, const struct mea_qtensor *in, int max_k);

/* One bias and one multiplier for all channels. */
void random_requant(struct mea_qlayer *l, int bias, double scale);

/* Layers that read tensor in; their output. 1x1 with oc channels (in2: a residual, or -1); k x k,
 * padded by k / 2; in groups that the array does, of any kernel; concatenations; the
 * average over all pixels, and that with a fully connected layer. */
int random_pointwise(struct mea_qnet *n, int in, int oc, int in2);
int random_square(struct mea_qnet *n, int in, int oc, int k, int stride, int groups);
int random_grouped(struct mea_qnet *n, int in);
int random_concats(struct mea_qnet *n, int in);
int random_max_pool(struct mea_qnet *n, int in);
int random_global_pool(struct mea_qnet *n, int in);
int random_exit(struct mea_qnet *n, int in, int classes);

/* Ends the program with what was asked for and the last error. */
int random_die(const char *what);

#endif
