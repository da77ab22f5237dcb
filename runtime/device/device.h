/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An accelerator as the runtime sees it: buffers, and jobs that name slots of
 * buffers. One table for the in-process simulator (sim.c) and the kernel driver.
 */
#ifndef MEA_DEVICE_H
#define MEA_DEVICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "device/log.h"
#include "mea_isa.h"
#include "plan/plan.h"

struct mea_device_ops;

struct mea_device {
	const struct mea_device_ops *ops;
	struct mea_hw hw;
	char name[32]; /* "sim:16x16" */
};

/* A buffer object: memory that host and device share. */
struct mea_bo {
	struct mea_device *dev;
	void *map;   /* page aligned, zeroed at creation */
	size_t size; /* multiple of 4096 */
};

struct mea_slot {
	struct mea_bo *bo; /* NULL: closed */
	uint64_t offset;   /* multiple of 4096 */
	uint64_t size;	   /* multiple of 64 */
	bool read, write;
};

struct mea_submit {
	struct mea_slot slot[MEA_SLOTS];
	uint32_t cmd_offset, cmd_count; /* in slot 0; offset in bytes */
	uint32_t budget;		/* cycles */
	bool record;			/* write a completion record */
	uint32_t record_slot, record_offset;
	uint32_t tag;
	bool scrub;
};

struct mea_fence {
	struct mea_device *dev;
};

struct mea_device_ops {
	const char *name;
	/* spec: what follows "sim:" and the like, "" for the default. */
	int (*open)(const char *spec, struct mea_device **out);
	/* After all buffers and fences are gone. */
	void (*close)(struct mea_device *dev);
	int (*bo_create)(struct mea_device *dev, size_t size, struct mea_bo **out);
	void (*bo_destroy)(struct mea_bo *bo);
	/* Queues a job; its buffers must live until it is waited for. MEA_EBUSY
	 * when the queue is full. */
	int (*submit)(struct mea_device *dev, const struct mea_submit *s, struct mea_fence **out);
	/* As mea_backend_ops.wait_fd. */
	int (*wait_fd)(struct mea_fence *f);
	/* Waits at most timeout_ms (-1: the device's own limit). MEA_ETIMEDOUT
	 * leaves the fence; any other result frees it and is the job's own:
	 * MEA_EDEVICE says in its message which fault and where (a job over its
	 * budget is fault WATCHDOG), MEA_ENODEV that the device is gone. */
	int (*wait)(struct mea_fence *f, int timeout_ms);
	/* From now on log (NULL: none) is of the job that started last; nobody may look at it while
	 * a job runs. NULL: the device does not tell what its engines do. */
	void (*log)(struct mea_device *dev, struct mea_device_log *log);
	/* CPU time in ms that this process has spent so far on being the device; NULL: none. */
	double (*cpu_ms)(struct mea_device *dev);
};

extern const struct mea_device_ops mea_device_drm, mea_device_sim;

/* Opens "drm", "sim", "sim:8x8", ... or "auto": drm where there is one, else sim. */
int mea_device_open(const char *spec, struct mea_device **out);

/* Fills hw from the six CONFIG registers. */
void mea_hw_from_config(struct mea_hw *hw, const uint32_t config[6]);

/* Name of a fault cause ("BOUNDS"); never NULL. */
const char *mea_fault_name(uint32_t cause);

#endif
