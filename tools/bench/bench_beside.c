// SPDX-License-Identifier: Apache-2.0
/* Our figures beside those of others, as Markdown tables. */
#include "bench.h"
#include "bench_read.h"

#include <math.h>
#include <string.h>

static void cell(const char *format, double v)
{
	printf(" ");
	if (isnan(v))
		printf("-");
	else
		printf(format, v);
	printf(" |");
}

/* --- table VII ------------------------------------------------------------------------- */

/* Mean over the images of the edge alone of what the paths of the accelerator take. */
static double edge_ms(const json_t *report)
{
	const json_t *edge = json_object_get(json_object_get(report, "totals"), "edge_only");
	const json_t *exits = json_object_get(edge, "exits");
	double sum = 0;
	json_t *p;
	size_t i;

	json_array_foreach(json_object_get(report, "paths"), i, p)
	{
		double share = read_real(exits, read_text(p, "name"));

		if (i <= PATH_EXTENSION && share > 0)
			sum += share * read_real(p, "accelerator_ms");
	}
	return sum;
}

static void compute_table(const json_t *report, const json_t *beside)
{
	const json_t *totals = json_object_get(report, "totals");
	const json_t *edge = json_object_get(json_object_get(totals, "edge_only"), "parts");
	const json_t *cloud = json_array_get(json_object_get(report, "paths"), PATH_ONLY_CLOUD);
	const json_t *radio = json_object_get(json_object_get(cloud, "energy"), "radio");
	double mj = read_real(edge, "accelerator"), ms = edge_ms(report);
	double radio_mj = read_real(radio, "mj"), radio_ms = read_real(cloud, "radio_ms");
	json_t *r;
	size_t i;

	printf("\n| per image | compute W | radio W | t compute ms | t radio ms | E compute mJ | "
	       "E radio mJ |\n|---|---|---|---|---|---|---|\n");
	printf("| %s, edge only; %s model at %g MHz, %s radio |", read_text(report, "bundle"),
	       read_text(report, "accelerator_model"), read_real(report, "clock_mhz"),
	       read_text(report, "radio_model"));
	cell("%.3g", mj / ms);
	cell("%.2f", radio_mj / radio_ms);
	cell("%.3f", ms);
	cell("%.2f", radio_ms);
	cell("%.3g", mj);
	cell("%.2f", radio_mj);
	putchar('\n');
	json_array_foreach(json_object_get(beside, "table7"), i, r)
	{
		printf("| %s: %s, %s, %s |", read_text(beside, "name"), read_text(r, "network"),
		       read_text(r, "data"), read_text(r, "device"));
		cell("%g", read_real(r, "compute_w"));
		cell("%g", read_real(r, "radio_w"));
		cell("%g", read_real(r, "compute_ms"));
		cell("%g", read_real(r, "radio_ms"));
		cell("%g", read_real(r, "compute_mj"));
		cell("%g", read_real(r, "radio_mj"));
		putchar('\n');
	}
}

/* --- figures 7 and 8 ----------------------------------------------------------------------- */

static void sweep_row(const json_t *m, const json_t *sweep, double cloud_mj)
{
	double t = read_real(m, "threshold"), images = read_real(sweep, "images");
	double mj = read_real(m, "mj"), share = NAN;
	const json_t *theirs = NULL, *all = NULL;
	json_t *point;
	size_t i;

	json_array_foreach(json_object_get(sweep, "points"), i, point)
	{
		if (fabs(read_real(point, "threshold") - t) < 1e-9)
			theirs = point;
		if (read_real(point, "threshold") <= 0)
			all = point;
	}
	if (theirs && all)
		share = read_real(theirs, "joules") / read_real(all, "joules");
	printf("| %g |", t);
	cell("%.2f %%", 100 * read_real(m, "sent"));
	cell("%.2f %%", 100 * read_real(m, "accuracy"));
	cell("%.3g", mj * images * 1e-3);
	cell("%.1f %%", 100 * mj / cloud_mj);
	cell("%.2f %%", 100 * read_real(theirs, "sent"));
	cell("%.2f %%", 100 * read_real(theirs, "accuracy"));
	cell("%.1f", read_real(theirs, "joules"));
	cell("%.1f %%", 100 * share);
	putchar('\n');
}

void bench_print_beside(const json_t *report, const json_t *beside)
{
	const json_t *cloud = json_object_get(json_object_get(report, "totals"), "cloud_only");
	const json_t *sweep = json_array_get(json_object_get(beside, "sweeps"), 0);
	json_t *m;
	size_t i;

	compute_table(report, beside);
	if (!json_object_get(report, "sweep") || !sweep)
		return;
	printf("\n| threshold | sent | accuracy | J per %.0f images | of cloud only | %s %s: sent "
	       "| "
	       "accuracy | J | of cloud only |\n|---|---|---|---|---|---|---|---|---|\n",
	       read_real(sweep, "images"), read_text(beside, "name"), read_text(sweep, "network"));
	json_array_foreach(json_object_get(report, "sweep"), i, m)
		sweep_row(m, sweep, read_real(cloud, "mj"));
	if (cloud)
		printf("\nCloud only here: %.2f %%, %.3g mJ per image, all of it the radio's.\n",
		       100 * read_real(cloud, "accuracy"), read_real(cloud, "mj"));
}
