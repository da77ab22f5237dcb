/* SPDX-License-Identifier: Apache-2.0 */
/* Where a network's tensors lie; used by pack.c alone. */
#ifndef MEA_OPENCL_LAYOUT_H
#define MEA_OPENCL_LAYOUT_H

#include "backend/opencl/pack.h"

/* NULL when every tensor of l has a layout, else why not. */
const char *mea_cl_layout_refuses(const struct mea_qnet *net, const struct mea_qlayer *l);

/* Whether a convolution has one channel in and out per group. */
bool mea_cl_depthwise(const struct mea_qnet *net, const struct mea_qlayer *l);

/* Fills in p->tensors[]. */
void mea_cl_layouts(const struct mea_qnet *net, struct mea_cl_layout *tensors);

/* Space and first byte of every tensor: scratch where its life allows the memory to
 * be shared, or an input or output. Sets *scratch_bytes. */
int mea_cl_addresses(const struct mea_qnet *net, const struct mea_cl_layout *tensors,
		     struct mea_cl_address *addresses, int *scratch_bytes);

#endif
