// SPDX-License-Identifier: Apache-2.0
/* mea train edge --weights: matrices that are trained as integers. */
#include "train.h"

#include "base/error.h"

#include <stdlib.h>
#include <string.h>

int train_weights_parse(const char *text, struct mea_grid_options *o)
{
	static const char *const names[] = {"float", "int8", "int16", "auto"};
	long most;
	char *end;

	o->most = 16;
	for (int i = 0; i < 4; i++)
		if (!strcmp(text, names[i])) {
			o->weights = (enum mea_weights)i;
			return 0;
		}
	most = strncmp(text, "auto:", 5) ? 0 : strtol(text + 5, &end, 10);
	if (most < 8 || most > 16 || *end)
		return mea_fail(
			MEA_EINVAL,
			"--weights %s: is none of float, int8, int16 or auto:MAX, MAX from 8 "
			"to 16",
			text);
	o->weights = MEA_WEIGHTS_AUTO;
	o->most = (int)most;
	return 0;
}
