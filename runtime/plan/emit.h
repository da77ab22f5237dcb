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
	int loaded; /* load item that brings it whole, or -1 */
};

/* A piece of weights in the weight memory, in the order of arrival. */
struct chunk {
	int layer, ob, kb, with_params;
	int addr, words; /* where, and how many words with padding at the ring's end */
	int load;	 /* load item */
	int last_use;	 /* compute item */
	size_t offset;	 /* in the weight slot */
};

/* A strip's operand: where its words are, and what to wait for. */
struct operand {
	int base, plane; /* words */
	int load;	 /* load item to wait for, or -1 */
};

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

	struct chunk *chunk; /* all ever loaded */
	int n_chunks, first_live, wgt_head;
	size_t wgt_room;

	int layer;
	/* Last items that used the strip region, per half. */
	int last_compute[2], last_store[2];
	int stored;	  /* store item that loads of this layer wait for: older layers' results */
	int last_stem[8]; /* compute item that last used each quarter of the ring */
};

/* --- emit.c --- */
struct strip {
	int oy, rows; /* output rows */
	int in_h;     /* input rows in the buffer */
	int pad_t;    /* rows above them that are padding */
	struct operand in, res;
	int out_base, out_plane;
	int wait_store; /* store item that must be done before writing, or -1 */
};

/* Emits the compute commands of one strip of the current layer; returns the last
 * compute item or a negative error. */
int mea_emit_strip(struct emit *e, const struct mea_qlayer *l, const struct strip *s);

/* As mea_emit_strip for the layer whose input is a stem image. */
int mea_emit_stem(struct emit *e, const struct mea_qlayer *l);

/* --- stream.c --- */
/* First word of a half of the strip region. */
int mea_strip_half(const struct emit *e, int half);

/* The most output rows of a strip of l, or MEA_EUNSUPPORTED. */
int mea_strip_rows(const struct emit *e, const struct mea_qlayer *l);

/* Residual (loaded if need be) and output of a strip, whose parts that are not
 * resident lie at *at, which moves on; and, after compute item k, the store of
 * what is not resident. Both return 0 / k or a negative error. */
int mea_strip_open(struct emit *e, const struct mea_qlayer *l, struct strip *s, int half, int *at);
int mea_strip_close(struct emit *e, const struct mea_qlayer *l, const struct strip *s, int half,
		    int k);

/* The layer, whole or in strips; returns the last compute item or an error. */
int mea_emit_layer(struct emit *e, const struct mea_qlayer *l);

/* A LOAD or STORE of rows [y, y + n) of every channel block of a tensor between
 * DRAM and the scratchpad at base with plane words per block; returns the last
 * item or an error. */
int mea_emit_rows(struct emit *e, int queue, const struct place *pl, int y, int n, int base,
		  int plane, int after_compute, int after_other);

#endif
