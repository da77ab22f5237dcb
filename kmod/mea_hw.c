// SPDX-License-Identifier: GPL-2.0-only
/* The registers: starting, collecting, resetting. See hw/README.md. */

#include <linux/delay.h>
#include <linux/devcoredump.h>
#include <linux/interrupt.h>
#include <linux/iopoll.h>
#include <linux/reset.h>
#include <linux/vmalloc.h>

#include "mea.h"

#define MEA_RESET_US	100000
#define MEA_DUMP_BYTES	0x300

static u32 mea_read(struct mea_device *mdev, u32 reg)
{
	return readl(mdev->regs + reg);
}

static void mea_write(struct mea_device *mdev, u32 reg, u32 value)
{
	writel(value, mdev->regs + reg);
}

static u32 mea_bank_reg(unsigned int bank, u32 reg)
{
	return MEA_JOB_BANK0 + bank * MEA_JOB_BANK_STRIDE + reg;
}

void mea_hw_enable(struct mea_device *mdev, bool on)
{
	mea_write(mdev, MEA_REG_IRQ_ENABLE, on ? 3 : 0);
}

/*
 * The device drains its bus before it leaves the reset state; until then it may
 * still write to the memory of its jobs. If it does not come back, it is cut off
 * and the buffers of its jobs are kept for good.
 */
int mea_hw_reset(struct mea_device *mdev)
{
	u32 status;
	int ret;

	lockdep_assert_held(&mdev->hw_lock);

	if (mdev->reset) {
		reset_control_assert(mdev->reset);
		udelay(1);
		reset_control_deassert(mdev->reset);
	}
	mea_write(mdev, MEA_REG_CONTROL, MEA_CONTROL_RESET_MASK);
	ret = readl_poll_timeout(mdev->regs + MEA_REG_STATUS, status,
				 !(status & MEA_STATUS_RESETTING_MASK), 10, MEA_RESET_US);
	if (ret && status == ~0u)
		return -ENODEV;		/* gone, and its bus accesses with it */
	if (ret) {
		drm_err(&mdev->drm, "reset did not end, device is unusable\n");
		if (mdev->isolate)
			mdev->isolate(mdev->drm.dev);
		mdev->wedged = true;
		return ret;
	}
	mdev->next_bank = 0;
	mdev->last_client = 0;
	return 0;
}

/* Hands the job to a bank. The scheduler never has more jobs here than banks. */
void mea_hw_start(struct mea_device *mdev, struct mea_job *job)
{
	unsigned int bank = mdev->next_bank;
	bool scrub = job->client != mdev->last_client;
	u32 i, at;

	lockdep_assert_held(&mdev->hw_lock);

	/* Every slot is written: a slot that the last job left open would be
	 * open to this one.
	 */
	for (i = 0; i < DRM_MEA_MAX_SLOTS; i++) {
		at = mea_bank_reg(bank, i * MEA_SLOT_STRIDE);
		mea_write(mdev, at + MEA_BANK_SLOT_BASE_LO, lower_32_bits(job->slot[i].base));
		mea_write(mdev, at + MEA_BANK_SLOT_BASE_HI, upper_32_bits(job->slot[i].base));
		mea_write(mdev, at + MEA_BANK_SLOT_SIZE, job->slot[i].units);
		mea_write(mdev, at + MEA_BANK_SLOT_FLAGS, job->slot[i].flags);
	}
	mea_write(mdev, mea_bank_reg(bank, MEA_BANK_CMD_OFFSET), job->cmd_offset);
	mea_write(mdev, mea_bank_reg(bank, MEA_BANK_CMD_COUNT), job->cmd_count);
	mea_write(mdev, mea_bank_reg(bank, MEA_BANK_BUDGET), job->budget);
	mea_write(mdev, mea_bank_reg(bank, MEA_BANK_RECORD), job->record);
	mea_write(mdev, mea_bank_reg(bank, MEA_BANK_RECORD_OFFSET), job->record_offset);
	mea_write(mdev, mea_bank_reg(bank, MEA_BANK_TAG), job->tag);
	job->start = ktime_get();
	mdev->bank[bank] = job;
	mdev->next_bank = !bank;
	mdev->last_client = job->client;
	mea_write(mdev, mea_bank_reg(bank, MEA_BANK_START), 1 | (scrub ? 2 : 0));
}

static int mea_fault_errno(u32 cause)
{
	switch (cause) {
	case MEA_FAULT_NONE:
		return 0;
	case MEA_FAULT_WATCHDOG:
		return -ETIMEDOUT;
	case MEA_FAULT_BUS:
	case MEA_FAULT_RESET:
		return -EIO;
	default:
		return -EFAULT;
	}
}

static void mea_finish(struct mea_device *mdev, unsigned int bank, int error, u32 cycles)
{
	struct mea_job *job = mdev->bank[bank];

	mdev->bank[bank] = NULL;
	atomic64_add(ktime_to_ns(ktime_sub(ktime_get(), job->start)), &job->usage->busy_ns);
	atomic64_add(cycles, &job->usage->cycles);
	atomic64_inc(&job->usage->jobs);
	if (error)
		dma_fence_set_error(job->fence, error);
	/* The scheduler may free the job from here on. */
	dma_fence_signal(job->fence);
}

/* Ends the job of a bank that the hardware is done with; false if it is not. */
static bool mea_collect(struct mea_device *mdev, unsigned int bank)
{
	u32 state, cause, cycles;

	if (!mdev->bank[bank])
		return false;
	/* A device that is gone reads as all ones, which is no state. */
	state = mea_read(mdev, mea_bank_reg(bank, MEA_BANK_STATE));
	if (state != MEA_STATE_DONE)
		return false;
	cause = mea_read(mdev, mea_bank_reg(bank, MEA_BANK_FAULT)) & MEA_FAULT_CAUSE_MASK;
	cycles = mea_read(mdev, mea_bank_reg(bank, MEA_BANK_CYCLES));
	mea_write(mdev, mea_bank_reg(bank, MEA_BANK_ACK), 1);
	mea_finish(mdev, bank, mea_fault_errno(cause), cycles);
	return true;
}

/*
 * Threaded without a hard handler: register accesses are not allowed to nest on
 * User-Mode Linux, and one interrupt per job is no load.
 */
irqreturn_t mea_irq_thread(int irq, void *data)
{
	struct mea_device *mdev = data;
	irqreturn_t ret = IRQ_NONE;
	unsigned int i;
	int idx;
	u32 status;

	if (!drm_dev_enter(&mdev->drm, &idx))
		return IRQ_NONE;
	mutex_lock(&mdev->hw_lock);
	status = mea_read(mdev, MEA_REG_IRQ_STATUS);
	if (status && !(status & ~3)) {
		mea_write(mdev, MEA_REG_IRQ_STATUS, status);
		ret = IRQ_HANDLED;
	}
	/* The oldest job first; a bank is looked at whatever the status says,
	 * because two completions may share one message.
	 */
	for (i = 0; i < MEA_BANKS; i++)
		mea_collect(mdev, (mdev->next_bank + i) % MEA_BANKS);
	mutex_unlock(&mdev->hw_lock);
	drm_dev_exit(idx);
	return ret;
}

bool mea_hw_idle(struct mea_device *mdev)
{
	return !READ_ONCE(mdev->bank[0]) && !READ_ONCE(mdev->bank[1]);
}

/* Ends whatever is in the banks with error. After a reset, or with the device gone. */
void mea_hw_fail_all(struct mea_device *mdev, int error)
{
	unsigned int i;

	lockdep_assert_held(&mdev->hw_lock);
	for (i = 0; i < MEA_BANKS; i++)
		if (mdev->bank[i])
			mea_finish(mdev, i, error, 0);
}

static void mea_dump(struct mea_device *mdev)
{
	u32 *dump = vzalloc(MEA_DUMP_BYTES);
	u32 i;

	if (!dump)
		return;
	for (i = 0; i < MEA_DUMP_BYTES; i += 4)
		dump[i / 4] = mea_read(mdev, i);
	/* Takes the memory over. */
	dev_coredumpv(mdev->drm.dev, dump, MEA_DUMP_BYTES, GFP_KERNEL);
}

/*
 * The scheduler gave up on job, the oldest of those in the banks. If only its
 * interrupt was lost, it is collected; else the device is reset, the job ends with
 * -ETIMEDOUT, and one that waited in the other bank starts again: it had not run.
 */
void mea_hw_timeout(struct mea_device *mdev, struct mea_job *job)
{
	struct mea_job *other = NULL;
	unsigned int i;

	for (i = 0; i < MEA_BANKS; i++)
		mea_collect(mdev, (mdev->next_bank + i) % MEA_BANKS);
	for (i = 0; i < MEA_BANKS; i++)
		if (mdev->bank[i] == job)
			break;
	if (i == MEA_BANKS)
		return;

	drm_warn(&mdev->drm, "job timed out, resetting\n");
	mea_dump(mdev);
	other = mdev->bank[!i];
	mdev->bank[!i] = NULL;
	if (mea_hw_reset(mdev)) {
		mdev->bank[!i] = other;
		mea_hw_fail_all(mdev, -ETIMEDOUT);
		return;
	}
	mea_finish(mdev, i, -ETIMEDOUT, 0);
	if (other)
		mea_hw_start(mdev, other);
}
