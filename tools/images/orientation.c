// SPDX-License-Identifier: Apache-2.0
/* How a camera was held: Exif's tag Orientation (CIPA DC-008, 4.6.4), through libexif. */
#include "image.h"

#include "base/error.h"

#include <libexif/exif-data.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* 1 to 8; 1, as it stands, where nothing says otherwise. */
static int orientation_of(const uint8_t *exif, size_t size)
{
	ExifData *data = exif_data_new_from_data(exif, (unsigned)size);
	ExifEntry *e = data ? exif_content_get_entry(data->ifd[EXIF_IFD_0], EXIF_TAG_ORIENTATION)
			    : NULL;
	int o = 1;

	if (e && e->format == EXIF_FORMAT_SHORT && e->components == 1)
		o = exif_get_short(e->data, exif_data_get_byte_order(data));
	if (data)
		exif_data_unref(data);
	return o >= 1 && o <= 8 ? o : 1;
}

int mea_image_orient(struct mea_image *img, const uint8_t *exif, size_t size)
{
	int o = orientation_of(exif, size), w = img->w, h = img->h;
	/* Rows become columns, and then the result is mirrored. */
	bool swap = o >= 5, flip_x = o == 2 || o == 3 || o == 6 || o == 7,
	     flip_y = o == 3 || o == 4 || o == 7 || o == 8;
	int out_w = swap ? h : w, out_h = swap ? w : h;
	uint8_t *rgb;

	if (o == 1)
		return 0;
	rgb = malloc((size_t)w * (size_t)h * 3);
	if (!rgb)
		return mea_nomem();
	for (int y = 0; y < h; y++)
		for (int x = 0; x < w; x++) {
			int to_x = swap ? y : x, to_y = swap ? x : y;

			to_x = flip_x ? out_w - 1 - to_x : to_x;
			to_y = flip_y ? out_h - 1 - to_y : to_y;
			memcpy(rgb + ((size_t)to_y * (size_t)out_w + (size_t)to_x) * 3,
			       img->rgb + ((size_t)y * (size_t)w + (size_t)x) * 3, 3);
		}
	free(img->rgb);
	*img = (struct mea_image){out_w, out_h, rgb};
	return 0;
}
