/* SPDX-License-Identifier: Apache-2.0 */
/* Random networks for tests that compare a backend with the integer reference. */
#ifndef MEA_TEST_RANDOM_NET_H
#define MEA_TEST_RANDOM_NET_H

#include "graph/qnet.h"

#define RANDOM_NET_INPUTS 2

/* The generator's state; one seed gives one network. */
void random_seed(uint64_t seed);
uint32_t random_bits(void);
int random_range(int lo, int hi);

/* Zeroed memory; ends the program when there is none. */
void *random_alloc(size_t n);

/*
 * One to three layers, and tables behind some of them; at the end perhaps a convolution in groups,
 * concatenations, a product. With all_ops the layers themselves may be such, and what every
 * accelerator refuses: averages without padding, tables of each channel. Then nothing is at the
 * end.
 */
struct mea_qnet *random_net(bool all_ops);

/* Maps of up to 126 columns and 40 rows: inverted residuals, stems, and other layers. */
struct mea_qnet *random_large_net(void);

/* The first blocks of MobileNetV2, or of a narrow ResNet18, on an image of size x size, and an
 * exit. */
struct mea_qnet *random_sized_net(int size, bool resnet);

/* Every tensor of n, random inputs and all that follows from them by the reference. */
int8_t **random_values(const struct mea_qnet *n);
void random_values_free(const struct mea_qnet *n, int8_t **values);

size_t random_elements(const struct mea_qtensor *t);

/* Prints the layers as TAP comments. */
void random_describe(const struct mea_qnet *n);

#endif
