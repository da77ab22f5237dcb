/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What host and kernel share: the layers of a network as one table of ints. The
 * text of this file stands before the .cl files when they are compiled, so it holds
 * only what is the same in C11 and OpenCL C.
 *
 * On the device an activation is the byte q + 128. A tensor is rows of pixels of
 * channels, with a border that holds its zero point, so that a convolution never
 * asks whether a tap lies inside.
 */
#ifndef MEA_CL_LAYER_H
#define MEA_CL_LAYER_H

#define MEA_CL_BLOCK 16 /* channels that are computed side by side */

/* Bytes of one block's parameters: bias, scale (float), mult, shift of 16 channels. */
#define MEA_CL_PARAMS 256

enum {
	MEA_CL_CONV = 1,
	MEA_CL_DEPTHWISE,
	MEA_CL_DEPTHWISE_DOTS, /* the same by dot products on vectors */
	MEA_CL_AVGPOOL,
	MEA_CL_MAXPOOL,
	MEA_CL_ADD,
	MEA_CL_CONCAT,
	MEA_CL_MUL,   /* in2: row and pix are 0 where it is one pixel */
	MEA_CL_TABLE, /* weights: 256 bytes, of the byte 0 first, for all channels or for each */
};

/* Where a tensor's memory is: scratch, then inputs, then outputs. */
enum { MEA_CL_SCRATCH, MEA_CL_IN, MEA_CL_OUT = MEA_CL_IN + 4, MEA_CL_SPACES = MEA_CL_OUT + 4 };

struct mea_cl_address {
	int space;
	int start;    /* first byte of the tensor in its space */
	int origin;   /* from start to pixel (0, 0), past the border */
	int row, pix; /* bytes from a row, a pixel, to the next */
};

struct mea_cl_layer {
	int op;
	struct mea_cl_address in, in2, out;
	int has_in2;
	int in_h, in_w, in_zero;
	int in_c, in2_c;	  /* CONCAT: channels without those that fill up the block */
	int out_h, out_w, blocks; /* blocks of channels of out */
	int border_t, border_b, border_l, border_r, border_value;
	int kh, kw, sh, sw, pt, pl;
	/* CONV: a kernel row of kw * in.pix bytes in dot groups; the last one is filled
	 * up with weights of zero. DEPTHWISE_DOTS: one of the weights of 64 channels. */
	int dot_groups, dot_bytes;
	int group_pixels;	     /* of a pixel group; groups overlap at the end of a row */
	int row_groups;		     /* pixel groups of a row */
	int weights, params, config; /* offsets in the constants */
	int by_taps;		     /* AVGPOOL: params has an entry per number of taps */
	int table_step;		     /* TABLE: bytes from a channel's table to the next one's */
	int items, slice;	     /* work items, and how many one worker takes at once */

	/* With dot products on vectors: a multiplier lies between the float of the
	 * parameters and the one that is ulps above it. add_eps: how wrong a sum with the
	 * residual may be in float. */
	int ulps;
	float add_eps;

	/* acc -> mid: float clamp bounds are of mid - mid_zero. */
	int mid_zero, mid_lo, mid_hi;
	float flo, fhi;
	/* The residual: mid and r, without their zero points, times ma, mb. */
	int add_ma, add_mb, add_shift, in2_zero, out_zero, lo, hi;
	float fa, fb, add_flo, add_fhi, add_limit;
};

#endif
