// SPDX-License-Identifier: Apache-2.0
/* Class names: one a line, in the order of the labels. */
#include "source.h"

#include "base/error.h"
#include "mea/files.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_LABELS  256	  /* of samples, whose label is a byte */
#define MAX_CLASSES 65536 /* of a bundle */

void mea_names_free(struct mea_names *names)
{
	for (int i = 0; i < names->n; i++)
		free(names->name[i]);
	free(names->name);
	memset(names, 0, sizeof(*names));
}

static int read_lines(FILE *f, const char *path, int most, struct mea_names *out)
{
	char line[256], *text;
	bool first = true;

	while (fgets(line, sizeof(line), f)) {
		size_t len = strlen(line);

		if (len == sizeof(line) - 1 && line[len - 1] != '\n')
			return mea_fail(MEA_EINVAL, "%s: line %d is too long for a class name",
					path, out->n + 1);
		text = line_text(line, first);
		first = false;
		if (!*text)
			continue;
		if (out->n == most)
			return mea_fail(MEA_EINVAL, "%s: more than %d class names", path, most);
		out->name[out->n] = strdup(text);
		if (!out->name[out->n])
			return mea_nomem();
		out->n++;
	}
	if (ferror(f))
		return mea_fail(MEA_EIO, "%s: cannot be read", path);
	if (!out->n)
		return mea_fail(MEA_EINVAL, "%s: no class name in it", path);
	return 0;
}

/* Closes f, too. */
static int read_file(FILE *f, const char *path, int most, struct mea_names *out)
{
	int rc;

	out->name = calloc((size_t)most, sizeof(*out->name));
	rc = out->name ? read_lines(f, path, most, out) : mea_nomem();
	fclose(f);
	if (rc)
		mea_names_free(out);
	return rc;
}

int mea_names_load(const char *dir, struct mea_names *out)
{
	static const char *const files[] = {"fine_label_names.txt", "batches.meta.txt"};
	char path[4096];
	FILE *f = NULL;

	memset(out, 0, sizeof(*out));
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]) && !f; i++) {
		if (snprintf(path, sizeof(path), "%s/%s", dir, files[i]) >= (int)sizeof(path))
			return mea_fail(MEA_EINVAL, "%.64s…: the path is too long", dir);
		f = fopen(path, "r");
		if (!f && errno != ENOENT && errno != ENOTDIR)
			return mea_fail(MEA_EIO, "%s: %s", path, strerror(errno));
	}
	return f ? read_file(f, path, MAX_LABELS, out) : 0;
}

int mea_names_read(const char *path, struct mea_names *out)
{
	FILE *f = fopen(path, "r");

	memset(out, 0, sizeof(*out));
	return f ? read_file(f, path, MAX_CLASSES, out)
		 : mea_fail(errno == ENOENT ? MEA_ENOENT : MEA_EIO, "%s: %s", path,
			    strerror(errno));
}
