/* SPDX-License-Identifier: Apache-2.0 */
/* `mea run`: what run.c counts and report.c prints. */
#ifndef MEA_TOOL_RUN_H
#define MEA_TOOL_RUN_H

#include "mea.h"
#include "mea/tool.h"
#include "period.h"

#include <jansson.h>
#include <stddef.h>

/* A network by itself, on tensors from .npy files. */
struct run_network_args {
	const char *path;
	struct mea_options open;
	const struct option_list *inputs, *outputs; /* FILE or NAME=FILE */
	bool json;
	double clock_mhz;
	struct period *period; /* of 0 ms: once; who calls frees it */
	size_t periods;
};

/* Returns an exit code. */
int run_network(const struct run_network_args *args);

struct exit_sum {
	size_t images, labelled, correct;
	size_t fallbacks;     /* answered in the place of a cloud that did not */
	struct mea_cost cost; /* of all networks that these images ran through */
	double *service_ms;   /* of each image; grown by mea_grow() */
};

/* A reason why complex images did not go to the cloud, and how many. */
struct missed {
	const char *reason;
	size_t images;
};
#define MISSED_MAX 8

struct run_report {
	const char *bundle, *data;
	char backend[32]; /* that of the first answer; "" before it */
	bool accelerated; /* cycles are known for every answer */
	bool cloud;	  /* one is configured */
	bool wide;	  /* all columns */
	double clock_mhz; /* at which a simulated accelerator's times are told */
	double sim_ms;	  /* CPU time that went into simulation */
	struct missed missed[MISSED_MAX];
	struct mea_link link;
	struct exit_sum exits[MEA_EXITS];
	size_t complex, fallbacks, failed, unreadable, asked; /* asked: what was to be run */
	double seconds;
	struct period period; /* of 0 ms without --period */
	json_t *each, *notes; /* lists, or NULL when nobody asks */
};

/* Adds an answer; label is -1 when unknown. Returns 0 or MEA_ENOMEM. */
int report_add(struct run_report *r, const struct mea_result *res, int label);

/* Takes the sums of costs from the session, which knows what was spent after an answer as well. */
void report_costs(struct run_report *r, struct mea_session *s);

/* Frees what the report grew; the lists stay. */
void report_free(struct run_report *r);

/* One image's line on stdout; one image's object in r->each. */
void report_line(const struct mea_session *s, const struct mea_result *res, const char *where,
		 int label);
int report_each(struct run_report *r, const struct mea_session *s, const struct mea_result *res,
		const char *where, int label);

/* The whole, as a table or as one JSON object. Return an exit code. */
int report_table(const struct run_report *r);
int report_json(const struct run_report *r);

#endif
