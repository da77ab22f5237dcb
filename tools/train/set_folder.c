// SPDX-License-Identifier: Apache-2.0
/* A folder with train and val (or test) folders, each with one folder of PNG and JPEG files a
 * class. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "images/data.h"
#include "base/array.h"
#include "base/error.h"
#include "train/set.h"

static bool is_folder(const char *path)
{
	struct stat st;

	return !stat(path, &st) && S_ISDIR(st.st_mode);
}

static int join(const char *dir, const char *name, char **path)
{
	return asprintf(path, "%s/%s", dir, name) < 0 ? mea_nomem() : 0;
}

static int is_visible(const struct dirent *e)
{
	return e->d_name[0] != '.';
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

/* The classes: folders of dir in the order of their names. */
static int list_classes(const char *dir, struct mea_set *s)
{
	struct dirent **list = NULL;
	int n = scandir(dir, &list, is_visible, by_name), rc = 0;

	if (n < 0)
		return mea_fail(MEA_EIO, "%s: cannot be listed", dir);
	s->names = calloc((size_t)n + 1, sizeof(*s->names));
	if (!s->names)
		rc = mea_nomem();
	for (int i = 0; i < n; i++) {
		char *path = NULL;

		if (!rc)
			rc = join(dir, list[i]->d_name, &path);
		if (!rc && is_folder(path)) {
			s->names[s->classes] = strdup(list[i]->d_name);
			if (s->names[s->classes])
				s->classes++;
			else
				rc = mea_nomem();
		}
		free(path);
		free(list[i]);
	}
	free(list);
	if (!rc && !s->classes)
		rc = mea_fail(MEA_EINVAL, "%s: has no folders, one for each class", dir);
	return rc;
}

/* Appends the images of one class. */
static int add_class(const char *dir, int class, struct mea_set *s)
{
	struct mea_data_want want = {.width = s->width, .height = s->height};
	size_t bytes = (size_t)s->width * (size_t)s->height * 3, n;
	struct mea_data *d = NULL;
	int ignored;
	int rc = mea_data_open(&dir, 1, &want, &d);

	if (rc)
		return rc;
	n = mea_data_count(d);
	rc = mea_grow(&s->rgb, s->n, n, bytes);
	if (!rc)
		rc = mea_grow(&s->label, s->n, n, sizeof(*s->label));
	for (size_t i = 0; i < n && !rc; i++) {
		rc = mea_data_get(d, i, s->rgb + s->n * bytes, &ignored);
		s->label[s->n] = class;
		s->n += !rc;
	}
	mea_data_close(d);
	return rc;
}

static int read_split(const char *dir, struct mea_set *s)
{
	int rc = 0;

	for (int c = 0; c < s->classes && !rc; c++) {
		char *path;

		rc = join(dir, s->names[c], &path);
		/* A split may lack a class; what may not is checked where it matters. */
		if (!rc && is_folder(path))
			rc = add_class(path, c, s);
		free(path);
	}
	if (!rc && !s->n)
		rc = mea_fail(MEA_EINVAL, "%s: has no images of the training classes", dir);
	return rc;
}

bool mea_set_is_folder(const char *path)
{
	char *train = NULL;
	bool is = path && !join(path, "train", &train) && is_folder(train);

	free(train);
	return is;
}

int mea_set_load_folder(const char *path, bool train, int width, int height, struct mea_set **out)
{
	struct mea_set *s = calloc(1, sizeof(*s));
	char *first = NULL, *split = NULL;
	int rc = s ? join(path, "train", &first) : mea_nomem();

	if (!rc) {
		s->width = width;
		s->height = height;
		rc = list_classes(first, s);
	}
	if (!rc)
		rc = join(path, train ? "train" : "val", &split);
	if (!rc && !train && !is_folder(split)) {
		free(split);
		rc = join(path, "test", &split);
	}
	if (!rc)
		rc = read_split(split, s);
	free(first);
	free(split);
	if (rc) {
		mea_set_free(s);
		return rc;
	}
	*out = s;
	return 0;
}
