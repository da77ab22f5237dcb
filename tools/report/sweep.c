// SPDX-License-Identifier: Apache-2.0
/* What the threshold does: a point for each, the Pareto front joined by a line. */
#include "report.h"
#include "bench/bench_read.h"
#include "svg.h"

#include <math.h>
#include <string.h>

#define LEFT   60.0
#define RIGHT  430.0
#define TOP    40.0
#define BOTTOM 300.0

/* One plot: accuracy over field of a point, times scale. */
struct plot {
	const json_t *points;
	const json_t *chosen; /* the mean at the session's threshold */
	const char *field, *name, *title;
	double scale;
	bool front; /* join the points of the Pareto front, else all */
	struct axis x, y;
};

static double x_of(const struct plot *p, const json_t *o)
{
	return p->scale * read_real(o, p->field);
}

static double y_of(const json_t *o)
{
	return 100 * read_real(o, "accuracy");
}

/* The axes around all points that are known; false when there is none. */
static bool fit(struct plot *p)
{
	double low[2] = {INFINITY, INFINITY}, high[2] = {-INFINITY, -INFINITY};
	json_t *o;
	size_t i;

	json_array_foreach(p->points, i, o)
	{
		double v[2] = {x_of(p, o), y_of(o)};

		for (int k = 0; k < 2 && isfinite(v[0]) && isfinite(v[1]); k++) {
			low[k] = fmin(low[k], v[k]);
			high[k] = fmax(high[k], v[k]);
		}
	}
	if (!(low[0] <= high[0]))
		return false;
	p->x = axis_make(low[0], high[0], LEFT, RIGHT);
	p->y = axis_make(low[1], high[1], BOTTOM, TOP);
	return true;
}

static bool joined(const struct plot *p, const json_t *o)
{
	return isfinite(x_of(p, o)) && isfinite(y_of(o)) &&
	       (!p->front || json_is_true(json_object_get(o, "pareto")));
}

static void put_line(FILE *f, const struct plot *p)
{
	const char *move = "M";
	json_t *o;
	size_t i;

	fputs("<path class=\"front\" d=\"", f);
	json_array_foreach(p->points, i, o)
	{
		if (!joined(p, o))
			continue;
		fprintf(f, "%s%.1f %.1f", move, axis_at(&p->x, x_of(p, o)),
			axis_at(&p->y, y_of(o)));
		move = "L";
	}
	fputs("\"/>\n", f);
}

static void put_point(FILE *f, const struct plot *p, const json_t *o, const char *class,
		      double size)
{
	if (!isfinite(x_of(p, o)) || !isfinite(y_of(o)))
		return;
	fprintf(f,
		"<circle class=\"%s\" cx=\"%.1f\" cy=\"%.1f\" r=\"%g\"><title>accuracy %.2f %%, "
		"%.1f %% sent",
		class, axis_at(&p->x, x_of(p, o)), axis_at(&p->y, y_of(o)), size, y_of(o),
		100 * read_real(o, "sent"));
	if (isfinite(read_real(o, "mj")))
		fprintf(f, ", %.4g mJ", read_real(o, "mj"));
	if (isfinite(read_real(o, "threshold")))
		fprintf(f, ", threshold %.4g", read_real(o, "threshold"));
	fputs("</title></circle>\n", f);
}

static void draw(FILE *f, struct plot *p)
{
	json_t *o;
	size_t i;

	if (!fit(p)) {
		fprintf(f, "<p class=\"note\">%s: not known here.</p>\n", p->title);
		return;
	}
	svg_begin(f, p->title, 450, BOTTOM + 50);
	svg_axis_x(f, &p->x, BOTTOM, TOP, p->name);
	svg_axis_y(f, &p->y, LEFT, RIGHT, "accuracy, %");
	put_line(f, p);
	json_array_foreach(p->points, i, o) put_point(
		f, p, o, json_is_true(json_object_get(o, "pareto")) ? "dot pareto" : "dot", 4);
	put_point(f, p, p->chosen, "chosen", 8);
	svg_end(f);
}

void plot_sweep(FILE *f, const struct report *r)
{
	const json_t *points = json_object_get(r->figures, "sweep");
	const json_t *paths = json_object_get(r->figures, "paths");
	struct plot p = {.points = points,
			 .chosen = json_object_get(json_object_get(r->figures, "totals"),
						   "edge_cloud"),
			 .scale = 100,
			 .field = "sent",
			 .name = "images sent to the cloud, %",
			 .title = "Accuracy over the share of images sent"};
	char name[96];

	fputs("<section id=\"threshold\">\n<h2>Threshold</h2>\n", f);
	if (!points) {
		fputs("<p class=\"note\">Without a cloud no threshold changes anything.</p>\n"
		      "</section>\n",
		      f);
		return;
	}
	fputs("<div class=\"pair\">\n", f);
	draw(f, &p);
	snprintf(name, sizeof(name), "mJ an image, %s",
		 energy_source(json_array_get(paths, PATH_CLOUD)));
	p.scale = 1;
	p.field = "mj";
	p.name = name;
	p.title = "Accuracy over the energy of an image";
	p.front = true;
	draw(f, &p);
	fputs("</div>\n<p class=\"note\">A point is a threshold. Filled points are the Pareto "
	      "front: no other is as accurate for as little. The ring is the threshold that "
	      "was used. Point at one for its figures.</p>\n</section>\n",
	      f);
}
