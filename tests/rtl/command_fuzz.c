// SPDX-License-Identifier: Apache-2.0
/*
 * Random command streams: half of the commands are random bits with a known opcode,
 * half are well formed moves with one random field. Whatever they say, no burst may
 * leave the slots, every job must end within its budget and the time to drain, and a
 * good job must work afterwards.
 *
 *   command_fuzz [CONFIG [JOBS [SEED]]]
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/device_bench.h"

#define BUDGET 2000
/* Outstanding transfers at the end of a job: latency, stalls, some bursts. */
#define DRAIN 20000

static uint64_t seed;

static uint32_t rnd(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return (uint32_t)(seed >> 20);
}

static void random_command(uint32_t cmd[16])
{
	static const uint32_t fields[] = {MEA_F_CMD_WAIT,	MEA_F_CMD_SIGNAL,
					  MEA_F_LOAD_SLOT,	MEA_F_LOAD_DEST,
					  MEA_F_LOAD_OFFSET,	MEA_F_LOAD_ROWS,
					  MEA_F_LOAD_ADDR,	MEA_F_LOAD_ROW_WORDS,
					  MEA_F_LOAD_DRAM_PITCH};
	uint32_t op = 1 + rnd() % 6;

	if (rnd() % 2) {
		for (int i = 0; i < 16; i++)
			cmd[i] = rnd() & (rnd() % 2 ? 0xffffffff : 0x00ff00ff);
		bench_put(cmd, MEA_F_CMD_OPCODE, rnd() % 16 ? op : rnd());
		if (rnd() % 2)
			bench_put(cmd, MEA_F_CMD_WAIT, 0);
		return;
	}
	bench_move(cmd, rnd() % 2 ? MEA_OP_LOAD : MEA_OP_STORE, rnd() % MEA_SLOTS,
		   rnd() % BENCH_SLOT_BYTES & ~15u, 1 + rnd() % 64, rnd(), 0, rnd() % 4);
	if (rnd() % 4 == 0)
		bench_put(cmd, fields[rnd() % (sizeof(fields) / sizeof(fields[0]))], rnd());
}

static bool good_job_works(struct bench *b)
{
	static struct bench_job j;

	memset(&j, 0, sizeof(j));
	bench_move(j.cmd[0], MEA_OP_LOAD, 1, 0, 16, 0, 0, 2);
	bench_move(j.cmd[1], MEA_OP_STORE, 2, 0, 16, 0, 1, 0);
	j.n_cmd = 2;
	for (int i = 0; i < 64; i++) {
		b->mem[1][i] = (uint8_t)rnd();
		b->mem[2][i] = (uint8_t)~b->mem[1][i];
	}
	bench_prepare(b, 0, &j);
	bench_start(b, 0, rnd() % 16 == 0);
	if (!bench_finish(b, 0, 100000) || bench_bank(b, 0, MEA_BANK_FAULT))
		return false;
	bench_set(b, 0, MEA_BANK_ACK, 1);
	return !memcmp(b->mem[1], b->mem[2], 64);
}

int main(int argc, char **argv)
{
	static struct bench b;
	static struct bench_job j;
	static unsigned long faults[16];
	const char *config = argc > 1 ? argv[1] : "4x4";
	long jobs = argc > 2 ? atol(argv[2]) : 2000, commands = 0, i;
	bool ok = true;

	seed = (argc > 3 ? strtoull(argv[3], NULL, 0) : 1) * 0x9e3779b97f4a7c15ull + 99;
	bench_open(&b, config, 20, 15, seed & 0xffff);
	for (i = 0; i < jobs && ok; i++) {
		memset(&j, 0, sizeof(j));
		j.n_cmd = 1 + rnd() % 16;
		j.budget = BUDGET;
		j.record = rnd() % 2;
		j.record_slot = rnd() % 16;
		j.record_offset = rnd() % (2 * BENCH_SLOT_BYTES);
		j.cmd_offset = rnd() % BENCH_SLOT_BYTES & 0x1fc0;
		for (uint32_t k = 0; k < j.n_cmd; k++)
			random_command(j.cmd[k]);
		commands += j.n_cmd;
		bench_prepare(&b, 1, &j);
		bench_start(&b, 1, false);
		ok = bench_finish(&b, 1, BUDGET + DRAIN) && bench_bus_clean(&b);
		faults[bench_bank(&b, 1, MEA_BANK_FAULT) & 15]++;
		bench_set(&b, 1, MEA_BANK_ACK, 1);
		/* STORE may have hit the commands' slot only if it were writable. */
		if (ok && i % 8 == 0)
			ok = good_job_works(&b);
	}
	bench_check(&b, ok, "random commands %s: %ld jobs of %ld commands stayed in their slots",
		    config, i, commands);
	printf("# count: %lu ended well, %lu closed slot, %lu direction, %lu bounds, %lu illegal, "
	       "%lu align, %lu watchdog\n",
	       faults[0], faults[MEA_FAULT_SLOT_CLOSED], faults[MEA_FAULT_DIRECTION],
	       faults[MEA_FAULT_BOUNDS], faults[MEA_FAULT_ILLEGAL], faults[MEA_FAULT_ALIGN],
	       faults[MEA_FAULT_WATCHDOG]);
	bench_close(&b);
	return b.failed != 0;
}
