/* SPDX-License-Identifier: Apache-2.0 */
/* `mea run`: what run.c counts and report.c prints. */
#ifndef MEA_TOOL_RUN_H
#define MEA_TOOL_RUN_H

#include "mea.h"

#include <jansson.h>
#include <stddef.h>

struct exit_sum {
	size_t images, labelled, correct;
	double ms;
	uint64_t macs, cycles, peak_macs;
};

struct run_report {
	const char *bundle, *data;
	char backend[32]; /* that of the first answer; "" before it */
	bool accelerated; /* cycles are known for every answer */
	struct exit_sum exits[MEA_EXITS];
	size_t complex, fallbacks, failed, unreadable;
	double seconds;
	json_t *each, *notes; /* lists, or NULL when nobody asks */
};

/* Adds an answer; label is -1 when unknown. */
void report_add(struct run_report *r, const struct mea_result *res, int label);

/* One image's line on stdout; one image's object in r->each. */
void report_line(const struct mea_session *s, const struct mea_result *res, const char *where,
		 int label);
int report_each(struct run_report *r, const struct mea_session *s, const struct mea_result *res,
		const char *where, int label);

/* The whole, as a table or as one JSON object. Return an exit code. */
int report_table(const struct run_report *r);
int report_json(const struct run_report *r);

#endif
