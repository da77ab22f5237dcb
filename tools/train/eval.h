/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of `mea eval` share. */
#ifndef MEA_TOOL_EVAL_H
#define MEA_TOOL_EVAL_H

#include "mea/tool.h"
#include "train/tables.h"

#define EVAL_BUNDLES_MAX 16

struct eval {
	struct mea_bundle *b;
	struct mea_tables train, test;
	bool has_cloud;
	const char *data; /* as the paper calls it; "": none that it has */
};

/* Prints the tables of n bundles on stdout. */
int eval_print(const struct eval *e, int n, bool wide);
/* The same as one JSON object; returns 0 or a negative error. */
int eval_json(const struct eval *e, int n);

#endif
