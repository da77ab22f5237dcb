// SPDX-License-Identifier: Apache-2.0
/* A data set is a list of sources in the order in which they were named. */
#include "source.h"

#include "base/array.h"
#include "base/error.h"
#include "glyphs.h"
#include "image.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#define GLYPHS_DEFAULT 1000

struct mea_data {
	struct mea_data_want want;
	struct mea_source *sources;
	size_t n_sources, count;
	int classes;
	struct mea_names names;
};

void mea_source_close(struct mea_source *s)
{
	if (s->fd >= 0)
		close(s->fd);
	free(s->path);
}

/* --- the kinds of source that need no file of their own ------------------- */

static int get_image(struct mea_source *s, size_t i, int w, int h, uint8_t *rgb, int *label)
{
	struct mea_image img;
	int rc;

	(void)i;
	*label = -1;
	rc = mea_image_load(s->path, &img);
	if (rc)
		return rc;
	rc = mea_image_fit(&img, w, h, rgb);
	mea_image_free(&img);
	return rc;
}

static int get_glyph(struct mea_source *s, size_t i, int w, int h, uint8_t *rgb, int *label)
{
	uint8_t pixels[MEA_GLYPHS_BYTES];
	struct mea_image img = {MEA_GLYPHS_SIZE, MEA_GLYPHS_SIZE, pixels};

	*label = mea_glyph_draw(MEA_GLYPHS_SEED, s->train ? MEA_GLYPHS_TRAIN : MEA_GLYPHS_TEST,
				(uint32_t)i, pixels);
	return mea_image_fit(&img, w, h, rgb);
}

/* --- building the list ------------------------------------------------------ */

static struct mea_source *new_source(struct mea_data *d)
{
	struct mea_source *s;

	if (mea_grow(&d->sources, d->n_sources, 1, sizeof(*d->sources)))
		return NULL;
	s = &d->sources[d->n_sources++];
	memset(s, 0, sizeof(*s));
	s->fd = -1;
	return s;
}

static int add_glyphs(struct mea_data *d)
{
	struct mea_source *s = new_source(d);

	if (!s)
		return MEA_ENOMEM;
	s->path = strdup("glyphs");
	s->get = get_glyph;
	s->count = d->want.glyphs ? d->want.glyphs : GLYPHS_DEFAULT;
	s->train = d->want.train;
	s->classes = d->classes = MEA_GLYPHS_CLASSES;
	d->names.name = calloc(MEA_GLYPHS_CLASSES, sizeof(*d->names.name));
	if (!s->path || !d->names.name)
		return mea_nomem();
	for (; d->names.n < MEA_GLYPHS_CLASSES; d->names.n++) {
		d->names.name[d->names.n] = strdup(mea_glyph_name(d->names.n));
		if (!d->names.name[d->names.n])
			return mea_nomem();
	}
	d->count += s->count;
	return 0;
}

/* Labels of several files count in one set of classes, so their folders must
 * agree about it. */
static int join_classes(struct mea_data *d, const char *path, const char *dir, int *classes)
{
	struct mea_names names;
	int rc = mea_names_load(dir, &names);

	if (rc)
		return rc;
	*classes = names.n;
	if (!d->names.n) {
		d->names = names;
		return 0;
	}
	for (int i = 0; i < names.n && i < d->names.n; i++)
		if (strcmp(names.name[i], d->names.name[i]))
			rc = mea_fail(MEA_EINVAL, "%s: class %d is '%s' here and '%s' before it",
				      path, i, names.name[i], d->names.name[i]);
	mea_names_free(&names);
	return rc;
}

static int add_records(struct mea_data *d, const char *path)
{
	const char *slash = strrchr(path, '/');
	char *dir = slash ? strndup(path, (size_t)(slash - path) + 1) : strdup(".");
	struct mea_source *s = new_source(d);
	int classes, rc;

	if (!s || !dir) {
		rc = mea_nomem();
		goto out;
	}
	rc = join_classes(d, path, dir, &classes);
	if (rc)
		goto out;
	s->classes = classes;
	rc = mea_source_samples(path, s);
	if (rc)
		goto out;
	if (d->classes && d->classes != s->classes) {
		rc = mea_fail(MEA_EINVAL, "%s: has %d classes, the files before it %d", path,
			      s->classes, d->classes);
		goto out;
	}
	d->classes = s->classes;
	d->count += s->count;
out:
	free(dir);
	return rc;
}

/* What is wrong with the file is found out when it is read, and costs its answer alone. */
static int add_image(struct mea_data *d, const char *path)
{
	struct mea_source *s = new_source(d);

	if (!s)
		return MEA_ENOMEM;
	s->path = strdup(path);
	if (!s->path)
		return mea_nomem();
	s->get = get_image;
	s->count = 1;
	d->count++;
	return 0;
}

static int add_file(struct mea_data *d, const char *path)
{
	int kind = mea_image_sniff(path);

	if (kind < 0)
		return kind;
	return kind == MEA_IMAGE_NONE ? add_records(d, path) : add_image(d, path);
}

/* --- folders ------------------------------------------------------------------ */

static int is_image_name(const struct dirent *e)
{
	const char *dot = strrchr(e->d_name, '.');

	/* Hidden ones are other programs' own: "._cat.png" is no picture. */
	return dot && e->d_name[0] != '.' &&
	       (!strcasecmp(dot, ".png") || !strcasecmp(dot, ".jpg") || !strcasecmp(dot, ".jpeg"));
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

static int add_in(struct mea_data *d, const char *dir, const char *name,
		  int (*add)(struct mea_data *d, const char *path))
{
	char path[4096];

	if (snprintf(path, sizeof(path), "%s/%s", dir, name) >= (int)sizeof(path))
		return mea_fail(MEA_EINVAL, "%.64s…/%s: the path is too long", dir, name);
	return add(d, path);
}

static bool has(const char *dir, const char *name)
{
	char path[4096];

	return snprintf(path, sizeof(path), "%s/%s", dir, name) < (int)sizeof(path) &&
	       access(path, F_OK) == 0;
}

static int add_image_files(struct mea_data *d, const char *dir)
{
	struct dirent **list = NULL;
	int n = scandir(dir, &list, is_image_name, by_name), rc = 0;

	if (n < 0)
		return mea_fail(MEA_EIO, "%s: %s", dir, strerror(errno));
	for (int i = 0; i < n; i++) {
		if (!rc)
			rc = add_in(d, dir, list[i]->d_name, add_image);
		free(list[i]);
	}
	free(list);
	if (!rc && n == 0)
		rc = mea_fail(MEA_ENOENT, "%s: holds no %s and no PNG or JPEG file", dir,
			      d->want.train ? "train.bin, data_batch_1.bin"
					    : "test.bin, test_batch.bin");
	return rc;
}

static int add_folder(struct mea_data *d, const char *dir)
{
	static const char *const test[] = {"test.bin", "test_batch.bin"};
	static const char *const batches[] = {"data_batch_1.bin", "data_batch_2.bin",
					      "data_batch_3.bin", "data_batch_4.bin",
					      "data_batch_5.bin"};
	int rc = 0, found = 0;

	if (d->want.train && has(dir, "train.bin"))
		return add_in(d, dir, "train.bin", add_file);
	for (size_t i = 0; i < 2 && !d->want.train; i++)
		if (has(dir, test[i]))
			return add_in(d, dir, test[i], add_file);
	for (size_t i = 0; i < 5 && d->want.train && !rc; i++) {
		if (!has(dir, batches[i]))
			continue;
		found++;
		rc = add_in(d, dir, batches[i], add_file);
	}
	return rc || found ? rc : add_image_files(d, dir);
}

static int add_path(struct mea_data *d, const char *path)
{
	struct stat st;

	if (stat(path, &st))
		return mea_fail(MEA_ENOENT, "%s: %s", path, strerror(errno));
	return S_ISDIR(st.st_mode) ? add_folder(d, path) : add_file(d, path);
}

int mea_data_open(const char *const *paths, int n_paths, const struct mea_data_want *want,
		  struct mea_data **out)
{
	const char *env = getenv("MEA_DATA");
	struct mea_data *d = calloc(1, sizeof(*d));
	int rc = 0;

	*out = NULL;
	if (!d)
		return mea_nomem();
	d->want = *want;
	for (int i = 0; i < n_paths && !rc; i++)
		rc = add_path(d, paths[i]);
	if (!n_paths && env && *env) {
		rc = add_path(d, env);
		if (rc)
			mea_fail_in(rc, "MEA_DATA");
	} else if (!n_paths) {
		rc = add_glyphs(d);
	}
	if (rc) {
		mea_data_close(d);
		return rc;
	}
	*out = d;
	return 0;
}

void mea_data_close(struct mea_data *d)
{
	if (!d)
		return;
	for (size_t i = 0; i < d->n_sources; i++)
		mea_source_close(&d->sources[i]);
	free(d->sources);
	mea_names_free(&d->names);
	free(d);
}

/* --- use ------------------------------------------------------------------------ */

size_t mea_data_count(const struct mea_data *d)
{
	return d->count;
}

int mea_data_classes(const struct mea_data *d)
{
	return d->classes;
}

const char *mea_data_class_name(const struct mea_data *d, int label)
{
	return label >= 0 && label < d->names.n ? d->names.name[label] : NULL;
}

/* Turns an image number into its source and the number there. */
static struct mea_source *locate(const struct mea_data *d, size_t *i)
{
	for (size_t s = 0; s < d->n_sources; s++) {
		if (*i < d->sources[s].count)
			return &d->sources[s];
		*i -= d->sources[s].count;
	}
	return NULL;
}

int mea_data_get(struct mea_data *d, size_t i, uint8_t *rgb, int *label)
{
	struct mea_source *s = locate(d, &i);

	if (!s)
		return mea_fail(MEA_EINVAL, "there are only %zu images", d->count);
	return s->get(s, i, d->want.width, d->want.height, rgb, label);
}

void mea_data_where(const struct mea_data *d, size_t i, char *text, size_t size)
{
	const struct mea_source *s = locate(d, &i);

	if (!s)
		snprintf(text, size, "?");
	else if (s->get == get_image)
		snprintf(text, size, "%s", s->path);
	else
		snprintf(text, size, "%s#%zu", s->path, i);
}
