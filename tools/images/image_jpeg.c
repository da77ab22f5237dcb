// SPDX-License-Identifier: Apache-2.0
/* JPEG through libjpeg-turbo. */
#include "image.h"

#include "base/error.h"

#include <setjmp.h>
#include <stdio.h>
#include <string.h>

#include <jpeglib.h>
#include <jerror.h>

/* A progressive file can name any number of scans, each of which costs a pass
 * over the whole picture. Real ones have about ten. */
#define MAX_SCANS 100

/* What decoding may hold: a progressive file is kept as a whole until its last scan. */
#define MAX_MEMORY (1L << 30)
/* A segment without its marker and length. */
#define SEGMENT_MAX 65533

/* All that must survive a longjmp() lives here, outside the function that calls
 * setjmp(). */
struct reader {
	struct jpeg_decompress_struct jpeg;
	struct jpeg_error_mgr errors;
	struct jpeg_progress_mgr progress;
	jmp_buf stop;
	char text[JMSG_LENGTH_MAX];
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

/* a * b / 255, rounded. */
static unsigned mul255(unsigned a, unsigned b)
{
	unsigned t = a * b + 128;

	return (t + (t >> 8)) >> 8;
}

/* A row of CMYK, as programs write it: complements of the inks (Adobe's convention, which readers
 * assume of all such files). Without a colour profile the inks multiply. */
static void row_of_inks(const JSAMPLE *cmyk, int w, uint8_t *rgb)
{
	for (int x = 0; x < w; x++) {
		unsigned light = cmyk[4 * x + 3];

		for (int k = 0; k < 3; k++)
			rgb[3 * x + k] = (uint8_t)(light - mul255(255u - cmyk[4 * x + k], light));
	}
}

/* Halves a picture that is too large until it fits. */
static int choose_scale(struct reader *r, const char *name, struct mea_image *out)
{
	struct jpeg_decompress_struct *j = &r->jpeg;

	if ((uint64_t)j->image_width * j->image_height > MEA_IMAGE_JPEG_PIXELS)
		return mea_fail(MEA_EINVAL, "%s: %u x %u pixels; at most %d are read", name,
				j->image_width, j->image_height, MEA_IMAGE_JPEG_PIXELS);
	for (j->scale_denom = 1; j->scale_denom < 8; j->scale_denom *= 2) {
		jpeg_calc_output_dimensions(j);
		if ((uint64_t)j->output_width * j->output_height <= MEA_IMAGE_MAX_PIXELS &&
		    j->output_width <= MEA_IMAGE_MAX_SIDE && j->output_height <= MEA_IMAGE_MAX_SIDE)
			break;
	}
	jpeg_calc_output_dimensions(j);
	return mea_image_alloc(name, j->output_width, j->output_height, out);
}

/* The first Exif segment counts. */
static int orient(const struct jpeg_decompress_struct *j, struct mea_image *img)
{
	for (jpeg_saved_marker_ptr m = j->marker_list; m; m = m->next)
		if (m->data_length > 6 && !memcmp(m->data, "Exif\0", 6))
			return mea_image_orient(img, m->data, m->data_length);
	return 0;
}

static void decode(struct reader *r, FILE *f, const char *name, struct mea_image *out)
{
	JSAMPROW cmyk = NULL;
	bool inks;

	if (setjmp(r->stop)) {
		r->rc = mea_fail(MEA_EINVAL, "%s: %s", name, r->text);
		return;
	}
	jpeg_create_decompress(&r->jpeg);
	r->jpeg.mem->max_memory_to_use = MAX_MEMORY;
	r->jpeg.progress = &r->progress;
	jpeg_stdio_src(&r->jpeg, f);
	jpeg_save_markers(&r->jpeg, JPEG_APP0 + 1, SEGMENT_MAX);
	jpeg_read_header(&r->jpeg, TRUE);
	r->rc = choose_scale(r, name, out);
	if (r->rc)
		return;
	inks = r->jpeg.jpeg_color_space == JCS_CMYK || r->jpeg.jpeg_color_space == JCS_YCCK;
	r->jpeg.out_color_space = inks ? JCS_CMYK : JCS_RGB;
	jpeg_start_decompress(&r->jpeg);
	if (inks)
		cmyk = r->jpeg.mem->alloc_small((j_common_ptr)&r->jpeg, JPOOL_IMAGE,
						(size_t)out->w * 4);
	while (r->jpeg.output_scanline < r->jpeg.output_height) {
		JSAMPROW rgb = out->rgb + (size_t)r->jpeg.output_scanline * (size_t)out->w * 3;
		JSAMPROW row = inks ? cmyk : rgb;

		jpeg_read_scanlines(&r->jpeg, &row, 1);
		if (inks)
			row_of_inks(cmyk, out->w, rgb);
	}
	/* Finishing drops the segments. */
	r->rc = orient(&r->jpeg, out);
	jpeg_finish_decompress(&r->jpeg);
}

int mea_image_read_jpeg(FILE *f, const char *name, struct mea_image *out)
{
	struct reader r = {0};

	r.jpeg.err = jpeg_std_error(&r.errors);
	r.errors.error_exit = on_error;
	r.errors.emit_message = on_message;
	r.progress.progress_monitor = on_progress;
	/* jpeg_create_decompress() keeps err and client_data. */
	r.jpeg.client_data = &r;
	decode(&r, f, name, out);
	jpeg_destroy_decompress(&r.jpeg);
	if (r.rc)
		mea_image_free(out);
	return r.rc;
}
