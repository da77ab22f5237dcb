// SPDX-License-Identifier: Apache-2.0
/* Buffers: contents, mappings, lifetime, and sharing between processes and devices. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <xf86drm.h>

#include "lib/check.h"
#include "lib/client.h"

#define BYTES 0x2000u

static int fd;

void check_start(void)
{
	fd = client_open(0);
	require(fd >= 0);
}

void check_stop(void)
{
	close(fd);
}

static bool zero(const struct bo *bo)
{
	for (uint64_t i = 0; i < bo->size; i++)
		if (bo->map[i])
			return false;
	return true;
}

TEST(sizes_are_whole_pages)
{
	struct bo bo;

	require_eq(bo_make(fd, 1, &bo), 0);
	expect_eq(bo.size, PAGE);
	bo_drop(&bo);
	require_eq(bo_make(fd, 5 * PAGE + 1, &bo), 0);
	expect_eq(bo.size, 6 * PAGE);
	bo_drop(&bo);
}

/* What one client wrote, the next does not read. */
TEST(memory_is_zero_again)
{
	struct bo bo;

	for (int i = 0; i < 20; i++) {
		require_eq(bo_make(fd, 16 * PAGE, &bo), 0);
		expect(zero(&bo), "round %d", i);
		bo_fill(&bo, 99);
		bo_drop(&bo);
	}
}

/* Contiguous memory of 32 MiB is nowhere; single pages are, as long as there are some. */
TEST(too_large_is_no_memory)
{
	uint64_t all = (uint64_t)sysconf(_SC_PHYS_PAGES) * PAGE;

	for (uint64_t size = 1ull << 25; size <= 1ull << 32; size <<= 1) {
		struct drm_mea_bo_create c = {.size = size};
		int rc = client_ioctl(fd, DRM_IOCTL_MEA_BO_CREATE, &c);

		/* Up to all / 4 there is room in any guest; up to all there may be. */
		if (behind_iommu() && size <= all && (rc != -ENOMEM || size <= all / 4))
			expect_eq(rc, 0, "%llu MiB", (unsigned long long)(size >> 20));
		else
			expect_eq(rc, -ENOMEM, "%llu MiB", (unsigned long long)(size >> 20));
		if (!rc)
			drmCloseBufferHandle(fd, c.handle);
	}
}

/* All of memory, in small pieces: an error at the end, and all of it back after it. */
TEST(many_until_memory_is_out)
{
	unsigned made[2];

	for (int round = 0; round < 2; round++) {
		int file = client_open(0), rc = 0;

		for (made[round] = 0; !rc; made[round]++) {
			/* Large, so that some memory is left for everybody else. */
			struct drm_mea_bo_create c = {.size = 4 << 20};

			rc = client_ioctl(file, DRM_IOCTL_MEA_BO_CREATE, &c);
		}
		expect_eq(rc, -ENOMEM);
		close(file);
	}
	expect(made[0] > 12, "%u", made[0]);
	expect(made[1] + 4 >= made[0], "%u buffers, then %u", made[0], made[1]);
}

#define CGROUPS "/sys/fs/cgroup/"
#define CGROUP	CGROUPS "bo/"
#define LIMIT	(16u << 20)

static long long cgroup_says(const char *file, const char *key)
{
	char path[64], text[4096];
	const char *at;

	snprintf(path, sizeof(path), CGROUP "%s", file);
	require(read_file(path, text, sizeof(text)));
	at = strstr(text, key);
	require(at != NULL, "%s lacks %s", path, key);
	return atoll(at + strlen(key));
}

static int make_buffers(int file, uint64_t size, unsigned *made, unsigned most)
{
	int rc = 0;

	for (*made = 0; !rc && *made < most; *made += !rc) {
		struct drm_mea_bo_create c = {.size = size};

		rc = client_ioctl(file, DRM_IOCTL_MEA_BO_CREATE, &c);
	}
	return rc;
}

/* In the cgroup: buffers until there is no more memory; how many MiB. They are so small that
 * the kernel would rather kill somebody than have no memory for one. Where there is none, a
 * system call for anything else may be the death, so there is none. */
static int fill_cgroup(void)
{
	unsigned first, made;
	char self[16];
	int file;

	snprintf(self, sizeof(self), "%d", getpid());
	require(write_file(CGROUP "cgroup.procs", self));
	file = client_open(0);
	require_eq(make_buffers(file, 1 << 20, &first, 4), 0);
	require(cgroup_says("memory.current", "") > 4 << 20);
	require_eq(make_buffers(file, 8 * PAGE, &made, ~0u), -ENOMEM);
	return (int)(first + (made * 8 * PAGE >> 20));
}

/* Buffers count against the limit of their client's cgroup, and the first one beyond it is an
 * error, not somebody's death. */
TEST(cgroup_pays_for_its_buffers)
{
	char limit[16];
	int status;
	pid_t pid;

	require_eq(mount("none", CGROUPS, "cgroup2", 0, NULL), 0);
	require(write_file(CGROUPS "cgroup.subtree_control", "+memory"));
	require_eq(mkdir(CGROUP, 0755), 0);
	snprintf(limit, sizeof(limit), "%u", LIMIT);
	require(write_file(CGROUP "memory.max", limit));
	pid = fork();
	if (!pid)
		_exit(fill_cgroup());
	waitpid(pid, &status, 0);
	require(WIFEXITED(status), "0x%x", status);
	expect(WEXITSTATUS(status) >= 10 && WEXITSTATUS(status) < 16, "%d MiB of 16",
	       WEXITSTATUS(status));
	expect_eq(cgroup_says("memory.events", "oom_kill "), 0);
	require_eq(rmdir(CGROUP), 0);
	require_eq(umount(CGROUPS), 0);
}

TEST(mappings)
{
	struct drm_mea_bo_create c = {.size = 4 * PAGE}, d = {.size = PAGE};
	int other = client_open(0);
	uint8_t *whole, *end;

	require_eq(client_ioctl(fd, DRM_IOCTL_MEA_BO_CREATE, &c), 0);
	require_eq(client_ioctl(fd, DRM_IOCTL_MEA_BO_CREATE, &d), 0);
	whole = mmap(NULL, 4 * PAGE, 3, MAP_SHARED, fd, (off_t)c.mmap_offset);
	require(whole != MAP_FAILED);
	end = mmap(NULL, PAGE, 3, MAP_SHARED, fd, (off_t)(c.mmap_offset + 3 * PAGE));
	expect(end == MAP_FAILED && errno == EINVAL, "an offset inside is no object's");
	expect(mmap(NULL, 5 * PAGE, 3, MAP_SHARED, fd, (off_t)c.mmap_offset) == MAP_FAILED);
	expect(mmap(NULL, PAGE, 3, MAP_SHARED, fd, 0) == MAP_FAILED);
	expect(mmap(NULL, 4 * PAGE, 3, MAP_PRIVATE, fd, (off_t)c.mmap_offset) == MAP_FAILED &&
		       errno == EINVAL,
	       "copies of its pages");
	expect(mmap(NULL, PAGE, 3, MAP_SHARED, other, (off_t)c.mmap_offset) == MAP_FAILED &&
		       errno == EACCES,
	       "another file's");
	memset(whole, 0x11, 4 * PAGE);
	drmCloseBufferHandle(fd, c.handle);
	expect_eq(whole[3 * PAGE], 0x11, "a mapping outlives the handle");
	close(fd);
	whole[0] = 0x22;
	expect_eq(whole[0], 0x22, "and the file");
	munmap(whole, 2 * PAGE);
	whole[3 * PAGE] = 0x33;
	munmap(whole + 2 * PAGE, 2 * PAGE);
	close(other);
}

TEST(handles)
{
	struct drm_gem_close twice = {0};
	struct bo a, b;

	require_eq(bo_make(fd, PAGE, &a), 0);
	require_eq(bo_make(fd, PAGE, &b), 0);
	expect(a.handle != b.handle);
	twice.handle = a.handle;
	bo_drop(&a);
	expect_eq(client_ioctl(fd, DRM_IOCTL_GEM_CLOSE, &twice), -EINVAL, "closed already");
	twice.handle = 0;
	expect_eq(client_ioctl(fd, DRM_IOCTL_GEM_CLOSE, &twice), -EINVAL);
	bo_drop(&b);
}

/* Whoever closes his last handle while a job uses the buffer does not free it. */
TEST(handles_closed_during_a_job)
{
	struct copy c;
	uint32_t sync;
	uint8_t *dst;
	struct bo want;

	require_eq(copy_make(fd, &c, BYTES, 50000), 0);
	require_eq(bo_make(fd, BYTES, &want), 0);
	bo_fill(&c.src, 5);
	bo_fill(&want, 5);
	sync = c.job.s.out_sync;
	require_eq(job_submit(fd, &c.job), 0);
	dst = c.dst.map;
	drmCloseBufferHandle(fd, c.cmd.handle);
	drmCloseBufferHandle(fd, c.src.handle);
	drmCloseBufferHandle(fd, c.dst.handle);
	munmap(c.src.map, c.src.size);
	munmap(c.cmd.map, c.cmd.size);
	/* Memory that was freed too early would be handed out here. */
	for (int i = 0; i < 20; i++) {
		struct bo junk;

		require_eq(bo_make(fd, BYTES, &junk), 0);
		memset(junk.map, 0xee, BYTES);
		bo_drop(&junk);
	}
	expect_eq(sync_result(fd, sync, WAIT_MS), 0);
	expect_eq(memcmp(dst, want.map, BYTES), 0);
	munmap(dst, BYTES);
}

/* --- PRIME -------------------------------------------------------------------------- */

static int export(const struct bo *bo)
{
	int dmabuf = -1;

	require_eq(drmPrimeHandleToFD(bo->fd, bo->handle, DRM_CLOEXEC | DRM_RDWR, &dmabuf), 0);
	return dmabuf;
}

TEST(import_is_the_same_object)
{
	uint32_t handle = 0, in_other = 0;
	int other = client_open(0), dmabuf;
	struct bo bo;

	require_eq(bo_make(fd, PAGE, &bo), 0);
	dmabuf = export(&bo);
	expect_eq(drmPrimeFDToHandle(fd, dmabuf, &handle), 0);
	expect_eq(handle, bo.handle, "one handle per object and file");
	expect_eq(drmPrimeFDToHandle(other, dmabuf, &in_other), 0);
	expect_eq(lseek(dmabuf, 0, SEEK_END), PAGE);
	close(dmabuf);
	close(other);
	bo_fill(&bo, 3);
	expect(bo_filled(&bo, 3));
	bo_drop(&bo);
}

static void send_fd(int sock, int passed)
{
	char byte = 0, control[CMSG_SPACE(sizeof(int))] = {0};
	struct iovec iov = {&byte, 1};
	struct msghdr m = {.msg_iov = &iov,
			   .msg_iovlen = 1,
			   .msg_control = control,
			   .msg_controllen = sizeof(control)};
	struct cmsghdr *c = CMSG_FIRSTHDR(&m);

	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(c), &passed, sizeof(int));
	require_eq(sendmsg(sock, &m, 0), 1);
}

static int receive_fd(int sock)
{
	char byte, control[CMSG_SPACE(sizeof(int))];
	struct iovec iov = {&byte, 1};
	struct msghdr m = {.msg_iov = &iov,
			   .msg_iovlen = 1,
			   .msg_control = control,
			   .msg_controllen = sizeof(control)};
	int passed;

	require_eq(recvmsg(sock, &m, 0), 1);
	memcpy(&passed, CMSG_DATA(CMSG_FIRSTHDR(&m)), sizeof(int));
	return passed;
}

/* The second process: copies into the buffer that it is given, with a job of its own. */
static void importer(int sock)
{
	int file = client_open(0), dmabuf = receive_fd(sock);
	uint32_t handle = 0;
	struct copy c;

	require(file >= 0);
	require_eq(copy_make(file, &c, BYTES, 0), 0);
	require_eq(drmPrimeFDToHandle(file, dmabuf, &handle), 0);
	close(dmabuf);
	bo_fill(&c.src, 77);
	c.job.slot[2].handle = handle;
	require_eq(job_submit(file, &c.job), 0);
	require_eq(sync_result(file, c.job.s.out_sync, WAIT_MS), 0);
	_exit(0);
}

TEST(two_processes_share_a_buffer)
{
	int sock[2], dmabuf, status;
	struct bo bo;
	pid_t pid;

	require_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, sock), 0);
	require_eq(bo_make(fd, BYTES, &bo), 0);
	dmabuf = export(&bo);
	pid = fork();
	if (!pid)
		importer(sock[1]);
	send_fd(sock[0], dmabuf);
	close(dmabuf);
	waitpid(pid, &status, 0);
	expect(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	expect(bo_filled(&bo, 77));
	bo_drop(&bo);
}

TEST(exported_memory_outlives_file_and_handle)
{
	int dmabuf;
	uint8_t *map;
	struct bo bo;

	require_eq(bo_make(fd, BYTES, &bo), 0);
	bo_fill(&bo, 4);
	dmabuf = export(&bo);
	bo_drop(&bo);
	close(fd);
	map = mmap(NULL, BYTES, 3, MAP_SHARED, dmabuf, 0);
	require(map != MAP_FAILED);
	close(dmabuf);
	bo.map = map;
	expect(bo_filled(&bo, 4));
	munmap(map, BYTES);
}

TEST(foreign_page_as_a_slot)
{
	static const unsigned order[] = {0};
	int dmabuf = foreign_dmabuf(order, 1);
	uint32_t handle = 0;
	struct copy c;
	struct bo view = {.size = PAGE, .bytes = PAGE};

	require(dmabuf >= 0);
	require_eq(copy_make(fd, &c, PAGE, 0), 0);
	require_eq(drmPrimeFDToHandle(fd, dmabuf, &handle), 0);
	bo_fill(&c.src, 21);
	c.job.slot[2].handle = handle;
	require_eq(job_submit(fd, &c.job), 0);
	require_eq(sync_result(fd, c.job.s.out_sync, WAIT_MS), 0);
	view.map = mmap(NULL, PAGE, 3, MAP_SHARED, dmabuf, 0);
	require(view.map != MAP_FAILED);
	expect(bo_filled(&view, 21));
	munmap(view.map, PAGE);
	drmCloseBufferHandle(fd, handle);
	close(dmabuf);
	copy_drop(&c);
}

/* The device has no MMU. What is not contiguous, only an IOMMU makes so. */
TEST(scattered_pages)
{
	/* Reversed pages may be neighbours in memory by chance; a page never follows itself. */
	static const unsigned twice[] = {0, 0}, reversed[] = {1, 0};
	int dmabuf = foreign_dmabuf(behind_iommu() ? reversed : twice, 2);
	struct bo view = {.size = 2 * PAGE, .bytes = 2 * PAGE};
	struct copy c;

	require(dmabuf >= 0);
	require_eq(copy_make(fd, &c, (uint32_t)view.size, 0), 0);
	if (behind_iommu()) {
		bo_fill(&c.src, 22);
		require_eq(drmPrimeFDToHandle(fd, dmabuf, &c.job.slot[2].handle), 0);
		require_eq(job_submit(fd, &c.job), 0);
		require_eq(sync_result(fd, c.job.s.out_sync, WAIT_MS), 0);
		view.map = mmap(NULL, view.size, 3, MAP_SHARED, dmabuf, 0);
		require(view.map != MAP_FAILED);
		expect(bo_filled(&view, 22));
		munmap(view.map, view.size);
		drmCloseBufferHandle(fd, c.job.slot[2].handle);
	} else {
		expect(drmPrimeFDToHandle(fd, dmabuf, &c.job.slot[2].handle) && errno == EINVAL,
		       "%d", errno);
	}
	close(dmabuf);
	copy_drop(&c);
}

TEST(what_is_no_dma_buf)
{
	uint32_t handle;
	int file = open("/dev/null", O_RDWR);

	expect(drmPrimeFDToHandle(fd, file, &handle) && errno == EINVAL);
	expect(drmPrimeFDToHandle(fd, fd, &handle) && errno == EINVAL);
	expect(drmPrimeFDToHandle(fd, 9999, &handle) && errno == EBADF);
	close(file);
}

/* --- what the system tells ---------------------------------------------------------- */

static long long fdinfo(int file, const char *key)
{
	char path[64], text[4096];
	const char *at;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", file);
	require(read_file(path, text, sizeof(text)));
	at = strstr(text, key);
	require(at != NULL, "fdinfo lacks %s:\n%s", key, text);
	return atoll(at + strlen(key));
}

TEST(fdinfo_counts)
{
	struct copy c;

	require_eq(copy_make(fd, &c, BYTES, 20000), 0);
	expect_eq(fdinfo(fd, "mea-jobs:"), 0);
	expect_eq(fdinfo(fd, "drm-engine-array:"), 0);
	for (uint32_t i = 0; i < 3; i++)
		require_eq(copy_run(&c, i), 0);
	expect_eq(fdinfo(fd, "mea-jobs:"), 3);
	expect(fdinfo(fd, "drm-cycles-array:") > 3 * 20000);
	expect(fdinfo(fd, "drm-cycles-array:") < 3 * 60000);
	expect(fdinfo(fd, "drm-engine-array:") > 1000000, "nanoseconds");
	expect_eq(fdinfo(fd, "drm-total-memory:"), (2 * BYTES + PAGE) / 1024, "KiB");
	copy_drop(&c);
	expect_eq(fdinfo(fd, "drm-total-memory:"), 0);
}
