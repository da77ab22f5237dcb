// SPDX-License-Identifier: Apache-2.0
/* Tables and texts that fit a width. */
#include <criterion/criterion.h>

#include "base/error.h"
#include "mea/table.h"

#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const struct column columns[] = {
	COLUMN_LEFT("name", 0, 8),  COLUMN("a", 0), COLUMN("bb", 2), COLUMN("ccc", 1),
	COLUMN_LEFT("where", 1, 0),
};

static char printed[4096];

/* What print() writes to stdout. */
static const char *output_of(void (*print)(int width), int width)
{
	int pipes[2], saved = dup(STDOUT_FILENO);
	ssize_t n;

	cr_assert_eq(pipe(pipes), 0);
	fflush(stdout);
	dup2(pipes[1], STDOUT_FILENO);
	close(pipes[1]);
	print(width);
	fflush(stdout);
	dup2(saved, STDOUT_FILENO);
	close(saved);
	n = read(pipes[0], printed, sizeof(printed) - 1);
	cr_assert_geq(n, 0);
	printed[n] = 0;
	close(pipes[0]);
	return printed;
}

static void some_table(int width)
{
	struct table t = {.columns = columns, .n = 5};

	for (int i = 0; i < 2; i++) {
		table_text(&t, i ? "a long name" : "\u00e9t\u00e9");
		table_number(&t, "%.1f", i ? NAN : 12.34);
		table_text(&t, "%d", i);
		table_text(&t, "x");
		table_text(&t, i ? "" : "here");
		if (i)
			table_line(&t, "which is explained");
	}
	cr_assert_eq(table_print(&t, width), 0);
}

static void some_text(int width)
{
	text_print(width, 4, "  one two three-and-more four");
}

TestSuite(table, .timeout = 30);

Test(table, all_columns_where_there_is_room)
{
	cr_expect_str_eq(output_of(some_table, INT_MAX), "name        a bb ccc where\n"
							 "\u00e9t\u00e9      12.3  0   x here\n"
							 "a long n    -  1   x\n"
							 "       which is explained\n");
}

Test(table, columns_of_a_high_rank_go_first)
{
	cr_expect_not_null(strstr(output_of(some_table, 26), "bb"));
	cr_expect_null(strstr(output_of(some_table, 25), "bb"));
	cr_expect_not_null(strstr(printed, "ccc"));
	/* Of one rank, the last. */
	cr_expect_null(strstr(output_of(some_table, 20), "where"));
	cr_expect_not_null(strstr(printed, "ccc"));
	cr_expect_null(strstr(output_of(some_table, 15), "ccc"));
	/* What has rank 0 stays. */
	cr_expect_not_null(strstr(output_of(some_table, 5), "name        a\n"));
}

Test(table, texts_break_at_spaces)
{
	cr_expect_str_eq(output_of(some_text, 80), "  one two three-and-more four\n");
	cr_expect_str_eq(output_of(some_text, 12), "  one two\n    three-and-more\n    four\n");
	cr_expect_str_eq(output_of(some_text, 3), "  one\n    two\n    three-and-more\n    four\n");
}

Test(table, width)
{
	setenv("COLUMNS", "132", 1);
	cr_expect_eq(table_width(false), 132);
	cr_expect_eq(table_width(true), INT_MAX);
	setenv("COLUMNS", "x", 1);
	cr_expect_eq(table_width(false), 80);
	setenv("COLUMNS", "10", 1);
	cr_expect_eq(table_width(false), 80, "less than a table needs");
}
