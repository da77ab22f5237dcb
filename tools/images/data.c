// SPDX-License-Identifier: Apache-2.0
/* A data set is a list of sources in the order in which they were named. */
#include "source.h"

#include "base/array.h"
#include "base/error.h"
#include "glyphs.h"
#include "image.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#define GLYPHS_DEFAULT 1000
#define STDIN_MOST     (256 << 20) /* bytes of a picture */

void mea_source_close(struct mea_source *s)
{
	if (s->fd >= 0)
		close(s->fd);
	free(s->bytes);
	free(s->path);
}

/* --- the kinds of source that need no file of their own ------------------- */

static int get_picture(const struct mea_source *s, size_t i, const struct mea_data_want *want,
		       uint8_t *rgb, int *label)
{
	FILE *f = s->bytes ? fmemopen(s->bytes, s->n_bytes, "rb") : NULL;
	struct mea_image img;
	int rc;

	(void)i;
	*label = s->label;
	if (s->bytes && !f)
		return mea_nomem();
	rc = f ? mea_image_read(f, s->path, &img) : mea_image_load(s->path, &img);
	if (f)
		fclose(f);
	if (rc)
		return rc;
	rc = mea_image_resize(&img, &want->resize, want->width, want->height, rgb);
	mea_image_free(&img);
	return rc;
}

static int get_glyph(const struct mea_source *s, size_t i, const struct mea_data_want *want,
		     uint8_t *rgb, int *label)
{
	uint8_t pixels[MEA_GLYPHS_BYTES];
	struct mea_image img = {MEA_GLYPHS_SIZE, MEA_GLYPHS_SIZE, pixels};

	*label = mea_glyph_draw(MEA_GLYPHS_SEED, s->train ? MEA_GLYPHS_TRAIN : MEA_GLYPHS_TEST,
				(uint32_t)i, pixels);
	return mea_image_resize(&img, &want->resize, want->width, want->height, rgb);
}

/* --- building the list ------------------------------------------------------ */

static struct mea_source *new_source(struct mea_data *d)
{
	struct mea_source *s;

	if (mea_grow(&d->sources, d->n_sources, 1, sizeof(*d->sources)))
		return NULL;
	s = &d->sources[d->n_sources++];
	memset(s, 0, sizeof(*s));
	s->first = d->count;
	s->fd = s->label = -1;
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
int mea_data_add_picture(struct mea_data *d, const char *path, int label)
{
	struct mea_source *s = new_source(d);

	if (!s)
		return MEA_ENOMEM;
	s->path = strdup(path);
	if (!s->path)
		return mea_nomem();
	s->get = get_picture;
	s->label = label;
	s->count = 1;
	d->count++;
	return 0;
}

int mea_data_add_file(struct mea_data *d, const char *path)
{
	int kind = mea_image_sniff(path);

	if (kind < 0)
		return kind;
	return kind == MEA_IMAGE_NONE ? add_records(d, path) : mea_data_add_picture(d, path, -1);
}

/* Keeps what comes through stdin, for it comes once. */
static int add_stdin(struct mea_data *d)
{
	int rc = mea_data_add_picture(d, "stdin", -1);
	struct mea_source *s = &d->sources[d->n_sources - 1];

	while (!rc && !feof(stdin)) {
		rc = mea_grow(&s->bytes, s->n_bytes, 65536, 1);
		if (!rc)
			s->n_bytes += fread(s->bytes + s->n_bytes, 1, 65536, stdin);
		if (!rc && ferror(stdin))
			rc = mea_fail(MEA_EIO, "stdin: %s", strerror(errno));
		if (!rc && s->n_bytes > STDIN_MOST)
			rc = mea_fail(MEA_EINVAL, "stdin: more than %d bytes; one picture is read",
				      STDIN_MOST);
	}
	if (!rc && !s->n_bytes)
		rc = mea_fail(MEA_EINVAL, "stdin: is empty");
	return rc;
}

static bool is_csv(const char *path)
{
	size_t n = strlen(path);

	return n > 4 && !strcasecmp(path + n - 4, ".csv");
}

static int add_path(struct mea_data *d, const char *path)
{
	struct stat st;

	if (!strcmp(path, "-"))
		return add_stdin(d);
	if (stat(path, &st))
		return mea_fail(MEA_ENOENT, "%s: %s", path, strerror(errno));
	if (S_ISDIR(st.st_mode))
		return mea_data_add_folder(d, path);
	return is_csv(path) ? mea_data_add_csv(d, path) : mea_data_add_file(d, path);
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
	/* They are the caller's. */
	d->want.classes = NULL;
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

/* The source that holds image i; NULL: there is none. */
static const struct mea_source *locate(const struct mea_data *d, size_t i)
{
	size_t low = 0, high = d->n_sources;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		const struct mea_source *s = &d->sources[middle];

		if (i < s->first)
			high = middle;
		else if (i - s->first < s->count)
			return s;
		else
			low = middle + 1;
	}
	return NULL;
}

int mea_data_get(struct mea_data *d, size_t i, uint8_t *rgb, int *label)
{
	const struct mea_source *s = locate(d, i);

	if (!s)
		return mea_fail(MEA_EINVAL, "there are only %zu images", d->count);
	return s->get(s, i - s->first, &d->want, rgb, label);
}

void mea_data_where(const struct mea_data *d, size_t i, char *text, size_t size)
{
	const struct mea_source *s = locate(d, i);

	if (!s)
		snprintf(text, size, "?");
	else if (s->get == get_picture)
		snprintf(text, size, "%s", s->path);
	else
		snprintf(text, size, "%s#%zu", s->path, i - s->first);
}
