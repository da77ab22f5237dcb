/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The Verilated accelerator as a C library: registers, interrupt, clock, and a
 * bus with host memory behind it. One build per configuration ("16x16", "8x16",
 * ...) as a shared object that mea_sim_open() loads by name.
 *
 * A device is used by one thread at a time; different devices are independent.
 */
#ifndef MEA_SIM_H
#define MEA_SIM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct mea_sim;

struct mea_sim_options {
	uint32_t latency;	/* cycles from an address to its first beat */
	uint32_t stall_percent; /* 0 .. 90: how often each channel is not ready */
	uint64_t seed;		/* of the stalls and of the power-on contents */
	const char *trace;	/* FST file; needs the "-trace" build; NULL: none */
};

/* What the bus saw that it should not have; all zero in a correct design. */
struct mea_sim_bus {
	uint64_t read_beats, write_beats, read_bursts, write_bursts;
	uint64_t unmapped;  /* bursts outside every mapped range; answered DECERR */
	uint64_t crossing;  /* bursts over a 4 KiB border */
	uint64_t unstable;  /* a valid request that changed before it was taken */
	uint64_t first_bad; /* address of the first of these */
};

/*
 * Loads configuration name from dir (NULL: MEA_SIM_DIR, or else where `make` or
 * `make install` puts it, seen from libmea.so or the program) and resets it. Returns 0, or -1 with
 * a sentence in error[size].
 */
int mea_sim_open(const char *dir, const char *name, const struct mea_sim_options *opt,
		 struct mea_sim **out, char *error, size_t size);
void mea_sim_close(struct mea_sim *s);

/* Makes size bytes at host visible at bus address addr. Ranges may not overlap.
 * Returns 0 or -1. unmap takes away the range that starts at addr. */
int mea_sim_map(struct mea_sim *s, uint64_t addr, void *host, size_t size);
void mea_sim_unmap(struct mea_sim *s, uint64_t addr);

/* A register access over AXI4-Lite; takes a few cycles of simulated time. */
uint32_t mea_sim_read(struct mea_sim *s, uint32_t reg);
void mea_sim_write(struct mea_sim *s, uint32_t reg, uint32_t value);

bool mea_sim_irq(struct mea_sim *s);

/* Clocks until the interrupt is up or limit cycles have passed; returns the
 * cycles that passed. */
uint64_t mea_sim_run(struct mea_sim *s, uint64_t limit);

/* Clocks limit cycles, or until the interrupt rises: unlike mea_sim_run() it goes on
 * while the interrupt is up. Returns the cycles that passed. */
uint64_t mea_sim_step(struct mea_sim *s, uint64_t limit);

/* How often the interrupt rose since open, during register accesses too. */
uint64_t mea_sim_irq_rises(struct mea_sim *s);

/* RUNNING, RESETTING, BANK0 and BANK1 of the STATUS register, looked at from outside:
 * no access on the bus, no cycle passes. */
uint32_t mea_sim_status(struct mea_sim *s);

/* Calls fn for every burst that the device issues, in its cycle and before its data
 * move; fn may not touch the device, but for mea_sim_status(). NULL: no more. */
typedef void mea_sim_burst_fn(void *arg, uint64_t addr, uint32_t bytes, bool write);
void mea_sim_watch(struct mea_sim *s, mea_sim_burst_fn *fn, void *arg);

/* What happens to the commands of a job. */
enum mea_sim_event {
	MEA_SIM_JOB,   /* a job starts */
	MEA_SIM_BEGIN, /* an engine takes a command */
	MEA_SIM_END,   /* the command is complete */
	MEA_SIM_CLASS, /* from here on cycles belong to another class */
};

struct mea_sim_notice {
	enum mea_sim_event event;
	unsigned queue; /* BEGIN, END: load, compute, store, depthwise, from 0 */
	uint32_t index; /* BEGIN, END: of the command in the job; CLASS: as COUNTER in isa.def */
	uint32_t cycle; /* of the job, from 0; END: the last one that the command takes */
	/* Cycles of the job, this one included, in which the depthwise unit's multipliers worked.
	 */
	uint32_t dw_cycles;
};

/* Calls fn for each of these in its cycle; fn may not touch the device. The record of a job, and
 * what stores it, is no command. NULL: no more. */
typedef void mea_sim_engine_fn(void *arg, const struct mea_sim_notice *step);
void mea_sim_engines(struct mea_sim *s, mea_sim_engine_fn *fn, void *arg);

/* Cycles since open. */
uint64_t mea_sim_cycles(struct mea_sim *s);

void mea_sim_bus_seen(struct mea_sim *s, struct mea_sim_bus *bus);

/* Bus fault injection: the read (write) bursts numbered n from now on are
 * answered with SLVERR; 0: none. Never answer at all with hang = true. */
void mea_sim_bus_fault(struct mea_sim *s, uint64_t read_n, uint64_t write_n, bool hang);

#ifdef __cplusplus
}
#endif
#endif
