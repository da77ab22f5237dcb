/* SPDX-License-Identifier: Apache-2.0 */
/* State of one planning run, shared by plan.c, emit.c and stream.c. */
#ifndef MEA_PLAN_EMIT_H
#define MEA_PLAN_EMIT_H

#include "plan/internal.h"

/* Where a tensor lives while the job runs. */
struct place {
	bool resident; /* whole in the scratchpad at base, plane h * w words */
	bool stem;     /* graph input for the stem memory */
	bool inside;   /* only in the rings of a fused unit */
	bool banned;   /* from the scratchpad, for others need the room */
	bool given;    /* its words are the output's, which takes its place */
	int whole;     /* the concatenation that it is a part of, or -1 */
	int part[2];   /* the tensors that it is the concatenation of, or -1 */
	int base;
	int last_use; /* layer that reads it last; n_layers for outputs */
	int slot;     /* where it lies in DRAM, if it does: slot, offset, layout */
	uint64_t offset;
	struct mea_layout dram;
	bool loaded; /* an input that lives in the scratchpad: its load is emitted */
};

/* Two halves in the scratchpad, for strips of what does not live there; half 0: not
 * needed. */
struct buffer {
	int base, half; /* words */
};

/*
 * What is planned as one: a layer, or a depthwise layer with the 1x1 layer (or stem)
 * before it and the 1x1 layer behind it, or one of them, whose maps in between never are whole:
 * `front` writes rows into a ring, the depthwise unit makes the halves of `mid` of them, which
 * `back` reads. Without `back` it makes the output.
 */
struct unit {
	int first, n;		/* layers */
	int front, depth, back; /* of a fused unit; front or back may be -1; depth -1: not fused */
	int rows;		/* output rows of a strip */
	int piece;		/* input rows of a pool's window that come at a time; 0: all */
	struct buffer in, res, out, mid;
	int ring, ring_rows; /* first word, rows */
	bool yields;	     /* the depthwise unit is the narrow part */
};

/* A piece of weights in the weight memory, in the order of arrival. layer: of e->own. */
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
enum { MEM_ACT, MEM_WGT, MEM_STEM, MEM_TABLE, MEM_DRAM, N_MEMS };

struct strip;

struct emit {
	const struct mea_hw *hw;
	const struct mea_qnet *net; /* own */
	struct mea_plan *p;
	bool profile;
	struct place *place; /* per tensor */
	struct spad spad;
	struct unit *unit;
	int n_units;
	struct queues qs;
	struct hazard hazard;
	struct depend mem[N_MEMS];

	struct chunk *chunk; /* all ever loaded */
	int n_chunks, first_live, wgt_head, wgt_segment;

	/* What is planned: the caller's network with tables fused and concatenations made
	 * (own.c); for each of its layers the number of the caller's layer that it ends with, and
	 * the table that its results pass through, or NULL. */
	struct mea_qnet own;
	int *number;
	const int8_t **table;
	void **made; /* weights and parameters of the layers that the caller has not */
	int n_made;
	/* For each layer once it was asked for: of each output block the k blocks it reads. */
	struct k_blocks **k_blocks;
	int held[MEA_TABLES_MAX], next_table; /* whose table lies where; who goes next */

	int layer;     /* that is worked on, by the caller's numbers */
	int stem_next; /* next piece of the image for the stem's ring */
};

/* --- own.c --- */
/* Sets what is planned from the caller's network, whose names and arrays it shares.
 * mea_own_net_free() frees the rest, after an error too. Returns 0 or MEA_ENOMEM. */
int mea_own_net(struct emit *e, const struct mea_qnet *net);
void mea_own_net_free(struct emit *e);

/* --- concat.c --- */
/* Appends to e->own, which has room, the two layers that make concatenation l, the caller's layer
 * `number`. Returns 0 or MEA_ENOMEM. */
int mea_make_concat(struct emit *e, const struct mea_qlayer *l, int number);

/* --- tables.c --- */
/* The layer of net whose results table layer k looks up on their way out, or -1. (With a residual
 * the requantiser makes the result too late for that.) */
int mea_table_source(const struct mea_qnet *net, int k);

/* Loads the table of layer l, if it has one and the table memory does not hold it, and sets the
 * fields of cmd that name it. Returns 0 or a negative error. */
int mea_emit_table(struct emit *e, const struct mea_qlayer *l, uint32_t cmd[16]);

/* --- place.c --- */
/* Divides the net into units and gives all of them and every tensor their place. */
int mea_place(struct emit *e);

/* --- units.c --- */
bool mea_is_output(const struct mea_qnet *net, int t);

/* The readers of tensor t, the world outside among them. */
int mea_users(const struct mea_qnet *net, int t);

/* --- emit.c --- */
struct strip {
	int oy, rows;	 /* output rows */
	int in_h;	 /* input rows in the buffer */
	int pad_t;	 /* rows above them that are padding */
	int wrap_rows;	 /* depthwise: input rows up to the ring's end, 0: it is not reached */
	int kh;		 /* of a piece of a pool's window: its rows, padding included; else 0 */
	bool rest, more; /* of such a piece: there is one before it, behind it */
	bool yields;
	struct operand in, res;
	int out_base, out_plane;
};

/* The item reads or writes a memory; see mea_depend(). Defined in stream.c. */
int mea_emit_use(struct emit *e, int mem, int queue, int item, int64_t base, int64_t size,
		 bool write);

/* Room for so many bytes at the end of the plan's weights, zeroed; *offset: where, a multiple of
 * 64. Returns 0 or MEA_ENOMEM. */
int mea_emit_reserve(struct emit *e, size_t bytes, size_t *offset);

/* The chunk of k blocks kb .. kb + n_kb of output block ob of the current layer l, loaded
 * unless it is still there. NULL after an error. */
struct chunk *mea_emit_weights(struct emit *e, const struct mea_qlayer *l, int ob, int kb, int n_kb,
			       bool stem);

/* Sets the fields that all commands of a strip's output block share. */
void mea_emit_block(const struct emit *e, const struct mea_qlayer *l, const struct strip *s, int ob,
		    uint32_t *cmd);

/* Adds the command with its weights, and its waits from what it uses. */
int mea_emit_command(struct emit *e, const struct mea_qlayer *l, const struct chunk *c,
		     uint32_t cmd[16]);

/* Emits the compute or depthwise commands of one output block of a strip of the current
 * layer, or of all its blocks. Returns 0 or a negative error, as all below. */
int mea_emit_out_block(struct emit *e, const struct mea_qlayer *l, const struct strip *s, int ob);
int mea_emit_strip(struct emit *e, const struct mea_qlayer *l, const struct strip *s);

/* --- stem.c --- */
/* True when l, reading a graph input, gains from taps packed into K. */
bool mea_wants_stem(const struct mea_hw *hw, const struct mea_qnet *net,
		    const struct mea_qlayer *l);

/* The most output rows of one command of a layer whose input is a stem image. */
int mea_stem_rows(const struct mea_hw *hw, const struct mea_qnet *net, const struct mea_qlayer *l);

/* Loads what output rows up to s->oy + s->rows of the image need and emits all output blocks
 * of these rows, of which s has the output side. */
int mea_emit_stem_strip(struct emit *e, const struct mea_qlayer *l, const struct strip *s);

/* --- stream.c --- */
/* Rows [y, y + n) of a tensor in this place of unit u; b: where they come through when the
 * tensor is not resident, and which half. */
int mea_operand(struct emit *e, int tensor, int y, int n, const struct buffer *b, int half,
		struct operand *o);

/* Output rows [s->oy, + s->rows) of a strip; and the store of what is not resident. */
void mea_strip_output(const struct emit *e, const struct mea_qlayer *l, const struct buffer *b,
		      int half, struct strip *s);
int mea_strip_store(struct emit *e, const struct mea_qlayer *l, const struct strip *s);

/* Input rows of l that output rows [oy, oy + rows) read: the first, and past the last. */
void mea_input_rows(const struct mea_qnet *net, const struct mea_qlayer *l, int oy, int rows,
		    int *from, int *to);

/* A unit of one layer, whole or in strips. */
int mea_emit_layer(struct emit *e, const struct unit *u);

/* A LOAD or STORE of rows [y, y + n) of every channel block of a tensor between
 * DRAM and the scratchpad at base with plane words per block. */
int mea_emit_rows(struct emit *e, int queue, int tensor, int y, int n, int base, int plane);

/* --- fuse.c --- */
int mea_emit_fused(struct emit *e, const struct unit *u);

#endif
