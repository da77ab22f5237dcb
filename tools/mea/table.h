/* SPDX-License-Identifier: Apache-2.0 */
/* Tables and texts for people, as wide as the terminal, or 80 columns where there is none. */
#ifndef MEA_TOOL_TABLE_H
#define MEA_TOOL_TABLE_H

#include <stdbool.h>
#include <stddef.h>

struct column {
	const char *head;
	/* 0: always there. Of the others, those of the highest rank go first where room lacks. */
	int rank;
	bool left; /* aligned, as names are */
	int most;  /* a longer text is cut; 0: none is */
};

/* Initialisers: numbers, and names that are cut when they are longer than most (0: never). */
#define COLUMN(head, rank)                                                                         \
	{                                                                                          \
		head, rank, false, 0                                                               \
	}
#define COLUMN_LEFT(head, rank, most)                                                              \
	{                                                                                          \
		head, rank, true, most                                                             \
	}

/* Rows are filled from left to right, cell by cell. */
struct table {
	const struct column *columns;
	int n;
	char **cells;
	size_t n_cells;
	bool failed; /* out of memory, which table_print() tells */
};

/* The columns that a line may take; wide: no limit. COLUMNS in the environment says so where stdout
 * is no terminal. */
int table_width(bool wide);

__attribute__((format(printf, 2, 3))) void table_text(struct table *t, const char *format, ...);
/* A number; "-" for one that is not known (not finite). */
void table_number(struct table *t, const char *format, double v);
/* A line below the row that ended last. */
__attribute__((format(printf, 2, 3))) void table_line(struct table *t, const char *format, ...);

/* Prints the table to a width and empties it. Returns 0 or MEA_ENOMEM. */
int table_print(struct table *t, int width);

/* Prints a text, broken at spaces; lines after the first begin with indent spaces. */
__attribute__((format(printf, 3, 4))) void text_print(int width, int indent, const char *format,
						      ...);

#endif
