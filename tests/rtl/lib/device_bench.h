/* SPDX-License-Identifier: Apache-2.0 */
/* A bare simulated device for tests of its registers, jobs and guard: no runtime, each slot a
 * mapping of its own with nothing beside it, so that any access outside meets nothing. */
#ifndef MEA_TEST_DEVICE_BENCH_H
#define MEA_TEST_DEVICE_BENCH_H

#include <stdbool.h>
#include <stdint.h>

#include "mea_isa.h"
#include "sim/mea_sim.h"

#define BENCH_SLOT_BYTES 0x4000u

struct bench {
	struct mea_sim *sim;
	/* What the slots' mappings hold; slot s is at bench_bus(s). */
	uint8_t mem[MEA_SLOTS][BENCH_SLOT_BYTES];
	int failed, tests;
};

/* One job; zeroed fields mean: no record, budget 100,000, the slots of bench_slots(). */
struct bench_job {
	uint32_t cmd[64][16];
	uint32_t n_cmd, budget, tag;
	bool record, scrub;
	uint32_t record_slot, record_offset;
	uint32_t cmd_offset; /* where cmd[] stands in slot 0 */
};

/* Opens configuration name; ends the program with a TAP bail-out when there is none. */
void bench_open(struct bench *b, const char *name, uint32_t latency, uint32_t stall, uint64_t seed);
void bench_close(struct bench *b);

/* Bus address of slot s. */
uint64_t bench_bus(uint32_t s);

uint32_t bench_bank(const struct bench *b, int bank, uint32_t reg);
void bench_set(struct bench *b, int bank, uint32_t reg, uint32_t value);

/* Slots: 0 and 1 readable, 2 writable, 3 both, 4 closed, 5 both, 6 readable, 7 writable. */
void bench_slots(struct bench *b, int bank);

/* Writes all registers of a bank and the commands, without START. */
void bench_prepare(struct bench *b, int bank, const struct bench_job *j);
void bench_start(struct bench *b, int bank, bool scrub);

/* Clocks until the bank is DONE; false after limit cycles. */
bool bench_finish(struct bench *b, int bank, uint64_t limit);

/* One TAP line; returns ok. */
bool bench_check(struct bench *b, bool ok, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* No burst met anything but a mapped range. */
bool bench_bus_clean(struct bench *b);

static inline void bench_put(uint32_t cmd[16], uint32_t field, uint32_t value)
{
	uint32_t word = field >> 16, lsb = field >> 8 & 0xff, width = field & 0xff;
	uint32_t mask = width == 32 ? 0xffffffffu : (1u << width) - 1;

	cmd[word] = (cmd[word] & ~(mask << lsb)) | (value & mask) << lsb;
}

/* LOAD or STORE of one row; wait and signal as in the command. */
void bench_move(uint32_t cmd[16], uint32_t op, uint32_t slot, uint32_t offset, uint32_t words,
		uint32_t addr, uint32_t wait, uint32_t signal);

#endif
