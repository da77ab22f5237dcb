// SPDX-License-Identifier: Apache-2.0
/*
 * Commands that a hostile client makes up. Whatever they do, memory outside the slots and what
 * may only be read stay as they are, the job ends, and the next client's works. Besides,
 * mea-cosim ends the run when a burst leaves the slots.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "lib/check.h"
#include "lib/client.h"

#define PROGRAMS 400
#define COMMANDS 24
#define BYTES	 0x4000u

static uint64_t state = 88172645463325252u;

static uint32_t rnd(uint32_t below)
{
	state ^= state << 13, state ^= state >> 7, state ^= state << 17;
	return (uint32_t)(state >> 20) % below;
}

static uint32_t seldom(uint32_t odd, uint32_t normal)
{
	return rnd(16) ? normal : odd;
}

/* Mostly what the engines take, so that programs go far; anything at times. */
static void make_command(uint8_t *c)
{
	static const uint32_t opcodes[] = {MEA_OP_LOAD, MEA_OP_STORE};
	static const uint32_t others[] = {MEA_OP_CONV, MEA_OP_POOL, MEA_OP_SNAP, 0};
	uint32_t k = rnd(2);

	for (unsigned i = 0; i < MEA_CMD_BYTES; i++)
		c[i] = rnd(4) ? 0 : (uint8_t)rnd(256);
	memset(c, 0, 4);
	set_field(c, MEA_F_CMD_OPCODE, seldom(others[rnd(4)], opcodes[k]));
	set_field(c, MEA_F_CMD_SIGNAL, seldom(rnd(4), 0));
	if (rnd(32) == 0)
		return;
	memset(c + 4, 0, 28);
	set_field(c, MEA_F_LOAD_SLOT, seldom(rnd(5), rnd(2) ? 3 : 1 + k));
	set_field(c, MEA_F_LOAD_OFFSET, seldom(0u - (1 + rnd(64)) * 16, rnd(128) * 16));
	set_field(c, MEA_F_LOAD_ROW_WORDS, seldom(1 + rnd(300), 1 + rnd(32)));
	set_field(c, MEA_F_LOAD_ROWS, 1 + rnd(3));
	set_field(c, MEA_F_LOAD_DRAM_PITCH, seldom(rnd(~0u), rnd(32) * 16));
	set_field(c, MEA_F_LOAD_ADDR, rnd(4096));
	set_field(c, MEA_F_LOAD_PITCH, rnd(512));
}

TEST(made_up_commands)
{
	int fd = client_open(0), other = client_open(0);
	unsigned ended = 0, faults = 0;
	struct bo around[2], in_part;
	struct copy c, sound;

	require_eq(bo_make(fd, BYTES, &around[0]), 0);
	require_eq(copy_make(fd, &c, BYTES, 0), 0);
	require_eq(bo_make(fd, BYTES, &around[1]), 0);
	require_eq(bo_make(fd, 3 * PAGE, &in_part), 0);
	require_eq(copy_make(other, &sound, PAGE, 0), 0);
	bo_fill(&around[0], 1);
	bo_fill(&around[1], 2);
	bo_fill(&c.src, 3);
	bo_fill(&in_part, 4);
	c.job.s.budget = 20000;
	/* The middle page of three. */
	job_slot(&c.job, 3, &in_part, DRM_MEA_SLOT_READ | DRM_MEA_SLOT_WRITE);
	c.job.slot[3].offset = PAGE;
	c.job.slot[3].size = PAGE;
	for (unsigned i = 0; i < PROGRAMS; i++) {
		int rc;

		for (unsigned k = 0; k < COMMANDS; k++)
			make_command(c.cmd.map + k * MEA_CMD_BYTES);
		c.job.s.cmd_count = 1 + rnd(COMMANDS);
		require_eq(job_submit(fd, &c.job), 0);
		rc = sync_result(fd, c.job.s.out_sync, WAIT_MS);
		expect(rc == 0 || rc == -14 || rc == -110, "%d", rc);
		ended++;
		faults += rc != 0;
		if (i % 20 == 0)
			expect_eq(copy_run(&sound, i), 0, "the next client after program %u", i);
	}
	expect(bo_filled(&around[0], 1) && bo_filled(&around[1], 2), "buffers of no slot");
	expect(bo_filled(&c.src, 3), "a slot that may only be read");
	bo_fill(&around[0], 4);
	expect(!memcmp(in_part.map, around[0].map, PAGE), "the page before a slot");
	expect(!memcmp(in_part.map + 2 * PAGE, around[0].map + 2 * PAGE, PAGE), "the page after");
	expect(faults > PROGRAMS / 4 && faults < PROGRAMS, "%u faults", faults);
	printf("# count hostile programs: %u, %u of them ended by a fault\n", ended, faults);
	close(fd);
	close(other);
}

/* A client that rewrites its commands while they run harms itself alone. */
TEST(commands_that_change)
{
	int fd = client_open(0);
	struct copy c, sound;

	require_eq(copy_make(fd, &c, BYTES, 20000), 0);
	require_eq(copy_make(fd, &sound, PAGE, 0), 0);
	bo_fill(&c.src, 3);
	c.job.s.budget = 100000;
	for (unsigned i = 0; i < 50; i++) {
		write_slow_copy(fd, &c.cmd, BYTES, 20000);
		require_eq(job_submit(fd, &c.job), 0);
		while (sync_wait(fd, c.job.s.out_sync, 0))
			make_command(c.cmd.map + rnd(3) * MEA_CMD_BYTES);
	}
	expect(bo_filled(&c.src, 3));
	expect_eq(copy_run(&sound, 1), 0);
	close(fd);
}
