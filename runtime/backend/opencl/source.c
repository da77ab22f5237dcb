// SPDX-License-Identifier: Apache-2.0
#include "backend/opencl/source.h"

/* The compiler runs in the repository's root. */
#define TEXT(name, file)                                                                           \
	__asm__(".pushsection .rodata\n"                                                           \
		".hidden " #name "\n.global " #name "\n" #name ":\n"                               \
		".incbin \"runtime/backend/opencl/" file "\"\n.byte 0\n.popsection\n")

TEXT(mea_cl_layer_text, "layer.h");
TEXT(mea_cl_kernels_text, "kernels.cl");
