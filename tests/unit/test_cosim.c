// SPDX-License-Identifier: Apache-2.0
/* mea-cosim as a guest of User-Mode Linux sees it. */
#include "cosim_vhost.h"

#include "cosim_tests.h"

Test(cosim, messages_refused)
{
	uint64_t features = 1ull << 28, index = 7;
	uint32_t state[2] = {9, 16};

	cr_expect_neq(guest_message(2, &features, 8, -1), 0, "a feature that was not offered");
	cr_expect_neq(guest_message(24, &index, 8, -1), 0, "GET_CONFIG");
	cr_expect_neq(guest_message(8, state, 8, -1), 0, "queue 9");
	cr_expect_neq(guest_message(12, &index, 8, -1), 0, "queue 7");
	state[0] = 0;
	state[1] = 17;
	cr_expect_neq(guest_message(8, state, 8, -1), 0, "a size that is no power of two");
	cr_expect_eq(reg_read(MEA_REG_ID), MEA_ID_VALUE, "it goes on");
}

Test(cosim_end, bad_descriptor)
{
	ring_desc(0)[0] = (struct vring_desc){.addr = GUEST_BASE + GUEST_SIZE - 8, .len = 16};
	make_available(0, 0);
	cr_expect_not(wait_used(0));
	cr_expect_eq(guest_stop(), 3);
}

Test(cosim_end, endless_chain)
{
	ring_desc(0)[0] = (struct vring_desc){
		.addr = GUEST_BASE + 0x8000, .len = 1, .flags = VRING_DESC_F_NEXT, .next = 0};
	make_available(0, 0);
	cr_expect_not(wait_used(0));
	cr_expect_eq(guest_stop(), 3);
}

Test(cosim_end, bad_operation)
{
	static const uint8_t zeros[128];

	ring_desc(0)[0] = (struct vring_desc){0};
	/* What memset_io() of UML 6.12 sends. */
	guest_request(VIRTIO_PCIDEV_OP_CFG_WRITE, 0, zeros, 128, NULL);
	cr_expect_eq(guest_stop(), 3);
}
