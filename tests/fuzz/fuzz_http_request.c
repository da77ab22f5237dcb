// SPDX-License-Identifier: Apache-2.0
/* An infer request's path and body, from a stranger. The first two bytes choose the model,
 * where the JSON ends, and whether it is a PNG as well. */
#include "serve/exchange.h"
#include "serve/oip_server.h"

#include <stdlib.h>
#include <string.h>

static const struct mea_signature image = {
	1,
	1,
	{{"image", MEA_U8, {4, {1, 2, 2, 3}}, true, 12}},
	{{"logits", MEA_F32, {2, {1, 3}}, true, 12}},
	true,
};

/* Planes of the size of the seeds' PNG. */
static const struct mea_signature picture = {
	1,
	1,
	{{"image", MEA_U8, {4, {1, 3, 4, 5}}, true, 60}},
	{{"logits", MEA_F32, {2, {1, 3}}, true, 12}},
	true,
};

static const struct mea_signature several = {
	3,
	2,
	{{"a", MEA_F32, {2, {2, 2}}, false, 16},
	 {"b", MEA_I64, {1, {3}}, false, 24},
	 {"c", MEA_BOOL, {1, {2}}, false, 2}},
	{{"x", MEA_BOOL, {1, {4}}, false, 4}, {"y", MEA_I8, {2, {1, 5}}, false, 5}},
	false,
};

/* What was taken must be answerable: outputs of every kind. */
static void answer(const struct mea_signature *io, const struct mea_oip_request *r)
{
	void *out[MEA_IO_MAX] = {NULL}, *body;
	long long json;
	size_t size;

	for (int i = 0; i < io->n_in; i++)
		if (!r->in[i])
			abort();
	for (int i = 0; i < io->n_out; i++)
		out[i] = calloc((size_t)r->items, io->out[i].bytes);
	if (mea_oip_response("m", "1", io, r, out, &body, &size, &json) == 0) {
		if (json > (long long)size)
			abort();
		free(body);
	}
	for (int i = 0; i < io->n_out; i++)
		free(out[i]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct mea_oip_request r;
	const struct mea_signature *io;
	char url[256];
	long long json;

	if (size < 2)
		return 0;
	io = data[0] & 1 ? &several : &image;
	json = data[0] & 2 ? MEA_OIP_ALL_JSON : data[0] & 4 ? (long long)data[1] * 4 : data[1];
	data += 2;
	size -= 2;
	snprintf(url, sizeof(url), "%.*s", (int)(size < 200 ? size : 200), (const char *)data);
	mea_path_parse(url);
	if (data[-2] & 8 && mea_oip_request_png(&picture, data, size, &r) == 0) {
		answer(&picture, &r);
		mea_oip_request_free(&r);
	}
	if (mea_oip_request_parse(io, 4, data, size, json, &r) == 0)
		answer(io, &r);
	mea_oip_request_free(&r);
	return 0;
}
