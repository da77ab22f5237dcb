// SPDX-License-Identifier: Apache-2.0
/* The flow of the images through the exits, and bars by path. */
#include "report.h"
#include "bench/bench_read.h"
#include "html.h"
#include "svg.h"

#include <math.h>
#include <string.h>

/* --- flow -------------------------------------------------------------------------------- */

#define FLOW_HEIGHT 180.0 /* of all images */
#define FLOW_SLOT   76.0  /* an exit with its three lines takes so much at least */
#define FLOW_LEFT   165.0
#define FLOW_RIGHT  380.0
#define FLOW_BAR    14.0

static double share_of(const json_t *path)
{
	double share = read_real(path, "share");

	return share > 0 ? share : 0;
}

static double slot_of(const json_t *path)
{
	return fmax(share_of(path) * FLOW_HEIGHT + 18, FLOW_SLOT);
}

/* The band from main to an exit: start and end are the pixels where it leaves and arrives. */
static void band(FILE *f, const char *name, double start, double end, double height)
{
	double from = FLOW_LEFT + FLOW_BAR, middle = (from + FLOW_RIGHT) / 2;

	fprintf(f,
		"<path class=\"band %s\" d=\"M%g %.1fC%g %.1f %g %.1f %g %.1fV%.1fC%g %.1f %g "
		"%.1f %g %.1fZ\"/><rect class=\"fill %s\" x=\"%g\" y=\"%.1f\" width=\"%g\" "
		"height=\"%.1f\"/>\n",
		name, from, start, middle, start, middle, end, FLOW_RIGHT, end, end + height,
		middle, end + height, middle, start + height, from, start + height, name,
		FLOW_RIGHT, end, FLOW_BAR, height);
}

/* Milliseconds: those of the device by its cycles and of the radio by its model, or what was
 * measured where neither is known. */
static void put_ms(FILE *f, const json_t *p)
{
	double device = read_real(p, "accelerator_ms"), radio = read_real(p, "radio_ms");
	double latency = read_real(json_object_get(p, "latency_ms"), "mean");

	if (isfinite(device))
		fprintf(f, "%.3f ms accelerator", device);
	else if (isfinite(latency))
		fprintf(f, "%.3f ms", latency);
	else
		fputs("time not known", f);
	if (isfinite(device) && isfinite(radio))
		fprintf(f, " + %.3f ms radio (modelled)", radio);
}

static void put_mj(FILE *f, const json_t *p)
{
	double mj = read_real(json_object_get(p, "energy"), "sum");

	if (isfinite(mj))
		fprintf(f, "%.4g mJ %s", mj, energy_source(p));
	else
		fputs("energy not known", f);
}

static void flow_exit(FILE *f, const json_t *p, double y)
{
	double accuracy = read_real(p, "accuracy"), x = FLOW_RIGHT + FLOW_BAR + 14;

	fprintf(f, "<text class=\"strong\" x=\"%g\" y=\"%.1f\">%s answers ", x, y + 14,
		read_text(p, "name"));
	if (!(read_real(p, "images") > 0)) {
		fputs("no image</text>\n", f);
		return;
	}
	fprintf(f, "%.1f %% of the images</text><text x=\"%g\" y=\"%.1f\">", 100 * share_of(p), x,
		y + 33);
	if (isfinite(accuracy))
		fprintf(f, "%.2f %% of these are right", 100 * accuracy);
	else
		fputs("accuracy not known", f);
	fprintf(f, "</text><text class=\"dim\" x=\"%g\" y=\"%.1f\">", x, y + 52);
	put_ms(f, p);
	fputs(" &middot; ", f);
	put_mj(f, p);
	fputs("</text>\n", f);
}

void plot_flow(FILE *f, const struct report *r)
{
	const json_t *paths = json_object_get(r->figures, "paths");
	double total = 0, start, y = 16;
	json_t *p;
	size_t i;

	json_array_foreach(paths, i, p) if (i < REPORT_EXITS) total += slot_of(p);
	start = fmax(16, 16 + (total - FLOW_HEIGHT) / 2);
	svg_begin(f, "How the images part at the exits", 900, fmax(total, FLOW_HEIGHT) + 32);
	fprintf(f,
		"<text class=\"strong\" x=\"16\" y=\"%.1f\">%.0f images</text><text class=\"dim\" "
		"x=\"16\" y=\"%.1f\">all run through main</text><rect class=\"fill all\" x=\"%g\" "
		"y=\"%.1f\" width=\"%g\" height=\"%g\"/>\n",
		start + FLOW_HEIGHT / 2, read_real(r->figures, "images"),
		start + FLOW_HEIGHT / 2 + 20, FLOW_LEFT, start, FLOW_BAR, FLOW_HEIGHT);
	json_array_foreach(paths, i, p)
	{
		double height = share_of(p) * FLOW_HEIGHT, slot = slot_of(p);

		if (i >= REPORT_EXITS)
			break;
		band(f, read_text(p, "name"), start, y + (slot - 18 - height) / 2, height);
		flow_exit(f, p, y + (slot - 18 - 58) / 2);
		start += height;
		y += slot;
	}
	svg_end(f);
}

/* --- bars -------------------------------------------------------------------------------- */

#define BAR_LEFT  110.0
#define BAR_RIGHT 640.0
#define BAR_ROW	  38.0
#define BAR_TOP	  30.0

/* The ends of the sum of a path's known parts. */
static void energy_ends(const json_t *path, double *low, double *high)
{
	const json_t *energy = json_object_get(path, "energy");

	*low = *high = 0;
	for (int k = 0; k < PART_IDLE; k++) {
		const json_t *part = json_object_get(energy, bench_parts[k]);

		if (!strcmp(read_text(part, "source"), "unavailable"))
			continue;
		*low += read_real(part, "low");
		*high += read_real(part, "high");
	}
}

static double energy_most(const json_t *paths)
{
	double most = 0, low, high;
	json_t *p;
	size_t i;

	json_array_foreach(paths, i, p)
	{
		energy_ends(p, &low, &high);
		most = fmax(most, fmax(high, read_real(json_object_get(p, "energy"), "sum")));
	}
	return most;
}

static void bar_name(FILE *f, const char *name, double y)
{
	fprintf(f, "<text text-anchor=\"end\" x=\"%g\" y=\"%.1f\">%s</text>", BAR_LEFT - 10, y + 4,
		name);
}

static void energy_bar(FILE *f, const struct axis *a, const json_t *p, double y)
{
	const json_t *energy = json_object_get(p, "energy");
	double sum = 0, low, high;

	bar_name(f, read_text(p, "name"), y);
	for (int k = 0; k < PART_IDLE; k++) {
		double mj = read_real(json_object_get(energy, bench_parts[k]), "mj");

		if (!(mj > 0))
			continue;
		fprintf(f,
			"<rect class=\"part%d\" x=\"%.2f\" y=\"%.1f\" width=\"%.2f\" "
			"height=\"18\"><title>%s: %.4g mJ</title></rect>",
			k, axis_at(a, sum), y - 9, axis_at(a, sum + mj) - axis_at(a, sum),
			bench_parts[k], mj);
		sum += mj;
	}
	energy_ends(p, &low, &high);
	if (sum > 0)
		svg_whisker(f, a, low, high, y);
	fprintf(f, "<text x=\"%g\" y=\"%.1f\">", BAR_RIGHT + 14, y + 4);
	put_mj(f, p);
	fputs("</text>\n", f);
}

/* Whether a part's energy is known on some path, and not nothing. */
static bool has_part(const json_t *paths, int k)
{
	json_t *p;
	size_t i;

	json_array_foreach(paths, i, p)
	{
		const json_t *energy = json_object_get(p, "energy");

		if (read_real(json_object_get(energy, bench_parts[k]), "mj") > 0)
			return true;
	}
	return false;
}

static void energy_key(FILE *f, const json_t *paths)
{
	for (int k = 0; k < PART_IDLE; k++)
		if (has_part(paths, k))
			fprintf(f,
				"<rect class=\"part%d\" x=\"%g\" y=\"4\" width=\"12\" "
				"height=\"12\"/>"
				"<text class=\"dim\" x=\"%g\" y=\"14\">%s</text>",
				k, BAR_LEFT + 120 * k, BAR_LEFT + 120 * k + 18, bench_parts[k]);
	fputs("\n", f);
}

void plot_energy(FILE *f, const struct report *r)
{
	const json_t *paths = json_object_get(r->figures, "paths");
	double most = energy_most(paths), bottom;
	struct axis a;
	json_t *p;
	size_t i;

	if (!(most > 0)) {
		fputs("<p class=\"note\">No part of the energy is known here.</p>\n", f);
		return;
	}
	a = axis_make(0, most, BAR_LEFT, BAR_RIGHT);
	bottom = BAR_TOP + BAR_ROW * (double)json_array_size(paths);
	svg_begin(f, "Energy of an image by path and part", 900, bottom + 46);
	energy_key(f, paths);
	svg_axis_x(f, &a, bottom, BAR_TOP, "mJ an image, above idle");
	json_array_foreach(paths, i, p) energy_bar(f, &a, p, BAR_TOP + BAR_ROW * ((double)i + 0.5));
	svg_end(f);
	fputs("<p class=\"note\">Error bars: 95 % of the windows of a measured part, what the "
	      "parameters leave open of a modelled one.</p>\n",
	      f);
}

static void latency_bar(FILE *f, const struct axis *a, const json_t *p, double y)
{
	const json_t *l = json_object_get(p, "latency_ms");
	double mean = read_real(l, "mean"), high = read_real(l, "high");

	bar_name(f, read_text(p, "name"), y);
	if (isfinite(mean)) {
		fprintf(f,
			"<rect class=\"lone\" x=\"%.2f\" y=\"%.1f\" width=\"%.2f\" "
			"height=\"18\"/>",
			a->from, y - 9, axis_at(a, mean) - a->from);
		svg_whisker(f, a, fmax(0, read_real(l, "low")), high, y);
	}
	fprintf(f, "<text x=\"%g\" y=\"%.1f\">", BAR_RIGHT + 14, y + 4);
	if (isfinite(mean))
		fprintf(f, "%.3f", mean);
	if (isfinite(high))
		fprintf(f, " &plusmn; %.3f", high - mean);
	fputs(isfinite(mean) ? " ms</text>\n" : "not measured</text>\n", f);
}

static void put_unstable(FILE *f, const json_t *p)
{
	if (!*read_text(p, "unstable"))
		return;
	fprintf(f, "<p class=\"note\">%s is unstable: ", read_text(p, "name"));
	html_text(f, read_text(p, "unstable"));
	fputs(".</p>\n", f);
}

void plot_latency(FILE *f, const struct report *r)
{
	const json_t *paths = json_object_get(r->figures, "paths");
	double most = 0, bottom = BAR_ROW * (double)json_array_size(paths) + 10;
	struct axis a;
	json_t *p;
	size_t i;

	json_array_foreach(paths, i, p)
	{
		const json_t *l = json_object_get(p, "latency_ms");

		most = fmax(most, fmax(read_real(l, "mean"), read_real(l, "high")));
	}
	if (!(most > 0)) {
		fputs("<p class=\"note\">No latency was measured.</p>\n", f);
		return;
	}
	a = axis_make(0, most, BAR_LEFT, BAR_RIGHT);
	svg_begin(f, "Latency of an image by path", 900, bottom + 46);
	svg_axis_x(f, &a, bottom, 10, "ms an image, measured here");
	json_array_foreach(paths, i, p) latency_bar(f, &a, p, 10 + BAR_ROW * ((double)i + 0.5));
	svg_end(f);
	json_array_foreach(paths, i, p) put_unstable(f, p);
}
