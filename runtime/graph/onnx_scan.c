// SPDX-License-Identifier: Apache-2.0
/*
 * A look over a protobuf message before it is unpacked. protobuf-c recurses
 * into submessages and spends far more memory than bytes on small fields, so a
 * hostile file of a few kilobytes could exhaust the stack, and one of a few
 * megabytes all memory; both end here.
 */
#include "graph/onnx_io.h"

#include "base/error.h"

#define DEPTH_MAX 32

struct scan {
	const uint8_t *start;
	uint64_t budget; /* bytes that unpacking may still take */
};

static int broken(const struct scan *s, const uint8_t *at, const char *what)
{
	return mea_fail(MEA_EINVAL, "not a valid ONNX file: %s at byte %zu", what,
			(size_t)(at - s->start));
}

/* Reads a varint and moves *p past it; false at the end of the data. */
static bool varint(const uint8_t **p, const uint8_t *end, uint64_t *value)
{
	uint64_t v = 0;

	for (int shift = 0; shift < 70 && *p < end; shift += 7) {
		uint8_t byte = *(*p)++;

		if (shift < 64)
			v |= (uint64_t)(byte & 127) << shift;
		if (byte < 128) {
			*value = v;
			return true;
		}
	}
	return false;
}

static bool spend(struct scan *s, uint64_t bytes)
{
	if (bytes > s->budget)
		return false;
	s->budget -= bytes;
	return true;
}

static int scan_message(struct scan *s, const ProtobufCMessageDescriptor *desc, const uint8_t *p,
			const uint8_t *end, int depth);

/* A field with a length: a submessage, a string, or packed numbers. */
static int scan_bytes(struct scan *s, const ProtobufCFieldDescriptor *f, const uint8_t *p,
		      const uint8_t *end, int depth)
{
	uint64_t size = (uint64_t)(end - p);

	if (f && f->type == PROTOBUF_C_TYPE_MESSAGE)
		return scan_message(s, f->descriptor, p, end, depth + 1);
	/* A packed varint of one byte becomes eight; unknown fields are kept. */
	if (f && f->type != PROTOBUF_C_TYPE_STRING && f->type != PROTOBUF_C_TYPE_BYTES &&
	    f->type != PROTOBUF_C_TYPE_FLOAT && f->type != PROTOBUF_C_TYPE_DOUBLE)
		size *= 8;
	if (!spend(s, size + 48))
		return mea_fail(MEA_EINVAL, "the file would take too much memory");
	return 0;
}

static int scan_message(struct scan *s, const ProtobufCMessageDescriptor *desc, const uint8_t *p,
			const uint8_t *end, int depth)
{
	if (depth > DEPTH_MAX)
		return broken(s, p, "more than 32 nested messages");
	if (!spend(s, desc->sizeof_message + 64))
		return mea_fail(MEA_EINVAL, "the file would take too much memory");
	while (p < end) {
		const uint8_t *at = p;
		const ProtobufCFieldDescriptor *f;
		uint64_t tag, v, skip = 0;
		int rc;

		if (!varint(&p, end, &tag) || tag >> 3 == 0 || tag >> 3 > 0x1fffffff)
			return broken(s, at, "bad field tag");
		/* The unpacker's note about each field, and an array element. */
		if (!spend(s, 72))
			return mea_fail(MEA_EINVAL, "the file would take too much memory");
		f = protobuf_c_message_descriptor_get_field(desc, (unsigned)(tag >> 3));
		switch (tag & 7) {
		case 0:
			if (!varint(&p, end, &v))
				return broken(s, at, "truncated number");
			break;
		case 1:
			skip = 8;
			break;
		case 5:
			skip = 4;
			break;
		case 2:
			if (!varint(&p, end, &skip) || skip > (uint64_t)(end - p))
				return broken(s, at, "field longer than the data");
			rc = scan_bytes(s, f, p, p + skip, depth);
			if (rc)
				return rc;
			break;
		default:
			return broken(s, at, "unknown wire type");
		}
		if (skip > (uint64_t)(end - p))
			return broken(s, at, "truncated field");
		p += skip;
	}
	return 0;
}

int mea_onnx_scan(const ProtobufCMessageDescriptor *desc, const void *data, size_t size,
		  uint64_t budget)
{
	struct scan s = {.start = data, .budget = budget};

	return scan_message(&s, desc, s.start, s.start + size, 0);
}
