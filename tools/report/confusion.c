// SPDX-License-Identifier: Apache-2.0
/* Which class was taken for which: by exit, a matrix of the pairs that occurred and a list of the
 * most frequent mistakes. */
#include "report.h"
#include "html.h"
#include "svg.h"

#include "base/error.h"

#include <math.h>
#include <stdlib.h>

#define MATRIX_MAX 128 /* classes; more are no picture */
#define MISTAKES   10

struct pair {
	int label, answer;
	size_t images;
};

static int by_classes(const void *a, const void *b)
{
	const struct pair *x = a, *y = b;

	if (x->label != y->label)
		return x->label < y->label ? -1 : 1;
	return x->answer < y->answer ? -1 : x->answer > y->answer;
}

/* The most frequent first; of these in the classes' order. */
static int by_images(const void *a, const void *b)
{
	const struct pair *x = a, *y = b;

	if (x->images != y->images)
		return x->images > y->images ? -1 : 1;
	return by_classes(a, b);
}

/* The pairs of a path's labelled images, each once; *n of them. NULL without memory. */
static struct pair *pairs_of(const struct bench *b, enum path path, size_t *n)
{
	struct pair *all = calloc(b->n + 1, sizeof(*all));
	size_t count = 0, kept = 0;

	for (size_t i = 0; i < b->n && all; i++) {
		const struct routed *r = &b->routed[i];

		if (r->readable && r->label >= 0 && bench_path_of(b, r, b->threshold) == path)
			all[count++] = (struct pair){r->label, bench_answer(r, path), 1};
	}
	if (!all)
		return NULL;
	qsort(all, count, sizeof(*all), by_classes);
	for (size_t i = 0; i < count; i++) {
		if (kept && !by_classes(&all[kept - 1], &all[i]))
			all[kept - 1].images++;
		else
			all[kept++] = all[i];
	}
	*n = kept;
	return all;
}

static void put_cell(FILE *f, const struct bench *b, const struct pair *p, double side, size_t most)
{
	double dark = 0.25 + 0.75 * sqrt((double)p->images / (double)most);

	fprintf(f,
		"<rect class=\"%s\" x=\"%.2f\" y=\"%.2f\" width=\"%.2f\" height=\"%.2f\" "
		"opacity=\"%.2f\"><title>",
		p->label == p->answer ? "right" : "wrong", 24 + p->answer * side,
		24 + p->label * side, side, side, dark);
	html_text(f, b->b->classes[p->label]);
	if (p->label != p->answer) {
		fputs(" taken for ", f);
		html_text(f, b->b->classes[p->answer]);
	}
	fprintf(f, ": %zu</title></rect>\n", p->images);
}

static void put_matrix(FILE *f, const struct bench *b, const struct pair *p, size_t n)
{
	double side = 360.0 / b->b->n_classes;
	size_t most = 0;

	if (b->b->n_classes > MATRIX_MAX)
		return;
	for (size_t i = 0; i < n; i++)
		most = p[i].images > most ? p[i].images : most;
	svg_begin(f, "Confusion matrix", 400, 400);
	fputs("<text class=\"dim\" x=\"24\" y=\"14\">answer &rarr;</text><text class=\"dim\" "
	      "transform=\"translate(14 24) rotate(90)\">class &rarr;</text><rect class=\"paper\" "
	      "x=\"24\" y=\"24\" width=\"360\" height=\"360\"/>\n",
	      f);
	for (size_t i = 0; i < n; i++)
		put_cell(f, b, &p[i], side, most);
	svg_end(f);
}

static void put_mistakes(FILE *f, const struct bench *b, struct pair *p, size_t n)
{
	int left = MISTAKES;

	qsort(p, n, sizeof(*p), by_images);
	fputs("<table class=\"mistakes\"><thead><tr><th class=\"left\">class</th>"
	      "<th class=\"left\">taken for</th><th>images</th></tr></thead><tbody>\n",
	      f);
	for (size_t i = 0; i < n && left; i++) {
		if (p[i].label == p[i].answer)
			continue;
		fputs("<tr><td class=\"left\"><bdi>", f);
		html_text(f, b->b->classes[p[i].label]);
		fputs("</bdi></td><td class=\"left\"><bdi>", f);
		html_text(f, b->b->classes[p[i].answer]);
		fprintf(f, "</bdi></td><td>%zu</td></tr>\n", p[i].images);
		left--;
	}
	if (left == MISTAKES)
		fputs("<tr><td class=\"left\" colspan=\"3\">no mistake</td></tr>\n", f);
	fputs("</tbody></table>\n", f);
}

static int put_exit(FILE *f, const struct bench *b, enum path path)
{
	size_t n = 0, images = 0, right = 0;
	struct pair *p = pairs_of(b, path, &n);

	if (!p)
		return mea_nomem();
	for (size_t i = 0; i < n; i++) {
		images += p[i].images;
		right += p[i].label == p[i].answer ? p[i].images : 0;
	}
	fprintf(f, "<div><h3>%s</h3>\n<p>", bench_paths[path]);
	html_figure(f, bench_paths[path], "right", "%.0f", (double)right);
	fputs(" of ", f);
	html_figure(f, bench_paths[path], "labelled", "%.0f", (double)images);
	fputs(" images with a known class are right.</p>\n", f);
	if (images) {
		put_matrix(f, b, p, n);
		put_mistakes(f, b, p, n);
	}
	fputs("</div>\n", f);
	free(p);
	return 0;
}

int confusion_write(FILE *f, const struct report *r)
{
	int rc = 0;

	fputs("<section id=\"confusion\">\n<h2>Confusion by exit</h2>\n<div class=\"pair\">\n", f);
	for (int path = 0; path < REPORT_EXITS && !rc; path++)
		if (path < PATH_CLOUD || r->bench.session.open.cloud)
			rc = put_exit(f, &r->bench, (enum path)path);
	fputs("</div>\n", f);
	if (r->bench.b->n_classes > MATRIX_MAX)
		fprintf(f, "<p class=\"note\">%d classes are too many for a matrix.</p>\n",
			r->bench.b->n_classes);
	fputs("</section>\n", f);
	return rc;
}
