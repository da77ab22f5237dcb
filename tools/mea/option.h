/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Options of subcommands. An option is a row of its subcommand's table: parsing, --help, the
 * manual pages and the shells' completions are all made from the rows.
 */
#ifndef MEA_TOOL_OPTION_H
#define MEA_TOOL_OPTION_H

#include <float.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* Values of an option that may stand several times. items is freed by who owns the list. */
struct option_list {
	const char **items;
	int n;
};

/* What the field behind an option is; FIELD() says it. */
enum option_type {
	OPTION_NONE,  /* no field: a call or a group of rows */
	OPTION_BOOL,  /* a flag */
	OPTION_TEXT,  /* const char *, borrowed from argv */
	OPTION_INT,   /* int, */
	OPTION_U32,   /* uint32_t or an enum, */
	OPTION_U64,   /* uint64_t or size_t: a whole number */
	OPTION_FLOAT, /* float or */
	OPTION_REAL,  /* double: a finite number */
	OPTION_THREE, /* float[3], as 0.5,0.5,0.5 */
	OPTION_LIST   /* struct option_list: each value is appended */
};

/* Field f of struct T, which may lie in a struct within T. */
#define FIELD(T, f)                                                                                \
	.type = _Generic(((T *)0)->f, bool                                                         \
			 : OPTION_BOOL, const char *                                               \
			 : OPTION_TEXT, int                                                        \
			 : OPTION_INT, uint32_t                                                    \
			 : OPTION_U32, uint64_t                                                    \
			 : OPTION_U64, float                                                       \
			 : OPTION_FLOAT, double                                                    \
			 : OPTION_REAL, float *                                                    \
			 : OPTION_THREE, struct option_list                                        \
			 : OPTION_LIST),                                                           \
	.at = offsetof(T, f)

/* As a minimum: over 0. */
#define OVER_0 DBL_MIN

/* A table ends with {0}. */
struct row {
	const char *name; /* without dashes; NULL: an argument that has no name, in their order */
	/* What help calls the value; NULL: a flag. Completion knows FILE, PATH, DIR and BUNDLE. */
	const char *arg;
	enum option_type type;
	size_t at;	  /* where in the subcommand's struct the field lies, or a group's struct */
	const char *help; /* of an argument without a name: what messages call it */
	double min, max;  /* of numbers, of each of three; max 0: no limit */
	/* What stands when the option is missing: as a user would type it, or in words where the
	 * code chooses it. */
	const char *value, *otherwise;
	/* Words with spaces between: all that may be given, and the field gets the word's index
	 * (a text: the word); or what completion offers beside other values. */
	const char *choices, *words;
	char key;    /* of one letter; 0: none */
	bool needed; /* its lack is an error */
	/* Takes the value in the place of a field: args is the struct of the table. Returns 0 or a
	 * negative error. */
	int (*call)(void *args, const char *arg);
	const struct row *rows; /* a table of others in this place */
};

struct tool;

/*
 * Reads a subcommand's arguments into args, the struct that its rows mean. Defaults come first.
 * Ends the process after --help (status 0) and on wrong usage (status 2), with a message that
 * names the option, the value and what is allowed.
 */
void option_parse(const struct tool *tool, int argc, char **argv, void *args);

/*
 * Prints a subcommand and its rows for the scripts in tools/doc, one a line with tabs between:
 *   tool      NAME  ARGUMENTS  SUMMARY  TEXT  TEXT-BEHIND-OPTIONS
 *   option    TOOL  HELP  NAME  KEY  ARG  WORDS
 *   argument  TOOL  HELP  ""    ""   ARG  WORDS
 */
void option_print_rows(const struct tool *tool);

/* Numbers for calls. what begins the message of an error. Return 0 or MEA_EINVAL. */
int option_whole(const char *what, const char *arg, uint64_t min, uint64_t max, uint64_t *v);
int option_real(const char *what, const char *arg, double min, double max, double *v);

/* Adds one value. Returns 0 or MEA_ENOMEM. */
int option_append(struct option_list *list, const char *item);

/* Puts a value (NULL: a flag) where row o wants it, args being the struct of its table. Returns 0
 * or a negative error. */
int option_set(const struct row *o, void *args, const char *arg);

/* Writes words with spaces between with another text between. */
void option_join(const char *words, const char *between, char *text, size_t size);

/* Makes *near name if word is likely a misspelling of it, and more so than of *near (NULL: none).
 */
void option_nearer(const char *word, const char *name, const char **near);

#endif
