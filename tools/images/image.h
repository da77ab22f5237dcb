/* SPDX-License-Identifier: Apache-2.0 */
/* Single pictures: decoding PNG and JPEG files. (resize.h makes one fit a size.) */
#ifndef MEA_IMAGE_H
#define MEA_IMAGE_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* Larger pictures are refused: they are an attack or a mistake. A JPEG of up to so many pixels is
 * halved while it is decoded until it fits. */
#define MEA_IMAGE_MAX_SIDE    32768
#define MEA_IMAGE_MAX_PIXELS  (1 << 26)
#define MEA_IMAGE_JPEG_PIXELS (1 << 30)

struct mea_image {
	int w, h;
	uint8_t *rgb; /* h * w * 3, owned */
};

enum mea_image_kind {
	MEA_IMAGE_NONE,
	MEA_IMAGE_PNG,
	MEA_IMAGE_JPEG,
	MEA_IMAGE_OTHER /* a picture that cannot be read here */
};

/* What a file's first bytes say it is; a negative error if it cannot be read or
 * is no regular file (a pipe would hang the caller). */
int mea_image_sniff(const char *path);

/* Decodes a PNG or JPEG file to 8-bit RGB; transparent parts come out black, and a JPEG stands as
 * its Exif orientation says. Truncated, damaged or oversized files and other kinds give an error
 * that names the file. */
int mea_image_load(const char *path, struct mea_image *out);

/* The same of a stream that stands at its beginning and can be rewound; the errors call it name. */
int mea_image_read(FILE *f, const char *name, struct mea_image *out);

/* Frees the pixels. */
void mea_image_free(struct mea_image *img);

/* Used by mea_image_read(). */
int mea_image_read_png(FILE *f, const char *name, struct mea_image *out);
int mea_image_read_jpeg(FILE *f, const char *name, struct mea_image *out);

/* Turns the picture as an Exif block of size bytes says; leaves it where that says nothing. */
int mea_image_orient(struct mea_image *img, const uint8_t *exif, size_t size);

/* Checks the size and allocates the pixels; the message names path. */
int mea_image_alloc(const char *path, uint32_t w, uint32_t h, struct mea_image *out);

#endif
