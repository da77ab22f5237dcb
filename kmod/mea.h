/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef __MEA_H__
#define __MEA_H__

#include <linux/completion.h>
#include <linux/dma-fence.h>
#include <linux/io.h>
#include <linux/kref.h>
#include <linux/mutex.h>
#include <drm/drm_device.h>
#include <drm/drm_drv.h>
#include <drm/drm_gem.h>
#include <drm/gpu_scheduler.h>

#include "../hw/isa/mea_isa.h"
#include "uapi/mea_accel.h"

#define MEA_DUMP_WORDS	0xc0	/* all registers */
#define MEA_MAX_HANGS	3	/* in a row: then the file is refused */

struct mea_job;

struct mea_device {
	struct drm_device drm;
	void __iomem *regs;
	int irq;
	void (*isolate)(struct device *dev);	/* cuts it off when it ignores a reset */
	struct reset_control *reset;

	u32 version, config[5], config5, clock_khz;
	unsigned int timeout_ms;
	u32 max_budget;		/* cycles; the device ends a job that takes longer */

	struct drm_gpu_scheduler sched;

	struct mutex bo_lock;	/* protects bos */
	struct list_head bos;	/* buffers whose memory the DMA API knows */
	struct completion retired;	/* the device is gone, and bos is empty */

	/*
	 * Protects all below and the order of register accesses. Taken in
	 * run_job(), so nothing is allocated under it.
	 */
	struct mutex hw_lock;
	struct mea_job *bank[MEA_BANKS];
	u32 open[MEA_BANKS];	/* slots that may be open, a bit each */
	unsigned int next_bank;
	u64 last_client;	/* whose data the memories hold */
	ktime_t last_end;	/* of a job */
	bool wedged;		/* it ignored a reset; good for nothing but removal */
	bool loose;		/* ... and may still write to the buffers of its jobs */
	u32 dump[MEA_DUMP_WORDS];
};

#define to_mea(d) container_of(d, struct mea_device, drm)

/* Outlives the file: a job may still run when its file is closed. */
struct mea_usage {
	struct kref ref;
	atomic64_t busy_ns, cycles, jobs;
	atomic_t queued;	/* jobs that are not freed */
	atomic_t hangs;		/* since the last job that ended by itself */
};

static inline bool mea_usage_banned(struct mea_usage *usage)
{
	return atomic_read(&usage->hangs) >= MEA_MAX_HANGS;
}

struct mea_file {
	struct drm_sched_entity entity;
	struct mutex push_lock;	/* fences get their numbers in the order of the queue */
	struct mea_usage *usage;
	u64 client;
};

struct mea_hw_slot {
	dma_addr_t base;
	u32 units;		/* of 64 bytes; 0 closes the slot */
	u32 flags;
};

struct mea_job {
	struct drm_sched_job base;
	struct mea_device *mdev;
	struct mea_usage *usage;
	struct dma_fence *fence;
	struct drm_gem_object *bo[DRM_MEA_MAX_SLOTS];	/* each once */
	bool bo_write[DRM_MEA_MAX_SLOTS];
	unsigned int bo_count;
	struct mea_hw_slot slot[DRM_MEA_MAX_SLOTS];
	u32 cmd_offset, cmd_count, budget, record, record_offset, tag;
	u64 client;
	ktime_t start;
	bool pm_held;
};

struct mea_bo {
	struct drm_gem_object base;
	struct list_head node;	/* in mea_device.bos */
	void *vaddr;		/* NULL for an imported one */
	dma_addr_t dma;
	struct sg_table *sgt;	/* imported */
	atomic_t pins;		/* attachments of other devices */
	bool shared;		/* was mapped through a dma-buf */
	void *relic;		/* what such a mapping shows when the device is gone */
};

#define to_mea_bo(obj) container_of(obj, struct mea_bo, base)

/* mea_drv.c */
struct mea_device *mea_device_init(struct device *dev, void __iomem *regs, int irq);
int mea_device_register(struct mea_device *mdev);
void mea_device_remove(struct mea_device *mdev);
void mea_usage_put(struct mea_usage *usage);
extern const struct dev_pm_ops mea_pm_ops;

/* mea_gem.c */
void mea_gem_retire(struct mea_device *mdev);
int mea_ioctl_bo_create(struct drm_device *drm, void *data, struct drm_file *file);
struct drm_gem_object *mea_gem_import(struct drm_device *drm, struct dma_buf *buf);
struct drm_gem_object *mea_gem_import_sg_table(struct drm_device *drm,
					       struct dma_buf_attachment *attach,
					       struct sg_table *sgt);

/* mea_sched.c */
int mea_sched_init(struct mea_device *mdev);
void mea_sched_release(struct drm_device *drm, void *unused);
struct dma_fence *mea_fence_create(void);
void mea_job_destroy(struct mea_job *job);
void mea_free_job(struct drm_sched_job *sched_job);

/* mea_job.c */
int mea_ioctl_submit(struct drm_device *drm, void *data, struct drm_file *file);

/* mea_hw.c */
irqreturn_t mea_irq_thread(int irq, void *data);
void mea_hw_start(struct mea_device *mdev, struct mea_job *job);
int mea_hw_reset(struct mea_device *mdev);
void mea_hw_enable(struct mea_device *mdev, bool on);
void mea_hw_fail_all(struct mea_device *mdev, int error);
bool mea_hw_timeout(struct mea_device *mdev, struct mea_job *job);
bool mea_hw_idle(struct mea_device *mdev);

/* mea_pci.c, mea_platform.c */
extern struct pci_driver mea_pci_driver;
extern struct platform_driver mea_platform_driver;

#endif
