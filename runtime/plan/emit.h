/* SPDX-License-Identifier: Apache-2.0 */
/* State of one planning run, shared by plan.c, emit.c and stream.c. */
#ifndef MEA_PLAN_EMIT_H
#define MEA_PLAN_EMIT_H

#include "plan/internal.h"

/* Where a tensor lives while the job runs. */
struct place {
	bool resident; /* whole in the scratchpad at base, plane h * w words */
	bool stem;     /* graph input for the stem memory */
	int base;
	int last_use; /* layer that reads it last; n_layers for outputs */
	int slot;     /* where it lies in DRAM, if it does: slot, offset, layout */
	uint64_t offset;
	struct mea_layout dram;
	bool loaded; /* an input that lives in the scratchpad: its load is emitted */
};

/* A piece of weights in the weight memory, in the order of arrival. */
struct chunk {
	int layer, ob, kb, with_params;
	int addr, words; /* where, and how many words with padding at the ring's end */
	size_t offset;	 /* in the weight slot */
};

/* A strip's operand: where its words are. */
struct operand {
	int base, plane; /* words */
};

/* The memories that items share. DRAM is all slots, one behind the other. */
enum { MEM_ACT, MEM_WGT, MEM_STEM, MEM_DRAM, N_MEMS };

struct strip;

struct emit {
	const struct mea_hw *hw;
	const struct mea_qnet *net;
	struct mea_plan *p;
	bool profile;
	struct place *place; /* per tensor */
	struct spad spad;
	int strip_base; /* first word of the region for strip buffers */
	struct queues qs;
	struct hazard hazard;
	struct depend mem[N_MEMS];

	struct chunk *chunk; /* all ever loaded */
	int n_chunks, first_live, wgt_head, wgt_segment;
	size_t wgt_room;

	int layer;
};

/* --- emit.c --- */
struct strip {
	int oy, rows; /* output rows */
	int in_h;     /* input rows in the buffer */
	int pad_t;    /* rows above them that are padding */
	struct operand in, res;
	int out_base, out_plane;
};

/* The item reads or writes a memory; see mea_depend(). */
int mea_emit_use(struct emit *e, int mem, int queue, int item, int64_t base, int64_t size,
		 bool write);

/* Emits the compute or depthwise commands of one strip of the current layer.
 * Returns 0 or a negative error, as all below. */
int mea_emit_strip(struct emit *e, const struct mea_qlayer *l, const struct strip *s);

/* As mea_emit_strip for the layer whose input is a stem image. */
int mea_emit_stem(struct emit *e, const struct mea_qlayer *l);

/* --- stream.c --- */
/* First word of a half of the strip region. */
int mea_strip_half(const struct emit *e, int half);

/* The most output rows of a strip of l, or MEA_EUNSUPPORTED. */
int mea_strip_rows(const struct emit *e, const struct mea_qlayer *l);

/* Residual (loaded if need be) and output of a strip, whose parts that are not
 * resident lie at *at, which moves on; and the store of what is not resident. */
int mea_strip_open(struct emit *e, const struct mea_qlayer *l, struct strip *s, int *at);
int mea_strip_close(struct emit *e, const struct mea_qlayer *l, const struct strip *s);

/* The layer, whole or in strips. */
int mea_emit_layer(struct emit *e, const struct mea_qlayer *l);

/* A LOAD or STORE of rows [y, y + n) of every channel block of a tensor between
 * DRAM and the scratchpad at base with plane words per block. */
int mea_emit_rows(struct emit *e, int queue, const struct place *pl, int y, int n, int base,
		  int plane);

#endif
