// SPDX-License-Identifier: Apache-2.0
#include "images/resize.h"

#include "base/error.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define SIDE_MOST 8192

static const char *const modes[] = {"crop", "stretch", "letterbox"};
static const char *const filters[] = {"bilinear", "bicubic", "nearest"};

const char *mea_resize_mode_name(int mode)
{
	return mode >= 0 && mode < MEA_RESIZE_MODES ? modes[mode] : NULL;
}

const char *mea_filter_name(int filter)
{
	return filter >= 0 && filter < MEA_FILTERS ? filters[filter] : NULL;
}

/* --- bundle.json ---------------------------------------------------------------------------- */

static int parse_name(const json_t *o, const char *key, const char *const *names, int n,
		      const char *all, int *out)
{
	const json_t *v = json_object_get(o, key);
	const char *text = json_string_value(v);

	for (int i = 0; i < n && text; i++)
		if (!strcmp(text, names[i])) {
			*out = i;
			return 0;
		}
	return v ? mea_fail(MEA_EINVAL, "input.resize.%s: must be %s", key, all) : 0;
}

int mea_resize_parse(const json_t *input, struct mea_resize *how)
{
	const json_t *o = json_object_get(input, "resize"), *side = json_object_get(o, "side");
	int mode = MEA_RESIZE_CROP, filter = MEA_FILTER_BILINEAR, rc;

	if (o && !json_is_object(o))
		return mea_fail(MEA_EINVAL, "input.resize: must be an object");
	rc = parse_name(o, "mode", modes, MEA_RESIZE_MODES, "crop, stretch or letterbox", &mode);
	if (!rc)
		rc = parse_name(o, "filter", filters, MEA_FILTERS, "bilinear, bicubic or nearest",
				&filter);
	if (!rc && side &&
	    (!json_is_integer(side) || mode != MEA_RESIZE_CROP || json_integer_value(side) < 1 ||
	     json_integer_value(side) > SIDE_MOST))
		rc = mea_fail(MEA_EINVAL,
			      "input.resize.side: must be a whole number from 1 to %d, with mode "
			      "crop",
			      SIDE_MOST);
	*how = (struct mea_resize){(enum mea_resize_mode)mode, (enum mea_filter)filter,
				   rc ? 0 : (int)json_integer_value(side)};
	return rc;
}

/* --- filters -------------------------------------------------------------------------------- */

/* A resized line's samples from `from` on, out of them: each is a sum of `most` or fewer samples of
 * the line. */
struct taps {
	int out, most;
	int *first, *n;
	double *weight; /* out x most */
};

static double bicubic(double x)
{
	/* Keys' kernel (1981) with a = -0.5. */
	if (x < 1)
		return (1.5 * x - 2.5) * x * x + 1;
	return x < 2 ? ((-0.5 * x + 2.5) * x - 4) * x + 2 : 0;
}

static double kernel(enum mea_filter filter, double x)
{
	x = fabs(x);
	return filter == MEA_FILTER_BICUBIC ? bicubic(x) : fmax(0, 1 - x);
}

static void set_tap(struct taps *t, int at, enum mea_filter filter, int in, double centre,
		    double stretch)
{
	double reach = (filter == MEA_FILTER_BICUBIC ? 2 : 1) * stretch, sum = 0;
	int lo = (int)fmax(0, floor(centre - reach + 0.5)),
	    hi = (int)fmin(in, floor(centre + reach + 0.5));
	double *weight = t->weight + (size_t)at * (size_t)t->most;

	if (filter == MEA_FILTER_NEAREST) {
		lo = (int)fmin(in - 1, floor(centre));
		hi = lo + 1;
	}
	t->first[at] = lo;
	t->n[at] = hi - lo;
	for (int i = 0; i < t->n[at]; i++) {
		weight[i] = filter == MEA_FILTER_NEAREST
				    ? 1
				    : kernel(filter, (lo + i + 0.5 - centre) / stretch);
		sum += weight[i];
	}
	for (int i = 0; i < t->n[at]; i++)
		weight[i] /= sum;
}

static void taps_free(struct taps *t)
{
	free(t->first);
	free(t->n);
	free(t->weight);
}

/* Of a line of `in` samples that is resized to `whole`. */
static int taps_init(struct taps *t, enum mea_filter filter, int in, int whole, int from, int out)
{
	double scale = (double)in / whole, stretch = fmax(scale, 1), nearest = scale / 2;

	*t = (struct taps){.out = out, .most = 2 * (int)ceil(2 * stretch) + 1};
	t->first = calloc((size_t)out, sizeof(*t->first));
	t->n = calloc((size_t)out, sizeof(*t->n));
	t->weight = calloc((size_t)out * (size_t)t->most, sizeof(*t->weight));
	if (!t->first || !t->n || !t->weight) {
		taps_free(t);
		return mea_nomem();
	}
	/* Where a centre is as near to two pixels, the sums' rounding decides, as in Pillow. */
	for (int i = 0; i < from; i++)
		nearest += scale;
	for (int i = 0; i < out; i++, nearest += scale)
		set_tap(t, i, filter, in,
			filter == MEA_FILTER_NEAREST ? nearest : (from + i + 0.5) * scale, stretch);
	return 0;
}

/* out samples, of three bytes each; src's are stride bytes apart. */
static void filter_line(const struct taps *t, const uint8_t *src, size_t stride, uint8_t *dst,
			size_t dst_stride)
{
	for (int i = 0; i < t->out; i++) {
		const double *weight = t->weight + (size_t)i * (size_t)t->most;
		const uint8_t *p = src + (size_t)t->first[i] * stride;
		double sum[3] = {0};

		for (int j = 0; j < t->n[i]; j++, p += stride)
			for (int k = 0; k < 3; k++)
				sum[k] += weight[j] * p[k];
		for (int k = 0; k < 3; k++)
			dst[(size_t)i * dst_stride + (size_t)k] =
				(uint8_t)fmax(0, fmin(255, floor(sum[k] + 0.5)));
	}
}

/* --- sizes ---------------------------------------------------------------------------------- */

/* A picture is resized to whole; the part from `from` on, of size, goes to `to` in the image. */
struct place {
	int whole[2], from[2], to[2], size[2]; /* width, height */
};

/* x / 2, the even one of two that are as near. */
static int half_to_even(int x)
{
	int half = x / 2;

	return half + (x % 2 && half % 2);
}

/* Keeps the shape and makes the shorter side as long as given, or covers want. */
static void cover(const int have[2], const int want[2], int side, int whole[2])
{
	int s = have[0] > have[1]; /* the shorter */

	whole[s] = side;
	whole[!s] = (int)((int64_t)side * have[!s] / have[s]);
	if (whole[0] >= want[0] && whole[1] >= want[1])
		return;
	s = (int64_t)have[0] * want[1] > (int64_t)have[1] * want[0];
	whole[s] = want[s];
	whole[!s] = (int)((int64_t)want[s] * have[!s] / have[s]);
}

static struct place place_of(const struct mea_resize *how, const int have[2], const int want[2])
{
	struct place p = {{want[0], want[1]}, {0}, {0}, {want[0], want[1]}};
	double scale = fmin((double)want[0] / have[0], (double)want[1] / have[1]);

	if (how->mode == MEA_RESIZE_CROP)
		cover(have, want, how->side, p.whole);
	for (int i = 0; i < 2; i++) {
		if (how->mode == MEA_RESIZE_LETTERBOX) {
			p.whole[i] = p.size[i] = (int)fmax(1, rint(have[i] * scale));
			p.to[i] = half_to_even(want[i] - p.size[i]);
		}
		if (how->mode == MEA_RESIZE_CROP)
			p.from[i] = half_to_even(p.whole[i] - want[i]);
	}
	return p;
}

static int resample(const struct mea_image *img, const struct place *p, enum mea_filter filter,
		    int w, uint8_t *rgb)
{
	struct taps across, down;
	size_t row = (size_t)p->size[0] * 3;
	uint8_t *rows = malloc((size_t)img->h * row);
	int rc = rows ? taps_init(&across, filter, img->w, p->whole[0], p->from[0], p->size[0])
		      : mea_nomem();

	if (rc)
		goto out;
	rc = taps_init(&down, filter, img->h, p->whole[1], p->from[1], p->size[1]);
	if (rc)
		goto out_across;
	for (int y = 0; y < img->h; y++)
		filter_line(&across, img->rgb + (size_t)y * (size_t)img->w * 3, 3,
			    rows + (size_t)y * row, 3);
	for (int x = 0; x < p->size[0]; x++)
		filter_line(&down, rows + (size_t)x * 3, row,
			    rgb + ((size_t)p->to[1] * (size_t)w + (size_t)(p->to[0] + x)) * 3,
			    (size_t)w * 3);
	taps_free(&down);
out_across:
	taps_free(&across);
out:
	free(rows);
	return rc;
}

int mea_image_resize(const struct mea_image *img, const struct mea_resize *how, int w, int h,
		     uint8_t *rgb)
{
	struct place p = place_of(how, (int[]){img->w, img->h}, (int[]){w, h});

	if (img->w == w && img->h == h && p.whole[0] == w && p.whole[1] == h) {
		memcpy(rgb, img->rgb, (size_t)w * (size_t)h * 3);
		return 0;
	}
	if (p.size[0] < w || p.size[1] < h)
		memset(rgb, 0, (size_t)w * (size_t)h * 3);
	return resample(img, &p, how->filter, w, rgb);
}
