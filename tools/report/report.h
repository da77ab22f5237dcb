/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `mea report`: one page of what mea bench and mea trace found. report.c reads the options,
 * measures and puts the file in place; page.c writes the page from its parts: plots.c, sweep.c,
 * confusion.c, gallery.c, layers.c. They return 0 or a negative error.
 */
#ifndef MEA_TOOL_REPORT_H
#define MEA_TOOL_REPORT_H

#include <jansson.h>
#include <stdio.h>

#include "bench/bench.h"

struct report {
	struct bench bench;
	const char *out;
	json_t *figures; /* bench_report() */
	json_t *layers;	 /* trace_json(); NULL: not known, and why: */
	char no_layers[256];
};

/* The whole page. */
int page_write(FILE *f, const struct report *r);

/* Writes how the images part at the exits, with what each exit costs. */
void plot_flow(FILE *f, const struct report *r);
/* Energy of an image by path and part; latency by path. */
void plot_energy(FILE *f, const struct report *r);
void plot_latency(FILE *f, const struct report *r);
/* Accuracy over the share sent and over the energy, by threshold. */
void plot_sweep(FILE *f, const struct report *r);

/* Which class was taken for which, by exit. */
int confusion_write(FILE *f, const struct report *r);
/* Images of each exit with what every network said. */
int gallery_write(FILE *f, const struct report *r);
/* Cycles and utilisation of each layer. */
void layers_write(FILE *f, const struct report *r);

/* The exits' short names for ids and colours, by path: "main", "extension", "cloud". */
#define REPORT_EXITS 3

/* "modelled", "measured", "modelled and measured" or "" (nothing is known): what a path's sum of
 * energies is made of. */
const char *energy_source(const json_t *path);

#endif
