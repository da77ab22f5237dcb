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

static int hex(char c)
{
	return c >= '0' && c <= '9'   ? c - '0'
	       : c >= 'a' && c <= 'f' ? c - 'a' + 10
	       : c >= 'A' && c <= 'F' ? c - 'A' + 10
				      : -1;
}

/* Takes escapes out of a part in place; false when one is none or hides "/" or 0. */
static bool unescape(char *part)
{
	char *to = part;

	for (const char *c = part; *c; c++) {
		int high, low;

		if (*c != '%') {
			*to++ = *c;
			continue;
		}
		high = hex(c[1]);
		low = high < 0 ? -1 : hex(c[2]);
		if (low < 0 || high * 16 + low == '/' || high * 16 + low == 0)
			return false;
		*to++ = (char)(high * 16 + low);
		c += 2;
	}
	*to = 0;
	return true;
}

static void split(const char *url, struct parts *p)
{
	char *rest = p->text + 1, *part;

	p->n = -1;
	if (strlen(url) >= sizeof(p->text) || *url != '/')
		return;
	strcpy(p->text, url);
	for (p->n = 0; (part = strsep(&rest, "/")); p->n++) {
		if (p->n == PARTS_MAX || !*part || !unescape(part)) {
			p->n = -1;
			return;
		}
		p->at[p->n] = part;
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

	/* Clients ask for both. */
	split(strcmp(url, "/v2/") ? url : "/v2", &p);
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
