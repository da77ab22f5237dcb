/* SPDX-License-Identifier: Apache-2.0 */
/* Small helpers on files and option texts that several subcommands need. */
#ifndef MEA_TOOL_FILES_H
#define MEA_TOOL_FILES_H

#include <jansson.h>

#include "tool.h"

/* Copies a file; the copy appears under its name only when it is whole. Copying
 * a file onto itself does nothing. */
int file_copy(const char *from, const char *to);

/* A file while it is written; it gets its name when it is whole. */
struct file_draft {
	FILE *f;
	char *path, *final;
};

/* Begins file path, beside it. Returns 0 or a negative error; file_abandon() is due in any case. */
int file_begin(struct file_draft *d, const char *path);
/* Puts the file in its place, or says why not. */
int file_finish(struct file_draft *d);
/* Takes away what was not finished. A zeroed draft is fine. */
void file_abandon(struct file_draft *d);

/* Whether both paths lead to one file or folder. */
bool file_same(const char *a, const char *b);

/* Makes a folder unless it is there. */
int folder_make(const char *dir);

/* A line of a text file without what editors leave around it: blanks and line ends behind it and,
 * on the first line, the mark of UTF-8 before it. Changes line. */
char *line_text(char *line, bool first);

/* A JSON string of any bytes: a path need not be UTF-8, JSON must. */
json_t *tool_text(const char *s);

/* A number, or null for one that is not known (not finite); a / b, null when b is 0. */
json_t *tool_real_json(double v);
json_t *tool_ratio_json(double a, double b);

/* Three numbers as a JSON list. */
json_t *tool_three(const float v[3]);

/* Prints o as one indented object on stdout and drops the reference; returns 0 or a
 * negative error. */
int tool_print_json(json_t *o);

#endif
