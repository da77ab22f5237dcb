// SPDX-License-Identifier: GPL-2.0-only
/* Jobs: from the ioctl through the scheduler to the hardware. */

#include <linux/devcoredump.h>
#include <linux/module.h>
#include <linux/pm_runtime.h>
#include <linux/vmalloc.h>
#include <drm/drm_file.h>
#include <drm/drm_syncobj.h>

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
static struct dma_fence *mea_fence_create(void)
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

/* What the headers of other kernels have otherwise: see Kbuild. */
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

static int mea_sched_job_init(struct mea_job *job, struct drm_file *file)
{
	struct mea_file *mfile = file->driver_priv;

#ifdef MEA_SCHED_CLIENT_ID
	return drm_sched_job_init(&job->base, &mfile->entity, 1, NULL, file->client_id);
#else
	return drm_sched_job_init(&job->base, &mfile->entity, 1, NULL);
#endif
}

static struct dma_fence *mea_run_job(struct drm_sched_job *sched_job)
{
	struct mea_job *job = to_mea_job(sched_job);
	struct mea_device *mdev = job->mdev;
	int idx, ret = 0;

	if (sched_job->s_fence->finished.error)
		return NULL;
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

static void mea_job_destroy(struct mea_job *job)
{
	unsigned int i;

	/* A device that ignored its reset may still write to these buffers. */
	for (i = 0; i < job->bo_count && !READ_ONCE(job->mdev->loose); i++)
		drm_gem_object_put(job->bo[i]);
	if (job->pm_held) {
		pm_runtime_mark_last_busy(job->mdev->drm.dev);
		pm_runtime_put_autosuspend(job->mdev->drm.dev);
	}
	if (job->usage)
		mea_usage_put(job->usage);
	dma_fence_put(job->fence);
	kfree(job);
}

/* Names the fences of jobs that are done. */
static struct drm_gpu_scheduler mea_retired = { .name = "mea" };

static void mea_free_job(struct drm_sched_job *sched_job)
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

/* --- submit --- */

static int mea_check_args(const struct drm_mea_submit *args)
{
	if (args->flags || !args->slot_count || args->slot_count > DRM_MEA_MAX_SLOTS ||
	    args->in_sync_count > DRM_MEA_MAX_IN_SYNCS || args->cmd_offset % MEA_CMD_BYTES)
		return -EINVAL;
	if (args->record_slot != ~0u &&
	    (args->record_slot >= args->slot_count || args->record_offset % MEA_RECORD_ALIGN))
		return -EINVAL;
	return 0;
}

/* Remembers obj, of which the caller holds a reference, once per job. */
static void mea_job_add_bo(struct mea_job *job, struct drm_gem_object *obj, bool write)
{
	unsigned int i;

	for (i = 0; i < job->bo_count; i++)
		if (job->bo[i] == obj) {
			job->bo_write[i] |= write;
			drm_gem_object_put(obj);
			return;
		}
	job->bo[job->bo_count] = obj;
	job->bo_write[job->bo_count++] = write;
}

static int mea_job_slot(struct mea_job *job, struct drm_file *file, unsigned int i,
			const struct drm_mea_slot *s)
{
	struct drm_gem_object *obj;
	u64 end;

	if (!s->handle)
		return s->flags || s->offset || s->size || !i ? -EINVAL : 0;
	if (!s->flags || s->flags & ~(DRM_MEA_SLOT_READ | DRM_MEA_SLOT_WRITE) || !s->size ||
	    s->size % 64 || s->offset % 4096)
		return -EINVAL;
	obj = drm_gem_object_lookup(file, s->handle);
	if (!obj)
		return -ENOENT;
	if (check_add_overflow(s->offset, s->size, &end) || end > obj->size ||
	    s->size > (u64)MEA_SLOT_MAX_UNITS * 64) {
		drm_gem_object_put(obj);
		return -EINVAL;
	}
	job->slot[i].base = to_mea_bo(obj)->dma + s->offset;
	job->slot[i].units = s->size / 64;
	job->slot[i].flags = s->flags;
	mea_job_add_bo(job, obj, s->flags & DRM_MEA_SLOT_WRITE);
	return 0;
}

static int mea_job_slots(struct mea_job *job, struct drm_file *file,
			 const struct drm_mea_submit *args)
{
	struct drm_mea_slot slots[DRM_MEA_MAX_SLOTS];
	unsigned int i;
	int ret;

	if (copy_from_user(slots, u64_to_user_ptr(args->slots),
			   args->slot_count * sizeof(slots[0])))
		return -EFAULT;
	for (i = 0; i < args->slot_count; i++) {
		ret = mea_job_slot(job, file, i, &slots[i]);
		if (ret)
			return ret;
	}
	if (!(job->slot[0].flags & DRM_MEA_SLOT_READ))
		return -EINVAL;
	if (args->record_slot == ~0u)
		return 0;
	if (!(job->slot[args->record_slot].flags & DRM_MEA_SLOT_WRITE))
		return -EINVAL;
	job->record = args->record_slot | MEA_RECORD_ENABLE_MASK;
	job->record_offset = args->record_offset;
	return 0;
}

static int mea_job_in_syncs(struct mea_job *job, struct drm_file *file,
			    const struct drm_mea_submit *args)
{
	u32 handles[DRM_MEA_MAX_IN_SYNCS];
	unsigned int i;
	int ret;

	if (copy_from_user(handles, u64_to_user_ptr(args->in_syncs),
			   args->in_sync_count * sizeof(handles[0])))
		return -EFAULT;
	for (i = 0; i < args->in_sync_count; i++) {
		ret = drm_sched_job_add_syncobj_dependency(&job->base, file, handles[i], 0);
		if (ret)
			return ret;
	}
	return 0;
}

static struct mea_job *mea_job_create(struct mea_device *mdev, struct drm_file *file,
				      const struct drm_mea_submit *args)
{
	struct mea_file *mfile = file->driver_priv;
	struct mea_job *job = kzalloc(sizeof(*job), GFP_KERNEL);
	int ret = -ENOMEM;

	if (!job)
		return ERR_PTR(-ENOMEM);
	job->mdev = mdev;
	job->client = mfile->client;
	job->cmd_offset = args->cmd_offset;
	job->cmd_count = args->cmd_count;
	job->budget = args->budget;
	job->tag = args->tag;
	/* Here, as run_job() must not allocate. */
	job->fence = mea_fence_create();
	if (!job->fence)
		goto err;
	job->usage = mfile->usage;
	kref_get(&job->usage->ref);
	ret = mea_job_slots(job, file, args);
	if (ret)
		goto err;
	return job;
err:
	mea_job_destroy(job);
	return ERR_PTR(ret);
}

/* Wakes the device, which stays awake as long as the job lives. */
static int mea_job_wake(struct mea_job *job)
{
	struct device *dev = job->mdev->drm.dev;

	if (pm_runtime_resume_and_get(dev) < 0) {
		/* Its reset failed. The next job tries again. */
		pm_runtime_set_suspended(dev);
		return -EIO;
	}
	job->pm_held = true;
	return 0;
}

/* Waits for what others do to the buffers, and shows them what this job does. */
static int mea_job_implicit(struct mea_job *job)
{
	unsigned int i;
	int ret;

	for (i = 0; i < job->bo_count; i++) {
		ret = dma_resv_reserve_fences(job->bo[i]->resv, 1);
		if (ret)
			return ret;
		ret = drm_sched_job_add_implicit_dependencies(&job->base, job->bo[i],
							      job->bo_write[i]);
		if (ret)
			return ret;
	}
	return 0;
}

static int mea_job_push(struct mea_job *job, struct mea_file *mfile, struct drm_syncobj *out_sync)
{
	struct drm_gem_object *bo[DRM_MEA_MAX_SLOTS];
	unsigned int i, n = job->bo_count;
	struct ww_acquire_ctx ctx;
	int ret;

	ret = drm_gem_lock_reservations(job->bo, job->bo_count, &ctx);
	if (ret)
		return ret;
	ret = mea_job_implicit(job);
	if (ret)
		goto out_unlock;

	/* Nothing may fail from here on. */
	mutex_lock(&mfile->push_lock);
	drm_sched_job_arm(&job->base);
	for (i = 0; i < job->bo_count; i++)
		dma_resv_add_fence(job->bo[i]->resv, &job->base.s_fence->finished,
				   job->bo_write[i] ? DMA_RESV_USAGE_WRITE : DMA_RESV_USAGE_READ);
	if (out_sync)
		drm_syncobj_replace_fence(out_sync, &job->base.s_fence->finished);
	/* The scheduler may free the job as soon as it has it. */
	memcpy(bo, job->bo, sizeof(bo));
	for (i = 0; i < n; i++)
		drm_gem_object_get(bo[i]);
	drm_sched_entity_push_job(&job->base);
	mutex_unlock(&mfile->push_lock);
	drm_gem_unlock_reservations(bo, n, &ctx);
	for (i = 0; i < n; i++)
		drm_gem_object_put(bo[i]);
	return 0;

out_unlock:
	drm_gem_unlock_reservations(job->bo, job->bo_count, &ctx);
	return ret;
}

/*
 * The device's part of a submit. User memory was read before: a page fault that is never
 * answered (userfaultfd, FUSE) would hold up the removal of the device for ever.
 */
static int mea_job_submit(struct mea_job *job, struct mea_file *mfile,
			  struct drm_syncobj *out_sync)
{
	struct mea_device *mdev = job->mdev;
	int ret, idx;

	if (!drm_dev_enter(&mdev->drm, &idx))
		return -ENODEV;
	ret = READ_ONCE(mdev->wedged) ? -EIO : mea_job_wake(job);
	if (!ret)
		ret = mea_job_push(job, mfile, out_sync);
	drm_dev_exit(idx);
	return ret;
}

int mea_ioctl_submit(struct drm_device *drm, void *data, struct drm_file *file)
{
	struct drm_mea_submit *args = data;
	struct drm_syncobj *out_sync = NULL;
	struct mea_job *job;
	int ret;

	ret = mea_check_args(args);
	if (ret)
		return ret;
	if (args->out_sync) {
		out_sync = drm_syncobj_find(file, args->out_sync);
		if (!out_sync)
			return -ENOENT;
	}
	job = mea_job_create(to_mea(drm), file, args);
	if (IS_ERR(job)) {
		ret = PTR_ERR(job);
		goto out_sync;
	}
	ret = mea_sched_job_init(job, file);
	if (ret) {
		mea_job_destroy(job);
		goto out_sync;
	}
	ret = mea_job_in_syncs(job, file, args);
	if (!ret)
		ret = mea_job_submit(job, file->driver_priv, out_sync);
	if (ret)
		mea_free_job(&job->base);
out_sync:
	if (out_sync)
		drm_syncobj_put(out_sync);
	return ret;
}
