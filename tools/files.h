/* SPDX-License-Identifier: Apache-2.0 */
/* Small helpers on files and option texts that several subcommands need. */
#ifndef MEA_TOOL_FILES_H
#define MEA_TOOL_FILES_H

#include "tool.h"

/* Copies a file; the copy appears under its name only when it is whole. Copying
 * a file onto itself does nothing. */
int file_copy(const char *from, const char *to);

/* Makes a folder unless it is there. */
int folder_make(const char *dir);

/* Parses "0.5,0.5,0.5", or ends in argp_error() naming the option. */
void tool_three(struct argp_state *state, const char *option, const char *arg, bool positive,
		float out[3]);

/* Parses a number of at least 0 likewise. */
double tool_real(struct argp_state *state, const char *option, const char *arg);

#endif
