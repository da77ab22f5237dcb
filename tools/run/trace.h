/* SPDX-License-Identifier: Apache-2.0 */
/* `mea trace`: what trace.c measures and trace_print.c shows. */
#ifndef MEA_TOOL_TRACE_H
#define MEA_TOOL_TRACE_H

#include <jansson.h>

#include "backend/accel/accel.h"
#include "meanet/model.h"

struct net_trace {
	const char *name, *backend;
	const struct mea_qnet *net;
	struct mea_run_stats plain; /* the run without records: what counts */
	uint64_t planned;	    /* cycles by the planner's model; 0: it has none */
	double multipliers;	    /* of all engines for each one of the array; 0: unknown */
	/* Of the run with a record per layer, where the backend has such. */
	bool per_layer;
	/* planned: as above; fused: the layer is part of the next one's figures. */
	struct layer_trace {
		struct mea_run_stats s;
		uint64_t planned;
		bool fused;
	} * layer;
	struct mea_run_stats end, total;
	/* What the engines did in the plain run, where that was asked for; owned. */
	struct mea_accel_log log;
};

/* A bundle's networks, each run on one image. */
struct traced {
	struct mea_model *model;
	struct net_trace net[2]; /* main, extension */
	int n;
};

/* Runs an image through the networks of t->model, on the first backend that takes them; engines:
 * with the logs of the engines. Returns 0 or a negative error. t starts as zeros with a model,
 * which trace_free() frees as well. */
int trace_run(struct traced *t, const struct mea_options *open, const uint8_t *rgb, bool engines);
void trace_free(struct traced *t);

/* Prints the tables. Returns 0 or a negative error. */
int trace_text(const char *bundle, const struct traced *t, bool wide);
/* The name of a class of cycles, "mac" and so on; "" for an unknown one. */
const char *trace_class(uint32_t index);

/* Writes the engines' logs as JSON in Chrome's trace format; image is where the image came from.
 * Returns 0 or a negative error; the file's own errors show when it is finished. */
int trace_perfetto(FILE *f, const char *bundle, const char *image, const struct traced *t);

/* The tables as an object, a new reference: {bundle, networks: [...]}. */
json_t *trace_json(const char *bundle, const struct traced *t);

#endif
