// SPDX-License-Identifier: Apache-2.0
/* An infer request's body, from a stranger, as tensors for a model. */
#include "oip_server.h"

#include "base/error.h"

#include <stdlib.h>
#include <string.h>

/* A body as it is taken apart. */
struct parse {
	const struct mea_signature *io;
	int max_items;
	const unsigned char *binary; /* what follows the JSON */
	size_t binary_left;
	struct mea_oip_request *r;
};

void mea_oip_request_free(struct mea_oip_request *r)
{
	json_decref(r->id);
	for (int i = 0; i < MEA_IO_MAX; i++)
		free(r->in[i]);
	memset(r, 0, sizeof(*r));
}

static int find(const struct mea_io *list, int n, const char *name)
{
	for (int i = 0; i < n; i++)
		if (!strcmp(list[i].name, name))
			return i;
	return -1;
}

/* A parameter's value, NULL when it is not there. */
static json_t *parameter(const json_t *o, const char *name)
{
	return json_object_get(json_object_get(o, "parameters"), name);
}

static int check_parameters(const json_t *o, const char *of)
{
	json_t *p = json_object_get(o, "parameters");

	if (p && !json_is_object(p))
		return mea_fail(MEA_EINVAL, "%s: parameters must be an object", of);
	return 0;
}

static int flag(const json_t *o, const char *of, const char *name, bool fallback, bool *out)
{
	json_t *v = parameter(o, name);

	if (v && !json_is_boolean(v))
		return mea_fail(MEA_EINVAL, "%s: parameter %s must be true or false", of, name);
	*out = v ? json_is_true(v) : fallback;
	return 0;
}

/* --- inputs ------------------------------------------------------------------------ */

/* The number of items from the shape of a request's input, which otherwise must be e's. */
static int take_shape(struct parse *p, const struct mea_io *e, const json_t *o)
{
	char have[96], need[96];
	struct mea_shape s, want = e->shape;
	int rc = mea_oip_shape(json_object_get(o, "shape"), e->name, 0, &s);

	if (rc)
		return rc;
	if (e->batched)
		want.dim[0] = s.dim[0];
	if (!mea_shape_equal(&s, &want))
		return mea_fail(MEA_EINVAL, "%s: shape is %s; the model takes %s%s", e->name,
				mea_shape_text(&s, have, sizeof(have)),
				mea_shape_text(&e->shape, need, sizeof(need)),
				e->batched ? " with any first dimension" : "");
	if (!e->batched)
		return 0;
	if (s.dim[0] < 1 || s.dim[0] > p->max_items)
		return mea_fail(MEA_EINVAL, "%s: a batch of %lld items; 1 to %d are taken", e->name,
				(long long)s.dim[0], p->max_items);
	if (p->r->items && p->r->items != s.dim[0])
		return mea_fail(MEA_EINVAL, "%s: %lld items, but another input has %d", e->name,
				(long long)s.dim[0], p->r->items);
	p->r->items = (int)s.dim[0];
	return 0;
}

/* Whether `bytes` bytes of a tensor stand behind the JSON, as the request says. */
static int check_binary(const struct parse *p, const struct mea_io *e, const json_t *size,
			size_t bytes)
{
	if (!json_is_integer(size) || json_integer_value(size) < 0)
		return mea_fail(MEA_EINVAL,
				"%s: binary_data_size must be a whole number of at least 0",
				e->name);
	if ((uint64_t)json_integer_value(size) != bytes)
		return mea_fail(MEA_EINVAL,
				"%s: binary_data_size is %lld, but shape and type are %zu bytes",
				e->name, (long long)json_integer_value(size), bytes);
	if (bytes > p->binary_left)
		return mea_fail(MEA_EINVAL, "%s: %zu bytes are due, but the body has %zu left",
				e->name, bytes, p->binary_left);
	return 0;
}

static void take_binary(struct parse *p, size_t bytes, void *to)
{
	memcpy(to, p->binary, bytes);
	p->binary += bytes;
	p->binary_left -= bytes;
}

static int take_input(struct parse *p, const json_t *o)
{
	const char *name = json_string_value(json_object_get(o, "name"));
	const char *type = json_string_value(json_object_get(o, "datatype"));
	const json_t *data = json_object_get(o, "data"), *size;
	int at = name ? find(p->io->in, p->io->n_in, name) : -1, rc;
	const struct mea_io *e;
	size_t bytes;

	if (!name)
		return mea_fail(MEA_EINVAL, "inputs: each must be an object with a name");
	if (at < 0)
		return mea_fail(MEA_EINVAL, "inputs: the model has no input '%.80s'", name);
	e = &p->io->in[at];
	if (p->r->in[at])
		return mea_fail(MEA_EINVAL, "inputs: '%s' stands there twice", e->name);
	if (!type || mea_oip_type_find(type) != (int)e->type)
		return mea_fail(MEA_EINVAL, "%s: datatype is '%.20s'; the model takes %s", e->name,
				type ? type : "missing", mea_oip_type_name(e->type));
	rc = check_parameters(o, e->name);
	if (!rc)
		rc = take_shape(p, e, o);
	if (rc)
		return rc;
	/* One item's bytes are at most 1 GiB and items are limited: no overflow. */
	bytes = e->bytes * (size_t)(e->batched ? p->r->items : 1);
	size = parameter(o, "binary_data_size");
	if (!data == !size)
		return mea_fail(MEA_EINVAL, "%s: needs either data or binary_data_size", e->name);
	/* What is to come must be there before memory for it is. */
	rc = size ? check_binary(p, e, size, bytes) : 0;
	if (rc)
		return rc;
	p->r->in[at] = malloc(bytes + !bytes);
	if (!p->r->in[at])
		return mea_nomem();
	if (!size)
		return mea_oip_data_read(data, e->name, e->type, bytes / mea_dtype_size(e->type),
					 p->r->in[at]);
	take_binary(p, bytes, p->r->in[at]);
	return 0;
}

static int take_inputs(struct parse *p, const json_t *doc)
{
	const json_t *list = json_object_get(doc, "inputs");
	size_t i;
	json_t *o;

	if (!json_is_array(list))
		return mea_fail(MEA_EINVAL, "inputs: must be a list");
	json_array_foreach(list, i, o)
	{
		int rc = take_input(p, o);

		if (rc)
			return rc;
	}
	for (int k = 0; k < p->io->n_in; k++)
		if (!p->r->in[k])
			return mea_fail(MEA_EINVAL, "inputs: '%s' is missing", p->io->in[k].name);
	if (p->binary_left)
		return mea_fail(MEA_EINVAL, "the body has %zu bytes that belong to no input",
				p->binary_left);
	return 0;
}

/* --- outputs ---------------------------------------------------------------------- */

static int take_output(struct parse *p, const json_t *o, bool binary)
{
	const char *name = json_string_value(json_object_get(o, "name"));
	int at = name ? find(p->io->out, p->io->n_out, name) : -1, rc;
	struct mea_oip_want *w;

	if (!name)
		return mea_fail(MEA_EINVAL, "outputs: each must be an object with a name");
	if (at < 0)
		return mea_fail(MEA_EINVAL, "outputs: the model has no output '%.80s'", name);
	for (int i = 0; i < p->r->n_want; i++)
		if (p->r->want[i].output == at)
			return mea_fail(MEA_EINVAL, "outputs: '%s' stands there twice",
					p->io->out[at].name);
	rc = check_parameters(o, name);
	if (!rc && parameter(o, "classification"))
		rc = mea_fail(MEA_EUNSUPPORTED, "%.80s: classification is not supported", name);
	w = &p->r->want[p->r->n_want];
	if (!rc)
		rc = flag(o, name, "binary_data", binary, &w->binary);
	if (rc)
		return rc;
	w->output = at;
	p->r->n_want++;
	return 0;
}

static void want_all(struct parse *p, bool binary)
{
	p->r->n_want = p->io->n_out;
	for (int i = 0; i < p->io->n_out; i++)
		p->r->want[i] = (struct mea_oip_want){i, binary};
}

static int take_outputs(struct parse *p, const json_t *doc)
{
	const json_t *list = json_object_get(doc, "outputs");
	bool binary = false;
	size_t i;
	json_t *o;
	int rc = flag(doc, "request", "binary_data_output", false, &binary);

	if (rc)
		return rc;
	if (list && !json_is_array(list))
		return mea_fail(MEA_EINVAL, "outputs: must be a list");
	if (!json_array_size(list)) {
		want_all(p, binary);
		return 0;
	}
	json_array_foreach(list, i, o)
	{
		rc = take_output(p, o, binary);
		if (rc)
			return rc;
	}
	return 0;
}

/* --- the whole --------------------------------------------------------------------- */

static int take_head(struct parse *p, const json_t *doc)
{
	json_t *id = json_object_get(doc, "id"), *timeout;
	int rc = check_parameters(doc, "request");

	if (rc)
		return rc;
	if (id && !json_is_string(id))
		return mea_fail(MEA_EINVAL, "id: must be a text");
	timeout = parameter(doc, "timeout");
	if (timeout && (!json_is_integer(timeout) || json_integer_value(timeout) < 0))
		return mea_fail(
			MEA_EINVAL,
			"request: parameter timeout must be a whole number of microseconds");
	p->r->timeout_us = (uint64_t)json_integer_value(timeout);
	p->r->id = json_incref(id);
	return 0;
}

static int parse_json(struct parse *p, const void *json, size_t size)
{
	json_t *doc = mea_oip_json(json, size, "request");
	int rc;

	if (!doc)
		return MEA_EINVAL;
	rc = json_is_object(doc) ? take_head(p, doc)
				 : mea_fail(MEA_EINVAL, "request: must be a JSON object");
	if (!rc)
		rc = take_inputs(p, doc);
	if (!rc)
		rc = take_outputs(p, doc);
	json_decref(doc);
	return rc;
}

/* The whole body is the only input's one item. */
static int parse_raw(struct parse *p)
{
	const struct mea_io *e = &p->io->in[0];

	if (p->io->n_in != 1)
		return mea_fail(MEA_EINVAL,
				"a raw request is for models with one input; this one has %d",
				p->io->n_in);
	if (p->binary_left != e->bytes)
		return mea_fail(MEA_EINVAL, "%s: the raw body has %zu bytes; one item has %zu",
				e->name, p->binary_left, e->bytes);
	p->r->in[0] = malloc(e->bytes + !e->bytes);
	if (!p->r->in[0])
		return mea_nomem();
	memcpy(p->r->in[0], p->binary, e->bytes);
	want_all(p, true);
	return 0;
}

int mea_oip_request_parse(const struct mea_signature *io, int max_items, const void *body,
			  size_t size, long long json_bytes, struct mea_oip_request *r)
{
	struct parse p = {.io = io, .max_items = max_items, .r = r};
	size_t json = json_bytes < 0 ? size : (size_t)json_bytes;
	int rc;

	memset(r, 0, sizeof(*r));
	if (json > size)
		return mea_fail(MEA_EINVAL, "%s is %zu, but the body has %zu bytes",
				MEA_OIP_JSON_LENGTH, json, size);
	p.binary = (const unsigned char *)body + json;
	p.binary_left = size - json;
	rc = json_bytes == 0 ? parse_raw(&p) : parse_json(&p, body, json);
	if (rc)
		mea_oip_request_free(r);
	else if (!r->items)
		r->items = 1;
	return rc;
}
