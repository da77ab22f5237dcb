/* SPDX-License-Identifier: Apache-2.0 */
/* What `mea bundle` enters as "input": how an image becomes what main takes. */
#ifndef MEA_QUANTIZE_INPUT_H
#define MEA_QUANTIZE_INPUT_H

#include <jansson.h>
#include <math.h>

#include "images/resize.h"
#include "mea/tool.h"
#include "quantize/given.h"

struct input_options {
	const char *preset, *order, *resize, *filter; /* NULL: not given */
	int side;				      /* 0: not given */
	float mean[3], std[3];			      /* NaN: not given */
};

#define INPUT_OPTIONS_INIT                                                                         \
	{                                                                                          \
		.mean = {NAN}, .std = { NAN }                                                      \
	}

/* --preset, --mean, --std, --order, --resize, --side, --filter. */
extern const struct row input_options[];

/* Fails where an option says what the preset says, too. */
int input_check(const struct input_options *o);

/*
 * Enters in doc what the options say. m: the new main, from path, whose image gives the size; NULL:
 * main stays as it is.
 */
int input_enter(const struct input_options *o, const struct given *m, const char *path,
		json_t *doc);

#endif
