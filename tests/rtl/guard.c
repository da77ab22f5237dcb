// SPDX-License-Identifier: Apache-2.0
/*
 * Hostile command streams against the Verilated device: for every cause a stream that
 * tries it, while a good job waits in the other bank. The fault registers must name
 * cause, slot, direction, offset, queue and command; nothing may have reached the bus
 * outside the slots or in the wrong direction; the waiting job must then run well.
 *
 *   guard [CONFIG]
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/device_bench.h"

/* Where the good job has its commands and its data. */
#define GOOD_CMD  0x3000u
#define GOOD_DATA 0x3000u
#define WORDS	  16u

enum { Q_FETCH, Q_LOAD, Q_COMPUTE, Q_STORE, Q_DEPTHWISE };

/* A LOAD of slot 1 and a STORE to slot 2 that waits for it: LOAD's second partner is
 * the store queue, STORE's first the load queue. */
static void good_job(struct bench *b, struct bench_job *j, uint32_t word_bytes)
{
	memset(j, 0, sizeof(*j));
	bench_move(j->cmd[0], MEA_OP_LOAD, 1, GOOD_DATA, WORDS, 100, 0, 2);
	bench_move(j->cmd[1], MEA_OP_STORE, 2, GOOD_DATA, WORDS, 100, 1, 0);
	j->n_cmd = 2;
	j->cmd_offset = GOOD_CMD;
	for (uint32_t i = 0; i < WORDS * word_bytes; i++)
		b->mem[1][GOOD_DATA + i] = (uint8_t)rand();
	memset(b->mem[2] + GOOD_DATA, 0, WORDS * word_bytes);
}

struct hostile {
	const char *name;
	uint32_t cause;
	int slot;	/* -1: not reported for this cause */
	int64_t offset; /* -1 likewise */
	int is_write, queue;
	uint32_t cmd; /* index reported */
	void (*make)(struct bench *b, struct bench_job *j);
};

#define MAKE(name) static void name(struct bench *b __attribute__((unused)), struct bench_job *j)
#define SIZE	   BENCH_SLOT_BYTES

MAKE(load_past_end)
{
	bench_move(j->cmd[0], MEA_OP_LOAD, 1, SIZE - 64, 64, 0, 0, 0);
}
MAKE(load_far_out)
{
	bench_move(j->cmd[0], MEA_OP_LOAD, 1, 0x40000000, 4, 0, 0, 0);
}
MAKE(load_wraps)
{
	bench_move(j->cmd[0], MEA_OP_LOAD, 1, 0xfffffff0, 64, 0, 0, 0);
}
MAKE(rows_wrap)
{
	/* The second row starts past 4 GiB, that is at offset 0 of 32 bits. */
	bench_move(j->cmd[0], MEA_OP_LOAD, 1, 0x100, 4, 0, 0, 0);
	bench_put(j->cmd[0], MEA_F_LOAD_ROWS, 2);
	bench_put(j->cmd[0], MEA_F_LOAD_DRAM_PITCH, 0xffffff00);
}
MAKE(load_write_only)
{
	bench_move(j->cmd[0], MEA_OP_LOAD, 2, 0x40, 4, 0, 0, 0);
}
MAKE(store_read_only)
{
	bench_move(j->cmd[0], MEA_OP_STORE, 1, 0x80, 4, 0, 0, 0);
}
MAKE(store_past_end)
{
	bench_move(j->cmd[0], MEA_OP_STORE, 2, SIZE, 4, 0, 0, 0);
}
MAKE(load_closed)
{
	bench_move(j->cmd[0], MEA_OP_LOAD, 4, 0, 4, 0, 0, 0);
}
MAKE(store_closed)
{
	bench_move(j->cmd[0], MEA_OP_STORE, 4, 0, 4, 0, 0, 0);
}
MAKE(slot_number)
{
	bench_move(j->cmd[0], MEA_OP_LOAD, 9, 0, 4, 0, 0, 0);
}
MAKE(second_command)
{
	bench_move(j->cmd[0], MEA_OP_LOAD, 1, 0, 4, 0, 0, 0);
	bench_move(j->cmd[1], MEA_OP_LOAD, 3, SIZE, 4, 0, 0, 0);
	j->n_cmd = 2;
}
MAKE(opcode)
{
	bench_move(j->cmd[0], 15, 1, 0, 4, 0, 0, 0);
}
MAKE(zero_words)
{
	bench_move(j->cmd[0], MEA_OP_LOAD, 1, 0, 0, 0, 0, 0);
}
MAKE(zero_rows)
{
	bench_move(j->cmd[0], MEA_OP_STORE, 2, 0, 4, 0, 0, 0);
	bench_put(j->cmd[0], MEA_F_STORE_ROWS, 0);
}
MAKE(load_table)
{
	bench_move(j->cmd[0], MEA_OP_LOAD, 1, 0, 4, 0, 0, 0);
	bench_put(j->cmd[0], MEA_F_LOAD_DEST, MEA_DEST_TABLE);
}
MAKE(table_past_end)
{
	bench_move(j->cmd[0], MEA_OP_LOAD, 1, SIZE - 128, MEA_TABLE_WORDS, 0, 0, 0);
	bench_put(j->cmd[0], MEA_F_LOAD_DEST, MEA_DEST_TABLE);
}
static void use_table(struct bench_job *j, uint32_t op)
{
	memset(j->cmd[0], 0, 64);
	bench_put(j->cmd[0], MEA_F_CMD_OPCODE, op);
	bench_put(j->cmd[0], MEA_F_CONV_OUT_W, 1);
	bench_put(j->cmd[0], MEA_F_CONV_OUT_H, 1);
	bench_put(j->cmd[0], MEA_F_CONV_KW, 1);
	bench_put(j->cmd[0], MEA_F_CONV_KH, 1);
	bench_put(j->cmd[0], MEA_F_CONV_K_BLOCKS, 1);
	bench_put(j->cmd[0], MEA_F_CONV_TABLE, 1);
}
MAKE(pool_table)
{
	use_table(j, MEA_OP_POOL);
}
MAKE(pool_product)
{
	use_table(j, MEA_OP_POOL);
	bench_put(j->cmd[0], MEA_F_CONV_TABLE, 0);
	bench_put(j->cmd[0], MEA_F_CONV_PRODUCT, 1);
}
MAKE(depthwise_table)
{
	use_table(j, MEA_OP_DEPTHWISE);
}
MAKE(zero_kernel)
{
	memset(j->cmd[0], 0, 64);
	bench_put(j->cmd[0], MEA_F_CMD_OPCODE, MEA_OP_CONV);
	bench_put(j->cmd[0], MEA_F_CONV_OUT_W, 1);
	bench_put(j->cmd[0], MEA_F_CONV_OUT_H, 1);
}
MAKE(misaligned)
{
	bench_move(j->cmd[0], MEA_OP_LOAD, 1, 0x48, 4, 0, 0, 0);
}
MAKE(pitch)
{
	bench_move(j->cmd[0], MEA_OP_STORE, 2, 0, 4, 0, 0, 0);
	bench_put(j->cmd[0], MEA_F_STORE_ROWS, 2);
	bench_put(j->cmd[0], MEA_F_STORE_DRAM_PITCH, 24);
}
MAKE(snap_misaligned)
{
	bench_move(j->cmd[0], MEA_OP_SNAP, 2, 0x40, 0, 0, 0, 0);
}
MAKE(snap_read_only)
{
	bench_move(j->cmd[0], MEA_OP_SNAP, 1, 0x80, 0, 0, 0, 0);
}
MAKE(token_never_comes)
{
	bench_move(j->cmd[0], MEA_OP_STORE, 2, 0, 4, 0, 1, 0);
	j->budget = 3000;
}
MAKE(endless_pool)
{
	/* Largest counts everywhere: 2^24 pixels times 2^16 taps. */
	memset(j->cmd[0], 0, 64);
	bench_put(j->cmd[0], MEA_F_CMD_OPCODE, MEA_OP_POOL);
	bench_put(j->cmd[0], MEA_F_CONV_OUT_W, 4095);
	bench_put(j->cmd[0], MEA_F_CONV_OUT_H, 4095);
	bench_put(j->cmd[0], MEA_F_CONV_KW, 255);
	bench_put(j->cmd[0], MEA_F_CONV_KH, 255);
	bench_put(j->cmd[0], MEA_F_CONV_K_BLOCKS, 4095);
	j->budget = 5000;
}
MAKE(commands_past_end)
{
	j->cmd_offset = SIZE - 64;
	bench_move(j->cmd[0], MEA_OP_LOAD, 1, 0, 4, 0, 0, 0);
	j->n_cmd = 1;
}
MAKE(record_read_only)
{
	bench_move(j->cmd[0], MEA_OP_LOAD, 1, 0, 4, 0, 0, 0);
	j->record = true;
	j->record_slot = 1;
	j->record_offset = 0x100;
}
MAKE(record_past_end)
{
	bench_move(j->cmd[0], MEA_OP_LOAD, 1, 0, 4, 0, 0, 0);
	j->record = true;
	j->record_slot = 7;
	j->record_offset = SIZE;
}

#define F(x) MEA_FAULT_##x

static const struct hostile cases[] = {
	{"LOAD past the end", F(BOUNDS), 1, SIZE, 0, Q_LOAD, 0, load_past_end},
	{"LOAD far outside", F(BOUNDS), 1, 0x40000000, 0, Q_LOAD, 0, load_far_out},
	{"LOAD whose end wraps 32 bits", F(BOUNDS), 1, 0xfffffff0, 0, Q_LOAD, 0, load_wraps},
	{"rows that wrap 32 bits", F(BOUNDS), 1, 0, 0, Q_LOAD, 0, rows_wrap},
	{"LOAD of a write-only slot", F(DIRECTION), 2, 0x40, 0, Q_LOAD, 0, load_write_only},
	{"STORE to a read-only slot", F(DIRECTION), 1, 0x80, 1, Q_STORE, 0, store_read_only},
	{"STORE past the end", F(BOUNDS), 2, SIZE, 1, Q_STORE, 0, store_past_end},
	{"LOAD of a closed slot", F(SLOT_CLOSED), 4, 0, 0, Q_LOAD, 0, load_closed},
	{"STORE to a closed slot", F(SLOT_CLOSED), 4, 0, 1, Q_STORE, 0, store_closed},
	{"slot number 9", F(SLOT_CLOSED), 9, 0, 0, Q_LOAD, 0, slot_number},
	{"the second command", F(BOUNDS), 3, SIZE, 0, Q_LOAD, 1, second_command},
	{"unknown opcode", F(ILLEGAL), -1, -1, 0, Q_FETCH, 0, opcode},
	{"no words", F(ILLEGAL), -1, -1, 0, Q_LOAD, 0, zero_words},
	{"no rows", F(ILLEGAL), -1, -1, 0, Q_STORE, 0, zero_rows},
	{"kernel of no taps", F(ILLEGAL), -1, -1, 0, Q_COMPUTE, 0, zero_kernel},
	{"misaligned offset", F(ALIGN), -1, -1, 0, Q_LOAD, 0, misaligned},
	{"misaligned pitch", F(ALIGN), -1, -1, 0, Q_STORE, 0, pitch},
	{"misaligned SNAP", F(ALIGN), -1, -1, 0, Q_STORE, 0, snap_misaligned},
	{"SNAP to a read-only slot", F(DIRECTION), 1, 0x80, 1, Q_STORE, 0, snap_read_only},
	{"a token that never comes", F(WATCHDOG), -1, -1, 0, -1, ~0u, token_never_comes},
	{"loops as long as they get", F(WATCHDOG), -1, -1, 0, -1, ~0u, endless_pool},
	{"commands past the end of slot 0", F(BOUNDS), 0, SIZE, 0, Q_FETCH, 1, commands_past_end},
	{"record in a read-only slot", F(DIRECTION), 1, 0x100, 1, Q_STORE, ~0u, record_read_only},
	{"record past the end", F(BOUNDS), 7, SIZE, 1, Q_STORE, ~0u, record_past_end},
};

static const struct hostile with_tables[] = {
	{"LOAD of a table past the end", F(BOUNDS), 1, SIZE, 0, Q_LOAD, 0, table_past_end},
};

static const struct hostile without[] = {
	{"LOAD of a table where there are none", F(ILLEGAL), -1, -1, 0, Q_LOAD, 0, load_table},
	{"POOL with a table where there are none", F(ILLEGAL), -1, -1, 0, Q_COMPUTE, 0, pool_table},
	{"DEPTHWISE with one", F(ILLEGAL), -1, -1, 0, Q_DEPTHWISE, 0, depthwise_table},
	{"a product where there are none", F(ILLEGAL), -1, -1, 0, Q_COMPUTE, 0, pool_product},
};
#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static bool as_told(struct bench *b, int bank, const struct hostile *h)
{
	uint32_t f = bench_bank(b, bank, MEA_BANK_FAULT);
	uint32_t cause = f & MEA_FAULT_CAUSE_MASK;
	uint32_t slot = (f & MEA_FAULT_SLOT_MASK) >> MEA_FAULT_SLOT_SHIFT;
	uint32_t dir = (f & MEA_FAULT_WRITE_MASK) >> MEA_FAULT_WRITE_SHIFT;
	uint32_t queue = (f & MEA_FAULT_QUEUE_MASK) >> MEA_FAULT_QUEUE_SHIFT;
	uint32_t offset = bench_bank(b, bank, MEA_BANK_FAULT_OFFSET);
	uint32_t cmd = bench_bank(b, bank, MEA_BANK_FAULT_CMD);
	bool ok = cause == h->cause && dir == (uint32_t)h->is_write &&
		  (h->slot < 0 || slot == (uint32_t)h->slot) &&
		  (h->offset < 0 || offset == (uint32_t)h->offset) &&
		  (h->queue < 0 || queue == (uint32_t)h->queue) && (h->cmd == ~0u || cmd == h->cmd);

	if (!ok)
		printf("# cause %u slot %u write %u queue %u offset 0x%x command %u\n", cause, slot,
		       dir, queue, offset, cmd);
	return ok;
}

static void one(struct bench *b, const struct hostile *h, int bank, uint32_t word_bytes)
{
	static struct bench_job bad, good;
	static uint8_t before[MEA_SLOTS][BENCH_SLOT_BYTES];
	bool ended, told, good_ended, untouched = true;

	memset(&bad, 0, sizeof(bad));
	bad.n_cmd = 1;
	h->make(b, &bad);
	if (h->make == commands_past_end)
		bad.n_cmd = 2;
	bench_prepare(b, bank, &bad);
	good_job(b, &good, word_bytes);
	bench_prepare(b, !bank, &good);
	memcpy(before, b->mem, sizeof(before));
	bench_start(b, bank, false);
	bench_start(b, !bank, false);
	ended = bench_finish(b, bank, 50000);
	told = as_told(b, bank, h);
	good_ended = bench_finish(b, !bank, 50000) &&
		     !(bench_bank(b, !bank, MEA_BANK_FAULT) & MEA_FAULT_CAUSE_MASK);
	for (uint32_t s = 0; s < MEA_SLOTS; s++)
		if (s != 2)
			untouched &= !memcmp(before[s], b->mem[s], BENCH_SLOT_BYTES);
	untouched &= !memcmp(before[2], b->mem[2], GOOD_DATA);
	bench_check(b, ended && told, "%s: fault named", h->name);
	bench_check(b, bench_bus_clean(b) && untouched, "%s: nothing on the bus", h->name);
	bench_check(b,
		    good_ended && !memcmp(b->mem[1] + GOOD_DATA, b->mem[2] + GOOD_DATA,
					  WORDS * word_bytes),
		    "%s: the next job runs", h->name);
	bench_set(b, bank, MEA_BANK_ACK, 1);
	bench_set(b, !bank, MEA_BANK_ACK, 1);
}

/* 300 loads each give the store queue a token that nobody takes. */
static void token_overflow(struct bench *b)
{
	static struct bench_job j;
	bool ok = true;

	memset(&j, 0, sizeof(j));
	j.n_cmd = 40;
	for (uint32_t i = 0; i < j.n_cmd; i++)
		bench_move(j.cmd[i], MEA_OP_LOAD, 1, 0, 4, 0, 0, 2);
	bench_prepare(b, 0, &j);
	/* More commands than the array holds: repeat them in slot 0. */
	for (uint32_t i = 0; i < 256; i++)
		memcpy(b->mem[0] + (size_t)i * 64, j.cmd[0], 64);
	bench_set(b, 0, MEA_BANK_CMD_COUNT, 256);
	bench_start(b, 0, false);
	ok = bench_finish(b, 0, 100000) &&
	     (bench_bank(b, 0, MEA_BANK_FAULT) & MEA_FAULT_CAUSE_MASK) == MEA_FAULT_TOKEN &&
	     bench_bank(b, 0, MEA_BANK_FAULT_CMD) == 255;
	bench_check(b, ok, "the token that would pass TOKEN_MAX is a fault of its command");
	bench_set(b, 0, MEA_BANK_ACK, 1);
}

static void bus_error(struct bench *b, bool write, uint32_t word_bytes)
{
	static struct bench_job j;
	uint32_t f;

	good_job(b, &j, word_bytes);
	j.cmd_offset = 0;
	bench_prepare(b, 0, &j);
	/* The commands come in two bursts; the third read is the data. */
	mea_sim_bus_fault(b->sim, write ? 0 : 3, write ? 1 : 0, false);
	bench_start(b, 0, false);
	bench_check(b, bench_finish(b, 0, 50000), "a bus error ends the job");
	f = bench_bank(b, 0, MEA_BANK_FAULT);
	bench_check(b,
		    (f & MEA_FAULT_CAUSE_MASK) == MEA_FAULT_BUS &&
			    ((f & MEA_FAULT_QUEUE_MASK) >> MEA_FAULT_QUEUE_SHIFT) ==
				    (write ? Q_STORE : Q_LOAD),
		    "%s error: cause BUS, queue %s", write ? "write" : "read",
		    write ? "store" : "load");
	bench_set(b, 0, MEA_BANK_ACK, 1);
	mea_sim_bus_fault(b->sim, 0, 0, false);
}

static void all(struct bench *b, int bank, uint32_t word_bytes)
{
	/* A configuration of the tests has tables and products, or neither. */
	bool has = mea_sim_read(b->sim, MEA_REG_CONFIG5) != 0;
	const struct hostile *more = has ? with_tables : without;

	for (size_t i = 0; i < COUNT(cases); i++)
		one(b, &cases[i], bank, word_bytes);
	for (size_t i = 0; i < (has ? COUNT(with_tables) : COUNT(without)); i++)
		one(b, &more[i], bank, word_bytes);
}

int main(int argc, char **argv)
{
	static struct bench b;
	const char *config = argc > 1 ? argv[1] : "8x8";
	uint32_t c0, rows, cols, word;

	bench_open(&b, config, 30, 20, 7);
	c0 = mea_sim_read(b.sim, MEA_REG_CONFIG0);
	rows = c0 & 0xff;
	cols = c0 >> 8 & 0xff;
	word = rows > cols ? rows : cols;
	all(&b, 0, word);
	token_overflow(&b);
	/* The bank that runs first alternates, so this tries the other one too. */
	all(&b, 1, word);
	bus_error(&b, false, word);
	bus_error(&b, true, word);
	bench_check(&b, bench_bus_clean(&b), "no burst outside, none over a page, none withdrawn");
	bench_close(&b);
	return b.failed != 0;
}
