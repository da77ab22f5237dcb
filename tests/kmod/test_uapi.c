// SPDX-License-Identifier: Apache-2.0
/* The three ioctls: what they answer, and each way to call them wrongly, alone. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <xf86drm.h>

#include "lib/check.h"
#include "lib/client.h"
#include "lib/layout.h"

static int fd;
static struct copy c;

void check_start(void)
{
	fd = client_open(0);
	require(fd >= 0, "no device");
	require_eq(copy_make(fd, &c, PAGE, 0), 0);
	bo_fill(&c.src, 1);
}

void check_stop(void)
{
	copy_drop(&c);
	close(fd);
}

/* --- INFO ---------------------------------------------------------------------------- */

TEST(info)
{
	struct drm_mea_info info = {0};

	require_eq(client_ioctl(fd, DRM_IOCTL_MEA_INFO, &info), 0);
	expect_eq(info.version, MEA_VERSION_VALUE);
	expect_eq(info.config[0] & 0xffff, 8 | 8 << 8, "the guest has an 8x8 array");
	expect(info.config[1] > 0);
	expect_eq(info.config5 & MEA_CONFIG5_TABLES_MASK, 2, "with two tables");
	expect_eq(info.clock_khz, 0, "a simulation has no clock");
	expect_eq(info.max_slot_size, 1ull << 32);
	expect(info.timeout_ms > 0);
}

/* A program that was built when the structure was shorter, or when it will be longer. */
TEST(info_of_other_sizes)
{
	struct {
		struct drm_mea_info info;
		uint64_t future[4];
	} big;
	struct drm_mea_info full = {0};
	uint32_t small[2] = {0, 0x5a5a5a5a};

	client_ioctl(fd, DRM_IOCTL_MEA_INFO, &full);
	memset(&big, 0xff, sizeof(big));
	expect_eq(client_ioctl(fd, _IOC(_IOC_READ, 'd', 0x40, sizeof(big)), &big), 0);
	expect_eq(memcmp(&big.info, &full, sizeof(full)), 0);
	expect_eq(client_ioctl(fd, _IOC(_IOC_READ, 'd', 0x40, 4), small), 0);
	expect_eq(small[0], full.version);
	expect_eq(small[1], 0x5a5a5a5a, "nothing is written past the end");
}

TEST(numbers_without_an_ioctl)
{
	uint64_t data[8] = {0};

	for (unsigned nr = 0x43; nr < 0xa0; nr++)
		expect_eq(client_ioctl(fd, _IOC(_IOC_READ | _IOC_WRITE, 'd', nr, 64), data),
			  -EINVAL, "0x%x", nr);
}

TEST(bad_pointers)
{
	expect_eq(client_ioctl(fd, DRM_IOCTL_MEA_INFO, NULL), -EFAULT);
	expect_eq(client_ioctl(fd, DRM_IOCTL_MEA_BO_CREATE, (void *)8), -EFAULT);
	expect_eq(client_ioctl(fd, DRM_IOCTL_MEA_SUBMIT, (void *)-4096l), -EFAULT);
}

/* --- BO_CREATE ------------------------------------------------------------------------ */

TEST(bo_create_wrong)
{
	static const struct {
		const char *what;
		struct drm_mea_bo_create c;
	} wrong[] = {
		{"no size", {.size = 0}},
		{"a flag", {.size = PAGE, .flags = 1}},
		{"the last flag", {.size = PAGE, .flags = 1u << 31}},
		{"a handle", {.size = PAGE, .handle = 1}},
		{"an offset", {.size = PAGE, .mmap_offset = 1}},
		{"over the slot size", {.size = (1ull << 32) + 1}},
		{"a size that wraps when rounded", {.size = ~0ull}},
		{"a negative size", {.size = 1ull << 63}},
	};

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		struct drm_mea_bo_create a = wrong[i].c;

		expect_eq(client_ioctl(fd, DRM_IOCTL_MEA_BO_CREATE, &a), -EINVAL, "%s",
			  wrong[i].what);
	}
}

/* --- SUBMIT ----------------------------------------------------------------------------- */

/* One change to a job that works. The job is in c.job; src is 1, dst is 2. */
struct change {
	const char *what;
	int error;
	void (*make)(struct job *j);
};

#define CHANGE(name, statement)                                                                    \
	static void name(struct job *j)                                                            \
	{                                                                                          \
		statement;                                                                         \
	}

CHANGE(no_slots, j->s.slot_count = 0)
CHANGE(slots_9, j->s.slot_count = 9)
CHANGE(slots_many, j->s.slot_count = ~0u)
CHANGE(syncs_17, j->s.in_sync_count = 17)
CHANGE(syncs_many, j->s.in_sync_count = ~0u)
CHANGE(flag, j->s.flags = 1)
CHANGE(last_flag, j->s.flags = 1u << 31)
CHANGE(cmd_odd, j->s.cmd_offset = 32)
CHANGE(record_3, j->s.record_slot = 3)
CHANGE(record_8, j->s.record_slot = 8)
CHANGE(record_unaligned, j->s.record_slot = 2; j->s.record_offset = 64)
CHANGE(record_read_only, j->s.record_slot = 1)
CHANGE(record_closed, j->slot[2] = (struct drm_mea_slot){0}; j->s.record_slot = 2)
CHANGE(slot0_closed, j->slot[0] = (struct drm_mea_slot){0})
CHANGE(slot0_write_only, j->slot[0].flags = DRM_MEA_SLOT_WRITE)
CHANGE(no_right, j->slot[1].flags = 0)
CHANGE(right_4, j->slot[1].flags |= 4)
CHANGE(right_last, j->slot[1].flags |= 1u << 31)
CHANGE(closed_flags, j->slot[1] = (struct drm_mea_slot){.flags = 1})
CHANGE(closed_offset, j->slot[1] = (struct drm_mea_slot){.offset = 4096})
CHANGE(closed_size, j->slot[1] = (struct drm_mea_slot){.size = 64})
CHANGE(size_0, j->slot[1].size = 0)
CHANGE(size_63, j->slot[1].size = 63)
CHANGE(size_past, j->slot[1].size = PAGE + 64)
CHANGE(size_huge, j->slot[1].size = ~63ull)
CHANGE(size_4g, j->slot[1].size = (1ull << 32) + 64)
CHANGE(offset_64, j->slot[1].offset = 64)
CHANGE(offset_past, j->slot[1].offset = PAGE)
CHANGE(offset_wraps, j->slot[1].offset = ~4095ull; j->slot[1].size = 8192)
CHANGE(offset_wraps_to_start, j->slot[1].offset = -4096ull; j->slot[1].size = 4096)
CHANGE(handle_unknown, j->slot[1].handle = 0x7fffffff)
CHANGE(handle_last, j->slot[1].handle = ~0u)
CHANGE(slots_null, j->s.slots = 0)
CHANGE(slots_kernel, j->s.slots = ~0ull - 4095)
CHANGE(syncs_null, j->s.in_syncs = 0; j->s.in_sync_count = 1)
CHANGE(sync_unknown, j->in[0] = 0x7fffffff; j->s.in_sync_count = 1)
CHANGE(sync_zero, j->in[0] = 0; j->s.in_sync_count = 1)
CHANGE(sync_empty, j->in[0] = sync_new(fd); j->s.in_sync_count = 1)
CHANGE(out_unknown, j->s.out_sync = 0x7fffffff)

static const struct change wrong[] = {
	{"no slots", -EINVAL, no_slots},
	{"nine slots", -EINVAL, slots_9},
	{"2^32 - 1 slots", -EINVAL, slots_many},
	{"17 syncobjs", -EINVAL, syncs_17},
	{"2^32 - 1 syncobjs", -EINVAL, syncs_many},
	{"a flag", -EINVAL, flag},
	{"the last flag", -EINVAL, last_flag},
	{"commands not at a multiple of 64", -EINVAL, cmd_odd},
	{"a record in a slot past the last", -EINVAL, record_3},
	{"a record in slot 8", -EINVAL, record_8},
	{"a record not at a multiple of 128", -EINVAL, record_unaligned},
	{"a record in a slot to read", -EINVAL, record_read_only},
	{"a record in a closed slot", -EINVAL, record_closed},
	{"slot 0 closed", -EINVAL, slot0_closed},
	{"commands that may not be read", -EINVAL, slot0_write_only},
	{"a slot without rights", -EINVAL, no_right},
	{"an unknown right", -EINVAL, right_4},
	{"the last right", -EINVAL, right_last},
	{"a closed slot with flags", -EINVAL, closed_flags},
	{"a closed slot with an offset", -EINVAL, closed_offset},
	{"a closed slot with a size", -EINVAL, closed_size},
	{"a slot of no size", -EINVAL, size_0},
	{"a slot of 63 bytes", -EINVAL, size_63},
	{"a slot past the buffer's end", -EINVAL, size_past},
	{"a slot of nearly 2^64 bytes", -EINVAL, size_huge},
	{"a slot over 4 GiB", -EINVAL, size_4g},
	{"a slot not at a page", -EINVAL, offset_64},
	{"a slot behind the buffer", -EINVAL, offset_past},
	{"a slot whose end wraps", -EINVAL, offset_wraps},
	{"a slot whose end wraps to 0", -EINVAL, offset_wraps_to_start},
	{"an unknown buffer", -ENOENT, handle_unknown},
	{"buffer 2^32 - 1", -ENOENT, handle_last},
	{"slots at NULL", -EFAULT, slots_null},
	{"slots in the kernel", -EFAULT, slots_kernel},
	{"syncobjs at NULL", -EFAULT, syncs_null},
	{"an unknown syncobj", -ENOENT, sync_unknown},
	{"syncobj 0", -ENOENT, sync_zero},
	{"a syncobj without a fence", -EINVAL, sync_empty},
	{"an unknown syncobj for the result", -ENOENT, out_unknown},
};

TEST(submit_wrong)
{
	long long jobs;

	require_eq(copy_run(&c, 7), 0, "unchanged, it works");
	jobs = side_counter("jobs");
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		struct job j = c.job;

		j.s.slots = (uintptr_t)j.slot;
		j.s.in_syncs = (uintptr_t)j.in;
		wrong[i].make(&j);
		expect_eq(client_ioctl(fd, DRM_IOCTL_MEA_SUBMIT, &j.s), wrong[i].error, "%s",
			  wrong[i].what);
	}
	expect_eq(side_counter("jobs"), jobs, "none of them ran");
	expect_eq(copy_run(&c, 8), 0, "and it still works");
}

/* Every bit of every field: an answer, never a crash; and what is refused does nothing. */
TEST(submit_every_bit)
{
	unsigned refused = 0;

	for (unsigned bit = 0; bit < sizeof(c.job.s) * 8; bit++) {
		struct job j = c.job;
		int rc;

		j.s.slots = (uintptr_t)j.slot;
		j.s.in_syncs = (uintptr_t)j.in;
		((uint8_t *)&j.s)[bit / 8] ^= (uint8_t)(1u << bit % 8);
		rc = client_ioctl(fd, DRM_IOCTL_MEA_SUBMIT, &j.s);
		expect(rc == 0 || rc == -EINVAL || rc == -EFAULT || rc == -ENOENT, "bit %u: %d",
		       bit, rc);
		refused += rc != 0;
	}
	for (unsigned bit = 0; bit < sizeof(c.job.slot[1]) * 8; bit++) {
		struct job j = c.job;
		int rc;

		((uint8_t *)&j.slot[1])[bit / 8] ^= (uint8_t)(1u << bit % 8);
		rc = job_submit(fd, &j);
		expect(rc == 0 || rc == -EINVAL || rc == -ENOENT, "slot, bit %u: %d", bit, rc);
		refused += rc != 0;
	}
	expect(refused > 300);
	expect_eq(copy_run(&c, 9), 0, "the driver goes on");
}

/* What is right, though it looks odd. */
TEST(submit_right)
{
	struct job j = c.job;

	for (unsigned i = 3; i < 8; i++)
		job_slot(&j, i, &c.src, DRM_MEA_SLOT_READ);
	expect_eq(job_submit(fd, &j), 0, "eight slots, one buffer in six of them");
	expect_eq(sync_result(fd, j.s.out_sync, WAIT_MS), 0);
	j = c.job;
	j.s.slot_count = 8;
	expect_eq(job_submit(fd, &j), 0, "closed slots at the end");
	expect_eq(sync_result(fd, j.s.out_sync, WAIT_MS), 0);
	j.s.cmd_count = 0;
	expect_eq(job_submit(fd, &j), 0, "no commands");
	expect_eq(sync_result(fd, j.s.out_sync, WAIT_MS), 0);
	j = c.job;
	j.s.out_sync = 0;
	expect_eq(job_submit(fd, &j), 0, "no syncobj");
	for (unsigned i = 0; i < 16; i++)
		job_wait_for(&j, c.job.s.out_sync);
	j.s.out_sync = c.job.s.out_sync;
	expect_eq(job_submit(fd, &j), 0, "16 syncobjs to wait for, the same for the result");
	expect_eq(sync_result(fd, j.s.out_sync, WAIT_MS), 0);
}

TEST(completion_record)
{
	struct job j = c.job;
	struct bo record;
	const volatile uint32_t *r;

	require_eq(bo_make(fd, PAGE, &record), 0);
	job_slot(&j, 3, &record, DRM_MEA_SLOT_WRITE);
	j.s.record_slot = 3;
	j.s.record_offset = 256;
	j.s.tag = 0x12345678;
	require_eq(job_submit(fd, &j), 0);
	require_eq(sync_result(fd, j.s.out_sync, WAIT_MS), 0);
	r = (const uint32_t *)(record.map + 256);
	expect_eq(r[MEA_REC_TAG], 0x12345678);
	expect(r[MEA_REC_CYCLES] > 100);
	expect_eq(r[MEA_REC_FAULT], 0);
	for (unsigned i = 0; i < 64; i++)
		expect_eq(((uint32_t *)record.map)[i], 0, "nothing before the record");
	bo_drop(&record);
}

/* Without the rights of a file that has none of these objects. */
TEST(objects_of_another_file)
{
	int other = client_open(0);
	struct job j = c.job;

	require(other >= 0);
	j.s.out_sync = 0;
	expect_eq(job_submit(other, &j), -ENOENT, "buffers");
	close(other);
}
