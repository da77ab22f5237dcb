// SPDX-License-Identifier: Apache-2.0
#include "image.h"

#include "base/error.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* By the first bytes of their files. */
static const struct kind {
	const char *name;
	enum mea_image_kind kind;
	size_t at; /* where the bytes stand */
	const char *bytes;
	size_t n;
} kinds[] = {
	{"PNG", MEA_IMAGE_PNG, 0, "\x89PNG\r\n\x1a\n", 8},
	{"JPEG", MEA_IMAGE_JPEG, 0, "\xff\xd8\xff", 3},
	{"WebP", MEA_IMAGE_OTHER, 8, "WEBPVP8", 7},
	{"GIF", MEA_IMAGE_OTHER, 0, "GIF8", 4},
	{"TIFF", MEA_IMAGE_OTHER, 0, "II*\0", 4},
	{"TIFF", MEA_IMAGE_OTHER, 0, "MM\0*", 4},
	{"HEIF", MEA_IMAGE_OTHER, 4, "ftyphei", 7},
	{"AVIF", MEA_IMAGE_OTHER, 4, "ftypavif", 8},
	{"JPEG XL", MEA_IMAGE_OTHER, 4, "JXL \r\n\x87\n", 8},
	/* The sixth byte to the ninth are 0: two letters alone would be any file. */
	{"BMP", MEA_IMAGE_OTHER, 6, "\0\0\0\0", 4},
};

/* NULL: none of them. */
static const struct kind *kind_of(const uint8_t *head, size_t size)
{
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		const struct kind *k = &kinds[i];

		if (size < k->at + k->n || memcmp(head + k->at, k->bytes, k->n))
			continue;
		if (strcmp(k->name, "BMP") || !memcmp(head, "BM", 2))
			return k;
	}
	return NULL;
}

static int sniff(FILE *f, const char *name, const struct kind **kind)
{
	uint8_t head[16] = {0};
	size_t n = fread(head, 1, sizeof(head), f);

	if (n < sizeof(head) && ferror(f))
		return mea_fail(MEA_EIO, "%s: cannot be read", name);
	rewind(f);
	*kind = kind_of(head, n);
	return 0;
}

static int open_picture(const char *path, FILE **f)
{
	struct stat st;

	if (stat(path, &st))
		return mea_fail(MEA_ENOENT, "%s: %s", path, strerror(errno));
	if (!S_ISREG(st.st_mode))
		return mea_fail(MEA_EINVAL, "%s: not a regular file", path);
	*f = fopen(path, "rb");
	return *f ? 0 : mea_fail(MEA_EIO, "%s: %s", path, strerror(errno));
}

int mea_image_sniff(const char *path)
{
	const struct kind *kind = NULL;
	FILE *f;
	int rc = open_picture(path, &f);

	if (rc)
		return rc;
	rc = sniff(f, path, &kind);
	fclose(f);
	return rc ? rc : kind ? (int)kind->kind : MEA_IMAGE_NONE;
}

int mea_image_read(FILE *f, const char *name, struct mea_image *out)
{
	const struct kind *kind;
	int rc = sniff(f, name, &kind);

	memset(out, 0, sizeof(*out));
	if (rc)
		return rc;
	if (!kind)
		return mea_fail(MEA_EINVAL, "%s: neither a PNG nor a JPEG file", name);
	if (kind->kind == MEA_IMAGE_PNG)
		return mea_image_read_png(f, name, out);
	if (kind->kind == MEA_IMAGE_JPEG)
		return mea_image_read_jpeg(f, name, out);
	return mea_fail(MEA_EUNSUPPORTED, "%s: is a %s file; mea reads PNG and JPEG", name,
			kind->name);
}

int mea_image_load(const char *path, struct mea_image *out)
{
	FILE *f;
	int rc;

	memset(out, 0, sizeof(*out));
	rc = open_picture(path, &f);
	if (rc)
		return rc;
	rc = mea_image_read(f, path, out);
	fclose(f);
	return rc;
}

void mea_image_free(struct mea_image *img)
{
	free(img->rgb);
	memset(img, 0, sizeof(*img));
}

int mea_image_alloc(const char *path, uint32_t w, uint32_t h, struct mea_image *out)
{
	if (w == 0 || h == 0 || w > MEA_IMAGE_MAX_SIDE || h > MEA_IMAGE_MAX_SIDE ||
	    (uint64_t)w * h > MEA_IMAGE_MAX_PIXELS)
		return mea_fail(MEA_EINVAL,
				"%s: %u x %u pixels; at most %d a side and %d in all are read",
				path, w, h, MEA_IMAGE_MAX_SIDE, MEA_IMAGE_MAX_PIXELS);
	out->rgb = calloc((size_t)w * h, 3);
	if (!out->rgb)
		return mea_fail(MEA_ENOMEM, "%s: no memory for %u x %u pixels", path, w, h);
	out->w = (int)w;
	out->h = (int)h;
	return 0;
}
