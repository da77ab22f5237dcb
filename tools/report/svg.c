// SPDX-License-Identifier: Apache-2.0
#include "svg.h"

#include <math.h>

struct axis axis_make(double low, double high, double from, double to)
{
	double span = high > low ? high - low : fabs(high) > 0 ? fabs(high) : 1;
	double step = pow(10, floor(log10(span / 3)));

	/* 1, 2 or 5 times a power of ten. */
	if (span / step > 12)
		step *= 5;
	else if (span / step > 6)
		step *= 2;
	low = floor(low / step + 1e-9) * step;
	high = ceil(high / step - 1e-9) * step;
	if (high <= low)
		high = low + step;
	return (struct axis){low, high, step, from, to};
}

double axis_at(const struct axis *a, double v)
{
	return a->from + (v - a->low) / (a->high - a->low) * (a->to - a->from);
}

void svg_begin(FILE *f, const char *title, double width, double height)
{
	fprintf(f,
		"<svg viewBox=\"0 0 %g %g\" width=\"%g\" height=\"%g\" role=\"img\">"
		"<title>%s</title>\n",
		width, height, width, height, title);
}

void svg_end(FILE *f)
{
	fputs("</svg>\n", f);
}

/* Rounding leaves a trace of 0. */
static double tick(const struct axis *a, int i)
{
	double v = a->low + i * a->step;

	return fabs(v) < a->step * 1e-6 ? 0 : v;
}

static int ticks(const struct axis *a)
{
	return (int)lround((a->high - a->low) / a->step);
}

void svg_axis_x(FILE *f, const struct axis *a, double y, double top, const char *name)
{
	for (int i = 0; i <= ticks(a); i++) {
		double x = axis_at(a, tick(a, i));

		fprintf(f,
			"<path class=\"grid\" d=\"M%.1f %.1fV%.1f\"/><text class=\"dim\" "
			"text-anchor=\"middle\" x=\"%.1f\" y=\"%.1f\">%.6g</text>\n",
			x, y, top, x, y + 18, tick(a, i));
	}
	fprintf(f, "<text class=\"dim\" text-anchor=\"middle\" x=\"%.1f\" y=\"%.1f\">%s</text>\n",
		(a->from + a->to) / 2, y + 38, name);
}

void svg_axis_y(FILE *f, const struct axis *a, double x, double right, const char *name)
{
	for (int i = 0; i <= ticks(a); i++) {
		double y = axis_at(a, tick(a, i));

		fprintf(f,
			"<path class=\"grid\" d=\"M%.1f %.1fH%.1f\"/><text class=\"dim\" "
			"text-anchor=\"end\" x=\"%.1f\" y=\"%.1f\">%.6g</text>\n",
			x, y, right, x - 6, y + 4, tick(a, i));
	}
	fprintf(f, "<text class=\"dim\" x=\"%.1f\" y=\"%.1f\">%s</text>\n", x - 40, a->to - 12,
		name);
}

void svg_whisker(FILE *f, const struct axis *a, double low, double high, double y)
{
	double from = axis_at(a, low), to = axis_at(a, high);

	if (!isfinite(from) || !isfinite(to))
		return;
	fprintf(f,
		"<path class=\"whisker\" d=\"M%.1f %.1fV%.1fM%.1f %.1fH%.1fM%.1f %.1fV%.1f\"/>\n",
		from, y - 5, y + 5, from, y, to, to, y - 5, y + 5);
}
