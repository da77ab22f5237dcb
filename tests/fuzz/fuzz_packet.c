// SPDX-License-Identifier: Apache-2.0
/*
 * What a rank that is not ours may send as its gradients. The first bytes choose three tensors, the
 * rest is the packet; then the same bytes choose entries, which must come back from a packet of our
 * own.
 */
#include "train/packet.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define TENSORS 3
#define MOST	40000

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(int ok)
{
	if (!ok)
		__builtin_trap();
}

/* Each sum in memory of its own, so that the sanitizers see its ends. */
static void foreign(const uint8_t *data, size_t size)
{
	struct mea_packet_tensor t[TENSORS];
	int rc;

	for (int i = 0; i < TENSORS; i++) {
		size_t n = data[2 * i] | (size_t)(data[2 * i + 1] & 0x7f) << 8;

		t[i] = (struct mea_packet_tensor){n, data[2 * i + 1] >> 7,
						  calloc(n + !n, sizeof(float))};
	}
	rc = mea_packet_add(t, TENSORS, data + 6, size - 6);
	for (int i = 0; i < TENSORS; i++) {
		for (size_t j = 0; j < t[i].n && !rc; j++)
			must(isfinite(t[i].sum[j]));
		free(t[i].sum);
	}
}

static void own(const uint8_t *data, size_t size)
{
	static float sum[MOST], want[MOST];
	uint8_t *packet = malloc(mea_packet_room(MOST, false)), *end;
	struct mea_packet_writer w = mea_packet_begin(packet, 1);
	struct mea_packet_tensor t = {MOST, false, sum};
	size_t at = 0;

	memset(sum, 0, sizeof(sum));
	memset(want, 0, sizeof(want));
	for (size_t i = 0; i + 1 < size; i += 2) {
		at += (size_t)data[i] * (data[i] > 250 ? 100 : 1);
		if (at >= MOST)
			break;
		mea_packet_entry(&w, at, data[i + 1] & 1);
		want[at++] = data[i + 1] & 1 ? -1 : 1;
	}
	end = mea_packet_end(&w);
	must((size_t)(end - packet) <= mea_packet_room(MOST, false));
	must(mea_packet_add(&t, 1, packet, (size_t)(end - packet)) == 0);
	must(!memcmp(sum, want, sizeof(sum)));
	free(packet);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 6)
		return 0;
	foreign(data, size);
	own(data, size);
	return 0;
}
