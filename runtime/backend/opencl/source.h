/* SPDX-License-Identifier: Apache-2.0 */
/* The text of layer.h and kernels.cl, inside the library. */
#ifndef MEA_OPENCL_SOURCE_H
#define MEA_OPENCL_SOURCE_H

extern const char mea_cl_layer_text[], mea_cl_kernels_text[]; /* end with a 0 */

#endif
