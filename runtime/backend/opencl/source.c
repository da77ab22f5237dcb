// SPDX-License-Identifier: Apache-2.0
#include "backend/opencl/source.h"

#include <stddef.h>

/* The compiler runs in the repository's root. */
#define TEXT(name, file)                                                                           \
	extern const char name[];                                                                  \
	__asm__(".pushsection .rodata\n.hidden " #name "\n.global " #name "\n" #name ":\n"         \
		".incbin \"runtime/backend/opencl/" file "\"\n.byte 0\n.popsection\n")

TEXT(mea_cl_text_layer, "layer.h");
TEXT(mea_cl_text_round, "round.cl");
TEXT(mea_cl_text_quads, "quads.cl");
TEXT(mea_cl_text_tiles, "conv_tiles.cl");
TEXT(mea_cl_text_vectors, "conv_vectors.cl");
TEXT(mea_cl_text_dots, "conv_dots.cl");
TEXT(mea_cl_text_depthwise, "depthwise_dots.cl");
TEXT(mea_cl_text_ops, "ops.cl");
TEXT(mea_cl_text_net, "net.cl");

const char *const mea_cl_sources[MEA_CL_SOURCES + 1] = {
	mea_cl_text_layer,     mea_cl_text_round,
	mea_cl_text_quads,     mea_cl_text_tiles,
	mea_cl_text_vectors,   mea_cl_text_dots,
	mea_cl_text_depthwise, mea_cl_text_ops,
	mea_cl_text_net,       NULL,
};
