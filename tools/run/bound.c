// SPDX-License-Identifier: Apache-2.0
/* mea bound: the time that an exit takes at most, whatever the image. */
#include "mea/files.h"
#include "mea/session_args.h"
#include "mea/table.h"

#include "backend/accel/accel.h"
#include "backend/registry.h"
#include "base/error.h"
#include "graph/lower.h"
#include "meanet/model.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define CLOCK_MHZ 100
#define EXITS	  2

struct args {
	const char *what;
	struct mea_options open;			     /* the device */
	double clock_mhz, latency, stall_percent, period_ms; /* NaN: not given */
	bool json, wide;
};

#define AT(f) FIELD(struct args, f)

static const struct row options[] = {
	{NULL, "BUNDLE|MODEL.onnx", AT(what), "bundle or int8 model", .needed = true},
	{"device", "NAME", AT(open.device), "device of backend accel: drm, sim or auto",
	 .value = "auto", .words = "drm sim auto"},
	{"clock", "MHZ", AT(clock_mhz), "the accelerator's clock", OVER_0,
	 .otherwise = "what the device says, or else 100"},
	{"bus-latency", "N", AT(latency),
	 "cycles from an address on the bus to its first beat, at most", 0, 65535, "100"},
	{"bus-stall", "P", AT(stall_percent),
	 "cycles in which the bus lets a beat wait, in percent", 0, 90, "0"},
	{"period", "MS", AT(period_ms), "fail if an exit may take longer", OVER_0},
	{"json", NULL, AT(json), "print one JSON object"},
	{"wide", NULL, AT(wide), "print all columns, however wide the terminal is"},
	{0},
};

/* What an exit takes: the jobs of the networks up to it. */
struct exit_bound {
	const char *name;
	uint64_t cycles, macs;
	int commands;
};

struct bounds {
	struct exit_bound exit[EXITS];
	int n;
	struct mea_hw hw;
	uint64_t scrub; /* of a job behind another client's */
};

static double ms_of(const struct args *a, uint64_t cycles)
{
	return (double)cycles / a->clock_mhz / 1000;
}

/* A network that the accelerator runs only in part has no bound: processors have none. */
static int bound_net(struct args *a, struct mea_backend *b, const char *name,
		     const struct mea_qnet *net, struct bounds *all)
{
	struct exit_bound *e = &all->exit[all->n], *before = all->n ? e - 1 : NULL;
	const struct mea_bus bus = {(uint32_t)a->latency, a->stall_percent / 100};
	struct mea_exec *exec;
	const struct mea_plan *plan;
	uint64_t cycles;
	int rc = mea_accel_prepare(b, net, false, &exec);

	if (rc)
		return mea_fail_in(rc, "%s: no bound, for the accelerator does not run all of it",
				   name);
	all->hw = *mea_accel_hw(exec);
	plan = mea_accel_plan(exec);
	rc = mea_accel_bound(exec, &bus, &cycles, &all->scrub);
	if (!rc) {
		*e = (struct exit_bound){name, cycles, plan->macs, plan->n_cmd};
		if (before) {
			e->cycles += before->cycles;
			e->macs += before->macs;
			e->commands += before->commands;
		}
		all->n++;
	}
	exec->ops->release(exec);
	return rc;
}

static int bound_bundle(struct args *a, struct mea_backend *b, struct bounds *all)
{
	struct mea_model *m;
	int rc = mea_model_load(a->what, &m);

	if (rc)
		return rc;
	rc = bound_net(a, b, "main", m->main, all);
	if (!rc && m->extension)
		rc = bound_net(a, b, "extension", m->extension, all);
	mea_model_free(m);
	return rc;
}

static int bound_model(struct args *a, struct mea_backend *b, struct bounds *all)
{
	struct mea_graph *g = NULL;
	struct mea_qnet *net = NULL;
	int rc = mea_graph_load(a->what, NULL, &g);

	if (!rc)
		rc = mea_qnet_from_graph(g, &net);
	if (!rc)
		rc = bound_net(a, b, "model", net, all);
	mea_qnet_free(net);
	mea_graph_free(g);
	return rc;
}

/* --- printing ----------------------------------------------------------------------------------
 */

static int print_text(const struct args *a, const struct bounds *all)
{
	static const struct column columns[] = {
		COLUMN_LEFT("exit", 0, 20), COLUMN("cycles", 0), COLUMN("ms", 0),
		COLUMN("slack ms", 0),	    COLUMN("MMAC", 1),	 COLUMN("commands", 2)};
	struct table t = {.columns = columns, .n = 6};
	int rc, width = table_width(a->wide);

	text_print(width, 4,
		   "%s: at most, on a %dx%d array at %g MHz and a bus of %d bits, %g cycles of "
		   "latency and %g %% stalls",
		   a->what, all->hw.rows, all->hw.cols, a->clock_mhz, all->hw.axi_bytes * 8,
		   a->latency, a->stall_percent);
	for (int i = 0; i < all->n; i++) {
		const struct exit_bound *e = &all->exit[i];
		double ms = ms_of(a, e->cycles);

		table_text(&t, "%s", e->name);
		table_number(&t, "%.0f", (double)e->cycles);
		table_number(&t, "%.3f", ms);
		table_number(&t, "%.3f", a->period_ms - ms);
		table_number(&t, "%.2f", (double)e->macs / 1e6);
		table_number(&t, "%.0f", e->commands);
	}
	rc = table_print(&t, width);
	text_print(width, 0,
		   "The bound holds for every image. A job behind one of another client takes %.0f "
		   "cycles more, for the device clears its memories. Not in it: what the host does "
		   "before and behind each job, which is unknown here; `mea run --period` and `mea "
		   "bench` measure it.",
		   (double)all->scrub);
	return rc;
}

static int print_json(const struct args *a, const struct bounds *all)
{
	json_t *exits = json_array();

	for (int i = 0; i < all->n; i++) {
		const struct exit_bound *e = &all->exit[i];
		double ms = ms_of(a, e->cycles);

		json_array_append_new(
			exits, json_pack("{s:s, s:I, s:f, s:o, s:I, s:i}", "name", e->name,
					 "cycles", (json_int_t)e->cycles, "ms", ms, "slack_ms",
					 tool_real_json(a->period_ms - ms), "macs",
					 (json_int_t)e->macs, "commands", e->commands));
	}
	return tool_print_json(json_pack(
		"{s:o, s:[i, i], s:f, s:i, s:f, s:f, s:I, s:o, s:n, s:o}", "model",
		tool_text(a->what), "array", all->hw.rows, all->hw.cols, "clock_mhz", a->clock_mhz,
		"bus_bits", all->hw.axi_bytes * 8, "bus_latency", a->latency, "bus_stall_percent",
		a->stall_percent, "scrub_cycles", (json_int_t)all->scrub, "period_ms",
		tool_real_json(a->period_ms), "host_ms", "exits", exits));
}

/* --- all ----------------------------------------------------------------------------------------
 */

static int find_bounds(struct args *a, struct bounds *all)
{
	struct mea_choice c[MEA_CHOICES_MAX];
	struct mea_backend *b;
	struct stat st;
	int rc = mea_choices_parse("accel", a->open.device, c);

	rc = rc < 0 ? rc : c[0].ops->open(c[0].device, &b);
	if (rc)
		return rc;
	rc = !stat(a->what, &st) && S_ISREG(st.st_mode) ? bound_model(a, b, all)
							: bound_bundle(a, b, all);
	if (!rc && isnan(a->clock_mhz))
		a->clock_mhz = all->hw.clock_khz ? all->hw.clock_khz / 1000.0 : CLOCK_MHZ;
	c[0].ops->close(b);
	return rc;
}

static int bound_main(int argc, char **argv)
{
	struct args a = {.clock_mhz = NAN, .period_ms = NAN};
	struct bounds all = {0};
	const struct exit_bound *last;
	int rc;

	option_parse(&tool_bound, argc, argv, &a);
	rc = find_bounds(&a, &all);
	if (!rc)
		rc = a.json ? print_json(&a, &all) : print_text(&a, &all);
	if (rc)
		return tool_fail();
	last = &all.exit[all.n - 1];
	if (ms_of(&a, last->cycles) > a.period_ms) {
		mea_fail(MEA_ETIMEDOUT, "%s: exit %s may take %.3f ms, longer than --period %g ms",
			 a.what, last->name, ms_of(&a, last->cycles), a.period_ms);
		return tool_fail();
	}
	return TOOL_OK;
}

const struct tool tool_bound = {
	.name = "bound",
	.summary = "the time that each exit takes at most",
	.text = "Says how many cycles the accelerator takes at most, per exit, for a bundle or one "
		"int8 model. Cycles do not depend on the image, so this holds for each. The "
		"extension's exit holds main as well.",
	.options = options,
	.main = bound_main,
};
