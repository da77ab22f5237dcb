// SPDX-License-Identifier: Apache-2.0
/* The client's half: one image to a server's model, and logits back. */
#include "offload/oip.h"

#include "base/error.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

size_t mea_oip_item_bytes(const struct mea_oip_item *item)
{
	return (size_t)item->height * (size_t)item->width * (size_t)item->channels;
}

/* --- what the server said about its model ------------------------------------------ */

/* The only element of metadata's list `key`, with name, type and shape; -1 is a free dimension. */
static int only(const json_t *metadata, const char *key, char *name, size_t room, int *type,
		struct mea_shape *shape)
{
	const json_t *list = json_object_get(metadata, key), *o = json_array_get(list, 0);
	const char *text = json_string_value(json_object_get(o, "name"));
	const char *datatype = json_string_value(json_object_get(o, "datatype"));

	if (json_array_size(list) != 1)
		return mea_fail(MEA_EINVAL, "the model has %zu %s; it must have one",
				json_array_size(list), key);
	if (!text || !datatype)
		return mea_fail(MEA_EINVAL, "the model's %s: name or datatype is missing", key);
	if (strlen(text) >= room)
		return mea_fail(MEA_EINVAL, "the model's %s: the name is too long", key);
	strcpy(name, text);
	*type = mea_oip_type_find(datatype);
	if (*type < 0)
		return mea_fail(MEA_EINVAL, "the model's %s '%.40s': type %.20s is not known here",
				key, name, datatype);
	return mea_oip_shape(json_object_get(o, "shape"), name, -1, shape);
}

static bool is(int64_t have, int64_t want)
{
	return have == want || have == -1;
}

/* Whether s is the batch and then a, b, c, each as given or free. */
static bool matches(const struct mea_shape *s, int64_t a, int64_t b, int64_t c)
{
	return s->rank == 4 && is(s->dim[0], 1) && is(s->dim[1], a) && is(s->dim[2], b) &&
	       is(s->dim[3], c);
}

/* A raw request leaves the shape to the server, which can guess one dimension. */
static bool guessable(const struct mea_shape *s)
{
	int open = 0;

	for (int i = 0; i < s->rank; i++)
		open += s->dim[i] == -1;
	return open <= 1;
}

/* The input must be item, as pixels or planes. */
static int check_input(const struct mea_shape *in, const struct mea_oip_item *item,
		       struct mea_oip_target *t)
{
	int h = item->height, w = item->width, c = item->channels;
	char text[96];

	if (t->type != item->type)
		return mea_fail(MEA_EINVAL, "the model's input '%s' is %s; %s is sent", t->input,
				mea_oip_type_name(t->type), mea_oip_type_name(item->type));
	t->planes = !matches(in, h, w, c);
	if (t->planes && !matches(in, c, h, w))
		return mea_fail(MEA_EINVAL,
				"the model's input '%s' has shape %s; %dx%dx%d or %dx%dx%d is sent",
				t->input, mea_shape_text(in, text, sizeof(text)), h, w, c, c, h, w);
	t->shape = t->planes ? (struct mea_shape){4, {1, c, h, w}}
			     : (struct mea_shape){4, {1, h, w, c}};
	return 0;
}

int mea_oip_target_parse(const json_t *metadata, const struct mea_oip_item *item, int classes,
			 bool binary, struct mea_oip_target *t)
{
	struct mea_shape in, out;
	char text[96];
	int type, rc = only(metadata, "inputs", t->input, sizeof(t->input), &type, &in);

	if (rc)
		return rc;
	t->type = (enum mea_dtype)type;
	rc = check_input(&in, item, t);
	if (rc)
		return rc;
	rc = only(metadata, "outputs", t->output, sizeof(t->output), &type, &out);
	if (rc)
		return rc;
	if (type != MEA_F32)
		return mea_fail(MEA_EINVAL, "the model's output '%s' is %s; logits are FP32",
				t->output, mea_oip_type_name((enum mea_dtype)type));
	if (out.rank != 2 || !is(out.dim[0], 1) || !is(out.dim[1], classes))
		return mea_fail(MEA_EINVAL,
				"the model's output '%s' has shape %s; the bundle has %d classes",
				t->output, mea_shape_text(&out, text, sizeof(text)), classes);
	t->classes = classes;
	t->form = !binary ? MEA_FORM_JSON : guessable(&in) ? MEA_FORM_RAW : MEA_FORM_BINARY;
	return 0;
}

/* --- requests ----------------------------------------------------------------------- */

static char *request_json(const struct mea_oip_target *t, const void *data, size_t bytes,
			  uint64_t timeout_us)
{
	bool binary = t->form == MEA_FORM_BINARY;
	json_t *shape = json_array(), *in, *out, *doc;
	char *text;

	for (int i = 0; i < t->shape.rank; i++)
		json_array_append_new(shape, json_integer(t->shape.dim[i]));
	in = json_pack("{s:s, s:s, s:o}", "name", t->input, "datatype", mea_oip_type_name(t->type),
		       "shape", shape);
	out = json_pack("{s:s}", "name", t->output);
	if (binary) {
		json_object_set_new(in, "parameters",
				    json_pack("{s:I}", "binary_data_size", (json_int_t)bytes));
		json_object_set_new(out, "parameters", json_pack("{s:b}", "binary_data", 1));
	} else {
		json_object_set_new(in, "data",
				    mea_oip_data_write(t->type, bytes / mea_dtype_size(t->type),
						       data));
	}
	doc = json_pack("{s:[o], s:[o]}", "inputs", in, "outputs", out);
	if (doc && timeout_us)
		json_object_set_new(doc, "parameters",
				    json_pack("{s:I}", "timeout", (json_int_t)timeout_us));
	text = doc ? json_dumps(doc, JSON_COMPACT) : NULL;
	json_decref(doc);
	return text;
}

int mea_oip_ask(const struct mea_oip_target *t, const void *data, size_t bytes, uint64_t timeout_us,
		void **body, size_t *size, long long *json_bytes)
{
	char *text = NULL, *all;
	size_t json = 0;

	if (t->form != MEA_FORM_RAW) {
		text = request_json(t, data, bytes, timeout_us);
		if (!text)
			return mea_nomem();
		json = strlen(text);
	}
	*json_bytes = t->form == MEA_FORM_JSON ? MEA_OIP_ALL_JSON : (long long)json;
	*size = t->form == MEA_FORM_JSON ? json : json + bytes;
	all = realloc(text, *size + 1);
	if (!all) {
		free(text);
		return mea_nomem();
	}
	if (t->form != MEA_FORM_JSON)
		memcpy(all + json, data, bytes);
	*body = all;
	return 0;
}

/* --- answers ------------------------------------------------------------------------ */

static int read_logits(const struct mea_oip_target *t, const json_t *o, const unsigned char *tail,
		       size_t left, float *logits)
{
	const char *type = json_string_value(json_object_get(o, "datatype"));
	const json_t *size = json_object_get(json_object_get(o, "parameters"), "binary_data_size");
	struct mea_shape s, want = {2, {1, t->classes}};
	size_t bytes = (size_t)t->classes * sizeof(*logits);
	char text[96];
	int rc;

	if (!type || mea_oip_type_find(type) != MEA_F32)
		return mea_fail(MEA_EINVAL, "answer: output '%s' is %.20s, not FP32", t->output,
				type ? type : "of no type");
	rc = mea_oip_shape(json_object_get(o, "shape"), "answer", 0, &s);
	if (rc)
		return rc;
	if (!mea_shape_equal(&s, &want))
		return mea_fail(MEA_EINVAL, "answer: output '%s' has shape %s, not 1x%d", t->output,
				mea_shape_text(&s, text, sizeof(text)), t->classes);
	if (!size)
		return mea_oip_data_read(json_object_get(o, "data"), "answer", MEA_F32,
					 (size_t)t->classes, logits);
	if (!json_is_integer(size) || json_integer_value(size) < 0 ||
	    (uint64_t)json_integer_value(size) != bytes || bytes != left)
		return mea_fail(MEA_EINVAL, "answer: %zu bytes of tensors; %zu are due", left,
				bytes);
	memcpy(logits, tail, bytes);
	return 0;
}

/* The first of the largest counts; a NaN would win or lose every comparison. */
static int check_numbers(const float *logits, int n)
{
	for (int i = 0; i < n; i++)
		if (!(logits[i] - logits[i] == 0))
			return mea_fail(MEA_EINVAL, "answer: logit %d is no finite number", i);
	return 0;
}

int mea_oip_answer(const struct mea_oip_target *t, const void *body, size_t size,
		   long long json_bytes, float *logits)
{
	size_t json = json_bytes < 0 ? size : (size_t)json_bytes;
	const json_t *list, *o;
	json_t *doc;
	int rc;

	if (json > size)
		return mea_fail(MEA_EINVAL, "answer: %s is %zu, but the body has %zu bytes",
				MEA_OIP_JSON_LENGTH, json, size);
	doc = mea_oip_json(body, json, "answer");
	if (!doc)
		return MEA_EINVAL;
	list = json_object_get(doc, "outputs");
	o = json_array_get(list, 0);
	if (json_array_size(list) != 1 || !json_is_object(o))
		rc = mea_fail(MEA_EINVAL, "answer: has %zu outputs, not one",
			      json_array_size(list));
	else
		rc = read_logits(t, o, (const unsigned char *)body + json, size - json, logits);
	json_decref(doc);
	return rc ? rc : check_numbers(logits, t->classes);
}
