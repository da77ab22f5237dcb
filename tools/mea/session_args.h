/* SPDX-License-Identifier: Apache-2.0 */
/* The options that say how a session is opened: backends, device, cloud, threshold. An argp
 * child parser for subcommands that classify images. */
#ifndef MEA_TOOL_SESSION_ARGS_H
#define MEA_TOOL_SESSION_ARGS_H

#include "mea.h"
#include "tool.h"

struct session_args {
	const char *backends, *device;
	const char *cloud, *cloud_ca, *cloud_cert, *cloud_key;
	double threshold;
	bool has_threshold, cloud_features, cloud_png;
	int deadline_ms;
};

extern const struct argp session_argp;

/* Enters them into o, which borrows from a. */
void session_options(const struct session_args *a, struct mea_options *o);

#endif
