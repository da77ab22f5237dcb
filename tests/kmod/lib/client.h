/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A client of the driver for tests, nearer to the kernel interface than the runtime: device
 * files, buffers, syncobjs, fences of others, and jobs that copy or take long.
 */
#ifndef MEA_KMOD_CLIENT_H
#define MEA_KMOD_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "mea_accel.h"
#include "mea_isa.h"

#define PAGE	4096u
#define WAIT_MS 60000 /* for what must happen: the device is simulated */

/* Opens the first mea node; waits for one at most wait_ms. -1 when there is none. */
int client_open(int wait_ms);

/* ioctl() that is not restarted: 0 or -errno. */
int client_ioctl(int fd, unsigned long request, void *arg);

uint32_t client_timeout_ms(int fd);

/* --- buffers --- */
struct bo {
	int fd; /* device file */
	uint32_t handle;
	uint64_t size;
	uint64_t bytes; /* that were asked for: bo_fill() and bo_filled() end there */
	uint8_t *map;
};

/* Returns 0 or -errno; a mapped, zeroed buffer. */
int bo_make(int fd, uint64_t size, struct bo *bo);
/* Maps a handle that came another way. */
int bo_map_prime(int fd, uint32_t handle, uint64_t size, struct bo *bo);
void bo_drop(struct bo *bo);
void bo_fill(struct bo *bo, uint32_t seed);
bool bo_filled(const struct bo *bo, uint32_t seed);

/* --- jobs --- */
struct job {
	struct drm_mea_submit s;
	struct drm_mea_slot slot[DRM_MEA_MAX_SLOTS];
	uint32_t in[DRM_MEA_MAX_IN_SYNCS];
};

/* A job of n commands at the start of cmd, with slot 0 that buffer. */
void job_init(struct job *j, const struct bo *cmd, uint32_t n);
void job_slot(struct job *j, unsigned slot, const struct bo *bo, uint32_t flags);
void job_wait_for(struct job *j, uint32_t syncobj);
int job_submit(int fd, struct job *j);

/* Sets a field (MEA_F_*) of a command that is zero there. */
void set_field(uint8_t *command, uint32_t field, uint32_t value);
/* Commands in cmd that copy bytes (at most 64 KiB, of 64) from slot 1 to slot 2. */
uint32_t write_copy(int fd, struct bo *cmd, uint32_t bytes);
/* The same, but about so many cycles go by first; slot 1 has at least a page. */
uint32_t write_slow_copy(int fd, struct bo *cmd, uint32_t bytes, uint32_t cycles);

/* Buffers and a job that copies one to the other. */
struct copy {
	struct bo cmd, src, dst;
	struct job job;
};

/* Returns 0 or -errno. cycles: see write_slow_copy(); 0 for none. */
int copy_make(int fd, struct copy *c, uint32_t bytes, uint32_t cycles);
/* Fills the source, submits, waits, compares; 0, -errno, or the job's own error. */
int copy_run(struct copy *c, uint32_t seed);
void copy_drop(struct copy *c);

/* --- fences --- */
uint32_t sync_new(int fd);
void sync_drop(int fd, uint32_t syncobj);
/* 0 when it signalled, -ETIME, or another -errno. */
int sync_wait(int fd, uint32_t syncobj, int ms);
int sync_to_file(int fd, uint32_t syncobj);
int sync_from_file(int fd, uint32_t syncobj, int sync_file);
/* 1 signalled without error, 0 pending, else the error, negative. */
int file_status(int sync_file);
int sync_status(int fd, uint32_t syncobj);
/* Waits, then the job's own error or 0. */
int sync_result(int fd, uint32_t syncobj, int ms);

/* A fence that the test signals; without sw_sync it is vgem's, which fails after 10 s. */
int gate_open(void); /* its timeline */
int gate_fence(int timeline);
void gate_signal(int timeline);

/* Whether a dma-buf is ready now for a reader (its writers are done), or for a writer. */
bool ready_to_read(int dmabuf);
bool ready_to_write(int dmabuf);
/* A dma-buf of another exporter, n pages in this order; -1 with errno. */
int foreign_dmabuf(const unsigned *order, unsigned n);
/* Another driver that imports dma-bufs: vgem. */
int foreign_open(void);

/* --- the machine --- */
int side(const char *command); /* side channel: 0 for "ok" */
long long side_counter(const char *name);
bool write_file(const char *path, const char *text);
bool read_file(const char *path, char *text, size_t size);
/* What the kernel's checks of the DMA API have found since it started; 0 without them. */
int dma_errors(void);
/* The PCI function's name on its bus, or the last one that it had; "" if it had none. */
const char *pci_name(void);
/* Writes to its file in /sys/bus/pci/devices. */
bool pci_write(const char *file, const char *text);
/* Whether its DMA goes through an IOMMU: buffers need not be contiguous then. */
bool behind_iommu(void);
/* Whether the machine is QEMU's. */
bool in_qemu(void);
/* Whether it is a platform device (tests/kmod/bridge), not a PCI function. */
bool on_platform(void);
/* Binds the device to the driver, or unbinds it; with timeout_ms a limit of jobs. */
bool driver_unbind(void);
bool driver_bind(void);
bool driver_rebind(unsigned timeout_ms);
long long now_ms(void);

#endif
