// SPDX-License-Identifier: Apache-2.0
#include <criterion/criterion.h>

#include "error.h"
#include "meanet/bundle.h"

#include <ftw.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char dir[] = "/tmp/mea-bundle-XXXXXX";
static char path[128];

static int drop(const char *p, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(p);
}

static void setup(void)
{
	cr_assert(mkdtemp(dir));
}

static void teardown(void)
{
	nftw(dir, drop, 8, FTW_DEPTH | FTW_PHYS);
}

TestSuite(bundle, .init = setup, .fini = teardown);

static void put(const char *name, const char *text)
{
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	f = fopen(path, "wb");
	cr_assert(f);
	fputs(text, f);
	fclose(f);
}

/* SHA-256 of "abc", from FIPS 180-2. */
#define ABC "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"

static const char good[] =
	"{\"format\": \"mea-bundle\", \"version\": 1, \"name\": \"t\","
	" \"classes\": [\"a\", \"b\", \"c\", \"d\"],"
	" \"input\": {\"width\": 32, \"height\": 16, \"mean\": [0.5071, 0.4865, 0.4409],"
	" \"std\": [0.25, 0.5, 1]},"
	" \"hard_classes\": [3, 1],"
	" \"thresholds\": {\"mu_correct\": 0.5, \"mu_wrong\": 1.5, \"entropy\": 1},"
	" \"files\": {\"main\": {\"float\": {\"file\": \"m.onnx\", \"sha256\": \"" ABC "\"}},"
	" \"extension\": {\"int8\": {\"file\": \"e.onnx\", \"sha256\": \"" ABC "\"}}},"
	" \"accuracy\": {\"float\": {\"main\": 90.5}}, \"mine\": {\"kept\": true}}";

/* good with its first `from` replaced by `to`. */
static void put_with(const char *from, const char *to)
{
	char text[sizeof(good) + 512];
	const char *at = strstr(good, from);

	cr_assert(at, "test: no %s", from);
	snprintf(text, sizeof(text), "%.*s%s%s", (int)(at - good), good, to, at + strlen(from));
	put("bundle.json", text);
}

Test(bundle, loads)
{
	struct mea_bundle *b;
	char *p;

	put("bundle.json", good);
	put("m.onnx", "abc");
	cr_assert_eq(mea_bundle_load(dir, &b), 0, "%s", mea_errmsg());
	cr_expect_str_eq(b->name, "t");
	cr_expect(b->n_classes == 4 && !strcmp(b->classes[2], "c"));
	cr_expect(b->width == 32 && b->height == 16);
	cr_expect(b->mean[0] == 0.5071f && b->std[2] == 1);
	cr_expect(b->n_hard == 2 && b->hard[0] == 3 && b->hard[1] == 1);
	cr_expect(b->hard_index[3] == 0 && b->hard_index[1] == 1 && b->hard_index[0] == -1);
	cr_expect(b->mu_wrong == 1.5 && b->threshold == 1);
	cr_assert_eq(mea_bundle_path(b, MEA_NET_MAIN, MEA_FLOAT, &p), 0, "%s", mea_errmsg());
	cr_expect(strstr(p, "/m.onnx"));
	free(p);
	mea_bundle_free(b);
}

Test(bundle, main_alone_is_enough)
{
	struct mea_bundle *b;

	put("bundle.json",
	    "{\"format\": \"mea-bundle\", \"version\": 1, \"name\": \"t\","
	    " \"classes\": [\"a\", \"b\"], \"input\": {\"width\": 8, \"height\": 8,"
	    " \"mean\": [0, 0, 0], \"std\": [1, 1, 1]},"
	    " \"files\": {\"main\": {\"int8\": {\"file\": \"m\", \"sha256\": \"" ABC "\"}}}}");
	cr_assert_eq(mea_bundle_load(dir, &b), 0, "%s", mea_errmsg());
	cr_expect_eq(b->n_hard, 0);
	cr_expect(isinf(b->threshold));
	mea_bundle_free(b);
}

Test(bundle, files_are_vouched_for)
{
	struct mea_bundle *b;
	char *p = dir;

	put("bundle.json", good);
	cr_assert_eq(mea_bundle_load(dir, &b), 0);
	cr_expect_eq(mea_bundle_path(b, MEA_NET_MAIN, MEA_FLOAT, &p), MEA_ENOENT);
	cr_expect(strstr(mea_errmsg(), "m.onnx") && !p, "%s", mea_errmsg());
	put("m.onnx", "abd");
	cr_expect_eq(mea_bundle_path(b, MEA_NET_MAIN, MEA_FLOAT, &p), MEA_EINVAL);
	cr_expect(strstr(mea_errmsg(), "SHA-256") && !p, "%s", mea_errmsg());
	cr_expect_eq(mea_bundle_path(b, MEA_NET_MAIN, MEA_INT8, &p), MEA_ENOENT);
	cr_expect(strstr(mea_errmsg(), "mea quantize") && !p, "%s", mea_errmsg());
	mea_bundle_free(b);
}

Test(bundle, every_field_is_checked)
{
	static const struct {
		const char *from, *to, *says;
		int code;
	} cases[] = {
		{"mea-bundle", "zip", "format: is \"zip\"", MEA_EINVAL},
		{"\"mea-bundle\"", "7", "format: must be a text", MEA_EINVAL},
		{"\"version\": 1", "\"version\": 2", "version: is 2", MEA_EUNSUPPORTED},
		{"\"version\": 1", "\"version\": 1.5", "version: must be", MEA_EINVAL},
		{"\"t\"", "\"\"", "name: must", MEA_EINVAL},
		{"\"t\"", "\"\\u001b[2J\"", "name: must", MEA_EINVAL},
		{"[\"a\", \"b\", \"c\", \"d\"]", "\"abcd\"", "classes: must be a list", MEA_EINVAL},
		{"\"b\"", "5", "classes[1]: must", MEA_EINVAL},
		{"\"b\"", "\"\\u0007\"", "classes[1]: must", MEA_EINVAL},
		{"\"width\": 32", "\"width\": 0", "input.width: must", MEA_EINVAL},
		{"\"height\": 16", "\"height\": 5000", "input.height: must", MEA_EINVAL},
		{"\"height\": 16,", "", "input.height: must", MEA_EINVAL},
		{"0.4865, ", "", "input.mean: must be three", MEA_EINVAL},
		{"[0.25, 0.5, 1]", "[0.25, 0, 1]", "input.std: must be three positive", MEA_EINVAL},
		{"[0.25, 0.5, 1]", "[1e-60, 1, 1]", "input.std: must be three positive",
		 MEA_EINVAL},
		{"[0.25, 0.5, 1]", "[1e60, 1, 1]", "input.std: must be three positive", MEA_EINVAL},
		{"[3, 1]", "[3, 4]", "hard_classes[1]: must be a class number from 0 to 3",
		 MEA_EINVAL},
		{"[3, 1]", "[3, -1]", "hard_classes[1]", MEA_EINVAL},
		{"[3, 1]", "[3, 3]", "hard_classes[1]: class 3 stands there twice", MEA_EINVAL},
		{"[3, 1]", "3", "hard_classes: must be a list", MEA_EINVAL},
		{"[3, 1]", "[]", "files.extension and hard_classes", MEA_EINVAL},
		{"\"mu_wrong\": 1.5", "\"mu_wrong\": -1", "thresholds.mu_wrong", MEA_EINVAL},
		{"\"entropy\": 1", "\"entropy\": \"x\"", "thresholds.entropy", MEA_EINVAL},
		{"\"m.onnx\"", "\"../m.onnx\"", "files.main.float.file: '../m.onnx'", MEA_EINVAL},
		{"\"m.onnx\"", "\"..\"", "files.main.float.file", MEA_EINVAL},
		{"\"e.onnx\"", "null", "files.extension.int8.file", MEA_EINVAL},
		{ABC, "ba78", "files.main.float.sha256", MEA_EINVAL},
		{"\"main\": {\"float\"", "\"main\": {\"half\"", "files.main: names no file",
		 MEA_EINVAL},
		{"{\"format\"", "[{\"format\"", "line ", MEA_EINVAL},
		{"\"version\": 1", "\"version\": 1, \"version\": 1", "duplicate", MEA_EINVAL},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct mea_bundle *b = (void *)1;

		put_with(cases[i].from, cases[i].to);
		cr_expect_eq(mea_bundle_load(dir, &b), cases[i].code, "%s", cases[i].says);
		cr_expect_null(b);
		cr_expect(strstr(mea_errmsg(), cases[i].says), "case %zu: '%s' lacks '%s'", i,
			  mea_errmsg(), cases[i].says);
		cr_expect(strstr(mea_errmsg(), "bundle.json: "));
	}
}

Test(bundle, no_bundle_at_all)
{
	struct mea_bundle *b;

	cr_expect_eq(mea_bundle_load(dir, &b), MEA_ENOENT);
	cr_expect(strstr(mea_errmsg(), "bundle.json: No such file"), "%s", mea_errmsg());
	cr_expect_eq(mea_bundle_load("/dev/null", &b), MEA_ENOENT);
	put("bundle.json", "[]");
	cr_expect_eq(mea_bundle_load(dir, &b), MEA_EINVAL);
	put("bundle.json", "");
	cr_expect_eq(mea_bundle_load(dir, &b), MEA_EINVAL);
	unlink(path);
	cr_assert_eq(mkfifo(path, 0600), 0);
	cr_expect_eq(mea_bundle_load(dir, &b), MEA_EINVAL);
}

Test(bundle, every_truncation_is_an_error)
{
	struct mea_bundle *b;
	char text[sizeof(good)];

	for (size_t n = 0; n < sizeof(good) - 1; n += 3) {
		snprintf(text, sizeof(text), "%.*s", (int)n, good);
		put("bundle.json", text);
		cr_assert_eq(mea_bundle_load(dir, &b), MEA_EINVAL, "%zu bytes", n);
	}
}

Test(bundle, saving_keeps_what_it_does_not_know)
{
	struct mea_bundle *b;
	json_t *j;

	put("bundle.json", good);
	cr_assert_eq(mea_bundle_load(dir, &b), 0);
	put("m8.onnx", "abc");
	cr_assert_eq(mea_bundle_set_file(b, NULL, MEA_NET_MAIN, MEA_INT8, "m8.onnx"), 0);
	cr_assert_eq(mea_bundle_set_file(b, NULL, MEA_NET_MAIN, MEA_INT8, "m8.onnx"), 0);
	cr_expect_eq(mea_bundle_set_file(b, NULL, MEA_NET_MAIN, MEA_INT8, "nope"), MEA_ENOENT);
	cr_assert_eq(mea_bundle_set_accuracy(b, MEA_INT8, json_pack("{s:f}", "main", 0.1)), 0);
	cr_assert_eq(mea_bundle_save(b, NULL), 0, "%s", mea_errmsg());
	cr_expect_eq(mea_bundle_save(b, "/nonexistent"), MEA_EIO);
	mea_bundle_free(b);

	cr_assert_eq(mea_bundle_load(dir, &b), 0, "%s", mea_errmsg());
	cr_expect_str_eq(b->files[MEA_NET_MAIN][MEA_INT8].name, "m8.onnx");
	cr_expect_str_eq(b->files[MEA_NET_MAIN][MEA_INT8].sha256, ABC);
	cr_expect(b->mean[0] == 0.5071f);
	j = json_object_get(b->json, "accuracy");
	cr_expect_eq(json_real_value(json_object_get(json_object_get(j, "float"), "main")), 90.5);
	cr_expect(json_is_true(json_object_get(json_object_get(b->json, "mine"), "kept")));
	mea_bundle_free(b);
}
