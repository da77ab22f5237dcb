// SPDX-License-Identifier: Apache-2.0
/* Images of each exit, in the order of what can be learned from them: first those for which
 * another exit was the better one. */
#include "report.h"
#include "html.h"

#include "base/error.h"

#include <stdlib.h>

#define SHOWN 24 /* of each kind at each exit */

enum kind { BETTER_ELSEWHERE, NEEDLESS, WRONG, RIGHT, UNLABELLED, KINDS };

static const char *const titles[KINDS] = {
	"misrouted: wrong here, and another network was right",
	"misrouted: right, and main had been right already",
	"wrong, whoever was asked",
	"right",
	"without a known class",
};

static enum kind kind_of(const struct routed *r, enum path path)
{
	if (r->label < 0)
		return UNLABELLED;
	if (bench_answer(r, path) == r->label)
		return path != PATH_MAIN && r->said[MEA_NET_MAIN] == r->label ? NEEDLESS : RIGHT;
	for (int net = 0; net < MEA_NETS; net++)
		if (r->said[net] == r->label)
			return BETTER_ELSEWHERE;
	return WRONG;
}

/* Whether the image goes through that network on this path. */
static bool asked(enum path path, enum mea_net net)
{
	return net == MEA_NET_MAIN || (net == MEA_NET_EXTENSION && path == PATH_EXTENSION) ||
	       (net == MEA_NET_CLOUD && path == PATH_CLOUD);
}

static void put_said(FILE *f, const struct bench *b, const struct routed *r, enum path path)
{
	for (int net = 0; net < MEA_NETS; net++) {
		int label = r->said[net];

		if (label < 0)
			continue;
		fprintf(f, "<li class=\"%s%s\">%s: <bdi>",
			r->label < 0	    ? "unlabelled"
			: label == r->label ? "right"
					    : "wrong",
			asked(path, (enum mea_net)net) ? "" : " beside",
			mea_net_name((enum mea_net)net));
		html_text(f, b->b->classes[label]);
		fputs("</bdi></li>", f);
	}
}

static int put_image(FILE *f, const struct report *r, size_t i, enum path path, uint8_t *rgb)
{
	struct bench *b = (struct bench *)&r->bench;
	const struct routed *route = &b->routed[i];
	char where[512];
	int label, rc = bench_image(b, i, rgb, &label);

	if (rc)
		return rc;
	mea_data_where(b->images.data, i, where, sizeof(where));
	fputs("<figure>", f);
	rc = html_picture(f, rgb, b->b->width, b->b->height);
	if (rc)
		return rc;
	fputs("<figcaption title=\"", f);
	html_text(f, where);
	fprintf(f, "; entropy %.3f nats\"><strong><bdi>", (double)route->entropy);
	html_text(f, route->label < 0 ? "class not known" : b->b->classes[route->label]);
	fputs("</bdi></strong><ul>", f);
	put_said(f, b, route, path);
	fputs("</ul></figcaption></figure>\n", f);
	return 0;
}

/* The images of one kind at one exit. */
static int put_kind(FILE *f, const struct report *r, enum path path, enum kind kind, uint8_t *rgb)
{
	const struct bench *b = &r->bench;
	size_t n = 0, shown = 0;
	int rc = 0;

	for (size_t i = 0; i < b->n; i++)
		n += b->routed[i].readable &&
		     bench_path_of(b, &b->routed[i], b->threshold) == path &&
		     kind_of(&b->routed[i], path) == kind;
	if (!n)
		return 0;
	fprintf(f, "<h4>%zu %s", n, titles[kind]);
	if (n > SHOWN)
		fprintf(f, " (the first %d)", SHOWN);
	fputs("</h4>\n<div class=\"gallery\">\n", f);
	for (size_t i = 0; i < b->n && shown < SHOWN && !rc; i++) {
		const struct routed *route = &b->routed[i];

		if (!route->readable || bench_path_of(b, route, b->threshold) != path ||
		    kind_of(route, path) != kind)
			continue;
		rc = put_image(f, r, i, path, rgb);
		shown++;
	}
	fputs("</div>\n", f);
	return rc;
}

int gallery_write(FILE *f, const struct report *r)
{
	const struct bench *b = &r->bench;
	uint8_t *rgb = malloc((size_t)b->b->width * (size_t)b->b->height * 3);
	int rc = rgb ? 0 : mea_nomem();

	fputs("<section id=\"gallery\">\n<h2>Images by exit</h2>\n<p class=\"note\">Under each "
	      "image: its class, and what each network said of it. Faint networks were not on "
	      "the image's way; they were asked for this report.</p>\n",
	      f);
	for (int path = 0; path < REPORT_EXITS && !rc; path++) {
		if (path == PATH_CLOUD && !b->session.open.cloud)
			break;
		fprintf(f, "<h3>%s</h3>\n", bench_paths[path]);
		for (int kind = 0; kind < KINDS && !rc; kind++)
			rc = put_kind(f, r, (enum path)path, (enum kind)kind, rgb);
	}
	fputs("</section>\n", f);
	free(rgb);
	return rc;
}
