/* SPDX-License-Identifier: Apache-2.0 */
/* Single images: decoding PNG and JPEG files, and fitting one to a size. */
#ifndef MEA_IMAGE_H
#define MEA_IMAGE_H

#include <stdint.h>

/* Larger images are refused: they are an attack or a mistake. */
#define MEA_IMAGE_MAX_SIDE   32768
#define MEA_IMAGE_MAX_PIXELS (1 << 26)

struct mea_image {
	int w, h;
	uint8_t *rgb; /* h * w * 3, owned */
};

enum mea_image_kind { MEA_IMAGE_NONE, MEA_IMAGE_PNG, MEA_IMAGE_JPEG };

/* What a file's first bytes say it is; a negative error if it cannot be read or
 * is no regular file (a pipe would hang the caller). */
int mea_image_sniff(const char *path);

/* Decodes a PNG or JPEG file to 8-bit RGB; transparent parts come out black.
 * Truncated, damaged or oversized files give an error that names the file. */
int mea_image_load(const char *path, struct mea_image *out);

/* Frees the pixels. */
void mea_image_free(struct mea_image *img);

/*
 * Cuts the centre of img to the shape w x h and resizes it with a triangle filter
 * (bilinear; widened when it shrinks, so that no pixel is skipped). An image
 * of the right size is copied as it is.
 */
int mea_image_fit(const struct mea_image *img, int w, int h, uint8_t *rgb);

/* Used by mea_image_load(). */
int mea_image_load_png(const char *path, struct mea_image *out);
int mea_image_load_jpeg(const char *path, struct mea_image *out);

/* Checks the size and allocates the pixels; the message names path. */
int mea_image_alloc(const char *path, uint32_t w, uint32_t h, struct mea_image *out);

#endif
