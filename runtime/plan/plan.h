/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The planner: a qnet becomes a command stream for one accelerator, the weights
 * in the order in which the array takes them, and the layouts of what lies in
 * DRAM. It holds no device and touches no file; its output is plain data.
 */
#ifndef MEA_PLAN_H
#define MEA_PLAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "graph/qnet.h"

/* What the planner needs to know of a device, as its CONFIG registers say. */
struct mea_hw {
	int rows, cols, lanes; /* lanes = max(rows, cols): bytes of a scratchpad word */
	int axi_bytes;
	int act_words, act_banks, wgt_words, acc_depth, stem_words;
	int latency;	      /* cycles from issue to readable output */
	int dw_taps, dw_line; /* depthwise unit; 0: there is none */
	int tables;	      /* that the table memory holds; 0: there is none */
	bool products;	      /* POOL multiplies two maps */
	uint32_t clock_khz;
};

/* Slots of every job that the planner makes. */
enum {
	MEA_SLOT_CMD,	      /* commands; read */
	MEA_SLOT_WGT,	      /* weights; read */
	MEA_SLOT_IN,	      /* inputs 0 and 1; read */
	MEA_SLOT_OUT = 4,     /* outputs 0 and 1; write */
	MEA_SLOT_SCRATCH = 6, /* tensors that do not fit on chip; read and write */
	MEA_SLOT_RECORD = 7,  /* completion record, then one per layer when profiling */
};
#define MEA_PLAN_MAX_IO 2

/* Cycles from an address on the bus to its first beat, as the model assumes them. */
#define MEA_PLAN_LATENCY 100

/* How a tensor lies in DRAM. */
struct mea_layout {
	/* false: [ceil(c / lanes)][h][row_bytes], a row being w words of lanes
	 * channels; true: the padded image, [h + pads][w + pads][c] bytes, for the
	 * stem memory. */
	bool stem;
	int c, h, w, lanes;
	int pad_t, pad_l, pad_b, pad_r;
	int8_t pad_value;
	size_t row_bytes; /* multiple of 16; 0 for a stem image */
	size_t bytes;	  /* of the whole tensor, multiple of 64 */
};

struct mea_plan {
	uint32_t (*cmd)[16];
	int n_cmd;
	uint8_t *weights;
	size_t weight_bytes;  /* multiple of 64 */
	size_t scratch_bytes; /* multiple of 64; 0 when all stays on chip */
	bool rereads;	      /* the job reads outputs that it has stored */
	struct mea_layout in[MEA_PLAN_MAX_IO], out[MEA_PLAN_MAX_IO];
	int n_in, n_out;
	uint64_t macs;
	/* The planner's own model on a bus of MEA_PLAN_LATENCY: cycles of the job and, with
	 * profile, when each layer's record is taken (0: the layer has none, for it is
	 * fused with the next). */
	uint64_t cycles, *layer_end;
	uint32_t budget; /* cycles: a generous bound for the watchdog */
	int n_records;	 /* with profile: the layers, else 0 */
};

/*
 * Plans net for hw. profile adds a SNAP after each layer, records 1 .. n_layers
 * of slot MEA_SLOT_RECORD. MEA_EUNSUPPORTED names the layer and the reason; the
 * caller frees *out with mea_plan_free().
 */
int mea_plan_make(const struct mea_hw *hw, const struct mea_qnet *net, bool profile,
		  struct mea_plan **out);
void mea_plan_free(struct mea_plan *p);

/* What a command of a plan does. */
struct mea_command {
	const char *what; /* "load weights", "convolve", ... */
	int layer;	  /* that it is for */
	/* That a LOAD reads or a STORE writes, in whole beats; 0 for others. */
	uint64_t bus_bytes;
};
void mea_command_decode(const struct mea_hw *hw, const uint32_t cmd[16], struct mea_command *out);

/* A bus, by what it does at worst. */
struct mea_bus {
	uint32_t latency; /* cycles from an address, once taken, to its first beat, or to the answer
			   */
	/* 0 to 0.9: the share of the cycles in which beats, or addresses, wait: n that follow one
	 * another take no more than 1.03 n / (1 - stall) + 134 stall / (1 - stall) cycles, or n
	 * without stalls. Independent stalls keep that by four standard deviations. */
	double stall;
};

struct mea_bound {
	uint64_t cycles; /* of the job, until its record is written */
	uint64_t scrub;	 /* more of them when the job before was another client's */
	/* Of each command in program order: when it is taken and when it is complete, at the
	 * latest; owned. */
	uint64_t *start, *end;
	int n;
};

/*
 * Plans net for hw and bounds its cycles on such a bus, whatever the data: no command is complete
 * later than the bound says. MEA_EUNSUPPORTED as mea_plan_make(); the caller frees *b with
 * mea_bound_free().
 */
int mea_plan_bound(const struct mea_hw *hw, const struct mea_qnet *net, const struct mea_bus *bus,
		   struct mea_bound *b);
void mea_bound_free(struct mea_bound *b);

/* NULL when the accelerator can run the layer, else the reason. */
const char *mea_plan_refuses(const struct mea_hw *hw, const struct mea_qnet *net,
			     const struct mea_qlayer *l);

/* Host NHWC int8 to the layout and back; dram holds layout->bytes. A stem image
 * is only ever written. */
void mea_layout_write(const struct mea_layout *l, const int8_t *nhwc, uint8_t *dram);
void mea_layout_read(const struct mea_layout *l, const uint8_t *dram, int8_t *nhwc);
bool mea_layout_same(const struct mea_layout *a, const struct mea_layout *b);

#endif
