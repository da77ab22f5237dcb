// SPDX-License-Identifier: Apache-2.0
/* Values of options; option_parse.c goes through the command line. */
#include "option.h"

#include "base/array.h"
#include "base/error.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

int option_whole(const char *what, const char *arg, uint64_t min, uint64_t max, uint64_t *v)
{
	char *end;

	errno = 0;
	*v = strtoull(arg, &end, 10);
	/* strtoull() takes "-1" and " 1"; nobody means them here. */
	if (errno || *end || *arg < '0' || *arg > '9' || *v < min || *v > max)
		return mea_fail(MEA_EINVAL,
				"%s: '%s' is not a whole number from %" PRIu64 " to %" PRIu64, what,
				arg, min, max);
	return 0;
}

int option_real(const char *what, const char *arg, double min, double max, double *v)
{
	char *end;

	*v = strtod(arg, &end);
	if (end != arg && !*end && isfinite(*v) && *v >= min && (!(max > 0) || *v <= max))
		return 0;
	if (max > 0)
		return mea_fail(MEA_EINVAL, "%s: '%s' is not a number from %g to %g", what, arg,
				min, max);
	if (min > 0 && min <= OVER_0)
		return mea_fail(MEA_EINVAL, "%s: '%s' is not a number over 0", what, arg);
	return mea_fail(MEA_EINVAL, "%s: '%s' is not a number of at least %g", what, arg, min);
}

int option_append(struct option_list *list, const char *item)
{
	int rc = mea_grow(&list->items, (size_t)list->n, 1, sizeof(*list->items));

	if (!rc)
		list->items[list->n++] = item;
	return rc;
}

static int three(const char *what, const char *arg, bool positive, float out[3])
{
	char *end = (char *)arg;

	for (int i = 0; i < 3; i++) {
		const char *start = end;

		out[i] = strtof(start, &end);
		if (end == start || !isfinite(out[i]) || (positive && out[i] <= 0) ||
		    *end != (i < 2 ? ',' : 0))
			return mea_fail(MEA_EINVAL,
					"%s: '%s' is not three %snumbers like 0.5,0.5,0.5", what,
					arg, positive ? "positive " : "");
		end++;
	}
	return 0;
}

void option_join(const char *words, const char *between, char *text, size_t size)
{
	size_t n = 0, word;

	text[0] = 0;
	for (; *words && n < size; words += word + (words[word] == ' ')) {
		word = strcspn(words, " ");
		n += (size_t)snprintf(text + n, size - n, "%s%.*s", n ? between : "", (int)word,
				      words);
	}
}

static int choose(const struct row *o, const char *arg, uint64_t *index)
{
	char all[256];
	size_t n = strlen(arg), m;

	*index = 0;
	for (const char *w = o->choices; *w; w += m + (w[m] == ' '), ++*index) {
		m = strcspn(w, " ");
		if (m == n && !memcmp(w, arg, n))
			return 0;
	}
	option_join(o->choices, ", ", all, sizeof(all));
	if (!o->name)
		return mea_fail(MEA_EINVAL, "which %s: '%s'? There is: %s", o->help, arg, all);
	return mea_fail(MEA_EINVAL, "--%s: '%s' is none of %s", o->name, arg, all);
}

static void put_whole(enum option_type type, void *to, uint64_t v)
{
	if (type == OPTION_BOOL)
		*(bool *)to = v != 0;
	else if (type == OPTION_INT)
		*(int *)to = (int)v;
	else if (type == OPTION_U32)
		*(uint32_t *)to = (uint32_t)v;
	else
		*(uint64_t *)to = v;
}

static uint64_t limit(const struct row *o)
{
	if (o->max > 0)
		return (uint64_t)o->max;
	return o->type == OPTION_INT ? INT_MAX : o->type == OPTION_U32 ? UINT32_MAX : UINT64_MAX;
}

int option_set(const struct row *o, void *args, const char *arg)
{
	void *to = (char *)args + o->at;
	char what[48];
	uint64_t whole = 0;
	double real = 0;
	int rc = 0;

	snprintf(what, sizeof(what), "%s%s", o->name ? "--" : "", o->name ? o->name : o->help);
	if (o->call)
		return o->call(args, arg);
	if (o->choices)
		rc = choose(o, arg, &whole);
	if (rc)
		return rc;
	if (o->type == OPTION_TEXT) {
		*(const char **)to = arg;
	} else if (o->type == OPTION_LIST) {
		rc = option_append(to, arg);
	} else if (o->type == OPTION_THREE) {
		rc = three(what, arg, o->min > 0, to);
	} else if (o->type == OPTION_FLOAT || o->type == OPTION_REAL) {
		rc = option_real(what, arg, o->min, o->max, &real);
		if (o->type == OPTION_REAL)
			*(double *)to = real;
		else
			*(float *)to = (float)real;
	} else {
		if (!o->choices && !o->arg)
			whole = 1;
		else if (!o->choices)
			rc = option_whole(what, arg, (uint64_t)o->min, limit(o), &whole);
		put_whole(o->type, to, whole);
	}
	return rc;
}
