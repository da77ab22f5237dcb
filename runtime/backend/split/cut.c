// SPDX-License-Identifier: Apache-2.0
#include "backend/split/cut.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"

/* How many layers further is looked for an end of a run that has few enough ends. */
#define REACH 64

struct cutter {
	const struct mea_qnet *net;
	bool *second;  /* per layer: side 1 */
	bool *done;    /* per layer: in a run already */
	int *producer; /* per tensor: the layer, -1 for an input of the network */
	int *run_of;   /* per layer */
	int *local;    /* per tensor: its number in the run that is being made, or -1 */
	struct mea_cut *cut;
};

/* --- which side ------------------------------------------------------------------ */

static bool reads(const struct mea_qlayer *l, int tensor)
{
	return l->in == tensor || l->in2 == tensor;
}

/* Whether all layers that layer i takes from and gives to are on side 1, and there are some. */
static bool surrounded(const struct cutter *c, int i)
{
	const struct mea_qlayer *l = &c->net->layers[i];
	int before[2] = {c->producer[l->in], l->in2 >= 0 ? c->producer[l->in2] : -1};
	bool any = false;

	for (int k = 0; k < (l->in2 >= 0 ? 2 : 1); k++)
		if (before[k] < 0 || !c->second[before[k]])
			return false;
	for (int k = i + 1; k < c->net->n_layers; k++) {
		if (!reads(&c->net->layers[k], l->out))
			continue;
		if (!c->second[k])
			return false;
		any = true;
	}
	return any;
}

/* Whether layer i is a table of what a layer on side 1 makes: either its input has to cross, or its
 * result does. */
static bool follows(const struct cutter *c, int i)
{
	const struct mea_qlayer *l = &c->net->layers[i];

	return l->op == MEA_Q_TABLE && c->producer[l->in] >= 0 && c->second[c->producer[l->in]];
}

static void take_along(struct cutter *c)
{
	bool changed = true;

	while (changed) {
		changed = false;
		for (int i = 0; i < c->net->n_layers; i++)
			if (!c->second[i] &&
			    (follows(c, i) ||
			     (!mea_qlayer_macs(c->net, &c->net->layers[i]) && surrounded(c, i))))
				changed = c->second[i] = true;
	}
}

/* --- the order --------------------------------------------------------------------- */

static bool ready(const struct cutter *c, int i)
{
	const struct mea_qlayer *l = &c->net->layers[i];
	int a = c->producer[l->in], b = l->in2 >= 0 ? c->producer[l->in2] : -1;

	return !c->done[i] && (a < 0 || c->done[a]) && (b < 0 || c->done[b]);
}

/*
 * Takes all that can run on one side, then all that then can on the other, and so on. A layer
 * is never later than in another order, so no order that starts with the same side has fewer
 * runs. Returns their number; run_of is set.
 */
static int alternate(struct cutter *c, bool side)
{
	int left = c->net->n_layers, runs = 0, last = -1;

	memset(c->done, 0, (size_t)c->net->n_layers * sizeof(*c->done));
	for (; left; side = !side) {
		int taken = 0;

		/* Layers are in topological order, so one pass sees all. */
		for (int i = 0; i < c->net->n_layers; i++) {
			if (c->second[i] != side || !ready(c, i))
				continue;
			c->done[i] = true;
			c->run_of[i] = runs;
			taken++;
		}
		left -= taken;
		runs += taken > 0;
		/* Twice nothing cannot be in a network that is in order. */
		if (!taken && !last)
			break;
		last = taken;
	}
	return runs;
}

/* --- no run with too many ends ------------------------------------------------------- */

/* A run in the making, layer by layer. */
struct piece {
	int *readers; /* per tensor: layers outside that read it, once it was made here; else 0 */
	bool *known;  /* per tensor: made or read here */
	int inputs, outputs;
};

static bool leaves(const struct mea_qnet *net, int tensor)
{
	for (int i = 0; i < net->n_outputs; i++)
		if (net->outputs[i] == tensor)
			return true;
	return false;
}

static void read_in(const struct mea_qnet *net, struct piece *p, int tensor)
{
	if (!p->known[tensor]) {
		p->known[tensor] = true;
		p->inputs++;
	} else if (p->readers[tensor] && --p->readers[tensor] == 0 && !leaves(net, tensor)) {
		p->outputs--;
	}
}

static void add_layer(const struct mea_qnet *net, struct piece *p, const struct mea_qlayer *l)
{
	read_in(net, p, l->in);
	if (l->in2 >= 0 && l->in2 != l->in)
		read_in(net, p, l->in2);
	p->known[l->out] = true;
	for (int i = 0; i < net->n_layers; i++)
		p->readers[l->out] += reads(&net->layers[i], l->out);
	p->outputs += p->readers[l->out] || leaves(net, l->out);
}

/* How many of the n layers of list from at on make a run with no more ends each way than most: the
 * largest number within REACH. One layer always does. */
static int longest(const struct cutter *c, const int *list, int n, int at, int most,
		   struct piece *p)
{
	int best = 1;

	p->inputs = p->outputs = 0;
	memset(p->readers, 0, (size_t)c->net->n_tensors * sizeof(*p->readers));
	memset(p->known, 0, (size_t)c->net->n_tensors * sizeof(*p->known));
	for (int k = at; k < n && k - at < best + REACH; k++) {
		add_layer(c->net, p, &c->net->layers[list[k]]);
		if (p->inputs <= most && p->outputs <= most)
			best = k - at + 1;
	}
	return best;
}

/* Cuts runs whose ends are too many into several; run_of is set anew. Returns their number. */
static int limit_ends(struct cutter *c, int runs, const int ends[2])
{
	size_t tensors = (size_t)c->net->n_tensors;
	struct piece p = {malloc(tensors * sizeof(*p.readers)), malloc(tensors * sizeof(*p.known)),
			  0, 0};
	int *list = malloc((size_t)c->net->n_layers * sizeof(*list)), made = 0;

	for (int r = 0; r < runs && p.readers && p.known && list; r++) {
		int n = 0, own = made;

		for (int i = 0; i < c->net->n_layers; i++)
			if (c->run_of[i] == r && !c->done[i])
				list[n++] = i;
		for (int at = 0, length; at < n; at += length, own++) {
			length = longest(c, list, n, at, ends[c->second[list[at]]], &p);
			for (int k = at; k < at + length; k++) {
				c->run_of[list[k]] = own;
				c->done[list[k]] = true;
			}
		}
		made = own;
	}
	free(p.readers);
	free(p.known);
	free(list);
	return made ? made : mea_nomem();
}

/* --- the runs ------------------------------------------------------------------------ */

static int local_tensor(struct cutter *c, struct mea_qnet *n, int tensor)
{
	if (c->local[tensor] < 0) {
		c->local[tensor] = n->n_tensors;
		n->tensors[n->n_tensors++] = c->net->tensors[tensor];
	}
	return c->local[tensor];
}

static int index_of(const struct mea_run *r, int tensor)
{
	for (int i = 0; i < r->net.n_outputs; i++)
		if (r->tensor[i] == tensor)
			return i;
	return -1;
}

/* Where tensor comes from for a run that does not make it. */
static struct mea_part source_of(const struct cutter *c, int tensor)
{
	int layer = c->producer[tensor];

	if (layer >= 0)
		return (struct mea_part){c->run_of[layer],
					 index_of(&c->cut->runs[c->run_of[layer]], tensor)};
	for (int i = 0; i < c->net->n_inputs; i++)
		if (c->net->inputs[i] == tensor)
			return (struct mea_part){-1, i};
	return (struct mea_part){-1, -1};
}

static int too_many(const struct mea_run *r, const char *what)
{
	return mea_fail(MEA_EUNSUPPORTED, "cut at layer %s: over %d %s of a part",
			r->net.layers[0].name, ENDS, what);
}

static int take_input(struct cutter *c, struct mea_run *r, int run, int tensor)
{
	int made_by = tensor < 0 ? -1 : c->producer[tensor];

	if (tensor < 0 || c->local[tensor] >= 0 || (made_by >= 0 && c->run_of[made_by] == run))
		return 0;
	if (r->net.n_inputs == ENDS)
		return too_many(r, "inputs");
	r->from[r->net.n_inputs] = source_of(c, tensor);
	r->net.inputs[r->net.n_inputs++] = local_tensor(c, &r->net, tensor);
	return 0;
}

/* Whether another run or the network's user wants what layer i makes. */
static bool goes_out(const struct cutter *c, int i, int run)
{
	int tensor = c->net->layers[i].out;

	for (int k = 0; k < c->net->n_outputs; k++)
		if (c->net->outputs[k] == tensor)
			return true;
	for (int k = i + 1; k < c->net->n_layers; k++)
		if (c->run_of[k] != run && reads(&c->net->layers[k], tensor))
			return true;
	return false;
}

static int make_run(struct cutter *c, int run)
{
	struct mea_run *r = &c->cut->runs[run];
	struct mea_qnet *n = &r->net;
	int rc = 0;

	n->tensors = calloc((size_t)c->net->n_tensors, sizeof(*n->tensors));
	n->layers = calloc((size_t)c->net->n_layers, sizeof(*n->layers));
	if (!n->tensors || !n->layers)
		return mea_nomem();
	for (int t = 0; t < c->net->n_tensors; t++)
		c->local[t] = -1;
	for (int i = 0; i < c->net->n_layers && !rc; i++) {
		struct mea_qlayer *l = &n->layers[n->n_layers];

		if (c->run_of[i] != run)
			continue;
		r->side = c->second[i];
		*l = c->net->layers[i];
		n->n_layers++;
		rc = take_input(c, r, run, l->in);
		if (!rc)
			rc = take_input(c, r, run, l->in2);
		l->in = local_tensor(c, n, l->in);
		if (l->in2 >= 0)
			l->in2 = local_tensor(c, n, l->in2);
		l->out = local_tensor(c, n, l->out);
		if (rc || !goes_out(c, i, run))
			continue;
		if (n->n_outputs == ENDS)
			return too_many(r, "outputs");
		r->tensor[n->n_outputs] = c->net->layers[i].out;
		n->outputs[n->n_outputs++] = l->out;
	}
	return rc;
}

static int make_runs(struct cutter *c, const int ends[2])
{
	struct mea_cut *cut = c->cut;
	int ways[2] = {alternate(c, false), alternate(c, true)}, rc = 0;
	int runs = ways[0] <= ways[1] ? alternate(c, false) : ways[1];

	memset(c->done, 0, (size_t)c->net->n_layers * sizeof(*c->done));
	runs = limit_ends(c, runs, ends);
	if (runs < 0)
		return runs;
	cut->n_runs = runs;
	cut->runs = calloc((size_t)cut->n_runs, sizeof(*cut->runs));
	if (!cut->runs)
		return mea_nomem();
	for (int r = 0; r < cut->n_runs && !rc; r++)
		rc = make_run(c, r);
	for (int i = 0; i < c->net->n_outputs && !rc; i++) {
		cut->out[i] = source_of(c, c->net->outputs[i]);
		if (cut->out[i].run < 0)
			rc = mea_fail(MEA_EUNSUPPORTED, "cut: output %s is an input as well",
				      c->net->tensors[c->net->outputs[i]].name);
	}
	return rc;
}

int mea_cut_make(const struct mea_qnet *net, const bool *refused, const int ends[2],
		 struct mea_cut **out)
{
	size_t layers = (size_t)net->n_layers, tensors = (size_t)net->n_tensors;
	struct cutter c = {
		.net = net,
		.second = malloc(layers * sizeof(*c.second)),
		.done = malloc(layers * sizeof(*c.done)),
		.producer = malloc(tensors * sizeof(*c.producer)),
		.run_of = malloc(layers * sizeof(*c.run_of)),
		.local = malloc(tensors * sizeof(*c.local)),
		.cut = calloc(1, sizeof(*c.cut)),
	};
	int rc;

	if (c.second && c.done && c.producer && c.run_of && c.local && c.cut) {
		memcpy(c.second, refused, layers * sizeof(*refused));
		for (int t = 0; t < net->n_tensors; t++)
			c.producer[t] = -1;
		for (int i = 0; i < net->n_layers; i++)
			c.producer[net->layers[i].out] = i;
		take_along(&c);
		rc = make_runs(&c, ends);
	} else {
		rc = mea_nomem();
	}
	if (c.cut)
		c.cut->run_of = c.run_of;
	else
		free(c.run_of);
	free(c.second);
	free(c.done);
	free(c.producer);
	free(c.local);
	if (rc) {
		mea_cut_free(c.cut);
		c.cut = NULL;
	}
	*out = c.cut;
	return rc;
}

void mea_cut_free(struct mea_cut *c)
{
	if (!c)
		return;
	for (int i = 0; i < c->n_runs && c->runs; i++) {
		free(c->runs[i].net.tensors);
		free(c->runs[i].net.layers);
	}
	free(c->runs);
	free(c->run_of);
	free(c);
}
