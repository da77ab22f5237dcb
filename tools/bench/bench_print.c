// SPDX-License-Identifier: Apache-2.0
/* The report for people and for spreadsheets, made of its JSON. */
#include "bench.h"
#include "bench_read.h"

#include "base/error.h"

#include <errno.h>
#include <math.h>
#include <string.h>

/* --- table -------------------------------------------------------------------------- */

static void put(const char *format, double v, int width)
{
	char text[32] = "-";

	if (!isnan(v))
		snprintf(text, sizeof(text), format, v);
	printf(" %*s", width, text);
}

/* An energy with the mark of its source. */
static void put_figure(const json_t *f, int width)
{
	const char *source = read_text(f, "source");
	char text[32];

	if (!strcmp(source, "unavailable"))
		snprintf(text, sizeof(text), "-");
	else if (!strcmp(source, "none"))
		snprintf(text, sizeof(text), "none");
	else
		snprintf(text, sizeof(text), "%c%.4g",
			 *source == 'm' && source[1] == 'e' ? '=' : '~', read_real(f, "mj"));
	printf(" %*s", width, text);
}

static void print_path(const json_t *p)
{
	const json_t *latency = json_object_get(p, "latency_ms");
	const json_t *energy = json_object_get(p, "energy");
	char interval[40] = "-";

	printf("%-10s %7.0f", read_text(p, "name"), read_real(p, "images"));
	put("%.1f%%", 100 * read_real(p, "share"), 7);
	put("%.2f%%", 100 * read_real(p, "accuracy"), 8);
	if (!isnan(read_real(latency, "low")))
		snprintf(interval, sizeof(interval), "%.3f +-%.3f", read_real(latency, "mean"),
			 read_real(latency, "high") - read_real(latency, "mean"));
	printf(" %18s", interval);
	put("%.3f", read_real(latency, "p50"), 9);
	put("%.3f", read_real(latency, "p95"), 9);
	put("%.3f", read_real(latency, "p99"), 9);
	put("%.0f", read_real(p, "cycles"), 8);
	put("%.0f", read_real(p, "bytes_up"), 6);
	put("%.0f", read_real(p, "bytes_down"), 6);
	for (int k = 0; k < PARTS; k++)
		put_figure(json_object_get(energy, bench_parts[k]), 11);
	put("%.4g", read_real(energy, "sum"), 9);
	putchar('\n');
}

/* Where the figures of a part come from: a line for every answer that some path gives. */
static void print_sources(const json_t *paths, const char *part)
{
	const char *seen[PATHS] = {0};
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
		printf("  %-12s %s: %s", part, source, of);
		if (!strcmp(source, "measured"))
			printf(", rail %s, idle %.4g W, %.0f windows of %.1f s",
			       read_text(f, "rail"), read_real(f, "idle_w"),
			       read_real(f, "windows"), read_real(f, "window_s"));
		if (!isnan(read_real(f, "low")) && read_real(f, "low") < read_real(f, "high"))
			printf("; %s %.4g to %.4g mJ", read_text(p, "name"), read_real(f, "low"),
			       read_real(f, "high"));
		putchar('\n');
	}
}

static void print_sensors(const json_t *report)
{
	const json_t *paths = json_object_get(report, "paths");
	json_t *s, *p;
	size_t i, k;

	if (!json_array_size(json_object_get(report, "sensors"))) {
		puts("Sensors: none here, so nothing is measured.");
		return;
	}
	puts("Sensors (mJ: all that the rail took for an image, idle power included):");
	json_array_foreach(json_object_get(report, "sensors"), i, s)
	{
		printf("  %s (%s): ", read_text(s, "sensor"), read_text(s, "rail"));
		if (!isnan(read_real(s, "idle_w")))
			printf("idle %.4g W", read_real(s, "idle_w"));
		else
			printf("unavailable: %s", read_text(s, "trouble"));
		json_array_foreach(paths, k, p)
		{
			const json_t *f = json_array_get(json_object_get(p, "rails"), i);

			if (f && !isnan(read_real(f, "mj")))
				printf("; %s %.4g mJ", read_text(p, "name"), read_real(f, "mj"));
			else if (f && !isnan(read_real(s, "idle_w")))
				printf("; %s unavailable: %s", read_text(p, "name"),
				       read_text(f, "of"));
		}
		putchar('\n');
	}
}

static void print_mean(const char *name, const json_t *m)
{
	const json_t *parts = json_object_get(m, "parts");

	printf("%-10s %7.0f", name, read_real(m, "images"));
	put("%.1f%%", 100 * read_real(m, "sent"), 7);
	put("%.2f%%", 100 * read_real(m, "accuracy"), 8);
	put("%.3f", read_real(m, "latency_ms"), 10);
	for (int k = 0; k < PARTS; k++) {
		double mj = read_real(parts, bench_parts[k]);

		/* Nothing at all is known to be nothing: such a part took no part. */
		if (mj != 0 || isnan(mj))
			put("%.4g", mj, 11);
		else
			printf(" %11s", "none");
	}
	put("%.4g", read_real(m, "mj"), 9);
}

static void print_totals(const json_t *report)
{
	static const char *const ways[][2] = {{"edge_only", "edge only"},
					      {"cloud_only", "cloud only"},
					      {"edge_cloud", "edge-cloud"}};
	const json_t *totals = json_object_get(report, "totals");

	printf("\n%-10s %7s %7s %8s %10s %11s %11s %11s %11s %9s\n", "total", "images", "sent",
	       "accuracy", "mean ms", "accelerator", "host", "radio", "idle", "sum");
	for (size_t i = 0; i < 3; i++) {
		const json_t *m = json_object_get(totals, ways[i][0]);

		if (!m)
			continue;
		print_mean(ways[i][1], m);
		putchar('\n');
	}
}

static void print_sweep(const json_t *report)
{
	json_t *points = json_object_get(report, "sweep"), *m;
	char name[32];
	size_t i;

	if (!points)
		return;
	printf("\n%-10s %7s %7s %8s %10s %11s %11s %11s %11s %9s\n", "threshold", "images", "sent",
	       "accuracy", "mean ms", "accelerator", "host", "radio", "idle", "sum");
	json_array_foreach(points, i, m)
	{
		snprintf(name, sizeof(name), "%.4f", read_real(m, "threshold"));
		print_mean(name, m);
		puts(json_is_true(json_object_get(m, "pareto")) ? " *" : "");
	}
	puts("* on the Pareto front of accuracy against energy");
}

void bench_print(const json_t *report)
{
	const json_t *paths = json_object_get(report, "paths");
	json_t *p, *note;
	size_t i;

	printf("%s on %s: %.0f images, backend %s, threshold %.4f, cloud %s\n",
	       read_text(report, "bundle"), read_text(report, "data"), read_real(report, "images"),
	       read_text(report, "backend"), read_real(report, "threshold"),
	       json_is_string(json_object_get(report, "cloud")) ? read_text(report, "cloud")
								: "none");
	printf("mJ per image above idle; = measured, ~ modelled, - unavailable; the sum is of what "
	       "is "
	       "known\n");
	printf("%-10s %7s %7s %8s %18s %9s %9s %9s %8s %6s %6s %11s %11s %11s %11s %9s\n", "path",
	       "images", "share", "accuracy", "ms", "p50", "p95", "p99", "cycles", "B up", "B down",
	       "accelerator", "host", "radio", "idle", "sum");
	json_array_foreach(paths, i, p) print_path(p);
	for (int k = 0; k < PARTS; k++)
		print_sources(paths, bench_parts[k]);
	print_sensors(report);
	print_totals(report);
	print_sweep(report);
	json_array_foreach(paths, i, p) if (json_is_string(json_object_get(p, "unstable")))
		printf("unstable: %s: %s\n", read_text(p, "name"), read_text(p, "unstable"));
	json_array_foreach(json_object_get(report, "notes"), i, note)
		printf("note: %s\n", json_string_value(note));
	printf("%s\n", read_text(report, "verdict"));
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
	const char *way;
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
	json_object_foreach(json_object_get(report, "totals"), way, m) csv_mean(f, "total", way, m);
	json_array_foreach(json_object_get(report, "sweep"), i, m) csv_mean(f, "sweep", "", m);
	if (ferror(f) | fclose(f))
		return mea_fail(MEA_EIO, "%s: cannot be written", file);
	return 0;
}
