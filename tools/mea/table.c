// SPDX-License-Identifier: Apache-2.0
#include "table.h"

#include "base/array.h"
#include "base/error.h"

#include <limits.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define USUAL_WIDTH 80
#define LEAST_WIDTH 40
#define COLUMNS_MAX 32
#define LINE_INDENT 7

int table_width(bool wide)
{
	const char *text = getenv("COLUMNS");
	struct winsize w;
	int n = text ? atoi(text) : 0;

	if (wide)
		return INT_MAX;
	if (n < LEAST_WIDTH && !ioctl(STDOUT_FILENO, TIOCGWINSZ, &w))
		n = w.ws_col;
	return n < LEAST_WIDTH ? USUAL_WIDTH : n;
}

/* --- cells -------------------------------------------------------------------------- */

static void add(struct table *t, char *text)
{
	if (!text || mea_grow(&t->cells, t->n_cells, 1, sizeof(*t->cells))) {
		t->failed = true;
		free(text);
		return;
	}
	t->cells[t->n_cells++] = text;
}

static char *text_of(const char *format, va_list ap)
{
	char *text;

	return vasprintf(&text, format, ap) < 0 ? NULL : text;
}

void table_text(struct table *t, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	add(t, text_of(format, ap));
	va_end(ap);
}

void table_number(struct table *t, const char *format, double v)
{
	char text[64] = "-";

	/* Every caller's format is a literal for one number. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
	if (isfinite(v))
		snprintf(text, sizeof(text), format, v);
#pragma GCC diagnostic pop
	table_text(t, "%s", text);
}

/* The first cell of its row has the text; the others are NULL. */
void table_line(struct table *t, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	add(t, text_of(format, ap));
	va_end(ap);
	for (int i = 1; i < t->n && !t->failed; i++) {
		if (mea_grow(&t->cells, t->n_cells, 1, sizeof(*t->cells)))
			t->failed = true;
		else
			t->cells[t->n_cells++] = NULL;
	}
}

/* --- layout --------------------------------------------------------------------------- */

static bool is_line(const struct table *t, size_t row)
{
	return t->n > 1 && !t->cells[row * (size_t)t->n + 1];
}

/* Columns of the screen that a text takes, if each character takes one. */
static int width_of(const char *text)
{
	int n = 0;

	for (; *text; text++)
		n += (*text & 0xc0) != 0x80;
	return n;
}

/* The bytes of the first n of these columns. */
static size_t bytes_of(const char *text, int n)
{
	size_t i = 0;

	/* A character's first byte starts a column; the others (10xxxxxx) belong to it. */
	while (text[i] && (n > 0 || (text[i] & 0xc0) == 0x80)) {
		n -= (text[i] & 0xc0) != 0x80;
		i++;
	}
	return i;
}

static void measure(const struct table *t, int width[COLUMNS_MAX])
{
	for (int c = 0; c < t->n; c++) {
		const struct column *k = &t->columns[c];

		width[c] = width_of(k->head);
		for (size_t r = 0; r < t->n_cells / (size_t)t->n; r++) {
			int w = is_line(t, r) ? 0
					      : width_of(t->cells[r * (size_t)t->n + (size_t)c]);

			if (w > width[c])
				width[c] = w;
		}
		if (k->most && width[c] > k->most)
			width[c] = k->most;
	}
}

/* Takes columns out, by setting their width to -1, until a line has room for the others. */
static void fit(const struct table *t, int width[COLUMNS_MAX], int room)
{
	for (;;) {
		int all = -1, out = -1;

		for (int c = 0; c < t->n; c++) {
			all += width[c] + 1;
			if (width[c] >= 0 && t->columns[c].rank &&
			    (out < 0 || t->columns[c].rank >= t->columns[out].rank))
				out = c;
		}
		if (all <= room || out < 0)
			return;
		width[out] = -1;
	}
}

static void print_cells(const struct table *t, char *const *cells, const int width[COLUMNS_MAX])
{
	int blanks = 0; /* not printed at a line's end */

	for (int c = 0; c < t->n; c++) {
		const char *text = cells ? cells[c] : t->columns[c].head;
		int pad = width[c] - width_of(text);

		if (width[c] < 0)
			continue;
		if (!t->columns[c].left)
			blanks += pad;
		if (*text)
			printf("%*s%.*s", blanks, "", (int)bytes_of(text, width[c]), text);
		blanks = (*text ? 0 : blanks) + (t->columns[c].left && pad > 0 ? pad : 0) + 1;
	}
	putchar('\n');
}

int table_print(struct table *t, int room)
{
	int width[COLUMNS_MAX];

	if (!t->failed) {
		measure(t, width);
		fit(t, width, room);
		print_cells(t, NULL, width);
	}
	for (size_t r = 0; r < t->n_cells / (size_t)t->n && !t->failed; r++) {
		char **cells = t->cells + r * (size_t)t->n;

		if (is_line(t, r))
			text_print(room, LINE_INDENT, "%*s%s", LINE_INDENT, "", cells[0]);
		else
			print_cells(t, cells, width);
	}
	for (size_t i = 0; i < t->n_cells; i++)
		free(t->cells[i]);
	free(t->cells);
	t->cells = NULL;
	t->n_cells = 0;
	return t->failed ? mea_nomem() : 0;
}

/* --- texts ----------------------------------------------------------------------------- */

/* The bytes of a text's first line: all, or up to the last space that a line has room for, else to
 * the first one. Spaces that begin it are its indent. */
static size_t line_of(const char *text, int room)
{
	size_t cut = 0;

	if (width_of(text) <= room)
		return strlen(text);
	for (size_t i = strspn(text, " "); text[i]; i++) {
		if (text[i] != ' ')
			continue;
		if (cut && i > bytes_of(text, room))
			break;
		cut = i;
	}
	return cut ? cut : strlen(text);
}

void text_print(int width, int indent, const char *format, ...)
{
	char *all, *rest;
	va_list ap;
	size_t n;

	va_start(ap, format);
	all = text_of(format, ap);
	va_end(ap);
	for (rest = all; rest; rest = rest[n] ? rest + n + 1 : NULL) {
		if (rest != all)
			printf("%*s", indent, "");
		n = line_of(rest, rest == all ? width : width - indent);
		printf("%.*s\n", (int)n, rest);
	}
	free(all);
}
