// SPDX-License-Identifier: GPL-2.0-only
/* The registers: starting, collecting, resetting. See hw/README.md. */

#include <linux/delay.h>
#include <linux/interrupt.h>
#include <linux/iopoll.h>
#include <linux/reset.h>
#include <drm/drm_print.h>

#include "mea.h"

#define MEA_RESET_US	100000

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
 * still write to the memory of its jobs. If it does not come back, it is cut off;
 * where that is impossible, the buffers of its jobs are kept for good.
 */
int mea_hw_reset(struct mea_device *mdev)
{
	unsigned int bank;
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
		else if (!mdev->reset || reset_control_assert(mdev->reset))
			mdev->loose |= !mea_hw_idle(mdev);	/* no job, no memory to lose */
		mdev->wedged = true;
		return ret;
	}
	mdev->next_bank = 0;
	mdev->last_client = 0;
	for (bank = 0; bank < MEA_BANKS; bank++)
		mdev->open[bank] = GENMASK(DRM_MEA_MAX_SLOTS - 1, 0);
	return 0;
}

/* Hands the job to a bank. The scheduler never has more jobs here than banks. */
void mea_hw_start(struct mea_device *mdev, struct mea_job *job)
{
	unsigned int bank = mdev->next_bank;
	bool scrub = job->client != mdev->last_client;
	u32 i, at;

	lockdep_assert_held(&mdev->hw_lock);

	/* A slot that the last job left open would be open to this one. No
	 * flags close it, whatever else it holds.
	 */
	for (i = 0; i < DRM_MEA_MAX_SLOTS; i++) {
		if (!job->slot[i].flags && !(mdev->open[bank] & BIT(i)))
			continue;
		at = mea_bank_reg(bank, i * MEA_SLOT_STRIDE);
		mea_write(mdev, at + MEA_BANK_SLOT_FLAGS, job->slot[i].flags);
		mdev->open[bank] &= ~BIT(i);
		if (!job->slot[i].flags)
			continue;
		mdev->open[bank] |= BIT(i);
		mea_write(mdev, at + MEA_BANK_SLOT_BASE_LO, lower_32_bits(job->slot[i].base));
		mea_write(mdev, at + MEA_BANK_SLOT_BASE_HI, upper_32_bits(job->slot[i].base));
		mea_write(mdev, at + MEA_BANK_SLOT_SIZE, job->slot[i].units);
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

/* A file that is refused stays so, whatever its last jobs do. */
static void mea_count_hang(struct mea_job *job, bool hung)
{
	if (hung)
		atomic_inc(&job->usage->hangs);
	else if (!mea_usage_banned(job->usage))
		atomic_set(&job->usage->hangs, 0);
}

static void mea_finish(struct mea_device *mdev, unsigned int bank, int error, u32 cycles)
{
	struct mea_job *job = mdev->bank[bank];
	ktime_t now = ktime_get(), start = max(job->start, mdev->last_end);

	mdev->bank[bank] = NULL;
	mdev->last_end = now;
	atomic64_add(ktime_to_ns(ktime_sub(now, start)), &job->usage->busy_ns);
	atomic64_add(cycles, &job->usage->cycles);
	atomic64_inc(&job->usage->jobs);
	if (error)
		dma_fence_set_error(job->fence, error);
	/* The scheduler may free the job from here on. */
	dma_fence_signal(job->fence);
}

/*
 * Ends the jobs that the hardware is done with. The interrupt is acknowledged first
 * and for both banks: a message is an edge, and one that is left up hides the next.
 * The oldest job first, and none before it, so that the next bank is always free.
 * True when there was one.
 */
static bool mea_collect(struct mea_device *mdev)
{
	static const u32 field[MEA_BANKS] = { MEA_STATUS_BANK0_MASK, MEA_STATUS_BANK1_MASK };
	u32 status, cause, cycles;
	unsigned int i, bank;
	bool any = false;

	mea_write(mdev, MEA_REG_IRQ_STATUS, 3);
	status = mea_read(mdev, MEA_REG_STATUS);
	if (status == ~0u)
		return false;		/* gone, which looks like two jobs done */
	for (i = 0; i < MEA_BANKS; i++) {
		bank = (mdev->next_bank + i) % MEA_BANKS;
		if (!mdev->bank[bank])
			continue;
		if ((status & field[bank]) >> __ffs(field[bank]) != MEA_STATE_DONE)
			break;
		cause = mea_read(mdev, mea_bank_reg(bank, MEA_BANK_FAULT)) & MEA_FAULT_CAUSE_MASK;
		cycles = mea_read(mdev, mea_bank_reg(bank, MEA_BANK_CYCLES));
		mea_write(mdev, mea_bank_reg(bank, MEA_BANK_ACK), 1);
		/* A smaller budget is the client's own and cost nobody else his time. */
		mea_count_hang(mdev->bank[bank], cause == MEA_FAULT_WATCHDOG &&
			       mdev->bank[bank]->budget == mdev->max_budget);
		mea_finish(mdev, bank, mea_fault_errno(cause), cycles);
		any = true;
	}
	return any;
}

/*
 * Threaded without a hard handler: register accesses are not allowed to nest on
 * User-Mode Linux, and one interrupt per job is no load.
 */
irqreturn_t mea_irq_thread(int irq, void *data)
{
	struct mea_device *mdev = data;
	bool any;
	int idx;

	if (!drm_dev_enter(&mdev->drm, &idx))
		return IRQ_NONE;
	mutex_lock(&mdev->hw_lock);
	any = mea_collect(mdev);
	mutex_unlock(&mdev->hw_lock);
	drm_dev_exit(idx);
	return any ? IRQ_HANDLED : IRQ_NONE;
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

/*
 * The scheduler gave up on job, the oldest of those in the banks. If only its
 * interrupt was lost, it is collected; else the device is reset, the job ends with
 * -ETIMEDOUT, and one that waited in the other bank starts again: it had not run. One
 * of a file that is refused from here on does not.
 * True when the job hung; the registers are in mdev->dump then.
 */
bool mea_hw_timeout(struct mea_device *mdev, struct mea_job *job)
{
	struct mea_job *other;
	unsigned int i, bank;
	int ret;

	mea_collect(mdev);
	for (bank = 0; bank < MEA_BANKS; bank++)
		if (mdev->bank[bank] == job)
			break;
	if (bank == MEA_BANKS)
		return false;

	drm_warn(&mdev->drm, "job timed out, resetting\n");
	for (i = 0; i < MEA_DUMP_WORDS; i++)
		mdev->dump[i] = mea_read(mdev, 4 * i);
	ret = mea_hw_reset(mdev);
	if (ret) {
		mea_hw_fail_all(mdev, ret == -ENODEV ? -ENODEV : -ETIMEDOUT);
		return true;
	}
	mea_count_hang(job, true);
	mea_finish(mdev, bank, -ETIMEDOUT, 0);
	other = mdev->bank[!bank];
	if (other && mea_usage_banned(other->usage)) {
		mea_finish(mdev, !bank, -ECANCELED, 0);
	} else if (other) {
		mdev->bank[!bank] = NULL;
		mea_hw_start(mdev, other);
	}
	return true;
}
