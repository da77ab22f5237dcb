/* SPDX-License-Identifier: Apache-2.0 */
/* A qnet as the table and the constants that the kernel walks; no OpenCL in here. */
#ifndef MEA_OPENCL_PACK_H
#define MEA_OPENCL_PACK_H

#include "backend/opencl/layer.h"
#include "graph/qnet.h"

/* How a convolution multiplies; the kernel's VARIANT. */
enum mea_cl_variant { MEA_CL_PLAIN, MEA_CL_VNNI, MEA_CL_AMX, MEA_CL_VARIANTS };

/* A tensor in device memory; two tensors with equal layouts can share it. */
struct mea_cl_layout {
	int c, h, w;
	int pix, row;  /* bytes of a pixel, of a row with its border */
	int top, left; /* border, in pixels */
	int bottom, right;
	int border; /* its value: zero point + 128 */
	int bytes;  /* with room behind that may be read, never written */
};

struct mea_cl_pack {
	struct mea_cl_layout *tensors; /* of net->tensors */
	struct mea_cl_layer *layers;   /* of net->layers, and copies to outputs */
	int n_layers;
	unsigned char *constants;
	int constant_bytes, scratch_bytes;
	uint64_t macs;
};

/* NULL when the kernel can do the layer, else why not. */
const char *mea_cl_refuses(const struct mea_qnet *net, const struct mea_qlayer *l);

/* Packs a net that mea_qnet_check() accepts for so many workers. The caller frees. */
int mea_cl_pack(const struct mea_qnet *net, enum mea_cl_variant variant, int workers,
		struct mea_cl_pack **out);
void mea_cl_pack_free(struct mea_cl_pack *p);

/* Between NHWC int8 on the host and device memory of that layout. */
void mea_cl_layout_write(const struct mea_cl_layout *l, const int8_t *nhwc, uint8_t *to);
void mea_cl_layout_read(const struct mea_cl_layout *l, const uint8_t *from, int8_t *nhwc);

#endif
