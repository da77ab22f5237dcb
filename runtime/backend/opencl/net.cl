// SPDX-License-Identifier: Apache-2.0
/* --- the border ---------------------------------------------------------------------- */

static void fill(bytes_out y, int n, uchar16 v)
{
	for (int i = 0; i < n; i += 16)
		STORE_BYTES(y + i, v);
}

static void border(const global struct mea_cl_layer *l, const struct spaces *s)
{
	uchar16 v = (uchar16)((uchar)l->border_value);
	bytes_out y = s->p[l->out.space] + l->out.start;
	int row = l->out.row;
	int left = l->border_l * l->out.pix, right = l->border_r * l->out.pix;

	/* The right border of a row and the left one of the next are one piece. */
	fill(y, l->border_t * row + left, v);
	y += (long)l->border_t * row + row - right;
	for (int i = 1; i < l->out_h; i++, y += row)
		fill(y, right + left, v);
	fill(y, right + l->border_b * row, v);
}

/* --- the network --------------------------------------------------------------------- */

static void work(const global struct mea_cl_layer *l, const struct spaces *s, bytes_in constants,
		 int from, int to, int *config)
{
	operate(l, s, constants, from, to, config);
	if (!from)
		border(l, s);
}

/*
 * A single worker takes whole layers. Several draw tickets: a ticket is a slice of
 * a layer, in order, and may be worked on once all tickets of the layers before are
 * done. Whoever holds a ticket runs, so nobody waits for a worker that has not
 * started; a late one finds no ticket left. sync: next ticket, tickets done,
 * workers that left; the last resets all three.
 */
static void work_all(const global struct mea_cl_layer *layers, int n, const struct spaces *s,
		     bytes_in constants, volatile global int *sync)
{
	int workers = (int)get_global_size(0), first = 0;
	int ticket = workers > 1 ? atomic_inc(&sync[0]) : 0, config = -1;

	for (int i = 0; i < n; i++) {
		const global struct mea_cl_layer *l = layers + i;
		int slice = workers > 1 ? l->slice : l->items;
		int slices = (l->items + slice - 1) / slice;

		while (ticket < first + slices) {
			int from = (ticket - first) * slice;

			while (workers > 1 && sync[1] < first)
				;
			mem_fence(CLK_GLOBAL_MEM_FENCE);
			work(l, s, constants, from, min(from + slice, l->items), &config);
			mem_fence(CLK_GLOBAL_MEM_FENCE);
			if (workers > 1) {
				atomic_inc(&sync[1]);
				ticket = atomic_inc(&sync[0]);
			} else {
				ticket++;
			}
		}
		first += slices;
	}
	if (workers > 1 && atomic_inc(&sync[2]) == workers - 1) {
		sync[0] = 0;
		sync[1] = 0;
		sync[2] = 0;
	}
}

__attribute__((reqd_work_group_size(1, 1, 1))) kernel void
mea_net(const global struct mea_cl_layer *layers, int n, bytes_in constants, global int *sync,
	bytes_out scratch, bytes_out in0, bytes_out in1, bytes_out in2, bytes_out in3,
	bytes_out out0, bytes_out out1, bytes_out out2, bytes_out out3)
{
	struct spaces s = {{scratch, in0, in1, in2, in3, out0, out1, out2, out3}};

	work_all(layers, n, &s, constants, sync);
#if VARIANT == 2
	__asm__ volatile("tilerelease" ::);
#endif
}
