// SPDX-License-Identifier: Apache-2.0
/* mea info: backends, and the layers of a network. */
#include "mea/files.h"
#include "mea/table.h"
#include "info.h"

#include "base/error.h"
#include "mea.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- backends --------------------------------------------------------------- */

static void open_all(struct backends *bs)
{
	for (int i = 0; i < bs->n; i++) {
		if (bs->choice[i].ops->open(bs->choice[i].device, &bs->open[i])) {
			bs->open[i] = NULL;
			snprintf(bs->why[i], sizeof(bs->why[i]), "%s", mea_errmsg());
		}
	}
}

int backends_open(struct backends *bs, const char *list, const char *device)
{
	int n = mea_choices_parse(list, device, bs->choice);

	bs->n = n > 0 ? n : 0;
	open_all(bs);
	return n < 0 ? n : 0;
}

void backends_close(struct backends *bs)
{
	for (int i = 0; i < bs->n; i++)
		if (bs->open[i])
			bs->choice[i].ops->close(bs->open[i]);
}

json_t *info_backends(const struct backends *bs)
{
	json_t *list = json_array();

	for (int i = 0; i < bs->n; i++) {
		char text[512];

		if (bs->open[i])
			bs->choice[i].ops->describe(bs->open[i], text, sizeof(text));
		else
			snprintf(text, sizeof(text), "%s", bs->why[i]);
		json_array_append_new(
			list, json_pack("{s:s, s:b, s:o}", "name", bs->choice[i].ops->name,
					"available", bs->open[i] != NULL, "text", tool_text(text)));
	}
	return list;
}

static const struct mea_qnet *net_of(const struct mea_model *m, int which)
{
	return which == MEA_NET_MAIN ? m->main : m->extension;
}

static int take_notes(const struct mea_prepared *e, const struct mea_model *m,
		      struct answering *who)
{
	who->name = mea_prepared_name(e);
	for (int k = 0; k < 2; k++) {
		const struct mea_qnet *net = net_of(m, k);

		if (!net)
			continue;
		who->where[k] = calloc((size_t)net->n_layers + 1, sizeof(*who->where[k]));
		if (!who->where[k])
			return mea_nomem();
		for (int i = 0; i < net->n_layers; i++)
			who->where[k][i] = mea_prepared_where(e, (enum mea_net)k, i);
	}
	return 0;
}

int answering_find(struct backends *bs, const struct mea_model *m, struct answering *who)
{
	struct mea_prepared *e = NULL;
	int rc = 0;

	*who = (struct answering){.name = NULL};
	backends_close(bs);
	for (; who->passed_over < bs->n && !e; who->passed_over += !e) {
		int i = who->passed_over;

		if (mea_prepared_open(&bs->choice[i], bs->n - i, m, MEA_JOBS_DEFAULT, &e))
			snprintf(who->why[i], sizeof(who->why[i]), "%s", mea_errmsg());
	}
	if (e)
		rc = take_notes(e, m, who);
	mea_prepared_close(e);
	open_all(bs);
	return rc;
}

void answering_free(struct answering *who)
{
	free(who->where[0]);
	free(who->where[1]);
}

/* --- a qnet --------------------------------------------------------------------- */

static json_t *shape_json(const struct mea_qtensor *t)
{
	return json_pack("[i, i, i]", t->c, t->h, t->w);
}

static json_t *dims_json(const struct mea_shape *s)
{
	json_t *a = json_array();

	for (int i = 0; i < s->rank; i++)
		json_array_append_new(a, json_integer(s->dim[i]));
	return a;
}

static json_t *ends_json(const struct mea_qnet *net, const int *list, int n)
{
	json_t *a = json_array();

	for (int i = 0; i < n; i++) {
		const struct mea_qtensor *t = &net->tensors[list[i]];

		json_array_append_new(a, json_pack("{s:s, s:o, s:f, s:i}", "name", t->name, "shape",
						   shape_json(t), "scale", (double)t->scale,
						   "zero_point", t->zero_point));
	}
	return a;
}

/* Reasons of the backends that come before the one where layer number i runs. */
static json_t *refusals(const struct backends *bs, const struct mea_qnet *net, int i,
			const char *backend, const struct answering *who)
{
	json_t *o = json_object();

	for (int k = 0; k < bs->n && (!backend || strcmp(bs->choice[k].ops->name, backend)); k++) {
		const char *why;

		if (!bs->open[k])
			continue;
		why = bs->choice[k].ops->refuses(bs->open[k], net, &net->layers[i]);
		/* Where it could run, but its part has no plan, or crossing would gain nothing. */
		if (!why && backend && k == who->passed_over)
			why = "its part of the network goes elsewhere as a whole";
		if (why)
			json_object_set_new(o, bs->choice[k].ops->name, json_string(why));
	}
	return o;
}

/* Why the backends before the one that answers do not. */
static json_t *passed_over(const struct backends *bs, const struct answering *who)
{
	json_t *o = json_object();

	for (int i = 0; i < who->passed_over; i++)
		json_object_set_new(o, bs->choice[i].ops->name, tool_text(who->why[i]));
	return o;
}

/* What the file leaves in float behind the last quantised tensor runs on the CPU, after the
 * backend. */
static void append_tail(json_t *layers, const struct mea_graph *g, uint64_t *macs)
{
	for (int i = 0; g && i < g->n_nodes; i++) {
		const struct mea_node *n = &g->nodes[i];
		uint64_t m = mea_node_macs(g, n);

		if (n->op == MEA_OP_DequantizeLinear)
			continue;
		*macs += m;
		json_array_append_new(layers, json_pack("{s:s, s:s, s:o, s:I, s:s}", "name",
							n->name, "op", mea_op_name(n->op), "output",
							dims_json(&g->values[n->out].shape), "macs",
							(json_int_t)m, "backend", "float"));
	}
}

json_t *info_qnet(const struct backends *bs, const struct mea_qnet *net, enum mea_net which,
		  const struct answering *who)
{
	json_t *layers = json_array();
	uint64_t macs = 0, bytes = 0;

	for (int i = 0; i < net->n_layers; i++) {
		const struct mea_qlayer *l = &net->layers[i];
		uint64_t m = mea_qlayer_macs(net, l), w = mea_qlayer_bytes(net, l);
		const char *backend = who->where[which] ? who->where[which][i] : NULL;

		macs += m;
		bytes += w;
		json_array_append_new(
			layers,
			json_pack("{s:s, s:s, s:o, s:[i, i], s:[i, i], s:I, s:I, s:s?, s:o}",
				  "name", l->name, "op", mea_qlayer_kind(l), "output",
				  shape_json(&net->tensors[l->out]), "kernel", l->kh, l->kw,
				  "stride", l->stride_h, l->stride_w, "macs", (json_int_t)m,
				  "weight_bytes", (json_int_t)w, "backend", backend, "refused_by",
				  refusals(bs, net, i, backend, who)));
	}
	append_tail(layers, net->tail, &macs);
	return json_pack("{s:o, s:o, s:I, s:I, s:s?, s:o, s:o}", "inputs",
			 ends_json(net, net->inputs, net->n_inputs), "outputs",
			 ends_json(net, net->outputs, net->n_outputs), "macs", (json_int_t)macs,
			 "weight_bytes", (json_int_t)bytes, "backend", who->name, "refused_by",
			 passed_over(bs, who), "layers", layers);
}

/* --- a float graph ---------------------------------------------------------------- */

static json_t *values_json(const struct mea_graph *g, const int *list, int n)
{
	json_t *a = json_array();

	for (int i = 0; i < n; i++) {
		const struct mea_value *v = &g->values[list[i]];

		json_array_append_new(a, json_pack("{s:s, s:o}", "name", v->name, "shape",
						   dims_json(&v->shape)));
	}
	return a;
}

static uint64_t constant_bytes(const struct mea_graph *g, const struct mea_node *n)
{
	uint64_t sum = 0;

	for (int i = 0; i < n->n_in; i++) {
		const struct mea_value *v = mea_node_in(g, n, i);

		if (v && v->data)
			sum += mea_shape_count(&v->shape) * mea_dtype_size(v->type);
	}
	return sum;
}

json_t *info_graph(const struct mea_graph *g)
{
	json_t *layers = json_array();
	uint64_t macs = 0, bytes = 0;

	for (int i = 0; i < g->n_nodes; i++) {
		const struct mea_node *n = &g->nodes[i];
		uint64_t m = mea_node_macs(g, n), w = constant_bytes(g, n);

		macs += m;
		bytes += w;
		json_array_append_new(layers,
				      json_pack("{s:s, s:s, s:o, s:I, s:I}", "name", n->name, "op",
						mea_op_name(n->op), "output",
						dims_json(&g->values[n->out].shape), "macs",
						(json_int_t)m, "weight_bytes", (json_int_t)w));
	}
	return json_pack("{s:o, s:o, s:I, s:I, s:o}", "inputs",
			 values_json(g, g->inputs, g->n_inputs), "outputs",
			 values_json(g, g->outputs, g->n_outputs), "macs", (json_int_t)macs,
			 "weight_bytes", (json_int_t)bytes, "layers", layers);
}

/* --- for people -------------------------------------------------------------------- */

static const char *text_of(json_t *o, const char *key)
{
	const char *s = json_string_value(json_object_get(o, key));

	return s ? s : "-";
}

static const char *shape_text(json_t *shape, char *text, size_t size)
{
	size_t used = 0;

	text[0] = 0;
	for (size_t i = 0; i < json_array_size(shape) && used < size; i++)
		used += (size_t)snprintf(text + used, size - used, "%s%lld", i ? "x" : "",
					 (long long)json_integer_value(json_array_get(shape, i)));
	return text;
}

static void ends_text(json_t *list, char *text, size_t size)
{
	char shape[96];
	size_t n = 0;

	text[0] = 0;
	for (size_t i = 0; i < json_array_size(list) && n < size; i++) {
		json_t *o = json_array_get(list, i);

		n += (size_t)snprintf(
			text + n, size - n, "%s%s %s", i ? ", " : "", text_of(o, "name"),
			shape_text(json_object_get(o, "shape"), shape, sizeof(shape)));
	}
}

static double number(json_t *o, const char *key)
{
	return json_number_value(json_object_get(o, key));
}

static void add_layer(struct table *t, size_t i, json_t *l)
{
	json_t *kernel = json_object_get(l, "kernel"), *stride = json_object_get(l, "stride"), *why;
	const char *name;
	char shape[96];

	table_text(t, "%zu", i);
	table_text(t, "%s", text_of(l, "name"));
	table_text(t, "%s", text_of(l, "op"));
	table_text(t, "%s", shape_text(json_object_get(l, "output"), shape, sizeof(shape)));
	if (kernel)
		table_text(t, "%lldx%lld/%lld",
			   (long long)json_integer_value(json_array_get(kernel, 0)),
			   (long long)json_integer_value(json_array_get(kernel, 1)),
			   (long long)json_integer_value(json_array_get(stride, 0)));
	else
		table_text(t, "-");
	table_text(t, "%.3f", number(l, "macs") / 1e6);
	table_text(t, "%.1f", number(l, "weight_bytes") / 1e3);
	if (t->n > 7)
		table_text(t, "%s", text_of(l, "backend"));
	json_object_foreach(json_object_get(l, "refused_by"), name, why)
		table_line(t, "not on %s: %s", name, json_string_value(why));
}

int info_print_net(const char *title, json_t *net, int width)
{
	static const struct column columns[] = {
		COLUMN("", 0),
		COLUMN_LEFT("layer", 0, 26),
		COLUMN_LEFT("operation", 0, 0),
		COLUMN_LEFT("output", 0, 0),
		COLUMN_LEFT("window", 2, 0),
		COLUMN("MMAC", 0),
		COLUMN("kB", 1),
		COLUMN_LEFT("runs on", 0, 0),
	};
	json_t *layers = json_object_get(net, "layers"), *why;
	const char *name;
	bool runs = json_object_get(net, "backend") != NULL;
	struct table t = {.columns = columns, .n = runs ? 8 : 7};
	char in[256], out[256];

	ends_text(json_object_get(net, "inputs"), in, sizeof(in));
	ends_text(json_object_get(net, "outputs"), out, sizeof(out));
	putchar('\n');
	text_print(width, 2, "%s: %s -> %s; %.3f MMAC, %.1f kB of weights", title, in, out,
		   number(net, "macs") / 1e6, number(net, "weight_bytes") / 1e3);
	json_object_foreach(json_object_get(net, "refused_by"), name, why)
		text_print(width, 4, "  not on %s: %s", name, json_string_value(why));
	for (size_t i = 0; i < json_array_size(layers); i++)
		add_layer(&t, i, json_array_get(layers, i));
	return table_print(&t, width);
}
