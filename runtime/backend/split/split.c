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

static int ends_of(const struct mea_backend *b)
{
	return b->ops->ends ? b->ops->ends : ENDS;
}

/* --- exec ---------------------------------------------------------------------------- */

static void drop_cut(struct split_exec *x)
{
	for (int r = 0; x->sub && r < x->cut->n_runs; r++)
		if (x->sub[r])
			x->sub[r]->ops->release(x->sub[r]);
	free(x->sub);
	mea_cut_free(x->cut);
	x->sub = NULL;
	x->cut = NULL;
}

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
	drop_cut(x);
	free(x->bytes);
	free(x);
}

/* Cuts the network by what side 0 refuses and prepares each run. *bad: the run that failed, or -1.
 */
static int prepare_cut(struct split *s, struct split_exec *x, const bool *refused, int *bad)
{
	const int ends[2] = {ends_of(s->side[0]), ends_of(s->side[1])};
	int rc = mea_cut_make(x->e.net, refused, ends, &x->cut);

	*bad = -1;
	if (rc)
		return rc;
	x->sub = calloc((size_t)x->cut->n_runs, sizeof(struct mea_exec *));
	if (!x->sub)
		return mea_nomem();
	for (int r = 0; r < x->cut->n_runs && !rc; r++) {
		struct mea_backend *b = s->side[x->cut->runs[r].side];

		rc = b->ops->prepare(b, &x->cut->runs[r].net, &x->sub[r]);
		if (!rc)
			continue;
		mea_fail_in(rc, "%s, from layer %s", b->ops->name,
			    x->cut->runs[r].net.layers[0].name);
		*bad = r;
	}
	return rc;
}

/* Whether b prepares layer l of net where that is all that it has to do. */
static bool prepares_alone(struct mea_backend *b, const struct mea_qnet *net,
			   const struct mea_qlayer *l)
{
	struct mea_qtensor tensors[3] = {net->tensors[l->in], net->tensors[l->out]};
	struct mea_qlayer own = *l;
	struct mea_qnet one = {.tensors = tensors,
			       .n_tensors = 2,
			       .layers = &own,
			       .n_layers = 1,
			       .n_inputs = 1,
			       .outputs = {1},
			       .n_outputs = 1};
	struct mea_exec *e;

	own.in = 0;
	own.out = 1;
	if (l->in2 >= 0)
		own.in2 = l->in2 == l->in ? 0 : 2;
	if (own.in2 == 2) {
		tensors[2] = net->tensors[l->in2];
		one.inputs[one.n_inputs++] = 2;
		one.n_tensors = 3;
	}
	if (b->ops->prepare(b, &one, &e))
		return false;
	b->ops->release(e);
	return true;
}

/* Has side 1 take those layers of a run that side 0 does not prepare even alone, or all of the run
 * where there are none. False when side 1 refuses one of these. */
static bool give_up(struct split *s, const struct split_exec *x, int run, bool *refused)
{
	const struct mea_qnet *net = x->e.net;
	bool any = false;

	for (int pass = 0; pass < 2 && !any; pass++) {
		for (int i = 0; i < net->n_layers; i++) {
			if (x->cut->run_of[i] != run ||
			    (!pass && prepares_alone(s->side[0], net, &net->layers[i])))
				continue;
			if (s->side[1]->ops->refuses(s->side[1], net, &net->layers[i]))
				return false;
			refused[i] = any = true;
		}
	}
	return any;
}

static int prepare_runs(struct split *s, struct split_exec *x)
{
	const struct mea_qnet *net = x->e.net;
	bool *refused = calloc((size_t)net->n_layers, sizeof(*refused));
	int rc = refused ? MEA_EUNSUPPORTED : mea_nomem(), bad = 0;

	for (int i = 0; refused && i < net->n_layers; i++)
		refused[i] = s->side[0]->ops->refuses(s->side[0], net, &net->layers[i]) != NULL;
	while (refused) {
		rc = prepare_cut(s, x, refused, &bad);
		if (rc != MEA_EUNSUPPORTED || bad < 0 || x->cut->runs[bad].side ||
		    !give_up(s, x, bad, refused))
			break;
		drop_cut(x);
	}
	free(refused);
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
	x->side = ((struct split *)b)->side;
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

const char *mea_split_where(const struct mea_exec *e, int layer)
{
	const struct split_exec *x = (const struct split_exec *)e;

	if (e->ops != &mea_split_ops)
		return e->ops->name;
	return x->side[x->cut->runs[x->cut->run_of[layer]].side]->ops->name;
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
