// SPDX-License-Identifier: Apache-2.0
#include "device_bench.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BUS	 0x2400000000ull
#define BUS_STEP 0x100000ull

uint64_t bench_bus(uint32_t s)
{
	return BUS + s * BUS_STEP;
}

void bench_open(struct bench *b, const char *name, uint32_t latency, uint32_t stall, uint64_t seed)
{
	struct mea_sim_options opt = {.latency = latency, .stall_percent = stall, .seed = seed};
	char error[256];

	if (mea_sim_open(NULL, name, &opt, &b->sim, error, sizeof(error)) < 0) {
		printf("Bail out! %s\n", error);
		exit(1);
	}
	for (uint32_t s = 0; s < MEA_SLOTS; s++)
		if (mea_sim_map(b->sim, bench_bus(s), b->mem[s], BENCH_SLOT_BYTES) < 0)
			exit(1);
	mea_sim_write(b->sim, MEA_REG_IRQ_ENABLE, 3);
}

void bench_close(struct bench *b)
{
	mea_sim_close(b->sim);
	b->sim = NULL;
}

static uint32_t at(int bank, uint32_t reg)
{
	return MEA_JOB_BANK0 + (uint32_t)bank * MEA_JOB_BANK_STRIDE + reg;
}

uint32_t bench_bank(const struct bench *b, int bank, uint32_t reg)
{
	return mea_sim_read(b->sim, at(bank, reg));
}

void bench_set(struct bench *b, int bank, uint32_t reg, uint32_t value)
{
	mea_sim_write(b->sim, at(bank, reg), value);
}

void bench_slots(struct bench *b, int bank)
{
	static const uint32_t rights[MEA_SLOTS] = {1, 1, 2, 3, 0, 3, 1, 2};

	for (uint32_t s = 0; s < MEA_SLOTS; s++) {
		uint32_t r = s * MEA_SLOT_STRIDE;

		bench_set(b, bank, r + MEA_BANK_SLOT_BASE_LO, (uint32_t)bench_bus(s));
		bench_set(b, bank, r + MEA_BANK_SLOT_BASE_HI, (uint32_t)(bench_bus(s) >> 32));
		bench_set(b, bank, r + MEA_BANK_SLOT_SIZE, rights[s] ? BENCH_SLOT_BYTES / 64 : 0);
		bench_set(b, bank, r + MEA_BANK_SLOT_FLAGS, rights[s]);
	}
}

void bench_prepare(struct bench *b, int bank, const struct bench_job *j)
{
	bench_slots(b, bank);
	memcpy(b->mem[0] + j->cmd_offset, j->cmd, (size_t)j->n_cmd * MEA_CMD_BYTES);
	bench_set(b, bank, MEA_BANK_CMD_OFFSET, j->cmd_offset);
	bench_set(b, bank, MEA_BANK_CMD_COUNT, j->n_cmd);
	bench_set(b, bank, MEA_BANK_BUDGET, j->budget ? j->budget : 100000);
	bench_set(b, bank, MEA_BANK_RECORD,
		  j->record_slot | (uint32_t)j->record << MEA_RECORD_ENABLE_SHIFT);
	bench_set(b, bank, MEA_BANK_RECORD_OFFSET, j->record_offset);
	bench_set(b, bank, MEA_BANK_TAG, j->tag);
}

void bench_start(struct bench *b, int bank, bool scrub)
{
	bench_set(b, bank, MEA_BANK_START, 1u | (uint32_t)scrub << 1);
}

bool bench_finish(struct bench *b, int bank, uint64_t limit)
{
	uint64_t end = mea_sim_cycles(b->sim) + limit;

	while (mea_sim_cycles(b->sim) < end) {
		if (bench_bank(b, bank, MEA_BANK_STATE) == MEA_STATE_DONE)
			return true;
		mea_sim_write(b->sim, MEA_REG_IRQ_STATUS, 3);
		mea_sim_run(b->sim, 200);
	}
	return false;
}

bool bench_check(struct bench *b, bool ok, const char *fmt, ...)
{
	va_list ap;

	printf("%s %d - ", ok ? "ok" : "not ok", ++b->tests);
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	printf("\n");
	b->failed += !ok;
	return ok;
}

bool bench_bus_clean(struct bench *b)
{
	struct mea_sim_bus seen;

	mea_sim_bus_seen(b->sim, &seen);
	return !seen.unmapped && !seen.crossing && !seen.unstable;
}

void bench_move(uint32_t cmd[16], uint32_t op, uint32_t slot, uint32_t offset, uint32_t words,
		uint32_t addr, uint32_t wait, uint32_t signal)
{
	memset(cmd, 0, 64);
	bench_put(cmd, MEA_F_CMD_OPCODE, op);
	bench_put(cmd, MEA_F_CMD_WAIT, wait);
	bench_put(cmd, MEA_F_CMD_SIGNAL, signal);
	/* STORE has these at the same places. */
	bench_put(cmd, MEA_F_LOAD_SLOT, slot);
	bench_put(cmd, MEA_F_LOAD_OFFSET, offset);
	bench_put(cmd, MEA_F_LOAD_ROW_WORDS, words);
	bench_put(cmd, MEA_F_LOAD_ROWS, 1);
	bench_put(cmd, MEA_F_LOAD_ADDR, addr);
	bench_put(cmd, MEA_F_LOAD_PITCH, words);
}
