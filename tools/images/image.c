// SPDX-License-Identifier: Apache-2.0
#include "image.h"

#include "base/error.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

int mea_image_sniff(const char *path)
{
	uint8_t head[8] = {0};
	struct stat st;
	FILE *f;

	if (stat(path, &st))
		return mea_fail(MEA_ENOENT, "%s: %s", path, strerror(errno));
	if (!S_ISREG(st.st_mode))
		return mea_fail(MEA_EINVAL, "%s: not a regular file", path);
	f = fopen(path, "rb");
	if (!f)
		return mea_fail(MEA_EIO, "%s: %s", path, strerror(errno));
	if (fread(head, 1, sizeof(head), f) < sizeof(head) && ferror(f)) {
		fclose(f);
		return mea_fail(MEA_EIO, "%s: cannot be read", path);
	}
	fclose(f);
	if (!memcmp(head, "\x89PNG\r\n\x1a\n", 8))
		return MEA_IMAGE_PNG;
	if (!memcmp(head, "\xff\xd8\xff", 3))
		return MEA_IMAGE_JPEG;
	return MEA_IMAGE_NONE;
}

int mea_image_load(const char *path, struct mea_image *out)
{
	int kind = mea_image_sniff(path);

	memset(out, 0, sizeof(*out));
	if (kind < 0)
		return kind;
	if (kind == MEA_IMAGE_PNG)
		return mea_image_load_png(path, out);
	if (kind == MEA_IMAGE_JPEG)
		return mea_image_load_jpeg(path, out);
	return mea_fail(MEA_EINVAL, "%s: neither a PNG nor a JPEG file", path);
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

/* The largest w:h window in the centre of img. */
static void centre_window(const struct mea_image *img, int w, int h, double *x, double *y,
			  double *cw, double *ch)
{
	*cw = img->w;
	*ch = img->h;
	if ((int64_t)img->w * h > (int64_t)img->h * w)
		*cw = (double)img->h * w / h;
	else
		*ch = (double)img->w * h / w;
	*x = (img->w - *cw) / 2;
	*y = (img->h - *ch) / 2;
}

/*
 * One output sample of a row or column: n source samples, stride bytes apart,
 * weighted by a triangle around centre.
 */
static float sample(const float *src, int n, size_t stride, double centre, double radius)
{
	int lo = (int)(centre - radius), hi = (int)(centre + radius) + 1;
	double sum = 0, total = 0;

	lo = lo < 0 ? 0 : lo;
	hi = hi > n ? n : hi;
	for (int i = lo; i < hi; i++) {
		double d = i + 0.5 - centre, weight = 1 - (d < 0 ? -d : d) / radius;

		if (weight <= 0)
			continue;
		sum += weight * (double)src[(size_t)i * stride];
		total += weight;
	}
	/* The nearest sample is always within reach. */
	return (float)(sum / total);
}

static void resize(const struct mea_image *img, int w, int h, float *rows, float *line,
		   uint8_t *rgb)
{
	double x0, y0, cw, ch, rx, ry;

	centre_window(img, w, h, &x0, &y0, &cw, &ch);
	rx = cw > w ? cw / w : 1;
	ry = ch > h ? ch / h : 1;
	for (int y = 0; y < img->h; y++) {
		const uint8_t *src = img->rgb + (size_t)y * (size_t)img->w * 3;

		for (int i = 0; i < img->w * 3; i++)
			line[i] = src[i];
		for (int x = 0; x < w; x++)
			for (int k = 0; k < 3; k++)
				rows[((size_t)y * (size_t)w + (size_t)x) * 3 + (size_t)k] =
					sample(line + k, img->w, 3, x0 + (x + 0.5) * cw / w, rx);
	}
	for (int y = 0; y < h; y++)
		for (int i = 0; i < w * 3; i++)
			rgb[(size_t)y * (size_t)w * 3 + (size_t)i] =
				(uint8_t)(sample(rows + i, img->h, (size_t)w * 3,
						 y0 + (y + 0.5) * ch / h, ry) +
					  0.5f);
}

int mea_image_fit(const struct mea_image *img, int w, int h, uint8_t *rgb)
{
	float *rows, *line;
	int rc = 0;

	if (img->w == w && img->h == h) {
		memcpy(rgb, img->rgb, (size_t)w * (size_t)h * 3);
		return 0;
	}
	rows = calloc((size_t)img->h * (size_t)w * 3, sizeof(*rows));
	line = calloc((size_t)img->w * 3, sizeof(*line));
	if (rows && line)
		resize(img, w, h, rows, line, rgb);
	else
		rc = mea_fail(MEA_ENOMEM, "no memory to resize a %d x %d image", img->w, img->h);
	free(line);
	free(rows);
	return rc;
}
