/* SPDX-License-Identifier: Apache-2.0 */
/* How a picture becomes an image of the size that a network takes. */
#ifndef MEA_IMAGES_RESIZE_H
#define MEA_IMAGES_RESIZE_H

#include <jansson.h>

#include "images/image.h"

enum mea_resize_mode {
	MEA_RESIZE_CROP,      /* keep the shape: cover the size and cut out the centre */
	MEA_RESIZE_STRETCH,   /* each side by itself */
	MEA_RESIZE_LETTERBOX, /* keep the shape: all of it, black bars beside it */
	MEA_RESIZE_MODES
};

enum mea_filter { MEA_FILTER_BILINEAR, MEA_FILTER_BICUBIC, MEA_FILTER_NEAREST, MEA_FILTERS };

struct mea_resize {
	enum mea_resize_mode mode;
	enum mea_filter filter;
	/* Of crop: the shorter side that the picture is resized to before the centre is cut out;
	 * 0, or too short to cover the size: just so that it covers it. */
	int side;
};

/* As bundle.json and the options call them; NULL beyond the last. */
const char *mea_resize_mode_name(int mode);
const char *mea_filter_name(int filter);

/* Reads "resize" of a bundle's "input"; without it: crop, bilinear. MEA_EINVAL names the field. */
int mea_resize_parse(const json_t *input, struct mea_resize *how);

/*
 * Makes of img an image of w x h RGB bytes. The sizes of the resized picture, where its centre is
 * and the filters are those of torchvision's Resize and CenterCrop on Pillow's images; bilinear and
 * bicubic widen when they shrink, so that no pixel is skipped. Where the size is right already, the
 * pixels are copied.
 */
int mea_image_resize(const struct mea_image *img, const struct mea_resize *how, int w, int h,
		     uint8_t *rgb);

#endif
