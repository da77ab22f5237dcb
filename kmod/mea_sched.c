// SPDX-License-Identifier: GPL-2.0-only
/* The scheduler's side of a job: its fence, its start, its timeout, its end. */

#include <linux/devcoredump.h>
#include <linux/module.h>
#include <linux/pm_runtime.h>
#include <linux/vmalloc.h>

#include "mea.h"

static unsigned int timeout_ms = 2000;
module_param(timeout_ms, uint, 0644);
MODULE_PARM_DESC(timeout_ms, "time after which a job is killed, of devices bound from now on (2000)");

/* --- fences --- */

struct mea_fence {
	struct dma_fence base;
	spinlock_t lock;	/* dma_fence's own */
};

static const char *mea_fence_name(struct dma_fence *fence)
{
	return "mea";
}

/* A file of somebody's may hold the fence, and through it this code. */
static void mea_fence_release(struct dma_fence *fence)
{
	dma_fence_free(fence);
	module_put(THIS_MODULE);
}

static const struct dma_fence_ops mea_fence_ops = {
	.get_driver_name = mea_fence_name,
	.get_timeline_name = mea_fence_name,
	.release = mea_fence_release,
};

/* A context of its own: a fence needs no order with others, and none can wait. */
struct dma_fence *mea_fence_create(void)
{
	struct mea_fence *f = kzalloc(sizeof(*f), GFP_KERNEL);

	if (!f)
		return NULL;
	__module_get(THIS_MODULE);
	spin_lock_init(&f->lock);
	dma_fence_init(&f->base, &mea_fence_ops, &f->lock, dma_fence_context_alloc(1), 1);
	return &f->base;
}

/* --- scheduler --- */

#define to_mea_job(j) container_of(j, struct mea_job, base)

/* See Kbuild. */
#ifdef MEA_SCHED_START_ERRNO
#define mea_sched_start(sched)	drm_sched_start(sched, 0)
#else
#define mea_sched_start(sched)	drm_sched_start(sched)
#endif

#ifdef MEA_SCHED_STAT_RESET
#define MEA_SCHED_STAT_DONE	DRM_GPU_SCHED_STAT_RESET
#else
#define MEA_SCHED_STAT_DONE	DRM_GPU_SCHED_STAT_NOMINAL
#endif

/* The scheduler takes the file whose first job was pushed first. The next job of this file
 * counts as pushed when this one starts, so that files take turns. Only this thread reads it.
 */
static struct dma_fence *mea_prepare_job(struct drm_sched_job *job,
					 struct drm_sched_entity *entity)
{
#ifdef MEA_SCHED_SUBMIT_TS
	struct spsc_node *next = READ_ONCE(job->queue_node.next);

	if (next)
		container_of(next, struct drm_sched_job, queue_node)->submit_ts = ktime_get();
#endif
	return NULL;
}

static struct dma_fence *mea_run_job(struct drm_sched_job *sched_job)
{
	struct mea_job *job = to_mea_job(sched_job);
	struct mea_device *mdev = job->mdev;
	int idx, ret = 0;

	if (sched_job->s_fence->finished.error)
		return NULL;
	if (mea_usage_banned(job->usage))
		return ERR_PTR(-ECANCELED);
	if (!drm_dev_enter(&mdev->drm, &idx))
		return ERR_PTR(-ENODEV);
	mutex_lock(&mdev->hw_lock);
	if (mdev->wedged)
		ret = -EIO;
	else
		mea_hw_start(mdev, job);
	mutex_unlock(&mdev->hw_lock);
	drm_dev_exit(idx);
	return ret ? ERR_PTR(ret) : dma_fence_get(job->fence);
}

/* Here, where nobody waits for the job any more: it allocates. */
static void mea_dump(struct mea_device *mdev)
{
	void *dump = vzalloc(sizeof(mdev->dump));

	if (!dump)
		return;
	memcpy(dump, mdev->dump, sizeof(mdev->dump));
	/* Takes the memory over. */
	dev_coredumpv(mdev->drm.dev, dump, sizeof(mdev->dump), GFP_KERNEL);
}

static enum drm_gpu_sched_stat mea_timedout_job(struct drm_sched_job *sched_job)
{
	struct mea_job *job = to_mea_job(sched_job);
	struct mea_device *mdev = job->mdev;
	bool hung = false;
	int idx;

	/* Puts the job back on the scheduler's list, so that it cannot be lost. */
	drm_sched_stop(&mdev->sched, sched_job);
	/* The scheduler forgets the fences of jobs and would cancel these. */
	list_for_each_entry(sched_job, &mdev->sched.pending_list, list)
		sched_job->s_fence->parent = dma_fence_get(to_mea_job(sched_job)->fence);
	if (drm_dev_enter(&mdev->drm, &idx)) {
		mutex_lock(&mdev->hw_lock);
		hung = mea_hw_timeout(mdev, job);
		mutex_unlock(&mdev->hw_lock);
		drm_dev_exit(idx);
	}
	mea_sched_start(&mdev->sched);
	if (hung)
		mea_dump(mdev);
	return MEA_SCHED_STAT_DONE;
}

void mea_job_destroy(struct mea_job *job)
{
	unsigned int i;

	/* A device that ignored its reset may still write to these buffers. */
	for (i = 0; i < job->bo_count && !READ_ONCE(job->mdev->loose); i++)
		drm_gem_object_put(job->bo[i]);
	if (job->pm_held) {
		pm_runtime_mark_last_busy(job->mdev->drm.dev);
		pm_runtime_put_autosuspend(job->mdev->drm.dev);
	}
	if (job->usage) {
		atomic_dec(&job->usage->queued);
		mea_usage_put(job->usage);
	}
	dma_fence_put(job->fence);
	kfree(job);
}

/* Names the fences of jobs that are done. */
static struct drm_gpu_scheduler mea_retired = { .name = "mea" };

void mea_free_job(struct drm_sched_job *sched_job)
{
	struct drm_sched_fence *f = sched_job->s_fence;

	/* Who still holds it must find a name, and through its parent this module. */
	if (f->sched) {
		f->sched = &mea_retired;
		if (!f->parent)
			f->parent = dma_fence_get(to_mea_job(sched_job)->fence);
	}
	drm_sched_job_cleanup(sched_job);
	mea_job_destroy(to_mea_job(sched_job));
}

static const struct drm_sched_backend_ops mea_sched_ops = {
	.prepare_job = mea_prepare_job,
	.run_job = mea_run_job,
	.timedout_job = mea_timedout_job,
	.free_job = mea_free_job,
};

int mea_sched_init(struct mea_device *mdev)
{
	long timeout = msecs_to_jiffies(mdev->timeout_ms = timeout_ms);
#ifdef MEA_SCHED_INIT_ARGS
	const struct drm_sched_init_args args = {
		.ops = &mea_sched_ops,
		.num_rqs = DRM_SCHED_PRIORITY_COUNT,
		.credit_limit = MEA_BANKS,
		.timeout = timeout,
		.name = "mea",
		.dev = mdev->drm.dev,
	};
#endif
	/* A device that knows its clock ends a hanging job itself, without a reset. */
	mdev->max_budget = min_t(u64, (u64)mdev->clock_khz * mdev->timeout_ms / 2, U32_MAX);
#ifdef MEA_SCHED_INIT_ARGS
	return drm_sched_init(&mdev->sched, &args);
#else
	return drm_sched_init(&mdev->sched, &mea_sched_ops, NULL, DRM_SCHED_PRIORITY_COUNT,
			      MEA_BANKS, 0, timeout, NULL, NULL, "mea", mdev->drm.dev);
#endif
}

/*
 * After the last file is closed, because its entity still uses the scheduler. What
 * the scheduler had no time to free it would leak.
 */
void mea_sched_release(struct drm_device *drm, void *unused)
{
	struct drm_gpu_scheduler *sched = &to_mea(drm)->sched;
	struct drm_sched_job *job, *next;

	drm_sched_wqueue_stop(sched);
	list_for_each_entry_safe(job, next, &sched->pending_list, list) {
		list_del_init(&job->list);
		mea_free_job(job);
	}
	drm_sched_fini(sched);
}
