// SPDX-License-Identifier: Apache-2.0
/* The report for people and for spreadsheets, made of its JSON. */
#include "bench.h"
#include "bench_read.h"
#include "mea/table.h"

#include "base/error.h"

#include <errno.h>
#include <math.h>
#include <string.h>

/* --- table -------------------------------------------------------------------------- */

/* An energy with the mark of its source. */
static void add_figure(struct table *t, const json_t *f)
{
	const char *source = read_text(f, "source");

	if (!strcmp(source, "unavailable"))
		table_text(t, "-");
	else if (!strcmp(source, "none"))
		table_text(t, "none");
	else
		table_text(t, "%c%.4g", *source == 'm' && source[1] == 'e' ? '=' : '~',
			   read_real(f, "mj"));
}

static void add_path(struct table *t, const json_t *p)
{
	const json_t *latency = json_object_get(p, "latency_ms");
	const json_t *energy = json_object_get(p, "energy");

	table_text(t, "%s", read_text(p, "name"));
	table_text(t, "%.0f", read_real(p, "images"));
	table_number(t, "%.1f%%", 100 * read_real(p, "share"));
	table_number(t, "%.2f%%", 100 * read_real(p, "accuracy"));
	if (isnan(read_real(latency, "low")))
		table_text(t, "-");
	else
		table_text(t, "%.3f +-%.3f", read_real(latency, "mean"),
			   read_real(latency, "high") - read_real(latency, "mean"));
	table_number(t, "%.3f", read_real(latency, "p50"));
	table_number(t, "%.3f", read_real(latency, "p95"));
	table_number(t, "%.3f", read_real(latency, "p99"));
	table_number(t, "%.0f", read_real(p, "cycles"));
	table_number(t, "%.0f", read_real(p, "bytes_up"));
	table_number(t, "%.0f", read_real(p, "bytes_down"));
	for (int k = 0; k < PARTS; k++)
		add_figure(t, json_object_get(energy, bench_parts[k]));
	table_number(t, "%.4g", read_real(energy, "sum"));
}

static int print_paths(const json_t *paths, int width)
{
	static const struct column columns[] = {
		COLUMN_LEFT("path", 0, 0), COLUMN("images", 2), COLUMN("share", 0),
		COLUMN("accuracy", 0),	   COLUMN("ms", 0),	COLUMN("p50", 5),
		COLUMN("p95", 5),	   COLUMN("p99", 3),	COLUMN("cycles", 3),
		COLUMN("B up", 4),	   COLUMN("B down", 5), COLUMN("accelerator", 1),
		COLUMN("host", 1),	   COLUMN("radio", 1),	COLUMN("idle", 1),
		COLUMN("sum mJ", 0),
	};
	struct table t = {.columns = columns, .n = 12 + PARTS};
	size_t i;
	json_t *p;

	json_array_foreach(paths, i, p) add_path(&t, p);
	return table_print(&t, width);
}

/* Where the figures of a part come from: a line for every answer that some path gives. */
static void print_sources(const json_t *paths, const char *part, int width)
{
	const char *seen[PATHS] = {0};
	char measured[256], range[128];
	size_t n = 0, i;
	json_t *p;

	json_array_foreach(paths, i, p)
	{
		const json_t *f = json_object_get(json_object_get(p, "energy"), part);
		const char *of = read_text(f, "of"), *source = read_text(f, "source");
		bool again = !strcmp(source, "none") || !read_real(p, "images");

		for (size_t k = 0; k < n; k++)
			again |= !strcmp(seen[k], of);
		if (again || n == PATHS)
			continue;
		seen[n++] = of;
		measured[0] = range[0] = 0;
		if (!strcmp(source, "measured"))
			snprintf(measured, sizeof(measured),
				 ", rail %s, idle %.4g W, %.0f windows of %.1f s",
				 read_text(f, "rail"), read_real(f, "idle_w"),
				 read_real(f, "windows"), read_real(f, "window_s"));
		if (!isnan(read_real(f, "low")) && read_real(f, "low") < read_real(f, "high"))
			snprintf(range, sizeof(range), "; %s %.4g to %.4g mJ", read_text(p, "name"),
				 read_real(f, "low"), read_real(f, "high"));
		text_print(width, 4, "  %s, %s: %s%s%s", part, source, of, measured, range);
	}
}

/* What a sensor saw on each path: "; main 0.2 mJ; ...". */
static void rails_text(const json_t *paths, size_t sensor, bool idle_known, char *text, size_t size)
{
	size_t n = 0, k;
	json_t *p;

	text[0] = 0;
	json_array_foreach(paths, k, p)
	{
		const json_t *f = json_array_get(json_object_get(p, "rails"), sensor);

		if (!f || n >= size)
			continue;
		if (!isnan(read_real(f, "mj")))
			n += (size_t)snprintf(text + n, size - n, "; %s %.4g mJ",
					      read_text(p, "name"), read_real(f, "mj"));
		else if (idle_known)
			n += (size_t)snprintf(text + n, size - n, "; %s unavailable: %s",
					      read_text(p, "name"), read_text(f, "of"));
	}
}

static void print_sensors(const json_t *report, int width)
{
	json_t *s;
	size_t i;

	if (!json_array_size(json_object_get(report, "sensors"))) {
		puts("Sensors: none here, so nothing is measured.");
		return;
	}
	text_print(width, 0,
		   "Sensors (mJ: all that the rail took for an image, idle power included):");
	json_array_foreach(json_object_get(report, "sensors"), i, s)
	{
		double idle = read_real(s, "idle_w");
		char rails[1024];

		rails_text(json_object_get(report, "paths"), i, !isnan(idle), rails, sizeof(rails));
		if (isnan(idle))
			text_print(width, 4, "  %s (%s): unavailable: %s%s", read_text(s, "sensor"),
				   read_text(s, "rail"), read_text(s, "trouble"), rails);
		else
			text_print(width, 4, "  %s (%s): idle %.4g W%s", read_text(s, "sensor"),
				   read_text(s, "rail"), idle, rails);
	}
}

static void add_mean(struct table *t, const char *name, const json_t *m)
{
	const json_t *parts = json_object_get(m, "parts");

	table_text(t, "%s", name);
	table_text(t, "%.0f", read_real(m, "images"));
	table_number(t, "%.1f%%", 100 * read_real(m, "sent"));
	table_number(t, "%.2f%%", 100 * read_real(m, "accuracy"));
	table_number(t, "%.3f", read_real(m, "latency_ms"));
	for (int k = 0; k < PARTS; k++) {
		double mj = read_real(parts, bench_parts[k]);

		/* Nothing at all is known to be nothing: such a part took no part. */
		if (mj != 0 || isnan(mj))
			table_number(t, "%.4g", mj);
		else
			table_text(t, "none");
	}
	table_number(t, "%.4g", read_real(m, "mj"));
	table_text(t, "%s", json_is_true(json_object_get(m, "pareto")) ? "*" : "");
}

/* Means over all images: the totals, or the points of the sweep. */
static void start_means(struct table *t, struct column columns[7 + PARTS], const char *first)
{
	const struct column all[7 + PARTS] = {
		COLUMN_LEFT(first, 0, 0), COLUMN("images", 2),	COLUMN("sent", 0),
		COLUMN("accuracy", 0),	  COLUMN("mean ms", 0), COLUMN("accelerator", 1),
		COLUMN("host", 1),	  COLUMN("radio", 1),	COLUMN("idle", 1),
		COLUMN("sum mJ", 0),	  COLUMN("", 0),
	};

	memcpy(columns, all, sizeof(all));
	*t = (struct table){.columns = columns, .n = 7 + PARTS};
	putchar('\n');
}

static int print_totals(const json_t *report, int width)
{
	static const char *const kinds[][2] = {{"edge_only", "edge only"},
					       {"cloud_only", "cloud only"},
					       {"edge_cloud", "edge-cloud"}};
	const json_t *totals = json_object_get(report, "totals");
	struct column columns[7 + PARTS];
	struct table t;

	start_means(&t, columns, "total");
	for (size_t i = 0; i < 3; i++) {
		const json_t *m = json_object_get(totals, kinds[i][0]);

		if (m)
			add_mean(&t, kinds[i][1], m);
	}
	return table_print(&t, width);
}

static int print_sweep(const json_t *report, int width)
{
	json_t *points = json_object_get(report, "sweep"), *m;
	struct column columns[7 + PARTS];
	struct table t;
	char name[32];
	size_t i;
	int rc;

	if (!points)
		return 0;
	start_means(&t, columns, "threshold");
	json_array_foreach(points, i, m)
	{
		snprintf(name, sizeof(name), "%.4f", read_real(m, "threshold"));
		add_mean(&t, name, m);
	}
	rc = table_print(&t, width);
	puts("* on the Pareto front of accuracy against energy");
	return rc;
}

int bench_print(const json_t *report, bool wide)
{
	const json_t *paths = json_object_get(report, "paths");
	int width = table_width(wide), rc;
	json_t *p, *note;
	size_t i;

	text_print(width, 0, "%s on %s: %.0f images, backend %s, threshold %.4f, cloud %s",
		   read_text(report, "bundle"), read_text(report, "data"),
		   read_real(report, "images"), read_text(report, "backend"),
		   read_real(report, "threshold"),
		   json_is_string(json_object_get(report, "cloud")) ? read_text(report, "cloud")
								    : "none");
	text_print(width, 0,
		   "mJ per image above idle: = measured, ~ modelled, - unavailable; the sum is of "
		   "what is known");
	rc = print_paths(paths, width);
	for (int k = 0; k < PARTS; k++)
		print_sources(paths, bench_parts[k], width);
	print_sensors(report, width);
	if (!rc)
		rc = print_totals(report, width);
	if (!rc)
		rc = print_sweep(report, width);
	json_array_foreach(paths, i, p) if (json_is_string(json_object_get(p, "unstable")))
		text_print(width, 2, "unstable: %s: %s", read_text(p, "name"),
			   read_text(p, "unstable"));
	json_array_foreach(json_object_get(report, "notes"), i, note)
		text_print(width, 2, "note: %s", json_string_value(note));
	text_print(width, 0, "%s", read_text(report, "verdict"));
	return rc;
}

/* --- CSV ------------------------------------------------------------------------------ */

static void csv_real(FILE *f, double v)
{
	if (isnan(v))
		fputc(',', f);
	else
		fprintf(f, ",%.9g", v);
}

static void csv_path(FILE *f, const json_t *p)
{
	const json_t *latency = json_object_get(p, "latency_ms");
	const json_t *energy = json_object_get(p, "energy");

	fprintf(f, "path,%s,", read_text(p, "name"));
	csv_real(f, read_real(p, "images"));
	csv_real(f, read_real(p, "share"));
	csv_real(f, read_real(p, "accuracy"));
	csv_real(f, read_real(latency, "mean"));
	csv_real(f, read_real(latency, "p50"));
	csv_real(f, read_real(latency, "p95"));
	csv_real(f, read_real(latency, "p99"));
	csv_real(f, read_real(p, "cycles"));
	csv_real(f, read_real(p, "bytes_up"));
	csv_real(f, read_real(p, "bytes_down"));
	for (int k = 0; k < PARTS; k++) {
		const json_t *part = json_object_get(energy, bench_parts[k]);

		csv_real(f, read_real(part, "mj"));
		fprintf(f, ",%s", read_text(part, "source"));
	}
	csv_real(f, read_real(energy, "sum"));
	fputc('\n', f);
}

static void csv_mean(FILE *f, const char *kind, const char *name, const json_t *m)
{
	const json_t *parts = json_object_get(m, "parts");

	fprintf(f, "%s,%s", kind, name);
	csv_real(f, read_real(m, "threshold"));
	csv_real(f, read_real(m, "images"));
	csv_real(f, read_real(m, "sent"));
	csv_real(f, read_real(m, "accuracy"));
	csv_real(f, read_real(m, "latency_ms"));
	fputs(",,,,,,", f);
	for (int k = 0; k < PARTS; k++) {
		csv_real(f, read_real(parts, bench_parts[k]));
		fputc(',', f);
	}
	csv_real(f, read_real(m, "mj"));
	fputc('\n', f);
}

int bench_csv(const json_t *report, const char *file)
{
	json_t *m, *p;
	const char *id;
	FILE *f = fopen(file, "w");
	size_t i;

	if (!f)
		return mea_fail(MEA_EIO, "%s: %s", file, strerror(errno));
	fputs("kind,name,threshold,images,share,accuracy,latency_ms,p50_ms,p95_ms,p99_ms,cycles,"
	      "bytes_up,bytes_down",
	      f);
	for (int k = 0; k < PARTS; k++)
		fprintf(f, ",%s_mj,%s_source", bench_parts[k], bench_parts[k]);
	fputs(",sum_mj\n", f);
	json_array_foreach(json_object_get(report, "paths"), i, p) csv_path(f, p);
	json_object_foreach(json_object_get(report, "totals"), id, m) csv_mean(f, "total", id, m);
	json_array_foreach(json_object_get(report, "sweep"), i, m) csv_mean(f, "sweep", "", m);
	if (ferror(f) | fclose(f))
		return mea_fail(MEA_EIO, "%s: cannot be written", file);
	return 0;
}
