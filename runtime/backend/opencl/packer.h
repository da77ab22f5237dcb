/* SPDX-License-Identifier: Apache-2.0 */
/* Between pack.c and pack_conv.c: a network while it is being packed. */
#ifndef MEA_OPENCL_PACKER_H
#define MEA_OPENCL_PACKER_H

#include "backend/opencl/layout.h"

struct mea_cl_packer {
	const struct mea_qnet *net;
	enum mea_cl_variant variant;
	int workers;
	struct mea_cl_pack *p;
	struct mea_cl_address *addresses;
};

int mea_cl_blocks(int channels);

/* Room for n zeroed bytes at a multiple of 64 in the constants; *at is an offset, which
 * stays valid where a pointer does not. */
int mea_cl_reserve(struct mea_cl_packer *k, int64_t n, int *at);

/* Parameters of channel c (below 16) of entry number `entry` at offset `at`. */
void mea_cl_param(const struct mea_cl_packer *k, int at, int entry, int c, int32_t bias,
		  uint32_t mult, int shift, float scale);

/* Bytes that a convolution's packed weights take, at most. */
int64_t mea_cl_weight_bytes(const struct mea_qnet *net, const struct mea_qlayer *l);

/* What is a convolution's own in o, and its weights and parameters. */
int mea_cl_pack_conv(struct mea_cl_packer *k, const struct mea_qlayer *l, struct mea_cl_layer *o);

#endif
