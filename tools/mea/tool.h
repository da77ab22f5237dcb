/* SPDX-License-Identifier: Apache-2.0 */
/* What the subcommands of `mea` share. */
#ifndef MEA_TOOL_H
#define MEA_TOOL_H

#include "mea.h"
#include "option.h"

/* Exit codes of every subcommand; they stand in mea(1). */
enum { TOOL_OK = 0, TOOL_FAILED = 1, TOOL_USAGE = 2, TOOL_INTERRUPTED = 130 };

/* A subcommand. */
struct tool {
	const char *name, *summary; /* its line in `mea --help` */
	/* What it does: the head of --help and of its manual page. Behind \v: what follows the
	 * options. */
	const char *text;
	const struct row *options;
	/* What options mean together, args being the struct of the rows: 0 or a negative error,
	 * which is wrong usage. NULL: each is fine with each. */
	int (*check)(void *args);
	/* Gets argv with argv[0] as "mea NAME", so that messages name it; returns an exit code. */
	int (*main)(int argc, char **argv);
};

extern const struct tool tool_bench, tool_bound, tool_bundle, tool_dataset, tool_eval, tool_info,
	tool_quantize, tool_report, tool_run, tool_serve, tool_top, tool_trace, tool_train;

/* "mea NAME", for messages. */
extern char tool_name[32];

/* Prints tool_name and what the library's last failed call of this thread said;
 * returns TOOL_FAILED. */
int tool_fail(void);

/* From now on the first SIGINT only makes tool_interrupted() true, for a subcommand that then ends
 * with what it has; the second one ends the process. */
void tool_catch_interrupt(void);
bool tool_interrupted(void);

/* Seconds of the monotonic clock. */
double tool_now(void);

/*
 * One line on stderr, when that is a terminal, for work that lasts more than
 * two seconds. Zeroed is a valid start; end clears the line.
 */
struct progress {
	const char *what;
	double start, last;
	bool off, shown;
};
void progress_step(size_t done, size_t total, struct progress *p);
void progress_end(struct progress *p);

#endif
