// SPDX-License-Identifier: Apache-2.0
/* Explicit fences, and the implicit ones of buffers, between files and with other drivers. */
#include <errno.h>
#include <fcntl.h>
#include <linux/dma-buf.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include <xf86drm.h>

#include "lib/check.h"
#include "lib/client.h"

#define BYTES 0x1000u
#define QUIET 150 /* ms in which what must wait does not happen */

static int fd, other, gate;

void check_start(void)
{
	fd = client_open(0);
	other = client_open(0);
	gate = gate_open();
	require(fd >= 0 && other >= 0);
	require(gate >= 0, "no sw_sync and no vgem");
}

void check_stop(void)
{
	close(fd);
	close(other);
	close(gate);
}

/* A syncobj of file whose fence is the gate. */
static uint32_t gate_sync(int file)
{
	uint32_t sync = sync_new(file);
	int fence = gate_fence(gate);

	require(fence >= 0);
	require_eq(sync_from_file(file, sync, fence), 0);
	close(fence);
	return sync;
}

/* --- explicit ------------------------------------------------------------------------- */

TEST(out_fence)
{
	struct copy c;
	int file;

	require_eq(copy_make(fd, &c, BYTES, 100000), 0);
	bo_fill(&c.src, 1);
	expect_eq(sync_status(fd, c.job.s.out_sync), -EINVAL, "no fence yet");
	require_eq(job_submit(fd, &c.job), 0);
	file = sync_to_file(fd, c.job.s.out_sync);
	require(file >= 0);
	expect_eq(file_status(file), 0, "runs");
	require_eq(sync_wait(fd, c.job.s.out_sync, WAIT_MS), 0);
	expect_eq(file_status(file), 1);
	expect(bo_filled(&c.dst, 1));
	close(file);
	copy_drop(&c);
}

TEST(in_fence_holds_a_job_back)
{
	uint32_t sync = gate_sync(fd);
	struct copy c;

	require_eq(copy_make(fd, &c, BYTES, 0), 0);
	bo_fill(&c.src, 1);
	job_wait_for(&c.job, sync);
	require_eq(job_submit(fd, &c.job), 0);
	expect_eq(sync_wait(fd, c.job.s.out_sync, QUIET), -ETIME);
	expect_eq(*c.dst.map, 0);
	gate_signal(gate);
	expect_eq(sync_result(fd, c.job.s.out_sync, WAIT_MS), 0);
	expect(bo_filled(&c.dst, 1));
	copy_drop(&c);
}

TEST(every_in_fence_counts)
{
	int gates[4];
	struct copy c;

	require_eq(copy_make(fd, &c, BYTES, 0), 0);
	for (int i = 0; i < 4; i++) {
		uint32_t sync = sync_new(fd);
		int fence;

		gates[i] = gate_open();
		fence = gate_fence(gates[i]);
		require_eq(sync_from_file(fd, sync, fence), 0);
		close(fence);
		job_wait_for(&c.job, sync);
	}
	require_eq(job_submit(fd, &c.job), 0);
	for (int i = 3; i >= 0; i--) {
		expect_eq(sync_wait(fd, c.job.s.out_sync, QUIET / 3), -ETIME, "gate %d", i);
		gate_signal(gates[i]);
		close(gates[i]);
	}
	expect_eq(sync_result(fd, c.job.s.out_sync, WAIT_MS), 0);
	copy_drop(&c);
}

/* A job of one file waits for that of another, which waits for the gate. */
TEST(chain_between_files)
{
	uint32_t imported = sync_new(other);
	struct copy a, b;
	int file;

	require_eq(copy_make(fd, &a, BYTES, 0), 0);
	require_eq(copy_make(other, &b, BYTES, 0), 0);
	job_wait_for(&a.job, gate_sync(fd));
	require_eq(job_submit(fd, &a.job), 0);
	file = sync_to_file(fd, a.job.s.out_sync);
	require_eq(sync_from_file(other, imported, file), 0);
	close(file);
	job_wait_for(&b.job, imported);
	require_eq(job_submit(other, &b.job), 0);
	expect_eq(sync_wait(other, b.job.s.out_sync, QUIET), -ETIME);
	expect_eq(sync_wait(fd, a.job.s.out_sync, 0), -ETIME);
	gate_signal(gate);
	expect_eq(sync_result(other, b.job.s.out_sync, WAIT_MS), 0);
	expect_eq(sync_result(fd, a.job.s.out_sync, 0), 0);
	copy_drop(&a);
	copy_drop(&b);
}

/* A job held back by one file is no reason for the other one's to wait. */
TEST(files_do_not_block_each_other)
{
	struct copy a, b;

	require_eq(copy_make(fd, &a, BYTES, 0), 0);
	require_eq(copy_make(other, &b, BYTES, 0), 0);
	job_wait_for(&a.job, gate_sync(fd));
	for (int i = 0; i < 10; i++)
		require_eq(job_submit(fd, &a.job), 0);
	for (uint32_t i = 0; i < 10; i++)
		expect_eq(copy_run(&b, i), 0);
	expect_eq(sync_wait(fd, a.job.s.out_sync, 0), -ETIME);
	gate_signal(gate);
	expect_eq(sync_result(fd, a.job.s.out_sync, WAIT_MS), 0);
	copy_drop(&a);
	copy_drop(&b);
}

/* --- implicit, between two files of this driver -------------------------------------------- */

/* Lets other's copy use a buffer of fd's in a slot. */
static void share(struct copy *to, unsigned slot, const struct bo *bo)
{
	uint32_t handle = 0;
	int dmabuf;

	require_eq(drmPrimeHandleToFD(bo->fd, bo->handle, DRM_CLOEXEC | DRM_RDWR, &dmabuf), 0);
	require_eq(drmPrimeFDToHandle(to->cmd.fd, dmabuf, &handle), 0);
	close(dmabuf);
	to->job.slot[slot].handle = handle;
}

static void two_copies(struct copy *a, struct copy *b)
{
	require_eq(copy_make(fd, a, BYTES, 0), 0);
	require_eq(copy_make(other, b, BYTES, 0), 0);
	bo_fill(&a->src, 1);
	bo_fill(&b->src, 2);
	job_wait_for(&a->job, gate_sync(fd));
}

/* Submits a, which the gate holds, and b, which has to wait for it without being told. */
static void submit_both(struct copy *a, struct copy *b)
{
	require_eq(job_submit(fd, &a->job), 0);
	require_eq(job_submit(other, &b->job), 0);
	expect_eq(sync_wait(other, b->job.s.out_sync, QUIET), -ETIME);
	gate_signal(gate);
	expect_eq(sync_result(other, b->job.s.out_sync, WAIT_MS), 0);
	expect_eq(sync_result(fd, a->job.s.out_sync, 0), 0, "it was first");
}

TEST(read_after_write)
{
	struct copy a, b;

	two_copies(&a, &b);
	share(&b, 1, &a.dst);
	submit_both(&a, &b);
	expect(bo_filled(&b.dst, 1), "b read what a wrote");
	copy_drop(&a);
	copy_drop(&b);
}

TEST(write_after_read)
{
	struct copy a, b;

	two_copies(&a, &b);
	share(&b, 2, &a.src);
	submit_both(&a, &b);
	expect(bo_filled(&a.dst, 1), "a read before b wrote");
	expect(bo_filled(&a.src, 2));
	copy_drop(&a);
	copy_drop(&b);
}

TEST(write_after_write)
{
	struct copy a, b;

	two_copies(&a, &b);
	share(&b, 2, &a.dst);
	submit_both(&a, &b);
	expect(bo_filled(&a.dst, 2), "b wrote last");
	copy_drop(&a);
	copy_drop(&b);
}

TEST(read_after_read_does_not_wait)
{
	struct copy a, b;

	two_copies(&a, &b);
	share(&b, 1, &a.src);
	require_eq(job_submit(fd, &a.job), 0);
	require_eq(job_submit(other, &b.job), 0);
	expect_eq(sync_result(other, b.job.s.out_sync, WAIT_MS), 0);
	expect_eq(sync_wait(fd, a.job.s.out_sync, 0), -ETIME, "a still waits for the gate");
	expect(bo_filled(&b.dst, 1));
	gate_signal(gate);
	expect_eq(sync_result(fd, a.job.s.out_sync, WAIT_MS), 0);
	copy_drop(&a);
	copy_drop(&b);
}

/* A buffer in two slots, once to read and once to write, is one that is written. */
TEST(one_buffer_to_read_and_to_write)
{
	struct copy a, b;

	two_copies(&a, &b);
	job_slot(&a.job, 3, &a.src, DRM_MEA_SLOT_WRITE);
	share(&b, 1, &a.src);
	submit_both(&a, &b);
	copy_drop(&a);
	copy_drop(&b);
}

/* --- implicit, with others ------------------------------------------------------------------ */

struct foreign_case {
	const char *what;
	uint32_t import; /* what the other driver does */
	uint32_t job;	 /* what the job does */
	bool waits;
};

static int attach(int dmabuf, uint32_t flags)
{
	struct dma_buf_import_sync_file arg = {.flags = flags, .fd = gate_fence(gate)};
	int rc = ioctl(dmabuf, DMA_BUF_IOCTL_IMPORT_SYNC_FILE, &arg) ? -errno : 0;

	close(arg.fd);
	return rc;
}

TEST(fences_of_another_driver)
{
	static const struct foreign_case cases[] = {
		{"it reads, the job reads", DMA_BUF_SYNC_READ, DRM_MEA_SLOT_READ, false},
		{"it reads, the job writes", DMA_BUF_SYNC_READ, DRM_MEA_SLOT_WRITE, true},
		{"it writes, the job reads", DMA_BUF_SYNC_WRITE, DRM_MEA_SLOT_READ, true},
		{"it writes, the job writes", DMA_BUF_SYNC_WRITE, DRM_MEA_SLOT_WRITE, true},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		bool writes = cases[i].job == DRM_MEA_SLOT_WRITE;
		struct copy c;
		int dmabuf;

		/* A timeline's fence is signalled once. */
		close(gate);
		gate = gate_open();
		require_eq(copy_make(fd, &c, BYTES, 0), 0);
		require_eq(drmPrimeHandleToFD(fd, writes ? c.dst.handle : c.src.handle,
					      DRM_CLOEXEC | DRM_RDWR, &dmabuf),
			   0);
		require_eq(attach(dmabuf, cases[i].import), 0);
		require_eq(job_submit(fd, &c.job), 0);
		if (cases[i].waits)
			expect_eq(sync_wait(fd, c.job.s.out_sync, QUIET), -ETIME, "%s",
				  cases[i].what);
		else
			expect_eq(sync_result(fd, c.job.s.out_sync, WAIT_MS), 0, "%s",
				  cases[i].what);
		gate_signal(gate);
		expect_eq(sync_result(fd, c.job.s.out_sync, WAIT_MS), 0, "%s", cases[i].what);
		close(dmabuf);
		copy_drop(&c);
	}
}

/* What others see of a job: poll() on the dma-bufs of its input and of its output. */
TEST(poll_of_dma_bufs)
{
	struct copy c;
	int in, out;

	require_eq(copy_make(fd, &c, BYTES, 0), 0);
	require_eq(drmPrimeHandleToFD(fd, c.src.handle, DRM_CLOEXEC, &in), 0);
	require_eq(drmPrimeHandleToFD(fd, c.dst.handle, DRM_CLOEXEC, &out), 0);
	expect(ready_to_read(in) && ready_to_write(in) && ready_to_write(out));
	job_wait_for(&c.job, gate_sync(fd));
	require_eq(job_submit(fd, &c.job), 0);
	expect(ready_to_read(in), "the job reads it too");
	expect(!ready_to_write(in));
	expect(!ready_to_read(out));
	expect(!ready_to_write(out));
	gate_signal(gate);
	require_eq(sync_wait(fd, c.job.s.out_sync, WAIT_MS), 0);
	expect(ready_to_write(in) && ready_to_read(out) && ready_to_write(out));
	close(in);
	close(out);
	copy_drop(&c);
}

/* Two files that each write what the other reads, at the same time: no deadlock. */
TEST(crossed_buffers)
{
	struct copy a, b;

	require_eq(copy_make(fd, &a, BYTES, 0), 0);
	require_eq(copy_make(other, &b, BYTES, 0), 0);
	share(&b, 1, &a.dst);
	share(&b, 2, &a.src);
	for (int i = 0; i < 50; i++) {
		require_eq(job_submit(fd, &a.job), 0);
		require_eq(job_submit(other, &b.job), 0);
	}
	expect_eq(sync_result(fd, a.job.s.out_sync, WAIT_MS), 0);
	expect_eq(sync_result(other, b.job.s.out_sync, WAIT_MS), 0);
	copy_drop(&a);
	copy_drop(&b);
}

/* --- two threads of one file ------------------------------------------------------------------ */

#define RACES	400
#define STEP_NS 1000

static struct copy first, second; /* of fd, by one thread each */
static sem_t go, gone;
static long delay_ns; /* of the second; negative to end it */

/* At once when its delay is over, whatever the first does then. */
static void *submit_second(void *result)
{
	struct sched_param urgent = {.sched_priority = 1};

	pthread_setschedparam(pthread_self(), SCHED_FIFO, &urgent);
	for (;;) {
		struct timespec t = {0};

		sem_wait(&go);
		if (delay_ns < 0)
			return result;
		t.tv_nsec = delay_ns;
		nanosleep(&t, NULL);
		*(int *)result += job_submit(fd, &second.job) != 0;
		sem_post(&gone);
	}
}

/* Whatever could start before has ended when an empty job of a third file has, twice: what it
 * frees may start then. */
static void let_pass(struct copy *empty)
{
	for (int i = 0; i < 2; i++) {
		require_eq(job_submit(empty->cmd.fd, &empty->job), 0);
		require_eq(sync_result(empty->cmd.fd, empty->job.s.out_sync, WAIT_MS), 0);
	}
}

/* One round: what reader reads of both is there, or reader waits. Returns whether the second
 * was before the first. */
static bool race(struct copy *reader, struct copy *empty, uint32_t sync)
{
	bool before;
	int fence;

	/* A timeline's fence is signalled once. */
	close(gate);
	gate = gate_open();
	fence = gate_fence(gate);
	require_eq(sync_from_file(fd, sync, fence), 0);
	close(fence);
	sem_post(&go);
	require_eq(job_submit(fd, &first.job), 0);
	sem_wait(&gone);
	require_eq(job_submit(other, &reader->job), 0);
	let_pass(empty);
	require_eq(sync_wait(other, reader->job.s.out_sync, 0), -ETIME,
		   "it reads what the first writes, and that waits for the gate");
	before = sync_wait(fd, second.job.s.out_sync, 0) == 0;
	gate_signal(gate);
	require_eq(sync_result(other, reader->job.s.out_sync, WAIT_MS), 0);
	require_eq(sync_result(fd, second.job.s.out_sync, WAIT_MS), 0);
	return before;
}

static void make_empty(int file, struct copy *c)
{
	require_eq(copy_make(file, c, BYTES, 0), 0);
	c->job.s.cmd_count = 0;
}

/* The fences of a file's jobs have numbers, of which waiters keep the last alone: so jobs are
 * queued in this order, though the second thread comes in the middle of the first's submit. */
TEST(fences_of_two_threads_are_in_order)
{
	int third = client_open(0), refused = 0;
	long step = 64 * STEP_NS;
	bool was_before = true;
	struct copy reader, empty;
	pthread_t thread;
	uint32_t sync;

	make_empty(fd, &first);
	make_empty(fd, &second);
	make_empty(other, &reader);
	make_empty(third, &empty);
	for (unsigned i = 3; i < DRM_MEA_MAX_SLOTS; i++) {
		struct bo more;

		require_eq(bo_make(fd, PAGE, &more), 0);
		job_slot(&first.job, i, &more, DRM_MEA_SLOT_WRITE);
	}
	share(&reader, 1, &first.dst);
	share(&reader, 2, &second.dst);
	reader.job.slot[2].flags = DRM_MEA_SLOT_READ;
	sync = sync_new(fd);
	job_wait_for(&first.job, sync);
	sem_init(&go, 0, 0);
	sem_init(&gone, 0, 0);
	require_eq(pthread_create(&thread, NULL, submit_second, &refused), 0);
	/* It comes now a little before, now a little after what may not be interrupted. */
	for (unsigned i = 0; i < RACES; i++) {
		bool before = race(&reader, &empty, sync);

		if (before != was_before && step > STEP_NS)
			step /= 2;
		was_before = before;
		delay_ns += before ? step : delay_ns > step ? -step : -delay_ns;
	}
	delay_ns = -1;
	sem_post(&go);
	pthread_join(thread, NULL);
	expect_eq(refused, 0);
	close(third);
}
