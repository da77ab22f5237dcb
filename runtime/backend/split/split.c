// SPDX-License-Identifier: Apache-2.0
#include "backend/split/internal.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/error.h"

/* --- backend ------------------------------------------------------------------------- */

int mea_split_open(struct mea_backend *first, struct mea_backend *second, struct mea_backend **out)
{
	struct split *s = calloc(1, sizeof(*s));

	if (!s)
		return mea_nomem();
	*s = (struct split){{&mea_split_ops}, {first, second}};
	*out = &s->b;
	return 0;
}

static void split_close(struct mea_backend *b)
{
	struct split *s = (struct split *)b;

	for (int i = 0; i < 2; i++)
		s->side[i]->ops->close(s->side[i]);
	free(s);
}

static void split_describe(struct mea_backend *b, char *text, size_t size)
{
	struct split *s = (struct split *)b;
	char one[2][512];

	for (int i = 0; i < 2; i++)
		s->side[i]->ops->describe(s->side[i], one[i], sizeof(one[i]));
	snprintf(text, size, "%s; what it refuses on %s", one[0], one[1]);
}

static const char *split_refuses(struct mea_backend *b, const struct mea_qnet *net,
				 const struct mea_qlayer *l)
{
	struct split *s = (struct split *)b;

	return s->side[0]->ops->refuses(s->side[0], net, l)
		       ? s->side[1]->ops->refuses(s->side[1], net, l)
		       : NULL;
}

/* --- exec ---------------------------------------------------------------------------- */

static void split_release(struct mea_exec *e)
{
	struct split_exec *x = (struct split_exec *)e;

	if (!x)
		return;
	while (x->spare) {
		struct set *s = x->spare;

		x->spare = s->next;
		mea_split_free_set(x, s);
	}
	for (int r = 0; x->sub && r < x->cut->n_runs; r++)
		if (x->sub[r])
			x->sub[r]->ops->release(x->sub[r]);
	free(x->sub);
	free(x->bytes);
	mea_cut_free(x->cut);
	free(x);
}

static int prepare_runs(struct split *s, struct split_exec *x)
{
	const struct mea_qnet *net = x->e.net;
	bool *refused = calloc((size_t)net->n_layers, sizeof(*refused));
	int rc;

	if (!refused)
		return mea_nomem();
	for (int i = 0; i < net->n_layers; i++)
		refused[i] = s->side[0]->ops->refuses(s->side[0], net, &net->layers[i]) != NULL;
	rc = mea_cut_make(net, refused, &x->cut);
	free(refused);
	if (rc)
		return rc;
	x->sub = calloc((size_t)x->cut->n_runs, sizeof(struct mea_exec *));
	if (!x->sub)
		return mea_nomem();
	for (int r = 0; r < x->cut->n_runs && !rc; r++) {
		struct mea_backend *b = s->side[x->cut->runs[r].side];

		rc = b->ops->prepare(b, &x->cut->runs[r].net, &x->sub[r]);
		if (rc)
			mea_fail_in(rc, "%s, from layer %s", b->ops->name,
				    x->cut->runs[r].net.layers[0].name);
	}
	return rc;
}

static int split_prepare(struct mea_backend *b, const struct mea_qnet *net, struct mea_exec **out)
{
	struct split_exec *x = calloc(1, sizeof(*x));
	size_t most = 1;
	int rc;

	if (!x)
		return mea_nomem();
	x->e = (struct mea_exec){&mea_split_ops, net};
	for (int i = 0; i < net->n_tensors; i++) {
		const struct mea_qtensor *t = &net->tensors[i];
		size_t size = (size_t)t->c * (size_t)t->h * (size_t)t->w;

		most = size > most ? size : most;
	}
	x->bytes = malloc(most);
	rc = x->bytes ? prepare_runs((struct split *)b, x) : mea_nomem();
	if (rc)
		split_release(&x->e);
	else
		*out = &x->e;
	return rc;
}

int mea_split_moved(const struct mea_exec *e)
{
	const struct mea_cut *c = ((const struct split_exec *)e)->cut;
	int n = 0;

	for (int r = 0; r < c->n_runs; r++)
		n += c->runs[r].side ? c->runs[r].net.n_layers : 0;
	return n;
}

const struct mea_backend_ops mea_split_ops = {
	.name = "split",
	.close = split_close,
	.describe = split_describe,
	.refuses = split_refuses,
	.prepare = split_prepare,
	.release = split_release,
	.buf_alloc = mea_split_buf_alloc,
	.buf_free = mea_split_buf_free,
	.buf_fits = mea_split_buf_fits,
	.buf_write = mea_split_buf_write,
	.buf_read = mea_split_buf_read,
	.submit = mea_split_submit,
	.wait_fd = mea_split_wait_fd,
	.wait = mea_split_wait,
};
