// SPDX-License-Identifier: Apache-2.0
/* What a request's path means. */
#include "serve/exchange.h"

#include <string.h>

#define PARTS_MAX 8

struct parts {
	char text[512];
	const char *at[PARTS_MAX];
	int n; /* -1: too long or too many */
};

static void split(const char *url, struct parts *p)
{
	char *save, *part;

	p->n = -1;
	if (strlen(url) >= sizeof(p->text))
		return;
	strcpy(p->text, url);
	p->n = 0;
	for (part = strtok_r(p->text, "/", &save); part; part = strtok_r(NULL, "/", &save)) {
		if (p->n == PARTS_MAX) {
			p->n = -1;
			return;
		}
		p->at[p->n++] = part;
	}
}

static bool part_is(const struct parts *p, int i, const char *text)
{
	return i < p->n && !strcmp(p->at[i], text);
}

static enum mea_route route_of_model(const struct parts *p, int i)
{
	if (i == p->n)
		return MEA_ROUTE_MODEL;
	if (i + 1 != p->n)
		return MEA_ROUTE_NONE;
	return part_is(p, i, "infer")	? MEA_ROUTE_INFER
	       : part_is(p, i, "ready") ? MEA_ROUTE_MODEL_READY
	       : part_is(p, i, "stats") ? MEA_ROUTE_MODEL_STATS
					: MEA_ROUTE_NONE;
}

/* v2/models/NAME[/versions/N][/what] */
static void parse_model(const struct parts *p, struct mea_path *out)
{
	int i = 3;

	if (strlen(p->at[2]) >= sizeof(out->model))
		return;
	strcpy(out->model, p->at[2]);
	if (part_is(p, i, "versions")) {
		if (p->n < 5 || strlen(p->at[4]) >= sizeof(out->version) ||
		    strspn(p->at[4], "0123456789") != strlen(p->at[4]))
			return;
		strcpy(out->version, p->at[4]);
		i = 5;
	}
	out->route = route_of_model(p, i);
}

struct mea_path mea_path_parse(const char *url)
{
	struct mea_path out = {.route = MEA_ROUTE_NONE};
	struct parts p;

	split(url, &p);
	if (p.n == 1 && part_is(&p, 0, "metrics"))
		out.route = MEA_ROUTE_METRICS;
	if (!part_is(&p, 0, "v2"))
		return out;
	if (p.n == 1)
		out.route = MEA_ROUTE_SERVER;
	else if (p.n == 3 && part_is(&p, 1, "health"))
		out.route = part_is(&p, 2, "live")    ? MEA_ROUTE_LIVE
			    : part_is(&p, 2, "ready") ? MEA_ROUTE_READY
						      : MEA_ROUTE_NONE;
	else if (p.n == 3 && part_is(&p, 1, "repository") && part_is(&p, 2, "index"))
		out.route = MEA_ROUTE_INDEX;
	else if (p.n == 3 && part_is(&p, 1, "models") && part_is(&p, 2, "stats"))
		out.route = MEA_ROUTE_ALL_STATS;
	else if (p.n >= 3 && part_is(&p, 1, "models"))
		parse_model(&p, &out);
	return out;
}
