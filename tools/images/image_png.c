// SPDX-License-Identifier: Apache-2.0
/* PNG through libpng's simplified interface, which needs no longjmp() here. */
#include "image.h"

#include "base/error.h"

#include <png.h>

#include <string.h>

int mea_image_read_png(FILE *f, const char *name, struct mea_image *out)
{
	png_image png = {.version = PNG_IMAGE_VERSION};
	const png_color black = {0, 0, 0};
	int rc;

	if (!png_image_begin_read_from_stdio(&png, f))
		return mea_fail(MEA_EINVAL, "%s: %s", name, png.message);
	rc = mea_image_alloc(name, png.width, png.height, out);
	if (rc) {
		png_image_free(&png);
		return rc;
	}
	png.format = PNG_FORMAT_RGB;
	/* Without a colour chunk 16 bits are sRGB as 8 bits are, not linear light: so the
	 * tools read them that wrote the training images. */
	png.flags |= PNG_IMAGE_FLAG_16BIT_sRGB;
	/* Damage to the picture is an error of libpng's, to a colour profile or a text
	 * a warning only, and such files are common. */
	if (!png_image_finish_read(&png, &black, out->rgb, 0, NULL)) {
		rc = mea_fail(MEA_EINVAL, "%s: %s", name, png.message);
		png_image_free(&png);
		mea_image_free(out);
	}
	return rc;
}
