// SPDX-License-Identifier: Apache-2.0
/* Device files, buffers, jobs. */
#include "client.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include <xf86drm.h>

long long now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000ll + t.tv_nsec / 1000000;
}

int client_ioctl(int fd, unsigned long request, void *arg)
{
	return ioctl(fd, request, arg) ? -errno : 0;
}

static int open_once(void)
{
	for (int i = 0; i < 16; i++) {
		char path[32];
		drmVersionPtr v;
		bool mea;
		int fd;

		snprintf(path, sizeof(path), "/dev/accel/accel%d", i);
		fd = open(path, O_RDWR | O_CLOEXEC);
		if (fd < 0)
			continue;
		v = drmGetVersion(fd);
		mea = v && !strcmp(v->name, "mea");
		drmFreeVersion(v);
		if (mea)
			return fd;
		close(fd);
	}
	return -1;
}

int client_open(int wait_ms)
{
	long long end = now_ms() + wait_ms;

	for (;;) {
		int fd = open_once();

		if (fd >= 0 || now_ms() >= end)
			return fd;
		usleep(10000);
	}
}

uint32_t client_timeout_ms(int fd)
{
	struct drm_mea_info info = {0};

	return client_ioctl(fd, DRM_IOCTL_MEA_INFO, &info) ? 0 : info.timeout_ms;
}

/* --- buffers ---------------------------------------------------------------------- */

int bo_make(int fd, uint64_t size, struct bo *bo)
{
	struct drm_mea_bo_create c = {.size = size};
	int rc = client_ioctl(fd, DRM_IOCTL_MEA_BO_CREATE, &c);

	*bo = (struct bo){.fd = -1};
	if (rc)
		return rc;
	*bo = (struct bo){.fd = fd, .handle = c.handle, .size = c.size, .bytes = size};
	bo->map = mmap(NULL, c.size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, (off_t)c.mmap_offset);
	if (bo->map == MAP_FAILED) {
		rc = -errno;
		drmCloseBufferHandle(fd, c.handle);
	}
	return rc;
}

int bo_map_prime(int fd, uint32_t handle, uint64_t size, struct bo *bo)
{
	int dmabuf, rc;

	*bo = (struct bo){.fd = fd, .handle = handle, .size = size, .bytes = size};
	if (drmPrimeHandleToFD(fd, handle, DRM_CLOEXEC | DRM_RDWR, &dmabuf))
		return -errno;
	bo->map = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, dmabuf, 0);
	rc = bo->map == MAP_FAILED ? -errno : 0;
	close(dmabuf);
	return rc;
}

void bo_drop(struct bo *bo)
{
	if (bo->fd < 0)
		return;
	munmap(bo->map, bo->size);
	drmCloseBufferHandle(bo->fd, bo->handle);
	bo->fd = -1;
}

static uint32_t word(uint32_t seed, uint32_t i)
{
	return (seed + i) * 2654435761u ^ seed << 7;
}

void bo_fill(struct bo *bo, uint32_t seed)
{
	uint32_t *map = (uint32_t *)bo->map;

	for (uint32_t i = 0; i < bo->bytes / 4; i++)
		map[i] = word(seed, i);
}

bool bo_filled(const struct bo *bo, uint32_t seed)
{
	const volatile uint32_t *map = (const uint32_t *)bo->map;

	for (uint32_t i = 0; i < bo->bytes / 4; i++)
		if (map[i] != word(seed, i))
			return false;
	return true;
}

/* --- jobs -------------------------------------------------------------------------- */

void set_field(uint8_t *command, uint32_t f, uint32_t value)
{
	uint32_t w;

	memcpy(&w, command + (f >> 16) * 4, 4);
	w |= value << (f >> 8 & 0xff);
	memcpy(command + (f >> 16) * 4, &w, 4);
}

static uint32_t lanes(int fd)
{
	struct drm_mea_info info = {0};
	uint32_t rows, cols;

	client_ioctl(fd, DRM_IOCTL_MEA_INFO, &info);
	rows = (info.config[0] & MEA_CONFIG0_ROWS_MASK) >> MEA_CONFIG0_ROWS_SHIFT;
	cols = (info.config[0] & MEA_CONFIG0_COLS_MASK) >> MEA_CONFIG0_COLS_SHIFT;
	return rows > cols ? rows : cols;
}

/* Loads rows of a page, all from the start of slot 1. */
static void write_delay(uint8_t *c, uint32_t words, uint32_t rows)
{
	set_field(c, MEA_F_CMD_OPCODE, MEA_OP_LOAD);
	set_field(c, MEA_F_LOAD_SLOT, 1);
	set_field(c, MEA_F_LOAD_ROW_WORDS, words);
	set_field(c, MEA_F_LOAD_ROWS, rows);
}

uint32_t write_slow_copy(int fd, struct bo *cmd, uint32_t bytes, uint32_t cycles)
{
	uint32_t words = bytes / lanes(fd);
	uint8_t *c = cmd->map;

	memset(c, 0, 3 * MEA_CMD_BYTES);
	if (cycles) {
		/* At most eight bytes per cycle. */
		write_delay(c, PAGE / lanes(fd), cycles / (PAGE / 8) + 1);
		c += MEA_CMD_BYTES;
	}
	set_field(c, MEA_F_CMD_OPCODE, MEA_OP_LOAD);
	set_field(c, MEA_F_CMD_SIGNAL, 2);
	set_field(c, MEA_F_LOAD_SLOT, 1);
	set_field(c, MEA_F_LOAD_ROW_WORDS, words);
	set_field(c, MEA_F_LOAD_ROWS, 1);
	c += MEA_CMD_BYTES;
	set_field(c, MEA_F_CMD_OPCODE, MEA_OP_STORE);
	set_field(c, MEA_F_CMD_WAIT, 1);
	set_field(c, MEA_F_STORE_SLOT, 2);
	set_field(c, MEA_F_STORE_ROW_WORDS, words);
	set_field(c, MEA_F_STORE_ROWS, 1);
	return cycles ? 3 : 2;
}

uint32_t write_copy(int fd, struct bo *cmd, uint32_t bytes)
{
	return write_slow_copy(fd, cmd, bytes, 0);
}

void job_init(struct job *j, const struct bo *cmd, uint32_t n)
{
	memset(j, 0, sizeof(*j));
	j->s.slot_count = 1;
	j->s.cmd_count = n;
	j->s.record_slot = ~0u;
	job_slot(j, 0, cmd, DRM_MEA_SLOT_READ);
}

void job_slot(struct job *j, unsigned slot, const struct bo *bo, uint32_t flags)
{
	j->slot[slot] =
		(struct drm_mea_slot){.handle = bo->handle, .flags = flags, .size = bo->size};
	if (j->s.slot_count <= slot)
		j->s.slot_count = slot + 1;
}

void job_wait_for(struct job *j, uint32_t syncobj)
{
	j->in[j->s.in_sync_count++] = syncobj;
}

int job_submit(int fd, struct job *j)
{
	int rc;

	j->s.slots = (uintptr_t)j->slot;
	j->s.in_syncs = (uintptr_t)j->in;
	do
		rc = client_ioctl(fd, DRM_IOCTL_MEA_SUBMIT, &j->s);
	while (rc == -EINTR);
	return rc;
}

int copy_make(int fd, struct copy *c, uint32_t bytes, uint32_t cycles)
{
	int rc;

	c->src.fd = c->dst.fd = -1;
	rc = bo_make(fd, PAGE, &c->cmd);
	if (!rc)
		rc = bo_make(fd, bytes, &c->src);
	if (!rc)
		rc = bo_make(fd, bytes, &c->dst);
	if (rc)
		return rc;
	job_init(&c->job, &c->cmd, write_slow_copy(fd, &c->cmd, bytes, cycles));
	job_slot(&c->job, 1, &c->src, DRM_MEA_SLOT_READ);
	job_slot(&c->job, 2, &c->dst, DRM_MEA_SLOT_WRITE);
	c->job.s.out_sync = sync_new(fd);
	return 0;
}

int copy_run(struct copy *c, uint32_t seed)
{
	int fd = c->cmd.fd, rc;

	bo_fill(&c->src, seed);
	memset(c->dst.map, 0, c->dst.size);
	rc = job_submit(fd, &c->job);
	if (!rc)
		rc = sync_result(fd, c->job.s.out_sync, WAIT_MS);
	return rc ? rc : bo_filled(&c->dst, seed) ? 0 : -EILSEQ;
}

void copy_drop(struct copy *c)
{
	sync_drop(c->cmd.fd, c->job.s.out_sync);
	bo_drop(&c->cmd);
	bo_drop(&c->src);
	bo_drop(&c->dst);
}
