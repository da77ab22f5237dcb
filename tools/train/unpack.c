// SPDX-License-Identifier: Apache-2.0
/* Packets of other ranks, of which nothing is taken for granted. */
#include <math.h>
#include <string.h>

#include "base/error.h"
#include "train/packet.h"

struct reader {
	const uint8_t *at, *end;
	int tensor;
};

static int bad(const struct reader *r, const char *what)
{
	return mea_fail(MEA_EINVAL, "packet: tensor %d %s", r->tensor, what);
}

static size_t left(const struct reader *r)
{
	return (size_t)(r->end - r->at);
}

static int take_float(struct reader *r, float *x)
{
	if (left(r) < sizeof(*x))
		return bad(r, "is cut off");
	memcpy(x, r->at, sizeof(*x));
	r->at += sizeof(*x);
	return isfinite(*x) ? 0 : bad(r, "has a value that is not a number");
}

static int take_length(struct reader *r, size_t *bytes)
{
	*bytes = 0;
	for (unsigned int shift = 0; shift < 56; shift += 7) {
		if (r->at == r->end)
			return bad(r, "is cut off");
		*bytes |= (size_t)(*r->at & 0x7f) << shift;
		if (!(*r->at++ & 0x80))
			return *bytes <= left(r) ? 0 : bad(r, "is cut off");
	}
	return bad(r, "has a length that does not end");
}

static int add_dense(struct reader *r, const struct mea_packet_tensor *t)
{
	int rc = 0;

	for (size_t i = 0; i < t->n && !rc; i++) {
		float x = 0;

		rc = take_float(r, &x);
		t->sum[i] += x;
	}
	return rc;
}

static int add_sparse(struct reader *r, const struct mea_packet_tensor *t)
{
	size_t bytes = 0, index = 0;
	float magnitude = 0;
	int rc = take_float(r, &magnitude);

	if (!rc && magnitude < 0)
		rc = bad(r, "has a negative magnitude");
	if (!rc)
		rc = take_length(r, &bytes);
	for (; bytes && !rc; bytes--) {
		uint8_t b = *r->at++;

		/* No sum overflows: a step is small, and the index stays within the tensor. */
		index += (b & 0x7f) == 0x7f && b & 0x80 ? (size_t)127 * 128 : b & 0x7f;
		if (index >= t->n)
			return bad(r, "has an entry outside of it");
		if ((b & 0x7f) != 0x7f)
			t->sum[index++] += b & 0x80 ? -magnitude : magnitude;
	}
	return rc;
}

int mea_packet_add(const struct mea_packet_tensor *t, int count, const uint8_t *packet,
		   size_t bytes)
{
	struct reader r = {packet, packet + bytes, 0};

	for (; r.tensor < count; r.tensor++) {
		const struct mea_packet_tensor *x = &t[r.tensor];
		int rc = x->dense ? add_dense(&r, x) : add_sparse(&r, x);

		if (rc)
			return rc;
	}
	return r.at == r.end ? 0 : mea_fail(MEA_EINVAL, "packet: has %zu bytes too many", left(&r));
}
