// SPDX-License-Identifier: Apache-2.0
/* A request whose body is a PNG, the extension image_png. */
#include "oip_server.h"

#include "base/error.h"

#include <png.h>
#include <stdlib.h>
#include <string.h>

/* The picture that the model's only input takes: height, width; false when it takes none. */
static bool picture_of(const struct mea_signature *io, int64_t *height, int64_t *width,
		       bool *planes)
{
	const int64_t *d = io->in[0].shape.dim;

	if (io->n_in != 1 || io->in[0].type != MEA_U8 || io->in[0].shape.rank != 4 || d[0] != 1)
		return false;
	*planes = d[3] != 3;
	*height = *planes ? d[2] : d[1];
	*width = *planes ? d[3] : d[2];
	return !*planes || d[1] == 3;
}

static void to_planes(const uint8_t *rgb, size_t pixels, uint8_t *out)
{
	for (size_t i = 0; i < 3 * pixels; i++)
		out[i % 3 * pixels + i / 3] = rgb[i];
}

/* Decodes into out, of the size that was checked. */
static int decode(png_image *png, const char *input, uint8_t *out, bool planes)
{
	size_t pixels = (size_t)png->width * png->height;
	const png_color black = {0, 0, 0};
	uint8_t *rgb = planes ? malloc(3 * pixels + 1) : out;

	if (!rgb)
		return mea_nomem();
	png->format = PNG_FORMAT_RGB;
	if (!png_image_finish_read(png, &black, rgb, 0, NULL)) {
		if (planes)
			free(rgb);
		return mea_fail(MEA_EINVAL, "%s: PNG: %s", input, png->message);
	}
	if (planes) {
		to_planes(rgb, pixels, out);
		free(rgb);
	}
	return 0;
}

int mea_oip_request_png(const struct mea_signature *io, const void *body, size_t size,
			struct mea_oip_request *r)
{
	const struct mea_io *e = &io->in[0];
	png_image png = {.version = PNG_IMAGE_VERSION};
	int64_t height, width;
	bool planes;
	int rc = 0;

	memset(r, 0, sizeof(*r));
	if (!picture_of(io, &height, &width, &planes))
		return mea_fail(MEA_EINVAL, "a PNG is for models whose one input is a UINT8 image");
	if (!png_image_begin_read_from_memory(&png, body, size))
		return mea_fail(MEA_EINVAL, "%s: PNG: %s", e->name, png.message);
	/* Before any memory for the pixels. */
	if (png.width != width || png.height != height)
		rc = mea_fail(MEA_EINVAL, "%s: the PNG has %ux%u pixels; the model takes %lldx%lld",
			      e->name, png.width, png.height, (long long)width, (long long)height);
	if (!rc) {
		r->in[0] = malloc(e->bytes + !e->bytes);
		rc = r->in[0] ? decode(&png, e->name, r->in[0], planes) : mea_nomem();
	}
	png_image_free(&png);
	if (rc) {
		mea_oip_request_free(r);
		return rc;
	}
	r->items = 1;
	r->n_want = io->n_out;
	for (int i = 0; i < io->n_out; i++)
		r->want[i] = (struct mea_oip_want){i, true};
	return 0;
}
