// SPDX-License-Identifier: Apache-2.0
/*
 * Every allocation and every copy from and to user memory of an operation fails in turn. Each
 * gives a clean error, and the operation works when nothing fails. What leaked, the kernel says
 * when the guest ends.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <xf86drm.h>

#include "lib/check.h"
#include "lib/client.h"

#define POINTS_MAX 2000
#define DEBUGFS	   "/sys/kernel/debug/"

static int fd, nth;

static void set_up_injection(void)
{
	static const char *const off[] = {
		DEBUGFS "failslab/ignore-gfp-wait", DEBUGFS "fail_page_alloc/ignore-gfp-wait",
		DEBUGFS "failslab/verbose",	    DEBUGFS "fail_page_alloc/verbose",
		DEBUGFS "fail_usercopy/verbose",    DEBUGFS "fail_page_alloc/min-order",
	};

	for (size_t i = 0; i < sizeof(off) / sizeof(off[0]); i++)
		require(write_file(off[i], "0"));
}

void check_start(void)
{
	nth = open("/proc/thread-self/fail-nth", O_RDWR | O_CLOEXEC);
	if (nth < 0)
		check_skip("no fault injection in this kernel");
	set_up_injection();
	fd = client_open(5000);
	require(fd >= 0);
}

void check_stop(void)
{
	close(fd);
	close(nth);
}

static void arm(unsigned n)
{
	char text[16];

	snprintf(text, sizeof(text), "%u", n);
	require(pwrite(nth, text, strlen(text), 0) > 0);
}

/* Whether the fault came; nothing fails any more. Reading and writing may fail themselves. */
static bool fired(void)
{
	char text[16] = "";

	while (pread(nth, text, sizeof(text) - 1, 0) <= 0)
		;
	while (pwrite(nth, "0", 1, 0) <= 0)
		;
	return atoi(text) == 0;
}

/* What is walked: before, the operation (0 or -errno), after with its result. */
struct walk {
	const char *name;
	void (*before)(void);
	int (*operation)(void);
	void (*after)(int result);
};

/* The last two are what PCI says when it has no memory for a region or a vector. */
static bool clean(int rc)
{
	return rc == 0 || rc == -ENOMEM || rc == -EFAULT || rc == -EAGAIN || rc == -EINTR ||
	       rc == -EBUSY || rc == -ENOSPC;
}

static void walk(const struct walk *w)
{
	unsigned n, failed = 0;

	for (n = 1; n < POINTS_MAX; n++) {
		bool hit;
		int rc;

		if (w->before)
			w->before();
		arm(n);
		rc = w->operation();
		hit = fired();
		w->after(rc);
		if (!hit) {
			expect_eq(rc, 0, "%s: nothing failed", w->name);
			break;
		}
		failed += rc != 0;
		expect(clean(rc), "%s: point %u: %d (%s)", w->name, n, rc, strerror(-rc));
	}
	expect(n < POINTS_MAX, "%s has no end", w->name);
	printf("# count %s: %u points, %u of them errors\n", w->name, n - 1, failed);
}

/* --- open, INFO, BO_CREATE, mmap ----------------------------------------------------------- */

static int opened;

static int do_open(void)
{
	opened = open("/dev/accel/accel0", O_RDWR | O_CLOEXEC);
	return opened < 0 ? -errno : 0;
}

static void after_open(int rc)
{
	if (!rc)
		close(opened);
}

TEST(open_fails)
{
	walk(&(struct walk){"open", NULL, do_open, after_open});
}

static int do_info(void)
{
	struct drm_mea_info info = {0};

	return client_ioctl(fd, DRM_IOCTL_MEA_INFO, &info);
}

static void after_nothing(int rc)
{
	(void)rc;
}

TEST(info_fails)
{
	walk(&(struct walk){"INFO", NULL, do_info, after_nothing});
}

static struct drm_mea_bo_create made;

static void before_create(void)
{
	made = (struct drm_mea_bo_create){.size = 3 * PAGE};
}

static int do_create(void)
{
	return client_ioctl(fd, DRM_IOCTL_MEA_BO_CREATE, &made);
}

/* When the answer could not be copied out, the buffer is there and its handle unknown: the
 * file's end frees it. */
static void after_create(int rc)
{
	if (!rc)
		drmCloseBufferHandle(fd, made.handle);
}

TEST(bo_create_fails)
{
	walk(&(struct walk){"BO_CREATE", before_create, do_create, after_create});
}

static void *mapped;

static void before_mmap(void)
{
	before_create();
	require_eq(do_create(), 0);
}

static int do_mmap(void)
{
	mapped = mmap(NULL, made.size, 3, MAP_SHARED, fd, (off_t)made.mmap_offset);
	return mapped == MAP_FAILED ? -errno : 0;
}

static void after_mmap(int rc)
{
	if (!rc) {
		memset(mapped, 1, made.size);
		munmap(mapped, made.size);
	}
	drmCloseBufferHandle(fd, made.handle);
}

TEST(mmap_fails)
{
	walk(&(struct walk){"mmap", before_mmap, do_mmap, after_mmap});
}

/* --- PRIME ---------------------------------------------------------------------------------- */

static int dmabuf = -1, other;
static uint32_t imported;

static int do_export(void)
{
	return drmPrimeHandleToFD(fd, made.handle, DRM_CLOEXEC | DRM_RDWR, &dmabuf) ? -errno : 0;
}

static void after_export(int rc)
{
	if (!rc)
		close(dmabuf);
	drmCloseBufferHandle(fd, made.handle);
}

TEST(prime_export_fails)
{
	walk(&(struct walk){"PRIME export", before_mmap, do_export, after_export});
}

static void before_import(void)
{
	before_mmap();
	require_eq(do_export(), 0);
	other = client_open(0);
	require(other >= 0);
}

static int do_import(void)
{
	return drmPrimeFDToHandle(other, dmabuf, &imported) ? -errno : 0;
}

static void after_import(int rc)
{
	close(other);
	after_export(0);
	(void)rc;
}

TEST(prime_import_fails)
{
	walk(&(struct walk){"PRIME import", before_import, do_import, after_import});
}

/* A buffer of another driver has a table of its own. */
static void before_foreign(void)
{
	static const unsigned order[] = {0};

	dmabuf = foreign_dmabuf(order, 1);
	require(dmabuf >= 0);
	other = client_open(0);
}

static void after_foreign(int rc)
{
	close(other);
	close(dmabuf);
	(void)rc;
}

TEST(foreign_import_fails)
{
	walk(&(struct walk){"PRIME import, foreign", before_foreign, do_import, after_foreign});
}

/* --- SUBMIT ------------------------------------------------------------------------------------
 */

static struct copy job;
static uint32_t seed;

static void before_submit(void)
{
	bo_fill(&job.src, ++seed);
	memset(job.dst.map, 0, job.dst.size);
}

static int do_submit(void)
{
	return client_ioctl(fd, DRM_IOCTL_MEA_SUBMIT, &job.job.s);
}

static void after_submit(int rc)
{
	expect_eq(sync_result(fd, job.job.s.out_sync, WAIT_MS), 0);
	expect_eq(bo_filled(&job.dst, seed), rc == 0, "a job that was refused does not run");
}

TEST(submit_fails)
{
	uint32_t done;

	require_eq(copy_make(fd, &job, PAGE, 0), 0);
	require_eq(copy_run(&job, 0), 0);
	done = sync_new(fd);
	require_eq(sync_from_file(fd, done, sync_to_file(fd, job.job.s.out_sync)), 0);
	for (unsigned i = 3; i < 8; i++)
		job_slot(&job.job, i, &job.src, DRM_MEA_SLOT_READ);
	for (unsigned i = 0; i < 4; i++)
		job_wait_for(&job.job, done);
	job.job.s.slots = (uintptr_t)job.job.slot;
	job.job.s.in_syncs = (uintptr_t)job.job.in;
	walk(&(struct walk){"SUBMIT", before_submit, do_submit, after_submit});
	copy_drop(&job);
}

/* --- probe
 * ---------------------------------------------------------------------------------------- */

static void before_probe(void)
{
	require(driver_unbind());
}

static int do_probe(void)
{
	int rc, file = open("/sys/bus/pci/drivers/mea/bind", O_WRONLY | O_CLOEXEC);

	if (file < 0)
		return -errno;
	rc = write(file, pci_name(), strlen(pci_name())) > 0 ? 0 : -errno;
	close(file);
	return rc;
}

static void after_probe(int rc)
{
	if (rc)
		require(driver_bind(), "it binds when nothing fails");
}

TEST(probe_fails)
{
	close(fd);
	walk(&(struct walk){"probe", before_probe, do_probe, after_probe});
	fd = client_open(5000);
	require_eq(copy_make(fd, &job, PAGE, 0), 0);
	expect_eq(copy_run(&job, 1), 0);
	copy_drop(&job);
}

/* --- unbind ------------------------------------------------------------------------------------
 */

static struct bo view;
static unsigned lost;

static void before_unbind(void)
{
	opened = client_open(5000);
	require_eq(copy_make(opened, &job, PAGE, 0), 0);
	require_eq(copy_run(&job, ++seed), 0);
	require_eq(bo_map_prime(opened, job.dst.handle, PAGE, &view), 0);
}

static int do_unbind(void)
{
	int rc, file = open("/sys/bus/pci/drivers/mea/unbind", O_WRONLY | O_CLOEXEC);

	if (file < 0)
		return -errno;
	rc = write(file, pci_name(), strlen(pci_name())) > 0 ? 0 : -errno;
	close(file);
	return rc;
}

/* Without memory for a copy, a result is lost; whoever reads it gets that signal. */
static void read_result(int rc)
{
	int status;
	pid_t pid = fork();

	if (!pid)
		_exit(!bo_filled(&view, seed));
	waitpid(pid, &status, 0);
	if (WIFSIGNALED(status) && WTERMSIG(status) == SIGBUS)
		lost++;
	else
		expect_eq(status, 0, "a wrong result");
	munmap(view.map, view.size);
	copy_drop(&job);
	close(opened);
	if (!rc)
		require(driver_bind());
}

TEST(unbind_fails)
{
	close(fd);
	walk(&(struct walk){"unbind", before_unbind, do_unbind, read_result});
	expect(lost > 0, "none of them was for the copy");
	fd = client_open(5000);
}
