/* SPDX-License-Identifier: Apache-2.0 */
/* Reading the report. */
#ifndef MEA_TOOL_BENCH_READ_H
#define MEA_TOOL_BENCH_READ_H

#include <jansson.h>
#include <math.h>

/* A number; NaN when it is null or not there. */
static inline double read_real(const json_t *o, const char *key)
{
	const json_t *v = json_object_get(o, key);

	return json_is_number(v) ? json_number_value(v) : NAN;
}

/* A text; "" likewise. */
static inline const char *read_text(const json_t *o, const char *key)
{
	const char *s = json_string_value(json_object_get(o, key));

	return s ? s : "";
}

#endif
