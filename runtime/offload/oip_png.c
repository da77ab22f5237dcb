// SPDX-License-Identifier: Apache-2.0
/* Images as PNG: a raw request of the media type image/png, where the server announces that it
 * takes them. An extension of mea's; the pixels are the same. */
#include "offload/oip.h"

#include "base/error.h"

#include <png.h>
#include <stdlib.h>

int mea_oip_png_write(const void *rgb, int height, int width, void **body, size_t *size)
{
	png_image png = {.version = PNG_IMAGE_VERSION,
			 .width = (png_uint_32)width,
			 .height = (png_uint_32)height,
			 .format = PNG_FORMAT_RGB};
	png_alloc_size_t room = PNG_IMAGE_PNG_SIZE_MAX(png);

	*body = malloc(room);
	if (!*body)
		return mea_nomem();
	if (!png_image_write_to_memory(&png, *body, &room, 0, rgb, 0, NULL)) {
		free(*body);
		*body = NULL;
		return mea_fail(MEA_ENOMEM, "PNG: %s", png.message);
	}
	*size = room;
	return 0;
}
