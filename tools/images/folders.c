// SPDX-License-Identifier: Apache-2.0
/* What a folder of images may be. */
#include "source.h"

#include "base/error.h"
#include "mea/files.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#define DEPTH_MOST  16 /* of folders in a class's folder */
#define ANNOTATIONS "val_annotations.txt"

/* "DIR/NAME", which the caller frees. */
static int join(const char *dir, const char *name, char **path)
{
	if (asprintf(path, "%s/%s", dir, name) >= 0)
		return 0;
	*path = NULL;
	return mea_nomem();
}

static bool is_folder(const char *path)
{
	struct stat st;

	return !stat(path, &st) && S_ISDIR(st.st_mode);
}

/* Whether dir holds name, a folder if that is asked for. */
static bool has(const char *dir, const char *name, bool folder)
{
	char *path;
	bool there = !join(dir, name, &path) && (folder ? is_folder(path) : !access(path, F_OK));

	free(path);
	return there;
}

/* Hidden ones are other programs' own: "._cat.png" is no picture. */
static int is_visible(const struct dirent *e)
{
	return e->d_name[0] != '.';
}

/* Pictures of kinds that are not read are listed too: each says so in its turn. */
static int is_picture(const struct dirent *e)
{
	static const char *const kinds[] = {"png", "jpg", "jpeg", "jpe",  "jfif", "webp", "bmp",
					    "gif", "tif", "tiff", "heic", "heif", "avif", "jxl"};
	const char *dot = strrchr(e->d_name, '.');

	for (size_t i = 0; is_visible(e) && dot && i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (!strcasecmp(dot + 1, kinds[i]))
			return true;
	return false;
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

/* The paths of what `is` picks in dir, in the order of the names; *n of them. */
static int list(const char *dir, int (*is)(const struct dirent *e), char ***paths, int *n)
{
	struct dirent **found;
	int rc = 0;

	*paths = NULL;
	*n = scandir(dir, &found, is, by_name);
	if (*n < 0)
		return mea_fail(MEA_EIO, "%s: %s", dir, strerror(errno));
	*paths = calloc((size_t)*n + 1, sizeof(**paths));
	if (!*paths)
		rc = mea_nomem();
	for (int i = 0; i < *n; i++) {
		if (!rc)
			rc = join(dir, found[i]->d_name, &(*paths)[i]);
		free(found[i]);
	}
	free(found);
	return rc;
}

static void unlist(char **paths, int n)
{
	for (int i = 0; paths && i < n; i++)
		free(paths[i]);
	free(paths);
}

/* --- a folder for each class ------------------------------------------------------------------ */

/* The pictures of dir and of folders in it, but not of those that a link leads to: that could be
 * a circle. */
static int add_pictures(struct mea_labelled *l, const char *dir, int name, int depth)
{
	char **paths;
	int n, rc = list(dir, is_picture, &paths, &n);

	for (int i = 0; i < n && !rc; i++)
		rc = mea_labelled_add(l, paths[i], name);
	unlist(paths, n);
	if (rc || depth == DEPTH_MOST)
		return rc;
	rc = list(dir, is_visible, &paths, &n);
	for (int i = 0; i < n && !rc; i++) {
		struct stat st;

		if (!lstat(paths[i], &st) && S_ISDIR(st.st_mode))
			rc = add_pictures(l, paths[i], name, depth + 1);
	}
	unlist(paths, n);
	return rc;
}

/* The classes: names of the folders in dir, in their order. */
static int list_classes(const char *dir, struct mea_names *names)
{
	char **paths;
	int n, rc = list(dir, is_visible, &paths, &n);

	names->name = rc ? NULL : calloc((size_t)n + 1, sizeof(*names->name));
	if (!rc && !names->name)
		rc = mea_nomem();
	for (int i = 0; i < n && !rc; i++) {
		if (!is_folder(paths[i]))
			continue;
		names->name[names->n] = strdup(strrchr(paths[i], '/') + 1);
		if (names->name[names->n])
			names->n++;
		else
			rc = mea_nomem();
	}
	unlist(paths, n);
	return rc;
}

static int read_classes(const char *dir, struct mea_labelled *l)
{
	int rc = list_classes(dir, &l->names);

	for (int i = 0; i < l->names.n && !rc; i++) {
		char *path;

		rc = join(dir, l->names.name[i], &path);
		if (!rc)
			rc = add_pictures(l, path, i, 0);
		free(path);
	}
	return rc;
}

static int add_class_folders(struct mea_data *d, const char *dir)
{
	struct mea_labelled l = {0};
	int rc = read_classes(dir, &l);

	if (!rc)
		rc = mea_data_add_labelled(d, &l, dir);
	mea_labelled_free(&l);
	return rc;
}

/* --- train, and val or test ------------------------------------------------------------------- */

/* One of Tiny ImageNet's lines: a file in images/, its class, and where the object is. */
static int add_annotated(struct mea_labelled *l, const char *dir, char *line, int at)
{
	char *file = strtok(line, "\t"), *class = file ? strtok(NULL, "\t") : NULL, *path;
	int rc, name = 0;

	while (class && name < l->names.n && strcmp(class, l->names.name[name]))
		name++;
	if (!class || name == l->names.n)
		return mea_fail(MEA_EINVAL, "%s/%s: line %d: no class of train", dir, ANNOTATIONS,
				at);
	if (asprintf(&path, "%s/images/%s", dir, file) < 0)
		return mea_nomem();
	rc = mea_labelled_add(l, path, name);
	free(path);
	return rc;
}

static int read_annotations(const char *dir, struct mea_labelled *l)
{
	char *path, line[1024];
	FILE *f = NULL;
	int rc = join(dir, ANNOTATIONS, &path);

	if (!rc) {
		f = fopen(path, "r");
		rc = f ? 0 : mea_fail(MEA_EIO, "%s: %s", path, strerror(errno));
	}
	for (int at = 1; !rc && fgets(line, sizeof(line), f); at++)
		if (*line_text(line, at == 1))
			rc = add_annotated(l, dir, line, at);
	if (f)
		fclose(f);
	free(path);
	return rc;
}

/* The training split's folders are the classes of both. */
static int read_split(struct mea_data *d, const char *dir, const char *split,
		      struct mea_labelled *l)
{
	struct mea_names classes = {0};
	char *train, *path = NULL;
	int rc = join(dir, "train", &train);

	if (!rc)
		rc = join(dir, split, &path);
	if (!rc && is_folder(train)) {
		rc = list_classes(train, &classes);
		if (!rc)
			rc = mea_data_know_classes(d, (const char *const *)classes.name, classes.n);
	}
	if (!rc && has(path, ANNOTATIONS, false)) {
		l->names = classes;
		classes = (struct mea_names){0};
		rc = read_annotations(path, l);
	} else if (!rc) {
		rc = read_classes(path, l);
	}
	mea_names_free(&classes);
	free(train);
	free(path);
	return rc;
}

static int add_split(struct mea_data *d, const char *dir)
{
	const char *split = d->want.train ? "train" : has(dir, "val", true) ? "val" : "test";
	struct mea_labelled l = {0};
	int rc = 0;

	if (!has(dir, split, true))
		rc = mea_fail(MEA_ENOENT, "%s: holds no folder %s", dir,
			      d->want.train ? "train" : "val and none test");
	if (!rc)
		rc = read_split(d, dir, split, &l);
	if (!rc)
		rc = mea_data_add_labelled(d, &l, dir);
	mea_labelled_free(&l);
	return rc;
}

/* Whether the folders in dir are splits: train beside val or test, or one of them and no other. */
static int holds_splits(const struct mea_names *folders)
{
	bool train = false, other = false;
	int known = 0;

	for (int i = 0; i < folders->n; i++) {
		const char *name = folders->name[i];

		train |= !strcmp(name, "train");
		other |= !strcmp(name, "val") || !strcmp(name, "test");
		known += !strcmp(name, "train") || !strcmp(name, "val") || !strcmp(name, "test");
	}
	return (train && other) || (known && known == folders->n);
}

/* --- a folder --------------------------------------------------------------------------------- */

static int add_loose(struct mea_data *d, const char *dir, int *n)
{
	char **paths;
	int rc = list(dir, is_picture, &paths, n);

	for (int i = 0; i < *n && !rc; i++)
		rc = mea_data_add_picture(d, paths[i], -1);
	unlist(paths, *n);
	return rc;
}

/* A folder of pictures, in folders or not. */
static int add_picture_folder(struct mea_data *d, const char *dir)
{
	struct mea_names folders = {0};
	int pictures = 0, rc = list_classes(dir, &folders);

	if (!rc && holds_splits(&folders)) {
		rc = add_split(d, dir);
	} else if (!rc) {
		rc = add_loose(d, dir, &pictures);
		if (!rc && !pictures && folders.n)
			rc = add_class_folders(d, dir);
		else if (!rc && !pictures)
			rc = mea_fail(MEA_ENOENT,
				      "%s: holds no %s, no PNG or JPEG file and no folder", dir,
				      d->want.train ? "train.bin, data_batch_1.bin"
						    : "test.bin, test_batch.bin");
	}
	mea_names_free(&folders);
	return rc;
}

static int add_in(struct mea_data *d, const char *dir, const char *name)
{
	char *path;
	int rc = join(dir, name, &path);

	if (!rc)
		rc = mea_data_add_file(d, path);
	free(path);
	return rc;
}

int mea_data_add_folder(struct mea_data *d, const char *dir)
{
	static const char *const test[] = {"test.bin", "test_batch.bin"};
	static const char *const train[] = {"data_batch_1.bin", "data_batch_2.bin",
					    "data_batch_3.bin", "data_batch_4.bin",
					    "data_batch_5.bin"};
	int rc = 0, found = 0;

	if (d->want.train && has(dir, "train.bin", false))
		return add_in(d, dir, "train.bin");
	for (size_t i = 0; i < 2 && !d->want.train; i++)
		if (has(dir, test[i], false))
			return add_in(d, dir, test[i]);
	for (size_t i = 0; i < 5 && d->want.train && !rc; i++) {
		if (!has(dir, train[i], false))
			continue;
		found++;
		rc = add_in(d, dir, train[i]);
	}
	return rc || found ? rc : add_picture_folder(d, dir);
}
