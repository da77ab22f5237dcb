// SPDX-License-Identifier: Apache-2.0
/* mea-cosim as QEMU sees it, and as a peer does that is broken or means ill. */
#include "cosim_vfio.h"

#include "cosim_tests.h"

#define BOTH (VFIO_DMA_MAP_FLAG_READ | VFIO_DMA_MAP_FLAG_WRITE)

/* Guest memory anew: a map per page, as an IOMMU has them. */
static void map_pages(uint64_t from, uint64_t end, uint32_t flags)
{
	cr_assert_eq(dma_unmap(0, 0, VFIO_DMA_UNMAP_FLAG_ALL), 0);
	for (uint64_t at = from; at < end; at += PAGE)
		cr_assert_eq(dma_map(at - GUEST_BASE, at, PAGE, flags), 0);
}

Test(cosim, device_description)
{
	uint32_t info[4] = {sizeof(info)}, irq[4] = {sizeof(irq), 0, VFIO_PCI_MSI_IRQ_INDEX};
	struct vfio_region_info r = {.argsz = sizeof(r)};
	char version[256] = "\0\0\1\0";

	cr_expect_eq(vfio_message(VERSION, version, sizeof(version), -1), 0);
	cr_expect(strstr(version + 4, "max_msg_fds"), "%s", version + 4);
	cr_expect_eq(vfio_message(GET_INFO, info, sizeof(info), -1), 0);
	cr_expect_eq(info[1], VFIO_DEVICE_FLAGS_RESET | VFIO_DEVICE_FLAGS_PCI);
	cr_expect_eq(info[2], VFIO_PCI_NUM_REGIONS);
	cr_expect_eq(vfio_message(IRQ_INFO, irq, sizeof(irq), -1), 0);
	cr_expect_eq(irq[3], 1, "one MSI");
	for (r.index = 0; r.index < VFIO_PCI_NUM_REGIONS; r.index++) {
		r.argsz = sizeof(r);
		cr_expect_eq(vfio_message(REGION_INFO, &r, sizeof(r), -1), 0);
		cr_expect_eq(r.size,
			     r.index == 0   ? 4096
			     : r.index == 7 ? 256
					    : 0,
			     "region %u", r.index);
	}
	cr_expect_neq(vfio_message(REGION_INFO, &r, sizeof(r), -1), 0, "region 9");
}

Test(cosim, memory_page_by_page)
{
	map_pages(GUEST_BASE, GUEST_BASE + GUEST_SIZE, BOTH);
	start_copy(0, BUF, 0x4000);
	cr_assert_eq(guest_irq(WAIT_MS), MSI_DATA);
	cr_expect(copied());
	cr_expect_eq(reg_read(BANK(0) + MEA_BANK_FAULT), 0);
}

Test(cosim, maps_refused)
{
	uint64_t end = GUEST_BASE + GUEST_SIZE;

	cr_expect_neq(dma_map(0, GUEST_BASE + PAGE, PAGE, BOTH), 0, "there is some already");
	cr_expect_neq(dma_map(0, GUEST_BASE - PAGE, 2 * PAGE, BOTH), 0, "it ends in another");
	cr_expect_neq(dma_map(GUEST_SIZE - PAGE, end, 2 * PAGE, BOTH), 0, "beyond the file");
	cr_expect_neq(dma_map(~0ull - PAGE, end, 2 * PAGE, BOTH), 0, "an offset that wraps");
	cr_expect_neq(dma_map(0, end, 0, BOTH), 0, "nothing");
	cr_expect_neq(dma_map(0, ~0ull - 100, PAGE, BOTH), 0, "an address that wraps");
	cr_expect_neq(dma_unmap(GUEST_BASE, PAGE, 0), 0, "a part of a map");
	cr_expect_eq(dma_unmap(end, PAGE, 0), 0, "nothing is there");
	cr_expect_eq(dma_map(0, end, PAGE, BOTH), 0);
	cr_expect_eq(dma_unmap(0, ~0ull, 0), 0, "all of it");
	cr_expect_eq(reg_read(MEA_REG_ID), MEA_ID_VALUE, "it goes on");
}

Test(cosim, interrupts_taken_down)
{
	uint32_t trigger = VFIO_IRQ_SET_ACTION_TRIGGER;

	cr_expect_eq(set_irqs(VFIO_PCI_MSI_IRQ_INDEX, trigger | VFIO_IRQ_SET_DATA_NONE, 0, -1), 0);
	start_copy(0, BUF, 0x4000);
	cr_expect(done(0));
	cr_expect_eq(guest_irq(20), -1);
	cr_expect_neq(set_irqs(VFIO_PCI_MSI_IRQ_INDEX, trigger | VFIO_IRQ_SET_DATA_EVENTFD, 2, msi),
		      0, "a second MSI");
	cr_expect_neq(set_irqs(VFIO_PCI_MSIX_IRQ_INDEX, trigger | VFIO_IRQ_SET_DATA_EVENTFD, 1,
			       msi),
		      0, "MSI-X");
}

Test(cosim, reset)
{
	reg_write(BANK(0) + MEA_BANK_TAG, 5);
	cr_expect_eq(vfio_message(DEVICE_RESET, NULL, 0, -1), 0);
	cr_expect_eq(cfg_read(0x04, 2), 0, "memory and mastering are off");
	cr_expect_eq(cfg_read(0x42, 2) & 1, 0, "MSI is off");
	cr_expect_eq(reg_read(MEA_REG_ID), 0xffffffff);
}

Test(cosim, requests_refused)
{
	uint8_t data[64] = {0};

	cr_expect_gt(vfio_message(6, data, 16, -1), 0, "GET_REGION_IO_FDS");
	cr_expect_gt(vfio_message(99, data, 16, -1), 0, "no such message");
	cr_expect_gt(vfio_message(DMA_MAP, data, 8, -1), 0, "too short");
	cr_expect_gt(vfio_message(READ, data, 8, -1), 0, "too short");
	cr_expect_gt(region(false, VFIO_PCI_BAR0_REGION_INDEX, 4096, data, 4), 0, "beyond");
	cr_expect_gt(region(false, VFIO_PCI_BAR0_REGION_INDEX, ~0ull, data, 4), 0, "wraps");
	cr_expect_gt(region(true, VFIO_PCI_BAR1_REGION_INDEX, 0, data, 4), 0, "no such BAR");
	cr_expect_gt(region(false, 77, 0, data, 4), 0, "no such region");
	data[0] = 9;
	cr_expect_gt(vfio_message(VERSION, data, 8, -1), 0, "version 9.0");
	cr_expect_eq(reg_read(MEA_REG_ID), MEA_ID_VALUE, "it goes on");
}

/* --- what ends it --------------------------------------------------------------------------- */

Test(cosim_end, page_not_mapped)
{
	map_pages(GUEST_BASE, BUF + COPY_TO, BOTH);
	start_copy(0, BUF, 0x4000);
	cr_expect_eq(guest_irq(WAIT_MS), -1);
	cr_expect_eq(guest_stop(), 3);
}

Test(cosim_end, page_unmapped_before_the_job)
{
	map_pages(GUEST_BASE, GUEST_BASE + GUEST_SIZE, BOTH);
	cr_expect_eq(dma_unmap(BUF + COPY_FROM, PAGE, 0), 0);
	start_copy(0, BUF, 0x4000);
	cr_expect_eq(guest_irq(WAIT_MS), -1);
	cr_expect_eq(guest_stop(), 3);
}

Test(cosim_end, page_mapped_for_reading)
{
	map_pages(GUEST_BASE, GUEST_BASE + GUEST_SIZE, VFIO_DMA_MAP_FLAG_READ);
	start_copy(0, BUF, 0x4000);
	cr_expect_eq(guest_irq(WAIT_MS), -1);
	cr_expect_eq(guest_stop(), 3);
}

/* Bytes that are no message: it says so and ends. */
static void expect_end(const void *bytes, size_t size)
{
	cr_assert_eq(send(g.sock, bytes, size, MSG_NOSIGNAL), (ssize_t)size);
	shutdown(g.sock, SHUT_WR);
	cr_expect_eq(guest_stop(), 1);
}

Test(cosim_end, message_too_long)
{
	const uint32_t header[4] = {READ << 16, 1 << 30, 0, 0};

	expect_end(header, sizeof(header));
}

Test(cosim_end, message_shorter_than_its_header)
{
	const uint32_t header[4] = {READ << 16, 4, 0, 0};

	expect_end(header, sizeof(header));
}

Test(cosim_end, an_answer_to_nothing)
{
	const uint32_t header[4] = {READ << 16, 16, 1, 0};

	expect_end(header, sizeof(header));
}

Test(cosim_end, peer_gone_in_a_message)
{
	const uint32_t header[4] = {READ << 16, 32, 0, 0};

	expect_end(header, sizeof(header));
}

Test(cosim_end, peer_gone_in_a_header)
{
	expect_end("abc", 3);
}
