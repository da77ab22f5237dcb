// SPDX-License-Identifier: Apache-2.0
/* The layers of each network on the accelerator. */
#include "report.h"
#include "bench/bench_read.h"
#include "html.h"

#include <math.h>

static void put_share(FILE *f, double cycles, double all)
{
	fputs("<td class=\"bar\">", f);
	if (cycles > 0 && all > 0)
		fprintf(f,
			"<svg width=\"120\" height=\"10\" aria-hidden=\"true\"><rect "
			"class=\"lone\" width=\"%.1f\" height=\"10\"/></svg>",
			120 * cycles / all);
	fputs("</td>", f);
}

static void put_cells(FILE *f, const json_t *o, double all)
{
	fputs("<td>", f);
	html_number(f, "%.3f", read_real(o, "macs") * 1e-6);
	fputs("</td><td>", f);
	html_number(f, "%.0f", read_real(o, "cycles"));
	fputs("</td>", f);
	put_share(f, read_real(o, "cycles"), all);
	fputs("<td>", f);
	/* A layer without multiplications uses none of the array. */
	html_number(f, "%.1f&nbsp;%%",
		    read_real(o, "macs") > 0 ? 100 * read_real(o, "utilisation") : NAN);
	fputs("</td><td>", f);
	html_number(f, "%.0f", read_real(o, "bytes_read"));
	fputs("</td><td>", f);
	html_number(f, "%.0f", read_real(o, "bytes_written"));
	fputs("</td></tr>\n", f);
}

static void put_network(FILE *f, const json_t *net)
{
	double all = read_real(json_object_get(net, "with_records"), "cycles");
	const char *name = read_text(net, "name");
	json_t *l;
	size_t i;

	fprintf(f,
		"<h3>%s</h3>\n<div class=\"wide\"><table><thead><tr><th scope=\"col\">layer</th>"
		"<th>MMAC</th><th>cycles</th><th></th><th>array used</th><th>B read</th>"
		"<th>B written</th></tr></thead><tbody>\n",
		name);
	json_array_foreach(json_object_get(net, "layers"), i, l)
	{
		fputs("<tr><th scope=\"row\"><bdi>", f);
		html_text(f, read_text(l, "name"));
		fputs("</bdi>", f);
		if (json_is_true(json_object_get(l, "fused")))
			fputs(" <span class=\"dim\">(fused with the next)</span>", f);
		fputs("</th>", f);
		put_cells(f, l, all);
	}
	fputs("<tr class=\"sum\"><th scope=\"row\">whole network</th>", f);
	put_cells(f, net, all);
	fputs("</tbody></table></div>\n<p class=\"note\">", f);
	html_figure(f, name, "network-cycles", "%.0f", read_real(net, "cycles"));
	fputs(" cycles; the planner expected ", f);
	html_number(f, "%.0f", read_real(net, "planned"));
	fputs(". The layers come from a second run with a record for each, which costs some "
	      "cycles.</p>\n",
	      f);
}

void layers_write(FILE *f, const struct report *r)
{
	json_t *net;
	size_t i;

	fputs("<section id=\"layers\">\n<h2>Layers on the accelerator</h2>\n", f);
	if (!r->layers) {
		fputs("<p class=\"note\">Not known: ", f);
		html_text(f, r->no_layers);
		fputs("</p>\n", f);
	}
	json_array_foreach(json_object_get(r->layers, "networks"), i, net) put_network(f, net);
	fputs("</section>\n", f);
}
