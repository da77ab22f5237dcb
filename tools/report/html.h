/* SPDX-License-Identifier: Apache-2.0 */
/* What a page is written with. Only html_text() takes texts from outside: it leaves nothing in
 * them that a browser could take for a tag, an attribute or a change of direction. */
#ifndef MEA_REPORT_HTML_H
#define MEA_REPORT_HTML_H

#include <stdint.h>
#include <stdio.h>

/* Writes text for any place within an element or a quoted attribute. */
void html_text(FILE *f, const char *text);

/* A number, "–" where it is not known (not finite). */
void html_number(FILE *f, const char *format, double v);

/* The same as an element that carries the exact value, under the id GROUP-NAME for who reads the
 * page by program. */
void html_figure(FILE *f, const char *group, const char *name, const char *format, double v);

/* The same of a share, which is shown in per cent. */
void html_share(FILE *f, const char *group, const char *name, double share);

/* A picture of width x height RGB bytes within the page; pictures over 96 pixels are shrunk.
 * Returns 0 or a negative error. */
int html_picture(FILE *f, const uint8_t *rgb, int width, int height);

#endif
