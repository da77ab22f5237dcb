/* SPDX-License-Identifier: Apache-2.0 */
/* The options that say how a session is opened: backends, device, cloud, threshold. Tables for
 * subcommands that classify images. */
#ifndef MEA_TOOL_SESSION_ARGS_H
#define MEA_TOOL_SESSION_ARGS_H

#include "mea.h"
#include "tool.h"

/* MEA_OPTIONS_INIT is a valid start of open. */
struct session_args {
	struct mea_options open;
	double threshold; /* NaN: the bundle's */
	enum { SEND_IMAGE, SEND_PNG, SEND_FEATURES } send;
};

/* --backend and --device, of struct mea_options. */
extern const struct row place_options[];
/* All, of struct session_args. */
extern const struct row session_options[];

/* a->open with all that was given; borrows from a. */
struct mea_options session_args_open(const struct session_args *a);

#endif
