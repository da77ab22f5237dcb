// SPDX-License-Identifier: Apache-2.0
/* Reads bundle.json. Each function checks one part and names the field. */
#include "bundle.h"

#include "base/error.h"
#include "meanet/preprocess.h"

#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define VERSION	    1
#define MAX_BYTES   (4 << 20) /* a description of 65,536 classes fits */
#define MAX_CLASSES 65536
#define MAX_SIDE    4096

const char *mea_net_name(enum mea_net net)
{
	static const char *const names[MEA_NETS] = {"main", "extension", "cloud"};

	return names[net];
}

const char *mea_variant_name(enum mea_variant v)
{
	return v == MEA_INT8 ? "int8" : "float";
}

/* --- pieces of JSON -------------------------------------------------------- */

/* Text that goes to a terminal must not steer it. */
static bool printable(const char *s)
{
	for (; *s; s++)
		if ((unsigned char)*s < 0x20 || *s == 0x7f)
			return false;
	return true;
}

static int get_string(json_t *o, const char *key, const char *field, const char **out)
{
	const char *s = json_string_value(json_object_get(o, key));

	if (!s || !*s || !printable(s))
		return mea_fail(MEA_EINVAL, "%s: must be a text without control characters", field);
	*out = s;
	return 0;
}

static int get_side(json_t *o, const char *key, const char *field, int *out)
{
	json_t *v = json_object_get(o, key);

	if (!json_is_integer(v) || json_integer_value(v) < 1 || json_integer_value(v) > MAX_SIDE)
		return mea_fail(MEA_EINVAL, "%s: must be a whole number from 1 to %d", field,
				MAX_SIDE);
	*out = (int)json_integer_value(v);
	return 0;
}

static int get_real(json_t *o, const char *key, const char *field, double *out)
{
	json_t *v = json_object_get(o, key);

	*out = json_number_value(v);
	if (!json_is_number(v) || !isfinite(*out) || *out < 0)
		return mea_fail(MEA_EINVAL, "%s: must be a number of at least 0", field);
	return 0;
}

static int get_three(json_t *o, const char *key, const char *field, bool positive, float out[3])
{
	json_t *a = json_object_get(o, key);

	for (size_t i = 0; i < 3; i++) {
		json_t *v = json_array_get(a, i);

		out[i] = (float)json_number_value(v);
		if (json_array_size(a) != 3 || !json_is_number(v) || !isfinite(out[i]) ||
		    (positive && out[i] <= 0))
			return mea_fail(MEA_EINVAL, "%s: must be three %snumbers", field,
					positive ? "positive " : "");
	}
	return 0;
}

/* --- parts of the document ------------------------------------------------ */

static int parse_head(struct mea_bundle *b)
{
	const char *format;
	json_t *version = json_object_get(b->json, "version");
	int rc = get_string(b->json, "format", "format", &format);

	if (rc)
		return rc;
	if (strcmp(format, "mea-bundle"))
		return mea_fail(MEA_EINVAL, "format: is \"%.40s\", not \"mea-bundle\"", format);
	if (!json_is_integer(version))
		return mea_fail(MEA_EINVAL, "version: must be a whole number");
	if (json_integer_value(version) != VERSION)
		return mea_fail(MEA_EUNSUPPORTED, "version: is %lld; this program knows %d",
				(long long)json_integer_value(version), VERSION);
	return get_string(b->json, "name", "name", &b->name);
}

static int parse_classes(struct mea_bundle *b)
{
	json_t *list = json_object_get(b->json, "classes");
	size_t n = json_array_size(list);

	if (n < 2 || n > MAX_CLASSES)
		return mea_fail(MEA_EINVAL, "classes: must be a list of 2 to %d names",
				MAX_CLASSES);
	b->classes = calloc(n, sizeof(*b->classes));
	b->hard_index = calloc(n, sizeof(*b->hard_index));
	if (!b->classes || !b->hard_index)
		return mea_nomem();
	for (size_t i = 0; i < n; i++) {
		b->classes[i] = json_string_value(json_array_get(list, i));
		if (!b->classes[i] || !printable(b->classes[i]))
			return mea_fail(MEA_EINVAL,
					"classes[%zu]: must be a text without control characters",
					i);
		b->hard_index[i] = -1;
	}
	b->n_classes = (int)n;
	return 0;
}

static int parse_input(struct mea_bundle *b)
{
	json_t *input = json_object_get(b->json, "input");
	int rc = get_side(input, "width", "input.width", &b->width);

	if (!rc)
		rc = get_side(input, "height", "input.height", &b->height);
	if (!rc)
		rc = get_three(input, "mean", "input.mean", false, b->mean);
	if (!rc)
		rc = mea_check_mean("input.mean", b->mean);
	if (!rc)
		rc = get_three(input, "std", "input.std", true, b->std);
	if (!rc && json_object_get(input, "order")) {
		const char *order = json_string_value(json_object_get(input, "order"));

		b->bgr = order && !strcmp(order, "bgr");
		if (!order || (!b->bgr && strcmp(order, "rgb")))
			rc = mea_fail(MEA_EINVAL, "input.order: must be \"rgb\" or \"bgr\"");
	}
	return rc;
}

static int parse_hard(struct mea_bundle *b)
{
	json_t *list = json_object_get(b->json, "hard_classes");
	size_t n = json_array_size(list);

	if (list && !json_is_array(list))
		return mea_fail(MEA_EINVAL, "hard_classes: must be a list of class numbers");
	b->hard = calloc(n + 1, sizeof(*b->hard));
	if (!b->hard)
		return mea_nomem();
	for (size_t i = 0; i < n; i++) {
		json_t *v = json_array_get(list, i);
		json_int_t c = json_integer_value(v);

		if (!json_is_integer(v) || c < 0 || c >= b->n_classes)
			return mea_fail(MEA_EINVAL,
					"hard_classes[%zu]: must be a class number from 0 to %d", i,
					b->n_classes - 1);
		if (b->hard_index[c] >= 0)
			return mea_fail(MEA_EINVAL,
					"hard_classes[%zu]: class %d stands there twice", i,
					(int)c);
		b->hard_index[c] = (int)i;
		b->hard[i] = (int)c;
	}
	b->n_hard = (int)n;
	return 0;
}

static int parse_thresholds(struct mea_bundle *b)
{
	json_t *t = json_object_get(b->json, "thresholds");
	int rc;

	b->threshold = INFINITY;
	if (!t)
		return 0;
	rc = get_real(t, "mu_correct", "thresholds.mu_correct", &b->mu_correct);
	if (!rc)
		rc = get_real(t, "mu_wrong", "thresholds.mu_wrong", &b->mu_wrong);
	if (!rc)
		rc = get_real(t, "entropy", "thresholds.entropy", &b->threshold);
	return rc;
}

static int parse_file(json_t *o, const char *field, struct mea_bundle_file *f)
{
	char sub[64];
	const char *name, *sha;
	int rc;

	if (!o)
		return 0;
	snprintf(sub, sizeof(sub), "%s.file", field);
	rc = get_string(o, "file", sub, &name);
	if (rc)
		return rc;
	/* A bundle from the net must not reach outside its folder. */
	if (strchr(name, '/') || !strcmp(name, ".") || !strcmp(name, ".."))
		return mea_fail(MEA_EINVAL, "%s: '%.80s' is not the name of a file in the bundle",
				sub, name);
	snprintf(sub, sizeof(sub), "%s.sha256", field);
	sha = json_string_value(json_object_get(o, "sha256"));
	if (!sha || strlen(sha) != 64 || strspn(sha, "0123456789abcdef") != 64)
		return mea_fail(MEA_EINVAL, "%s: must be 64 digits 0-9, a-f", sub);
	memcpy(f->sha256, sha, sizeof(f->sha256));
	f->name = strdup(name);
	return f->name ? 0 : mea_nomem();
}

static int parse_files(struct mea_bundle *b)
{
	json_t *files = json_object_get(b->json, "files");
	bool have[MEA_NETS] = {false};

	for (int net = 0; net < MEA_NETS; net++) {
		json_t *o = json_object_get(files, mea_net_name(net));

		for (int v = 0; v < MEA_VARIANTS; v++) {
			char field[48];
			int rc;

			snprintf(field, sizeof(field), "files.%s.%s", mea_net_name(net),
				 mea_variant_name(v));
			rc = parse_file(json_object_get(o, mea_variant_name(v)), field,
					&b->files[net][v]);
			if (rc)
				return rc;
			have[net] |= b->files[net][v].name != NULL;
		}
	}
	if (!have[MEA_NET_MAIN])
		return mea_fail(MEA_EINVAL, "files.main: names no file, neither float nor int8");
	if (have[MEA_NET_EXTENSION] != (b->n_hard > 0))
		return mea_fail(MEA_EINVAL,
				"files.extension and hard_classes: both or neither must be there");
	return 0;
}

static int parse(struct mea_bundle *b)
{
	static int (*const parts[])(struct mea_bundle *) = {
		parse_head, parse_classes, parse_input, parse_hard, parse_thresholds, parse_files};

	if (!json_is_object(b->json))
		return mea_fail(MEA_EINVAL, "must be a JSON object");
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		int rc = parts[i](b);

		if (rc)
			return rc;
	}
	return 0;
}

/* --- the file ---------------------------------------------------------------- */

static int read_json(const char *path, json_t **out)
{
	json_error_t err;
	struct stat st;

	if (stat(path, &st))
		return mea_fail(errno == ENOENT || errno == ENOTDIR ? MEA_ENOENT : MEA_EIO, "%s",
				strerror(errno));
	if (!S_ISREG(st.st_mode) || st.st_size > MAX_BYTES)
		return mea_fail(MEA_EINVAL, "not a regular file of at most %d bytes", MAX_BYTES);
	*out = json_load_file(path, JSON_REJECT_DUPLICATES, &err);
	if (!*out)
		return mea_fail(MEA_EINVAL, "line %d, column %d: %s", err.line, err.column,
				err.text);
	return 0;
}

int mea_bundle_from_json(const char *dir, json_t *json, struct mea_bundle **out)
{
	struct mea_bundle *b = calloc(1, sizeof(*b));
	int rc;

	*out = NULL;
	if (!b || !(b->dir = strdup(dir))) {
		json_decref(json);
		free(b);
		return mea_nomem();
	}
	b->json = json;
	rc = parse(b);
	if (rc) {
		mea_bundle_free(b);
		return mea_fail_in(rc, "%s/bundle.json", dir);
	}
	*out = b;
	return 0;
}

int mea_bundle_load(const char *name, struct mea_bundle **out)
{
	json_t *json = NULL;
	char *dir, *path = NULL;
	int rc = mea_bundle_find(name, &dir);

	*out = NULL;
	if (!rc && asprintf(&path, "%s/bundle.json", dir) < 0) {
		path = NULL;
		rc = mea_nomem();
	}
	if (!rc) {
		rc = read_json(path, &json);
		rc = rc ? mea_fail_in(rc, "%s", path) : mea_bundle_from_json(dir, json, out);
	}
	free(path);
	free(dir);
	return rc;
}

void mea_bundle_free(struct mea_bundle *b)
{
	if (!b)
		return;
	for (int net = 0; net < MEA_NETS; net++)
		for (int v = 0; v < MEA_VARIANTS; v++)
			free(b->files[net][v].name);
	free(b->classes);
	free(b->hard);
	free(b->hard_index);
	json_decref(b->json);
	free(b->dir);
	free(b);
}
