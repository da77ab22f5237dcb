// SPDX-License-Identifier: Apache-2.0
#include <criterion/criterion.h>

#include "base/error.h"
#include "mea/bundle_edit.h"

#include <ftw.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
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
		{"0.4865, ", "116.28, ", "input.mean: 116.28 is over 1", MEA_EINVAL},
		{"[0.25, 0.5, 1]", "[0.25, 0, 1]", "input.std: must be three positive", MEA_EINVAL},
		{"[0.25, 0.5, 1]", "[0.25, 0.5, 1], \"order\": \"gbr\"",
		 "input.order: must be \"rgb\" or \"bgr\"", MEA_EINVAL},
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

/* Writes text where e wants the network's file, and enters it. */
static void stage(struct mea_bundle_edit *e, enum mea_net net, enum mea_variant v, const char *text)
{
	const char *file;
	FILE *f;

	cr_assert_eq(mea_bundle_edit_path(e, net, v, &file), 0);
	f = fopen(file, "w");
	cr_assert(f && fputs(text, f) >= 0 && !fclose(f));
	cr_assert_eq(mea_bundle_edit_enter(e, net, v), 0, "%s", mea_errmsg());
}

/* The text of a file in the test's folder, "" when there is none. */
static const char *text_of(const char *name)
{
	static char text[4096];
	char file[128];
	FILE *f;
	size_t n;

	snprintf(file, sizeof(file), "%s/%s", dir, name);
	f = fopen(file, "r");
	n = f ? fread(text, 1, sizeof(text) - 1, f) : 0;
	text[n] = 0;
	if (f)
		fclose(f);
	return text;
}

Test(bundle, a_change_keeps_what_it_does_not_know)
{
	struct mea_bundle_edit *e;
	struct mea_bundle *b;
	json_t *j;

	put("bundle.json", good);
	cr_assert_eq(mea_bundle_edit_begin(dir, &e), 0, "%s", mea_errmsg());
	stage(e, MEA_NET_MAIN, MEA_INT8, "abc");
	cr_assert_eq(mea_bundle_edit_commit(e), 0, "%s", mea_errmsg());
	mea_bundle_edit_end(e);
	cr_assert_str_eq(text_of("main.int8.onnx"), "abc");
	cr_assert_str_eq(text_of("main.int8.onnx.new"), "");

	cr_assert_eq(mea_bundle_load(dir, &b), 0, "%s", mea_errmsg());
	cr_expect_str_eq(b->files[MEA_NET_MAIN][MEA_INT8].name, "main.int8.onnx");
	cr_expect_str_eq(b->files[MEA_NET_MAIN][MEA_INT8].sha256, ABC);
	cr_expect_str_eq(b->files[MEA_NET_MAIN][MEA_FLOAT].name, "m.onnx");
	cr_expect(b->mean[0] == 0.5071f);
	j = json_object_get(b->json, "accuracy");
	cr_expect_eq(json_real_value(json_object_get(json_object_get(j, "float"), "main")), 90.5);
	cr_expect(json_is_true(json_object_get(json_object_get(b->json, "mine"), "kept")));
	mea_bundle_free(b);
	cr_assert_eq(mea_bundle_edit_begin("/nonexistent", &e), MEA_ENOENT);
}

/* Refused, or given up: files and description are what they were. */
Test(bundle, a_refused_change_changes_nothing)
{
	struct mea_bundle_edit *e;

	put("bundle.json", good);
	put("main.onnx", "old");
	for (int how = 0; how < 2; how++) {
		cr_assert_eq(mea_bundle_edit_begin(dir, &e), 0, "%s", mea_errmsg());
		stage(e, MEA_NET_MAIN, MEA_FLOAT, "new");
		if (how) {
			json_object_del(e->doc, "classes");
			cr_assert_eq(mea_bundle_edit_commit(e), MEA_EINVAL);
		}
		mea_bundle_edit_end(e);
		cr_assert_str_eq(text_of("main.onnx"), "old");
		cr_assert_str_eq(text_of("main.onnx.new"), "");
		cr_assert_str_eq(text_of("bundle.json"), good);
	}
}

/* What was made from another main than the bundle has now is not entered. */
Test(bundle, a_network_that_changed_meanwhile_is_seen)
{
	struct mea_bundle_edit *e;
	struct mea_bundle *b;

	put("bundle.json", good);
	cr_assert_eq(mea_bundle_load(dir, &b), 0, "%s", mea_errmsg());
	cr_assert_eq(mea_bundle_edit_begin(dir, &e), 0, "%s", mea_errmsg());
	cr_assert_eq(mea_bundle_edit_same(e, b), 0, "%s", mea_errmsg());
	stage(e, MEA_NET_MAIN, MEA_FLOAT, "another");
	cr_assert_eq(mea_bundle_edit_commit(e), 0, "%s", mea_errmsg());
	mea_bundle_edit_end(e);
	cr_assert_eq(mea_bundle_edit_begin(dir, &e), 0, "%s", mea_errmsg());
	cr_assert_eq(mea_bundle_edit_same(e, b), MEA_EINVAL);
	cr_assert(strstr(mea_errmsg(), "network main"), "%s", mea_errmsg());
	mea_bundle_edit_end(e);
	mea_bundle_free(b);
}

/* A second program waits until the first is done, and sees its result. */
Test(bundle, changes_follow_each_other, .timeout = 60)
{
	struct mea_bundle_edit *e;
	struct mea_bundle *b;
	int status;
	pid_t pid;

	put("bundle.json", good);
	cr_assert_eq(mea_bundle_edit_begin(dir, &e), 0, "%s", mea_errmsg());
	pid = fork();
	if (pid == 0) {
		struct mea_bundle_edit *other;
		bool ok;

		/* The child has the parent's lock as well, until it closes it. */
		close(e->lock);
		ok = !mea_bundle_edit_begin(dir, &other) &&
		     json_is_true(json_object_get(other->doc, "first")) &&
		     !json_object_set_new(other->doc, "second", json_true()) &&
		     !mea_bundle_edit_commit(other);
		_exit(!ok);
	}
	json_object_set_new(e->doc, "first", json_true());
	cr_assert_eq(mea_bundle_edit_commit(e), 0, "%s", mea_errmsg());
	mea_bundle_edit_end(e);
	cr_assert(waitpid(pid, &status, 0) == pid && WIFEXITED(status) && !WEXITSTATUS(status));
	cr_assert_eq(mea_bundle_load(dir, &b), 0, "%s", mea_errmsg());
	cr_assert(json_is_true(json_object_get(b->json, "first")));
	cr_assert(json_is_true(json_object_get(b->json, "second")));
	mea_bundle_free(b);
}
