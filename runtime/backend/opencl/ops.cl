// SPDX-License-Identifier: Apache-2.0
/* The other operations, a row of out at a time. */

static void depthwise(const global struct mea_cl_layer *l, const struct spaces *s,
		      bytes_in constants, int from, int to)
{
	int taps = l->kh * l->kw;
	struct end e = end_of(l);

	for (int u = from; u < to; u++) {
		for (int b = 0; b < l->blocks; b++) {
			const global int *p = (const global int *)(constants + l->params) + b * 64;
			const global char *w0 =
				(const global char *)(constants + l->weights) + (long)b * taps * 16;
			bytes_in x = at(s, &l->in) + (long)(u * l->sh - l->pt) * l->in.row -
				     l->pl * l->in.pix + b * 16;
			bytes_in r = l->has_in2 ? at(s, &l->in2) + (long)u * l->in2.row + b * 16 : x;
			bytes_out y = at(s, &l->out) + (long)u * l->out.row + b * 16;
			float16 scale = as_float16(LOAD_INTS(p + 16));

			for (int ox = 0; ox < l->out_w; ox++) {
				const global char *w = w0;
				int16 acc = LOAD_INTS(p);

				for (int ky = 0; ky < l->kh; ky++) {
					bytes_in line = x + (long)ky * l->in.row;

					for (int kx = 0; kx < l->kw; kx++, w += 16) {
						acc += convert_int16(LOAD_BYTES(line)) *
						       convert_int16(*(const global chars *)w);
						line += l->in.pix;
					}
				}
				finish_one(l, &e, acc, scale, p, 1, r, y);
				x += l->in.pix * l->sw;
				r += l->in2.pix;
				y += l->out.pix;
			}
		}
	}
}

static void pool(const global struct mea_cl_layer *l, const struct spaces *s, bytes_in constants,
		 int from, int to)
{
	bool largest = l->op == MEA_CL_MAXPOOL;
	struct end e = end_of(l);

	for (int u = from; u < to; u++) {
		int top = u * l->sh - l->pt, y0 = max(top, 0), y1 = min(top + l->kh, l->in_h);

		for (int ox = 0; ox < l->out_w; ox++) {
			int left = ox * l->sw - l->pl, x0 = max(left, 0);
			int x1 = min(left + l->kw, l->in_w), taps = (y1 - y0) * (x1 - x0);
			const global int *p = (const global int *)(constants + l->params);
			bytes_in x = at(s, &l->in) + (long)y0 * l->in.row;
			bytes_out y = at(s, &l->out) + (long)u * l->out.row + ox * l->out.pix;
			int16 bias = (int16)p[0];

			/* Entry 0 is the full window's, the others follow by taps. */
			if (l->by_taps && taps < l->kh * l->kw)
				p += 64 * taps;
			/* What the padding adds to a sum, and the bytes' 128 off. */
			bias += largest ? -128
					: (l->kh * l->kw - taps) * l->in_zero - 128 * taps;
			for (int b = 0; b < l->blocks; b++, y += 16) {
				int16 acc = 0;

				for (int iy = 0; iy < y1 - y0; iy++) {
					bytes_in line = x + (long)iy * l->in.row + b * 16;

					for (int ix = x0; ix < x1; ix++) {
						int16 v = convert_int16(
							LOAD_BYTES(line + ix * l->in.pix));

						acc = largest ? max(acc, v) : acc + v;
					}
				}
				finish_one(l, &e, acc + bias, (float16)as_float(p[16]), p, 0, y, y);
			}
		}
	}
}

static void add(const global struct mea_cl_layer *l, const struct spaces *s, int from, int to)
{
	struct end e = end_of(l);

	for (int u = from; u < to; u++) {
		bytes_in x = at(s, &l->in) + (long)u * l->in.row;
		bytes_in r = at(s, &l->in2) + (long)u * l->in2.row;
		bytes_out y = at(s, &l->out) + (long)u * l->out.row;

		/* Channels are filled up to whole blocks alike in all three. */
		for (int i = 0; i < l->out_w * l->blocks * 16; i += 16) {
			int16 mid = convert_int16(LOAD_BYTES(x + i)) - (l->mid_zero + 128);
			float16 v = residual(&e, convert_float16(mid), r + i), t = v + e.add_magic;

			STORE_BYTES(y + i, convert_uchar16(as_int16(t)));
			if (some(far(v, t - e.add_magic, e.add_limit)))
				for (int k = 0; k < 16; k++)
					y[i + k] = exact_end(
						l, (long)x[i + k] - 128 - l->mid_zero, r + i + k);
		}
	}
}

static void concat(const global struct mea_cl_layer *l, const struct spaces *s, int from, int to)
{
	for (int u = from; u < to; u++) {
		for (int ox = 0; ox < l->out_w; ox++) {
			bytes_in a = at(s, &l->in) + (long)u * l->in.row + ox * l->in.pix;
			bytes_in b = at(s, &l->in2) + (long)u * l->in2.row + ox * l->in2.pix;
			bytes_out y = at(s, &l->out) + (long)u * l->out.row + ox * l->out.pix;

			for (int c = 0; c < l->in_c; c++)
				y[c] = a[c];
			for (int c = 0; c < l->in2_c; c++)
				y[l->in_c + c] = b[c];
		}
	}
}

static void mul(const global struct mea_cl_layer *l, const struct spaces *s, bytes_in constants,
		int from, int to)
{
	const global int *p = (const global int *)(constants + l->params);
	float16 scale = (float16)as_float(p[16]);
	struct end e = end_of(l);

	for (int u = from; u < to; u++) {
		for (int ox = 0; ox < l->out_w; ox++) {
			bytes_in a = at(s, &l->in) + (long)u * l->in.row + ox * l->in.pix;
			bytes_in b = at(s, &l->in2) + (long)u * l->in2.row + ox * l->in2.pix;
			bytes_out y = at(s, &l->out) + (long)u * l->out.row + ox * l->out.pix;

			for (int i = 0; i < l->blocks * 16; i += 16) {
				int16 x = convert_int16(LOAD_BYTES(a + i)) - (l->in_zero + 128);
				int16 r = convert_int16(LOAD_BYTES(b + i)) - (l->in2_zero + 128);

				finish_one(l, &e, x * r, scale, p, 0, y, y + i);
			}
		}
	}
}

static void table(const global struct mea_cl_layer *l, const struct spaces *s, bytes_in constants,
		  int from, int to)
{
	bytes_in t = constants + l->weights;

	for (int u = from; u < to; u++) {
		bytes_in x = at(s, &l->in) + (long)u * l->in.row;
		bytes_out y = at(s, &l->out) + (long)u * l->out.row;

		for (int i = 0; i < l->out_w * l->blocks * 16; i += l->blocks * 16)
			for (int c = 0; c < l->blocks * 16; c++)
				y[i + c] = t[c * l->table_step + x[i + c]];
	}
}

/* --- all ------------------------------------------------------------------------------- */

static void operate(const global struct mea_cl_layer *l, const struct spaces *s,
		    bytes_in constants, int from, int to, int *config)
{
	switch (l->op) {
	case MEA_CL_CONV:
		conv(l, s, constants, from, to, config);
		break;
	case MEA_CL_DEPTHWISE:
		depthwise(l, s, constants, from, to);
		break;
#if VARIANT >= 1
	case MEA_CL_DEPTHWISE_DOTS:
		depthwise_dots(l, s, constants, from, to);
		break;
#endif
	case MEA_CL_AVGPOOL:
	case MEA_CL_MAXPOOL:
		pool(l, s, constants, from, to);
		break;
	case MEA_CL_ADD:
		add(l, s, from, to);
		break;
	case MEA_CL_CONCAT:
		concat(l, s, from, to);
		break;
	case MEA_CL_MUL:
		mul(l, s, constants, from, to);
		break;
	case MEA_CL_TABLE:
		table(l, s, constants, from, to);
		break;
	}
}
