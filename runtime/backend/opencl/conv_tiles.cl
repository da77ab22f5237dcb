// SPDX-License-Identifier: Apache-2.0
/*
 * Convolution on tile registers. One holds a pixel group, up to 16 pixels of a row, by a
 * dot group, up to 64 bytes of their windows. Both are read in place: consecutive pixels
 * are a constant step apart.
 */
#if VARIANT == 2

#define TILE_M 16

/* One worker's sums: four registers of up to 16 pixels by 16 channels. */
struct tiles {
	int sum[4][TILE_M * 16];
};

#define TILE_LOAD(n, p, pitch)                                                                     \
	__asm__ volatile("tileloadd (%0,%1,1), %%tmm" #n ::"r"(p), "r"((long)(pitch)) : "memory")
#define TILE_STORE(n, p)                                                                           \
	__asm__ volatile("tilestored %%tmm" #n ", (%0,%1,1)" ::"r"(p), "r"(64L) : "memory")
#define TILE_DOT(c, a, b)                                                                          \
	__asm__ volatile("tdpbusd %%tmm" #b ", %%tmm" #a ", %%tmm" #c ::)

/* A pixel group: its row, and which of that row's it is. */
struct group {
	int y, n;
};

static struct group after(const global struct mea_cl_layer *l, struct group at)
{
	at.n++;
	if (at.n == l->row_groups) {
		at.n = 0;
		at.y++;
	}
	return at;
}

/* Its first pixel; the last group of a row overlaps the one before. */
static int first_x(const global struct mea_cl_layer *l, struct group at)
{
	return min(at.n * l->group_pixels, l->out_w - l->group_pixels);
}

static bytes_in window(const global struct mea_cl_layer *l, bytes_in x, struct group at)
{
	return x + (long)(at.y * l->sh - l->pt) * l->in.row +
	       (first_x(l, at) * l->sw - l->pl) * l->in.pix;
}

/* A group's pixels, four at a time; the last four overlap those before. */
static void finish_group(const global struct mea_cl_layer *l, const struct end *e, const int *sum,
			 struct group at, const global int *p, bytes_in r, bytes_out y)
{
	long yo = l->out.pix, ro = l->in2.pix;
	int n = l->group_pixels, x = first_x(l, at);

	y += (long)at.y * l->out.row + x * yo;
	if (l->has_in2)
		r += (long)at.y * l->in2.row + x * ro;
	if (n < 4) {
		for (int m = 0; m < n; m++)
			finish_one(l, e, *(const ints *)(sum + 16 * m),
				   as_float16(LOAD_INTS(p + 16)), p, 1, r + m * ro, y + m * yo);
		return;
	}
	for (int m = 0; m < n; m += 4) {
		int k = min(m, n - 4);
		bytes_in rk = r + k * ro;
		bytes_out yk = y + k * yo;

		finish_four(l, e, sum + 16 * k, p, rk, rk + ro, rk + 2 * ro, rk + 3 * ro, yk,
			    yk + yo, yk + 2 * yo, yk + 3 * yo);
	}
}

/* Four pixel groups by one block of weights at w. */
static void step_4x1(const bytes_in x[4], long at, long pitch, bytes_in w)
{
	TILE_LOAD(6, w, 64);
	TILE_LOAD(4, x[0] + at, pitch);
	TILE_DOT(0, 4, 6);
	TILE_LOAD(5, x[1] + at, pitch);
	TILE_DOT(1, 5, 6);
	TILE_LOAD(4, x[2] + at, pitch);
	TILE_DOT(2, 4, 6);
	TILE_LOAD(5, x[3] + at, pitch);
	TILE_DOT(3, 5, 6);
}

/* Two pixel groups by two blocks, whose weights lie next bytes apart. */
static void step_2x2(const bytes_in x[4], long at, long pitch, bytes_in w, long next)
{
	TILE_LOAD(6, w, 64);
	TILE_LOAD(4, x[0] + at, pitch);
	TILE_DOT(0, 4, 6);
	TILE_LOAD(7, w + next, 64);
	TILE_DOT(1, 4, 7);
	TILE_LOAD(5, x[1] + at, pitch);
	TILE_DOT(2, 5, 6);
	TILE_DOT(3, 5, 7);
}

/* Sums start at the bias, which a pitch of 0 repeats for all pixels. */
static void start_sums(const global int *p, int next)
{
	TILE_LOAD(0, p, 0);
	TILE_LOAD(1, p + next, 0);
	TILE_LOAD(2, p, 0);
	TILE_LOAD(3, p + next, 0);
}

static void store_sums(struct tiles *t)
{
	TILE_STORE(0, t->sum[0]);
	TILE_STORE(1, t->sum[1]);
	TILE_STORE(2, t->sum[2]);
	TILE_STORE(3, t->sum[3]);
}

/*
 * Block b, and b + 1 where wide, of pixel groups from .. to. A pass makes four sums: four
 * groups by one block or two groups by two. Between the steps of a pass the vectors
 * finish the sums of the pass before, so that neither they nor the tiles are idle.
 */
static void conv_blocks(const global struct mea_cl_layer *l, const struct end *e, bytes_in x,
			bytes_in w0, const global int *p, bytes_in r, bytes_out y, bool wide,
			int from, int to)
{
	long block = (long)l->kh * l->dot_groups * l->dot_bytes * 16, pitch = l->in.pix * l->sw;
	int n = l->kh * l->dot_groups, groups = wide ? 2 : 4, now = 0;
	struct group here[4], before[4];
	struct tiles t[2];
	bytes_in win[4];

	here[0].y = from / l->row_groups;
	here[0].n = from - here[0].y * l->row_groups;
	for (int u = from; u < to + groups; u += groups, now ^= 1) {
		bytes_in w = w0;
		int done = 0, dot_group = 0;
		long at = 0, line = 0;

		for (int i = 0; i < groups; i++) {
			if (i)
				here[i] = u + i < to ? after(l, here[i - 1]) : here[i - 1];
			win[i] = window(l, x, here[i]);
		}
		if (u < to)
			start_sums(p, wide ? 64 : 0);
		for (int k = 0; k <= n; k++) {
			if (u < to && k < n) {
				if (wide)
					step_2x2(win, at, pitch, w, block);
				else
					step_4x1(win, at, pitch, w);
				w += l->dot_bytes * 16;
				at += l->dot_bytes;
				if (++dot_group == l->dot_groups) {
					dot_group = 0;
					at = line += l->in.row;
				}
			}
			for (; u > from && done < 4 && done * n <= 4 * k; done++) {
				int i = wide ? done / 2 : done, c = wide ? done % 2 : 0;

				if (u - groups + i < to)
					finish_group(l, e, t[now ^ 1].sum[done], before[i],
						    p + 64 * c, r + c * 16, y + c * 16);
			}
		}
		if (u < to)
			store_sums(&t[now]);
		for (int i = 0; i < groups; i++)
			before[i] = here[i];
		here[0] = after(l, here[groups - 1]);
	}
}

/* config: that of the tile registers at present. */
static void conv(const global struct mea_cl_layer *l, const struct spaces *s, bytes_in constants,
		 int from, int to, int *config)
{
	bytes_in x = at(s, &l->in), r = l->has_in2 ? at(s, &l->in2) : x;
	bytes_out y = at(s, &l->out);
	long block = (long)l->kh * l->dot_groups * l->dot_bytes * 16;
	struct end e = end_of(l);
	bool wide;

	if (*config != l->config) {
		__asm__ volatile("ldtilecfg (%0)" ::"r"(constants + l->config) : "memory");
		*config = l->config;
	}
	for (int b = 0; b < l->blocks; b += 1 + wide) {
		wide = b + 1 < l->blocks;
		conv_blocks(l, &e, x, constants + l->weights + b * block,
			    (const global int *)(constants + l->params) + b * 64, r + b * 16,
			    y + b * 16, wide, from, to);
	}
}

#endif
