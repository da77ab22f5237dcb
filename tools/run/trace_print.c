// SPDX-License-Identifier: Apache-2.0
/* What `mea trace` prints; a figure that is not known is "-" or absent. */
#include "trace.h"
#include "mea/files.h"
#include "mea/table.h"

#include "base/error.h"
#include "mea_isa.h"

#include <jansson.h>
#include <math.h>
#include <stdio.h>

static const struct {
	const char *name;
	int index;
} classes[] = {
	{"mac", MEA_COUNT_MAC},		{"pool", MEA_COUNT_POOL},
	{"weights", MEA_COUNT_WEIGHTS}, {"pipeline", MEA_COUNT_PIPELINE},
	{"bank", MEA_COUNT_BANK},	{"load", MEA_COUNT_LOAD},
	{"store", MEA_COUNT_STORE},	{"fetch", MEA_COUNT_FETCH},
	{"finish", MEA_COUNT_FINISH},	{"scrub", MEA_COUNT_SCRUB},
	{"dw", MEA_COUNT_DEPTHWISE},
};

#define N_CLASSES (sizeof(classes) / sizeof(classes[0]))

const char *trace_class(uint32_t index)
{
	for (size_t i = 0; i < N_CLASSES; i++)
		if ((uint32_t)classes[i].index == index)
			return classes[i].name;
	return "";
}

static uint64_t class_sum(const struct mea_run_stats *s)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < N_CLASSES; i++)
		sum += s->stall[classes[i].index];
	return sum;
}

/* --- text ---------------------------------------------------------------------- */

/* The classes of time come last. */
#define FIXED_COLUMNS 9

static struct column *columns(void)
{
	static struct column all[FIXED_COLUMNS + N_CLASSES] = {
		COLUMN("", 0),	    COLUMN_LEFT("layer", 0, 30), COLUMN_LEFT("backend", 2, 0),
		COLUMN("MMAC", 0),  COLUMN("cycles", 0),	 COLUMN("planned", 1),
		COLUMN("array", 0), COLUMN("B read", 2),	 COLUMN("B written", 2),
	};

	for (size_t i = 0; i < N_CLASSES; i++)
		all[FIXED_COLUMNS + i] = (struct column)COLUMN(classes[i].name, 3);
	return all;
}

static void add_row(struct table *t, int number, const char *name, const char *backend,
		    uint64_t macs, uint64_t planned, const struct mea_run_stats *s)
{
	table_text(t, number >= 0 ? "%d" : "", number);
	table_text(t, "%s", name);
	table_text(t, "%s", backend);
	table_text(t, "%.3f", (double)macs / 1e6);
	table_number(t, "%.0f", s ? (double)s->cost.cycles : NAN);
	table_number(t, "%.0f", planned ? (double)planned : NAN);
	table_number(t, "%.1f%%", s && macs ? 100 * (double)macs / (double)s->cost.peak_macs : NAN);
	table_number(t, "%.0f", s ? (double)s->bytes_read : NAN);
	table_number(t, "%.0f", s ? (double)s->bytes_written : NAN);
	for (int i = FIXED_COLUMNS; i < t->n; i++)
		table_number(t, "%.0f",
			     s ? (double)s->stall[classes[i - FIXED_COLUMNS].index] : NAN);
}

static uint64_t all_macs(const struct mea_qnet *net)
{
	uint64_t sum = 0;

	for (int i = 0; i < net->n_layers; i++)
		sum += mea_qlayer_macs(net, &net->layers[i]);
	return sum;
}

static void add_layers(struct table *table, const struct net_trace *t)
{
	uint64_t group = 0; /* of the layers that are fused with this one, too */

	for (int i = 0; i < t->net->n_layers; i++) {
		const struct layer_trace *l = &t->layer[i];
		const char *name = t->net->layers[i].name;
		uint64_t macs = mea_qlayer_macs(t->net, &t->net->layers[i]);

		group += macs;
		if (t->per_layer && l->fused) {
			add_row(table, i, name, t->backend, macs, 0, NULL);
			table_line(table, "fused with the next");
			continue;
		}
		add_row(table, i, name, t->backend, group, l->planned, t->per_layer ? &l->s : NULL);
		group = 0;
	}
}

static int print_net(const struct net_trace *t, int width)
{
	bool clock = t->plain.cost.cycles > 0;
	struct table table = {.columns = columns(),
			      .n = FIXED_COLUMNS + (clock ? (int)N_CLASSES : 0)};
	uint64_t macs = all_macs(t->net);
	int rc;

	printf("\n%s\n", t->name);
	add_layers(&table, t);
	if (t->per_layer) {
		add_row(&table, -1, "(end of the job)", t->backend, 0, 0, &t->end);
		add_row(&table, -1, "sum, with a record per layer", t->backend, macs, 0, &t->total);
	}
	add_row(&table, -1, "whole network", t->backend, macs, t->planned,
		clock ? &t->plain : NULL);
	rc = table_print(&table, width);
	if (t->plain.cost.sim_ms > 0)
		text_print(width, 0, "%.3f ms of wall time on %s, which is simulated",
			   t->plain.cost.ms, t->backend);
	else
		text_print(width, 0, "%.3f ms on %s", t->plain.cost.ms, t->backend);
	if (clock)
		text_print(width, 0, "The classes sum to %llu of %llu cycles.",
			   (unsigned long long)class_sum(&t->plain),
			   (unsigned long long)t->plain.cost.cycles);
	if (t->plain.cost.peak_macs && t->multipliers > 0)
		text_print(width, 0,
			   "%.1f %% of all multipliers are used, those of the depthwise unit among "
			   "them.",
			   100 * (double)macs / ((double)t->plain.cost.peak_macs * t->multipliers));
	return rc;
}

int trace_text(const char *bundle, const struct traced *t, bool wide)
{
	int rc = 0;

	printf("%s\n", bundle);
	for (int i = 0; i < t->n && !rc; i++)
		rc = print_net(&t->net[i], table_width(wide));
	return rc;
}

/* --- JSON ------------------------------------------------------------------------ */

/* Adds cycles, utilisation, bytes and classes to o. */
static void add_stats(json_t *o, uint64_t macs, const struct mea_run_stats *s)
{
	json_t *stalls = json_object();

	for (size_t i = 0; i < N_CLASSES; i++)
		json_object_set_new(stalls, classes[i].name,
				    json_integer((json_int_t)s->stall[classes[i].index]));
	json_object_set_new(o, "cycles", json_integer((json_int_t)s->cost.cycles));
	json_object_set_new(o, "utilisation",
			    s->cost.peak_macs ? json_real((double)macs / (double)s->cost.peak_macs)
					      : json_null());
	json_object_set_new(o, "bytes_read", json_integer((json_int_t)s->bytes_read));
	json_object_set_new(o, "bytes_written", json_integer((json_int_t)s->bytes_written));
	json_object_set_new(o, "classes", stalls);
}

static json_t *net_json(const struct net_trace *t)
{
	json_t *layers = json_array(), *o;
	uint64_t macs = all_macs(t->net), fused = 0;

	for (int i = 0; i < t->net->n_layers; i++) {
		const struct mea_qlayer *l = &t->net->layers[i];
		uint64_t m = mea_qlayer_macs(t->net, l);
		json_t *row = json_pack("{s:s, s:s, s:I}", "name", l->name, "backend", t->backend,
					"macs", (json_int_t)m);

		if (t->per_layer && t->layer[i].fused)
			json_object_set_new(row, "fused", json_true());
		else if (t->per_layer)
			add_stats(row, m + fused, &t->layer[i].s);
		if (t->per_layer && t->layer[i].planned)
			json_object_set_new(row, "planned",
					    json_integer((json_int_t)t->layer[i].planned));
		fused = t->layer[i].fused ? fused + m : 0;
		json_array_append_new(layers, row);
	}
	o = json_pack("{s:s, s:s, s:I, s:f, s:o}", "name", t->name, "backend", t->backend, "macs",
		      (json_int_t)macs, "ms", t->plain.cost.ms, "layers", layers);
	if (t->plain.cost.cycles)
		add_stats(o, macs, &t->plain);
	if (t->planned)
		json_object_set_new(o, "planned", json_integer((json_int_t)t->planned));
	if (t->plain.cost.peak_macs && t->multipliers > 0)
		json_object_set_new(o, "utilisation_all",
				    json_real((double)macs /
					      ((double)t->plain.cost.peak_macs * t->multipliers)));
	if (t->per_layer) {
		json_t *end = json_object(), *total = json_object();

		add_stats(end, 0, &t->end);
		add_stats(total, macs, &t->total);
		json_object_set_new(o, "end", end);
		json_object_set_new(o, "with_records", total);
	}
	return o;
}

json_t *trace_json(const char *bundle, const struct traced *t)
{
	json_t *nets = json_array();

	for (int i = 0; i < t->n; i++)
		json_array_append_new(nets, net_json(&t->net[i]));
	return json_pack("{s:o, s:o}", "bundle", tool_text(bundle), "networks", nets);
}
