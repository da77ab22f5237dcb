/* SPDX-License-Identifier: Apache-2.0 */
/* What holds for mea-cosim whatever the link: set-up, configuration space, registers, jobs, faults.
 */
#ifndef MEA_TEST_COSIM_TESTS_H
#define MEA_TEST_COSIM_TESTS_H

#include <criterion/criterion.h>

#include "cosim_guest.h"

#define BANK(b)	   (MEA_JOB_BANK0 + (b)*MEA_JOB_BANK_STRIDE)
#define BUF	   (GUEST_BASE + GUEST_DATA)
#define COPY_FROM  0x2000u
#define COPY_TO	   0x3000u
#define COPY_WORDS 16u

static void start(void)
{
	cr_assert_eq(guest_start(LINK_OPTIONS), 0, "mea-cosim does not answer");
}

static void stop(void)
{
	cr_expect_eq(guest_stop(), 0, "mea-cosim ended badly");
}

static void field(uint8_t *command, uint32_t f, uint32_t value)
{
	uint32_t word;

	memcpy(&word, command + (f >> 16) * 4, 4);
	word |= value << (f >> 8 & 0xff);
	memcpy(command + (f >> 16) * 4, &word, 4);
}

/* Commands that copy COPY_WORDS words of eight bytes inside slot 0. */
static void write_copy(uint8_t *command)
{
	memset(command, 0, 128);
	field(command, MEA_F_CMD_OPCODE, MEA_OP_LOAD);
	field(command, MEA_F_CMD_SIGNAL, 2);
	field(command, MEA_F_LOAD_OFFSET, COPY_FROM);
	field(command, MEA_F_LOAD_ROW_WORDS, COPY_WORDS);
	field(command, MEA_F_LOAD_ROWS, 1);
	command += 64;
	field(command, MEA_F_CMD_OPCODE, MEA_OP_STORE);
	field(command, MEA_F_CMD_WAIT, 1);
	field(command, MEA_F_STORE_OFFSET, COPY_TO);
	field(command, MEA_F_STORE_ROW_WORDS, COPY_WORDS);
	field(command, MEA_F_STORE_ROWS, 1);
}

static void start_copy(unsigned bank, uint64_t base, uint32_t size)
{
	write_copy(g.mem + GUEST_DATA);
	for (unsigned i = 0; i < 128; i++)
		g.mem[GUEST_DATA + COPY_FROM + i] = (uint8_t)(i * 7 + 1);
	memset(g.mem + GUEST_DATA + COPY_TO, 0, 128);
	for (uint32_t s = 0; s < MEA_SLOTS; s++) {
		uint32_t at = BANK(bank) + s * MEA_SLOT_STRIDE;

		reg_write(at + MEA_BANK_SLOT_BASE_LO, s ? 0 : (uint32_t)base);
		reg_write(at + MEA_BANK_SLOT_BASE_HI, s ? 0 : (uint32_t)(base >> 32));
		reg_write(at + MEA_BANK_SLOT_SIZE, s ? 0 : size / 64);
		reg_write(at + MEA_BANK_SLOT_FLAGS, s ? 0 : 3);
	}
	reg_write(BANK(bank) + MEA_BANK_CMD_OFFSET, 0);
	reg_write(BANK(bank) + MEA_BANK_CMD_COUNT, 2);
	reg_write(BANK(bank) + MEA_BANK_BUDGET, 0);
	reg_write(BANK(bank) + MEA_BANK_RECORD, 0);
	reg_write(MEA_REG_IRQ_ENABLE, 3);
	reg_write(BANK(bank) + MEA_BANK_START, 1);
}

/* Polls, so that it needs no interrupt. */
static bool done(unsigned bank)
{
	for (int ms = 0; ms < WAIT_MS; ms++) {
		if ((reg_read(BANK(bank) + MEA_BANK_STATE) & 3) == MEA_STATE_DONE)
			return true;
		usleep(1000);
	}
	return false;
}

static bool copied(void)
{
	return !memcmp(g.mem + GUEST_DATA + COPY_FROM, g.mem + GUEST_DATA + COPY_TO, 128);
}

static void acknowledge(unsigned bank)
{
	reg_write(MEA_REG_IRQ_STATUS, 1u << bank);
	reg_write(BANK(bank) + MEA_BANK_ACK, 1);
}

TestSuite(cosim, .init = start, .fini = stop, .timeout = 60);

Test(cosim, configuration_space)
{
	uint32_t cap = cfg_read(0x34, 1);

	cr_expect_eq(cfg_read(0, 4), MEA_PCI_DEVICE << 16 | MEA_PCI_VENDOR);
	cr_expect_eq(cfg_read(0x0a, 2), 0x1200, "class: processing accelerator");
	cfg_write(0x10, 4, 0xffffffff);
	cr_expect_eq(cfg_read(0x10, 4), 0xfffff000, "BAR 0: memory, 4 KiB");
	cfg_write(0x14, 4, 0xffffffff);
	cr_expect_eq(cfg_read(0x14, 4), 0, "no other BAR");
	cr_expect_eq(cfg_read(cap, 1), 5, "MSI");
	cr_expect_eq(cfg_read(cap + 2, 2), 0x81, "MSI: 64 bits, one vector, on");
	cr_expect_eq(cfg_read(cap + 1, 1), CTL_PCI_CAP);
	cr_expect_eq(cfg_read(CTL_PCI_CAP, 2), 0x0009, "vendor-specific, the last");
	cfg_write(0, 4, 0);
	cr_expect_eq(cfg_read(0, 2), MEA_PCI_VENDOR, "ids are read-only");
	cr_expect_eq(cfg_read(0x100, 4), 0, "nothing beyond 256 bytes");
}

Test(cosim, registers)
{
	uint8_t bytes[16];
	uint64_t both;

	cr_expect_eq(reg_read(MEA_REG_ID), MEA_ID_VALUE);
	cr_expect_eq(reg_read(MEA_REG_CONFIG0) & 0xffff, 0x0808);
	guest_request(VIRTIO_PCIDEV_OP_MMIO_READ, MEA_REG_ID, NULL, 8, &both);
	cr_expect_eq(both, (uint64_t)MEA_VERSION_VALUE << 32 | MEA_ID_VALUE);
	guest_request(VIRTIO_PCIDEV_OP_MMIO_READ, MEA_REG_ID + 1, NULL, 2, bytes);
	cr_expect_eq(bytes[0], MEA_ID_VALUE >> 8 & 0xff);
	cr_expect_eq(bytes[1], MEA_ID_VALUE >> 16 & 0xff);
	reg_write(BANK(1) + MEA_BANK_TAG, 0x12345678);
	cr_expect_eq(reg_read(BANK(1) + MEA_BANK_TAG), 0x12345678);
	bytes[0] = 0;
	guest_request(VIRTIO_PCIDEV_OP_MMIO_WRITE, BANK(1) + MEA_BANK_TAG, bytes, 1, NULL);
	cr_expect_eq(reg_read(BANK(1) + MEA_BANK_TAG), 0x12345678, "partial writes are ignored");
	cr_expect_eq(reg_read(0x1000), 0xffffffff, "outside the BAR");
	cfg_write(0x04, 2, 4);
	cr_expect_eq(reg_read(MEA_REG_ID), 0xffffffff, "memory decoding off");
}

Test(cosim, jobs_and_interrupts)
{
	for (unsigned i = 0; i < 6; i++) {
		start_copy(i & 1, BUF, 0x4000);
		cr_assert_eq(guest_irq(WAIT_MS), MSI_DATA);
		cr_expect_eq(reg_read(MEA_REG_IRQ_STATUS), 1u << (i & 1));
		cr_expect_eq(reg_read(BANK(i & 1) + MEA_BANK_FAULT), 0);
		cr_expect(copied());
		acknowledge(i & 1);
	}
	cr_expect_eq(guest_irq(20), -1, "one message per job");
	/* Two results, one acknowledged: the message for the other comes again. */
	start_copy(0, BUF, 0x4000);
	start_copy(1, BUF, 0x4000);
	cr_expect(done(0) && done(1));
	while (guest_irq(20) >= 0)
		;
	reg_write(MEA_REG_IRQ_STATUS, 1);
	cr_expect_eq(guest_irq(WAIT_MS), MSI_DATA);
	/* ... unless messages are edges alone. */
	cr_expect(side("edge on"));
	reg_write(MEA_REG_IRQ_STATUS, 1);
	cr_expect_eq(guest_irq(20), -1);
}

/* The device refuses what would leave the slot, so the wall behind it is not hit. */
Test(cosim, a_slot_too_small)
{
	start_copy(0, BUF, COPY_TO);
	cr_assert_eq(guest_irq(WAIT_MS), MSI_DATA);
	cr_expect_eq(reg_read(BANK(0) + MEA_BANK_FAULT) & MEA_FAULT_CAUSE_MASK, MEA_FAULT_BOUNDS);
	cr_expect_not(copied());
}

Test(cosim, msi_and_master_off)
{
	cfg_write(0x42, 2, 0);
	start_copy(0, BUF, 0x4000);
	cr_expect(done(0));
	cr_expect_eq(guest_irq(20), -1, "MSI off");
	cr_expect(copied());
	acknowledge(0);
	cfg_write(0x42, 2, 1);
	cfg_write(0x04, 2, 2);
	start_copy(0, BUF, 0x4000);
	cr_expect_eq(guest_irq(50), -1, "no bus mastering");
	cr_expect_not(copied());
	cfg_write(0x04, 2, 6);
	cr_expect_eq(guest_irq(WAIT_MS), MSI_DATA, "it goes on");
	cr_expect(copied());
}

Test(cosim, faulty_interrupts)
{
	cr_expect(side("irq lost"));
	start_copy(0, BUF, 0x4000);
	cr_expect(done(0));
	cr_expect_eq(guest_irq(20), -1);
	acknowledge(0);
	cr_expect(side("irq double"));
	start_copy(0, BUF, 0x4000);
	cr_expect_eq(guest_irq(WAIT_MS), MSI_DATA);
	cr_expect_eq(guest_irq(WAIT_MS), MSI_DATA);
	acknowledge(0);
	cr_expect(side("irq late 500"));
	start_copy(0, BUF, 0x4000);
	cr_expect_eq(guest_irq(30), -1);
	cr_expect_eq(guest_irq(WAIT_MS), MSI_DATA);
	acknowledge(0);
	cr_expect(side("irq spurious 3"));
	for (int i = 0; i < 3; i++)
		cr_expect_eq(guest_irq(WAIT_MS), MSI_DATA);
	cr_expect_eq(guest_irq(20), -1);
}

Test(cosim, hang_ends_with_a_reset)
{
	cr_expect(side("hang"));
	start_copy(0, BUF, 0x4000);
	cr_expect_eq(guest_irq(50), -1);
	cr_expect(reg_read(MEA_REG_STATUS) & MEA_STATUS_RUNNING_MASK);
	reg_write(MEA_REG_CONTROL, MEA_CONTROL_RESET_MASK);
	for (int ms = 0; reg_read(MEA_REG_STATUS) & MEA_STATUS_RESETTING_MASK; ms++) {
		cr_assert(ms < WAIT_MS);
		usleep(1000);
	}
	cr_expect_eq(reg_read(MEA_REG_STATUS) & 1, 0);
	/* The job that was stopped may have raised its interrupt on the way. */
	while (guest_irq(20) >= 0)
		;
	start_copy(0, BUF, 0x4000);
	cr_expect_eq(guest_irq(WAIT_MS), MSI_DATA, "the next job is sound");
	cr_expect(copied());
	cr_expect(side("stuck on"));
	reg_write(MEA_REG_CONTROL, MEA_CONTROL_RESET_MASK);
	usleep(20000);
	cr_expect(reg_read(MEA_REG_STATUS) & MEA_STATUS_RESETTING_MASK);
	cr_expect(side("heal"));
	cr_expect_eq(reg_read(MEA_REG_STATUS) & MEA_STATUS_RESETTING_MASK, 0);
}

Test(cosim, faulty_registers)
{
	char reply[512];

	cr_expect(side("read 0 0xdeadbeef 2"));
	cr_expect_eq(reg_read(MEA_REG_ID), 0xdeadbeef);
	cr_expect_eq(reg_read(MEA_REG_ID), 0xdeadbeef);
	cr_expect_eq(reg_read(MEA_REG_ID), MEA_ID_VALUE);
	cr_expect(side("gone on"));
	cr_expect_eq(reg_read(MEA_REG_ID), 0xffffffff);
	cr_expect(side("gone off"));
	cr_expect(side("random 100"));
	cr_expect(reg_read(MEA_REG_ID) != MEA_ID_VALUE || reg_read(MEA_REG_ID) != MEA_ID_VALUE);
	cr_expect(side("heal"));
	cr_expect_eq(reg_read(MEA_REG_ID), MEA_ID_VALUE);
	cr_expect(side("bus read 1"));
	start_copy(0, BUF, 0x4000);
	cr_expect_eq(guest_irq(WAIT_MS), MSI_DATA);
	cr_expect_eq(reg_read(BANK(0) + MEA_BANK_FAULT) & 0xff, MEA_FAULT_BUS);
	cr_expect_eq(ctl_command(g.side, "counters", reply, sizeof(reply)), 0);
	cr_expect(strstr(reply, "jobs=1 irqs=1 messages=1 "), "%s", reply);
	cr_expect_not(side("irq"));
	cr_expect_not(side("read 0"));
	cr_expect_not(side("gone maybe"));
	cr_expect_not(side("nonsense"));
}

Test(cosim, mailbox)
{
	const char line[8] = "gone on";
	uint32_t word;

	for (int i = 0; i < 2; i++) {
		memcpy(&word, line + 4 * i, 4);
		cfg_write(CTL_PCI_CAP + CTL_PCI_LINE, 4, word);
	}
	cr_expect_eq(cfg_read(CTL_PCI_CAP + CTL_PCI_REPLY, 4), 'o' | 'k' << 8);
	cr_expect_eq(reg_read(MEA_REG_ID), 0xffffffff);
}

TestSuite(cosim_end, .init = start, .timeout = 60);

Test(cosim_end, memory_outside_the_guest)
{
	start_copy(0, GUEST_BASE + GUEST_SIZE, 0x4000);
	cr_expect_eq(guest_irq(WAIT_MS), -1);
	cr_expect_eq(guest_stop(), 3);
}

Test(cosim_end, kill)
{
	cr_expect(side("kill"));
	cr_expect_eq(guest_irq(50), -1);
	cr_expect_eq(guest_stop(), 0);
}

#endif
