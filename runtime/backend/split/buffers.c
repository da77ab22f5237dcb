// SPDX-License-Identifier: Apache-2.0
/* Buffers at the ends of a network, and between its runs. */
#include "backend/split/internal.h"

#include <stdlib.h>

#include "base/error.h"

#define SPARES_MAX 8

/* --- buffers at the ends of the network ------------------------------------------------ */

void mea_split_buf_free(struct mea_buf *b)
{
	struct split_buf *buf = (struct split_buf *)b;

	if (!buf)
		return;
	for (int i = 0; i < buf->n; i++)
		buf->real[i]->ops->buf_free(buf->real[i]);
	free(buf);
}

struct mea_buf *mea_split_find(const struct split_exec *x, int r, int index,
			       const struct split_buf *buf)
{
	for (int i = 0; i < buf->n; i++)
		if (buf->real[i]->ops == x->sub[r]->ops &&
		    x->sub[r]->ops->buf_fits(x->sub[r], true, index, buf->real[i]))
			return buf->real[i];
	return NULL;
}

static bool is_input(const struct split_exec *x, int r, int k, int index)
{
	const struct mea_part *p = &x->cut->runs[r].from[k];

	return p->run < 0 && p->index == index;
}

static int alloc_readers(struct split_exec *x, int index, struct split_buf *buf)
{
	int rc = 0;

	for (int r = 0; r < x->cut->n_runs; r++)
		for (int k = 0; k < x->cut->runs[r].net.n_inputs && !rc; k++) {
			if (!is_input(x, r, k, index) || mea_split_find(x, r, k, buf))
				continue;
			rc = x->sub[r]->ops->buf_alloc(x->sub[r], true, k, &buf->real[buf->n]);
			buf->n += !rc;
		}
	return rc;
}

int mea_split_buf_alloc(struct mea_exec *e, bool input, int index, struct mea_buf **out)
{
	struct split_exec *x = (struct split_exec *)e;
	int ends = x->cut->n_runs * ENDS, rc;
	const struct mea_qtensor *t =
		&e->net->tensors[input ? e->net->inputs[index] : e->net->outputs[index]];
	struct split_buf *buf = calloc(1, sizeof(*buf) + (size_t)ends * sizeof(struct mea_buf *));

	if (!buf)
		return mea_nomem();
	buf->b = (struct mea_buf){&mea_split_ops, t->c, t->h, t->w};
	if (input) {
		rc = alloc_readers(x, index, buf);
	} else {
		struct mea_exec *sub = x->sub[x->cut->out[index].run];

		rc = sub->ops->buf_alloc(sub, false, x->cut->out[index].index, &buf->real[0]);
		buf->n = !rc;
	}
	if (rc) {
		mea_split_buf_free(&buf->b);
		return rc;
	}
	*out = &buf->b;
	return 0;
}

bool mea_split_buf_fits(struct mea_exec *e, bool input, int index, const struct mea_buf *b)
{
	struct split_exec *x = (struct split_exec *)e;
	const struct split_buf *buf = (const struct split_buf *)b;
	const struct mea_part *p = &x->cut->out[index];

	if (b->ops != &mea_split_ops)
		return false;
	if (!input)
		return buf->n == 1 && buf->real[0]->ops == x->sub[p->run]->ops &&
		       x->sub[p->run]->ops->buf_fits(x->sub[p->run], false, p->index, buf->real[0]);
	for (int r = 0; r < x->cut->n_runs; r++)
		for (int k = 0; k < x->cut->runs[r].net.n_inputs; k++)
			if (is_input(x, r, k, index) && !mea_split_find(x, r, k, buf))
				return false;
	return true;
}

int mea_split_buf_write(struct mea_buf *b, const int8_t *nhwc)
{
	struct split_buf *buf = (struct split_buf *)b;
	int rc = 0;

	for (int i = 0; i < buf->n && !rc; i++)
		rc = buf->real[i]->ops->buf_write(buf->real[i], nhwc);
	return rc;
}

int mea_split_buf_read(struct mea_buf *b, int8_t *nhwc)
{
	struct split_buf *buf = (struct split_buf *)b;

	return buf->real[0]->ops->buf_read(buf->real[0], nhwc);
}

/* --- buffers between runs ---------------------------------------------------------------- */

static bool is_output(const struct split_exec *x, int run, int index)
{
	for (int i = 0; i < x->e.net->n_outputs; i++)
		if (x->cut->out[i].run == run && x->cut->out[i].index == index)
			return true;
	return false;
}

void mea_split_free_set(const struct split_exec *x, struct set *s)
{
	for (int r = 0; r < x->cut->n_runs; r++)
		for (int k = 0; k < ENDS; k++) {
			const struct mea_backend_ops *ops = x->sub[r]->ops;

			if (s->copied && s->copied[r][k] && s->in[r][k])
				ops->buf_free(s->in[r][k]);
			if (s->out && s->out[r][k])
				ops->buf_free(s->out[r][k]);
		}
	free(s->in);
	free(s->out);
	free(s->copied);
	free(s);
}

/* An input that another run makes: that run's buffer, where it fits, or one of its own. */
static int link_input(struct split_exec *x, struct set *s, int r, int k)
{
	const struct mea_part *p = &x->cut->runs[r].from[k];
	struct mea_exec *sub = x->sub[r];
	struct mea_buf *made = p->run < 0 ? NULL : s->out[p->run][p->index];

	if (p->run < 0)
		return 0;
	if (made && made->ops == sub->ops && sub->ops->buf_fits(sub, true, k, made)) {
		s->in[r][k] = made;
		return 0;
	}
	s->copied[r][k] = true;
	return sub->ops->buf_alloc(sub, true, k, &s->in[r][k]);
}

static int new_set(struct split_exec *x, struct set **out)
{
	size_t runs = (size_t)x->cut->n_runs;
	struct set *s = calloc(1, sizeof(*s));
	int rc = 0;

	if (!s)
		return mea_nomem();
	s->in = calloc(runs, sizeof(*s->in));
	s->out = calloc(runs, sizeof(*s->out));
	s->copied = calloc(runs, sizeof(*s->copied));
	if (!s->in || !s->out || !s->copied)
		rc = mea_nomem();
	for (int r = 0; r < x->cut->n_runs && !rc; r++) {
		const struct mea_qnet *n = &x->cut->runs[r].net;

		for (int k = 0; k < n->n_outputs && !rc; k++)
			if (!is_output(x, r, k))
				rc = x->sub[r]->ops->buf_alloc(x->sub[r], false, k, &s->out[r][k]);
		for (int k = 0; k < n->n_inputs && !rc; k++)
			rc = link_input(x, s, r, k);
	}
	if (rc)
		mea_split_free_set(x, s);
	else
		*out = s;
	return rc;
}

int mea_split_take_set(struct split_exec *x, struct set **out)
{
	if (!x->spare)
		return new_set(x, out);
	*out = x->spare;
	x->spare = (*out)->next;
	x->n_spare--;
	return 0;
}

void mea_split_give_set(struct split_exec *x, struct set *s)
{
	if (x->n_spare == SPARES_MAX) {
		mea_split_free_set(x, s);
		return;
	}
	s->next = x->spare;
	x->spare = s;
	x->n_spare++;
}
