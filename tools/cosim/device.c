// SPDX-License-Identifier: Apache-2.0
#include "device.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cosim.h"
#include "mea_isa.h"

#define SIZE_MAX_UNITS 0x4000000u
#define FAULT(d, f)    ((d)->faults.f && (d)->faults.f--)

uint64_t device_ms(const struct device *d)
{
	struct timespec t;

	if (d->time)
		return d->time->now / 1000000;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static uint32_t random32(struct device *d)
{
	d->random ^= d->random << 13, d->random ^= d->random >> 7, d->random ^= d->random << 17;
	return (uint32_t)(d->random >> 16);
}

static unsigned bank_state(const struct device *d, unsigned bank)
{
	uint32_t status = mea_sim_status(d->sim);

	return bank ? (status & MEA_STATUS_BANK1_MASK) >> MEA_STATUS_BANK1_SHIFT
		    : (status & MEA_STATUS_BANK0_MASK) >> MEA_STATUS_BANK0_SHIFT;
}

/* --- the bus and the wall ---------------------------------------------------------- */

static void apply_bus(struct device *d, uint64_t read_n, uint64_t write_n)
{
	mea_sim_bus_fault(d->sim, read_n, write_n, device_hung(d));
}

/*
 * Every burst must lie in one slot of the job that runs, with its right. The slots are
 * this program's own copy of what the driver wrote, so that neither the device's slot
 * table nor its guard is trusted.
 */
static void burst(void *arg, uint64_t addr, uint32_t bytes, bool write)
{
	struct device *d = arg;
	unsigned right = write ? MEA_SLOT_FLAGS_WRITE_MASK : MEA_SLOT_FLAGS_READ_MASK;
	unsigned bank = bank_state(d, 0) == MEA_STATE_RUNNING ? 0 : 1;

	if (bank_state(d, bank) != MEA_STATE_RUNNING)
		cosim_abort("%s of %u bytes at 0x%llx while no job runs", write ? "write" : "read",
			    bytes, (unsigned long long)addr);
	for (unsigned s = 0;; s++) {
		if (s == MEA_SLOTS)
			cosim_abort("%s of %u bytes at 0x%llx is in no slot of bank %u",
				    write ? "write" : "read", bytes, (unsigned long long)addr,
				    bank);
		if (d->slot[bank][s].flags & right && addr >= d->slot[bank][s].base &&
		    bytes <= d->slot[bank][s].size &&
		    addr - d->slot[bank][s].base <= d->slot[bank][s].size - bytes)
			break;
	}
	if (!memory_holds(&d->memory, addr, bytes, write))
		cosim_abort("%s of %u bytes at 0x%llx, in a slot, is in no memory of the guest "
			    "that is mapped for it",
			    write ? "write" : "read", bytes, (unsigned long long)addr);
	d->count.bursts++;
	d->count.bytes += bytes;
	if (d->hang_bank[bank] && !d->hung) {
		d->hung = true;
		apply_bus(d, 0, 0);
	}
}

static void slot_written(struct device *d, unsigned bank, uint32_t reg, uint32_t value)
{
	unsigned s = reg / MEA_SLOT_STRIDE;
	uint64_t *base = &d->slot[bank][s].base;

	switch (reg % MEA_SLOT_STRIDE) {
	case MEA_BANK_SLOT_BASE_LO:
		*base = (*base & ~0xffffffffull) | (value & ~0xfffu);
		break;
	case MEA_BANK_SLOT_BASE_HI:
		*base = (*base & 0xffffffffull) | (uint64_t)value << 32;
		break;
	case MEA_BANK_SLOT_SIZE:
		d->slot[bank][s].size =
			(uint64_t)(value > SIZE_MAX_UNITS ? SIZE_MAX_UNITS : value) * 64;
		break;
	case MEA_BANK_SLOT_FLAGS:
		d->slot[bank][s].flags = value;
		break;
	}
}

/* Follows what a write that the device has not seen yet will do. */
static void follow_write(struct device *d, uint32_t reg, uint32_t value)
{
	unsigned bank = reg / MEA_JOB_BANK_STRIDE - 1; /* the banks are at 0x100 and 0x200 */
	uint32_t in_bank = reg % MEA_JOB_BANK_STRIDE;

	if (reg == MEA_REG_CONTROL && value & MEA_CONTROL_RESET_MASK) {
		/* The bus answers again, so the reset can drain it. */
		memset(d->hang_bank, 0, sizeof(d->hang_bank));
		d->reset_asked = true;
		d->hung = false;
		apply_bus(d, 0, 0);
	}
	if (bank >= MEA_BANKS || bank_state(d, bank) != MEA_STATE_EMPTY)
		return;
	if (in_bank < MEA_SLOTS * MEA_SLOT_STRIDE) {
		slot_written(d, bank, in_bank, value);
	} else if (in_bank == MEA_BANK_START && value & MEA_START_GO_MASK) {
		d->count.jobs++;
		d->hang_bank[bank] = FAULT(d, hang);
	}
}

/* --- interrupt ----------------------------------------------------------------------- */

static void message(struct device *d)
{
	if (d->faults.gone)
		return;
	d->count.messages++;
	d->send(d->send_arg);
}

static void raise_irq(struct device *d)
{
	d->count.irqs++;
	if (FAULT(d, lost))
		return;
	if (d->n_late < DEVICE_LATE && FAULT(d, late)) {
		d->late_at[d->n_late++] = device_ms(d) + d->faults.late_ms;
		return;
	}
	if (FAULT(d, twice))
		message(d);
	message(d);
}

static void follow_irq(struct device *d)
{
	while (d->irqs_seen < mea_sim_irq_rises(d->sim)) {
		d->irqs_seen++;
		raise_irq(d);
	}
}

void device_spurious(struct device *d)
{
	message(d);
}

int device_late(struct device *d)
{
	uint64_t now = d->n_late || d->faults.kill_at ? device_ms(d) : 0;
	int next = -1;

	if (d->faults.kill_at) {
		/* As a process that dies: nothing is said to anybody. */
		d->dead = d->faults.kill_at <= now;
		if (d->dead && !d->time)
			_exit(0);
		next = (int)(d->faults.kill_at - now);
	}

	for (unsigned i = 0; i < d->n_late;) {
		if (d->late_at[i] <= now) {
			d->late_at[i] = d->late_at[--d->n_late];
			message(d);
			continue;
		}
		if (next < 0 || d->late_at[i] - now < (uint64_t)next)
			next = (int)(d->late_at[i] - now);
		i++;
	}
	return next;
}

/* --- registers ----------------------------------------------------------------------- */

static uint32_t planted(struct device *d, uint32_t reg, uint32_t value)
{
	struct faults *f = &d->faults;

	if (f->gone)
		return ~0u;
	if (f->random_read && random32(d) % 100 < f->random_read)
		return random32(d);
	if (reg == MEA_REG_STATUS && f->stuck && d->reset_asked)
		value |= MEA_STATUS_RESETTING_MASK;
	for (unsigned i = 0; i < f->reads; i++) {
		if (f->read[i].reg != reg)
			continue;
		value = f->read[i].value;
		if (f->read[i].count && --f->read[i].count == 0)
			f->read[i] = f->read[--f->reads];
		break;
	}
	return value;
}

static void random_irq(struct device *d)
{
	if (d->faults.random_irq && random32(d) % 100 < d->faults.random_irq)
		message(d);
}

uint32_t device_read(struct device *d, uint32_t reg)
{
	uint32_t value;

	d->count.mmio_reads++;
	value = planted(d, reg, d->faults.gone ? 0 : mea_sim_read(d->sim, reg));
	follow_irq(d);
	random_irq(d);
	return value;
}

void device_write(struct device *d, uint32_t reg, uint32_t value)
{
	uint64_t rises = mea_sim_irq_rises(d->sim);

	d->count.mmio_writes++;
	if (d->faults.gone)
		return;
	follow_write(d, reg, value);
	mea_sim_write(d->sim, reg, value);
	follow_irq(d);
	/* A message is an edge, the device's interrupt a level: what is still up after an
	 * acknowledge is sent again, as a bridge from level to message must. */
	if (reg == MEA_REG_IRQ_STATUS && mea_sim_irq(d->sim) && !d->faults.edge &&
	    rises == mea_sim_irq_rises(d->sim))
		raise_irq(d);
	random_irq(d);
}

void device_set_master(struct device *d, bool on)
{
	if (d->master == on)
		return;
	d->master = on;
	apply_bus(d, 0, 0);
}

/* --- clock ----------------------------------------------------------------------------- */

bool device_busy(const struct device *d)
{
	uint32_t status = mea_sim_status(d->sim);

	return status & (MEA_STATUS_RUNNING_MASK | MEA_STATUS_RESETTING_MASK) ||
	       bank_state(d, 0) == MEA_STATE_READY || bank_state(d, 1) == MEA_STATE_READY;
}

bool device_hung(const struct device *d)
{
	return d->hung || !d->master || d->faults.gone;
}

void device_clock(struct device *d, unsigned cycles)
{
	mea_sim_step(d->sim, cycles);
	follow_irq(d);
}

/* --- set-up ------------------------------------------------------------------------------ */

void device_open(struct device *d, const char *config, const struct mea_sim_options *opt)
{
	char error[256];

	memset(d, 0, sizeof(*d));
	d->random = opt->seed * 0x9e3779b97f4a7c15ull + 1;
	if (mea_sim_open(NULL, config, opt, &d->sim, error, sizeof(error)))
		cosim_die("%s", error);
	mea_sim_watch(d->sim, burst, d);
	apply_bus(d, 0, 0);
}

void device_close(struct device *d)
{
	mea_sim_close(d->sim);
	free(d->memory.range);
}

bool device_map(struct device *d, uint64_t addr, void *host, uint64_t size, bool writable)
{
	if (!memory_add(&d->memory, addr, size, writable))
		return false;
	if (mea_sim_map(d->sim, addr, host, size))
		cosim_die("guest memory at 0x%llx, 0x%llx bytes: refused by the simulator",
			  (unsigned long long)addr, (unsigned long long)size);
	return true;
}

bool device_unmap(struct device *d, uint64_t addr, uint64_t size)
{
	size_t first = memory_at(&d->memory, addr), i = first;
	uint64_t last = addr + (size - 1);

	for (; i < d->memory.n && d->memory.range[i].addr <= last; i++)
		if (d->memory.range[i].addr < addr ||
		    d->memory.range[i].addr + (d->memory.range[i].size - 1) > last)
			return false;
	while (i-- > first) {
		mea_sim_unmap(d->sim, d->memory.range[i].addr);
		memory_remove(&d->memory, i);
	}
	return true;
}

void device_check(struct device *d)
{
	struct mea_sim_bus bus;

	mea_sim_bus_seen(d->sim, &bus);
	if (bus.unmapped || bus.crossing || bus.unstable)
		cosim_abort("bus rules: %llu bursts unmapped, %llu over a page, %llu changed while "
			    "valid, the first at 0x%llx",
			    (unsigned long long)bus.unmapped, (unsigned long long)bus.crossing,
			    (unsigned long long)bus.unstable, (unsigned long long)bus.first_bad);
}

void device_heal(struct device *d)
{
	memset(&d->faults, 0, sizeof(d->faults));
	memset(d->hang_bank, 0, sizeof(d->hang_bank));
	d->n_late = 0;
	d->reset_asked = d->hung = false;
	apply_bus(d, 0, 0);
}

void device_set_gone(struct device *d, bool on)
{
	d->faults.gone = on;
	apply_bus(d, 0, 0);
}

void device_bus_error(struct device *d, uint64_t read_n, uint64_t write_n)
{
	apply_bus(d, read_n, write_n);
}
