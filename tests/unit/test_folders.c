// SPDX-License-Identifier: Apache-2.0
/* Pictures as users have them: folders of classes, lists of labels, kinds, orientation, sizes. */
#include <criterion/criterion.h>

#include "base/error.h"
#include "base/note.h"
#include "images/data.h"
#include "images/image.h"

#include <errno.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <jpeglib.h>

#define SIDE 8

static char dir[] = "/tmp/mea-folders-XXXXXX";
static char path[512];
static char noted[512];

static int drop(const char *p, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(p);
}

static void setup(void)
{
	unsetenv("MEA_DATA");
	cr_assert(mkdtemp(dir));
}

static void teardown(void)
{
	nftw(dir, drop, 16, FTW_DEPTH | FTW_PHYS);
}

TestSuite(folders, .init = setup, .fini = teardown);

/* dir/name, with its folders made. */
static const char *in_dir(const char *name)
{
	snprintf(path, sizeof(path), "%s/%s", dir, name);
	for (char *p = path + strlen(dir) + 1; (p = strchr(p, '/')); p++) {
		*p = 0;
		cr_assert(!mkdir(path, 0700) || errno == EEXIST);
		*p = '/';
	}
	return path;
}

static void put(const char *name, const void *bytes, size_t n)
{
	FILE *f = fopen(in_dir(name), "wb");

	cr_assert(f);
	cr_assert_eq(fwrite(bytes, 1, n, f), n);
	cr_assert_eq(fclose(f), 0);
}

static void put_text(const char *name, const char *text)
{
	put(name, text, strlen(text));
}

/* A gray JPEG of `level`, whose top left quarter is black; with an Exif block of orientation o
 * unless that is 0. */
static void put_jpeg(const char *name, int w, int h, int level, int o)
{
	/* One entry in IFD0, of the tag 0x0112, a SHORT, in the order of Intel's bytes. */
	uint8_t exif[] = "Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0?\0\0\0\0\0\0\0";
	struct jpeg_compress_struct c;
	struct jpeg_error_mgr e;
	FILE *f = fopen(in_dir(name), "wb");
	uint8_t *row = malloc((size_t)w);
	JSAMPROW rows[1] = {row};

	cr_assert(f && row);
	c.err = jpeg_std_error(&e);
	jpeg_create_compress(&c);
	jpeg_stdio_dest(&c, f);
	c.image_width = (JDIMENSION)w;
	c.image_height = (JDIMENSION)h;
	c.input_components = 1;
	c.in_color_space = JCS_GRAYSCALE;
	jpeg_set_defaults(&c);
	jpeg_set_quality(&c, 95, TRUE);
	jpeg_start_compress(&c, TRUE);
	exif[24] = (uint8_t)o;
	if (o)
		jpeg_write_marker(&c, JPEG_APP0 + 1, exif, sizeof(exif) - 1);
	for (int y = 0; y < h; y++) {
		memset(row, level, (size_t)w);
		if (y < h / 2)
			memset(row, 0, (size_t)w / 2);
		jpeg_write_scanlines(&c, rows, 1);
	}
	jpeg_finish_compress(&c);
	jpeg_destroy_compress(&c);
	fclose(f);
	free(row);
}

static void picture(const char *name, int level)
{
	put_jpeg(name, SIDE, SIDE, level, 0);
}

static const struct mea_data_want want = {.width = SIDE, .height = SIDE};

static struct mea_data *open_as(const char *name, const struct mea_data_want *w)
{
	const char *p = in_dir(name);
	struct mea_data *d;

	cr_assert_eq(mea_data_open(&p, 1, w, &d), 0, "%s", mea_errmsg());
	return d;
}

/* Image i is of that gray and has that label. */
static void expect(struct mea_data *d, size_t i, int level, int label)
{
	uint8_t rgb[SIDE * SIDE * 3];
	int is;

	cr_assert_eq(mea_data_get(d, i, rgb, &is), 0, "%s", mea_errmsg());
	cr_expect_eq(is, label, "image %zu: label %d, not %d", i, is, label);
	cr_expect(abs(rgb[sizeof(rgb) - 1] - level) < 6, "image %zu: %d, not %d", i,
		  rgb[sizeof(rgb) - 1], level);
}

static void refused(const char *name, const struct mea_data_want *w, const char *text)
{
	const char *p = in_dir(name);
	struct mea_data *d;

	cr_assert_neq(mea_data_open(&p, 1, w, &d), 0, "%s was taken", name);
	cr_expect(strstr(mea_errmsg(), text), "'%s' lacks '%s'", mea_errmsg(), text);
}

/* --- folders of classes ----------------------------------------------------------------------- */

static void put_classes(const char *under)
{
	char name[128];

	snprintf(name, sizeof(name), "%sdog/a.jpg", under);
	picture(name, 40);
	snprintf(name, sizeof(name), "%scat/b.JPEG", under);
	picture(name, 80);
	snprintf(name, sizeof(name), "%scat/deep/c.jpg", under);
	picture(name, 120);
}

Test(folders, classes_are_named_by_their_folders)
{
	struct mea_data *d;

	put_classes("");
	put_text("notes.txt", "no picture");
	d = open_as("", &want);
	cr_assert_eq(mea_data_count(d), 3);
	cr_expect_eq(mea_data_classes(d), 2);
	cr_expect_str_eq(mea_data_class_name(d, 1), "dog");
	expect(d, 0, 80, 0);
	expect(d, 1, 120, 0);
	expect(d, 2, 40, 1);
	mea_data_close(d);
}

Test(folders, labels_are_the_bundles_classes)
{
	static const char *const classes[] = {"bird", "dog", "cat"};
	struct mea_data_want w = want;
	struct mea_data *d;

	w.classes = classes;
	w.n_classes = 3;
	put_classes("");
	d = open_as("", &w);
	cr_expect_eq(mea_data_classes(d), 3);
	cr_expect_str_eq(mea_data_class_name(d, 0), "bird");
	expect(d, 0, 80, 2);
	expect(d, 2, 40, 1);
	mea_data_close(d);
	picture("wolf/d.jpg", 1);
	refused("", &w, "'wolf' is no class");
}

static void keep_note(const char *text, void *ctx)
{
	(void)ctx;
	snprintf(noted, sizeof(noted), "%s", text);
}

/* ImageNet's folders are called by WordNet's numbers, its classes by words. */
Test(folders, as_many_other_names_count_in_their_order)
{
	static const char *const classes[] = {"tench", "goldfish"};
	struct mea_data_want w = want;
	struct mea_data *d;

	w.classes = classes;
	w.n_classes = 2;
	mea_note_to(keep_note, NULL);
	put_classes("");
	d = open_as("", &w);
	expect(d, 0, 80, 0);
	expect(d, 2, 40, 1);
	cr_expect(strstr(noted, "'cat' counts as 'tench'"), "%s", noted);
	mea_data_close(d);
}

Test(folders, splits)
{
	struct mea_data_want train = want;
	struct mea_data *d;

	train.train = true;
	put_classes("train/");
	picture("val/dog/x.jpg", 200);
	d = open_as("", &train);
	cr_expect_eq(mea_data_count(d), 3);
	mea_data_close(d);
	/* Its only class is the second of the training split. */
	d = open_as("", &want);
	cr_expect_eq(mea_data_count(d), 1);
	cr_expect_eq(mea_data_classes(d), 2);
	expect(d, 0, 200, 1);
	mea_data_close(d);
	picture("val/wolf/x.jpg", 1);
	refused("", &want, "'wolf' is no class");
}

Test(folders, a_split_that_is_not_there)
{
	put_classes("train/");
	refused("", &want, "holds no folder val");
}

Test(folders, tiny_imagenet)
{
	struct mea_data *d;

	picture("train/n02/images/a.JPEG", 1);
	picture("train/n01/images/b.JPEG", 2);
	put_text("train/n01/n01_boxes.txt", "b.JPEG\t0\t0\t62\t62\n");
	picture("val/images/v0.JPEG", 90);
	picture("val/images/v1.JPEG", 30);
	put_text("val/val_annotations.txt",
		 "v0.JPEG\tn02\t0\t32\t44\t62\nv1.JPEG\tn01\t52\t55\t57\t59\n");
	d = open_as("", &want);
	cr_assert_eq(mea_data_count(d), 2);
	cr_expect_eq(mea_data_classes(d), 2);
	expect(d, 0, 90, 1);
	expect(d, 1, 30, 0);
	mea_data_close(d);
	put_text("val/val_annotations.txt", "v0.JPEG\tn03\t0\t32\t44\t62\n");
	refused("", &want, "line 1: no class of train");
}

Test(folders, links_in_a_circle)
{
	struct mea_data *d;

	put_classes("");
	cr_assert_eq(symlink("..", in_dir("cat/up")), 0);
	d = open_as("", &want);
	cr_expect_eq(mea_data_count(d), 3);
	mea_data_close(d);
}

/* --- lists ------------------------------------------------------------------------------------ */

Test(folders, csv)
{
	static const char *const classes[] = {"dog", "cat, tabby"};
	struct mea_data_want w = want;
	struct mea_data *d;

	w.classes = classes;
	w.n_classes = 2;
	picture("pictures/a.jpg", 40);
	picture("pictures/b,c.jpg", 80);
	put_text("labels.csv", "\xef\xbb\xbf"
			       "file,label\r\npictures/a.jpg,dog\r\n\r\n"
			       "\"pictures/b,c.jpg\",\"cat, tabby\"\r\npictures/a.jpg,1\r\n");
	d = open_as("labels.csv", &w);
	cr_assert_eq(mea_data_count(d), 3);
	expect(d, 0, 40, 0);
	expect(d, 1, 80, 1);
	expect(d, 2, 40, 1);
	mea_data_close(d);
	d = open_as("labels.csv", &want);
	cr_expect_eq(mea_data_classes(d), 3);
	cr_expect_str_eq(mea_data_class_name(d, 0), "1");
	mea_data_close(d);
}

Test(folders, csv_that_is_none)
{
	static const struct {
		const char *text, *why;
	} bad[] = {
		{"a.jpg,dog\na.jpg\n", "line 2 is no FILE,CLASS"},
		{"a.jpg,dog\n\"a.jpg,dog\n", "line 2 is no FILE,CLASS"},
		{"a.jpg,dog,1\n", "line 1 is no FILE,CLASS"},
		{"a.jpg,\n", "line 1 is no FILE,CLASS"},
		{"file,label\n", "has no picture"},
		{"", "has no picture"},
	};

	picture("a.jpg", 40);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		put_text("l.csv", bad[i].text);
		refused("l.csv", &want, bad[i].why);
	}
}

Test(folders, stdin_is_a_picture)
{
	const char *dash = "-";
	struct mea_data *d;
	char where[64];

	picture("a.jpg", 40);
	cr_assert(freopen(in_dir("a.jpg"), "r", stdin));
	cr_assert_eq(mea_data_open(&dash, 1, &want, &d), 0, "%s", mea_errmsg());
	/* It comes once, and is looked at as often as a bench likes. */
	expect(d, 0, 40, -1);
	expect(d, 0, 40, -1);
	mea_data_where(d, 0, where, sizeof(where));
	cr_expect_str_eq(where, "stdin");
	mea_data_close(d);
	cr_assert(freopen("/dev/null", "r", stdin));
	cr_expect_neq(mea_data_open(&dash, 1, &want, &d), 0);
	cr_expect_str_eq(mea_errmsg(), "stdin: is empty");
}

/* --- pictures --------------------------------------------------------------------------------- */

Test(folders, other_kinds_are_named)
{
	static const struct {
		const char *file, *bytes;
		size_t n;
		const char *kind;
	} kinds[] = {
		{"a.webp", "RIFF\x24\0\0\0WEBPVP8 ", 16, "WebP"},
		{"a.gif", "GIF89a\x01\0\x01\0\0\0\0", 13, "GIF"},
		{"a.tif", "II*\0\x08\0\0\0", 8, "TIFF"},
		{"a.bmp", "BM\x46\0\0\0\0\0\0\0\x36\0\0\0", 14, "BMP"},
		{"a.heic",
		 "\0\0\0\x18"
		 "ftypheic\0\0\0\0",
		 16, "HEIF"},
		{"a.avif",
		 "\0\0\0\x1c"
		 "ftypavif\0\0\0\0",
		 16, "AVIF"},
	};
	const size_t n = sizeof(kinds) / sizeof(kinds[0]);
	uint8_t rgb[SIDE * SIDE * 3];
	struct mea_data *d;
	char text[64];
	int label;

	picture("z.jpg", 40);
	for (size_t i = 0; i < n; i++)
		put(kinds[i].file, kinds[i].bytes, kinds[i].n);
	d = open_as("", &want);
	cr_assert_eq(mea_data_count(d), n + 1);
	for (size_t i = 0; i < n; i++) {
		struct mea_image img;

		snprintf(text, sizeof(text), "%s: is a %s file; mea reads PNG and JPEG",
			 kinds[i].file, kinds[i].kind);
		cr_expect_neq(mea_image_load(in_dir(kinds[i].file), &img), 0);
		cr_expect(strstr(mea_errmsg(), text), "'%s' lacks '%s'", mea_errmsg(), text);
		cr_expect_eq(mea_data_get(d, i, rgb, &label), MEA_EUNSUPPORTED);
	}
	expect(d, n, 40, -1);
	mea_data_close(d);
}

/* Where the black quarter of a picture of 24 x 16 is when it stands as its orientation says. */
Test(folders, orientation)
{
	static const struct {
		int right, low; /* the quarter's */
	} black[] = {{0, 0}, {1, 0}, {1, 1}, {0, 1}, {0, 0}, {1, 0}, {1, 1}, {0, 1}};

	for (int o = 0; o <= 9; o++) {
		bool swapped = o >= 5 && o <= 8;
		int at = o >= 1 && o <= 8 ? o - 1 : 0;
		struct mea_image img;

		put_jpeg("o.jpg", 24, 16, 200, o);
		cr_assert_eq(mea_image_load(in_dir("o.jpg"), &img), 0, "%s", mea_errmsg());
		cr_expect(img.w == (swapped ? 16 : 24) && img.h == (swapped ? 24 : 16),
			  "%d: %d x %d", o, img.w, img.h);
		for (int q = 0; q < 4; q++) {
			int x = img.w / 4 + (q & 1) * img.w / 2,
			    y = img.h / 4 + (q >> 1) * img.h / 2;
			bool dark = img.rgb[(y * img.w + x) * 3] < 100;

			cr_expect_eq(dark, (q & 1) == black[at].right && q >> 1 == black[at].low,
				     "orientation %d, quarter %d", o, q);
		}
		mea_image_free(&img);
	}
}

/* 72 megapixels are more than are read at once: each side is halved. */
Test(folders, a_large_jpeg_is_halved)
{
	struct mea_image img;

	put_jpeg("large.jpg", 9000, 8000, 100, 0);
	cr_assert_eq(mea_image_load(in_dir("large.jpg"), &img), 0, "%s", mea_errmsg());
	cr_expect(img.w == 4500 && img.h == 4000, "%d x %d", img.w, img.h);
	cr_expect(abs(img.rgb[(3999 * 4500 + 4499) * 3] - 100) < 3);
	mea_image_free(&img);
}

/* --- sizes ------------------------------------------------------------------------------------ */

/* A picture whose red is 4 x and whose green is 4 y. */
static struct mea_image ramps(int w, int h)
{
	struct mea_image img = {w, h, calloc((size_t)w * (size_t)h, 3)};

	cr_assert(img.rgb);
	for (int y = 0; y < h; y++)
		for (int x = 0; x < w; x++) {
			img.rgb[(y * w + x) * 3] = (uint8_t)(4 * x);
			img.rgb[(y * w + x) * 3 + 1] = (uint8_t)(4 * y);
		}
	return img;
}

/* Red and green of the image's pixel (16, 16) of 32 are those of (x, y) in the picture of 60 x 40;
 * blue is 0 as the bars are. */
static void expect_centre(const struct mea_resize *how, double x, double y, bool bars)
{
	struct mea_image img = ramps(60, 40);
	uint8_t out[32 * 32 * 3];
	const uint8_t *p = out + (16 * 32 + 16) * 3;

	cr_assert_eq(mea_image_resize(&img, how, 32, 32, out), 0);
	/* A pixel's value is its centre's: 4 (x - 0.5). */
	cr_expect(abs(p[0] - (int)(4 * x - 2)) <= 3, "%d: red %d, not %g", how->mode, p[0],
		  4 * x - 2);
	cr_expect(abs(p[1] - (int)(4 * y - 2)) <= 3, "%d: green %d, not %g", how->mode, p[1],
		  4 * y - 2);
	cr_expect_eq(out[16 * 3] == 0 && out[16 * 3 + 1] == 0, bars, "%d: the top", how->mode);
	free(img.rgb);
}

Test(folders, resize_modes)
{
	/* Pixel 16's centre is 16.5 of 32. */
	expect_centre(&(struct mea_resize){0}, 10 + 16.5 * 40 / 32, 16.5 * 40 / 32, false);
	expect_centre(&(struct mea_resize){.side = 64}, 30 + 0.5 * 40 / 64, 20 + 0.5 * 40 / 64,
		      false);
	expect_centre(&(struct mea_resize){.mode = MEA_RESIZE_STRETCH}, 16.5 * 60 / 32,
		      16.5 * 40 / 32, false);
	/* 32 x 21, in rows 6 to 26. */
	expect_centre(&(struct mea_resize){.mode = MEA_RESIZE_LETTERBOX}, 16.5 * 60 / 32,
		      10.5 * 40 / 21, true);
}

Test(folders, a_nearest_pixel_is_none_between)
{
	struct mea_image img = ramps(60, 40);
	struct mea_resize how = {.mode = MEA_RESIZE_STRETCH, .filter = MEA_FILTER_NEAREST};
	uint8_t out[32 * 32 * 3];

	cr_assert_eq(mea_image_resize(&img, &how, 32, 32, out), 0);
	for (int i = 0; i < 32 * 32; i++) {
		cr_expect_eq(out[3 * i], 4 * ((2 * (i % 32) + 1) * 60 / 64));
		cr_expect_eq(out[3 * i + 1], 4 * ((2 * (i / 32) + 1) * 40 / 64));
	}
	free(img.rgb);
}

/* A step stays between black and white, and bicubic is steeper than bilinear. */
Test(folders, filters_do_not_overflow)
{
	struct mea_image img = {16, 16, calloc(16 * 16, 3)};
	uint8_t soft[32 * 32 * 3], steep[32 * 32 * 3];

	for (int i = 0; i < 16 * 16; i++)
		memset(img.rgb + 3 * i, i % 16 < 8 ? 0 : 255, 3);
	cr_assert_eq(mea_image_resize(&img, &(struct mea_resize){0}, 32, 32, soft), 0);
	cr_assert_eq(mea_image_resize(&img, &(struct mea_resize){.filter = MEA_FILTER_BICUBIC}, 32,
				      32, steep),
		     0);
	for (int x = 0; x < 32; x++) {
		cr_expect(x < 15 ? soft[3 * x] == 0 : x > 16 ? soft[3 * x] == 255 : true);
		cr_expect(x < 15 ? steep[3 * x] < 20 : x > 16 ? steep[3 * x] > 235 : true);
	}
	cr_expect(steep[3 * 16] > soft[3 * 16] && steep[3 * 15] < soft[3 * 15]);
	free(img.rgb);
}

Test(folders, what_a_bundle_says)
{
	static const struct {
		const char *json, *why;
	} bad[] = {
		{"{\"resize\": 3}", "input.resize: must be an object"},
		{"{\"resize\": {\"mode\": \"fit\"}}", "input.resize.mode: must be crop, stretch"},
		{"{\"resize\": {\"filter\": 1}}", "input.resize.filter: must be bilinear"},
		{"{\"resize\": {\"side\": 0}}", "input.resize.side: must be a whole number"},
		{"{\"resize\": {\"side\": 8193}}", "input.resize.side: must be a whole number"},
		{"{\"resize\": {\"mode\": \"stretch\", \"side\": 256}}", "with mode crop"},
	};
	struct mea_resize how;
	json_t *o = json_loads("{\"resize\": {\"side\": 256, \"filter\": \"bicubic\"}}", 0, NULL);

	cr_assert_eq(mea_resize_parse(o, &how), 0);
	cr_expect(how.mode == MEA_RESIZE_CROP && how.filter == MEA_FILTER_BICUBIC &&
		  how.side == 256);
	json_decref(o);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		o = json_loads(bad[i].json, 0, NULL);
		cr_expect_eq(mea_resize_parse(o, &how), MEA_EINVAL);
		cr_expect(strstr(mea_errmsg(), bad[i].why), "%s", mea_errmsg());
		json_decref(o);
	}
}
