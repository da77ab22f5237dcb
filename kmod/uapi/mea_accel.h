/* SPDX-License-Identifier: (GPL-2.0 WITH Linux-syscall-note) OR MIT */
/*
 * Kernel interface of the mea accelerator, /dev/accel/accelN.
 *
 * A job names up to DRM_MEA_MAX_SLOTS ranges of buffer objects, its slots. The
 * hardware keeps every access of the job inside them, so the kernel neither
 * reads nor trusts the commands. Results of a job are its fence: signalled with
 * no error, or -ETIMEDOUT (over its budget, or hung), -EFAULT (a command left its
 * slots or was illegal), -EIO (bus error, or the device ignored a reset), -ENODEV
 * (device gone), -ESRCH (its process was killed before the job could start),
 * -ECANCELED (three jobs of its file in a row hung). An exported sync_file shows
 * the error.
 *
 * Files take turns, a job each, while more than one has jobs that are ready.
 */
#ifndef _UAPI_MEA_ACCEL_H_
#define _UAPI_MEA_ACCEL_H_

#ifdef __KERNEL__
#include <drm/drm.h>
#else
#include <drm.h>	/* libdrm's copy */
#endif

#if defined(__cplusplus)
extern "C" {
#endif

#define DRM_MEA_MAX_SLOTS	8
#define DRM_MEA_MAX_IN_SYNCS	16
#define DRM_MEA_MAX_QUEUED	256	/* jobs of a file that have not ended */

/**
 * enum drm_mea_ioctl_id - numbers of the ioctls; new ones go to the end
 * @DRM_MEA_INFO: What the device is.
 * @DRM_MEA_BO_CREATE: Create a buffer object.
 * @DRM_MEA_SUBMIT: Queue a job.
 */
enum drm_mea_ioctl_id {
	DRM_MEA_INFO = 0,
	DRM_MEA_BO_CREATE,
	DRM_MEA_SUBMIT,
};

/**
 * struct drm_mea_info - what the device is
 *
 * Grows at the end only; a shorter or longer structure is fine.
 */
struct drm_mea_info {
	/** @version: Interface version register. */
	__u32 version;
	/** @config: CONFIG0 to CONFIG4 registers, see the hardware manual. */
	__u32 config[5];
	/** @clock_khz: Clock of the accelerator, 0 if unknown. */
	__u32 clock_khz;
	/** @timeout_ms: Time after which a job that does not end is killed. */
	__u32 timeout_ms;
	/** @max_slot_size: Largest size of a slot in bytes. */
	__u64 max_slot_size;
	/** @config5: CONFIG5 register. */
	__u32 config5;
	/** @pad: Zero. */
	__u32 pad;
};

/**
 * struct drm_mea_bo_create - create a buffer object
 *
 * Contiguous, zeroed memory, coherent between CPU and device.
 */
struct drm_mea_bo_create {
	/** @size: In: bytes, not 0. Out: rounded up to whole pages. */
	__u64 size;
	/** @flags: Must be 0. */
	__u32 flags;
	/** @handle: Out: GEM handle. */
	__u32 handle;
	/** @mmap_offset: Out: offset for mmap() of the device file. */
	__u64 mmap_offset;
};

/** define DRM_MEA_SLOT_READ - the job may read the slot */
#define DRM_MEA_SLOT_READ	0x1
/** define DRM_MEA_SLOT_WRITE - the job may write the slot */
#define DRM_MEA_SLOT_WRITE	0x2

/**
 * struct drm_mea_slot - a range of a buffer object
 */
struct drm_mea_slot {
	/** @handle: GEM handle, 0 for a closed slot. */
	__u32 handle;
	/** @flags: DRM_MEA_SLOT_*; a slot with a handle has at least one. */
	__u32 flags;
	/** @offset: First byte, a multiple of 4096. */
	__u64 offset;
	/** @size: Bytes, a multiple of 64, not 0. */
	__u64 size;
};

/**
 * struct drm_mea_submit - queue a job
 *
 * -EAGAIN: DRM_MEA_MAX_QUEUED jobs of the file have not ended. -ECANCELED: three of its
 * jobs in a row hung; it must be opened anew.
 */
struct drm_mea_submit {
	/** @slots: Pointer to @slot_count struct drm_mea_slot. */
	__u64 slots;
	/** @in_syncs: Pointer to @in_sync_count syncobj handles to wait for. */
	__u64 in_syncs;
	/** @slot_count: 1 to DRM_MEA_MAX_SLOTS; slot 0 holds the commands. */
	__u32 slot_count;
	/** @in_sync_count: 0 to DRM_MEA_MAX_IN_SYNCS. */
	__u32 in_sync_count;
	/** @out_sync: Syncobj that gets the job's fence, 0 for none. */
	__u32 out_sync;
	/** @flags: Must be 0. */
	__u32 flags;
	/** @cmd_offset: First command in slot 0 in bytes, a multiple of 64. */
	__u32 cmd_offset;
	/** @cmd_count: Number of commands. */
	__u32 cmd_count;
	/**
	 * @budget: Cycles after which the hardware stops the job, 0: as many as the
	 * driver allows.
	 */
	__u32 budget;
	/** @record_slot: Writable slot for the completion record, ~0 for none. */
	__u32 record_slot;
	/** @record_offset: Byte offset of the record, a multiple of 128. */
	__u32 record_offset;
	/** @tag: Copied into the record. */
	__u32 tag;
};

#define DRM_IOCTL_MEA_INFO \
	DRM_IOR(DRM_COMMAND_BASE + DRM_MEA_INFO, struct drm_mea_info)
#define DRM_IOCTL_MEA_BO_CREATE \
	DRM_IOWR(DRM_COMMAND_BASE + DRM_MEA_BO_CREATE, struct drm_mea_bo_create)
#define DRM_IOCTL_MEA_SUBMIT \
	DRM_IOW(DRM_COMMAND_BASE + DRM_MEA_SUBMIT, struct drm_mea_submit)

#if defined(__cplusplus)
}
#endif

#endif /* _UAPI_MEA_ACCEL_H_ */
