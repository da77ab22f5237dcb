// SPDX-License-Identifier: Apache-2.0
/*
 * Device "sim": the Verilated accelerator in this process. A thread of its own
 * clocks it while jobs are queued and uses both job banks, as the driver does, so
 * the next job starts the cycle after the one before.
 */
#include "device/device.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/event.h"
#include "device/sim_spec.h"

#define QUEUE_MAX    64
#define BUS_BASE     0x100000000ull /* above 4 GiB, so that 32-bit slips show */
#define SLICE	     50000	    /* cycles between looks at the queue */
#define OWN_LIMIT_MS 600000
/* A job that the hardware's own watchdog did not end: budget and then some. */
#define GRACE 1000000

struct sim_fence {
	struct mea_fence f;
	struct mea_submit job;
	struct sim_fence *next;
	bool done, running;
	int event; /* -1: nobody polls */
	int result;
	uint64_t started; /* device cycle */
	uint64_t number;
	char why[160];
};

struct sim_device {
	struct mea_device dev;
	struct mea_sim *sim;
	pthread_t thread;
	pthread_mutex_t lock; /* of all below and of sim */
	pthread_cond_t work, done;
	bool quit, thread_up;
	struct sim_fence *head, *tail; /* queued, not yet in a bank */
	struct sim_fence *bank[MEA_BANKS];
	int queued, next_bank;
	uint64_t bus_next;
	enum mea_sim_fate fate;
	uint64_t fate_at, jobs; /* from job fate_at of jobs so far */
};

struct sim_bo {
	struct mea_bo bo;
	uint64_t bus;
};

/* --- the device thread --------------------------------------------------- */

static bool broken(const struct sim_device *d, enum mea_sim_fate how)
{
	return d->fate == how && d->jobs >= d->fate_at;
}

static void start_job(struct sim_device *d, struct sim_fence *f, int bank)
{
	uint32_t base = MEA_JOB_BANK0 + (uint32_t)bank * MEA_JOB_BANK_STRIDE;
	const struct mea_submit *s = &f->job;

	for (uint32_t i = 0; i < MEA_SLOTS; i++) {
		const struct mea_slot *slot = &s->slot[i];
		uint32_t at = base + i * MEA_SLOT_STRIDE;
		uint64_t bus = slot->bo ? ((struct sim_bo *)slot->bo)->bus + slot->offset : 0;

		mea_sim_write(d->sim, at + MEA_BANK_SLOT_BASE_LO, (uint32_t)bus);
		mea_sim_write(d->sim, at + MEA_BANK_SLOT_BASE_HI, (uint32_t)(bus >> 32));
		mea_sim_write(d->sim, at + MEA_BANK_SLOT_SIZE,
			      slot->bo ? (uint32_t)(slot->size / 64) : 0);
		mea_sim_write(d->sim, at + MEA_BANK_SLOT_FLAGS,
			      broken(d, MEA_SIM_FAULT)
				      ? 0
				      : (uint32_t)slot->read | (uint32_t)slot->write << 1);
	}
	mea_sim_write(d->sim, base + MEA_BANK_CMD_OFFSET, s->cmd_offset);
	mea_sim_write(d->sim, base + MEA_BANK_CMD_COUNT, s->cmd_count);
	mea_sim_write(d->sim, base + MEA_BANK_BUDGET, s->budget);
	mea_sim_write(d->sim, base + MEA_BANK_RECORD,
		      s->record_slot | (uint32_t)s->record << MEA_RECORD_ENABLE_SHIFT);
	mea_sim_write(d->sim, base + MEA_BANK_RECORD_OFFSET, s->record_offset);
	mea_sim_write(d->sim, base + MEA_BANK_TAG, s->tag);
	if (!broken(d, MEA_SIM_HANG))
		mea_sim_write(d->sim, base + MEA_BANK_START, 1u | (uint32_t)s->scrub << 1);
	f->started = mea_sim_cycles(d->sim);
	f->running = true;
	d->bank[bank] = f;
}

static void finish(struct sim_device *d, int bank, int result, const char *why)
{
	struct sim_fence *f = d->bank[bank];

	snprintf(f->why, sizeof(f->why), "%s", why);
	f->result = result;
	f->done = true;
	mea_event_set(f->event);
	d->bank[bank] = NULL;
	pthread_cond_broadcast(&d->done);
}

static void collect(struct sim_device *d, int bank)
{
	uint32_t base = MEA_JOB_BANK0 + (uint32_t)bank * MEA_JOB_BANK_STRIDE;
	uint32_t fault = mea_sim_read(d->sim, base + MEA_BANK_FAULT);
	uint32_t cause = fault & MEA_FAULT_CAUSE_MASK;
	char why[160] = "";

	if (cause)
		snprintf(why, sizeof(why), "%s: fault %s at command %u, slot %u offset 0x%x",
			 d->dev.name, mea_fault_name(cause),
			 mea_sim_read(d->sim, base + MEA_BANK_FAULT_CMD),
			 (fault & MEA_FAULT_SLOT_MASK) >> MEA_FAULT_SLOT_SHIFT,
			 mea_sim_read(d->sim, base + MEA_BANK_FAULT_OFFSET));
	mea_sim_write(d->sim, base + MEA_BANK_ACK, 1);
	finish(d, bank, cause ? MEA_EDEVICE : 0, why);
}

/* A job past its budget means a device that hangs: drain, reset, report. */
static void check_hang(struct sim_device *d)
{
	for (int b = 0; b < (int)MEA_BANKS; b++) {
		uint64_t since;

		/* The other bank's job, if it is the older one, may be what it waits for. */
		if (!d->bank[b] || (d->bank[!b] && d->bank[!b]->number < d->bank[b]->number))
			continue;
		since = mea_sim_cycles(d->sim) - d->bank[b]->started;
		if (since < (uint64_t)d->bank[b]->job.budget + GRACE)
			continue;
		mea_sim_write(d->sim, MEA_REG_CONTROL, MEA_CONTROL_RESET_MASK);
		mea_sim_run(d->sim, 10000);
		finish(d, b, MEA_EDEVICE, "the simulated device hung and was reset");
	}
}

static void *device_thread(void *arg)
{
	struct sim_device *d = arg;

	pthread_mutex_lock(&d->lock);
	while (!d->quit) {
		while (d->head && !d->bank[d->next_bank]) {
			struct sim_fence *f = d->head;

			d->head = f->next;
			d->queued--;
			start_job(d, f, d->next_bank);
			d->next_bank = !d->next_bank;
		}
		if (!d->bank[0] && !d->bank[1]) {
			pthread_cond_wait(&d->work, &d->lock);
			continue;
		}
		mea_sim_run(d->sim, SLICE);
		if (mea_sim_irq(d->sim)) {
			uint32_t irq = mea_sim_read(d->sim, MEA_REG_IRQ_STATUS);

			mea_sim_write(d->sim, MEA_REG_IRQ_STATUS, irq);
			for (int b = 0; b < (int)MEA_BANKS; b++)
				if ((irq >> b & 1) && d->bank[b])
					collect(d, b);
		} else {
			check_hang(d);
		}
		/* Let submitters and waiters in between slices. */
		pthread_mutex_unlock(&d->lock);
		pthread_mutex_lock(&d->lock);
	}
	pthread_mutex_unlock(&d->lock);
	return NULL;
}

/* --- the interface ---------------------------------------------------------- */

static void read_hw(struct sim_device *d)
{
	uint32_t config[6];

	for (uint32_t i = 0; i < 5; i++)
		config[i] = mea_sim_read(d->sim, MEA_REG_CONFIG0 + 4 * i);
	config[5] = mea_sim_read(d->sim, MEA_REG_CONFIG5);
	mea_hw_from_config(&d->dev.hw, config);
	d->dev.hw.clock_khz = mea_sim_read(d->sim, MEA_REG_CLOCK_KHZ);
}

static int sim_open(const char *spec, struct mea_device **out)
{
	/* 40 cycles: a DDR3 behind a Zynq port at 100 to 150 MHz. */
	struct mea_sim_spec want = {.config = "16x16", .opt = {.latency = 40, .seed = 1}};
	struct sim_device *d = calloc(1, sizeof(*d));
	char *text = strdup(spec), name[64], error[256];
	int rc = MEA_ENOMEM;

	if (!d || !text) {
		mea_nomem();
		goto fail;
	}
	rc = mea_sim_spec_parse(text, &want);
	if (rc < 0)
		goto fail;
	snprintf(name, sizeof(name), "%s%s", want.config, want.opt.trace ? "-trace" : "");
	if (mea_sim_open(NULL, name, &want.opt, &d->sim, error, sizeof(error)) < 0) {
		rc = mea_fail(MEA_ENODEV, "device sim: %s", error);
		goto fail;
	}
	d->dev.ops = &mea_device_sim;
	snprintf(d->dev.name, sizeof(d->dev.name), "sim:%.20s", want.config);
	d->fate = want.fate;
	d->fate_at = want.fate_at;
	d->bus_next = BUS_BASE;
	if (mea_sim_read(d->sim, MEA_REG_ID) != MEA_ID_VALUE ||
	    mea_sim_read(d->sim, MEA_REG_VERSION) != MEA_VERSION_VALUE) {
		rc = mea_fail(MEA_ENODEV, "device %s: not this interface's version", d->dev.name);
		goto fail;
	}
	read_hw(d);
	mea_sim_write(d->sim, MEA_REG_IRQ_ENABLE, 3);
	pthread_mutex_init(&d->lock, NULL);
	pthread_cond_init(&d->work, NULL);
	mea_cond_init(&d->done);
	if (pthread_create(&d->thread, NULL, device_thread, d)) {
		rc = mea_fail(MEA_ENOMEM, "device %s: no thread", d->dev.name);
		goto fail;
	}
	free(text);
	*out = &d->dev;
	return 0;
fail:
	if (d)
		mea_sim_close(d->sim);
	free(d);
	free(text);
	return rc;
}

static void sim_close(struct mea_device *dev)
{
	struct sim_device *d = (struct sim_device *)dev;

	pthread_mutex_lock(&d->lock);
	d->quit = true;
	pthread_cond_broadcast(&d->work);
	pthread_mutex_unlock(&d->lock);
	pthread_join(d->thread, NULL);
	mea_sim_close(d->sim);
	pthread_mutex_destroy(&d->lock);
	pthread_cond_destroy(&d->work);
	pthread_cond_destroy(&d->done);
	free(d);
}

static int sim_bo_create(struct mea_device *dev, size_t size, struct mea_bo **out)
{
	struct sim_device *d = (struct sim_device *)dev;
	struct sim_bo *bo = calloc(1, sizeof(*bo));

	size = (size + 4095) / 4096 * 4096;
	if (!size)
		size = 4096;
	if (!bo || !(bo->bo.map = aligned_alloc(4096, size))) {
		free(bo);
		return mea_fail(MEA_ENOMEM, "%s: no memory for a buffer of %zu bytes", dev->name,
				size);
	}
	memset(bo->bo.map, 0, size);
	bo->bo.dev = dev;
	bo->bo.size = size;
	pthread_mutex_lock(&d->lock);
	bo->bus = d->bus_next;
	/* A hole behind each, so that an overrun meets nothing. */
	d->bus_next += size + 4096;
	if (mea_sim_map(d->sim, bo->bus, bo->bo.map, size) < 0) {
		pthread_mutex_unlock(&d->lock);
		free(bo->bo.map);
		free(bo);
		return mea_fail(MEA_ENOMEM, "%s: too many buffers", dev->name);
	}
	pthread_mutex_unlock(&d->lock);
	*out = &bo->bo;
	return 0;
}

static void sim_bo_destroy(struct mea_bo *b)
{
	struct sim_bo *bo = (struct sim_bo *)b;
	struct sim_device *d;

	if (!bo)
		return;
	d = (struct sim_device *)bo->bo.dev;
	pthread_mutex_lock(&d->lock);
	mea_sim_unmap(d->sim, bo->bus);
	pthread_mutex_unlock(&d->lock);
	free(bo->bo.map);
	free(bo);
}

static int sim_submit(struct mea_device *dev, const struct mea_submit *s, struct mea_fence **out)
{
	struct sim_device *d = (struct sim_device *)dev;
	struct sim_fence *f = calloc(1, sizeof(*f));

	if (!f)
		return mea_nomem();
	f->f.dev = dev;
	f->job = *s;
	f->event = -1;
	pthread_mutex_lock(&d->lock);
	f->number = ++d->jobs;
	if (broken(d, MEA_SIM_VANISH)) {
		pthread_mutex_unlock(&d->lock);
		free(f);
		return mea_fail(MEA_ENODEV, "%s: the device has vanished", dev->name);
	}
	if (d->queued == QUEUE_MAX) {
		pthread_mutex_unlock(&d->lock);
		free(f);
		return mea_fail(MEA_EBUSY, "%s: %d jobs are queued", dev->name, QUEUE_MAX);
	}
	if (d->head)
		d->tail->next = f;
	else
		d->head = f;
	d->tail = f;
	d->queued++;
	pthread_cond_signal(&d->work);
	pthread_mutex_unlock(&d->lock);
	*out = &f->f;
	return 0;
}

static int sim_wait_fd(struct mea_fence *fence)
{
	struct sim_fence *f = (struct sim_fence *)fence;
	struct sim_device *d = (struct sim_device *)fence->dev;

	pthread_mutex_lock(&d->lock);
	if (!f->done && f->event < 0)
		f->event = mea_event_new();
	pthread_mutex_unlock(&d->lock);
	return f->event;
}

static int sim_wait(struct mea_fence *fence, int timeout_ms)
{
	struct sim_fence *f = (struct sim_fence *)fence;
	struct sim_device *d = (struct sim_device *)fence->dev;
	struct timespec until;
	int rc = 0, result;

	if (timeout_ms < 0)
		timeout_ms = OWN_LIMIT_MS;
	until = mea_timespec(mea_now_ms() + timeout_ms);
	pthread_mutex_lock(&d->lock);
	while (!f->done && rc == 0)
		rc = pthread_cond_timedwait(&d->done, &d->lock, &until);
	if (!f->done) {
		pthread_mutex_unlock(&d->lock);
		return mea_fail(MEA_ETIMEDOUT, "%s: no answer in %d ms", fence->dev->name,
				timeout_ms);
	}
	pthread_mutex_unlock(&d->lock);
	result = f->result;
	if (result)
		mea_fail(result, "%s", f->why);
	if (f->event >= 0)
		close(f->event);
	free(f);
	return result;
}

static void sim_log(struct mea_device *dev, struct mea_device_log *log)
{
	struct sim_device *d = (struct sim_device *)dev;

	pthread_mutex_lock(&d->lock);
	mea_sim_engines(d->sim, log ? mea_device_log_take : NULL, log);
	pthread_mutex_unlock(&d->lock);
}

static double sim_cpu_ms(struct mea_device *dev)
{
	struct sim_device *d = (struct sim_device *)dev;
	struct timespec t;
	clockid_t clock;

	if (pthread_getcpuclockid(d->thread, &clock) || clock_gettime(clock, &t))
		return 0;
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec * 1e-6;
}

const struct mea_device_ops mea_device_sim = {
	.name = "sim",
	.open = sim_open,
	.close = sim_close,
	.bo_create = sim_bo_create,
	.bo_destroy = sim_bo_destroy,
	.submit = sim_submit,
	.wait_fd = sim_wait_fd,
	.wait = sim_wait,
	.log = sim_log,
	.cpu_ms = sim_cpu_ms,
};
