// SPDX-License-Identifier: Apache-2.0
/*
 * The device or its driver goes away while file, mapping, dma-buf and sync_file are held and
 * a job runs; and comes back while they are still held.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/sync_file.h>
#include <linux/userfaultfd.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <xf86drm.h>

#include "lib/check.h"
#include "lib/client.h"

#define BYTES  0x4000u
#define ROUNDS 4

/* --- ways to go and to come back ------------------------------------------------------------ */

static bool pci_remove(void)
{
	return pci_write("remove", "1");
}

static bool pci_rescan(void)
{
	return write_file("/sys/bus/pci/rescan", "1");
}

static const struct way {
	const char *name;
	bool (*away)(void), (*back)(void);
} ways[] = {
	{"unbind and bind", driver_unbind, driver_bind},
	{"PCI remove and rescan", pci_remove, pci_rescan},
};

/* No memory and no mapping of the device is left when the driver has gone. */
static void take_away(const struct way *way)
{
	int errors = dma_errors();

	require(way->away(), "%s", way->name);
	expect_eq(dma_errors(), errors, "%s: DMA API", way->name);
}

void check_clean(void)
{
	if (client_open(0) < 0) {
		pci_rescan();
		driver_bind();
	}
	side("heal");
}

/* --- what is held --------------------------------------------------------------------------- */

struct held {
	int fd, dmabuf, file, foreign;
	struct copy c, slow;
	struct bo view; /* of c.dst, through its dma-buf */
};

static void hold(struct held *h)
{
	static const unsigned order[] = {0};
	uint32_t imported;

	h->fd = client_open(5000);
	require(h->fd >= 0, "no device");
	require_eq(copy_make(h->fd, &h->c, BYTES, 0), 0);
	require_eq(copy_make(h->fd, &h->slow, BYTES, 5000000), 0);
	require_eq(copy_run(&h->c, 11), 0);
	require_eq(bo_map_prime(h->fd, h->c.dst.handle, BYTES, &h->view), 0);
	require_eq(drmPrimeHandleToFD(h->fd, h->c.dst.handle, DRM_CLOEXEC | DRM_RDWR, &h->dmabuf),
		   0);
	h->foreign = foreign_dmabuf(order, 1);
	require_eq(drmPrimeFDToHandle(h->fd, h->foreign, &imported), 0);
	/* One on the device, one in the second bank, three in the queue. */
	for (int i = 0; i < 5; i++)
		require_eq(job_submit(h->fd, &h->slow.job), 0);
	h->file = sync_to_file(h->fd, h->slow.job.s.out_sync);
	require(h->file >= 0);
	expect_eq(file_status(h->file), 0);
}

static sigjmp_buf caught;

static void on_bus_error(int number)
{
	siglongjmp(caught, number);
}

/* Whether the page is there. */
static bool can_read(const uint8_t *at)
{
	signal(SIGBUS, on_bus_error);
	if (sigsetjmp(caught, 1)) {
		signal(SIGBUS, SIG_DFL);
		return false;
	}
	(void)*(const volatile uint8_t *)at;
	signal(SIGBUS, SIG_DFL);
	return true;
}

/* Nobody is let in any more: maps dma-buf, or has another device map it. */
static void expect_refused(int dmabuf)
{
	int other = foreign_open();
	uint32_t handle;

	require(other >= 0, "no vgem");
	errno = 0;
	expect(mmap(NULL, PAGE, 3, MAP_SHARED, dmabuf, 0) == MAP_FAILED);
	expect_eq(errno, ENODEV);
	errno = 0;
	expect(drmPrimeFDToHandle(other, dmabuf, &handle));
	expect_eq(errno, ENODEV);
	close(other);
}

static void expect_gone(struct held *h)
{
	struct drm_mea_info info;
	struct bo bo;

	for (int ms = 0; file_status(h->file) == 0 && ms < 2000; ms++)
		usleep(1000);
	expect_eq(file_status(h->file), -ENODEV, "the job's fence");
	expect_eq(client_ioctl(h->fd, DRM_IOCTL_MEA_INFO, &info), -ENODEV);
	expect_eq(job_submit(h->fd, &h->c.job), -ENODEV);
	expect_eq(bo_make(h->fd, PAGE, &bo), -ENODEV);
	expect(!can_read(h->c.dst.map), "a mapping of the device file");
	expect(bo_filled(&h->view, 11), "a mapping of the dma-buf stays, with what is in it");
	bo_fill(&h->view, 12);
	expect(bo_filled(&h->view, 12));
	bo_fill(&h->view, 11);
	expect(mmap(NULL, PAGE, 3, MAP_SHARED, h->fd, 1ll << 32) == MAP_FAILED);
	expect_refused(h->dmabuf);
}

static void let_go(struct held *h, unsigned order)
{
	for (unsigned i = 0; i < 4; i++)
		switch ((i + order) % 4) {
		case 0:
			close(h->fd);
			break;
		case 1:
			close(h->dmabuf);
			close(h->foreign);
			break;
		case 2:
			munmap(h->view.map, BYTES);
			munmap(h->c.dst.map, BYTES);
			break;
		default:
			expect_eq(file_status(h->file), -ENODEV);
			close(h->file);
		}
}

static void expect_works(void)
{
	int fd = client_open(5000);
	struct copy c;

	require(fd >= 0, "it did not come back");
	require_eq(copy_make(fd, &c, BYTES, 0), 0);
	for (uint32_t i = 0; i < 3; i++)
		expect_eq(copy_run(&c, i), 0);
	copy_drop(&c);
	close(fd);
}

/* --- tests ------------------------------------------------------------------------------------ */

TEST(away_with_all_held)
{
	struct held h;

	for (size_t w = 0; w < sizeof(ways) / sizeof(ways[0]); w++)
		for (unsigned i = 0; i < ROUNDS; i++) {
			hold(&h);
			take_away(&ways[w]);
			expect_gone(&h);
			expect(client_open(0) < 0, "no node is left");
			let_go(&h, i);
			require(ways[w].back(), "%s", ways[w].name);
			expect_works();
		}
}

/* It is back before the old file is closed: the old one stays dead, the new one works. */
TEST(back_with_all_held)
{
	struct held h[2 * ROUNDS];
	unsigned n = 0;

	for (size_t w = 0; w < sizeof(ways) / sizeof(ways[0]); w++)
		for (unsigned i = 0; i < ROUNDS; i++, n++) {
			hold(&h[n]);
			take_away(&ways[w]);
			require(ways[w].back());
			expect_works();
			expect_gone(&h[n]);
		}
	while (n--) {
		let_go(&h[n], n);
		expect_works();
	}
}

/* Long after everything else of the device is gone, who holds a sync_file asks it. */
TEST(sync_file_outlives_the_device)
{
	struct sync_fence_info fence = {0};
	struct sync_file_info info = {.num_fences = 1, .sync_fence_info = (uintptr_t)&fence};
	struct held h;

	hold(&h);
	require(driver_unbind());
	expect_gone(&h);
	close(h.fd);
	close(h.dmabuf);
	munmap(h.view.map, BYTES);
	munmap(h.c.dst.map, BYTES);
	munmap(h.c.src.map, BYTES);
	munmap(h.c.cmd.map, PAGE);
	munmap(h.slow.dst.map, BYTES);
	munmap(h.slow.src.map, BYTES);
	munmap(h.slow.cmd.map, PAGE);
	require(driver_bind());
	for (int i = 0; i < 20; i++)
		expect_works();
	require_eq(ioctl(h.file, SYNC_IOC_FILE_INFO, &info), 0);
	expect_eq(fence.status, -ENODEV);
	expect(!strcmp(fence.obj_name, "mea"), "%s", fence.obj_name);
	close(h.file);
}

/* What was written before is there, and what others write now is elsewhere. */
TEST(data_outlive_the_device)
{
	struct bo fresh[64];
	struct held h;
	int file, status;
	pid_t pid;

	hold(&h);
	take_away(&ways[0]);
	/* Before anybody has touched it. */
	pid = fork();
	if (!pid)
		_exit(!bo_filled(&h.view, 11));
	waitpid(pid, &status, 0);
	expect_eq(status, 0, "another process");
	require(driver_bind());
	file = client_open(5000);
	for (unsigned i = 0; i < 64; i++) {
		require_eq(bo_make(file, BYTES, &fresh[i]), 0);
		bo_fill(&fresh[i], i);
	}
	expect(bo_filled(&h.view, 11));
	bo_fill(&h.view, 99);
	for (unsigned i = 0; i < 64; i++)
		expect(bo_filled(&fresh[i], i), "buffer %u", i);
	close(file);
	bo_fill(&h.view, 11);
	expect_gone(&h);
	let_go(&h, 0);
}

/* In every moment of it: whoever reads finds the memory, waits, or finds the copy. */
TEST(data_read_while_the_device_goes)
{
	volatile bool *stop = mmap(NULL, PAGE, 3, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	struct held h;
	int status;
	pid_t pid;

	for (unsigned i = 0; i < 2 * ROUNDS; i++) {
		hold(&h);
		*stop = false;
		pid = fork();
		if (!pid) {
			/* In a guest whose programs take no time, asking for it makes it go on. */
			while (!*stop && now_ms())
				if (!bo_filled(&h.view, 11))
					_exit(1);
			_exit(0);
		}
		take_away(&ways[0]);
		*stop = true;
		waitpid(pid, &status, 0);
		expect_eq(status, 0, "the reader");
		expect_gone(&h);
		let_go(&h, i);
		require(driver_bind());
	}
	expect_works();
}

/* --- a page that comes when the test lets it ------------------------------------------------- */

/* Calls of the driver that need it, and what they say when it has come, all zeros; DRM's core
 * reads the argument itself, and looks for the device after that. */
static const struct call {
	const char *name;
	unsigned long request;
	enum { ARGUMENT, SLOTS, IN_SYNCS } page;
	int result;
} calls[] = {
	{"slots of SUBMIT", DRM_IOCTL_MEA_SUBMIT, SLOTS, -EINVAL},
	{"syncobjs of SUBMIT", DRM_IOCTL_MEA_SUBMIT, IN_SYNCS, -ENOENT},
	{"SUBMIT", DRM_IOCTL_MEA_SUBMIT, ARGUMENT, -ENODEV},
	{"BO_CREATE", DRM_IOCTL_MEA_BO_CREATE, ARGUMENT, -ENODEV},
	{"INFO", DRM_IOCTL_MEA_INFO, ARGUMENT, -ENODEV},
};

struct waiting {
	const struct call *call;
	struct held h;
	void *page;
	int faults, result;
};

static void *call_driver(void *arg)
{
	struct waiting *w = arg;
	struct job *job = &w->h.c.job;

	job->s.slots = (uintptr_t)(w->call->page == SLOTS ? w->page : job->slot);
	job->s.in_syncs = (uintptr_t)w->page;
	job->s.in_sync_count = w->call->page == IN_SYNCS;
	w->result = client_ioctl(w->h.fd, w->call->request,
				 w->call->page == ARGUMENT ? w->page : &job->s);
	return NULL;
}

static void make_page(struct waiting *w)
{
	struct uffdio_register area = {.mode = UFFDIO_REGISTER_MODE_MISSING};
	struct uffdio_api api = {.api = UFFD_API};

	w->faults = (int)syscall(SYS_userfaultfd, O_CLOEXEC);
	require(w->faults >= 0 && !ioctl(w->faults, UFFDIO_API, &api), "no userfaultfd");
	w->page = mmap(NULL, PAGE, 3, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	area.range.start = (uintptr_t)w->page;
	area.range.len = PAGE;
	require_eq(ioctl(w->faults, UFFDIO_REGISTER, &area), 0);
}

static void let_page_come(struct waiting *w)
{
	struct uffdio_zeropage zero = {.range = {(uintptr_t)w->page, PAGE}};

	require_eq(ioctl(w->faults, UFFDIO_ZEROPAGE, &zero), 0);
}

/* Whoever makes the kernel wait for his memory does not hold the driver up. */
static void unbind_during(const struct call *call)
{
	struct waiting w = {.call = call};
	struct uffd_msg fault;
	bool ended = false;
	pthread_t thread;
	int status = -1;
	pid_t pid;

	hold(&w.h);
	make_page(&w);
	require_eq(pthread_create(&thread, NULL, call_driver, &w), 0);
	require_eq(read(w.faults, &fault, sizeof(fault)), sizeof(fault));
	pid = fork();
	if (!pid)
		_exit(!driver_unbind());
	for (int ms = 0; !ended && ms < WAIT_MS / 4; ms++) {
		ended = waitpid(pid, &status, WNOHANG) == pid;
		usleep(1000);
	}
	expect(ended, "%s: unbind waits for the page", call->name);
	let_page_come(&w);
	pthread_join(thread, NULL);
	if (!ended)
		waitpid(pid, &status, 0);
	expect_eq(status, 0, "unbind");
	/* INFO reads nothing, so its answer waits. User-Mode Linux looks at the page first. */
	expect_eq(w.result, in_qemu() && call->request == DRM_IOCTL_MEA_INFO ? 0 : call->result,
		  "%s", call->name);
	expect_gone(&w.h);
	let_go(&w.h, 2);
	close(w.faults);
	munmap(w.page, PAGE);
	require(driver_bind());
}

TEST(page_that_never_comes)
{
	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++)
		unbind_during(&calls[i]);
	expect_works();
}

/* --- the module, and power ------------------------------------------------------------------- */

static int remove_module(void)
{
	return syscall(SYS_delete_module, "mea", O_NONBLOCK) ? -errno : 0;
}

/* What holds the module: an open file, a dma-buf, a mapping, a fence; and nothing else. */
TEST(rmmod)
{
	struct copy c;
	int fd = client_open(0), dmabuf, file;

	require_eq(copy_make(fd, &c, PAGE, 0), 0);
	require_eq(copy_run(&c, 1), 0);
	expect_eq(remove_module(), -EAGAIN, "an open file");
	require_eq(drmPrimeHandleToFD(fd, c.dst.handle, DRM_CLOEXEC, &dmabuf), 0);
	file = sync_to_file(fd, c.job.s.out_sync);
	copy_drop(&c);
	close(fd);
	expect_eq(remove_module(), -EAGAIN, "a dma-buf");
	close(dmabuf);
	expect_eq(remove_module(), -EAGAIN, "a fence");
	expect_eq(file_status(file), 1);
	close(file);
	fd = client_open(0);
	require_eq(copy_make(fd, &c, PAGE, 0), 0);
	munmap(c.src.map, PAGE);
	munmap(c.cmd.map, PAGE);
	close(fd);
	expect_eq(remove_module(), -EAGAIN, "a mapping");
	expect_eq(c.dst.map[0], 0);
	munmap(c.dst.map, PAGE);
	expect_works();
}

/* Suspended with a job on the device and others in the queue: all are done, in time. */
TEST(suspend_and_resume)
{
	int fd = client_open(0);
	struct copy c;

	if (in_qemu())
		check_skip("the guest's files, over 9P, do not survive a suspend");
	require_eq(copy_make(fd, &c, BYTES, 100000), 0);
	/* Devices sleep and wake at once: a second would be spent in a loop. */
	require(write_file("/sys/module/suspend/parameters/pm_test_delay", "0"));
	require(write_file("/sys/power/pm_test", "devices"));
	for (uint32_t i = 0; i < 3; i++) {
		bo_fill(&c.src, i);
		memset(c.dst.map, 0, BYTES);
		for (int k = 0; k < 5; k++)
			require_eq(job_submit(fd, &c.job), 0);
		require(write_file("/sys/power/state", "freeze"));
		expect_eq(sync_result(fd, c.job.s.out_sync, WAIT_MS), 0);
		expect(bo_filled(&c.dst, i));
	}
	copy_drop(&c);
	close(fd);
}

/* The device sleeps when it has nothing to do, and each job wakes it. */
TEST(runtime_power)
{
	char state[32] = "", path[96];
	int fd = client_open(0);
	struct copy c;

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/power/runtime_status", pci_name());
	require(pci_write("power/control", "auto"));
	require_eq(copy_make(fd, &c, BYTES, 0), 0);
	for (uint32_t i = 0; i < 10; i++) {
		for (int ms = 0; strcmp(state, "suspended\n") && ms < 5000; ms += 10) {
			usleep(10000);
			require(read_file(path, state, sizeof(state)));
		}
		expect(!strcmp(state, "suspended\n"), "%s", state);
		expect_eq(copy_run(&c, i), 0);
		*state = 0;
	}
	copy_drop(&c);
	close(fd);
	require(driver_unbind() && driver_bind());
	expect_works();
	require(pci_write("power/control", "on"));
}

/* Nobody can take from another device what it has mapped: the memory stays where it is. The
 * DMA API's checks say so once, and nothing more after it. */
TEST(kept_for_another_device)
{
	int other = foreign_open(), errors = dma_errors();
	uint32_t handle;
	struct held h;

	hold(&h);
	require_eq(drmPrimeFDToHandle(other, h.dmabuf, &handle), 0);
	require(driver_unbind());
	expect_gone(&h);
	if (access("/sys/kernel/debug/dma-api", F_OK) == 0)
		expect_eq(dma_errors(), errors + 1);
	require(driver_bind());
	expect_works();
	expect_eq(drmCloseBufferHandle(other, handle), 0);
	expect_gone(&h);
	let_go(&h, 3);
	close(other);
	expect_works();
}

/* The last one: the device does not come back. */
TEST(killed_with_all_held)
{
	struct held h;

	hold(&h);
	require_eq(side("kill"), 0);
	/* The bus of User-Mode Linux notices. In QEMU the function stays, all ones. */
	if (in_qemu()) {
		usleep(100000);
		require(pci_remove());
	}
	for (int ms = 0; file_status(h.file) == 0 && ms < WAIT_MS; ms++)
		usleep(1000);
	expect_gone(&h);
	let_go(&h, 1);
	expect(client_open(0) < 0);
}
