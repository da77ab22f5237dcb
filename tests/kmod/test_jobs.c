// SPDX-License-Identifier: Apache-2.0
/* Jobs: faults of commands, many at once, signals, and processes that end in the middle. */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/check.h"
#include "lib/client.h"

#define BYTES 0x1000u
#define FEW   0x200u /* where many jobs matter, not long ones */

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

/* --- faults that commands can cause: each ends its own job and no other ------------------ */

static void expect_fault(struct copy *c, int error, const char *what)
{
	require_eq(job_submit(fd, &c->job), 0, "%s", what);
	expect_eq(sync_result(fd, c->job.s.out_sync, WAIT_MS), error, "%s", what);
}

TEST(faults_of_commands)
{
	struct copy c, sound;
	uint8_t *command;
	struct job job;

	require_eq(copy_make(fd, &c, BYTES, 0), 0);
	require_eq(copy_make(fd, &sound, BYTES, 0), 0);
	command = c.cmd.map;
	job = c.job;

	c.job.slot[1].size = BYTES - 64;
	expect_fault(&c, -EFAULT, "a read past the slot");
	c.job = job;
	c.job.slot[2].size = BYTES - 64;
	expect_fault(&c, -EFAULT, "a write past the slot");
	c.job = job;
	c.job.slot[1].flags = DRM_MEA_SLOT_WRITE;
	expect_fault(&c, -EFAULT, "a read of what may be written only");
	c.job = job;
	c.job.slot[2].flags = DRM_MEA_SLOT_READ;
	expect_fault(&c, -EFAULT, "a write to what may be read only");
	c.job = job;
	c.job.s.slot_count = 2;
	expect_fault(&c, -EFAULT, "a closed slot");
	c.job = job;
	c.job.s.cmd_count = 65;
	memset(command + 128, 0, PAGE - 128);
	expect_fault(&c, -EFAULT, "zeros as commands");
	c.job = job;
	c.job.s.cmd_offset = PAGE;
	expect_fault(&c, -EFAULT, "commands behind the slot");
	c.job = job;
	set_field(command, MEA_F_LOAD_OFFSET, 8);
	expect_fault(&c, -EFAULT, "an odd offset");
	write_slow_copy(fd, &c.cmd, BYTES, 100000);
	c.job.s.cmd_count = 3;
	c.job.s.budget = 1000;
	expect_fault(&c, -ETIMEDOUT, "over the budget");
	expect_eq(copy_run(&sound, 1), 0, "the next is sound");
	copy_drop(&c);
	copy_drop(&sound);
}

/* A job waits for a token that never comes: its budget ends it. */
TEST(deadlocked_commands)
{
	struct copy c;

	require_eq(copy_make(fd, &c, BYTES, 0), 0);
	set_field(c.cmd.map, MEA_F_CMD_WAIT, 3);
	c.job.s.budget = 20000;
	expect_fault(&c, -ETIMEDOUT, "no token");
	write_copy(fd, &c.cmd, BYTES);
	expect_eq(copy_run(&c, 1), 0);
	copy_drop(&c);
}

/* What is left in the memories of the device by one client, another does not get. */
TEST(scratchpad_is_scrubbed_between_clients)
{
	int other = client_open(0);
	struct copy a, b;
	uint8_t *command;

	require_eq(copy_make(fd, &a, BYTES, 0), 0);
	require_eq(copy_make(other, &b, BYTES, 0), 0);
	require_eq(copy_run(&a, 42), 0);
	/* The store alone: writes what is there. */
	command = a.cmd.map + MEA_CMD_BYTES;
	memcpy(a.cmd.map, command, MEA_CMD_BYTES);
	a.cmd.map[0] &= 0xcf; /* waits for nobody */
	a.job.s.cmd_count = 1;
	memcpy(b.cmd.map, a.cmd.map, MEA_CMD_BYTES);
	b.job.s.cmd_count = 1;
	memset(a.dst.map, 0, BYTES);
	require_eq(job_submit(fd, &a.job), 0);
	require_eq(sync_result(fd, a.job.s.out_sync, WAIT_MS), 0);
	expect(bo_filled(&a.dst, 42), "the same client finds its data");
	memset(b.dst.map, 0xff, BYTES);
	require_eq(job_submit(other, &b.job), 0);
	require_eq(sync_result(other, b.job.s.out_sync, WAIT_MS), 0);
	for (unsigned i = 0; i < BYTES; i++)
		require_eq(b.dst.map[i], 0, "byte %u", i);
	copy_drop(&a);
	copy_drop(&b);
	close(other);
}

/* --- many --------------------------------------------------------------------------------- */

#define PROCESSES 4
#define JOBS	  1000
#define RING	  8

/* JOBS copies, RING of them under way, each checked. Returns the number of wrong ones. */
static int many_jobs(uint32_t seed)
{
	int file = client_open(0), wrong = 0;
	struct copy ring[RING];

	require(file >= 0);
	for (int i = 0; i < RING; i++)
		require_eq(copy_make(file, &ring[i], FEW, 0), 0);
	for (uint32_t i = 0; i < JOBS + RING; i++) {
		struct copy *c = &ring[i % RING];

		if (i >= RING)
			wrong += sync_result(file, c->job.s.out_sync, WAIT_MS) != 0 ||
				 !bo_filled(&c->dst, seed + i - RING);
		if (i >= JOBS)
			continue;
		bo_fill(&c->src, seed + i);
		memset(c->dst.map, 0, c->dst.size);
		wrong += job_submit(file, &c->job) != 0;
	}
	close(file);
	return wrong;
}

static void run_processes(int (*work)(uint32_t seed))
{
	pid_t pid[PROCESSES];
	int status;

	for (int i = 0; i < PROCESSES; i++) {
		pid[i] = fork();
		if (!pid[i])
			_exit(work((uint32_t)i * 100000) ? 1 : 0);
	}
	for (int i = 0; i < PROCESSES; i++) {
		require_eq(waitpid(pid[i], &status, 0), pid[i]);
		expect(WIFEXITED(status) && WEXITSTATUS(status) == 0, "process %d: 0x%x", i,
		       status);
	}
}

TEST(thousand_jobs_in_four_processes)
{
	long long jobs = side_counter("jobs");

	run_processes(many_jobs);
	expect_eq(side_counter("jobs") - jobs, PROCESSES * JOBS, "each ran once");
}

static void *thread(void *arg)
{
	struct copy c;

	if (copy_make(fd, &c, FEW, 0))
		return arg;
	for (uint32_t i = 0; i < 200; i++)
		if (copy_run(&c, i))
			return arg;
	copy_drop(&c);
	return NULL;
}

TEST(threads_share_a_file)
{
	pthread_t threads[4];
	void *wrong;

	for (int i = 0; i < 4; i++)
		require_eq(pthread_create(&threads[i], NULL, thread, &fd), 0);
	for (int i = 0; i < 4; i++) {
		pthread_join(threads[i], &wrong);
		expect(!wrong, "thread %d", i);
	}
}

/* --- signals --------------------------------------------------------------------------------- */

static volatile sig_atomic_t signals;

static void count_signal(int number)
{
	(void)number;
	signals++;
}

static int storm(uint32_t seed)
{
	struct sigaction act = {.sa_handler = count_signal}; /* without SA_RESTART */
	struct itimerval every = {{0, 1000}, {0, 1000}}, off = {{0, 0}, {0, 0}};
	int file = client_open(0), wrong = 0;
	struct copy c;

	sigaction(SIGALRM, &act, NULL);
	setitimer(ITIMER_REAL, &every, NULL);
	for (uint32_t i = 0; i < 60 && !wrong; i++) {
		int rc;

		do
			rc = copy_make(file, &c, BYTES, 2000);
		while (rc == -EINTR);
		wrong = rc ? rc : copy_run(&c, seed + i);
		copy_drop(&c);
	}
	setitimer(ITIMER_REAL, &off, NULL);
	close(file);
	return wrong || signals < 20;
}

TEST(signal_storm)
{
	run_processes(storm);
}

/* --- the end in the middle -------------------------------------------------------------------- */

static pid_t child_with_jobs(int n, uint32_t cycles)
{
	int ready[2];
	pid_t pid;
	char byte;

	require_eq(pipe(ready), 0);
	pid = fork();
	if (!pid) {
		int file = client_open(0);
		struct copy c;

		if (file < 0 || copy_make(file, &c, BYTES, cycles))
			_exit(2);
		for (int i = 0; i < n; i++)
			if (job_submit(file, &c.job))
				_exit(3);
		if (write(ready[1], "x", 1) != 1)
			_exit(4);
		pause();
		_exit(5);
	}
	close(ready[1]);
	require_eq(read(ready[0], &byte, 1), 1, "the child did not submit");
	close(ready[0]);
	return pid;
}

TEST(sigkill_during_a_job)
{
	struct copy c;

	require_eq(copy_make(fd, &c, BYTES, 0), 0);
	for (uint32_t i = 0; i < 10; i++) {
		long long start = now_ms();
		pid_t pid = child_with_jobs(3, 50000);
		int status;

		kill(pid, SIGKILL);
		waitpid(pid, &status, 0);
		expect(WIFSIGNALED(status), "0x%x", status);
		expect(now_ms() - start < 20000);
		expect_eq(copy_run(&c, i), 0, "another client is not hit");
	}
	copy_drop(&c);
}

/* A descriptor of another process. */
static int take_fd(pid_t pid, int number)
{
	int pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	int got = (int)syscall(SYS_pidfd_getfd, pidfd, number, 0);

	close(pidfd);
	return got;
}

/* Jobs that had no chance to start end with -ESRCH, those on the device with success. */
TEST(sigkill_with_a_long_queue)
{
	uint32_t sync = sync_new(fd);
	int sock[2], status, file;
	struct copy c;
	pid_t pid;

	require_eq(pipe(sock), 0);
	pid = fork();
	if (!pid) {
		int own = client_open(0);

		if (copy_make(own, &c, BYTES, 400000))
			_exit(2);
		for (int i = 0; i < 30; i++)
			if (job_submit(own, &c.job))
				_exit(3);
		/* The last one's fence, which the parent takes. */
		file = sync_to_file(own, c.job.s.out_sync);
		dup2(file, 50);
		if (write(sock[1], "x", 1) != 1)
			_exit(4);
		pause();
	}
	close(sock[1]);
	require_eq(read(sock[0], &status, 1), 1);
	file = take_fd(pid, 50);
	require(file >= 0);
	expect_eq(file_status(file), 0);
	kill(pid, SIGKILL);
	waitpid(pid, &status, 0);
	require_eq(sync_from_file(fd, sync, file), 0);
	expect_eq(sync_result(fd, sync, WAIT_MS), -ESRCH);
	close(file);
	require_eq(copy_make(fd, &c, BYTES, 0), 0);
	expect_eq(copy_run(&c, 1), 0);
	copy_drop(&c);
}

TEST(close_during_a_job)
{
	struct copy c;

	for (uint32_t i = 0; i < 20; i++) {
		int file = client_open(0), fence;

		require_eq(copy_make(file, &c, BYTES, 30000), 0);
		bo_fill(&c.src, i);
		require_eq(job_submit(file, &c.job), 0);
		require_eq(job_submit(file, &c.job), 0);
		fence = sync_to_file(file, c.job.s.out_sync);
		close(file);
		for (int ms = 0; file_status(fence) == 0 && ms < WAIT_MS; ms++)
			usleep(1000);
		expect_eq(file_status(fence), 1, "what was submitted before is done");
		expect(bo_filled(&c.dst, i), "in memory that is still mapped");
		close(fence);
		munmap(c.cmd.map, c.cmd.size);
		munmap(c.src.map, c.src.size);
		munmap(c.dst.map, c.dst.size);
	}
}

/* The file is the parent's and the child's: the one's end is not the other's. */
TEST(fork_during_a_job)
{
	struct copy c;
	int status;
	pid_t pid;

	require_eq(copy_make(fd, &c, BYTES, 50000), 0);
	bo_fill(&c.src, 6);
	require_eq(job_submit(fd, &c.job), 0);
	pid = fork();
	if (!pid)
		_exit(sync_result(fd, c.job.s.out_sync, WAIT_MS) || !bo_filled(&c.dst, 6) ||
		      copy_run(&c, 7));
	require_eq(sync_wait(fd, c.job.s.out_sync, WAIT_MS), 0);
	waitpid(pid, &status, 0);
	expect(WIFEXITED(status) && WEXITSTATUS(status) == 0, "0x%x", status);
	expect(bo_filled(&c.dst, 7), "the child's job, in memory of both");
	expect_eq(copy_run(&c, 8), 0);
	copy_drop(&c);
}
