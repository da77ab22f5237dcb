// SPDX-License-Identifier: Apache-2.0
#include "images.h"

#include "base/error.h"
#include "meanet/bundle.h"

#include <stdlib.h>
#include <string.h>

#define DATA_ROW                                                                                   \
	{                                                                                          \
		"data", "PATH", FIELD(struct images, paths),                                       \
			"PNG or JPEG file (-: stdin), folder of such, folder with a folder for "   \
			"each class, FILE.csv of lines FILE,CLASS, or folder or file of "          \
			"CIFAR-100 "                                                               \
			"or CIFAR-10 samples; may stand several times",                            \
			.otherwise = "MEA_DATA, or else drawn glyphs"                              \
	}

const struct row image_options[] = {DATA_ROW, {0}};
const struct row images_options[] = {
	DATA_ROW,
	{"limit", "N", FIELD(struct images, limit), "the first N images only", 1, 1e8},
	{0},
};

static int check_names(const struct images *im, const struct mea_bundle *b)
{
	const char *hint = im->paths.n ? "" : "; give the right images with --data or MEA_DATA";
	int n = mea_data_classes(im->data);

	/* Without a list of names the number is only that of the format. */
	if (!mea_data_class_name(im->data, 0))
		return 0;
	if (n != b->n_classes)
		return mea_fail(MEA_EINVAL, "%s: has %d classes, but the bundle has %d%s",
				images_title(im), n, b->n_classes, hint);
	for (int i = 0; i < n; i++)
		if (strcmp(mea_data_class_name(im->data, i), b->classes[i]))
			return mea_fail(MEA_EINVAL,
					"%s: class %d is '%s', but '%s' in the bundle%s",
					images_title(im), i, mea_data_class_name(im->data, i),
					b->classes[i], hint);
	return 0;
}

int images_want(const struct mea_bundle *b, struct mea_data_want *want)
{
	int rc;

	want->width = b->width;
	want->height = b->height;
	want->classes = b->classes;
	want->n_classes = b->n_classes;
	rc = mea_resize_parse(json_object_get(b->json, "input"), &want->resize);
	return rc ? mea_fail_in(rc, "%s/bundle.json", b->dir) : 0;
}

int images_open(struct images *im, const struct mea_data_want *want, const struct mea_bundle *b)
{
	struct mea_data_want all = *want;
	int rc = b ? images_want(b, &all) : 0;

	all.glyphs = (uint32_t)im->limit;
	if (!rc)
		rc = mea_data_open(im->paths.items, im->paths.n, &all, &im->data);
	if (!rc && b)
		rc = check_names(im, b);
	if (rc)
		return rc;
	im->count = mea_data_count(im->data);
	if (im->limit && im->limit < im->count)
		im->count = im->limit;
	return 0;
}

const char *images_not_split(const struct mea_bundle *b, size_t n, uint64_t *seed)
{
	json_t *main = json_object_get(json_object_get(b->json, "training"), "main");
	json_t *number = json_object_get(main, "seed");
	json_int_t images = json_integer_value(json_object_get(main, "images")) +
			    json_integer_value(json_object_get(main, "held_out"));

	if (!json_is_integer(number))
		return "does not say which training images were held out";
	if (images < 0 || (size_t)images != n)
		return "main did not learn from these training images (their number is another)";
	*seed = (uint64_t)json_integer_value(number);
	return NULL;
}

void images_close(struct images *im)
{
	mea_data_close(im->data);
	free(im->paths.items);
	memset(im, 0, sizeof(*im));
}

const char *images_title(const struct images *im)
{
	const char *env = getenv("MEA_DATA");

	if (im->paths.n)
		return strcmp(im->paths.items[0], "-") ? im->paths.items[0] : "stdin";
	return env && *env ? env : "glyphs";
}

void images_name(const struct images *im, char *text, size_t size)
{
	const char *title = images_title(im), *end = title + strlen(title), *start;

	while (end > title + 1 && end[-1] == '/')
		end--;
	for (start = end; start > title && start[-1] != '/';)
		start--;
	snprintf(text, size, "%.*s", (int)(end - start), start);
}
