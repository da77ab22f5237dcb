// SPDX-License-Identifier: Apache-2.0
/*
 * Draws one glyphs image. Everything is integer: positions in 1/256 pixel,
 * angles in 1/1024 turn, sines with 14 bits. A stroke is anti-aliased by the
 * distance of the pixel's centre to the nearest piece of the outline.
 */
#include "glyphs.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define S	     MEA_GLYPHS_SIZE
#define MAX_SEGMENTS 64
#define ARC_STEP     4 /* 1/64 turns for each chord of an arc */

/* One image in this many is complex: low contrast, clutter, heavy noise. */
#define COMPLEX_ONE_IN 4

struct rng {
	uint64_t state;
};

struct seg {
	int x0, y0, x1, y1;
};

struct colour {
	int v[3];
};

struct canvas {
	struct rng rng;
	int px[S][S][3];
};

/* A counter through a 64-bit mixer (the constants are those of SplitMix64). */
static uint64_t mix(uint64_t z)
{
	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return z ^ (z >> 31);
}

static uint32_t rnd32(struct rng *r)
{
	r->state += 0x9e3779b97f4a7c15u;
	return (uint32_t)(mix(r->state) >> 32);
}

/* Uniform in lo..hi, both included. */
static int rnd(struct rng *r, int lo, int hi)
{
	uint64_t span = (uint64_t)(hi - lo) + 1;

	return lo + (int)((rnd32(r) * span) >> 32);
}

/* Near enough a normal deviate, standard deviation 256. */
static int rnd_normal(struct rng *r)
{
	uint32_t u = rnd32(r), sum = 0;

	for (int i = 0; i < 4; i++)
		sum += (u >> (8 * i)) & 255;
	/* Four bytes have a deviation of 147.8; 443 / 256 takes it to 256. */
	return ((int)sum - 510) * 443 / 256;
}

/* sin(a / 1024 turns) * 16384. */
static int sine(int a)
{
	static const int quarter[17] = {0,     1606,  3196,  4756,  6270,  7723,
					9102,  10394, 11585, 12665, 13623, 14449,
					15137, 15679, 16069, 16305, 16384};
	int q, f, v;

	a &= 1023;
	q = a & 255;
	if (a & 256)
		q = 256 - q;
	f = q & 15;
	v = quarter[q >> 4];
	if (f)
		v += (quarter[(q >> 4) + 1] - v) * f / 16;
	return a & 512 ? -v : v;
}

static int cosine(int a)
{
	return sine(a + 256);
}

/* --- from outline to segments in pixel space ------------------------------ */

/* Where a point of the letter box (in 1/16 units) goes. */
struct placement {
	int bend[4];		/* bows the axes; box units at the edge */
	int m00, m01, m10, m11; /* 1/256 pixel per box unit, 12 bits of fraction */
	int tx, ty;		/* 1/256 pixel */
};

static struct placement random_placement(struct rng *r)
{
	struct placement p;
	int height = rnd(r, 12 * 256, 25 * 256); /* 1/256 pixel */
	int aspect = rnd(r, 196, 316);		 /* 256: as drawn */
	int shear = rnd(r, -80, 80);		 /* 256: 45 degrees */
	int angle = rnd(r, -60, 60);		 /* 1/1024 turn */
	int sy = height * 4096 / 96, sx = sy * aspect / 256;
	int c = cosine(angle), s = sine(angle), slant = sy * shear / 256;

	for (int i = 0; i < 4; i++)
		p.bend[i] = rnd(r, -9, 9);
	p.m00 = (int)((int64_t)c * sx >> 14);
	p.m01 = (int)(((int64_t)c * slant - (int64_t)s * sy) >> 14);
	p.m10 = (int)((int64_t)s * sx >> 14);
	p.m11 = (int)(((int64_t)s * slant + (int64_t)c * sy) >> 14);
	p.tx = S * 128 + rnd(r, -900, 900);
	p.ty = S * 128 + rnd(r, -900, 900);
	return p;
}

static void place(const struct placement *p, int x, int y, int *px, int *py)
{
	/* x, y come in 1/16 units; 768 is 48 units. */
	int bx = x + (p->bend[0] * y * (y / 16) + p->bend[1] * x * (y / 16)) * 16 / (768 * 48);
	int by = y + (p->bend[2] * x * (x / 16) + p->bend[3] * x * (y / 16)) * 16 / (768 * 48);

	*px = (int)(((int64_t)p->m00 * bx + (int64_t)p->m01 * by) / 65536) + p->tx;
	*py = (int)(((int64_t)p->m10 * bx + (int64_t)p->m11 * by) / 65536) + p->ty;
}

static int add_line(struct seg *out, const struct placement *p, int x0, int y0, int x1, int y1)
{
	/* Two halves, so that long straight strokes bend as well. */
	int mx = (x0 + x1) / 2, my = (y0 + y1) / 2;

	place(p, x0, y0, &out[0].x0, &out[0].y0);
	place(p, mx, my, &out[0].x1, &out[0].y1);
	out[1].x0 = out[0].x1;
	out[1].y0 = out[0].y1;
	place(p, x1, y1, &out[1].x1, &out[1].y1);
	return 2;
}

static int add_arc(struct seg *out, const struct placement *p, const struct mea_glyph_piece *a)
{
	int steps = (abs(a->sweep) + ARC_STEP - 1) / ARC_STEP, n = 0, lx = 0, ly = 0;

	for (int i = 0; i <= steps; i++) {
		int angle = (a->from * 16) + a->sweep * 16 * i / steps;
		int x = a->x0 * 16 + a->x1 * cosine(angle) / 1024;
		int y = a->y0 * 16 + a->y1 * sine(angle) / 1024;
		int px, py;

		place(p, x, y, &px, &py);
		if (i)
			out[n++] = (struct seg){lx, ly, px, py};
		lx = px;
		ly = py;
	}
	return n;
}

static int outline_segments(int label, struct rng *r, struct seg out[MAX_SEGMENTS])
{
	struct placement p = random_placement(r);
	char variant = rnd(r, 0, 1) ? 'a' : 'b';
	int n_pieces, n = 0;
	const struct mea_glyph_piece *piece = mea_glyph_outline(label, &n_pieces);

	for (int i = 0; i < n_pieces; i++, piece++) {
		if (piece->variant && piece->variant != variant)
			continue;
		if (piece->sweep)
			n += add_arc(out + n, &p, piece);
		else
			n += add_line(out + n, &p, piece->x0 * 16, piece->y0 * 16, piece->x1 * 16,
				      piece->y1 * 16);
	}
	return n;
}

/* --- strokes on the canvas ------------------------------------------------- */

static int isqrt(int64_t v)
{
	int64_t r = 0;

	for (int64_t bit = (int64_t)1 << 30; bit; bit >>= 2) {
		if (v >= r + bit) {
			v -= r + bit;
			r = (r >> 1) + bit;
		} else {
			r >>= 1;
		}
	}
	return (int)r;
}

static int64_t distance2(const struct seg *s, int x, int y)
{
	int64_t dx = s->x1 - s->x0, dy = s->y1 - s->y0, px = x - s->x0, py = y - s->y0;
	int64_t len2 = dx * dx + dy * dy, dot = px * dx + py * dy, cross;

	if (dot <= 0 || len2 == 0)
		return px * px + py * py;
	if (dot >= len2) {
		px = x - s->x1;
		py = y - s->y1;
		return px * px + py * py;
	}
	cross = px * dy - py * dx;
	return cross * cross / len2;
}

/* Lays a stroke of the given half width (1/256 pixel) over the canvas. */
static void stroke(struct canvas *cv, const struct seg *segs, int n, int half, struct colour ink,
		   int opacity)
{
	for (int y = 0; y < S; y++) {
		for (int x = 0; x < S; x++) {
			int64_t best = INT64_MAX;
			int cover;

			for (int i = 0; i < n; i++) {
				int64_t d = distance2(&segs[i], x * 256 + 128, y * 256 + 128);

				best = d < best ? d : best;
			}
			if (best >= (int64_t)(half + 128) * (half + 128))
				continue;
			cover = half + 128 - isqrt(best);
			cover = (cover > 256 ? 256 : cover) * opacity / 256;
			for (int k = 0; k < 3; k++)
				cv->px[y][x][k] += (ink.v[k] - cv->px[y][x][k]) * cover / 256;
		}
	}
}

static void random_stroke(struct canvas *cv, struct colour ink, int half, int opacity)
{
	struct rng *r = &cv->rng;
	struct seg s[2];

	s[0].x0 = rnd(r, 0, S * 256);
	s[0].y0 = rnd(r, 0, S * 256);
	s[0].x1 = s[1].x0 = s[0].x0 + rnd(r, -3072, 3072);
	s[0].y1 = s[1].y0 = s[0].y0 + rnd(r, -3072, 3072);
	s[1].x1 = s[1].x0 + rnd(r, -2048, 2048);
	s[1].y1 = s[1].y0 + rnd(r, -2048, 2048);
	stroke(cv, s, 2, half, ink, opacity);
}

/* --- colour, background, noise ------------------------------------------- */

static int luma(struct colour c)
{
	return (c.v[0] * 77 + c.v[1] * 150 + c.v[2] * 29) / 256;
}

static struct colour random_colour(struct rng *r)
{
	struct colour c;

	for (int k = 0; k < 3; k++)
		c.v[k] = rnd(r, 0, 255);
	return c;
}

/* Ink and paper whose brightness differs by lo..hi; the loop ends because a
 * random pair meets any such range with a fair chance, and gives up safely. */
static void random_pair(struct rng *r, int lo, int hi, struct colour *ink, struct colour *paper)
{
	for (int i = 0; i < 200; i++) {
		int d;

		*ink = random_colour(r);
		*paper = random_colour(r);
		d = abs(luma(*ink) - luma(*paper));
		if (d >= lo && d <= hi)
			return;
	}
	*ink = (struct colour){{0, 0, 0}};
	*paper = (struct colour){{lo, lo, lo}};
}

static struct colour near_colour(struct rng *r, struct colour c, int spread)
{
	for (int k = 0; k < 3; k++)
		c.v[k] += rnd(r, -spread, spread);
	return c;
}

static void paint_background(struct canvas *cv, struct colour paper, int spread)
{
	struct colour corner[4];

	for (int i = 0; i < 4; i++)
		corner[i] = near_colour(&cv->rng, paper, spread);
	for (int y = 0; y < S; y++) {
		for (int x = 0; x < S; x++) {
			for (int k = 0; k < 3; k++) {
				int top = corner[0].v[k] * (S - 1 - x) + corner[1].v[k] * x;
				int low = corner[2].v[k] * (S - 1 - x) + corner[3].v[k] * x;

				cv->px[y][x][k] =
					(top * (S - 1 - y) + low * y) / ((S - 1) * (S - 1));
			}
		}
	}
}

static void blur(struct canvas *cv)
{
	static const int tap[3] = {1, 2, 1};
	int(*src)[S][3] = cv->px, out[S][S][3];

	for (int y = 0; y < S; y++) {
		for (int x = 0; x < S; x++) {
			for (int k = 0; k < 3; k++) {
				int sum = 0;

				for (int i = 0; i < 9; i++) {
					int yy = y + i / 3 - 1, xx = x + i % 3 - 1;

					yy = yy < 0 ? 0 : yy >= S ? S - 1 : yy;
					xx = xx < 0 ? 0 : xx >= S ? S - 1 : xx;
					sum += src[yy][xx][k] * tap[i / 3] * tap[i % 3];
				}
				out[y][x][k] = sum / 16;
			}
		}
	}
	memcpy(cv->px, out, sizeof(out));
}

/* Noise with the given deviation, half of it common to the three colours. */
static void finish_canvas(struct canvas *cv, int deviation, uint8_t *rgb)
{
	for (int y = 0; y < S; y++) {
		for (int x = 0; x < S; x++) {
			int grey = rnd_normal(&cv->rng) * deviation / 256;

			for (int k = 0; k < 3; k++) {
				int own = rnd_normal(&cv->rng) * deviation / 512;
				int v = cv->px[y][x][k] + grey * 7 / 8 + own;

				rgb[(y * S + x) * 3 + k] = (uint8_t)(v < 0 ? 0 : v > 255 ? 255 : v);
			}
		}
	}
}

/* The class of image index: block index / 36 holds a permutation of all. */
static int label_of(uint64_t key, uint32_t index)
{
	struct rng r = {mix(key ^ (index / MEA_GLYPHS_CLASSES))};
	int order[MEA_GLYPHS_CLASSES];

	for (int i = 0; i < MEA_GLYPHS_CLASSES; i++) {
		int j = rnd(&r, 0, i);

		order[i] = order[j];
		order[j] = i;
	}
	return order[index % MEA_GLYPHS_CLASSES];
}

int mea_glyph_draw(uint64_t seed, enum mea_glyphs_split split, uint32_t index,
		   uint8_t rgb[MEA_GLYPHS_BYTES])
{
	uint64_t key = mix(seed * 2 + (split == MEA_GLYPHS_TEST) + 0x676c797068u);
	int label = label_of(key, index), n, clutter;
	struct canvas cv = {.rng = {mix(key + ((uint64_t)index << 32) + 1)}};
	struct rng *r = &cv.rng;
	struct seg segs[MAX_SEGMENTS];
	struct colour ink, paper;
	bool complex = rnd(r, 0, COMPLEX_ONE_IN - 1) == 0;

	random_pair(r, complex ? 40 : 80, complex ? 110 : 255, &ink, &paper);
	paint_background(&cv, paper, complex ? 40 : 20);
	clutter = complex ? rnd(r, 2, 5) : rnd(r, 0, 2);
	/* Numbers are drawn one a statement: arguments of a call have no order in C. */
	for (int i = 0; i < clutter; i++) {
		int opacity = rnd(r, 128, 256);
		int half = rnd(r, 128, 360);

		random_stroke(&cv, near_colour(r, paper, complex ? 130 : 80), half, opacity);
	}
	n = outline_segments(label, r, segs);
	stroke(&cv, segs, n, rnd(r, 140, 400), ink, 256);
	/* A scratch across the letter itself. */
	if (complex) {
		int half = rnd(r, 160, 360);

		random_stroke(&cv, near_colour(r, paper, 70), half, 256);
	}
	if (rnd(r, 0, 3) == 0)
		blur(&cv);
	finish_canvas(&cv, complex ? rnd(r, 28, 56) : rnd(r, 3, 18), rgb);
	return label;
}
