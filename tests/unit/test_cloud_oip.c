// SPDX-License-Identifier: Apache-2.0
/* The protocol as data: Triton's documented forms, and what it refuses. */
#include <criterion/criterion.h>

#include "serve/exchange.h"
#include "serve/oip_server.h"
#include "base/error.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const struct mea_signature image = {
	1,
	1,
	{{"image", MEA_U8, {4, {1, 2, 2, 3}}, true, 12}},
	{{"logits", MEA_F32, {2, {1, 3}}, true, 12}},
	true,
};

/* The model of Triton's documentation of binary tensors, with types that mea has. */
static const struct mea_signature documented = {
	2,
	1,
	{{"input0", MEA_I32, {2, {2, 2}}, false, 16}, {"input1", MEA_BOOL, {1, {3}}, false, 3}},
	{{"output0", MEA_F32, {2, {3, 2}}, false, 24}},
	false,
};

static int parse(const struct mea_signature *io, const char *json, const void *tail, size_t n,
		 struct mea_oip_request *r)
{
	char body[8192];
	size_t size = strlen(json);

	memcpy(body, json, size);
	memcpy(body + size, tail, n);
	return mea_oip_request_parse(io, 4, body, size + n, n ? (long long)size : MEA_OIP_ALL_JSON,
				     r);
}

/* The request must be refused with a sentence that holds `why`. */
static void refuses(const struct mea_signature *io, const char *json, const char *why)
{
	struct mea_oip_request r;
	int rc = parse(io, json, "", 0, &r);

	cr_expect(rc == MEA_EINVAL && strstr(mea_errmsg(), why), "%s: %d, %s", json, rc,
		  rc ? mea_errmsg() : "taken");
	mea_oip_request_free(&r);
}

#define IMAGE(shape, rest)                                                                         \
	"{\"inputs\":[{\"name\":\"image\",\"datatype\":\"UINT8\",\"shape\":" shape "," rest "}]}"
#define DATA "\"data\":[1,2,3,4,5,6,7,8,9,10,11,12]"

Test(oip, the_documented_binary_request_and_response)
{
	static const char json[] =
		"{\n  \"model_name\" : \"mymodel\",\n  \"inputs\" : [\n"
		"{\"name\":\"input0\",\"shape\":[2,2],\"datatype\":\"INT32\","
		"\"parameters\":{\"binary_data_size\":16}},"
		"{\"name\":\"input1\",\"shape\":[3],\"datatype\":\"BOOL\","
		"\"parameters\":{\"binary_data_size\":3}}],"
		"\"outputs\":[{\"name\":\"output0\",\"parameters\":{\"binary_data\":true}}]}";
	const int32_t in[4] = {1, -2, 3, 1 << 30};
	const float out[6] = {0, 1, 2, 3, 4, -5.5f};
	struct mea_oip_request r;
	unsigned char tail[19];
	void *body, *outs[1] = {(void *)(uintptr_t)out};
	long long head;
	size_t size;
	json_t *doc;

	memcpy(tail, in, 16);
	memcpy(tail + 16, "\1\0\1", 3);
	cr_assert_eq(parse(&documented, json, tail, 19, &r), 0, "%s", mea_errmsg());
	cr_expect_eq(memcmp(r.in[0], in, 16), 0);
	cr_expect_eq(memcmp(r.in[1], "\1\0\1", 3), 0);
	cr_assert_eq(mea_oip_response("mymodel", "1", &documented, &r, outs, &body, &size, &head),
		     0);
	cr_expect_eq((long long)size - head, 24);
	cr_expect_eq(memcmp((char *)body + head, out, 24), 0);
	doc = mea_oip_json(body, (size_t)head, "answer");
	cr_assert_not_null(doc);
	cr_expect_eq(json_integer_value(json_object_get(
			     json_object_get(json_array_get(json_object_get(doc, "outputs"), 0),
					     "parameters"),
			     "binary_data_size")),
		     24);
	json_decref(doc);
	free(body);
	mea_oip_request_free(&r);
}

/* The same model in JSON, as the protocol's own text has it (with the three elements that its
 * shape asks for). */
Test(oip, the_documented_json_request_and_response)
{
	static const char json[] =
		"{\"id\":\"42\",\"inputs\":["
		"{\"name\":\"input0\",\"shape\":[2,2],\"datatype\":\"INT32\",\"data\":[1,2,3,4]},"
		"{\"name\":\"input1\",\"shape\":[3],\"datatype\":\"BOOL\",\"data\":[true,false,"
		"true]}],"
		"\"outputs\":[{\"name\":\"output0\"}]}";
	static const char want[] =
		"{\"model_name\":\"mymodel\",\"model_version\":\"1\",\"id\":\"42\",\"outputs\":["
		"{\"name\":\"output0\",\"datatype\":\"FP32\",\"shape\":[3,2],"
		"\"data\":[1.0,1.25,2.0,2.25,3.0,3.25]}]}";
	static const float out[6] = {1, 1.25f, 2, 2.25f, 3, 3.25f};
	const int32_t in[4] = {1, 2, 3, 4};
	void *outs[1] = {(void *)(uintptr_t)out}, *body;
	struct mea_oip_request r;
	long long head;
	size_t size;

	cr_assert_eq(parse(&documented, json, "", 0, &r), 0, "%s", mea_errmsg());
	cr_expect_eq(memcmp(r.in[0], in, 16), 0);
	cr_expect_eq(memcmp(r.in[1], "\1\0\1", 3), 0);
	cr_assert_eq(mea_oip_response("mymodel", "1", &documented, &r, outs, &body, &size, &head),
		     0);
	cr_expect_eq(head, MEA_OIP_ALL_JSON);
	cr_expect(size == strlen(want) && !memcmp(body, want, size), "%.*s", (int)size,
		  (char *)body);
	free(body);
	mea_oip_request_free(&r);
}

Test(oip, json_tensors_nested_or_flat)
{
	static const char *const forms[] = {
		IMAGE("[1,2,2,3]", DATA),
		IMAGE("[1,2,2,3]", "\"data\":[[[[1,2,3],[4,5,6]],[[7,8,9],[10,11,12]]]]"),
	};
	struct mea_oip_request r;

	for (size_t i = 0; i < 2; i++) {
		cr_assert_eq(parse(&image, forms[i], "", 0, &r), 0, "%s", mea_errmsg());
		cr_expect_eq(memcmp(r.in[0], "\1\2\3\4\5\6\7\10\11\12\13\14", 12), 0);
		cr_expect(r.items == 1 && r.n_want == 1 && !r.want[0].binary);
		mea_oip_request_free(&r);
	}
}

Test(oip, batches_timeout_and_defaults)
{
	struct mea_oip_request r;
	char tail[36] = {0};
	static const char json[] =
		"{\"id\":\"x\",\"parameters\":{\"timeout\":1500,\"binary_data_output\":true,"
		"\"priority\":1},\"inputs\":[{\"name\":\"image\",\"datatype\":\"UINT8\","
		"\"shape\":[3,2,2,3],\"parameters\":{\"binary_data_size\":36}}]}";

	cr_assert_eq(parse(&image, json, tail, 36, &r), 0, "%s", mea_errmsg());
	cr_expect(r.items == 3 && r.timeout_us == 1500 && r.want[0].binary);
	cr_expect_str_eq(json_string_value(r.id), "x");
	mea_oip_request_free(&r);
}

Test(oip, raw_request)
{
	struct mea_oip_request r;
	char body[13] = {5};

	cr_assert_eq(mea_oip_request_parse(&image, 4, body, 12, 0, &r), 0);
	cr_expect(r.items == 1 && r.want[0].binary && *(char *)r.in[0] == 5);
	mea_oip_request_free(&r);
	cr_expect_eq(mea_oip_request_parse(&image, 4, body, 13, 0, &r), MEA_EINVAL);
	cr_expect_eq(mea_oip_request_parse(&image, 4, body, 11, 0, &r), MEA_EINVAL);
	cr_expect_eq(mea_oip_request_parse(&image, 4, body, 0, 0, &r), MEA_EINVAL);
	cr_expect_eq(mea_oip_request_parse(&documented, 4, body, 12, 0, &r), MEA_EINVAL);
	cr_expect(strstr(mea_errmsg(), "one input; this one has 2"));
}

/* --- PNG -------------------------------------------------------------------------------- */

static const struct mea_signature photo = {
	1,
	1,
	{{"image", MEA_U8, {4, {1, 4, 5, 3}}, true, 60}},
	{{"logits", MEA_F32, {2, {1, 3}}, true, 12}},
	true,
};

static void make_photo(uint8_t rgb[60], void **png, size_t *size)
{
	for (int i = 0; i < 60; i++)
		rgb[i] = (uint8_t)(i * i);
	cr_assert_eq(mea_oip_png_write(rgb, 4, 5, png, size), 0, "%s", mea_errmsg());
}

Test(oip, a_png_is_the_image)
{
	struct mea_signature planes = photo;
	struct mea_oip_request r;
	uint8_t rgb[60];
	size_t size;
	void *png;

	make_photo(rgb, &png, &size);
	cr_assert_eq(mea_oip_request_png(&photo, png, size, &r), 0, "%s", mea_errmsg());
	cr_expect(r.items == 1 && r.n_want == 1 && r.want[0].binary);
	cr_expect_eq(memcmp(r.in[0], rgb, 60), 0);
	mea_oip_request_free(&r);
	planes.in[0].shape = (struct mea_shape){4, {1, 3, 4, 5}};
	cr_assert_eq(mea_oip_request_png(&planes, png, size, &r), 0, "%s", mea_errmsg());
	for (int i = 0; i < 60; i++)
		cr_assert_eq(((uint8_t *)r.in[0])[i % 3 * 20 + i / 3], rgb[i]);
	mea_oip_request_free(&r);
	free(png);
}

static void refuses_png(const struct mea_signature *io, const void *png, size_t size,
			const char *why)
{
	struct mea_oip_request r;

	cr_expect_eq(mea_oip_request_png(io, png, size, &r), MEA_EINVAL);
	cr_expect(strstr(mea_errmsg(), why), "%s", mea_errmsg());
	cr_expect_null(r.in[0]);
}

Test(oip, pngs_that_do_not_fit)
{
	struct mea_signature other = photo;
	uint8_t rgb[60];
	size_t size;
	void *png;

	make_photo(rgb, &png, &size);
	refuses_png(&image, png, size, "the PNG has 5x4 pixels; the model takes 2x2");
	refuses_png(&photo, png, size - 20, "PNG: ");
	refuses_png(&photo, png, 8, "PNG: ");
	refuses_png(&photo, png, 0, "PNG: ");
	refuses_png(&photo, rgb, 60, "PNG: ");
	refuses_png(&documented, png, size, "one input is a UINT8 image");
	other.in[0].type = MEA_I8;
	refuses_png(&other, png, size, "one input is a UINT8 image");
	other = photo;
	other.in[0].shape = (struct mea_shape){4, {1, 4, 5, 4}};
	refuses_png(&other, png, size, "one input is a UINT8 image");
	/* Damage in the midst of the pixels. */
	((uint8_t *)png)[size / 2] ^= 0x55;
	refuses_png(&photo, png, size, "PNG: ");
	free(png);
}

/* What Triton's L0_http tests send to be refused. */
Test(oip, sizes_that_overflow)
{
	refuses(&image, IMAGE("[16,1152921504606846978]", DATA), "shape is");
	refuses(&image, IMAGE("[4,1152921504606846978,2,3]", DATA), "shape is");
	refuses(&image, IMAGE("[9223372036854775807,2,2,3]", DATA), "a batch of");
	refuses(&image, IMAGE("[99999999999999999999,2,2,3]", DATA), "not JSON");
	refuses(&image,
		IMAGE("[1,2,2,3]", "\"parameters\":{\"binary_data_size\":9223372036854775807}"),
		"12 bytes");
}

Test(oip, dimensions)
{
	refuses(&image, IMAGE("[1,-2,2,3]", DATA), "dimension 1 must be");
	refuses(&image, IMAGE("[-1,2,2,3]", DATA), "dimension 0 must be");
	refuses(&image, IMAGE("[1,2,2,3.5]", DATA), "dimension 3");
	refuses(&image, IMAGE("[1,2,2,\"3\"]", DATA), "dimension 3");
	refuses(&image, IMAGE("[]", DATA), "shape must be");
	refuses(&image, IMAGE("12", DATA), "shape must be");
	refuses(&image, IMAGE("[1,1,1,1,1,1,1,1,1]", DATA), "shape must be");
	refuses(&image, IMAGE("[0,2,2,3]", "\"data\":[]"), "a batch of 0");
	refuses(&image, IMAGE("[5,2,2,3]", DATA), "a batch of 5");
	refuses(&image, IMAGE("[1,2,3,2]", DATA), "shape is 1x2x3x2");
}

Test(oip, nesting_has_a_limit)
{
	char text[4096] = "{\"inputs\":[{\"name\":\"image\",\"datatype\":\"UINT8\","
			  "\"shape\":[1,2,2,3],\"data\":";
	struct mea_oip_request r;
	size_t n = strlen(text);

	for (int depth = 50; depth <= 120; depth += 70) {
		memset(text + n, '[', (size_t)depth);
		strcpy(text + n + depth, "1,2,3,4,5,6,7,8,9,10,11,12");
		memset(text + strlen(text), 0, 200);
		memset(text + strlen(text), ']', (size_t)depth);
		strcat(text, "}]}");
		cr_expect_eq(parse(&image, text, "", 0, &r), depth == 50 ? 0 : MEA_EINVAL);
		mea_oip_request_free(&r);
	}
	cr_expect(strstr(mea_errmsg(), "nested more than 100 deep"), "%s", mea_errmsg());
}

Test(oip, deep_json_is_no_recursion)
{
	char *deep = malloc(200001);
	struct mea_oip_request r;

	memset(deep, '[', 200000);
	cr_expect_eq(mea_oip_request_parse(&image, 4, deep, 200000, MEA_OIP_ALL_JSON, &r),
		     MEA_EINVAL);
	free(deep);
}

Test(oip, names_twice_or_unknown)
{
	refuses(&image,
		"{\"inputs\":[{\"name\":\"image\",\"datatype\":\"UINT8\",\"shape\":[1,2,2,3]," DATA
		"}],\"outputs\":[{\"name\":\"logits\"},{\"name\":\"logits\"}]}",
		"'logits' stands there twice");
	refuses(&image,
		"{\"inputs\":[{\"name\":\"image\",\"datatype\":\"UINT8\",\"shape\":[1,2,2,3]," DATA
		"},{\"name\":\"image\",\"datatype\":\"UINT8\",\"shape\":[1,2,2,3]," DATA "}]}",
		"'image' stands there twice");
	refuses(&image,
		"{\"inputs\":[{\"name\":\"image\",\"datatype\":\"UINT8\",\"shape\":[1,2,2,3]," DATA
		"}],\"outputs\":[{\"name\":\"nope\"}]}",
		"no output 'nope'");
	refuses(&image, "{\"inputs\":[{\"name\":\"nope\"}]}", "no input 'nope'");
	refuses(&image, "{\"inputs\":[]}", "'image' is missing");
	refuses(&image, "{\"inputs\":[5]}", "each must be an object");
	refuses(&image, "{\"inputs\":{}}", "must be a list");
	refuses(&image, "{}", "must be a list");
	refuses(&image, "[]", "must be a JSON object");
	refuses(&image, "", "not JSON");
	refuses(&image, "{\"id\":1,\"inputs\":[]}", "id: must be a text");
	refuses(&image, "{\"id\":\"1\",\"id\":\"2\"}", "duplicate");
	refuses(&image, "{\"parameters\":[],\"inputs\":[]}", "must be an object");
	refuses(&image, "{\"parameters\":{\"timeout\":-1},\"inputs\":[]}", "timeout");
	refuses(&image,
		"{\"parameters\":{\"binary_data_output\":1},\"inputs\":[{\"name\":\"image\","
		"\"datatype\":\"UINT8\",\"shape\":[1,2,2,3]," DATA "}]}",
		"true or false");
}

Test(oip, data_that_does_not_fit)
{
	refuses(&image, IMAGE("[1,2,2,3]", "\"data\":[1,2,3]"), "has 3 elements, the shape 12");
	refuses(&image, IMAGE("[1,2,2,3]", "\"data\":[1,2,3,4,5,6,7,8,9,10,11,12,13]"),
		"more than the shape's 12");
	refuses(&image, IMAGE("[1,2,2,3]", "\"data\":[1,2,3,4,5,6,7,8,9,10,11,256]"),
		"element 11 does not fit UINT8");
	refuses(&image, IMAGE("[1,2,2,3]", "\"data\":[1,2,3,4,5,6,7,8,9,10,11,-1]"),
		"does not fit");
	refuses(&image, IMAGE("[1,2,2,3]", "\"data\":[1.5]"), "element 0 is no UINT8");
	refuses(&image, IMAGE("[1,2,2,3]", "\"data\":[\"1\"]"), "element 0 is no UINT8");
	refuses(&image, IMAGE("[1,2,2,3]", "\"data\":7"), "data must be a list");
	refuses(&image, IMAGE("[1,2,2,3]", "\"x\":1"), "either data or binary_data_size");
	refuses(&image, IMAGE("[1,2,2,3]", DATA ",\"parameters\":{\"binary_data_size\":12}"),
		"either data or binary_data_size");
	refuses(&image, "{\"inputs\":[{\"name\":\"image\",\"datatype\":\"FP32\"}]}",
		"datatype is 'FP32'; the model takes UINT8");
	/* Text, which no model here takes: its lengths are not even looked at. */
	refuses(&image,
		"{\"inputs\":[{\"name\":\"image\",\"datatype\":\"BYTES\",\"shape\":[1],"
		"\"parameters\":{\"binary_data_size\":4294967295}}]}",
		"datatype is 'BYTES'; the model takes UINT8");
}

Test(oip, binary_sizes)
{
	struct mea_oip_request r;
	char tail[40] = {0};
	static const char json[] = IMAGE("[1,2,2,3]", "\"parameters\":{\"binary_data_size\":12}");

	cr_expect_eq(parse(&image, json, tail, 11, &r), MEA_EINVAL);
	cr_expect_eq(parse(&image, json, tail, 13, &r), MEA_EINVAL);
	cr_expect(strstr(mea_errmsg(), "belong to no input"));
	cr_expect_eq(parse(&image, json, tail, 12, &r), 0);
	mea_oip_request_free(&r);
	/* The header reaches over the end; a JSON cut in two. */
	cr_expect_eq(mea_oip_request_parse(&image, 4, json, strlen(json), 100000, &r), MEA_EINVAL);
	cr_expect(strstr(mea_errmsg(), "100000, but the body has"));
	cr_expect_eq(mea_oip_request_parse(&image, 4, json, strlen(json), 20, &r), MEA_EINVAL);
	refuses(&image, IMAGE("[1,2,2,3]", "\"parameters\":{\"binary_data_size\":-12}"),
		"binary_data_size");
	refuses(&image, IMAGE("[1,2,2,3]", "\"parameters\":{\"binary_data_size\":\"12\"}"),
		"binary_data_size must");
	refuses(&image, IMAGE("[1,2,2,3]", "\"parameters\":{\"binary_data_size\":13}"), "12 bytes");
}

Test(oip, numbers_in_headers)
{
	cr_expect_eq(mea_oip_length("0"), 0);
	cr_expect_eq(mea_oip_length("3072"), 3072);
	cr_expect_eq(mea_oip_length("-1"), -1);
	cr_expect_eq(mea_oip_length("+1"), -1);
	cr_expect_eq(mea_oip_length(" 1"), -1);
	cr_expect_eq(mea_oip_length("1x"), -1);
	cr_expect_eq(mea_oip_length(""), -1);
	cr_expect_eq(mea_oip_length("99999999999999999999"), -1);
}

/* --- the client's half -------------------------------------------------------------- */

#define META(type, shape, out)                                                                     \
	"{\"name\":\"m\",\"platform\":\"x\",\"inputs\":[{\"name\":\"in\",\"datatype\":\"" type     \
	"\",\"shape\":" shape                                                                      \
	"}],\"outputs\":[{\"name\":\"out\",\"datatype\":\"FP32\",\"shape\":" out "}]}"

static int target(const char *json, bool binary, struct mea_oip_target *t)
{
	json_t *doc = mea_oip_json(json, strlen(json), "metadata");
	static const struct mea_oip_item item = {MEA_U8, 4, 5, 3};
	int rc = mea_oip_target_parse(doc, &item, 7, binary, t);

	json_decref(doc);
	return rc;
}

Test(oip_image, metadata_is_checked_against_the_bundle)
{
	static const struct {
		const char *json, *why;
	} bad[] = {
		{META("FP32", "[-1,4,5,3]", "[-1,7]"), "'in' is FP32; UINT8 is sent"},
		{META("UINT8", "[-1,5,4,3]", "[-1,7]"), "4x5x3 or 3x4x5 is sent"},
		{META("UINT8", "[-1,60]", "[-1,7]"), "is sent"},
		{META("UINT8", "[2,4,5,3]", "[2,7]"), "is sent"},
		{META("UINT8", "[-1,4,5,3]", "[-1,8]"), "the bundle has 7 classes"},
		{META("UINT8", "[-1,4,5,3]", "[7]"), "the bundle has 7 classes"},
		{META("STRANGE", "[-1,4,5,3]", "[-1,7]"), "type STRANGE is not known"},
		{"{\"inputs\":[],\"outputs\":[]}", "has 0 inputs"},
		{"{}", "has 0 inputs"},
		{"[]", "has 0 inputs"},
	};
	struct mea_oip_target t;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		cr_expect_eq(target(bad[i].json, true, &t), MEA_EINVAL, "%s", bad[i].json);
		cr_expect(strstr(mea_errmsg(), bad[i].why), "%s", mea_errmsg());
	}
	cr_assert_eq(target(META("UINT8", "[-1,4,5,3]", "[-1,7]"), true, &t), 0, "%s",
		     mea_errmsg());
	cr_expect(!t.planes && t.form == MEA_FORM_RAW && t.classes == 7);
	cr_assert_eq(target(META("UINT8", "[1,3,4,5]", "[1,7]"), true, &t), 0, "%s", mea_errmsg());
	cr_expect(t.planes && t.form == MEA_FORM_RAW);
	cr_assert_eq(target(META("UINT8", "[-1,-1,-1,3]", "[-1,7]"), true, &t), 0);
	cr_expect_eq(t.form, MEA_FORM_BINARY, "a server cannot guess two dimensions");
	cr_assert_eq(target(META("UINT8", "[-1,4,5,3]", "[-1,-1]"), false, &t), 0);
	cr_expect_eq(t.form, MEA_FORM_JSON);
}

Test(oip_image, every_form_is_read_by_the_server)
{
	static const struct mea_oip_target base = {"image", "logits", {4, {1, 2, 2, 3}}, false,
						   3,	    MEA_U8,   MEA_FORM_RAW};
	static const uint8_t rgb[12] = {9, 8, 7, 6, 5, 4, 3, 2, 1, 0, 255, 128};
	static const float logits[3] = {1.25f, -3, 1e-20f};
	void *out[1] = {(void *)(uintptr_t)logits};

	/* A PNG is no body of mea_oip_ask()'s. */
	for (int form = MEA_FORM_RAW; form <= MEA_FORM_JSON; form++) {
		struct mea_oip_target t = base;
		struct mea_oip_request r;
		void *body, *answer;
		long long json, head;
		size_t size, n;
		float got[3];

		t.form = (enum mea_oip_form)form;
		cr_assert_eq(mea_oip_ask(&t, rgb, 12, 777, &body, &size, &json), 0);
		cr_assert_eq(mea_oip_request_parse(&image, 4, body, size, json, &r), 0, "%s",
			     mea_errmsg());
		cr_expect_eq(memcmp(r.in[0], rgb, 12), 0);
		cr_expect_eq(r.timeout_us, form == MEA_FORM_RAW ? 0u : 777u);
		cr_assert_eq(mea_oip_response("m", "1", &image, &r, out, &answer, &n, &head), 0);
		cr_assert_eq(mea_oip_answer(&t, answer, n, head, got), 0, "%s", mea_errmsg());
		cr_expect_eq(memcmp(got, logits, sizeof(got)), 0, "form %d", form);
		free(body);
		free(answer);
		mea_oip_request_free(&r);
	}
}

Test(oip_image, answers_that_are_none)
{
	static const struct mea_oip_target t = {.output = "logits", .classes = 2};
	static const struct {
		const char *body;
		long long json;
	} bad[] = {
		{"", MEA_OIP_ALL_JSON},
		{"<html>", MEA_OIP_ALL_JSON},
		{"{}", MEA_OIP_ALL_JSON},
		{"{\"outputs\":[]}", MEA_OIP_ALL_JSON},
		{"{\"outputs\":[1]}", MEA_OIP_ALL_JSON},
		{"{\"outputs\":[{\"name\":\"logits\",\"datatype\":\"FP64\",\"shape\":[1,2],"
		 "\"data\":[1,2]}]}",
		 MEA_OIP_ALL_JSON},
		{"{\"outputs\":[{\"name\":\"logits\",\"datatype\":\"FP32\",\"shape\":[1,3],"
		 "\"data\":[1,2,3]}]}",
		 MEA_OIP_ALL_JSON},
		{"{\"outputs\":[{\"name\":\"logits\",\"datatype\":\"FP32\",\"shape\":[2],"
		 "\"data\":[1,2]}]}",
		 MEA_OIP_ALL_JSON},
		{"{\"outputs\":[{\"name\":\"logits\",\"datatype\":\"FP32\",\"shape\":[1,2],"
		 "\"data\":[1]}]}",
		 MEA_OIP_ALL_JSON},
		{"{\"outputs\":[{\"name\":\"logits\",\"datatype\":\"FP32\",\"shape\":[1,2],"
		 "\"data\":[1,1e39]}]}",
		 MEA_OIP_ALL_JSON},
		{"{\"outputs\":[{\"name\":\"logits\",\"datatype\":\"FP32\",\"shape\":[1,2],"
		 "\"data\":[null,1]}]}",
		 MEA_OIP_ALL_JSON},
		{"{\"outputs\":[{\"name\":\"logits\",\"datatype\":\"FP32\",\"shape\":[1,2],"
		 "\"parameters\":{\"binary_data_size\":8}}]}1234",
		 95},
		{"{}", 3},
	};
	float logits[2];

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		cr_expect_eq(mea_oip_answer(&t, bad[i].body, strlen(bad[i].body), bad[i].json,
					    logits),
			     MEA_EINVAL, "%s", bad[i].body);
}

/* --- paths ------------------------------------------------------------------------------ */

Test(path, routes)
{
	static const struct {
		const char *url;
		enum mea_route route;
	} rows[] = {
		{"/v2", MEA_ROUTE_SERVER},
		{"/v2/", MEA_ROUTE_SERVER},
		{"/v2/health/live", MEA_ROUTE_LIVE},
		{"/v2/health/ready", MEA_ROUTE_READY},
		{"/v2/models/a", MEA_ROUTE_MODEL},
		{"/v2/models/a/ready", MEA_ROUTE_MODEL_READY},
		{"/v2/models/a/versions/2/stats", MEA_ROUTE_MODEL_STATS},
		{"/v2/models/stats", MEA_ROUTE_ALL_STATS},
		{"/v2/models/a/infer", MEA_ROUTE_INFER},
		{"/v2/models/a/versions/12/infer", MEA_ROUTE_INFER},
		{"/v2/repository/index", MEA_ROUTE_INDEX},
		{"/metrics", MEA_ROUTE_METRICS},
		{"/", MEA_ROUTE_NONE},
		{"", MEA_ROUTE_NONE},
		{"v2", MEA_ROUTE_NONE},
		{"//v2", MEA_ROUTE_NONE},
		{"/v2//health/ready", MEA_ROUTE_NONE},
		{"/v2/health/ready/", MEA_ROUTE_NONE},
		{"/v2/repository//index", MEA_ROUTE_NONE},
		{"/v2/models/a%2Finfer", MEA_ROUTE_NONE},
		{"/v2%2fmodels/a", MEA_ROUTE_NONE},
		{"/v2/models/a%00b", MEA_ROUTE_NONE},
		{"/v2/models/a%", MEA_ROUTE_NONE},
		{"/v2/models/a%2", MEA_ROUTE_NONE},
		{"/v2/models/a%zz", MEA_ROUTE_NONE},
		{"/v2/%6dodels/a/infer", MEA_ROUTE_INFER},
		{"/v1", MEA_ROUTE_NONE},
		{"/v2/health", MEA_ROUTE_NONE},
		{"/v2/models", MEA_ROUTE_NONE},
		{"/v2/models/a/versions/x/infer", MEA_ROUTE_NONE},
		{"/v2/models/a/versions", MEA_ROUTE_NONE},
		{"/v2/models/a/infer/b", MEA_ROUTE_NONE},
		{"/a/b/c/d/e/f/g/h/i/j/k", MEA_ROUTE_NONE},
	};
	char longest[2000];

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		cr_expect_eq(mea_path_parse(rows[i].url).route, rows[i].route, "%s", rows[i].url);
	cr_expect_str_eq(mea_path_parse("/v2/models/a/versions/12/infer").version, "12");
	cr_expect_str_eq(mea_path_parse("/v2/models/a%20b%25").model, "a b%");
	memset(longest, 'a', sizeof(longest));
	memcpy(longest, "/v2/models/", 11);
	longest[sizeof(longest) - 1] = 0;
	cr_expect_eq(mea_path_parse(longest).route, MEA_ROUTE_NONE);
	longest[300] = 0;
	cr_expect_eq(mea_path_parse(longest).route, MEA_ROUTE_NONE);
}
