// SPDX-License-Identifier: Apache-2.0
#include "html.h"

#include "base/error.h"
#include "images/resize.h"
#include "mea/files.h"
#include "offload/oip.h"

#include <gnutls/gnutls.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define PICTURE_SIDE 96

/* Bytes of a character at p that would be invisible and change what stands around it: controls,
 * and Unicode's marks of direction (U+200E, 200F, 202A-202E, 2066-2069; UAX #9). 0: it is none. */
static int unseen(const char *p)
{
	const unsigned char *c = (const unsigned char *)p;

	if (*c < ' ' || *c == 127)
		return 1;
	if (c[0] == 0xc2 && c[1] >= 0x80 && c[1] < 0xa0)
		return 2;
	if (c[0] != 0xe2)
		return 0;
	if (c[1] == 0x80 && (c[2] == 0x8e || c[2] == 0x8f || (c[2] >= 0xaa && c[2] <= 0xae)))
		return 3;
	return c[1] == 0x81 && c[2] >= 0xa6 && c[2] <= 0xa9 ? 3 : 0;
}

static const char *entity(char c)
{
	switch (c) {
	case '&':
		return "&amp;";
	case '<':
		return "&lt;";
	case '>':
		return "&gt;";
	case '"':
		return "&quot;";
	case '\'':
		return "&#39;";
	default:
		return NULL;
	}
}

void html_text(FILE *f, const char *text)
{
	json_t *valid = tool_text(text);
	const char *p = json_string_value(valid);

	while (p && *p) {
		int skip = unseen(p);

		if (skip) {
			fputs("\xef\xbf\xbd", f); /* the replacement character */
			p += skip;
			continue;
		}
		if (entity(*p))
			fputs(entity(*p), f);
		else
			putc(*p, f);
		p++;
	}
	json_decref(valid);
}

void html_number(FILE *f, const char *format, double v)
{
	if (isfinite(v))
		fprintf(f, format, v);
	else
		fputs("&ndash;", f);
}

/* Begins the element; group may hold blanks. */
static void put_value(FILE *f, const char *group, const char *name, double v)
{
	fputs("<data id=\"", f);
	for (const char *c = group; *c; c++)
		putc(*c == ' ' ? '-' : *c, f);
	fprintf(f, "-%s\" value=\"", name);
	if (isfinite(v))
		fprintf(f, "%.9g", v);
	fputs("\">", f);
}

void html_figure(FILE *f, const char *group, const char *name, const char *format, double v)
{
	put_value(f, group, name, v);
	html_number(f, format, v);
	fputs("</data>", f);
}

void html_share(FILE *f, const char *group, const char *name, double share)
{
	put_value(f, group, name, share);
	html_number(f, "%.2f&nbsp;%%", 100 * share);
	fputs("</data>", f);
}

static int put_png(FILE *f, const uint8_t *rgb, int width, int height)
{
	gnutls_datum_t png = {0}, text = {0};
	void *body;
	size_t size;
	int rc = mea_oip_png_write(rgb, height, width, &body, &size);

	if (rc)
		return rc;
	png.data = body;
	png.size = (unsigned)size;
	if (gnutls_base64_encode2(&png, &text) < 0)
		rc = mea_nomem();
	else
		fprintf(f,
			"<img width=\"96\" height=\"96\" alt=\"\" "
			"src=\"data:image/png;base64,%.*s\">",
			(int)text.size, text.data);
	gnutls_free(text.data);
	free(body);
	return rc;
}

int html_picture(FILE *f, const uint8_t *rgb, int width, int height)
{
	int most = width > height ? width : height, w, h, rc;
	struct mea_image whole = {width, height, (uint8_t *)rgb};
	uint8_t *small;

	if (most <= PICTURE_SIDE)
		return put_png(f, rgb, width, height);
	w = width * PICTURE_SIDE / most > 0 ? width * PICTURE_SIDE / most : 1;
	h = height * PICTURE_SIDE / most > 0 ? height * PICTURE_SIDE / most : 1;
	small = malloc((size_t)w * (size_t)h * 3);
	if (!small)
		return mea_nomem();
	rc = mea_image_resize(&whole, &(struct mea_resize){0}, w, h, small);
	if (!rc)
		rc = put_png(f, small, w, h);
	free(small);
	return rc;
}
