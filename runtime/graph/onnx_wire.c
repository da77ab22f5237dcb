// SPDX-License-Identifier: Apache-2.0
#include "graph/onnx_wire.h"

#include "base/array.h"

#include <stdlib.h>
#include <string.h>

#define VARINT_MAX 10

/* Room for size more bytes, or NULL. */
static uint8_t *reserve(struct mea_wire *w, size_t size)
{
	w->failed |= mea_grow(&w->data, w->size, size, 1) != 0;
	return w->failed ? NULL : w->data + w->size;
}

static size_t encode(uint8_t *to, uint64_t v)
{
	size_t n = 0;

	for (; v >= 128; v >>= 7)
		to[n++] = (uint8_t)(v | 128);
	to[n++] = (uint8_t)v;
	return n;
}

static void put_varint(struct mea_wire *w, uint64_t v)
{
	uint8_t *to = reserve(w, VARINT_MAX);

	if (to)
		w->size += encode(to, v);
}

static void put_raw(struct mea_wire *w, const void *data, size_t size)
{
	uint8_t *to = reserve(w, size);

	if (to && size)
		memcpy(to, data, size);
	w->size += to ? size : 0;
}

/* The field's descriptor, its tag written. */
static const ProtobufCFieldDescriptor *put_tag(struct mea_wire *w, const char *field, int type)
{
	const ProtobufCFieldDescriptor *f =
		protobuf_c_message_descriptor_get_field_by_name(w->open[w->depth].desc, field);

	if (!f)
		w->failed = true;
	else
		put_varint(w, (uint64_t)f->id << 3 | (uint64_t)type);
	return f;
}

void mea_wire_begin(struct mea_wire *w, const ProtobufCMessageDescriptor *desc)
{
	w->open[0].desc = desc;
}

void mea_wire_open(struct mea_wire *w, const char *field)
{
	const ProtobufCFieldDescriptor *f = put_tag(w, field, 2);

	if (!f || f->type != PROTOBUF_C_TYPE_MESSAGE || w->depth + 1 == MEA_WIRE_DEPTH) {
		w->failed = true;
		return;
	}
	w->depth++;
	w->open[w->depth].desc = f->descriptor;
	w->open[w->depth].start = w->size;
}

void mea_wire_close(struct mea_wire *w)
{
	uint8_t head[VARINT_MAX];
	size_t start = w->open[w->depth].start, size = w->size - start, n;

	if (w->failed)
		return;
	n = encode(head, size);
	if (!reserve(w, n))
		return;
	/* The length stands before the content, and its own length varies. */
	memmove(w->data + start + n, w->data + start, size);
	memcpy(w->data + start, head, n);
	w->size += n;
	w->depth--;
}

void mea_wire_int(struct mea_wire *w, const char *field, int64_t v)
{
	put_tag(w, field, 0);
	put_varint(w, (uint64_t)v);
}

void mea_wire_float(struct mea_wire *w, const char *field, float v)
{
	put_tag(w, field, 5);
	put_raw(w, &v, sizeof(v));
}

void mea_wire_bytes(struct mea_wire *w, const char *field, const void *data, size_t size)
{
	put_tag(w, field, 2);
	put_varint(w, size);
	put_raw(w, data, size);
}

void mea_wire_string(struct mea_wire *w, const char *field, const char *text)
{
	mea_wire_bytes(w, field, text, strlen(text));
}
