/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The Verilated accelerator behind its bus: registers, clock, interrupt, the faults
 * that tests plant, and the wall around its memory accesses.
 */
#ifndef MEA_COSIM_DEVICE_H
#define MEA_COSIM_DEVICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "memory.h"
#include "sim/mea_sim.h"
#include "timetravel.h"

#define DEVICE_READS 16 /* planted register values */
#define DEVICE_LATE  64 /* interrupts that wait at once */

/* All zero: a sound device. Counts say how many times more. */
struct faults {
	unsigned hang;			  /* jobs to come that never end */
	bool stuck;			  /* a reset never ends */
	bool gone;			  /* reads are all ones, nothing else happens */
	bool edge;			  /* no second message while the interrupt stays up */
	unsigned lost, twice, late;	  /* interrupts */
	unsigned late_ms;		  /* by how much */
	unsigned random_read, random_irq; /* percent of the accesses */
	struct {
		uint32_t reg, value;
		unsigned count; /* 0: always */
	} read[DEVICE_READS];
	unsigned reads;
	uint64_t kill_at; /* device_ms() at which the process dies, 0: never */
};

struct counters {
	uint64_t mmio_reads, mmio_writes, jobs;
	uint64_t irqs;	   /* of the device */
	uint64_t messages; /* sent to the guest */
	uint64_t bursts, bytes;
};

struct device {
	struct mea_sim *sim;
	struct faults faults;
	struct counters count;
	/* Sends one interrupt message. */
	void (*send)(void *arg);
	void *send_arg;
	bool master; /* may use the bus */
	bool dead;   /* the guest has only its clock left */
	/* The guest's clock where it is the device's; NULL: the host's. */
	struct timetravel *time;

	/* The rest is private. */
	struct {
		uint64_t base, size;
		uint32_t flags;
	} slot[2][8]; /* as the registers should hold it */
	struct memory memory;
	bool hang_bank[2], hung, reset_asked;
	uint64_t irqs_seen, random;
	uint64_t late_at[DEVICE_LATE]; /* milliseconds */
	unsigned n_late;
};

/* Opens a configuration ("16x16"); the process ends if it cannot. */
void device_open(struct device *d, const char *config, const struct mea_sim_options *opt);
void device_close(struct device *d);

/* Milliseconds of the guest's clock. */
uint64_t device_ms(const struct device *d);

/* size bytes of guest memory come to addr; the caller keeps host until they go. False:
 * there is memory already, or size is 0. */
bool device_map(struct device *d, uint64_t addr, void *host, uint64_t size, bool writable);
/* All memory in these size bytes goes. False, and nothing goes: some is only partly in it. */
bool device_unmap(struct device *d, uint64_t addr, uint64_t size);

/* A 32-bit register. */
uint32_t device_read(struct device *d, uint32_t reg);
void device_write(struct device *d, uint32_t reg, uint32_t value);

/* Whether the device may use the bus at all. */
void device_set_master(struct device *d, bool on);

/* Whether clocking it will change anything. */
bool device_busy(const struct device *d);
/* Whether what runs waits for a bus that will not answer. */
bool device_hung(const struct device *d);
/* Clocks at most cycles. */
void device_clock(struct device *d, unsigned cycles);

/* Sends one interrupt message now, whatever the device says. */
void device_spurious(struct device *d);
/* Sends what is late; returns the milliseconds until the next, -1 for none. */
int device_late(struct device *d);

/* Ends the process if the device ever broke a rule of its bus. */
void device_check(struct device *d);

/* Off the bus, or back on it. */
void device_set_gone(struct device *d, bool on);
/* Makes the device sound again; jobs that hang go on. */
void device_heal(struct device *d);
/* The nth read and write burst from now on is answered with an error, 0: none. */
void device_bus_error(struct device *d, uint64_t read_n, uint64_t write_n);

#endif
