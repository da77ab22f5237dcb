// SPDX-License-Identifier: Apache-2.0
#include "train/packet.h"

#include <string.h>

#define FAR	    ((size_t)127 * 128)
#define LENGTH_ROOM 10

size_t mea_packet_room(size_t n, bool dense)
{
	return dense ? n * sizeof(float) : sizeof(float) + LENGTH_ROOM + n + n / 127 + 1;
}

/* The length is known at the end, when the entries move up to it. */
struct mea_packet_writer mea_packet_begin(uint8_t *at, float magnitude)
{
	struct mea_packet_writer w = {at + sizeof(magnitude), at + sizeof(magnitude) + LENGTH_ROOM,
				      0};

	memcpy(at, &magnitude, sizeof(magnitude));
	return w;
}

void mea_packet_entry(struct mea_packet_writer *w, size_t index, bool negative)
{
	size_t gap = index - w->next;

	for (; gap >= FAR; gap -= FAR)
		*w->at++ = 0xff;
	for (; gap >= 127; gap -= 127)
		*w->at++ = 0x7f;
	*w->at++ = (uint8_t)(gap | (negative ? 0x80 : 0));
	w->next = index + 1;
}

uint8_t *mea_packet_end(struct mea_packet_writer *w)
{
	const uint8_t *entries = w->start + LENGTH_ROOM;
	size_t bytes = (size_t)(w->at - entries), left = bytes;
	uint8_t *p = w->start;

	do {
		*p++ = (uint8_t)((left & 0x7f) | (left > 0x7f ? 0x80 : 0));
		left >>= 7;
	} while (left);
	memmove(p, entries, bytes);
	return p + bytes;
}

uint8_t *mea_packet_dense(uint8_t *at, size_t n, const float *x)
{
	memcpy(at, x, n * sizeof(*x));
	return at + n * sizeof(*x);
}
