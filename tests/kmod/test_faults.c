// SPDX-License-Identifier: Apache-2.0
/* A device that misbehaves, in every way of the side channel; another client goes on. */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "lib/check.h"
#include "lib/client.h"

#define BYTES	 0x1000u
#define LIMIT_MS 250 /* of jobs here; a sound one takes a few */

static int fd, other;
static struct copy c, d; /* of fd, of other */

static void open_both(void)
{
	fd = client_open(5000);
	other = client_open(0);
	require(fd >= 0 && other >= 0);
	require_eq(copy_make(fd, &c, BYTES, 0), 0);
	require_eq(copy_make(other, &d, BYTES, 0), 0);
}

/* Each test has a driver that was bound anew, so none is hit by what another broke. */
void check_start(void)
{
	require_eq(side("heal"), 0);
	require(driver_rebind(LIMIT_MS));
	/* Waking up resets the device, which would heal a planted fault. */
	if (on_platform())
		require(write_file("/sys/bus/platform/devices/mea/power/control", "on"));
	open_both();
	require_eq(client_timeout_ms(fd), LIMIT_MS);
}

void check_stop(void)
{
	copy_drop(&c);
	copy_drop(&d);
	close(fd);
	close(other);
}

/* However a test ended, the device is sound again, and so is the limit. */
void check_clean(void)
{
	side("heal");
	if (!driver_rebind(10000))
		printf("# the driver does not bind\n");
}

static void expect_sound(void)
{
	for (uint32_t i = 0; i < 3; i++) {
		expect_eq(copy_run(&c, i), 0);
		expect_eq(copy_run(&d, i + 100), 0);
	}
}

/* Jobs of both files, of which the first of fd meets the fault. */
static void submit_mixed(uint32_t seed)
{
	bo_fill(&c.src, seed);
	bo_fill(&d.src, seed + 1);
	memset(d.dst.map, 0, BYTES);
	require_eq(job_submit(fd, &c.job), 0);
	require_eq(job_submit(other, &d.job), 0);
}

/* --- jobs that hang ------------------------------------------------------------------------- */

/* The one is killed; the other, which waited in the second bank, is done after the reset. */
TEST(hang)
{
	for (uint32_t i = 0; i < 5; i++) {
		long long start = now_ms();

		require_eq(side("hang"), 0);
		submit_mixed(i);
		expect_eq(sync_result(fd, c.job.s.out_sync, WAIT_MS), -ETIMEDOUT);
		expect(now_ms() - start >= LIMIT_MS, "not before its time");
		expect_eq(sync_result(other, d.job.s.out_sync, WAIT_MS), 0);
		expect(bo_filled(&d.dst, i + 1), "the second client's result");
		expect_eq(copy_run(&c, i), 0, "three hangs in a row would close the file");
	}
	expect_sound();
}

TEST(both_banks_hang)
{
	require_eq(side("hang 2"), 0);
	submit_mixed(1);
	expect_eq(sync_result(fd, c.job.s.out_sync, WAIT_MS), -ETIMEDOUT);
	/* The side channel lets it hang once; when it starts again it does not. */
	expect_eq(sync_result(other, d.job.s.out_sync, WAIT_MS), 0);
	expect(bo_filled(&d.dst, 2));
	expect_sound();
}

TEST(ten_hangs_in_a_queue)
{
	struct copy many[10];
	int killed = 0, refused = 0;

	require_eq(side("hang 10"), 0);
	for (int i = 0; i < 10; i++) {
		require_eq(copy_make(fd, &many[i], BYTES, 0), 0);
		require_eq(job_submit(fd, &many[i].job), 0);
	}
	for (int i = 0; i < 10; i++) {
		int rc = sync_result(fd, many[i].job.s.out_sync, WAIT_MS);

		expect(rc == -ETIMEDOUT || rc == -ECANCELED, "job %d: %d", i, rc);
		killed += rc == -ETIMEDOUT;
		refused += rc == -ECANCELED;
		copy_drop(&many[i]);
	}
	expect_eq(killed, 3);
	expect_eq(refused, 7);
	expect_eq(job_submit(fd, &c.job), -ECANCELED, "the file is refused");
	require_eq(side("heal"), 0);
	expect_eq(copy_run(&d, 1), 0, "another file is not");
	copy_drop(&c);
	close(fd);
	fd = client_open(0);
	require_eq(copy_make(fd, &c, BYTES, 0), 0);
	expect_sound();
}

static int core_dumps(char *path, size_t size)
{
	DIR *dir = opendir("/sys/class/devcoredump");
	struct dirent *e;
	int n = 0;

	while (dir && (e = readdir(dir)))
		if (!strncmp(e->d_name, "devcd", 5)) {
			snprintf(path, size, "/sys/class/devcoredump/%s/data", e->d_name);
			n++;
		}
	if (dir)
		closedir(dir);
	return n;
}

TEST(hang_leaves_a_dump)
{
	uint32_t dump[0x300 / 4 + 1] = {0};
	char path[300];

	/* Those of other tests; one that was given up goes a little later. */
	for (int ms = 0; core_dumps(path, sizeof(path)) && ms < 5000; ms++) {
		write_file(path, "0");
		usleep(1000);
	}
	require_eq(side("hang"), 0);
	require_eq(job_submit(fd, &c.job), 0);
	expect_eq(sync_result(fd, c.job.s.out_sync, WAIT_MS), -ETIMEDOUT);
	for (int ms = 0; !core_dumps(path, sizeof(path)) && ms < 5000; ms++)
		usleep(1000);
	require_eq(core_dumps(path, sizeof(path)), 1);
	require(read_file(path, (char *)dump, sizeof(dump)));
	expect_eq(dump[MEA_REG_ID / 4], MEA_ID_VALUE);
	expect(dump[MEA_REG_STATUS / 4] & MEA_STATUS_RUNNING_MASK, "0x%x",
	       dump[MEA_REG_STATUS / 4]);
	expect(dump[(MEA_JOB_BANK0 + MEA_BANK_CMD_COUNT) / 4] == 2);
	require(write_file(path, "0"));
}

/* --- interrupts ---------------------------------------------------------------------------- */

/* The limit finds the job done: late, but no error. */
TEST(lost_interrupt)
{
	for (uint32_t i = 0; i < 5; i++) {
		require_eq(side("irq lost"), 0);
		expect_eq(copy_run(&c, i), 0);
	}
	expect_sound();
}

TEST(lost_interrupt_with_two_jobs)
{
	require_eq(side("irq lost 2"), 0);
	submit_mixed(3);
	expect_eq(sync_result(fd, c.job.s.out_sync, WAIT_MS), 0);
	expect_eq(sync_result(other, d.job.s.out_sync, WAIT_MS), 0);
	expect(bo_filled(&d.dst, 4));
	expect_sound();
}

TEST(double_interrupts)
{
	require_eq(side("irq double 20"), 0);
	for (uint32_t i = 0; i < 20; i++) {
		submit_mixed(i);
		expect_eq(sync_result(fd, c.job.s.out_sync, WAIT_MS), 0);
		expect_eq(sync_result(other, d.job.s.out_sync, WAIT_MS), 0);
	}
	expect_sound();
}

/* It comes while the next jobs run, and after the limit. */
TEST(late_interrupts)
{
	require_eq(side("irq late 50 5"), 0);
	for (uint32_t i = 0; i < 5; i++)
		expect_eq(copy_run(&c, i), 0);
	require_eq(side("irq late 400"), 0);
	expect_eq(copy_run(&c, 9), 0);
	expect_sound();
	usleep(450000);
	expect_sound();
}

/* Of a job that was killed: after the reset, when others run. */
TEST(late_interrupt_after_a_reset)
{
	require_eq(side("hang"), 0);
	require_eq(side("irq late 400"), 0);
	require_eq(job_submit(fd, &c.job), 0);
	expect_eq(sync_result(fd, c.job.s.out_sync, WAIT_MS), -ETIMEDOUT);
	for (int i = 0; i < 100; i++)
		expect_eq(copy_run(&d, 5), 0);
}

TEST(spurious_interrupts)
{
	require_eq(side("irq spurious 50"), 0);
	expect_sound();
	require_eq(side("irq random 20"), 0);
	expect_sound();
}

/* A bridge that sends one message however many results there are. */
TEST(edges_alone)
{
	require_eq(side("edge on"), 0);
	for (uint32_t i = 0; i < 50; i++) {
		submit_mixed(i);
		expect_eq(sync_result(fd, c.job.s.out_sync, WAIT_MS), 0);
		expect_eq(sync_result(other, d.job.s.out_sync, WAIT_MS), 0);
	}
}

/* --- bus and registers ------------------------------------------------------------------------ */

TEST(bus_errors)
{
	static const char *const faults[] = {"bus read 1", "bus read 3", "bus write 1"};

	for (int i = 0; i < 3; i++) {
		require_eq(side(faults[i]), 0);
		submit_mixed(1);
		expect_eq(sync_result(fd, c.job.s.out_sync, WAIT_MS), -EIO, "%s", faults[i]);
		expect_eq(sync_result(other, d.job.s.out_sync, WAIT_MS), 0);
		expect(bo_filled(&d.dst, 2));
	}
	expect_sound();
}

/* All ones from every register: the device is gone, though nobody was told. */
TEST(gone_and_back)
{
	int rc;

	require_eq(side("gone on"), 0);
	rc = job_submit(fd, &c.job);
	/* Asleep, it does not wake. */
	expect(rc == 0 || rc == -EIO, "%d", rc);
	if (!rc)
		expect_eq(sync_result(fd, c.job.s.out_sync, WAIT_MS), -ENODEV);
	require_eq(side("gone off"), 0);
	expect_sound();
}

TEST(gone_during_a_job)
{
	write_slow_copy(fd, &c.cmd, BYTES, 3000000);
	c.job.s.cmd_count = 3;
	require_eq(job_submit(fd, &c.job), 0);
	usleep(20000);
	require_eq(side("gone on"), 0);
	expect_eq(sync_result(fd, c.job.s.out_sync, WAIT_MS), -ENODEV);
	check_stop();
	expect(driver_unbind(), "unbind does not hang");
	require_eq(side("heal"), 0);
	require(driver_bind());
	open_both();
	expect_sound();
}

/* It ignores the reset: cut off from the bus, every later job is refused, unbind works. */
TEST(stuck_in_reset)
{
	if (on_platform())
		check_skip(
			"nothing cuts this platform device off, so its buffers are kept for good");
	require_eq(side("stuck on"), 0);
	require_eq(side("hang"), 0);
	submit_mixed(1);
	expect_eq(sync_result(fd, c.job.s.out_sync, WAIT_MS), -ETIMEDOUT);
	expect(sync_result(other, d.job.s.out_sync, WAIT_MS) < 0);
	expect_eq(job_submit(other, &d.job), -EIO);
	expect_eq(job_submit(fd, &c.job), -EIO);
	check_stop();
	require(driver_unbind());
	require_eq(side("heal"), 0);
	require(driver_bind());
	open_both();
	expect_sound();
}

static void expect_refused(const char *fault)
{
	check_stop();
	require_eq(side(fault), 0);
	require(driver_unbind());
	expect(!driver_bind(), "%s", fault);
	require_eq(side("heal"), 0);
	require(driver_bind());
	open_both();
}

TEST(probe_refuses_what_it_does_not_know)
{
	char other_version[32];

	snprintf(other_version, sizeof(other_version), "read 4 0x%x", MEA_VERSION_VALUE + 0x10000);
	expect_refused("read 0 0x12345678");
	expect_refused("read 0 0xffffffff");
	expect_refused(other_version);
	expect_refused("stuck on");
	expect_refused("gone on");
	expect_sound();
}

/* Results that cannot be: a state that is none, a cause that is none. */
TEST(impossible_registers)
{
	static const char *const faults[] = {
		"read 0x19c 0xffffffff 5", "read 0x19c 7 5", "read 0x28 0xffffffff 5",
		"read 0x28 0xfffffffc 5",  "read 0x28 0 5",  "read 0x24 0 20",
	};

	for (unsigned i = 0; i < sizeof(faults) / sizeof(faults[0]); i++) {
		require_eq(side(faults[i]), 0);
		/* One of the two is in bank 0. */
		for (unsigned k = 0; k < 2; k++) {
			int rc = copy_run(&c, i);

			expect(rc == 0 || rc == -ETIMEDOUT, "%s: %d", faults[i], rc);
		}
		require_eq(side("read clear"), 0);
		expect_eq(copy_run(&d, i), 0, "after %s", faults[i]);
	}
	require_eq(side("read 0x1a4 0xff 1"), 0);
	expect_eq(copy_run(&c, 1) + copy_run(&c, 2), -EFAULT, "an unknown cause is a fault");
	expect_sound();
}

/* A device that answers at random may fail each job, but not the kernel. */
TEST(random_registers)
{
	if (on_platform())
		check_skip(
			"a random answer looks like a stuck reset, after which buffers are kept");
	require_eq(side("random 10"), 0);
	require_eq(side("irq random 10"), 0);
	for (uint32_t i = 0; i < 30; i++) {
		int rc = job_submit(fd, &c.job);

		if (!rc)
			rc = sync_result(fd, c.job.s.out_sync, WAIT_MS);
		expect(rc != -ETIME, "every job ends");
	}
	require_eq(side("heal"), 0);
	check_stop();
	require(driver_rebind(LIMIT_MS));
	open_both();
	expect_sound();
}
