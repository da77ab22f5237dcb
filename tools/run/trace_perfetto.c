// SPDX-License-Identifier: Apache-2.0
/*
 * `mea trace --perfetto`: JSON in Chrome's trace format (Trace Event Format, Google), which
 * ui.perfetto.dev and chrome://tracing open. A cycle is a nanosecond there, so that no time is
 * rounded. The extension follows main without a gap.
 */
#include "trace.h"
#include "mea/files.h"

#include "base/error.h"

#include <stdlib.h>
#include <string.h>

/* Tracks; each network's layers begin at LAYERS, as many rows as overlap. */
enum { NETWORK = 1, ENGINES };			     /* processes */
enum { IMAGE = 1, EXITS, LAYERS };		     /* of NETWORK */
enum { LOAD = 1, ARRAY, STORE, DEPTHWISE, CLASSES }; /* of ENGINES: queues + 1 */

#define LANES_MAX 64

struct writer {
	FILE *f;
	const char *comma;
	uint64_t start; /* of the network, in cycles */
	const struct net_trace *net;
};

static void put(struct writer *w, json_t *event)
{
	fprintf(w->f, "%s\n", w->comma);
	json_dumpf(event, w->f, JSON_COMPACT | JSON_REAL_PRECISION(12));
	json_decref(event);
	w->comma = ",";
}

/* Names a process (thread 0) or a track; order is where it stands among the others. */
static void put_name(struct writer *w, int process, int thread, int order, const char *name)
{
	const char *kind = thread ? "thread" : "process";
	char what[32];

	snprintf(what, sizeof(what), "%s_name", kind);
	put(w, json_pack("{s:s, s:s, s:i, s:i, s:{s:s}}", "ph", "M", "name", what, "pid", process,
			 "tid", thread, "args", "name", name));
	snprintf(what, sizeof(what), "%s_sort_index", kind);
	put(w, json_pack("{s:s, s:s, s:i, s:i, s:{s:i}}", "ph", "M", "name", what, "pid", process,
			 "tid", thread, "args", "sort_index", order));
}

/* A slice from cycle to cycle of the network; args is taken over. */
static void put_slice(struct writer *w, int process, int track, const char *name, uint64_t begin,
		      uint64_t end, json_t *args)
{
	put(w, json_pack("{s:s, s:o, s:s, s:i, s:i, s:f, s:f, s:o}", "ph", "X", "name",
			 tool_text(name), "cat", w->net ? w->net->name : "image", "pid", process,
			 "tid", track, "ts", (double)(w->start + begin) * 1e-3, "dur",
			 (double)(end - begin) * 1e-3, "args", args));
}

/* --- engines --------------------------------------------------------------------------- */

static const char *layer_name(const struct net_trace *t, int layer)
{
	return layer >= 0 && layer < t->net->n_layers ? t->net->layers[layer].name : "";
}

static void put_commands(struct writer *w)
{
	const struct net_trace *t = w->net;

	for (size_t i = 0; i < t->log.device.n_commands; i++) {
		const struct mea_accel_command *c = &t->log.command[i];
		json_t *args = json_pack("{s:I, s:o, s:I}", "command", (json_int_t)c->log.index,
					 "layer", tool_text(layer_name(t, c->is.layer)), "taken",
					 (json_int_t)c->log.begin);

		if (c->is.bus_bytes)
			json_object_set_new(args, "bytes",
					    json_integer((json_int_t)c->is.bus_bytes));
		if (c->log.queue + 1 == DEPTHWISE)
			json_object_set_new(args, "multiplier_cycles",
					    json_integer((json_int_t)c->log.dw_cycles));
		put_slice(w, ENGINES, (int)c->log.queue + 1, c->is.what, c->next, c->log.end, args);
	}
}

/* Until the record: what comes behind it belongs to no class. */
static void put_classes(struct writer *w)
{
	const struct mea_device_log *l = &w->net->log.device;
	uint64_t cycles = w->net->plain.cost.cycles;

	for (size_t i = 0; i < l->n_spells; i++) {
		uint64_t end = i + 1 < l->n_spells ? l->spell[i + 1].begin : cycles;

		if (l->spell[i].begin < cycles)
			put_slice(w, ENGINES, CLASSES, trace_class(l->spell[i].class),
				  l->spell[i].begin, end < cycles ? end : cycles, json_object());
	}
}

/* --- layers ---------------------------------------------------------------------------- */

struct span {
	int layer;
	uint32_t begin, end; /* end 0: no command */
};

static bool computes(const struct mea_accel_command *c)
{
	return c->log.queue + 1 == ARRAY || c->log.queue + 1 == DEPTHWISE;
}

/* When each layer's commands for array and depthwise unit ran. */
static void find_spans(const struct net_trace *t, struct span *span)
{
	for (size_t i = 0; i < t->log.device.n_commands; i++) {
		const struct mea_accel_command *c = &t->log.command[i];
		struct span *s;

		if (!computes(c) || c->is.layer >= t->net->n_layers)
			continue;
		s = &span[c->is.layer];
		if (!s->end || c->next < s->begin)
			s->begin = c->next;
		if (c->log.end > s->end)
			s->end = c->log.end;
	}
}

static int by_begin(const void *a, const void *b)
{
	const struct span *x = a, *y = b;

	if (x->begin != y->begin)
		return x->begin < y->begin ? -1 : 1;
	return x->layer - y->layer;
}

/* A row of its own for each of the layers that run at the same time. */
static int put_spans(struct writer *w, const struct span *span, int n)
{
	uint32_t lane[LANES_MAX] = {0};
	int lanes = 0;

	for (int i = 0; i < n; i++) {
		int k = 0;

		if (!span[i].end)
			continue;
		while (k < LANES_MAX - 1 && lane[k] > span[i].begin)
			k++;
		lane[k] = span[i].end;
		lanes = k + 1 > lanes ? k + 1 : lanes;
		put_slice(w, NETWORK, LAYERS + k, layer_name(w->net, span[i].layer), span[i].begin,
			  span[i].end, json_object());
	}
	return lanes;
}

static int put_layers(struct writer *w)
{
	int n = w->net->net->n_layers, lanes;
	struct span *span = calloc((size_t)n, sizeof(*span));

	if (!span)
		return mea_nomem();
	for (int i = 0; i < n; i++)
		span[i].layer = i;
	find_spans(w->net, span);
	qsort(span, (size_t)n, sizeof(*span), by_begin);
	lanes = put_spans(w, span, n);
	free(span);
	return lanes;
}

/* --- the whole ------------------------------------------------------------------------- */

static void put_exit(struct writer *w)
{
	uint64_t cycles = w->net->plain.cost.cycles;
	char text[64];

	put_slice(w, NETWORK, EXITS, w->net->name, 0, cycles,
		  json_pack("{s:I}", "macs", (json_int_t)w->net->plain.cost.macs));
	snprintf(text, sizeof(text), "exit %s", w->net->name);
	put(w, json_pack("{s:s, s:s, s:s, s:i, s:i, s:f}", "ph", "i", "s", "t", "name", text, "pid",
			 NETWORK, "tid", EXITS, "ts", (double)(w->start + cycles) * 1e-3));
}

static void put_names(struct writer *w, int lanes)
{
	static const struct {
		int track;
		const char *name;
	} engines[] = {{LOAD, "load"},
		       {ARRAY, "array"},
		       {DEPTHWISE, "depthwise"},
		       {STORE, "store"},
		       {CLASSES, "array: cycles by class"}};

	put_name(w, NETWORK, 0, 1, "network");
	put_name(w, NETWORK, IMAGE, IMAGE, "image");
	put_name(w, NETWORK, EXITS, EXITS, "exits");
	for (int i = 0; i < lanes; i++)
		put_name(w, NETWORK, LAYERS + i, LAYERS + i, "layers");
	put_name(w, ENGINES, 0, 2, "accelerator");
	for (int i = 0; i < 5; i++)
		put_name(w, ENGINES, engines[i].track, i, engines[i].name);
}

/* The object's head, up to the list of events. */
static void put_head(FILE *f, const char *bundle)
{
	json_t *about = json_pack("{s:o, s:s}", "bundle", tool_text(bundle), "time",
				  "a nanosecond stands for a cycle of the accelerator");

	fputs("{\"displayTimeUnit\": \"ns\", \"otherData\": ", f);
	json_dumpf(about, f, 0);
	json_decref(about);
	fputs(", \"traceEvents\": [", f);
}

int trace_perfetto(FILE *f, const char *bundle, const char *image, const struct traced *t)
{
	struct writer w = {.f = f, .comma = ""};
	uint64_t cycles = 0;
	int lanes = 0;

	put_head(f, bundle);
	for (int i = 0; i < t->n; i++)
		cycles += t->net[i].plain.cost.cycles;
	put_slice(&w, NETWORK, IMAGE, image, 0, cycles, json_object());
	for (int i = 0; i < t->n; i++) {
		int n;

		w.net = &t->net[i];
		put_exit(&w);
		n = put_layers(&w);
		if (n < 0)
			return n;
		lanes = n > lanes ? n : lanes;
		put_commands(&w);
		put_classes(&w);
		w.start += w.net->plain.cost.cycles;
	}
	put_names(&w, lanes);
	fputs("\n]}\n", f);
	return 0;
}
