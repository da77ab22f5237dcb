// SPDX-License-Identifier: Apache-2.0
/* The page: its head, the tables of figures, and the order of its parts. */
#include "report.h"
#include "bench/bench_read.h"
#include "html.h"

#include <math.h>
#include <string.h>

/* The compiler runs in the repository's root. */
extern const char mea_report_style[];
__asm__(".pushsection .rodata\n.hidden mea_report_style\n.global mea_report_style\n"
	"mea_report_style:\n.incbin \"tools/report/style.css\"\n.byte 0\n.popsection\n");

/* --- head -------------------------------------------------------------------------------- */

static void term(FILE *f, const char *name, const char *text)
{
	fprintf(f, "<dt>%s</dt><dd>", name);
	html_text(f, text);
	fputs("</dd>\n", f);
}

static void term_number(FILE *f, const char *name, const char *format, double v)
{
	fprintf(f, "<dt>%s</dt><dd>", name);
	html_number(f, format, v);
	fputs("</dd>\n", f);
}

static void put_head(FILE *f, const struct report *r)
{
	const json_t *o = r->figures;
	const char *cloud = read_text(o, "cloud");

	/* Nothing is loaded and no script runs, whatever may stand in the page. */
	fputs("<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
	      "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; "
	      "img-src data:; style-src 'unsafe-inline'\">\n"
	      "<meta name=\"viewport\" content=\"width=device-width\">\n"
	      "<meta name=\"color-scheme\" content=\"light dark\">\n"
	      "<link rel=\"icon\" href=\"data:,\">\n<title>",
	      f);
	html_text(f, read_text(o, "bundle"));
	fputs(" &middot; mea report</title>\n<style>\n", f);
	fputs(mea_report_style, f);
	fputs("</style>\n</head>\n<body>\n<header>\n<h1><bdi>", f);
	html_text(f, read_text(o, "bundle"));
	fputs("</bdi></h1>\n<p class=\"verdict\">", f);
	html_text(f, read_text(o, "verdict"));
	fputs("</p>\n<dl>\n", f);
	term(f, "data", read_text(o, "data"));
	term_number(f, "images", "%.0f", read_real(o, "images"));
	term(f, "backend", read_text(o, "backend"));
	term(f, "cloud", *cloud ? cloud : "none");
	term_number(f, "threshold, nats", "%.4g", read_real(o, "threshold"));
	term_number(f, "accelerator's clock, MHz", "%.5g", read_real(o, "clock_mhz"));
	term(f, "energy model", read_text(o, "accelerator_model"));
	term(f, "radio model", read_text(o, "radio_model"));
	fputs("</dl>\n</header>\n<main>\n", f);
}

/* --- exits ------------------------------------------------------------------------------- */

const char *energy_source(const json_t *path)
{
	const json_t *energy = json_object_get(path, "energy");
	bool modelled = false, measured = false;

	for (int k = 0; k < PART_IDLE; k++) {
		const char *source = read_text(json_object_get(energy, bench_parts[k]), "source");

		modelled |= !strcmp(source, "modelled");
		measured |= !strcmp(source, "measured");
	}
	if (modelled && measured)
		return "modelled and measured";
	return modelled ? "modelled" : measured ? "measured" : "";
}

static void cell(FILE *f, const char *exit, const char *name, const char *format, double v)
{
	fputs("<td>", f);
	html_figure(f, exit, name, format, v);
	fputs("</td>", f);
}

static void share_cell(FILE *f, const char *exit, const char *name, double v)
{
	fputs("<td>", f);
	html_share(f, exit, name, v);
	fputs("</td>", f);
}

static void exit_row(FILE *f, const json_t *p)
{
	const json_t *latency = json_object_get(p, "latency_ms");
	const json_t *energy = json_object_get(p, "energy");
	double mean = read_real(latency, "mean"), half = read_real(latency, "high") - mean;
	const char *name = read_text(p, "name");

	fprintf(f, "<tr><th scope=\"row\">%s</th>", name);
	cell(f, name, "images", "%.0f", read_real(p, "images"));
	share_cell(f, name, "share", read_real(p, "share"));
	share_cell(f, name, "accuracy", read_real(p, "accuracy"));
	cell(f, name, "cycles", "%.0f", read_real(p, "cycles"));
	cell(f, name, "accelerator-ms", "%.3f", read_real(p, "accelerator_ms"));
	fputs("<td>", f);
	html_figure(f, name, "latency-ms", "%.3f", mean);
	if (isfinite(half))
		fprintf(f, " &plusmn; %.3f", half);
	fputs("</td>", f);
	cell(f, name, "p95-ms", "%.3f", read_real(latency, "p95"));
	cell(f, name, "bytes-up", "%.0f", read_real(p, "bytes_up"));
	cell(f, name, "bytes-down", "%.0f", read_real(p, "bytes_down"));
	cell(f, name, "mj", "%.4g", read_real(energy, "sum"));
	fprintf(f, "<td class=\"left\">%s</td></tr>\n", energy_source(p));
}

static void total_row(FILE *f, const char *title, const char *name, const json_t *t)
{
	if (!t)
		return;
	fprintf(f, "<tr><th scope=\"row\">%s</th>", title);
	cell(f, name, "images", "%.0f", read_real(t, "images"));
	share_cell(f, name, "sent", read_real(t, "sent"));
	share_cell(f, name, "accuracy", read_real(t, "accuracy"));
	cell(f, name, "latency-ms", "%.3f", read_real(t, "latency_ms"));
	cell(f, name, "mj", "%.4g", read_real(t, "mj"));
	fputs("</tr>\n", f);
}

static void put_exits(FILE *f, const struct report *r)
{
	const json_t *paths = json_object_get(r->figures, "paths");
	const json_t *totals = json_object_get(r->figures, "totals");
	json_t *p;
	size_t i;

	fputs("<section id=\"exits\">\n<h2>Exits</h2>\n", f);
	plot_flow(f, r);
	fputs("<div class=\"wide\"><table>\n<thead><tr><th scope=\"col\">path</th><th>images</th>"
	      "<th>share</th><th>accuracy</th><th>cycles</th><th>accelerator, ms</th>"
	      "<th>latency, ms</th><th>p95, ms</th><th>B up</th><th>B down</th><th>mJ</th>"
	      "<th class=\"left\">energy is</th></tr></thead>\n<tbody>\n",
	      f);
	json_array_foreach(paths, i, p) exit_row(f, p);
	fputs("</tbody></table></div>\n<p class=\"note\">Figures are means of an image of the "
	      "path. Accelerator ms are cycles at the stated clock. Latency was measured here; "
	      "&plusmn; is the interval that holds the mean of another run with 95 %.</p>\n"
	      "<div class=\"wide\"><table>\n<thead><tr><th scope=\"col\">all images</th>"
	      "<th>images</th><th>share sent</th><th>accuracy</th><th>latency ms</th><th>mJ</th>"
	      "</tr></thead>\n<tbody>\n",
	      f);
	total_row(f, "edge and cloud", "edge-cloud", json_object_get(totals, "edge_cloud"));
	total_row(f, "edge only", "edge-only", json_object_get(totals, "edge_only"));
	total_row(f, "cloud only", "cloud-only", json_object_get(totals, "cloud_only"));
	fputs("</tbody></table></div>\n</section>\n", f);
}

/* --- energy ------------------------------------------------------------------------------ */

static void source_rows(FILE *f, const json_t *path)
{
	const json_t *energy = json_object_get(path, "energy");

	for (int k = 0; k < PARTS; k++) {
		const json_t *part = json_object_get(energy, bench_parts[k]);
		const char *source = read_text(part, "source");

		if (!strcmp(source, "none"))
			continue;
		fprintf(f, "<tr><th scope=\"row\">%s</th><td class=\"left\">%s</td><td>",
			read_text(path, "name"), bench_parts[k]);
		html_number(f, "%.4g", read_real(part, "mj"));
		fprintf(f, "</td><td class=\"left\">%s</td><td class=\"left\">", source);
		html_text(f, read_text(part, "of"));
		fputs("</td></tr>\n", f);
	}
}

static void put_energy(FILE *f, const struct report *r)
{
	const json_t *paths = json_object_get(r->figures, "paths");
	json_t *p;
	size_t i;

	fputs("<section id=\"energy\">\n<h2>Energy and latency</h2>\n", f);
	plot_energy(f, r);
	plot_latency(f, r);
	fputs("<details><summary>Where each energy comes from</summary>\n<div class=\"wide\">"
	      "<table><thead><tr><th scope=\"col\">path</th><th class=\"left\">part</th>"
	      "<th>mJ</th><th class=\"left\">source</th><th class=\"left\">of</th></tr></thead>"
	      "<tbody>\n",
	      f);
	json_array_foreach(paths, i, p) source_rows(f, p);
	fputs("</tbody></table></div></details>\n</section>\n", f);
	plot_sweep(f, r);
}

/* --- the whole --------------------------------------------------------------------------- */

static void put_notes(FILE *f, const struct report *r)
{
	const json_t *notes = json_object_get(r->figures, "notes"), *n;
	double unreadable = read_real(r->figures, "unreadable");
	double missed = read_real(r->figures, "cloud_missed");
	size_t i;

	fputs("</main>\n<footer>\n<ul>\n", f);
	if (unreadable > 0)
		fprintf(f,
			"<li class=\"wrong\">%.0f images could not be read or got no answer; "
			"they are in no figure.</li>\n",
			unreadable);
	if (missed > 0)
		fprintf(f,
			"<li class=\"wrong\">%.0f images did not get the cloud's answer; the "
			"edge's stands in for it.</li>\n",
			missed);
	json_array_foreach(notes, i, n)
	{
		fputs("<li>", f);
		html_text(f, json_string_value(n));
		fputs("</li>\n", f);
	}
	fputs("</ul>\n<p>mea " MEA_VERSION "</p>\n</footer>\n</body>\n</html>\n", f);
}

int page_write(FILE *f, const struct report *r)
{
	int rc;

	put_head(f, r);
	put_exits(f, r);
	put_energy(f, r);
	rc = confusion_write(f, r);
	if (!rc)
		rc = gallery_write(f, r);
	if (rc)
		return rc;
	layers_write(f, r);
	put_notes(f, r);
	return 0;
}
