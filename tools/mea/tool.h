/* SPDX-License-Identifier: Apache-2.0 */
/* What the subcommands of `mea` share. */
#ifndef MEA_TOOL_H
#define MEA_TOOL_H

#include <argp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define MEA_VERSION "0.1.0"

/* Exit codes of every subcommand; they stand in mea(1). */
enum { TOOL_OK = 0, TOOL_FAILED = 1, TOOL_USAGE = 2 };

/*
 * A subcommand. main gets argv with argv[0] as "mea NAME", so that messages
 * name it, and returns an exit code. summary is its line in `mea --help`.
 */
struct tool {
	const char *name, *summary;
	int (*main)(int argc, char **argv);
};

int tool_bench(int argc, char **argv);
int tool_bundle(int argc, char **argv);
int tool_dataset(int argc, char **argv);
int tool_eval(int argc, char **argv);
int tool_info(int argc, char **argv);
int tool_quantize(int argc, char **argv);
int tool_run(int argc, char **argv);
int tool_serve(int argc, char **argv);
int tool_top(int argc, char **argv);
int tool_trace(int argc, char **argv);
int tool_train(int argc, char **argv);

/* "mea NAME", for messages. */
extern char tool_name[32];

/* Prints tool_name and what the library's last failed call of this thread said;
 * returns TOOL_FAILED. */
int tool_fail(void);

/* Seconds of the monotonic clock. */
double tool_now(void);

/* What arguments mean; each ends in argp_error() naming the option when it means nothing: */
/* a whole number min..max; */
uint64_t tool_number(struct argp_state *state, const char *option, const char *arg, uint64_t min,
		     uint64_t max);
/* a number min..max, which may be INFINITY; */
double tool_real(struct argp_state *state, const char *option, const char *arg, double min,
		 double max);
/* "0.5,0.5,0.5"; */
void tool_three(struct argp_state *state, const char *option, const char *arg, bool positive,
		float out[3]);
/* the index of one of names[], which ends with NULL; */
int tool_choice(struct argp_state *state, const char *option, const char *arg,
		const char *const *names);
/* the only argument of its kind, which `what` names. */
void tool_only(struct argp_state *state, const char **to, const char *arg, const char *what);

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
