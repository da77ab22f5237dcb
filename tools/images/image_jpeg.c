// SPDX-License-Identifier: Apache-2.0
/* JPEG through libjpeg-turbo. */
#include "image.h"

#include "base/error.h"

#include <errno.h>
#include <setjmp.h>
#include <stdio.h>
#include <string.h>

#include <jpeglib.h>
#include <jerror.h>

/* A progressive file can name any number of scans, each of which costs a pass
 * over the whole picture. Real ones have about ten. */
#define MAX_SCANS 100

/* All that must survive a longjmp() lives here, outside the function that calls
 * setjmp(). */
struct reader {
	struct jpeg_decompress_struct jpeg;
	struct jpeg_error_mgr errors;
	struct jpeg_progress_mgr progress;
	jmp_buf stop;
	char text[JMSG_LENGTH_MAX];
	FILE *f;
	int rc;
};

static struct reader *reader_of(j_common_ptr c)
{
	return c->client_data;
}

static void on_error(j_common_ptr c)
{
	struct reader *r = reader_of(c);

	c->err->format_message(c, r->text);
	longjmp(r->stop, 1);
}

static void on_message(j_common_ptr c, int level)
{
	/* Level -1 is a damaged file. Stray bytes between two markers are common
	 * in the field and cost no pixel. */
	if (level < 0 && c->err->msg_code != JWRN_EXTRANEOUS_DATA)
		on_error(c);
}

static void on_progress(j_common_ptr c)
{
	struct reader *r = reader_of(c);

	if (c->is_decompressor && r->jpeg.input_scan_number > MAX_SCANS) {
		snprintf(r->text, sizeof(r->text), "more than %d scans", MAX_SCANS);
		longjmp(r->stop, 1);
	}
}

static void decode(struct reader *r, const char *path, struct mea_image *out)
{
	if (setjmp(r->stop)) {
		r->rc = mea_fail(MEA_EINVAL, "%s: %s", path, r->text);
		return;
	}
	jpeg_create_decompress(&r->jpeg);
	r->jpeg.progress = &r->progress;
	jpeg_stdio_src(&r->jpeg, r->f);
	jpeg_read_header(&r->jpeg, TRUE);
	r->rc = mea_image_alloc(path, r->jpeg.image_width, r->jpeg.image_height, out);
	if (r->rc)
		return;
	r->jpeg.out_color_space = JCS_RGB;
	jpeg_start_decompress(&r->jpeg);
	while (r->jpeg.output_scanline < r->jpeg.output_height) {
		JSAMPROW row = out->rgb + (size_t)r->jpeg.output_scanline * (size_t)out->w * 3;

		jpeg_read_scanlines(&r->jpeg, &row, 1);
	}
	jpeg_finish_decompress(&r->jpeg);
}

int mea_image_load_jpeg(const char *path, struct mea_image *out)
{
	struct reader r = {0};

	r.f = fopen(path, "rb");
	if (!r.f)
		return mea_fail(MEA_EIO, "%s: %s", path, strerror(errno));
	r.jpeg.err = jpeg_std_error(&r.errors);
	r.errors.error_exit = on_error;
	r.errors.emit_message = on_message;
	r.progress.progress_monitor = on_progress;
	/* jpeg_create_decompress() keeps err and client_data. */
	r.jpeg.client_data = &r;
	decode(&r, path, out);
	jpeg_destroy_decompress(&r.jpeg);
	fclose(r.f);
	if (r.rc)
		mea_image_free(out);
	return r.rc;
}
