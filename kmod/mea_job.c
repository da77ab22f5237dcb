// SPDX-License-Identifier: GPL-2.0-only
/* Jobs: from the ioctl into the scheduler's queue. */

#include <linux/pm_runtime.h>
#include <drm/drm_file.h>
#include <drm/drm_syncobj.h>

#include "mea.h"

static int mea_sched_job_init(struct mea_job *job, struct drm_file *file)
{
	struct mea_file *mfile = file->driver_priv;

#ifdef MEA_SCHED_CLIENT_ID
	return drm_sched_job_init(&job->base, &mfile->entity, 1, NULL, file->client_id);
#else
	return drm_sched_job_init(&job->base, &mfile->entity, 1, NULL);
#endif
}

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
	job->budget = min_not_zero(args->budget, mdev->max_budget);
	job->tag = args->tag;
	/* Here, as run_job() must not allocate. */
	job->fence = mea_fence_create();
	if (!job->fence)
		goto err;
	job->usage = mfile->usage;
	kref_get(&job->usage->ref);
	ret = -EAGAIN;
	if (atomic_inc_return(&job->usage->queued) > DRM_MEA_MAX_QUEUED)
		goto err;
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
	struct mea_file *mfile = file->driver_priv;
	struct drm_syncobj *out_sync = NULL;
	struct mea_job *job;
	int ret;

	ret = mea_check_args(args);
	if (ret)
		return ret;
	if (mea_usage_banned(mfile->usage))
		return -ECANCELED;
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
		ret = mea_job_submit(job, mfile, out_sync);
	if (ret)
		mea_free_job(&job->base);
out_sync:
	if (out_sync)
		drm_syncobj_put(out_sync);
	return ret;
}
