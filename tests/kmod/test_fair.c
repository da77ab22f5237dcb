// SPDX-License-Identifier: Apache-2.0
/* Several clients: none waits for the queue of another, and none queues without end. */
#include <errno.h>
#include <linux/sync_file.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "lib/check.h"
#include "lib/client.h"

#define LIMIT_MS 250 /* of a job that hangs */
#define CLIENTS	 8
#define QUEUE	 12u	/* jobs of a client that floods; more than the bound for 8 clients */
#define CYCLES	 20000u /* of a job that others wait for */
#define BANKS	 2	/* jobs that the device has when another one comes */

/* A file and jobs of the same commands, each with a fence of its own. */
struct client {
	int fd;
	struct copy copy;
	uint32_t done[QUEUE];
};

/* The limit of jobs is for one test. */
void check_clean(void)
{
	driver_rebind(10000);
}

static void client_start(struct client *c, uint32_t cycles)
{
	c->fd = client_open(0);
	require(c->fd >= 0);
	require_eq(copy_make(c->fd, &c->copy, PAGE, cycles), 0);
	for (unsigned i = 0; i < QUEUE; i++)
		c->done[i] = sync_new(c->fd);
}

static void client_end(struct client *c)
{
	for (unsigned i = 0; i < QUEUE; i++)
		sync_drop(c->fd, c->done[i]);
	copy_drop(&c->copy);
	close(c->fd);
}

static void client_flood(struct client *c)
{
	for (unsigned i = 0; i < QUEUE; i++) {
		c->copy.job.s.out_sync = c->done[i];
		require_eq(job_submit(c->fd, &c->copy.job), 0);
	}
}

static long long now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000ll + t.tv_nsec;
}

/* When the fence signalled, by the kernel's clock, which is now_ns()'s. */
static long long signalled_ns(int fd, uint32_t syncobj)
{
	struct sync_fence_info fence = {0};
	struct sync_file_info info = {.num_fences = 1, .sync_fence_info = (uintptr_t)&fence};
	int file = sync_to_file(fd, syncobj);

	require(file >= 0);
	require_eq(ioctl(file, SYNC_IOC_FILE_INFO, &info), 0);
	close(file);
	return (long long)fence.timestamp_ns;
}

/*
 * The number of jobs of n - 1 clients, each of whose queues is full, that end between the
 * submit of one more client's only job and that job's end.
 */
static unsigned jobs_before(unsigned n)
{
	struct client all[CLIENTS];
	struct client *last = &all[n - 1];
	long long from, to;
	unsigned jobs = 0;

	for (unsigned i = 0; i < n; i++)
		client_start(&all[i], CYCLES);
	for (unsigned i = 0; i + 1 < n; i++)
		client_flood(&all[i]);
	last->copy.job.s.out_sync = last->done[0];
	require_eq(job_submit(last->fd, &last->copy.job), 0);
	from = now_ns();
	require_eq(sync_result(last->fd, last->done[0], WAIT_MS), 0);
	to = signalled_ns(last->fd, last->done[0]);
	for (unsigned i = 0; i + 1 < n; i++)
		for (unsigned j = 0; j < QUEUE; j++) {
			require_eq(sync_result(all[i].fd, all[i].done[j], WAIT_MS), 0);
			long long at = signalled_ns(all[i].fd, all[i].done[j]);

			jobs += at > from && at < to;
		}
	for (unsigned i = 0; i < n; i++)
		client_end(&all[i]);
	return jobs;
}

/* Those in the banks, and one of each other client. */
TEST(clients_take_turns)
{
	for (unsigned n = 1; n <= CLIENTS; n *= 2) {
		unsigned jobs = jobs_before(n);

		check_note("%u clients: waits for %u jobs, at most %u", n, jobs, n - 1 + BANKS);
		expect(jobs <= n - 1 + BANKS, "%u clients: %u jobs", n, jobs);
	}
}

/* A client whose jobs all hang costs the other the time of those in the banks. */
TEST(three_hangs_close_a_file)
{
	struct client bad, good;
	int hung = 0, refused = 0;
	long long from, to;
	unsigned before = 0;

	require(driver_rebind(LIMIT_MS));
	client_start(&bad, 0);
	client_start(&good, 0);
	memset(bad.copy.cmd.map, 0, MEA_CMD_BYTES);
	set_field(bad.copy.cmd.map, MEA_F_CMD_OPCODE, MEA_OP_STORE);
	set_field(bad.copy.cmd.map, MEA_F_CMD_WAIT, 1);
	set_field(bad.copy.cmd.map, MEA_F_STORE_SLOT, 2);
	set_field(bad.copy.cmd.map, MEA_F_STORE_ROW_WORDS, 1);
	set_field(bad.copy.cmd.map, MEA_F_STORE_ROWS, 1);
	bad.copy.job.s.cmd_count = 1;
	client_flood(&bad);
	require_eq(job_submit(good.fd, &good.copy.job), 0);
	from = now_ns();
	require_eq(sync_result(good.fd, good.copy.job.s.out_sync, WAIT_MS), 0);
	to = signalled_ns(good.fd, good.copy.job.s.out_sync);
	for (unsigned i = 0; i < QUEUE; i++) {
		int rc = sync_result(bad.fd, bad.done[i], WAIT_MS);
		long long at = signalled_ns(bad.fd, bad.done[i]);

		hung += rc == -ETIMEDOUT;
		refused += rc == -ECANCELED;
		before += rc == -ETIMEDOUT && at > from && at < to;
	}
	expect(before <= BANKS + 1, "%u", before);
	expect_eq(hung, 3);
	expect_eq(refused, (int)QUEUE - 3);
	expect_eq(job_submit(bad.fd, &bad.copy.job), -ECANCELED);
	client_end(&bad);

	client_start(&bad, 0);
	expect_eq(copy_run(&bad.copy, 1), 0, "opened anew, it is served");
	client_end(&bad);
	client_end(&good);
}

/* The queue of a file has an end, and one that ended makes room. */
TEST(a_full_queue_says_so)
{
	int timeline = gate_open(), fence = gate_fence(timeline);
	struct client c;
	unsigned i;

	client_start(&c, 0);
	uint32_t gate = sync_new(c.fd);

	require_eq(sync_from_file(c.fd, gate, fence), 0);
	job_wait_for(&c.copy.job, gate);
	for (i = 0; i < DRM_MEA_MAX_QUEUED; i++)
		require_eq(job_submit(c.fd, &c.copy.job), 0, "job %u", i);
	expect_eq(job_submit(c.fd, &c.copy.job), -EAGAIN);
	gate_signal(timeline);
	require_eq(sync_result(c.fd, c.copy.job.s.out_sync, WAIT_MS), 0);
	/* A job is freed soon after its fence signals. */
	for (int rc = -EAGAIN, tries = 0; (i = rc == -EAGAIN && tries < 6000); tries++) {
		usleep(10000);
		rc = job_submit(c.fd, &c.copy.job);
	}
	expect_eq(i, 0, "there is room again");
	require_eq(sync_result(c.fd, c.copy.job.s.out_sync, WAIT_MS), 0);
	sync_drop(c.fd, gate);
	close(fence);
	client_end(&c);
}
