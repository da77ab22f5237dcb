// SPDX-License-Identifier: Apache-2.0
/* What `mea trace` prints; a figure that is not known is "-" or absent. */
#include "trace.h"
#include "mea/files.h"

#include "base/error.h"
#include "mea_isa.h"

#include <jansson.h>
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

static uint64_t class_sum(const struct mea_run_stats *s)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < N_CLASSES; i++)
		sum += s->stall[classes[i].index];
	return sum;
}

/* --- text ---------------------------------------------------------------------- */

static void print_head(const struct net_trace *t)
{
	printf("\n%s\n  %3s  %-30s %-7s %9s %9s %9s %7s %9s %9s ", t->name, "", "layer", "backend",
	       "MMAC", "cycles", "planned", "array", "B read", "B written");
	for (size_t i = 0; i < N_CLASSES && t->plain.cost.cycles; i++)
		printf(" %8s", classes[i].name);
	putchar('\n');
}

static void print_row(int number, const char *name, const char *backend, uint64_t macs,
		      uint64_t planned, const struct mea_run_stats *s, bool known)
{
	if (number >= 0)
		printf("  %3d  %-30.30s %-7s %9.3f", number, name, backend, (double)macs / 1e6);
	else
		printf("       %-30.30s %-7s %9.3f", name, backend, (double)macs / 1e6);
	if (!known) {
		printf(" %9s %9s %7s %9s %9s\n", "-", "-", "-", "-", "-");
		return;
	}
	printf(" %9llu", (unsigned long long)s->cost.cycles);
	if (planned)
		printf(" %9llu", (unsigned long long)planned);
	else
		printf(" %9s", "-");
	if (s->cost.peak_macs && macs)
		printf(" %6.1f%%", 100 * (double)macs / (double)s->cost.peak_macs);
	else
		printf(" %7s", "-");
	printf(" %9llu %9llu ", (unsigned long long)s->bytes_read,
	       (unsigned long long)s->bytes_written);
	for (size_t i = 0; i < N_CLASSES; i++)
		printf(" %8llu", (unsigned long long)s->stall[classes[i].index]);
	putchar('\n');
}

static uint64_t all_macs(const struct mea_qnet *net)
{
	uint64_t sum = 0;

	for (int i = 0; i < net->n_layers; i++)
		sum += mea_qlayer_macs(net, &net->layers[i]);
	return sum;
}

static void print_net(const struct net_trace *t)
{
	uint64_t macs = all_macs(t->net);
	bool clock = t->plain.cost.cycles > 0;
	uint64_t group = 0; /* of the layers that are fused with this one, too */

	print_head(t);
	for (int i = 0; i < t->net->n_layers; i++) {
		const struct layer_trace *l = &t->layer[i];

		group += mea_qlayer_macs(t->net, &t->net->layers[i]);
		if (t->per_layer && l->fused) {
			printf("  %3d  %-30.30s %-7s %9.3f  fused with the next\n", i,
			       t->net->layers[i].name, t->backend,
			       (double)mea_qlayer_macs(t->net, &t->net->layers[i]) / 1e6);
			continue;
		}
		print_row(i, t->net->layers[i].name, t->backend, group, l->planned, &l->s,
			  t->per_layer);
		group = 0;
	}
	if (t->per_layer) {
		print_row(-1, "(end of the job)", t->backend, 0, 0, &t->end, true);
		print_row(-1, "sum, with a record per layer", t->backend, macs, 0, &t->total, true);
	}
	print_row(-1, "whole network", t->backend, macs, t->planned, &t->plain, clock);
	printf("  %.3f ms on %s", t->plain.cost.ms, t->backend);
	if (clock)
		printf("; the classes sum to %llu of %llu cycles",
		       (unsigned long long)class_sum(&t->plain),
		       (unsigned long long)t->plain.cost.cycles);
	putchar('\n');
	if (t->plain.cost.peak_macs && t->multipliers > 0)
		printf("  %.1f %% of all multipliers, those of the depthwise unit among them\n",
		       100 * (double)macs / ((double)t->plain.cost.peak_macs * t->multipliers));
}

int trace_text(const char *bundle, const struct net_trace *t, int n)
{
	printf("%s\n", bundle);
	for (int i = 0; i < n; i++)
		print_net(&t[i]);
	return 0;
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

int trace_json(const char *bundle, const struct net_trace *t, int n)
{
	json_t *nets = json_array(), *o;

	for (int i = 0; i < n; i++)
		json_array_append_new(nets, net_json(&t[i]));
	o = json_pack("{s:o, s:o}", "bundle", tool_text(bundle), "networks", nets);
	return tool_print_json(o);
}
