/* SPDX-License-Identifier: Apache-2.0 */
/* Shared by the planner's files; nobody else includes it. */
#ifndef MEA_PLAN_INTERNAL_H
#define MEA_PLAN_INTERNAL_H

#include "mea_isa.h"
#include "plan/plan.h"

static inline int mea_div_up(int a, int b)
{
	return (a + b - 1) / b;
}

static inline void mea_put(uint32_t cmd[16], uint32_t field, uint32_t value)
{
	uint32_t word = field >> 16, lsb = field >> 8 & 0xff, width = field & 0xff;
	uint32_t mask = width == 32 ? 0xffffffffu : (1u << width) - 1;

	cmd[word] = (cmd[word] & ~(mask << lsb)) | (value & mask) << lsb;
}

static inline uint32_t mea_get(const uint32_t cmd[16], uint32_t field)
{
	uint32_t word = field >> 16, lsb = field >> 8 & 0xff, width = field & 0xff;

	return cmd[word] >> lsb & (width == 32 ? 0xffffffffu : (1u << width) - 1);
}

void mea_layout_blocks(struct mea_layout *l, const struct mea_qtensor *t, int lanes);
void mea_layout_stem(struct mea_layout *l, const struct mea_qtensor *t, const struct mea_qlayer *c);

/* True for what the depthwise unit does, if the device has one: a kernel of at most 3x3 for each
 * channel, no residual, a row that the line buffer holds. Other groups go to the array. */
bool mea_is_depthwise(const struct mea_hw *hw, const struct mea_qnet *net,
		      const struct mea_qlayer *l);

/* True for a concatenation that is no work: its parts are written where they belong, each once and
 * in whole words of channels. */
bool mea_concat_in_place(const struct mea_hw *hw, const struct mea_qnet *net,
			 const struct mea_qlayer *l);

/* The most tables that a table memory holds: what MEA_F_CONV_TABLE_AT can name. */
#define MEA_TABLES_MAX 8

/* True for what goes through requantisation unchanged: (x - zx) * 1 + zx. */
static inline bool mea_passes(const struct mea_qlayer *l)
{
	return l->op == MEA_Q_ADD || l->op == MEA_Q_TABLE;
}

/* True if in2 is one pixel that belongs to every pixel of the output. */
static inline bool mea_still(const struct mea_qnet *net, const struct mea_qlayer *l)
{
	const struct mea_qtensor *t = &net->tensors[l->in2], *out = &net->tensors[l->out];

	return t->h * t->w < out->h * out->w;
}

/* Words at RES_BASE that a command reads: a residual, or the factors of a product. */
static inline int64_t mea_res_words(const uint32_t cmd[16])
{
	if (!mea_get(cmd, MEA_F_CONV_RESIDUAL) && !mea_get(cmd, MEA_F_CONV_PRODUCT))
		return 0;
	if (mea_get(cmd, MEA_F_CONV_RES_STILL))
		return 1;
	return (int64_t)mea_get(cmd, MEA_F_CONV_OUT_W) * mea_get(cmd, MEA_F_CONV_OUT_H);
}

/* --- queues.c: four queues, their tokens, and one program order --- */

enum { Q_LOAD, Q_COMPUTE, Q_STORE, Q_DEPTHWISE, N_QUEUES };

struct item {
	uint32_t cmd[16];
	/* Items of the other queues that come before it in program order: their
	 * count. A later one implies all earlier ones. */
	int after[N_QUEUES];
	int gives[N_QUEUES]; /* index of the item that takes its token, or -1 */
	int takes[N_QUEUES]; /* index of the item whose token it takes, or -1 */
	/* time.c: when it leaves the queue and is complete; of a compute command also its
	 * first and last issue */
	int64_t start, end, first, issued;
	int at; /* in the program, once merged */
	/* bound.c: its engine can begin with it, takes so long, gap after the one before included,
	 * and is done with it; the first item of the other queue that it may meet; and what it has
	 * cost the other queue's engine in stretch number `stretch`, by cause */
	struct {
		int64_t ready, work, gap, done, gone[3];
		int from, stretch;
	} busy;
};

struct queue {
	struct item *item;
	int n, size;
	int synced[N_QUEUES]; /* last item of that queue that this one waited for */
};

struct queues {
	struct queue q[N_QUEUES];
	/* the program, once merged */
	struct {
		int queue, item;
	} * order;
};

static inline int64_t mea_later(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

/* Item i of a queue, NULL: there is none; when it was taken and is complete, 0 then. */
static inline struct item *mea_item(const struct queues *qs, int queue, int i)
{
	return i < 0 || i >= qs->q[queue].n ? NULL : &qs->q[queue].item[i];
}

static inline int64_t mea_item_start(const struct queues *qs, int queue, int i)
{
	const struct item *it = mea_item(qs, queue, i);

	return it ? it->start : 0;
}

static inline int64_t mea_item_end(const struct queues *qs, int queue, int i)
{
	const struct item *it = mea_item(qs, queue, i);

	return it ? it->end : 0;
}

/* Appends a zeroed command and returns its index, or MEA_ENOMEM. */
int mea_queue_add(struct queues *qs, int queue, uint32_t opcode, int layer);

/* Item b of queue qb starts after item a of queue qa is complete. a < 0: nothing
 * to wait for. Calls must come in the order of b. */
void mea_queue_sync(struct queues *qs, int qa, int a, int qb, int b);

/* One program of all four; fills p->cmd and p->n_cmd. */
int mea_queues_merge(struct queues *qs, struct mea_plan *p);
void mea_queues_free(struct queues *qs);

/* --- time.c: what the program will take --- */

/* Sets p->cycles and, where there are records, p->layer_end, for a bus of
 * MEA_PLAN_LATENCY. qs is merged. */
void mea_time(const struct mea_hw *hw, const struct queues *qs, struct mea_plan *p);

/* Bytes of the words that a LOAD writes; beats of a row of such, of a LOAD or a STORE. */
int mea_load_word(const struct mea_hw *hw, const uint32_t *cmd);
int64_t mea_row_beats(const struct mea_hw *hw, const uint32_t *cmd, int word);
/* Of a CONV, POOL or DEPTHWISE: output pixels, passes over them, words of one channel block that it
 * reads, and words from the first that it reads to its last block's last. */
int64_t mea_cmd_pixels(const uint32_t *cmd);
int64_t mea_cmd_passes(const uint32_t *cmd);
int64_t mea_map_words(const uint32_t *cmd);
int64_t mea_read_span(const struct mea_hw *hw, const uint32_t *cmd);

/* --- bound.c: what the program takes at most --- */

/* Fills b, whose arrays the caller frees, for a program of n commands. qs is merged; MEA_ENOMEM. */
int mea_bound(const struct mea_hw *hw, const struct queues *qs, int n, const struct mea_bus *bus,
	      struct mea_bound *b);

/* --- depend.c: waits that follow from what items read and write --- */

struct access {
	int queue, item;
	int64_t base, size;
	bool write;
};

/* The accesses to one memory that an item to come may have to wait for, by where they are: a list
 * has every 256th region. One list of all would be searched for every command. */
#define DEPEND_LISTS 256

struct depend {
	int64_t region; /* units; about what an item accesses */
	struct {
		struct access *access;
		int n;
	} list[DEPEND_LISTS];
};

/* The item, the latest of its queue, reads or writes size words (any unit) from
 * base: makes it wait for what that conflicts with. Returns 0 or MEA_ENOMEM. */
int mea_depend(struct depend *d, struct queues *qs, int queue, int item, int64_t base, int64_t size,
	       bool write);
void mea_depend_free(struct depend *d);

/* --- spad.c: where tensors lie in the activation scratchpad --- */

#define SPAD_MAX 128

struct spad {
	int words, bank_words, limit; /* limit: words usable from 0 */
	struct {
		int base, size;
	} used[SPAD_MAX];
	int n;
};

/* Allocates size words, preferably in no bank of those in avoid[n]. Returns the
 * base or -1. */
int mea_spad_alloc(struct spad *s, int size, const int (*avoid)[2], int n_avoid);
void mea_spad_free(struct spad *s, int base);

/* How much of the words [a, a + na) and [b, b + nb) lies in one bank, as a share of both: how
 * often a reader of the one gets into the way of a reader of the other. */
double mea_same_bank(const struct mea_hw *hw, int64_t a, int64_t na, int64_t b, int64_t nb);

/* --- weights.c: weights in array order --- */

/* The k blocks that output block ob of a CONV of the array reads, from a whole word of channels
 * on: from the first to the last that has a weight other than 0, or one. */
struct k_blocks {
	int first, end;
};

struct k_blocks mea_k_blocks(const struct mea_hw *hw, const struct mea_qnet *net,
			     const struct mea_qlayer *l, int ob);

/* Words (2 x cols bytes) of n_kb k blocks' tiles, or of the kernels of a depthwise layer. */
int mea_weight_words(const struct mea_hw *hw, const struct mea_qnet *net,
		     const struct mea_qlayer *l, int n_kb, bool stem);
#define PARAM_WORDS	5
#define DEPTHWISE_WORDS 6

/* Writes the tiles of output block ob, k blocks kb .. kb + n (stem: all), or the
 * kernels of a depthwise layer, then the parameter words, to dst, which is zeroed. */
void mea_weights_pack(const struct mea_hw *hw, const struct mea_qnet *net,
		      const struct mea_qlayer *l, int ob, int kb, int n_kb, bool stem,
		      uint8_t *dst);

/* --- hazard.c: how soon a command may follow --- */

/* Output words of the command before; zeroed at the start. */
struct hazard {
	int base, pixels; /* pixels 0: it writes none */
};

/* The smallest safe GAP of cmd after the command in h; then h holds cmd. */
int mea_hazard_gap(struct hazard *h, const struct mea_hw *hw, const uint32_t cmd[16]);

#endif
