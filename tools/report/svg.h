/* SPDX-License-Identifier: Apache-2.0 */
/* Axes and marks of the page's plots, as SVG within the page. Colours are classes of style.css. */
#ifndef MEA_REPORT_SVG_H
#define MEA_REPORT_SVG_H

#include <stdbool.h>
#include <stdio.h>

/* A linear axis: values from low to high lie between the pixels from and to. */
struct axis {
	double low, high, step; /* step: between ticks; low and high are ticks */
	double from, to;
};

/* An axis with three to seven ticks at round numbers around the values. */
struct axis axis_make(double low, double high, double from, double to);
double axis_at(const struct axis *a, double v);

/* Begins and ends a picture; title is read aloud, and ours. */
void svg_begin(FILE *f, const char *title, double width, double height);
void svg_end(FILE *f);

/* Lines with numbers at the ticks, and the axis' name: below a plot that ends at y, or left of
 * one that begins at x. The grid reaches to the other end. */
void svg_axis_x(FILE *f, const struct axis *a, double y, double top, const char *name);
void svg_axis_y(FILE *f, const struct axis *a, double x, double right, const char *name);

/* An error bar from low to high at height y; nothing when an end is not finite. */
void svg_whisker(FILE *f, const struct axis *a, double low, double high, double y);

#endif
