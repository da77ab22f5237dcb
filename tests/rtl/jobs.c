// SPDX-License-Identifier: Apache-2.0
/*
 * The life of a job as hw/README.md tells it, on the bare Verilated device: registers,
 * bank states, order, scrub, records, reset.
 *
 *   jobs [CONFIG]
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/device_bench.h"

static uint32_t state(struct bench *b, int bank)
{
	return bench_bank(b, bank, MEA_BANK_STATE);
}

static void ack(struct bench *b, int bank)
{
	bench_set(b, bank, MEA_BANK_ACK, 1);
}

static void registers(struct bench *b)
{
	static const struct {
		uint32_t reg, mask;
	} rw[] = {
		{MEA_BANK_CMD_OFFSET, 0xffffffc0},    {MEA_BANK_CMD_COUNT, 0xffffffff},
		{MEA_BANK_BUDGET, 0xffffffff},	      {MEA_BANK_RECORD, 0x8000000f},
		{MEA_BANK_RECORD_OFFSET, 0xffffff80}, {MEA_BANK_TAG, 0xffffffff},
	};
	bool ok = true;

	bench_check(b, mea_sim_read(b->sim, MEA_REG_ID) == MEA_ID_VALUE, "ID");
	bench_check(b, mea_sim_read(b->sim, MEA_REG_VERSION) == MEA_VERSION_VALUE, "VERSION");
	for (int bank = 0; bank < 2; bank++)
		for (size_t i = 0; i < sizeof(rw) / sizeof(rw[0]); i++)
			for (int k = 0; k < 8; k++) {
				uint32_t v = (uint32_t)rand() * 2654435761u;

				bench_set(b, bank, rw[i].reg, v);
				ok &= bench_bank(b, bank, rw[i].reg) == (v & rw[i].mask);
			}
	bench_check(b, ok, "job registers read back, with the bits that exist");
	ok = true;
	for (uint32_t s = 0; s < MEA_SLOTS * 2; s++) {
		int bank = s >= MEA_SLOTS;
		uint32_t r = s % MEA_SLOTS * MEA_SLOT_STRIDE, v = (uint32_t)rand() * 2654435761u;

		bench_set(b, bank, r + MEA_BANK_SLOT_BASE_LO, v);
		bench_set(b, bank, r + MEA_BANK_SLOT_BASE_HI, ~v);
		bench_set(b, bank, r + MEA_BANK_SLOT_SIZE, v & 0x3ffffff);
		bench_set(b, bank, r + MEA_BANK_SLOT_FLAGS, s & 3);
		ok &= bench_bank(b, bank, r + MEA_BANK_SLOT_BASE_LO) == (v & 0xfffff000) &&
		      bench_bank(b, bank, r + MEA_BANK_SLOT_BASE_HI) == ~v &&
		      bench_bank(b, bank, r + MEA_BANK_SLOT_SIZE) == (v & 0x3ffffff) &&
		      bench_bank(b, bank, r + MEA_BANK_SLOT_FLAGS) == (s & 3);
	}
	bench_check(b, ok, "slot registers read back");
	bench_set(b, 0, MEA_BANK_SLOT_SIZE, 0xffffffff);
	bench_check(b, bench_bank(b, 0, MEA_BANK_SLOT_SIZE) == MEA_SLOT_MAX_UNITS,
		    "a size over 4 GiB becomes 4 GiB");
	bench_check(b, mea_sim_read(b->sim, 0xffc) == 0, "an address without a register reads 0");
}

static void copy_job(struct bench_job *j, uint32_t at, uint32_t tag)
{
	memset(j, 0, sizeof(*j));
	bench_move(j->cmd[0], MEA_OP_LOAD, 1, at, 16, 0, 0, 2);
	bench_move(j->cmd[1], MEA_OP_STORE, 2, at, 16, 0, 1, 0);
	j->n_cmd = 2;
	j->cmd_offset = at;
	j->tag = tag;
	j->record = true;
	j->record_slot = 7;
	j->record_offset = at;
}

static uint32_t record(const struct bench *b, uint32_t at, uint32_t word)
{
	uint32_t v;

	memcpy(&v, b->mem[7] + at + 4 * word, 4);
	return v;
}

static void life(struct bench *b)
{
	static struct bench_job j;
	uint32_t sum = 0;

	copy_job(&j, 0x400, 0xcafe);
	memset(b->mem[1], 0x5a, BENCH_SLOT_BYTES);
	bench_prepare(b, 0, &j);
	bench_check(b, state(b, 0) == MEA_STATE_EMPTY, "EMPTY before START");
	bench_start(b, 0, false);
	bench_check(b, state(b, 0) == MEA_STATE_RUNNING, "RUNNING soon after");
	bench_set(b, 0, MEA_BANK_SLOT_SIZE, 1);
	bench_set(b, 0, MEA_BANK_TAG, 1);
	bench_check(b,
		    bench_bank(b, 0, MEA_BANK_SLOT_SIZE) == BENCH_SLOT_BYTES / 64 &&
			    bench_bank(b, 0, MEA_BANK_TAG) == 0xcafe,
		    "writes to a RUNNING bank change nothing");
	bench_check(b, bench_finish(b, 0, 20000), "DONE");
	bench_check(b, b->mem[2][0x400] == 0x5a, "it did its work");
	bench_check(b,
		    record(b, 0x400, MEA_REC_MAGIC) == 0x4d454152 &&
			    record(b, 0x400, MEA_REC_TAG) == 0xcafe &&
			    record(b, 0x400, MEA_REC_FAULT) == 0,
		    "record: magic, tag, no fault");
	for (uint32_t i = 0; i < 10; i++)
		sum += record(b, 0x400, MEA_REC_COUNTERS + i);
	bench_check(b, sum && sum == record(b, 0x400, MEA_REC_CYCLES),
		    "record: classes sum to cycles");
	bench_check(b, bench_bank(b, 0, MEA_BANK_CYCLES) > sum,
		    "CYCLES has the record's writing too");
	bench_start(b, 0, false);
	mea_sim_run(b->sim, 50);
	bench_check(b, state(b, 0) == MEA_STATE_DONE, "START of a DONE bank is ignored");
	ack(b, 0);
	bench_check(b, state(b, 0) == MEA_STATE_EMPTY, "EMPTY after ACK");
}

static void interrupts(struct bench *b)
{
	static struct bench_job j;

	copy_job(&j, 0x400, 1);
	mea_sim_write(b->sim, MEA_REG_IRQ_STATUS, 3);
	bench_prepare(b, 0, &j);
	mea_sim_write(b->sim, MEA_REG_IRQ_ENABLE, 0);
	bench_start(b, 0, false);
	mea_sim_run(b->sim, 5000);
	bench_check(b, state(b, 0) == MEA_STATE_DONE && !mea_sim_irq(b->sim),
		    "a masked interrupt stays down");
	mea_sim_write(b->sim, MEA_REG_IRQ_ENABLE, 3);
	bench_check(b, mea_sim_irq(b->sim), "and comes up when it is enabled");
	bench_check(b, mea_sim_read(b->sim, MEA_REG_IRQ_STATUS) == 1, "it names the bank");
	mea_sim_write(b->sim, MEA_REG_IRQ_STATUS, 2);
	bench_check(b, mea_sim_irq(b->sim), "the other bank's bit clears nothing");
	mea_sim_write(b->sim, MEA_REG_IRQ_STATUS, 1);
	bench_check(b, !mea_sim_irq(b->sim), "its own bit clears it");
	ack(b, 0);
}

/* Both banks wait; which first is the order of START. */
static void order(struct bench *b, int first)
{
	static struct bench_job slow, fast;
	uint32_t end;

	memset(&slow, 0, sizeof(slow));
	slow.n_cmd = 40;
	for (uint32_t i = 0; i < slow.n_cmd; i++)
		bench_move(slow.cmd[i], MEA_OP_LOAD, 1, 0, 256, 0, 0, 0);
	copy_job(&fast, 0x2000, 2);
	bench_prepare(b, first, &slow);
	bench_prepare(b, !first, &fast);
	bench_start(b, first, false);
	bench_start(b, !first, false);
	bench_check(b, state(b, first) == MEA_STATE_RUNNING && state(b, !first) == MEA_STATE_READY,
		    "bank %d runs, the other is READY", first);
	while (state(b, first) != MEA_STATE_DONE)
		mea_sim_write(b->sim, MEA_REG_IRQ_STATUS, 3);
	end = state(b, !first);
	bench_check(b, end == MEA_STATE_RUNNING || end == MEA_STATE_DONE,
		    "then the other, at once");
	bench_check(b, bench_finish(b, !first, 20000), "and it ends");
	ack(b, 0);
	ack(b, 1);
}

static void empty_job(struct bench *b)
{
	static struct bench_job j;

	memset(&j, 0, sizeof(j));
	bench_prepare(b, 0, &j);
	bench_start(b, 0, false);
	bench_check(b, bench_finish(b, 0, 1000) && bench_bank(b, 0, MEA_BANK_FAULT) == 0,
		    "a job of no commands succeeds");
	ack(b, 0);
}

/* What client A left in the scratchpad must not reach client B after a scrub. */
static void scrub(struct bench *b, uint32_t word)
{
	static struct bench_job a, r;
	bool leaked = false, zero = true;

	memset(&a, 0, sizeof(a));
	memset(b->mem[1], 0x77, BENCH_SLOT_BYTES);
	bench_move(a.cmd[0], MEA_OP_LOAD, 1, 0, 64, 500, 0, 0);
	a.n_cmd = 1;
	memset(&r, 0, sizeof(r));
	bench_move(r.cmd[0], MEA_OP_STORE, 2, 0, 64, 500, 0, 0);
	r.n_cmd = 1;
	r.cmd_offset = 0x1000;
	for (int with = 0; with < 2; with++) {
		bench_prepare(b, 0, &a);
		bench_start(b, 0, false);
		bench_finish(b, 0, 20000);
		ack(b, 0);
		memset(b->mem[2], 0xee, BENCH_SLOT_BYTES);
		bench_prepare(b, 0, &r);
		bench_start(b, 0, with);
		bench_finish(b, 0, 200000);
		ack(b, 0);
		for (uint32_t i = 0; i < 64 * word; i++) {
			leaked |= !with && b->mem[2][i] == 0x77;
			zero &= !with || b->mem[2][i] == 0;
		}
	}
	bench_check(b, leaked, "without SCRUB memory keeps what it held");
	bench_check(b, zero, "with SCRUB it is zero");
}

/* A job that looks byte `value` up in table `at`, for the first channels of a pixel. Parameters of
 * zeros make every result `value`. */
static void look_up(struct bench_job *j, uint32_t at, uint32_t value)
{
	uint32_t *pool = j->cmd[1];

	memset(j, 0, sizeof(*j));
	bench_move(j->cmd[0], MEA_OP_LOAD, 6, 0, 5, 0, 0, 1);
	bench_put(j->cmd[0], MEA_F_LOAD_DEST, MEA_DEST_WGT);
	bench_put(pool, MEA_F_CMD_OPCODE, MEA_OP_POOL);
	bench_put(pool, MEA_F_CMD_WAIT, 1);
	bench_put(pool, MEA_F_CMD_SIGNAL, 2);
	for (size_t i = 0; i < 7; i++)
		bench_put(pool,
			  (const uint32_t[]){MEA_F_CONV_FIRST, MEA_F_CONV_FINAL, MEA_F_CONV_TABLE,
					     MEA_F_CONV_KW, MEA_F_CONV_KH, MEA_F_CONV_OUT_W,
					     MEA_F_CONV_OUT_H}[i],
			  1);
	bench_put(pool, MEA_F_CONV_K_BLOCKS, 1);
	bench_put(pool, MEA_F_CONV_TABLE_AT, at);
	bench_put(pool, MEA_F_CONV_MID_ZERO, value);
	bench_put(pool, MEA_F_CONV_MID_LO, 0x80);
	bench_put(pool, MEA_F_CONV_MID_HI, 0x7f);
	bench_move(j->cmd[2], MEA_OP_STORE, 2, 0, 1, 0, 2, 0);
	j->n_cmd = 3;
	j->cmd_offset = 0x1000;
}

/* The same for the tables of activations, at the first entry and at the last. */
static void scrub_tables(struct bench *b)
{
	uint32_t tables = mea_sim_read(b->sim, MEA_REG_CONFIG5) & MEA_CONFIG5_TABLES_MASK;
	static struct bench_job a, r;
	bool kept = true, zero = true;

	memset(&a, 0, sizeof(a));
	memset(b->mem[1], 0x77, BENCH_SLOT_BYTES);
	memset(b->mem[6], 0, BENCH_SLOT_BYTES);
	bench_move(a.cmd[0], MEA_OP_LOAD, 1, 0, tables * MEA_TABLE_WORDS, 0, 0, 0);
	bench_put(a.cmd[0], MEA_F_LOAD_DEST, MEA_DEST_TABLE);
	a.n_cmd = 1;
	for (int k = 0; k < 4 && tables; k++) {
		bool with = k & 1, last = k & 2;

		bench_prepare(b, 0, &a);
		bench_start(b, 0, false);
		bench_finish(b, 0, 20000);
		ack(b, 0);
		look_up(&r, last ? tables - 1 : 0, last ? 0xff : 0);
		bench_prepare(b, 0, &r);
		bench_start(b, 0, with);
		bench_finish(b, 0, 200000);
		ack(b, 0);
		kept &= with || b->mem[2][0] == 0x77;
		zero &= !with || b->mem[2][0] == 0;
	}
	bench_check(b, kept, "without SCRUB the %u tables keep what they held", tables);
	bench_check(b, zero, "with SCRUB they are zero");
}

static void reset(struct bench *b)
{
	static struct bench_job slow, next;
	uint64_t rises;

	memset(&slow, 0, sizeof(slow));
	slow.n_cmd = 60;
	for (uint32_t i = 0; i < slow.n_cmd; i++)
		bench_move(slow.cmd[i], i & 1 ? MEA_OP_STORE : MEA_OP_LOAD, i & 1 ? 2 : 1, 0, 256,
			   0, 0, 0);
	copy_job(&next, 0x2000, 3);
	bench_prepare(b, 0, &slow);
	bench_prepare(b, 1, &next);
	bench_start(b, 0, false);
	bench_start(b, 1, false);
	mea_sim_write(b->sim, MEA_REG_IRQ_ENABLE, 3);
	mea_sim_write(b->sim, MEA_REG_IRQ_STATUS, 3);
	rises = mea_sim_irq_rises(b->sim);
	mea_sim_write(b->sim, MEA_REG_CONTROL, MEA_CONTROL_RESET_MASK);
	for (int i = 0; i < 100; i++)
		if (!(mea_sim_read(b->sim, MEA_REG_STATUS) & MEA_STATUS_RESETTING_MASK))
			break;
	bench_check(b,
		    !(mea_sim_read(b->sim, MEA_REG_STATUS) & MEA_STATUS_RESETTING_MASK) &&
			    state(b, 0) == MEA_STATE_EMPTY && state(b, 1) == MEA_STATE_EMPTY,
		    "RESET in the middle of a job empties both banks");
	bench_check(b, mea_sim_irq_rises(b->sim) == rises, "without an interrupt");
	bench_check(b, mea_sim_read(b->sim, MEA_REG_STATUS) & MEA_STATUS_BUS_IDLE_MASK,
		    "and the bus is idle");
	memset(b->mem[2], 0, BENCH_SLOT_BYTES);
	memset(b->mem[1], 0x31, BENCH_SLOT_BYTES);
	bench_prepare(b, 1, &next);
	bench_start(b, 1, false);
	bench_check(b, bench_finish(b, 1, 20000) && b->mem[2][0x2000] == 0x31,
		    "the device works after it");
	ack(b, 1);
}

/* A bus that never answers: the reset must not claim to be done. */
static void hung_bus(struct bench *b)
{
	static struct bench_job j;

	copy_job(&j, 0x400, 4);
	bench_prepare(b, 0, &j);
	mea_sim_bus_fault(b->sim, 0, 0, true);
	bench_start(b, 0, false);
	mea_sim_write(b->sim, MEA_REG_IRQ_STATUS, 3);
	mea_sim_run(b->sim, 1000);
	mea_sim_write(b->sim, MEA_REG_CONTROL, MEA_CONTROL_RESET_MASK);
	mea_sim_run(b->sim, 5000);
	bench_check(b, mea_sim_read(b->sim, MEA_REG_STATUS) & MEA_STATUS_RESETTING_MASK,
		    "with transfers outstanding RESETTING stays");
	mea_sim_bus_fault(b->sim, 0, 0, false);
	for (int i = 0; i < 1000; i++)
		if (!(mea_sim_read(b->sim, MEA_REG_STATUS) & MEA_STATUS_RESETTING_MASK))
			break;
	bench_check(b,
		    !(mea_sim_read(b->sim, MEA_REG_STATUS) & MEA_STATUS_RESETTING_MASK) &&
			    state(b, 0) == MEA_STATE_EMPTY,
		    "and ends when they are answered");
}

int main(int argc, char **argv)
{
	static struct bench b;
	uint32_t c0, rows, cols;

	bench_open(&b, argc > 1 ? argv[1] : "8x8", 40, 10, 3);
	c0 = mea_sim_read(b.sim, MEA_REG_CONFIG0);
	rows = c0 & 0xff;
	cols = c0 >> 8 & 0xff;
	registers(&b);
	life(&b);
	interrupts(&b);
	order(&b, 0);
	order(&b, 1);
	order(&b, 1);
	empty_job(&b);
	scrub(&b, rows > cols ? rows : cols);
	scrub_tables(&b);
	reset(&b);
	hung_bus(&b);
	bench_check(&b, bench_bus_clean(&b), "no burst outside a slot, over a page, or withdrawn");
	bench_close(&b);
	return b.failed != 0;
}
