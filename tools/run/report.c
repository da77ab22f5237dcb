// SPDX-License-Identifier: Apache-2.0
/* What `mea run` prints. A figure that is not known is "-" or null, never 0. */
#include "mea/files.h"
#include "run.h"
#include "mea/table.h"
#include "mea/tool.h"

#include "base/array.h"
#include "base/cost.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static void add_missed(struct run_report *r, const char *reason)
{
	for (int i = 0; i < MISSED_MAX; i++) {
		struct missed *m = &r->missed[i];

		if (m->reason && strcmp(m->reason, reason))
			continue;
		m->reason = reason;
		m->images++;
		return;
	}
}

int report_add(struct run_report *r, const struct mea_result *res, int label)
{
	struct exit_sum *x = &r->exits[res->exit];
	uint64_t cycles = 0;
	int rc = mea_grow(&x->service_ms, x->images, 1, sizeof(*x->service_ms));

	if (rc)
		return rc;
	x->service_ms[x->images++] = res->service_ms;
	x->labelled += label >= 0;
	x->correct += label >= 0 && label == res->label;
	for (int i = 0; i < MEA_EXITS; i++)
		cycles += res->cost[i].cycles;
	if (!r->backend[0]) {
		snprintf(r->backend, sizeof(r->backend), "%s", res->backend);
		r->accelerated = true;
	}
	/* One answer without a clock spoils every mean over cycles. */
	r->accelerated &= cycles > 0;
	r->complex += res->complex;
	r->fallbacks += res->fallback_from != NULL;
	x->fallbacks += r->cloud && res->cloud_missed;
	if (res->cloud_missed)
		add_missed(r, res->cloud_missed);
	return 0;
}

void report_costs(struct run_report *r, struct mea_session *s)
{
	struct mea_exit_stats st[MEA_EXITS];

	mea_stats(s, st);
	for (int i = 0; i < MEA_EXITS; i++) {
		r->exits[i].cost = st[i].cost;
		r->sim_ms += st[i].cost.sim_ms;
	}
}

void report_free(struct run_report *r)
{
	for (int i = 0; i < MEA_EXITS; i++)
		free(r->exits[i].service_ms);
}

/* Whether an accelerator was simulated: its wall time is not a device's time. */
static bool simulated(const struct run_report *r)
{
	return r->accelerated && r->sim_ms > 0;
}

/* Milliseconds of an image: the device's at the stated clock where it is simulated. */
static double ms_of(const struct run_report *r, const struct exit_sum *x)
{
	double n = (double)x->images;

	return simulated(r) ? (double)x->cost.cycles / n / (r->clock_mhz * 1e3) : x->cost.ms / n;
}

static struct exit_sum total(const struct run_report *r)
{
	struct exit_sum t = {0};

	for (int i = 0; i < MEA_EXITS; i++) {
		t.images += r->exits[i].images;
		t.labelled += r->exits[i].labelled;
		t.correct += r->exits[i].correct;
		t.fallbacks += r->exits[i].fallbacks;
		mea_cost_add(&t.cost, &r->exits[i].cost);
	}
	return t;
}

/* --- JSON ------------------------------------------------------------------ */

/* Null for 0, which means not known. */
static json_t *known(double v)
{
	return tool_real_json(v > 0 ? v : NAN);
}

/* The time of each part of an image's path. */
static json_t *parts(const struct mea_result *res)
{
	json_t *o = json_object();

	for (int i = 0; i < MEA_EXITS; i++)
		json_object_set_new(o, mea_exit_name((enum mea_exit)i), known(res->cost[i].ms));
	return o;
}

int report_each(struct run_report *r, const struct mea_session *s, const struct mea_result *res,
		const char *where, int label)
{
	json_t *o =
		json_pack("{s:o, s:I}", "image", tool_text(where), "index", (json_int_t)res->tag);

	if (res->error) {
		json_object_set_new(o, "error", tool_text(res->text));
		return json_array_append_new(r->each, o);
	}
	json_object_set_new(o, "class", json_integer(res->label));
	json_object_set_new(o, "name", json_string(mea_class_name(s, res->label)));
	json_object_set_new(o, "label", label < 0 ? json_null() : json_integer(label));
	json_object_set_new(o, "exit", json_string(mea_exit_name(res->exit)));
	json_object_set_new(o, "why", json_string(mea_why_text(res->why)));
	json_object_set_new(o, "confidence", json_real((double)res->confidence));
	json_object_set_new(o, "entropy", json_real((double)res->entropy));
	json_object_set_new(o, "complex", json_boolean(res->complex));
	if (res->cloud_missed)
		json_object_set_new(o, "cloud_missed", json_string(res->cloud_missed));
	if (res->cloud_text[0])
		json_object_set_new(o, "cloud_text", tool_text(res->cloud_text));
	if (res->cloud_ms > 0)
		json_object_set_new(o, "cloud_ms", json_real(res->cloud_ms));
	json_object_set_new(o, "backend", json_string(res->backend));
	if (res->fallback_from)
		json_object_set_new(o, "fallback",
				    json_pack("{s:s, s:s, s:o}", "from", res->fallback_from, "to",
					      res->backend, "reason", tool_text(res->text)));
	json_object_set_new(o, "latency_ms", json_real(res->latency_ms));
	json_object_set_new(o, "ms", parts(res));
	return json_array_append_new(r->each, o);
}

static json_t *exit_object(const struct run_report *r, int i, size_t images)
{
	static const struct {
		const char *key;
		double p;
	} marks[] = {{"p50_ms", 0.5}, {"p95_ms", 0.95}, {"p99_ms", 0.99}};
	const struct exit_sum *x = &r->exits[i];
	double n = (double)x->images;
	json_t *o = json_pack(
		"{s:s, s:I, s:o, s:o, s:o, s:o, s:o, s:o}", "name", mea_exit_name((enum mea_exit)i),
		"images", (json_int_t)x->images, "share", tool_ratio_json(n, (double)images),
		"accuracy", tool_ratio_json((double)x->correct, (double)x->labelled), "cycles",
		r->accelerated ? tool_ratio_json((double)x->cost.cycles, n) : json_null(), "macs",
		tool_ratio_json((double)x->cost.macs, n), "utilisation",
		r->accelerated ? tool_ratio_json((double)x->cost.macs, (double)x->cost.peak_macs)
			       : json_null(),
		"ms", tool_ratio_json(x->cost.ms, n));
	for (size_t k = 0; k < 3; k++)
		json_object_set_new(
			o, marks[k].key,
			tool_real_json(mea_percentile(x->service_ms, x->images, marks[k].p)));
	json_object_set_new(o, "bytes_up", tool_ratio_json((double)x->cost.bytes_up, n));
	json_object_set_new(o, "bytes_down", tool_ratio_json((double)x->cost.bytes_down, n));
	json_object_set_new(o, "fallbacks", json_integer((json_int_t)x->fallbacks));
	return o;
}

int report_json(const struct run_report *r)
{
	struct exit_sum t = total(r);
	json_t *exits = json_array(), *o;

	for (int i = 0; i < MEA_EXITS; i++)
		json_array_append_new(exits, exit_object(r, i, t.images));
	o = json_pack("{s:o, s:o, s:s?, s:I, s:o, s:o, s:o, s:I, s:I, s:I, s:I, s:f}", "bundle",
		      tool_text(r->bundle), "data", tool_text(r->data), "backend",
		      r->backend[0] ? r->backend : NULL, "images", (json_int_t)t.images, "correct",
		      t.labelled ? json_integer((json_int_t)t.correct) : json_null(), "accuracy",
		      tool_ratio_json((double)t.correct, (double)t.labelled), "exits", exits,
		      "complex", (json_int_t)r->complex, "fallbacks", (json_int_t)r->fallbacks,
		      "failed", (json_int_t)r->failed, "unreadable", (json_int_t)r->unreadable,
		      "seconds", r->seconds);
	json_object_set_new(o, "simulated", json_boolean(simulated(r)));
	json_object_set_new(o, "clock_mhz", tool_real_json(simulated(r) ? r->clock_mhz : NAN));
	json_object_set_new(o, "device_ms",
			    tool_real_json(r->accelerated && t.images ? ms_of(r, &t) : NAN));
	if (r->cloud)
		json_object_set_new(o, "link",
				    json_pack("{s:o, s:o, s:o}", "rtt_ms", known(r->link.rtt_ms),
					      "answer_ms", known(r->link.answer_ms), "bytes_per_s",
					      known(r->link.bytes_per_s)));
	if (r->period.ms > 0)
		json_object_set_new(o, "period", period_json(&r->period));
	if (r->notes)
		json_object_set(o, "notes", r->notes);
	if (r->each)
		json_object_set(o, "each", r->each);
	return tool_print_json(o) ? tool_fail() : TOOL_OK;
}

/* --- for people ---------------------------------------------------------------- */

void report_line(const struct mea_session *s, const struct mea_result *res, const char *where,
		 int label)
{
	const char *mark = label < 0 ? "" : label == res->label ? "right " : "wrong ";

	if (res->error) {
		printf("%s: no answer: %s\n", where, res->text);
		return;
	}
	printf("%s: %s%s at %s, confidence %.3f, entropy %.3f; %s", where, mark,
	       mea_class_name(s, res->label), mea_exit_name(res->exit), (double)res->confidence,
	       (double)res->entropy, mea_why_text(res->why));
	if (label >= 0 && label != res->label)
		printf("; is %s", mea_class_name(s, label));
	if (res->cloud_missed)
		printf("; complex, but cloud %s", res->cloud_missed);
	if (res->cloud_text[0])
		printf(" (%s)", res->cloud_text);
	if (res->fallback_from)
		printf("; answered by %s, since %s", res->backend, res->text);
	putchar('\n');
}

/* Those of the cloud's part come last, and only where there is a cloud. */
static const struct column columns[] = {
	COLUMN_LEFT("exit", 0, 0), COLUMN("images", 0),	   COLUMN("share", 0),
	COLUMN("accuracy", 0),	   COLUMN("cycles", 1),	   COLUMN("MMAC", 3),
	COLUMN("utilisation", 2),  COLUMN("ms", 0),	   COLUMN("images/s", 1),
	COLUMN("p50 ms", 4),	   COLUMN("p99 ms", 2),	   COLUMN("B up", 2),
	COLUMN("B down", 5),	   COLUMN("fallbacks", 5),
};

#define COLUMNS	      (int)(sizeof(columns) / sizeof(columns[0]))
#define CLOUD_COLUMNS 5

static void cloud_cells(struct table *t, struct exit_sum *x, bool simulated)
{
	double n = (double)x->images;

	for (int i = 0; i < 2; i++)
		table_number(t, "%.2f",
			     x->service_ms && !simulated
				     ? mea_percentile(x->service_ms, x->images, i ? 0.99 : 0.5)
				     : NAN);
	table_number(t, "%.0f", (double)x->cost.bytes_up / n);
	table_number(t, "%.0f", (double)x->cost.bytes_down / n);
	table_text(t, "%zu", x->fallbacks);
}

/* What is divided by no images is not known. */
static void row(struct table *t, const struct run_report *r, const char *name, struct exit_sum *x,
		size_t images)
{
	double n = (double)x->images;
	bool cycles = r->accelerated;

	table_text(t, "%s", name);
	table_text(t, "%zu", x->images);
	table_number(t, "%.1f%%", 100 * n / (double)images);
	table_number(t, "%.2f%%", 100 * (double)x->correct / (double)x->labelled);
	table_number(t, "%.0f", cycles ? (double)x->cost.cycles / n : NAN);
	table_number(t, "%.2f", (double)x->cost.macs / n / 1e6);
	table_number(t, "%.1f%%",
		     cycles ? 100 * (double)x->cost.macs / (double)x->cost.peak_macs : NAN);
	table_number(t, "%.3f", ms_of(r, x));
	table_number(t, "%.1f", 1e3 / ms_of(r, x));
	if (r->cloud)
		cloud_cells(t, x, simulated(r));
}

static void tell_missed(const struct run_report *r, int width)
{
	if (!r->complex)
		return;
	for (int i = 0; i < MISSED_MAX && r->missed[i].reason; i++)
		text_print(width, 0,
			   "%zu complex images (entropy over the threshold) stayed here: the "
			   "cloud%s %s.",
			   r->missed[i].images, r->cloud ? ":" : " is", r->missed[i].reason);
}

/* The result in words, as people quote it. */
static void summary(const struct run_report *r, const struct exit_sum *t, int width)
{
	double n = (double)t->images;

	if (!t->images)
		return;
	if (t->labelled)
		text_print(width, 0, "%zu of %zu images are right: %.2f %%.", t->correct,
			   t->labelled, 100 * (double)t->correct / (double)t->labelled);
	if (simulated(r))
		text_print(
			width, 0,
			"An image takes %.3f ms of the accelerator at %g MHz: %.1f images/s. The "
			"times above are at that clock.",
			ms_of(r, t), r->clock_mhz, 1e3 / ms_of(r, t));
	text_print(width, 0, "%s took %.1f s of wall time here, %.1f images/s.",
		   simulated(r) ? "The simulation" : "The run", r->seconds, n / r->seconds);
}

int report_table(const struct run_report *r)
{
	struct table t = {.columns = columns, .n = r->cloud ? COLUMNS : COLUMNS - CLOUD_COLUMNS};
	struct exit_sum all = total(r);
	int width = table_width(r->wide), rc;

	text_print(width, 0, "%s on %s, backend %s", r->bundle, r->data,
		   r->backend[0] ? r->backend : "-");
	for (int i = 0; i < MEA_EXITS; i++) {
		struct exit_sum x = r->exits[i];

		row(&t, r, mea_exit_name((enum mea_exit)i), &x, all.images);
	}
	row(&t, r, "all", &all, all.images);
	rc = table_print(&t, width);
	if (rc)
		return tool_fail();
	summary(r, &all, width);
	if (tool_interrupted())
		text_print(width, 0, "Interrupted: %zu of %zu images were asked for no more.",
			   r->asked - all.images - r->failed - r->unreadable, r->asked);
	if (r->period.ms > 0)
		period_print(&r->period, simulated(r), width);
	tell_missed(r, width);
	if (r->fallbacks)
		text_print(width, 0, "%zu images were answered by another backend after a failure.",
			   r->fallbacks);
	if (r->failed || r->unreadable)
		text_print(width, 0, "%zu images are without an answer, %zu could not be read.",
			   r->failed, r->unreadable);
	return TOOL_OK;
}
