// SPDX-License-Identifier: Apache-2.0
/*
 * Device "drm": the accelerator behind mea.ko, through libdrm. Buffers are page
 * ranges of arenas, a few large buffer objects, so that a job names few objects.
 * Arenas are mapped through their dma-buf: such a mapping outlives the device, so
 * inputs can still be read, and computed elsewhere, after it was unplugged.
 *
 * An option names the node: "drm:/dev/accel/accel1".
 */
#include "device/device.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sync_file.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include <xf86drm.h>

#include "../kmod/uapi/mea_accel.h"
#include "base/clock.h"
#include "base/error.h"

#define PAGE	    4096u
#define ARENA_BYTES (1u << 20)
#define NODES	    256
#define GRACE_MS    10000 /* beyond the kernel's own limit */

struct arena {
	struct arena *next;
	uint32_t handle;
	uint8_t *map;
	size_t pages;
	bool used[]; /* per page */
};

struct drm_device {
	struct mea_device dev;
	int fd;
	uint32_t timeout_ms;
	pthread_mutex_t lock; /* of the arenas */
	struct arena *arenas;
};

struct drm_bo {
	struct mea_bo bo;
	struct arena *arena;
	size_t page, pages;
};

struct drm_fence {
	struct mea_fence f;
	int sync_file;
};

/* --- arenas --------------------------------------------------------------- */

static void arena_free(struct drm_device *d, struct arena *a)
{
	if (!a)
		return;
	if (a->map)
		munmap(a->map, a->pages * PAGE);
	if (a->handle)
		drmCloseBufferHandle(d->fd, a->handle);
	free(a);
}

static int arena_map(struct drm_device *d, struct arena *a)
{
	int fd = -1;
	void *map;

	if (drmPrimeHandleToFD(d->fd, a->handle, DRM_CLOEXEC | DRM_RDWR, &fd))
		return -1;
	map = mmap(NULL, a->pages * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	if (map == MAP_FAILED)
		return -1;
	a->map = map;
	return 0;
}

/* An arena for at least pages pages: as large as contiguous memory allows. */
static struct arena *arena_new(struct drm_device *d, size_t pages)
{
	size_t want = pages > ARENA_BYTES / PAGE ? pages : ARENA_BYTES / PAGE;
	struct drm_mea_bo_create create;
	struct arena *a;

	for (;; want = want / 2 > pages ? want / 2 : pages) {
		memset(&create, 0, sizeof(create));
		create.size = (uint64_t)want * PAGE;
		if (!drmIoctl(d->fd, DRM_IOCTL_MEA_BO_CREATE, &create))
			break;
		if (errno != ENOMEM || want == pages)
			return NULL;
	}
	a = calloc(1, sizeof(*a) + want);
	if (!a) {
		drmCloseBufferHandle(d->fd, create.handle);
		errno = ENOMEM;
		return NULL;
	}
	a->handle = create.handle;
	a->pages = want;
	if (arena_map(d, a)) {
		int saved = errno;

		arena_free(d, a);
		errno = saved;
		return NULL;
	}
	a->next = d->arenas;
	d->arenas = a;
	return a;
}

/* First run of pages free pages, or -1. */
static ptrdiff_t arena_find(const struct arena *a, size_t pages)
{
	size_t run = 0;

	for (size_t i = 0; i < a->pages; i++) {
		run = a->used[i] ? 0 : run + 1;
		if (run == pages)
			return (ptrdiff_t)(i + 1 - pages);
	}
	return -1;
}

static int drm_bo_create(struct mea_device *dev, size_t size, struct mea_bo **out)
{
	struct drm_device *d = (struct drm_device *)dev;
	size_t pages = size ? (size + PAGE - 1) / PAGE : 1;
	struct drm_bo *bo = calloc(1, sizeof(*bo));
	ptrdiff_t at = -1;
	struct arena *a;

	if (!bo)
		return mea_nomem();
	pthread_mutex_lock(&d->lock);
	for (a = d->arenas; a; a = a->next) {
		at = arena_find(a, pages);
		if (at >= 0)
			break;
	}
	if (!a) {
		a = arena_new(d, pages);
		at = 0;
	}
	if (!a) {
		int rc = errno == ENODEV ? MEA_ENODEV : MEA_ENOMEM;

		mea_fail(rc, "%s: no buffer of %zu bytes: %s", dev->name, size, strerror(errno));
		pthread_mutex_unlock(&d->lock);
		free(bo);
		return rc;
	}
	memset(a->used + at, 1, pages);
	pthread_mutex_unlock(&d->lock);
	bo->arena = a;
	bo->page = (size_t)at;
	bo->pages = pages;
	bo->bo = (struct mea_bo){dev, a->map + bo->page * PAGE, pages * PAGE};
	memset(bo->bo.map, 0, bo->bo.size);
	*out = &bo->bo;
	return 0;
}

static void drm_bo_destroy(struct mea_bo *b)
{
	struct drm_bo *bo = (struct drm_bo *)b;
	struct drm_device *d;

	if (!bo)
		return;
	d = (struct drm_device *)bo->bo.dev;
	pthread_mutex_lock(&d->lock);
	memset(bo->arena->used + bo->page, 0, bo->pages);
	pthread_mutex_unlock(&d->lock);
	free(bo);
}

/* --- open ------------------------------------------------------------------- */

static bool is_mea(int fd)
{
	drmVersionPtr v = drmGetVersion(fd);
	bool yes = v && v->name && !strcmp(v->name, "mea");

	drmFreeVersion(v);
	return yes;
}

/* The file of the node in spec, or of the first node whose driver is mea. */
static int find_node(const char *spec, char *path, size_t size)
{
	for (int i = 0; i < NODES; i++) {
		int fd;

		if (*spec)
			snprintf(path, size, "%s", spec);
		else
			snprintf(path, size, "/dev/accel/accel%d", i);
		fd = open(path, O_RDWR | O_CLOEXEC);
		if (fd >= 0 && is_mea(fd))
			return fd;
		if (fd >= 0)
			close(fd);
		if (*spec)
			return mea_fail(MEA_ENODEV, "device drm: %s: %s", path,
					fd < 0 ? strerror(errno) : "not a mea accelerator");
		if (fd < 0 && errno == EACCES)
			return mea_fail(MEA_ENODEV, "device drm: %s: no permission (group accel?)",
					path);
	}
	return mea_fail(MEA_ENODEV, "device drm: no mea accelerator under /dev/accel");
}

static int drm_open(const char *spec, struct mea_device **out)
{
	struct drm_mea_info info = {0};
	uint32_t config[6];
	struct drm_device *d;
	char path[64];
	int fd = find_node(spec, path, sizeof(path));

	if (fd < 0)
		return fd;
	d = calloc(1, sizeof(*d));
	if (!d) {
		close(fd);
		return mea_nomem();
	}
	if (drmIoctl(fd, DRM_IOCTL_MEA_INFO, &info) ||
	    info.version >> 16 != MEA_VERSION_VALUE >> 16 ||
	    (info.version & 0xffff) < (MEA_VERSION_VALUE & 0xffff)) {
		mea_fail(MEA_ENODEV, "device drm: %s: interface version 0x%x, not 0x%x", path,
			 info.version, MEA_VERSION_VALUE);
		close(fd);
		free(d);
		return MEA_ENODEV;
	}
	d->dev.ops = &mea_device_drm;
	d->fd = fd;
	d->timeout_ms = info.timeout_ms;
	snprintf(d->dev.name, sizeof(d->dev.name), "drm:%.26s", path);
	memcpy(config, info.config, sizeof(info.config));
	config[5] = info.config5;
	mea_hw_from_config(&d->dev.hw, config);
	d->dev.hw.clock_khz = info.clock_khz;
	pthread_mutex_init(&d->lock, NULL);
	*out = &d->dev;
	return 0;
}

static void drm_close(struct mea_device *dev)
{
	struct drm_device *d = (struct drm_device *)dev;

	while (d->arenas) {
		struct arena *a = d->arenas;

		d->arenas = a->next;
		arena_free(d, a);
	}
	close(d->fd);
	pthread_mutex_destroy(&d->lock);
	free(d);
}

/* --- jobs ---------------------------------------------------------------------- */

/* What the driver means, where the errno's own words do not say it. */
static const char *job_error(int error)
{
	return error == ECANCELED ? "three jobs in a row hung, so the driver refuses more"
	       : error == EAGAIN  ? "too many jobs of this process are queued"
				  : strerror(error);
}

static int submit_error(const struct mea_device *dev, int error)
{
	int rc = error == ENODEV || error == EIO || error == ECANCELED ? MEA_ENODEV
		 : error == ENOMEM || error == EAGAIN		       ? MEA_ENOMEM
								       : MEA_EINVAL;

	return mea_fail(rc, "%s: submit: %s", dev->name, job_error(error));
}

/*
 * Submits the job; *sync_file then shows its end and its own result, even when the device is
 * gone by then.
 */
static int submit(struct drm_device *d, struct drm_mea_submit *args, int *sync_file)
{
	int rc = 0;

	if (drmSyncobjCreate(d->fd, 0, &args->out_sync))
		return submit_error(&d->dev, errno);
	/* drmIoctl() would try again for ever while the queue is full. */
	do
		rc = ioctl(d->fd, DRM_IOCTL_MEA_SUBMIT, args) ? errno : 0;
	while (rc == EINTR);
	if (rc) {
		rc = submit_error(&d->dev, rc);
	} else if (drmSyncobjExportSyncFile(d->fd, args->out_sync, sync_file)) {
		rc = submit_error(&d->dev, errno);
		/* The job runs: the caller may use its buffers again only after that. */
		drmSyncobjWait(d->fd, &args->out_sync, 1,
			       (int64_t)mea_now_ns() + (int64_t)GRACE_MS * 1000000, 0, NULL);
	}
	drmSyncobjDestroy(d->fd, args->out_sync);
	return rc;
}

static int drm_submit(struct mea_device *dev, const struct mea_submit *s, struct mea_fence **out)
{
	struct drm_device *d = (struct drm_device *)dev;
	struct drm_mea_slot slots[DRM_MEA_MAX_SLOTS] = {0};
	struct drm_mea_submit args = {
		.slots = (uintptr_t)slots,
		.slot_count = DRM_MEA_MAX_SLOTS,
		.cmd_offset = s->cmd_offset,
		.cmd_count = s->cmd_count,
		.budget = s->budget,
		.record_slot = s->record ? s->record_slot : ~0u,
		.record_offset = s->record_offset,
		.tag = s->tag,
	};
	struct drm_fence *f = calloc(1, sizeof(*f));
	int rc;

	if (!f)
		return mea_nomem();
	f->f.dev = dev;
	for (int i = 0; i < DRM_MEA_MAX_SLOTS; i++) {
		const struct mea_slot *slot = &s->slot[i];
		const struct drm_bo *bo = (const struct drm_bo *)slot->bo;

		if (!bo)
			continue;
		slots[i].handle = bo->arena->handle;
		slots[i].flags = (slot->read ? DRM_MEA_SLOT_READ : 0u) |
				 (slot->write ? DRM_MEA_SLOT_WRITE : 0u);
		slots[i].offset = bo->page * PAGE + slot->offset;
		slots[i].size = slot->size;
	}
	rc = submit(d, &args, &f->sync_file);
	if (rc) {
		free(f);
		return rc;
	}
	*out = &f->f;
	return 0;
}

static int drm_wait_fd(struct mea_fence *fence)
{
	return ((struct drm_fence *)fence)->sync_file;
}

static int drm_wait(struct mea_fence *fence, int timeout_ms)
{
	struct drm_fence *f = (struct drm_fence *)fence;
	struct drm_device *d = (struct drm_device *)fence->dev;
	int limit = timeout_ms < 0 ? (int)d->timeout_ms * 4 + GRACE_MS : timeout_ms;
	struct pollfd ended = {f->sync_file, POLLIN, 0};
	struct sync_file_info info = {0};
	int rc = 0;

	if (poll(&ended, 1, limit) <= 0)
		return mea_fail(MEA_ETIMEDOUT, "%s: no answer in %d ms", fence->dev->name, limit);
	if (ioctl(f->sync_file, SYNC_IOC_FILE_INFO, &info))
		rc = mea_fail(MEA_ENODEV, "%s: no fence: %s", fence->dev->name, strerror(errno));
	else if (info.status < 0)
		rc = mea_fail(info.status == -ENODEV ? MEA_ENODEV : MEA_EDEVICE,
			      "%s: job failed: %s", fence->dev->name, job_error(-info.status));
	close(f->sync_file);
	free(f);
	return rc;
}

const struct mea_device_ops mea_device_drm = {
	.name = "drm",
	.open = drm_open,
	.close = drm_close,
	.bo_create = drm_bo_create,
	.bo_destroy = drm_bo_destroy,
	.submit = drm_submit,
	.wait_fd = drm_wait_fd,
	.wait = drm_wait,
};
