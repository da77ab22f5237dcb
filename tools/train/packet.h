/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a rank sends of its gradients: a packet, tensor after tensor in ONNX's order.
 *
 * A dense tensor is its n float32. A sparse one is the magnitude of all its entries (float32, not
 * negative), the length of what follows in bytes (LEB128) and the entries, by rising index, a byte
 * each: bits 0 to 6 are the elements passed over since the last entry, bit 7 says that the entry is
 * negative. 0x7f passes over 127 elements and 0xff over 127 x 128, without an entry. All numbers
 * are little-endian.
 */
#ifndef MEA_TRAIN_PACKET_H
#define MEA_TRAIN_PACKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Bytes that a tensor of n elements takes at most. */
size_t mea_packet_room(size_t n, bool dense);

/* Writes a tensor at `at`, which has room for it. Entries come between begin and end, by rising
 * index; end returns where the next tensor begins. */
struct mea_packet_writer {
	uint8_t *start, *at;
	size_t next; /* the index that a gap of 0 means */
};
struct mea_packet_writer mea_packet_begin(uint8_t *at, float magnitude);
void mea_packet_entry(struct mea_packet_writer *w, size_t index, bool negative);
uint8_t *mea_packet_end(struct mea_packet_writer *w);
uint8_t *mea_packet_dense(uint8_t *at, size_t n, const float *x);

struct mea_packet_tensor {
	size_t n;
	bool dense;
	float *sum; /* n */
};

/* Adds a packet of `bytes` to the sums of its `count` tensors. MEA_EINVAL, with the tensor's number
 * in the message, when it is none for these tensors; the sums are then of no use. */
int mea_packet_add(const struct mea_packet_tensor *t, int count, const uint8_t *packet,
		   size_t bytes);

#endif
