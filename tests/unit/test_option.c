// SPDX-License-Identifier: Apache-2.0
/* Options as rows: each kind of field, what is refused and how that is told, defaults, groups. */
#include <criterion/criterion.h>
#include <criterion/redirect.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "mea.h"
#include "mea/tool.h"

enum colour { RED, GREEN, BLUE };

struct group {
	int depth;
	bool deep;
};

struct args {
	bool flag, second;
	const char *text;
	int whole;
	uint32_t small;
	uint64_t large;
	float real;
	double over;
	float three[3];
	enum colour colour;
	struct option_list list, rest;
	struct group group;
	char called[16];
};

static int call(void *args, const char *arg)
{
	snprintf(((struct args *)args)->called, sizeof(((struct args *)args)->called), "<%s>", arg);
	return 0;
}

#define AT(f) FIELD(struct args, f)

static const struct row group_rows[] = {
	{"depth", "N", FIELD(struct group, depth), "how deep", 1, 9, "3"},
	{"deep", NULL, FIELD(struct group, deep), "whether"},
	{0},
};

static const struct row rows[] = {
	{NULL, "FILE", AT(text), "file", .needed = true},
	{NULL, "MORE", AT(rest), "more"},
	{"flag", NULL, AT(flag), "a flag", .key = 'f'},
	{"whole", "N", AT(whole), "a whole number", 1, 10, "5"},
	{"small", "N", AT(small), "without a limit"},
	{"large", "N", AT(large), "without a limit"},
	{"real", "R", AT(real), "a number", 0, 1, "0.5"},
	{"over", "R", AT(over), "over 0", OVER_0},
	{"three", "R,G,B", AT(three), "three", OVER_0},
	{"colour", "NAME", AT(colour), "a colour", .value = "green", .choices = "red green blue"},
	{"second", "NAME", AT(second), "the second?", .choices = "no yes"},
	{"list", "X", AT(list), "may stand again"},
	{"call", "X", .help = "a call", .call = call, .value = "none"},
	{.at = offsetof(struct args, group), .rows = group_rows},
	{0},
};

static const struct tool tool = {.name = "try", .text = "Tries.", .options = rows};

static struct args parsed(char *line)
{
	struct args a = {.over = NAN};
	char name[] = "mea try", *argv[32] = {name};
	int argc = 1;

	for (char *word = strtok(line, " "); word; word = strtok(NULL, " "))
		argv[argc++] = word;
	option_parse(&tool, argc, argv, &a);
	return a;
}

Test(option, defaults)
{
	char line[] = "x";
	struct args a = parsed(line);

	cr_assert_str_eq(a.text, "x");
	cr_expect(!a.flag && a.whole == 5 && a.real == 0.5f && a.colour == GREEN && isnan(a.over));
	cr_expect_str_eq(a.called, "<none>");
	cr_expect(a.group.depth == 3 && !a.group.deep && !a.list.n);
}

Test(option, every_kind)
{
	char line[] = "-f --whole=10 --small 4294967295 --large 18446744073709551615 --real 1 "
		      "--over 1e-9 --three 1,2,3.5 --colour blue --second yes --list a --list=b "
		      "--call it --depth 9 --deep file m n";
	struct args a = parsed(line);

	cr_expect(a.flag && a.whole == 10 && a.small == UINT32_MAX && a.large == UINT64_MAX);
	cr_expect(a.real == 1 && a.over == 1e-9 && a.colour == BLUE && a.second);
	cr_expect(a.three[0] == 1 && a.three[1] == 2 && a.three[2] == 3.5f);
	cr_assert(a.list.n == 2 && a.rest.n == 2);
	cr_expect_str_eq(a.list.items[1], "b");
	cr_expect_str_eq(a.rest.items[1], "n");
	cr_expect_str_eq(a.called, "<it>");
	cr_expect(a.group.depth == 9 && a.group.deep);
	free(a.list.items);
	free(a.rest.items);
}

/* The value of row NAME is refused with this message. */
static void refused(const char *name, const char *value, const char *why)
{
	const struct row *o = rows;
	struct args a = {0};

	while (!o->name || strcmp(o->name, name))
		o++;
	cr_assert_eq(option_set(o, &a, value), MEA_EINVAL, "--%s %s is taken", name, value);
	cr_expect_str_eq(mea_errmsg(), why);
}

Test(option, what_is_refused)
{
	refused("whole", "0", "--whole: '0' is not a whole number from 1 to 10");
	refused("whole", "11", "--whole: '11' is not a whole number from 1 to 10");
	refused("whole", "", "--whole: '' is not a whole number from 1 to 10");
	refused("whole", " 2", "--whole: ' 2' is not a whole number from 1 to 10");
	refused("whole", "2x", "--whole: '2x' is not a whole number from 1 to 10");
	refused("small", "4294967296",
		"--small: '4294967296' is not a whole number from 0 to 4294967295");
	refused("large", "-1",
		"--large: '-1' is not a whole number from 0 to 18446744073709551615");
	refused("real", "1.5", "--real: '1.5' is not a number from 0 to 1");
	refused("real", "nan", "--real: 'nan' is not a number from 0 to 1");
	refused("over", "0", "--over: '0' is not a number over 0");
	refused("over", "inf", "--over: 'inf' is not a number over 0");
	refused("three", "1,2", "--three: '1,2' is not three positive numbers like 0.5,0.5,0.5");
	refused("three", "1,0,1",
		"--three: '1,0,1' is not three positive numbers like 0.5,0.5,0.5");
	refused("colour", "gree", "--colour: 'gree' is none of red, green, blue");
	refused("colour", "red green", "--colour: 'red green' is none of red, green, blue");
}

Test(option, no_argument, .init = cr_redirect_stderr, .exit_code = TOOL_USAGE)
{
	char line[] = "--flag";

	parsed(line);
}

Test(option, a_misspelling_is_near_the_word)
{
	static const char *const near[][2] = {{"rnu", "run"},
					      {"trian", "train"},
					      {"datset", "dataset"},
					      {"bech", "bench"},
					      {"tops", "top"}};
	static const char *const far[] = {"", "x", "nonsense", "ab", "running"};
	static const char *const names[] = {"run", "bench", "serve", "info",
					    "top", "trace", "train", "dataset"};

	for (size_t i = 0; i < sizeof(near) / sizeof(near[0]) + sizeof(far) / sizeof(far[0]); i++) {
		size_t n = sizeof(near) / sizeof(near[0]);
		const char *found = NULL, *word = i < n ? near[i][0] : far[i - n];

		for (size_t k = 0; k < sizeof(names) / sizeof(names[0]); k++)
			option_nearer(word, names[k], &found);
		cr_expect_str_eq(found ? found : "none", i < n ? near[i][1] : "none", "'%s'", word);
	}
}
