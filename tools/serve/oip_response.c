// SPDX-License-Identifier: Apache-2.0
/* The server's answer to an infer request. */
#include "oip_server.h"

#include "base/error.h"

#include <stdlib.h>
#include <string.h>

static size_t output_bytes(const struct mea_io *e, const struct mea_oip_request *r)
{
	return e->bytes * (size_t)(e->batched ? r->items : 1);
}

static json_t *output(const struct mea_io *e, const struct mea_oip_request *r, bool binary,
		      const void *data)
{
	size_t bytes = output_bytes(e, r);
	json_t *shape = json_array(), *o;

	for (int d = 0; d < e->shape.rank; d++)
		json_array_append_new(shape,
				      json_integer(!d && e->batched ? r->items : e->shape.dim[d]));
	o = json_pack("{s:s, s:s, s:o}", "name", e->name, "datatype", mea_oip_type_name(e->type),
		      "shape", shape);
	if (o && binary)
		json_object_set_new(o, "parameters",
				    json_pack("{s:I}", "binary_data_size", (json_int_t)bytes));
	else if (o)
		json_object_set_new(o, "data",
				    mea_oip_data_write(e->type, bytes / mea_dtype_size(e->type),
						       data));
	return o;
}

/* The JSON part as text; *tail is how many bytes of tensors follow it. */
static char *head(const char *model, const char *version, const struct mea_signature *io,
		  const struct mea_oip_request *r, void *const *out, size_t *tail)
{
	json_t *list = json_array(), *doc;
	char *text;

	*tail = 0;
	for (int i = 0; i < r->n_want; i++) {
		const struct mea_oip_want *w = &r->want[i];
		const struct mea_io *e = &io->out[w->output];

		*tail += w->binary ? output_bytes(e, r) : 0;
		json_array_append_new(list, output(e, r, w->binary, out[w->output]));
	}
	doc = json_pack("{s:s, s:s, s:O*, s:o}", "model_name", model, "model_version", version,
			"id", r->id, "outputs", list);
	text = doc ? json_dumps(doc, JSON_COMPACT | JSON_REAL_PRECISION(9)) : NULL;
	json_decref(doc);
	return text;
}

int mea_oip_response(const char *model, const char *version, const struct mea_signature *io,
		     const struct mea_oip_request *r, void *const *out, void **body, size_t *size,
		     long long *json_bytes)
{
	size_t tail, json;
	bool binary = false;
	char *text = head(model, version, io, r, out, &tail), *at;

	if (!text)
		return mea_nomem();
	json = strlen(text);
	at = realloc(text, json + tail + 1);
	if (!at) {
		free(text);
		return mea_nomem();
	}
	*body = at;
	*size = json + tail;
	at += json;
	for (int i = 0; i < r->n_want; i++) {
		const struct mea_oip_want *w = &r->want[i];
		size_t bytes = output_bytes(&io->out[w->output], r);

		if (!w->binary)
			continue;
		binary = true;
		memcpy(at, out[w->output], bytes);
		at += bytes;
	}
	*json_bytes = binary ? (long long)json : MEA_OIP_ALL_JSON;
	return 0;
}
